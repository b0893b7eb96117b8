"""A node that does not vote, joined: it follows final blocks, passes on what its clients bring, and repeats it (M1).

It outlives epochs as it is: whose certificates count, the final state says. It ends where this node's key comes to vote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.finish import Finisher
from node.flusher import Flusher
from node.follow import Follower
from node.sync import Sync
from node.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.events import Committed
    from consensus.types import BlockFacts
    from node.link import Link
    from node.parts import Parts

BEHIND_MAX = 2
"""A push or two may be on its way: more heights behind what validators claim is catching up."""


class Following:
    """The parts of a node that follows."""

    replica = None
    """It has no core."""

    def __init__(self, parts: Parts, ended: Callable[[], None]) -> None:
        """Join it; `ended` is called at the final block that ends an epoch."""
        self._parts, self._tasks = parts, Tasks(parts.fail)
        self.flusher = Flusher(parts.chain, parts.metrics, parts.config.limits.flush_transactions, _committed)
        finisher = Finisher(
            chain=parts.chain,
            peers=parts.peers,
            flusher=self.flusher,
            tasks=self._tasks,
            metrics=parts.metrics,
            bodies=None,
            work=None,
            ended=ended,
        )
        self.sync = Sync(
            chain=parts.chain,
            peers=parts.peers,
            verifiers=parts.votes,
            flusher=self.flusher,
            finisher=finisher,
            urls=parts.urls,
            session=parts.session,
            metrics=parts.metrics,
        )
        self.receiver = Follower(
            chain=parts.chain,
            peers=parts.peers,
            verifiers=parts.votes,
            sync=self.sync,
            finisher=finisher,
            gossip=parts.gossip,
            metrics=parts.metrics,
            later=parts.later if parts.config.role == "validator" else None,
        )

    def start(self, source: Link | None) -> None:
        """Start to follow; where it was catching up before, it looks for a source by itself."""
        del source
        spawn = self._tasks.spawn
        spawn(self.receiver.watch(), "watch")
        spawn(self.receiver.run(), "follow")
        spawn(self.flusher.run(), "flusher")
        spawn(self._parts.gossip.repeat(), "repeat")

    @property
    def catching_up(self) -> bool:
        """Whether this node is behind what validators claim."""
        return self.sync.running or self.receiver.behind > BEHIND_MAX

    @property
    def waits_for(self) -> str:
        """What this node waits for, one sentence."""
        source, behind = self.receiver.source, self.receiver.behind
        if not source:
            return "a validator to follow: none is connected"
        if self.sync.running:
            return f"the ranges of blocks that {source} sends"
        return f"{behind} blocks that validators claim, from {source}" if behind else f"the next final block, from {source}"

    async def close(self) -> None:
        """Stop everything that is of this role."""
        await self._tasks.cancel()


def _committed(event: Committed, facts: BlockFacts) -> None:
    """No core and no journal hear of it."""
    del event, facts
