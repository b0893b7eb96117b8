"""What happens when blocks become final here, by votes or by catching up: state, clients, followers, store, in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from ledger.errors import OK, InvariantBroken
from node.driver import now_ms
from node.wire import FinalBlock as FinalBlockFrame
from node.wire import Lane, encode_frame, wire_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consensus.types import BlockId, Certificate
    from node.blocks import FinalBlock
    from node.bodies import Bodies
    from node.chain import Chain
    from node.flusher import Flusher
    from node.metrics import Metrics
    from node.peers import Peers
    from node.tasks import Tasks
    from node.work import Work

NEAR_HEIGHTS = 8
"""So near to the end of its epoch whatever is final is flushed at once, so that the boundary itself leaves little to write (K22)."""

log = structlog.get_logger("chain")


class Finisher:
    """Makes judged blocks final. The certificate and the bodies are durable before it is called, or are held by a quorum (catching up)."""

    def __init__(  # noqa: PLR0913 - it joins what the node is made of
        self,
        *,
        chain: Chain,
        peers: Peers,
        flusher: Flusher,
        tasks: Tasks,
        metrics: Metrics,
        bodies: Bodies | None,
        work: Work | None,
        ended: Callable[[], None],
    ) -> None:
        """Take what hears of final blocks; `ended` is called once the block that ends the epoch is final (K22)."""
        self._chain, self._peers, self._flusher, self._tasks, self._metrics = chain, peers, flusher, tasks, metrics
        self._bodies, self._work, self._ended = bodies, work, ended

    def finalize(self, blocks: Sequence[BlockId], certificate: Certificate) -> None:
        """Make these blocks final, ancestors first; those that are already are passed over."""
        done = self._chain.finalize(blocks, certificate)
        if not done:
            return
        if self._bodies is not None:
            self._bodies.forget(blocks)
        self._count(done)
        if self._work is not None:
            self._work.look()
        self._push(done, certificate)
        if self._chain.tip.facts.boundary:
            self._ended()
        elif not self._flusher.running and (self._flusher.due() or self._near_the_end()):
            self._tasks.spawn(self._flusher.flush(), "flush")

    def _near_the_end(self) -> bool:
        return self._chain.epoch.end - self._chain.tip.facts.height <= NEAR_HEIGHTS

    def _count(self, done: tuple[FinalBlock, ...]) -> None:
        self._metrics.blocks_final.inc(len(done))
        codes = [receipt.code for block in done for receipt in block.receipts]
        passed = codes.count(OK)
        self._metrics.transactions_ok.inc(passed)
        self._metrics.transactions_failed.inc(len(codes) - passed)
        if InvariantBroken.code in codes:
            self._metrics.alarm("invariant")
            log.error("an invariant refused a transaction: our fault, look at its receipt (900)", height=done[-1].facts.height)
        newest = done[-1].facts
        self._metrics.finality.observe(max(0, now_ms() - newest.time_ms) / 1_000)
        log.debug("final", height=newest.height, view=newest.view, blocks=len(done), transactions=len(codes))

    def _push(self, done: tuple[FinalBlock, ...], certificate: Certificate) -> None:
        """Send the blocks to the nodes that follow this one; the last carries the certificate."""
        followers = [link for link in self._peers.links() if link.follows]
        if not followers:
            return
        wire = wire_certificate(certificate)
        for block in done:
            own = wire if block.facts.block_id == certificate.subject.block_id else None
            data = encode_frame(FinalBlockFrame(block.stored.header, own, block.stored.body))
            for link in followers:
                link.send(Lane.BULK, data)
