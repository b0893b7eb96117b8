"""Transactions on their way (M1).

From clients to every validator at once, from other nodes into the pool, each verified before it goes further. What arrives waits in a
bounded backlog per sender, taken in turns, so that a sender who floods waits behind himself. A bad signature or bytes that are no
transaction are the sender's fault, since nothing unverified is passed on: it is cut off. Whatever else is refused may only be late.
"""

from __future__ import annotations

import asyncio
from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from ledger.errors import LedgerError, Malformed
from node.api.backend import PoolFull
from node.wire import BULK_FRAME_MAX, GOSSIP_MAX, Lane, Transactions, WireError, encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ledger.transactions.bodies import Transaction
    from node.link import Link
    from node.metrics import Metrics
    from node.peers import Peers
    from node.transactions import TransactionCache
    from node.verify import TransactionVerifier

BACKLOG_MAX = 6_000
"""Transactions per sender that wait to be verified: as many as the pool admits at all."""
BACKLOG_BYTES_MAX = 16 * 1_048_576
TURN = 250
"""Transactions taken from one sender before it is another's turn, and admitted of a client's list between two turns of the loop: 2 ms of
admission, their signatures apart, which are verified in chunks. Many at once cost less each, and go on to others in one message."""
REPEAT_SECONDS = 2.0
"""M1: a peer sends again what is neither final nor expired."""

Outcome = LedgerError | PoolFull | None


class Mempool(Protocol):
    """The pool, as gossip uses it. Signatures are verified before."""

    def has_room(self, tx: Transaction) -> bool:
        """Whether pool and share of its participant have room (M3): if not, nothing else needs to be looked at."""
        ...

    def is_over(self, tx: Transaction) -> bool:
        """Whether no block can take it any more."""
        ...

    def admit(self, transactions: Sequence[Transaction]) -> list[Outcome]:
        """Check each against the last final state and keep it; None: kept, or here already."""
        ...

    def find_raw(self, raw_id: bytes) -> bytes | None:
        """Whole transaction with this hash."""
        ...

    def has(self, raw_id: bytes) -> bool:
        """Whether this very transaction waits here."""
        ...

    def waiting_since(self, seconds: float) -> Iterable[bytes]:
        """Whole transactions that have been here for longer than that."""
        ...

    def oldest(self, count_max: int, bytes_max: int) -> Sequence[bytes]:
        """Whole transactions that have been here for longest, within both limits."""
        ...


class Backlog:
    """What one sender's transactions wait in."""

    __slots__ = ("bytes", "link", "raws")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.raws: deque[tuple[bytes, bytes]] = deque()
        self.bytes = 0


def _nobody() -> None:
    """Nobody builds here."""


class Gossip:
    """Both directions of M1 for one node."""

    def __init__(
        self,
        *,
        pool: Mempool,
        cache: TransactionCache,
        verifier: TransactionVerifier,
        peers: Peers,
        metrics: Metrics,
    ) -> None:
        self._pool, self._cache, self._verifier, self._peers, self._metrics = pool, cache, verifier, peers, metrics
        self.changed: Callable[[], None] = _nobody
        """Called after something may have come into the pool; set by whoever builds blocks in this epoch."""
        self._backlogs: dict[bytes, Backlog] = {}
        self._waiting: dict[bytes, bytes] = {}
        """raw_id -> transaction, of every backlog."""
        self._wake = asyncio.Event()
        self._outgoing: list[bytes] = []

    def quiet(self) -> None:
        """Tell nobody of the pool any more: this node builds no blocks now."""
        self.changed = _nobody

    # --- from clients -------------------------------------------------------------------------------------------------

    async def admit(self, transactions: Sequence[Transaction]) -> list[Outcome]:
        """Verify, keep, and pass on to every validator at once. One outcome each, in order."""
        await self._verifier.check([tx for tx in transactions if self._pool.has_room(tx)])
        outcomes: list[Outcome] = []
        fresh = 0
        for start in range(0, len(transactions), TURN):
            if start:
                await asyncio.sleep(0)
            some = transactions[start : start + TURN]
            new = {tx.raw_id: tx for tx in some if not self._pool.has(tx.raw_id)}
            # Where there was no room it is refused for that, else its signatures are known by now, good or not.
            outcomes += self._pool.admit(some)
            for raw_id, tx in new.items():
                if self._pool.has(raw_id):
                    fresh += 1
                    self._cache.remember(tx)
                    self._pass_on(tx.raw)
        self._metrics.transactions_admitted.inc(fresh)
        self.changed()
        return outcomes

    def _pass_on(self, raw: bytes) -> None:
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._send_outgoing)
        self._outgoing.append(raw)

    def _send_outgoing(self) -> None:
        raws, self._outgoing = self._outgoing, []
        self.send(raws)

    def send(self, raws: Sequence[bytes]) -> None:
        """Send transactions to every validator, in frames of at most 500 and at most half a frame's bytes."""
        batch: list[bytes] = []
        size = 0
        for raw in raws:
            if batch and (len(batch) == GOSSIP_MAX or size + len(raw) > BULK_FRAME_MAX // 2):
                self._peers.to_validators(Lane.BULK, encode_frame(Transactions(tuple(batch))))
                batch, size = [], 0
            batch.append(raw)
            size += len(raw)
        if batch:
            self._peers.to_validators(Lane.BULK, encode_frame(Transactions(tuple(batch))))

    def hand_over(self, link: Link | None) -> None:
        """Send what has waited here for longest, whoever brought it, in one frame: to one validator, or to all (None).

        To who has just been connected: what was sent before did not reach it. To all where a leader is late (K18): one who knows of
        nothing to do sleeps, and so do those who would give it up; a liar could tell a payment to one validator only.
        """
        raws = self._pool.oldest(GOSSIP_MAX, BULK_FRAME_MAX // 2)
        if not raws:
            return
        data = encode_frame(Transactions(tuple(raws)))
        self._metrics.transactions_handed_over.inc(len(raws))
        if link is None:
            self._peers.to_validators(Lane.BULK, data)
        else:
            link.send(Lane.BULK, data)

    async def repeat(self) -> None:
        """Send again, for as long as the node runs, what waits here (peers only)."""
        while True:
            await asyncio.sleep(REPEAT_SECONDS)
            self.send(list(self._pool.waiting_since(REPEAT_SECONDS)))

    # --- from other nodes ---------------------------------------------------------------------------------------------

    def arrived(self, link: Link, raws: Sequence[bytes]) -> None:
        """Put transactions into the sender's backlog; what does not fit is dropped (its sender keeps it, and repeats or proposes it)."""
        backlog = self._backlogs.get(link.node_key)
        if backlog is None:
            backlog = self._backlogs[link.node_key] = Backlog(link)
        backlog.link = link
        for raw in raws:
            raw_id = sha256(raw).digest()
            if raw_id in self._waiting or self._pool.has(raw_id):
                continue
            if len(backlog.raws) >= BACKLOG_MAX or backlog.bytes + len(raw) > BACKLOG_BYTES_MAX:
                self._metrics.dropped("queue_full")
                continue
            backlog.raws.append((raw_id, raw))
            backlog.bytes += len(raw)
            self._waiting[raw_id] = raw
        self._wake.set()

    def find_raw(self, raw_id: bytes) -> bytes | None:
        """Whole transaction with this hash: in the pool, remembered, or still waiting to be verified."""
        raw = self._waiting.get(raw_id)
        if raw is None:
            raw = self._pool.find_raw(raw_id)
        if raw is None and (tx := self._cache.find(raw_id)) is not None:
            raw = tx.raw
        return raw

    async def run(self) -> None:
        """Verify what waits, a turn for each sender, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                for backlog in list(self._backlogs.values()):
                    if backlog.raws:
                        await self._turn(backlog)
                        if self._waiting:
                            await asyncio.sleep(0)
                    elif not backlog.link.connected:
                        self._backlogs.pop(backlog.link.node_key, None)
                self.changed()

    async def _turn(self, backlog: Backlog) -> None:
        """Decode, verify and admit some transactions of one sender."""
        taken = [backlog.raws.popleft() for _ in range(min(TURN, len(backlog.raws)))]
        backlog.bytes -= sum(len(raw) for _, raw in taken)
        try:
            with self._metrics.stage("decode"):
                transactions = [self._cache.decode_known(raw_id, raw) for raw_id, raw in taken]
            # What is over is a repetition that came late, or a replay: no signature need be looked at.
            transactions = [tx for tx in transactions if self._pool.has_room(tx) and not self._pool.is_over(tx)]
            good = await self._verifier.check(transactions)
        except Malformed as problem:
            self._metrics.dropped("malformed")
            self._drop(backlog, WireError("malformed", str(problem)))
        else:
            self._pool.admit([tx for tx, verified in zip(transactions, good, strict=True) if verified])
            if not all(good):
                self._metrics.dropped("signature")
                self._drop(backlog, WireError("signature", "a transaction with a signature that is none"))
        finally:
            for raw_id, _ in taken:
                self._waiting.pop(raw_id, None)

    def _drop(self, backlog: Backlog, lie: WireError) -> None:
        """Cut a liar off and forget what it sent."""
        self._peers.cut(backlog.link, lie)
        for raw_id, _ in backlog.raws:
            self._waiting.pop(raw_id, None)
        backlog.raws.clear()
        backlog.bytes = 0
