"""Transactions admitted and not final (M1 to M3, M6). Not durable: 202 is no promise, only a receipt is.

Known by the hash of their whole bytes, never by tx_id, so a forged copy cannot stand in the place of the good one. A reference is held by
one transaction at a time. What is admitted leaves only when it is final, expired, or judged again and refused (K18).
"""

from __future__ import annotations

from collections import Counter
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ledger.errors import RefConflict, Unorderable
from ledger.names import servicer_of
from ledger.parameters import MINUTE_MS, BlockContext
from ledger.state import Overlay
from ledger.transactions import check_admission
from ledger.transactions.bodies import Transaction
from node.api.backend import PoolFull
from node.queues import Queues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from consensus.types import BlockId
    from ledger.errors import LedgerError
    from node.blocks import FinalBlock
    from node.chain import Chain

    Outcome = LedgerError | PoolFull | None
    """None: kept, or here already."""

Hash = bytes
"""Bytes, by a name that no property of the pool has."""

TRANSACTIONS_MAX: Final = 6_000
"""M3: it sets the latency at saturation."""
BYTES_MAX: Final = 64 * 1_048_576
RETRY_AFTER_S: Final = 1
"""A full pool is through in about a second."""
FAILED_MAX: Final = 100
"""Failed transactions of one participant in a minute, beyond which it is taken last (M6)."""
EXPIRY_SLACK: Final = 10_000
"""Times of transactions that have left, beyond which they are cleared out: each would stay until its minute, up to an hour."""
FULL_TRANSACTIONS: Final = 500
"""A block with so many left others out for want of room, not by choice (K18)."""
REJUDGED_MAX: Final = 200
"""Transactions judged again per final block: a full pool takes a few blocks."""


class _Waiting(Struct, gc=False):
    """A transaction in the pool."""

    transaction: Transaction
    admitted_ms: int
    judge_at: int
    """Count of blocks with room at which it is judged again, where it is still here: n leaders have then left it out (K18)."""


SHARED_MS: Final = 20
"""For so long one reading of the final state serves admission; a block judges expiry by its own time anyway."""


class Mempool:
    """What builders take from and the API puts into. One event loop owns it."""

    def __init__(
        self,
        chain: Chain,
        clock: Callable[[], int],
        *,
        transactions_max: int = TRANSACTIONS_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._chain, self._clock = chain, clock
        self.queues = Queues(transactions_max, bytes_max)
        self._waiting: dict[bytes, _Waiting] = {}
        self._by_ref: dict[bytes, bytes] = {}
        self._by_tx: dict[bytes, bytes] = {}
        self._expiry: list[tuple[int, bytes]] = []
        self._set_aside: set[bytes] = set()
        self._roomy = 0
        """Final blocks so far that were not full."""
        self._failed: dict[int, Counter[str]] = {}
        self._dropped: list[Callable[[Transaction, LedgerError | None], None]] = []
        self._here: tuple[Overlay, BlockContext] | None = None
        """The final state as it was read and the block that would come."""
        chain.subscribe(self._final)

    # --- taking ------------------------------------------------------------------------------------------------------------

    def admit(self, transactions: Sequence[Transaction]) -> list[Outcome]:
        """Check each against the last final state and keep it (M2), in order; None: kept, or here already.

        All are checked, then what may stay is kept: a pass over many for each thing costs less. Signatures are verified before, in
        chunks, and remembered (`node.gossip`); one that was not is verified here.
        """
        now_ms = self._clock()
        overlay, context = self._now(now_ms)
        found = [self._against(tx, overlay, context) for tx in transactions]
        return [self._keep(tx, now_ms) if outcome is None else outcome for tx, outcome in zip(transactions, found, strict=True)]

    def _against(self, tx: Transaction, overlay: Overlay, context: BlockContext) -> Outcome:
        """Say what speaks against a transaction before any other of its list is kept."""
        if tx.ref_id in self._by_ref:
            return None
        if not self.has_room(tx):
            return PoolFull(retry_after_s=RETRY_AFTER_S)
        return self._refusal(tx, overlay, context)

    def _keep(self, tx: Transaction, now_ms: int) -> Outcome:
        """Keep what nothing speaks against, unless it is here, or what was kept just before has its reference or took the last room."""
        held = self._by_ref.get(tx.ref_id)
        if held is not None:
            if self._waiting[held].transaction.tx_id == tx.tx_id:
                return None
            return RefConflict(sender=tx.sender, ref=tx.ref)
        if not self.has_room(tx):
            return PoolFull(retry_after_s=RETRY_AFTER_S)
        raw_id = tx.raw_id
        self._waiting[raw_id] = _Waiting(tx, now_ms, self._roomy + self._chain.validators)
        self._by_ref[tx.ref_id] = self._by_tx[tx.tx_id] = raw_id
        heappush(self._expiry, (tx.valid_until, raw_id))
        self.queues.add(tx)
        return None

    def has_room(self, tx: Transaction) -> bool:
        """Whether the pool, and the share of this participant, have room (M3); asked before signatures are verified."""
        return self.queues.has_room(tx, self._chain.state.participant_count)

    def is_over(self, tx: Transaction) -> bool:
        """Whether no block can take it any more: its reference is used on the final state, or its time has passed."""
        return tx.valid_until < self._chain.tip.facts.time_ms or self._chain.state.used_ref(tx.ref_id) is not None

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

    @property
    def remembered(self) -> int:
        """Transactions whose time of expiry is still noted, those that have left included."""
        return len(self._expiry)

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

    def has(self, raw_id: Hash) -> bool:
        """Whether this very transaction waits here."""
        return raw_id in self._waiting

    def find_raw(self, raw_id: Hash) -> Hash | None:
        """Whole transaction with this hash."""
        waiting = self._waiting.get(raw_id)
        return None if waiting is None else waiting.transaction.raw

    def waiting_since(self, seconds: float) -> list[Hash]:
        """Whole transactions that have been here for longer: what a peer sends again (M1)."""
        until = self._clock() - int(seconds * 1_000)
        return [waiting.transaction.raw for waiting in self._waiting.values() if waiting.admitted_ms < until]

    def oldest(self, count_max: int, bytes_max: int) -> list[Hash]:
        """Whole transactions that have been here for longest: at most so many, of so many bytes together, but the first in any case."""
        found: list[Hash] = []
        for waiting in islice(self._waiting.values(), count_max):
            raw = waiting.transaction.raw
            bytes_max -= len(raw)
            if found and bytes_max < 0:
                break
            found.append(raw)
        return found

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
            self._roomy += len(block.transactions) < FULL_TRANSACTIONS
            self._remove([raw_id for tx in block.transactions if (raw_id := self._by_ref.get(tx.ref_id)) is not None])
            for place, code in enumerate([receipt.code for receipt in block.receipts]):
                if code:
                    self._count_failure(block.facts.time_ms // MINUTE_MS, servicer_of(block.transactions[place].sender))
        newest = blocks[-1].facts
        if len(self._expiry) > 2 * len(self._waiting) + EXPIRY_SLACK:
            self._expiry = [(waiting.transaction.valid_until, raw_id) for raw_id, waiting in self._waiting.items()]
            heapify(self._expiry)
        self._expire(newest.time_ms)
        self._judge_again()

    def _expire(self, time_ms: int) -> None:
        """Drop what no later block may contain."""
        while self._expiry and self._expiry[0][0] < time_ms:
            _, raw_id = heappop(self._expiry)
            self._drop(raw_id, None)

    def _judge_again(self) -> None:
        """Judge what n leaders left out once more on the final state; drop it with its refusal (K18)."""
        due: list[_Waiting] = []
        for waiting in self._waiting.values():
            if waiting.judge_at > self._roomy or len(due) == REJUDGED_MAX:
                break
            due.append(waiting)
        overlay, context = self._now(self._clock())
        for waiting in due:
            raw_id = waiting.transaction.raw_id
            refusal = self._refusal(waiting.transaction, overlay, context)
            if refusal is not None:
                self._drop(raw_id, refusal)
                continue
            waiting.judge_at = self._roomy + self._chain.validators
            self._waiting[raw_id] = self._waiting.pop(raw_id)

    def _drop(self, raw_id: Hash, refusal: LedgerError | None) -> None:
        for gone in self._remove([raw_id]):
            for listener in self._dropped:
                listener(gone, refusal)

    def _remove(self, raw_ids: Sequence[Hash]) -> list[Transaction]:
        """Take out those of these that are here, a pass for each thing; return them."""
        waiting = self._waiting
        gone = [waiting.pop(raw_id).transaction for raw_id in raw_ids if raw_id in waiting]
        self.queues.remove(gone)
        self._set_aside.difference_update(raw_ids)
        for transaction in gone:
            del self._by_ref[transaction.ref_id], self._by_tx[transaction.tx_id]
        return gone

    # --- inside ------------------------------------------------------------------------------------------------------------

    def _refusal(self, transaction: Transaction, overlay: Overlay, context: BlockContext) -> Unorderable | None:
        try:
            check_admission(overlay, transaction, context, self._chain.cache.verified)
        except Unorderable as refusal:
            return refusal
        return None

    def _now(self, now_ms: int) -> tuple[Overlay, BlockContext]:
        """Return final state and context of a block that would come now: what is admitted within SHARED_MS shares what it reads."""
        tip = self._chain.tip.facts
        time_ms = max(now_ms, tip.time_ms + 1)
        here = self._here
        if here is not None and here[1].height == tip.height + 1 and 0 <= time_ms - here[1].time_ms < SHARED_MS:
            return here
        state = self._chain.state
        context = BlockContext(self._chain.chain_id, self._chain.epoch_number, tip.height + 1, tip.view + 1, time_ms, state.parameters)
        self._here = (Overlay(state), context)
        return self._here

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
