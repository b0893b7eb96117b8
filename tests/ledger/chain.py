"""A small ledger in memory: four participants, one asset, blocks executed one after the other. Nothing in it is faked but the network."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from ledger.accounts import Account
from ledger.assets import FeeRule, Policy, new_asset
from ledger.blocks import Header, block_id_of, encode_body, header_bytes
from ledger.codec import decode_transaction, make_envelope, sign_transaction, signing_bytes
from ledger.commit import EmptyState
from ledger.epochs import NO_EPOCH_BEGINS, Epoch, Readiness, Validator, ViewKey, validator_key
from ledger.execute import Execution, genesis_state
from ledger.grants import Grant, GrantRecord, Scope
from ledger.indexes import put_indexed
from ledger.keys import public_key_of, sign, tagged, verify
from ledger.parameters import BlockContext, Parameters
from ledger.participants import Key, KeyOwner, KeysetRecord, Participant
from ledger.proofs import Finality, Finalization
from ledger.state import Overlay, Record, UsedRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ledger.execute import BlockResult
    from ledger.transactions.bodies import Body, Transaction
    from ledger.tree import Tree

Key_ = TypeVar("Key_")
Value = TypeVar("Value")

CHAIN = sha256(b"a chain for tests").digest()
VIEW_KEY = sha256(b"a view key for tests").digest()
START_MS = 1_700_000_000_000
PARTICIPANTS = ("bank-a", "bank-b", "bank-c", "operator")
FEES = (FeeRule("pay", "wallet", "", 0, 10, 0, 1_000),)
BOX_KEY = sha256(b"a box key for tests").digest()
EPOCH_LENGTH = 10_000
CONTRA, FEE = "operator/contra:KGS", "operator/fee:KGS"


def seed_of(owner: str) -> bytes:
    """Signing seed of `OWNER`'s one key."""
    return sha256(f"seed of {owner}".encode()).digest()


def keyset_of(owner: str) -> KeysetRecord:
    return KeysetRecord("ops", 1, (Key(public_key_of(seed_of(owner)), 0),), "", 0, None)


def accounts() -> dict[str, Account]:
    """Two accounts of each bank; `w1` of bank-a signs for itself."""
    made = {CONTRA: "contra", FEE: "fee", "operator/settlement": "settlement"}
    for bank in PARTICIPANTS[:3]:
        made[f"{bank}/settlement"], made[f"{bank}/w1"] = "settlement", "wallet"
    return {
        name: Account(name, kind, b"", "ops" if name == "bank-a/w1" else "", "open", (), 0)  # type: ignore[arg-type]
        for name, kind in made.items()
    }


def grant(name: str, permission: str, asset: str, participant: str = "") -> GrantRecord:
    scope = Scope(asset, participant, "", ())
    return GrantRecord(Grant(name, "operator", permission, scope, None, None, (), 0, 0, 0), "root", "", 0)  # type: ignore[arg-type]


def put_epoch(overlay: Overlay, length: int) -> None:
    """Begin with four validators of the operator, and a view key that is sealed to its box key."""
    validators = tuple(
        Validator("operator", public_key_of(seed_of(f"consensus {index}")), public_key_of(seed_of(f"node {index}")), "")
        for index in range(4)
    )
    view_key = ViewKey(tagged(b"som/viewkey/1", VIEW_KEY), ((BOX_KEY, bytes(range(80))),))
    overlay.put("epoch/0", Epoch(0, 0, length, validators, 0))
    overlay.put("viewkey/0", view_key)
    for each in validators:
        overlay.put(f"key/{each.consensus_key.hex()}", KeyOwner("operator", "~consensus"))
        overlay.put(f"key/{each.node_key.hex()}", KeyOwner("operator", "~node"))
        word = Readiness(each.participant, each.consensus_key, each.node_key, 0, 0, view_key.hash, 0)
        overlay.put(validator_key(each.consensus_key), word)
    overlay.put(f"key/{BOX_KEY.hex()}", KeyOwner("operator", "~box"))


def first_records(length: int = EPOCH_LENGTH) -> dict[str, Record]:
    """Return the records of a genesis, indexes included."""
    overlay = Overlay(EmptyState())
    put_epoch(overlay, length)
    for name in PARTICIPANTS:
        kind = "operator" if name == "operator" else "bank"
        node_keys = tuple(sorted(public_key_of(seed_of(f"node {index}")) for index in range(4))) if name == "operator" else ()
        box_keys = (BOX_KEY,) if name == "operator" else ()
        made = Participant(name, kind, name, "", "", "KG", "active", "", node_keys, box_keys, ())  # type: ignore[arg-type]
        put_indexed(overlay, f"participant/{name}", made)
    for owner in (*PARTICIPANTS, "bank-a/w1"):
        keyset = keyset_of(owner)
        put_indexed(overlay, f"keyset/{owner}/ops", keyset)
        put_indexed(overlay, f"key/{keyset.keys[0].public_key.hex()}", KeyOwner(owner, "ops"))
    for name, account in accounts().items():
        put_indexed(overlay, f"account/{name}", account)
    policy = Policy("KGS", 2, "operator", "sovereign", None, (), FEES, 0, (), None, ("freeze", "pause", "seize"), "block", ())
    put_indexed(overlay, "asset/KGS", new_asset(policy))
    for record in (grant("root", "root", ""), grant("issue", "issue", "KGS"), grant("reg", "register", ""), grant("wal", "wallet", "")):
        put_indexed(overlay, f"grant/{record.grant.id}", record)
    for permission in ("order.freeze", "order.arrest", "order.seize", "order.pause"):
        put_indexed(overlay, f"grant/{permission}", grant(permission, permission, ""))
    return {key: record for key, record in overlay.changes.items() if record is not None}


class MemoryState:
    """State after some block, in dicts."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.listed: dict[str, Record] = {}
        """Index records and participants again: what is scanned for."""
        self.leaves: dict[str, bytes] = {}
        self.trees: dict[str, Tree] = {}
        self.refs: dict[bytes, UsedRef] = {}

    def get(self, key: str) -> Record | None:
        """Record at a key."""
        return self.records.get(key)

    def scan(self, start: str, end: str, limit: int) -> list[str]:
        """Index keys in a range."""
        return sorted(key for key in self.listed if start <= key < end)[:limit]

    def used_ref(self, ref_id: bytes) -> UsedRef | None:
        """Return the reference, if remembered."""
        return self.refs.get(ref_id)

    def tree(self, name: str) -> Tree:
        """Tree of a participant, or a public one."""
        return self.trees.get(name)

    def participants(self) -> Iterator[str]:
        """Ids, ascending."""
        return iter(sorted(key[12:] for key in self.listed if key.startswith("participant/")))

    def take(self, changes: Mapping[str, Record | None]) -> None:
        """Apply changes of records."""
        keep(self.records, changes.items())
        keep(self.listed, ((key, record) for key, record in changes.items() if key.startswith(("~", "participant/"))))


class Block:
    """One executed block with everything a proof of it needs."""

    def __init__(self, header: Header, result: BlockResult, transactions: Sequence[Transaction]) -> None:
        self.header, self.result, self.transactions = header, result, tuple(transactions)
        self.bytes = header_bytes(header)
        self.id = block_id_of(self.bytes)


class MemoryLedger:
    """A chain of blocks on a state in memory."""

    def __init__(self, view_key: bytes = VIEW_KEY, length: int = EPOCH_LENGTH) -> None:
        self.view_key = view_key
        self.state = MemoryState()
        self.blocks: list[Block] = []
        self.time_ms = START_MS
        self.epoch = 0
        """Of the next block."""
        self.base = 0
        """Height that the epoch stands on."""
        self._count = 0
        records = first_records(length)
        self.state.take(records)
        first = genesis_state(records, view_key)
        keep(self.state.leaves, first.leaves.items())
        self.state.trees.update(first.trees)

    @property
    def height(self) -> int:
        """Of the newest block; 0 before the first."""
        return len(self.blocks)

    def context(self) -> BlockContext:
        """Context of the next block. Views run ahead of heights, as on a chain whose leaders fail now and then."""
        view = 2 * (self.height - self.base) + 1
        return BlockContext(CHAIN, self.epoch, self.height + 1, view, self.time_ms, Parameters())

    def sign(self, body: Body, *, sender: str, signers: Iterable[str] = (), ref: str = "", valid_ms: int = 60_000) -> Transaction:
        """Transaction of a body, signed by `ops` of the sender (its servicer, for a settlement account) and of `signers`."""
        self._count += 1
        envelope = make_envelope(
            chain=CHAIN,
            sender=sender,
            ref=ref or f"r{self._count}",
            valid_until=self.time_ms + valid_ms,
            salt=sha256(self._count.to_bytes(8, "big")).digest()[:16],
            body=body,
        )
        owners = dict.fromkeys([sender, *signers])
        return decode_transaction(sign_transaction(envelope, [(owner, "ops", seed_of(owner)) for owner in owners]))

    def execution(self) -> Execution:
        """Begin the next block."""
        return Execution(self.state, self.context(), self.view_key, verified)

    def block(self, *transactions: Transaction, later_ms: int = 1_000) -> Block:
        """Execute the next block and move the state on."""
        context, execution = self.context(), self.execution()
        for tx in transactions:
            execution.apply(tx)
        result = execution.finish()
        if result.body_bytes != encode_body(tx.raw for tx in transactions):
            raise AssertionError("the body is not that of the transactions")
        header = Header(
            version=1,
            chain=CHAIN,
            epoch=context.epoch,
            height=context.height,
            view=context.view,
            parent=self.blocks[-1].id if self.blocks else CHAIN,
            time_ms=context.time_ms,
            proposer=(context.epoch + context.view) % 4,
            next=result.next,
            body=result.body,
            transactions_root=result.transactions_root,
            participants_root=result.participants_root,
            assets_root=result.assets_root,
            governance_root=result.governance_root,
        )
        self._move_on(result)
        block = Block(header, result, transactions)
        self.blocks.append(block)
        if result.next != NO_EPOCH_BEGINS:
            self.epoch, self.base = self.epoch + 1, self.height
        self.time_ms += later_ms
        return block

    def _move_on(self, result: BlockResult) -> None:
        self.state.take(result.changes)
        keep(self.state.leaves, result.leaves.items())
        self.state.trees.update(result.trees)
        self.state.refs.update(result.used_refs)


def keep(store: dict[Key_, Value], changes: Iterable[tuple[Key_, Value | None]]) -> None:
    """Apply changes to a dict: None removes."""
    for key, value in changes:
        if value is None:
            store.pop(key, None)
        else:
            store[key] = value


def verified(tx: Transaction) -> bool:
    """Verify every signature, with the real verifier."""
    return all(verify(one.public_key, signing_bytes(tx.tx_id), one.signature) for one in tx.signatures)


def finality_of(blocks: Sequence[Block], seeds: Sequence[bytes]) -> Finality:
    """Make the finality of the first of these blocks by a certificate on the last, signed by the validators with these seeds."""
    last = blocks[-1]
    signatures = tuple((index, sign(seed, finalize_bytes(last.header, last.id))) for index, seed in enumerate(seeds))
    certificate = Finalization(last.header.epoch, last.header.view, last.header.view - 1, last.id, signatures)
    return Finality(blocks[0].bytes, tuple(block.bytes for block in blocks[1:]), certificate)


def finalize_bytes(header: Header, block_id: bytes) -> bytes:
    """Return what a finalize vote signs, by hand."""
    parent_view = header.view - 1
    tag = b"som/finalize/1".ljust(16, b"\x00")
    return tag + CHAIN + header.epoch.to_bytes(4, "big") + header.view.to_bytes(8, "big") + parent_view.to_bytes(8, "big") + block_id
