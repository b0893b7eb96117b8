"""The order of the pool: who may have how much of it (M3), and whose turn it is (M4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.names import servicer_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ledger.transactions.bodies import Transaction

GOVERNANCE: Final = frozenset(
    {
        "approve",
        "asset.put",
        "attest",
        "grant.end",
        "grant.put",
        "keyset.put",
        "order.lift",
        "order.put",
        "param.set",
        "participant.put",
        "propose",
        "seize",
        "validator.set",
    }
)
"""Types that a builder takes first: a pause or an order must not wait behind the payments that it is to stop."""
GOVERNANCE_SHARE: Final = 10
"""At most a tenth of a block, so that nobody can crowd payments out with them."""
QUANTUM: Final = 4_096
"""Bytes that a participant may take before the next one's turn: a few payments, a 25th of a payroll."""


class _Queue:
    """What one participant has in the pool, in order of arrival."""

    __slots__ = ("bytes", "count", "governance", "other")

    def __init__(self) -> None:
        self.count = 0
        self.bytes = 0
        self.governance: dict[bytes, Transaction] = {}
        self.other: dict[bytes, Transaction] = {}


class Queues:
    """One queue per participant. The pool is divided twice, by number and by bytes, and both must have room."""

    def __init__(self, transactions_max: int, bytes_max: int) -> None:
        self._transactions_max, self._bytes_max = transactions_max, bytes_max
        self._queues: dict[str, _Queue] = {}
        self._participants = 0
        self._own_count = self._own_bytes = 0
        self._shared_count = self._shared_bytes = 0
        """What all together use of the free half."""
        self.count = 0
        self.bytes = 0

    def add(self, transaction: Transaction) -> None:
        """Put a transaction at the end of its participant's queue."""
        participant = servicer_of(transaction.sender)
        queue = self._queues.get(participant)
        if queue is None:
            queue = self._queues[participant] = _Queue()
        lane = queue.governance if transaction.type in GOVERNANCE else queue.other
        lane[transaction.raw_id] = transaction
        self._resize(queue, 1, len(transaction.raw))

    def remove(self, transactions: Iterable[Transaction]) -> None:
        """Take transactions out."""
        for transaction in transactions:
            participant = servicer_of(transaction.sender)
            queue = self._queues[participant]
            lane = queue.governance if transaction.type in GOVERNANCE else queue.other
            del lane[transaction.raw_id]
            self._resize(queue, -1, -len(transaction.raw))
            if not queue.count:
                del self._queues[participant]

    def has_room(self, transaction: Transaction, participants: int) -> bool:
        """Whether the participant's own share, or the free half, has room (M3).

        Each participant always has 1 / (2 * participants) of the pool; what it uses beyond is taken from the half that all share.
        """
        if participants != self._participants:
            self._divide(participants)
        queue = self._queues.get(servicer_of(transaction.sender))
        count, size = (0, 0) if queue is None else (queue.count, queue.bytes)
        wanted = len(transaction.raw)
        beyond = size + wanted - self._own_bytes
        if count < self._own_count and beyond <= 0:
            return True
        more_count = 1 if count >= self._own_count else 0
        more_bytes = min(wanted, max(0, beyond))
        return (more_count == 0 or self._shared_count + more_count <= self._transactions_max // 2) and (
            more_bytes == 0 or self._shared_bytes + more_bytes <= self._bytes_max // 2
        )

    def ordered(self, bytes_max: int, *, last: Collection[str]) -> Iterator[Transaction]:
        """Order for a block of `bytes_max`: a tenth for governance, then a quantum of bytes each in turn; `last` after all others (M6).

        A copy is made at once: the pool may change while a block is built.
        """
        names = sorted(self._queues)
        governance = [transaction for name in names for transaction in self._queues[name].governance.values()]
        first = [[*self._queues[name].other.values()] for name in names if name not in last]
        later = [[*self._queues[name].other.values()] for name in names if name in last]
        return _chain_of(governance, bytes_max // GOVERNANCE_SHARE, first, later)

    def _resize(self, queue: _Queue, count: int, size: int) -> None:
        """Account for a queue that has just grown, or shrunk, by one transaction."""
        before_count, before_bytes = queue.count, queue.bytes
        queue.count, queue.bytes = before_count + count, before_bytes + size
        self.count += count
        self.bytes += size
        own_count, own_bytes = self._own_count, self._own_bytes
        if before_count > own_count or queue.count > own_count:
            self._shared_count += _over(queue.count, own_count) - _over(before_count, own_count)
        if before_bytes > own_bytes or queue.bytes > own_bytes:
            self._shared_bytes += _over(queue.bytes, own_bytes) - _over(before_bytes, own_bytes)

    def _divide(self, participants: int) -> None:
        """Give each participant its share; there are more of them, or it is the first time."""
        self._participants = participants
        self._own_count, self._own_bytes = self._transactions_max // (2 * participants), self._bytes_max // (2 * participants)
        self._shared_count = sum(_over(each.count, self._own_count) for each in self._queues.values())
        self._shared_bytes = sum(_over(each.bytes, self._own_bytes) for each in self._queues.values())


def _chain_of(
    governance: list[Transaction], governance_max: int, first: list[list[Transaction]], later: list[list[Transaction]]
) -> Iterator[Transaction]:
    spent = 0
    for transaction in governance:
        if spent and spent + len(transaction.raw) > governance_max:
            break
        spent += len(transaction.raw)
        yield transaction
    yield from _round_robin(first)
    yield from _round_robin(later)


def _round_robin(queues: list[list[Transaction]]) -> Iterator[Transaction]:
    """By bytes: each queue in turn gets a quantum, and what it did not use stays with it while it has something left."""
    places = [0] * len(queues)
    credit = [0] * len(queues)
    active = [number for number, queue in enumerate(queues) if queue]
    while active:
        for number in active:
            queue, place = queues[number], places[number]
            credit[number] += QUANTUM
            while place < len(queue) and len(queue[place].raw) <= credit[number]:
                credit[number] -= len(queue[place].raw)
                yield queue[place]
                place += 1
            places[number] = place
        active = [number for number in active if places[number] < len(queues[number])]


def _over(used: int, own: int) -> int:
    """How much of what is used comes from the shared half."""
    return max(0, used - own)
