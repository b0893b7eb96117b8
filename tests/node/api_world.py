"""A small world for tests of the client API: final blocks made by hand, a pool that does as told, and a real listener on loopback.

The fakes obey the protocols of `node.api.backend`; tests against the real chain are in `test_api_ledger.py` and `test_bad_input.py`.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import aiohttp
import msgspec
from aiohttp import web

from consensus.types import BlockFacts, BlockId, Certificate, Epoch, Height, Kind, TimeMs, ValidatorId, View, Vote
from ledger.accounts import Account, Balance, Total
from ledger.assets import Asset, Policy
from ledger.blocks import Entry, Header, Receipt
from ledger.grants import Grant, GrantRecord, Need, Quota, Scope
from ledger.holds import Hold
from ledger.keys import tagged
from ledger.participants import Key, KeysetRecord, Participant
from ledger.transactions.bodies import Leg, Pay, Transaction
from node.api.app import build_app, build_runner
from node.api.backend import Backend, FinalTransaction, HistoryRow, ValidatorEntry
from node.blocks import FinalBlock, Finality, Tip
from node.metrics import Metrics
from node.records import StoredBlock
from tests.node.diagnosis_world import FakeDiagnosis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from ledger.errors import LedgerError
    from ledger.state import Record, UsedRef
    from ledger.tree import Tree
    from node.api.backend import PoolFull
    from node.api.structs import Role
    from node.audit import Look

T = TypeVar("T")
CHAIN = sha256(b"a chain of the tests").digest()
START_MS = 1_795_000_000_000
HOLD = bytes(range(32))


def payment(number: int, sender: str = "bank-a", debit: str = "bank-a/main", credit: str = "bank-b/main") -> Transaction:
    """Transaction made without bytes of its own: what the API shows of it is in its fields."""
    tx_id = sha256(b"tx %d" % number).digest()
    body = Pay((Leg(debit, credit, "KGS", number + 1, 0, ""),), "atomic", "", None, "", None, None)
    return Transaction(
        raw=b"\x92" + tx_id,
        raw_id=sha256(b"\x92" + tx_id).digest(),
        tx_id=tx_id,
        chain=CHAIN,
        type="pay",
        sender=sender,
        ref=f"ref-{number}",
        valid_until=START_MS + 120_000,
        body=body,
        signatures=(),
        ref_id=tagged(b"som/ref-id/1", sender.encode(), b"\x00", f"ref-{number}".encode()),
    )


def receipt_of(transaction: Transaction, height: int, index: int, code: int = 0) -> Receipt:
    """Receipt with the entries of a payment, or none where the code is a refusal."""
    body = transaction.body
    if not isinstance(body, Pay):
        raise TypeError("only payments have receipts here")
    leg = body.legs[0]
    entries = (Entry(leg.debit, leg.asset, -leg.amount, 0, 0), Entry(leg.credit, leg.asset, leg.amount, 0, 0))
    return Receipt(transaction.tx_id, height, index, code, code, 0 if code else None, (), () if code else entries)


class FakeState:
    """Records in a dict."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def get(self, key: str) -> Record | None:
        """Do as the protocol says."""
        return self.records.get(key)

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Do as the protocol says."""
        return sorted(key for key in self.records if start <= key < end)[:limit]

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        """Do as the protocol says."""
        del ref_id
        return None

    def tree(self, name: str) -> Tree:
        """Do as the protocol says."""
        del name
        return None

    def participants(self) -> Iterator[str]:
        """Do as the protocol says."""
        return iter(sorted(key.partition("/")[2] for key in self.records if key.startswith("participant/")))


class FakeReads:
    """A chain of blocks made by hand."""

    def __init__(self) -> None:
        self.chain_id = CHAIN
        self.network = "tests"
        self.genesis_json = '{"name": "tests"}'
        self.validators: Sequence[ValidatorEntry] = tuple(
            ValidatorEntry("operator", bytes([index]) * 32, bytes([16 + index]) * 32, "") for index in range(4)
        )
        self.committed_height = 0
        self.began = 0
        self.state = FakeState()
        self.blocks: list[FinalBlock] = []
        self.keeps_history = True
        self._listeners: list[Callable[[tuple[FinalBlock, ...]], None]] = []

    @property
    def tip(self) -> Tip:
        """Do as the protocol says."""
        if not self.blocks:
            facts = BlockFacts(BlockId(CHAIN), BlockId(bytes(32)), Epoch(0), Height(0), View(0), ValidatorId(0), TimeMs(START_MS))
            return Tip(facts, None, b"", None)
        block = self.blocks[-1]
        return Tip(block.facts, block.header, block.stored.header, None)

    def asset_codes(self) -> Sequence[str]:
        """Do as the protocol says."""
        return sorted(key.partition("/")[2] for key in self.state.records if key.startswith("asset/"))

    def keyset_names(self, owner: str) -> Sequence[str]:
        """Do as the protocol says."""
        return sorted(key.rpartition("/")[2] for key in self.state.records if key.startswith(f"keyset/{owner}/"))

    def block(self, height: int) -> FinalBlock | None:
        """Do as the protocol says."""
        return self.blocks[height - 1] if 1 <= height <= len(self.blocks) else None

    def finality(self, height: int) -> Finality | None:
        """Do as the protocol says."""
        block = self.block(height)
        if block is None:
            return None
        subject = Vote(Kind.FINALIZE, Epoch(0), block.facts.view, View(0), block.facts.block_id)
        return Finality(Certificate(subject, tuple((ValidatorId(index), bytes(64)) for index in range(3))), ())

    def epoch_link(self, epoch: int) -> bytes | None:
        """Do as the protocol says."""
        return b"link %d" % epoch

    def transaction(self, tx_id: bytes) -> FinalTransaction | None:
        """Do as the protocol says."""
        return next((found for found in self._all() if found.transaction.tx_id == tx_id), None)

    def transaction_by_ref(self, ref_id: bytes) -> FinalTransaction | None:
        """Do as the protocol says."""
        return next((found for found in self._all() if found.transaction.ref_id == ref_id), None)

    def _all(self) -> Iterator[FinalTransaction]:
        for block in reversed(self.blocks):
            for transaction, receipt in zip(block.transactions, block.receipts, strict=True):
                yield FinalTransaction(transaction, receipt, block.facts.time_ms)

    def history(self, account: str, after: tuple[int, int, int], limit: int) -> Sequence[HistoryRow] | None:
        """Do as the protocol says."""
        if not self.keeps_history:
            return None
        rows = [
            HistoryRow(receipt.height, receipt.index, position, receipt.tx_id, entry.leg, entry.asset, entry.posted, entry.held)
            for block in self.blocks
            for receipt in block.receipts
            for position, entry in enumerate(receipt.entries)
            if entry.account == account and (receipt.height, receipt.index, position) > after
        ]
        return rows[:limit]

    def returns(self, tx_id: bytes) -> Sequence[FinalTransaction]:
        """Do as the protocol says."""
        del tx_id
        return []

    def prove(self, tree: str, keys: Sequence[str]) -> bytes:
        """Do as the protocol says."""
        return b" ".join((tree.encode(), *(key.encode() for key in keys)))

    def prove_account(self, account: str) -> bytes:
        """Do as the protocol says."""
        return b"proof of " + account.encode()

    def route_changes(self, route: str, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Do as the protocol says."""
        return [(height, b"%s at %d" % (route.encode(), height)) for height in range(after + 1, 6)][:limit]

    def prove_transaction(self, tx_id: bytes) -> bytes:
        """Do as the protocol says."""
        return b"proof of " + tx_id

    def last_signed(self) -> Sequence[int]:
        """Do as the protocol says."""
        return [len(self.blocks)] * 4

    def subscribe(self, listener: Callable[[tuple[FinalBlock, ...]], None]) -> Callable[[], None]:
        """Do as the protocol says."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def add(self, *transactions: Transaction, codes: dict[int, int] | None = None, swept: tuple[Entry, ...] = ()) -> FinalBlock:
        """Make a final block of these transactions and tell who listens. `codes`: refusals by index."""
        height = len(self.blocks) + 1
        parent = self.tip.facts
        zeros = bytes(32)
        time_ms = parent.time_ms + 100
        header = Header(1, CHAIN, 0, height, height, parent.block_id, time_ms, 0, zeros, zeros, zeros, zeros, zeros, zeros)
        block_id = BlockId(sha256(b"block %d" % height).digest())
        facts = BlockFacts(block_id, parent.block_id, Epoch(0), Height(height), View(height), ValidatorId(0), TimeMs(time_ms))
        receipts = tuple(receipt_of(tx, height, index, (codes or {}).get(index, 0)) for index, tx in enumerate(transactions))
        block = FinalBlock(facts, header, StoredBlock(b"header %d" % height, b""), transactions, receipts, swept)
        self.blocks.append(block)
        for listener in tuple(self._listeners):
            listener((block,))
        return block


class FakePool:
    """Takes everything, unless told how to refuse."""

    def __init__(self) -> None:
        self.waiting: dict[bytes, Transaction] = {}
        self.refuse: Callable[[Transaction], LedgerError | PoolFull | None] = lambda _: None

    async def admit(self, transactions: Sequence[Transaction]) -> Sequence[LedgerError | PoolFull | None]:
        """Do as the protocol says."""
        outcomes = [self.refuse(transaction) for transaction in transactions]
        self.waiting.update({tx.tx_id: tx for tx, refusal in zip(transactions, outcomes, strict=True) if refusal is None})
        return outcomes

    def find(self, tx_id: bytes) -> Transaction | None:
        """Do as the protocol says."""
        return self.waiting.get(tx_id)

    def find_ref(self, ref_id: bytes) -> Transaction | None:
        """Do as the protocol says."""
        return next((tx for tx in self.waiting.values() if tx.ref_id == ref_id), None)

    @property
    def count(self) -> int:
        """Do as the protocol says."""
        return len(self.waiting)

    @property
    def bytes(self) -> int:
        """Do as the protocol says."""
        return sum(len(tx.raw) for tx in self.waiting.values())


class FakeNode:
    """A validator in good standing."""

    name = "validator-1"
    version = "0.0.0"
    epoch = 0
    view = 7
    final_view = 6
    peers_known = 5
    peers_denied = 0

    def __init__(self) -> None:
        self.role: Role = "validator"
        self.peers_connected = 5
        self.peers_needed = 2
        self.syncing = False
        self.time_ms = START_MS


class FakeRegistry:
    """The desk of an operator's node, which keeps what it is told in a list."""

    def __init__(self) -> None:
        self.is_here = True
        self.looks: list[Look] = []

    def pseudonym(self, participant: str, holder: bytes) -> bytes:
        """Do as the protocol says."""
        return sha256(participant.encode() + holder).digest()[:16]

    async def record(self, look: Look, now_ms: int) -> None:
        """Do as the protocol says."""
        del now_ms
        self.looks.append(look)


class World:
    """A listening API over fakes."""

    def __init__(self) -> None:
        self.reads, self.pool, self.node, self.metrics = FakeReads(), FakePool(), FakeNode(), Metrics()
        self.diagnosis, self.registry = FakeDiagnosis(), FakeRegistry()
        self.faults: list[BaseException] = []
        """Why the node was told to stop."""

    @property
    def backend(self) -> Backend:
        """What `build_app` takes."""
        return Backend(self.reads, self.pool, self.node, self.diagnosis, self.registry, self.metrics, self.faults.append)


def furnish(world: World) -> None:
    """Put one record of each kind into the state."""
    put = world.reads.state.records.__setitem__
    for name, kind in (("operator", "operator"), ("bank-a", "bank"), ("bank-b", "bank")):
        put(f"participant/{name}", Participant(name, kind, name.title(), "", "", "KG", "active", "", (bytes(32),), (), ()))  # type: ignore[arg-type]
        put(f"keyset/{name}/ops", KeysetRecord("ops", 1, (Key(bytes(32), 0),), "", 0, None))
    policy = Policy("KGS", 2, "operator", "sovereign", 10**12, (), (), 0, (), None, (), "block", ("cap",))
    put("asset/KGS", Asset(policy, 500, 600, 100, 0, 0, 0, "", "open"))
    put("account/operator/contra:KGS", Account("operator/contra:KGS", "contra", b"", "", "open", (), 0))
    put("balance/operator/contra:KGS/KGS", Balance(-500, 0))
    put("account/bank-a/main", Account("bank-a/main", "settlement", b"", "", "open", (), 1))
    put("balance/bank-a/main/KGS", Balance(500, 30))
    put("total/operator/KGS", Total(-500, 0))
    put("total/bank-a/KGS", Total(500, 30))
    put(
        f"hold/{HOLD.hex()}",
        Hold(HOLD, "bank-a/main", "bank-b/main", "KGS", 40, 30, START_MS + 10**9, "bank-a", "bank-a", "none", "escrow", None, 0),
    )
    grant = Grant(
        "issue-kgs",
        "operator",
        "issue",
        Scope("KGS", "", "", ()),
        Quota(1000, "day"),
        Need(2, ("operator/board", "operator/ops")),
        (),
        0,
        0,
        0,
    )
    put("grant/issue-kgs", GrantRecord(grant, "root", "2026-11-21", 600))


@asynccontextmanager
async def serving(backend: Backend) -> AsyncIterator[str]:
    """Serve the API on a free port of loopback; gives its base address."""
    runner = build_runner(build_app(backend))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client_of(backend: Backend) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the API; gives a client of it."""
    async with serving(backend) as url, aiohttp.ClientSession(url) as session:
        yield session


async def get(session: aiohttp.ClientSession, path: str, kind: type[T], status: int = 200) -> T:
    """Return the decoded body of an answer with the expected status."""
    async with session.get(path) as response:
        body = await response.read()
        assert response.status == status, body
        assert response.content_type == "application/json"
        return msgspec.json.decode(body, type=kind)
