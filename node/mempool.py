"""Transactions admitted and not final (M1 to M3, M6). Not durable: 202 is no promise, only a receipt is.

Known by the hash of their whole bytes, never by tx_id, so a forged copy cannot stand in the place of the good one. A reference is held by
one transaction at a time. What is admitted leaves only when it is final, expired, or judged again and refused (K18).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final, Protocol

from ledger.errors import BadSignature, RefConflict, Unorderable
from ledger.names import servicer_of
from ledger.parameters import MINUTE_MS, BlockContext, load_parameters
from ledger.transactions import check_admission
from node.api.backend import PoolFull
from node.queues import Queues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from consensus.types import BlockId
    from ledger.errors import LedgerError
    from ledger.parameters import Parameters
    from ledger.transactions.bodies import Transaction
    from node.blocks import FinalBlock
    from node.chain import Chain

    Outcome = LedgerError | PoolFull | None
    """None: kept, or here already."""

Hash = bytes
"""32 bytes."""

TRANSACTIONS_MAX: Final = 6_000
"""M3: it sets the latency at saturation."""
BYTES_MAX: Final = 64 * 1_048_576
RETRY_AFTER_S: Final = 1
"""A full pool is through in about a second."""
CHUNK: Final = 50
"""Transactions checked between two turns of the loop."""
REJUDGED_MAX: Final = 200
"""Transactions judged again per final block: a full pool takes a few blocks."""


class SignatureChecks(Protocol):
    """Verifies the signatures of many transactions in chunks (`node.verify.TransactionVerifier`)."""

    async def check(self, transactions: Sequence[Transaction]) -> Sequence[bool]:
        """Whether each has good signatures only, in order."""
        ...


@dataclass(slots=True)
class _Waiting:
    """A transaction in the pool."""

    transaction: Transaction
    admitted_ms: int
    judge_at: int
    """Height at which it is judged again, where it is still here: n leaders have then left it out (K18)."""


class Mempool:
    """What builders take from and the API puts into. One event loop owns it."""

    def __init__(
        self,
        chain: Chain,
        checks: SignatureChecks,
        clock: Callable[[], int],
        *,
        transactions_max: int = TRANSACTIONS_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._chain, self._checks, self._clock = chain, checks, clock
        self.queues = Queues(transactions_max, bytes_max)
        self._waiting: dict[bytes, _Waiting] = {}
        self._by_ref: dict[bytes, bytes] = {}
        self._by_tx: dict[bytes, bytes] = {}
        self._expiry: list[tuple[int, bytes]] = []
        self._set_aside: set[bytes] = set()
        self._failed: dict[int, Counter[str]] = {}
        self._admitted: list[Callable[[Sequence[Transaction]], None]] = []
        self._dropped: list[Callable[[Transaction, LedgerError | None], None]] = []
        self._parameters: tuple[BlockId, Parameters] | None = None
        chain.subscribe(self._final)

    # --- taking ------------------------------------------------------------------------------------------------------------

    async def admit(self, transactions: Sequence[Transaction]) -> list[Outcome]:
        """Check on the last final state, verify, keep, and tell who passes them on (M1); one outcome each, in order."""
        outcomes = await self.admit_relayed(transactions)
        fresh = [each for each, outcome in zip(transactions, outcomes, strict=True) if outcome is None and each.raw_id in self._waiting]
        if fresh:
            for listener in self._admitted:
                listener(fresh)
        return outcomes

    async def admit_relayed(self, transactions: Sequence[Transaction]) -> list[Outcome]:
        """As `admit`, for transactions that come from a validator: those are not passed on (M1)."""
        outcomes: list[Outcome] = []
        wanted: list[int] = []
        for place, transaction in enumerate(transactions):
            if place % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)
            outcome = self._outcome_before(transaction)
            outcomes.append(outcome)
            if outcome is None and transaction.raw_id not in self._waiting:
                wanted.append(place)
        good = await self._checks.check([transactions[place] for place in wanted])
        for place, verified in zip(wanted, good, strict=True):
            outcomes[place] = self._keep(transactions[place]) if verified else BadSignature()
        return outcomes

    def subscribe(self, listener: Callable[[Sequence[Transaction]], None]) -> None:
        """Call `listener` with transactions to be passed on to the validators, once each."""
        self._admitted.append(listener)

    def on_drop(self, listener: Callable[[Transaction, LedgerError | None], None]) -> None:
        """Call `listener` with each transaction that leaves without being final; the refusal is None where it expired."""
        self._dropped.append(listener)

    # --- looking -----------------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Transactions waiting."""
        return len(self._waiting)

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return self.queues.bytes

    def get(self, raw_id: Hash) -> Transaction | None:
        """Transaction with this hash of its whole bytes."""
        waiting = self._waiting.get(raw_id)
        return None if waiting is None else waiting.transaction

    def find(self, tx_id: Hash) -> Transaction | None:
        """Transaction waiting here."""
        return self.get(self._by_tx.get(tx_id, b""))

    def find_ref(self, ref_id: Hash) -> Transaction | None:
        """Transaction waiting here with this (from, ref)."""
        return self.get(self._by_ref.get(ref_id, b""))

    def admitted_before(self, time_ms: int) -> list[Transaction]:
        """Transactions that wait since before a time of the node's clock: what a peer sends again (M1)."""
        return [waiting.transaction for waiting in self._waiting.values() if waiting.admitted_ms < time_ms]

    def includable(self, parent: BlockId) -> int:
        """Count transactions that a block on this parent could take (K18): those that its unfinal ancestors do not hold."""
        taken = self._taken(parent)
        return len(self._waiting) - len(self._set_aside) - (len(self._waiting.keys() & taken) if taken else 0)

    def choose(self, parent: BlockId, bytes_max: int) -> Iterator[Transaction]:
        """Transactions for a block on this parent in the order of M4: governance first, then round robin over participants by bytes."""
        taken = self._taken(parent) | self._set_aside
        return (each for each in self.queues.ordered(bytes_max, last=self._failing()) if each.raw_id not in taken)

    # --- leaving -----------------------------------------------------------------------------------------------------------

    def set_aside(self, transaction: Transaction) -> None:
        """Never propose this one again: executing it met a fault of ours (K8). It stays until it is final by another or expires."""
        if transaction.raw_id in self._waiting:
            self._set_aside.add(transaction.raw_id)

    def _final(self, blocks: Sequence[FinalBlock]) -> None:
        for block in blocks:
            for transaction, receipt in zip(block.transactions, block.receipts, strict=True):
                raw_id = self._by_ref.get(transaction.ref_id)
                if raw_id is not None:
                    self._remove(raw_id)
                if receipt.code:
                    self._count_failure(block.facts.time_ms // MINUTE_MS, servicer_of(transaction.sender))
        newest = blocks[-1].facts
        self._expire(newest.time_ms)
        self._judge_again(newest.height)

    def _expire(self, time_ms: int) -> None:
        """Drop what no later block may contain."""
        while self._expiry and self._expiry[0][0] < time_ms:
            _, raw_id = heappop(self._expiry)
            self._drop(raw_id, None)

    def _judge_again(self, height: int) -> None:
        """Judge what n leaders left out once more on the final state; drop it with its refusal (K18)."""
        due: list[_Waiting] = []
        for waiting in self._waiting.values():
            if waiting.judge_at > height or len(due) == REJUDGED_MAX:
                break
            due.append(waiting)
        for waiting in due:
            raw_id = waiting.transaction.raw_id
            refusal = self._refusal(waiting.transaction)
            if refusal is not None:
                self._drop(raw_id, refusal)
                continue
            waiting.judge_at = height + self._chain.validators
            self._waiting[raw_id] = self._waiting.pop(raw_id)

    def _drop(self, raw_id: Hash, refusal: LedgerError | None) -> None:
        gone = self._remove(raw_id)
        if gone is not None:
            for listener in self._dropped:
                listener(gone, refusal)

    def _remove(self, raw_id: Hash) -> Transaction | None:
        waiting = self._waiting.pop(raw_id, None)
        if waiting is None:
            return None
        transaction = waiting.transaction
        self.queues.remove(transaction)
        self._set_aside.discard(raw_id)
        del self._by_ref[transaction.ref_id], self._by_tx[transaction.tx_id]
        return transaction

    # --- inside ------------------------------------------------------------------------------------------------------------

    def _outcome_before(self, transaction: Transaction) -> Outcome:
        """Everything but the signatures, cheapest first: a flood of bad transactions must not buy verifications."""
        held = self._by_ref.get(transaction.ref_id)
        if held is not None:
            if self._waiting[held].transaction.tx_id == transaction.tx_id:
                return None
            return RefConflict(sender=transaction.sender, ref=transaction.ref)
        if not self.queues.has_room(transaction, self._participants()):
            return PoolFull(retry_after_s=RETRY_AFTER_S)
        return self._refusal(transaction)

    def _keep(self, transaction: Transaction) -> Outcome:
        """Keep one that is good; the pool may have changed while it was verified."""
        held = self._by_ref.get(transaction.ref_id)
        if held is not None:
            same = self._waiting[held].transaction.tx_id == transaction.tx_id
            return None if same else RefConflict(sender=transaction.sender, ref=transaction.ref)
        if not self.queues.has_room(transaction, self._participants()):
            return PoolFull(retry_after_s=RETRY_AFTER_S)
        raw_id = transaction.raw_id
        height = self._chain.tip.facts.height
        self._waiting[raw_id] = _Waiting(transaction, self._clock(), height + self._chain.validators)
        self._by_ref[transaction.ref_id] = self._by_tx[transaction.tx_id] = raw_id
        heappush(self._expiry, (transaction.valid_until, raw_id))
        self.queues.add(transaction)
        return None

    def _refusal(self, transaction: Transaction) -> Unorderable | None:
        try:
            check_admission(self._chain.state, transaction, self._now(), _unverified)
        except Unorderable as refusal:
            return refusal
        return None

    def _now(self) -> BlockContext:
        """Context of a block that would come now."""
        tip = self._chain.tip.facts
        if self._parameters is None or self._parameters[0] != tip.block_id:
            self._parameters = (tip.block_id, load_parameters(self._chain.state))
        time_ms = max(self._clock(), tip.time_ms + 1)
        return BlockContext(self._chain.chain_id, tip.epoch, tip.height + 1, tip.view + 1, time_ms, self._parameters[1])

    def _participants(self) -> int:
        return self._chain.state.participant_count

    def _taken(self, parent: BlockId) -> set[Hash]:
        """Hashes of the transactions in the unfinal ancestors of a block."""
        taken: set[Hash] = set()
        for kept in self._chain.unfinal.lineage(parent) or ():
            taken.update(transaction.raw_id for transaction in kept.transactions)
        return taken

    def _count_failure(self, minute: int, participant: str) -> None:
        if minute not in self._failed:
            self._failed = {at: counts for at, counts in self._failed.items() if at == minute - 1}
            self._failed[minute] = Counter()
        self._failed[minute][participant] += 1

    def _failing(self) -> set[str]:
        """Participants with more than 100 failed transactions in a minute: they are taken last (M6)."""
        return {name for counts in self._failed.values() for name, count in counts.items() if count > FAILED_MAX}


FAILED_MAX: Final = 100


def _unverified(_: Transaction) -> bool:
    """Stand in for the check of signatures, which comes last and in chunks."""
    return True


def raw_ids(transactions: Iterable[Transaction]) -> list[bytes]:
    """Names under which a proposal lists its transactions."""
    return [transaction.raw_id for transaction in transactions]
