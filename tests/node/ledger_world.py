"""The client API on the real ledger: genesis, LMDB, pool, builder and signatures are real; only consensus is replaced by signing at once.

One process, no peers. `settle` makes the next block of what is in the pool and finalizes it with a certificate that the validators of the
genesis document really signed.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace

from consensus.signing import signing_bytes as vote_bytes
from consensus.types import Certificate, ChainId, Kind, ValidatorId, Vote
from ledger.codec import make_envelope, sign_transaction
from ledger.genesis import chain_id, sign_genesis
from ledger.keys import public_key_of, sign
from ledger.transactions.bodies import Issue, Leg, Pay
from node.api.backend import Backend
from node.auditlog import AuditLog
from node.blocks import BuildRequest
from node.builder import BlockLimits, Builder
from node.chain import Chain
from node.files import DiskFiles
from node.mempool import Mempool
from node.metrics import Metrics
from node.plan import trial_plan
from node.provision import draft, fill, signing_seeds
from node.reads import Reads
from node.registry import Registry
from node.store import Store
from node.viewkeys import KeyRing
from tests.node.api_world import FakeNode
from tests.node.diagnosis_world import FakeDiagnosis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from ledger.errors import LedgerError
    from ledger.transactions.bodies import Body, Transaction
    from node.api.backend import PoolFull
    from node.blocks import FinalBlock

START_MS = 1_795_000_000_000
MAP_BYTES = 64 * 1_048_576
VALIDATORS = 4


class Counter:
    """Randomness that repeats: the n-th draw is a hash of n."""

    def __init__(self) -> None:
        self._drawn = 0

    def __call__(self, size: int) -> bytes:
        """Draw at most 32 bytes."""
        self._drawn += 1
        return sha256(b"draw %d" % self._drawn).digest()[:size]


@dataclass(frozen=True, slots=True)
class LonelyPool:
    """The real pool, without anybody to pass transactions on to."""

    pool: Mempool

    async def admit(self, transactions: Sequence[Transaction]) -> Sequence[LedgerError | PoolFull | None]:
        """Verify, check and keep."""
        return self.pool.admit(transactions)

    def find(self, tx_id: bytes) -> Transaction | None:
        """Transaction waiting here."""
        return self.pool.find(tx_id)

    def find_ref(self, ref_id: bytes) -> Transaction | None:
        """Transaction waiting here with this (from, ref)."""
        return self.pool.find_ref(ref_id)

    @property
    def count(self) -> int:
        """Transactions waiting."""
        return self.pool.count

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return self.pool.bytes


class LedgerWorld:
    """A node without peers."""

    def __init__(self, folder: Path, params: dict[str, int] | None = None) -> None:
        plan, secrets = fill(trial_plan(VALIDATORS, 0), Counter())
        genesis = replace(draft(plan, secrets.view_key, time_ms=START_MS), params=params or {})
        for seed in signing_seeds(plan, secrets):
            genesis = sign_genesis(genesis, seed)
        self.plan, self.secrets = plan, secrets
        self.genesis = genesis
        self.now_ms = START_MS + 1_000
        self.metrics = Metrics()
        self.node = FakeNode()
        store = Store.open(folder, chain_id(genesis), MAP_BYTES)
        self.chain = Chain.open(store, genesis, KeyRing([secrets.view_key]), history=True, stages=self.metrics)
        self.pool = Mempool(self.chain, lambda: self.now_ms)
        self.builder = Builder(self.chain, self.pool, lambda: self.now_ms, BlockLimits(pace_ms=0), self._poisoned)
        self.reads = Reads(self.chain)
        self.audit = AuditLog(DiskFiles(), folder.parent)
        self.registry = Registry(self.chain, public_key_of(secrets.nodes["validator-0"].node), self.audit)
        self.faults: list[BaseException] = []
        self._salt = 0

    @property
    def backend(self) -> Backend:
        """What `build_app` takes."""
        return Backend(self.reads, LonelyPool(self.pool), self.node, FakeDiagnosis(), self.registry, self.metrics, self.faults.append)

    def _poisoned(self, transaction: object, reason: str) -> None:
        raise AssertionError(f"{transaction}: {reason}")

    def seed(self, owner: str, keyset: str = "ops") -> bytes:
        """Seed of the one key of a keyset."""
        return self.secrets.keysets[owner, keyset][0]

    def envelope(self, body: Body, *, sender: str, ref: str = "", valid_until: int = 0, chain: bytes = b"") -> bytes:
        """Envelope with a salt of its own; by default a fresh reference, valid for a minute, for this chain."""
        self._salt += 1
        return make_envelope(
            chain=chain or self.chain.chain_id,
            sender=sender,
            ref=ref or f"ref-{self._salt}",
            valid_until=valid_until or self.now_ms + 60_000,
            salt=self._salt.to_bytes(16, "big"),
            body=body,
        )

    def sign(self, envelope: bytes, *signers: tuple[str, str]) -> bytes:
        """Whole transaction with the signature of each (owner, keyset)."""
        return sign_transaction(envelope, [(owner, keyset, self.seed(owner, keyset)) for owner, keyset in signers])

    def issue(self, to: str, amount: int) -> bytes:
        """Money for an account, signed as the genesis demands."""
        envelope = self.envelope(Issue("KGS", to, amount, "test", None), sender="operator")
        return self.sign(envelope, ("operator", "board"), ("operator", "ops"))

    def pay(self, debit: str, credit: str, amount: int, *, ref: str = "") -> bytes:
        """Payment of one leg, signed by the servicer of the debtor."""
        sender = debit.partition("/")[0]
        body = Pay((Leg(debit, credit, "KGS", amount, 0, ""),), "atomic", "", None, "", None, None)
        return self.sign(self.envelope(body, sender=sender, ref=ref), (sender, "ops"))

    async def settle(self) -> FinalBlock:
        """Make the next block of what is in the pool, and make it final."""
        self.now_ms += 100
        parent = self.chain.tip.facts
        view = parent.view + 1
        request = BuildRequest(
            view=view, parent=parent, proposer=view % VALIDATORS, time_ms_min=parent.time_ms + 1, unfinal_views=0, empty=False
        )
        built = await self.builder.build(request)
        if built is None:
            raise AssertionError("no block could be built")
        subject = Vote(Kind.FINALIZE, parent.epoch, built.facts.view, parent.view, built.facts.block_id)
        message = vote_bytes(ChainId(self.chain.chain_id), subject)
        seeds = [node.consensus for node in self.secrets.nodes.values() if node.consensus]
        certificate = Certificate(subject, tuple((ValidatorId(index), sign(seed, message)) for index, seed in enumerate(seeds[:3])))
        (final,) = self.chain.finalize([built.facts.block_id], certificate)
        return final


@asynccontextmanager
async def ledger_world(folder: Path, params: dict[str, int] | None = None) -> AsyncIterator[LedgerWorld]:
    """Open a world in a folder, with parameters that differ; closes its store."""
    world = LedgerWorld(folder, params)
    try:
        yield world
    finally:
        world.audit.close()
        world.chain.close()
