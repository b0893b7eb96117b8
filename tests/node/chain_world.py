"""A network without a network: one chain, its pool and builder over a real store, money to spend, certificates that nobody checks."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace

from consensus.types import Certificate, Epoch, Kind, ValidatorId, View, Vote
from ledger.codec import decode_transaction, make_envelope, sign_transaction
from ledger.genesis import chain_id
from ledger.transactions.bodies import Issue, Leg, Pay
from node.blocks import BuildRequest
from node.builder import BlockLimits, Builder
from node.chain import Chain
from node.mempool import Mempool
from node.plan import AccountPlan, trial_plan
from node.provision import draft, fill
from node.store import Store
from node.viewkeys import KeyRing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from consensus.types import BlockFacts, BlockId
    from ledger.genesis import Genesis
    from ledger.transactions.bodies import Body, Transaction
    from node.blocks import BuiltBlock, FinalBlock
    from node.mempool import Outcome
    from node.provision import Secrets

START_MS = 1_790_000_000_000
"""Time of genesis."""


class Draws:
    """Bytes that look random and are the same in every run."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, size: int) -> bytes:
        """Return the next bytes."""
        self._count += 1
        return sha256(self._count.to_bytes(8, "big")).digest()[:size]


class Clock:
    """Time that only tests move."""

    def __init__(self) -> None:
        self.now_ms = START_MS + 1_000

    def __call__(self) -> int:
        """Unix ms."""
        return self.now_ms


@lru_cache
def make_genesis(accounts: int = 3, epoch_length: int = 10_000) -> tuple[Genesis, Secrets]:
    """Genesis of four validators, operator, treasury and two banks with some accounts each: `bank-a/x0`, ...

    Made once per process: sealing draws on the system's randomness, so each one is of another chain.
    """
    plan = trial_plan(4, 0)
    more = tuple(AccountPlan(f"{bank}/x{number}") for bank in ("bank-a", "bank-b") for number in range(accounts))
    plan = replace(plan, accounts=plan.accounts + more, params={"epoch_length": epoch_length})
    full, secrets = fill(plan, Draws())
    return draft(full, secrets.view_key, time_ms=START_MS), secrets


class World:
    """One node's chain. `restart` opens it again from its store, as after a crash."""

    def __init__(
        self, folder: Path, *, accounts: int = 3, history: bool = False, map_bytes: int = 2**30, epoch_length: int = 10_000
    ) -> None:
        self.folder, self._history, self._map_bytes = folder, history, map_bytes
        self.genesis, self.secrets = make_genesis(accounts, epoch_length)
        self.ring = KeyRing([self.secrets.view_key])
        self.chain_id = chain_id(self.genesis)
        self.clock = Clock()
        self.poisoned: list[tuple[Transaction, str]] = []
        self._draw = Draws()
        self._refs = 0
        self._open()

    def _open(self) -> None:
        store = Store.open(self.folder, self.chain_id, self._map_bytes)
        self.chain = Chain.open(store, self.genesis, self.ring, history=self._history)
        self.pool = Mempool(self.chain, self.clock)
        self.builder = self.new_builder(BlockLimits(pace_ms=0))

    def new_builder(self, limits: BlockLimits) -> Builder:
        """Builder on this chain with other limits."""
        return Builder(self.chain, self.pool, self.clock, limits, lambda transaction, why: self.poisoned.append((transaction, why)))

    def restart(self) -> None:
        """Lose everything that is not in LMDB, and begin again."""
        self.chain.close()
        self._open()

    def close(self) -> None:
        """Release the store."""
        self.chain.close()

    # --- transactions ------------------------------------------------------------------------------------------------------

    def transaction(
        self, body: Body, sender: str, signers: Sequence[tuple[str, str]], ref: str = "", lifetime_ms: int = 60_000
    ) -> Transaction:
        """Signed transaction by the first seed of each (participant, keyset)."""
        self._refs += 1
        envelope = make_envelope(
            chain=self.chain_id,
            sender=sender,
            ref=ref or f"ref-{self._refs}",
            valid_until=self.clock.now_ms + lifetime_ms,
            salt=self._draw(16),
            body=body,
        )
        seeds = [(owner, keyset, self.secrets.keysets[owner, keyset][0]) for owner, keyset in signers]
        return decode_transaction(sign_transaction(envelope, seeds))

    def issue(self, to: str, amount: int) -> Transaction:
        """Issue, signed by two keysets of the quorum."""
        return self.transaction(Issue("KGS", to, amount, "test", None), "operator", [("operator", "ops"), ("operator", "board")])

    def pay(self, debit: str, credit: str, amount: int, ref: str = "", lifetime_ms: int = 60_000) -> Transaction:
        """Payment of one leg, signed by the debtor's bank."""
        bank = debit.partition("/")[0]
        body = Pay((Leg(debit, credit, "KGS", amount, 0, ""),), "atomic", "", None, "", None, None)
        return self.transaction(body, bank, [(bank, "ops")], ref, lifetime_ms)

    # --- blocks ------------------------------------------------------------------------------------------------------------

    def request(self, *, parent: BlockFacts | None = None, view: int = 0, unfinal_views: int = 0, empty: bool = False) -> BuildRequest:
        """Return what the leader of the next view asks for, on the newest final block unless told otherwise."""
        facts = self.chain.tip.facts if parent is None else parent
        number = view or (1 if facts.boundary else facts.view + 1)
        epoch = facts.epoch + facts.boundary
        return BuildRequest(
            view=number,
            parent=facts,
            proposer=(epoch + number) % 4,
            time_ms_min=facts.time_ms + 1,
            unfinal_views=unfinal_views,
            empty=empty,
        )

    def offer(self, transaction: Transaction) -> Outcome:
        """Offer one transaction to the pool; what came of it."""
        return self.pool.admit([transaction])[0]

    def admit(self, *transactions: Transaction) -> None:
        """Put transactions into the pool; a refusal is an error."""
        for transaction in transactions:
            outcome = self.offer(transaction)
            assert outcome is None, outcome

    async def build(self, *, parent: BlockFacts | None = None, view: int = 0) -> BuiltBlock:
        """Block of what is in the pool."""
        built = await self.builder.build(self.request(parent=parent, view=view))
        assert built is not None
        return built

    def finalize(self, *built: BuiltBlock) -> tuple[FinalBlock, ...]:
        """Make blocks final, ancestors first."""
        facts = built[-1].facts
        return self.chain.finalize([each.facts.block_id for each in built], certificate_of(facts.view, facts.block_id, facts.epoch))

    async def block(self, *transactions: Transaction) -> FinalBlock:
        """Admit, build and make final."""
        self.admit(*transactions)
        self.clock.now_ms += 10
        built = await self.build()
        assert [each.raw_id for each in built.transactions] != [] or not transactions
        return self.finalize(built)[0]

    async def fund(self, amount: int = 1_000_000) -> None:
        """Money for the banks' main accounts."""
        await self.block(self.issue("bank-a/main", amount), self.issue("bank-b/main", amount))


def certificate_of(view: int, block_id: BlockId, epoch: int = 0) -> Certificate:
    """Make a finalization with the shape of a real one; the chain leaves its signatures to others."""
    vote = Vote(Kind.FINALIZE, Epoch(epoch), View(view), View(0), block_id)
    return Certificate(vote, tuple((ValidatorId(index), bytes(64)) for index in range(3)))
