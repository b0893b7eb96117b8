"""A node that does not vote, joined: it follows final blocks, passes on what its clients bring, and repeats it (M1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.finish import Finisher
from node.flusher import Flusher
from node.follow import Follower
from node.gossip import Gossip
from node.sync import Sync

if TYPE_CHECKING:
    from consensus.events import Committed
    from consensus.types import BlockFacts
    from node.parts import Parts

BEHIND_MAX = 2
"""A push or two may be on its way: more heights behind what validators claim is catching up."""


class Following:
    """The parts of a peer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.gossip = Gossip(
            pool=parts.pool,
            cache=parts.chain.cache,
            verifier=parts.transactions,
            peers=parts.peers,
            metrics=parts.metrics,
            changed=_nothing,
        )
        self.flusher = Flusher(parts.chain, parts.metrics, parts.config.limits.flush_transactions, _committed)
        finisher = Finisher(
            chain=parts.chain, peers=parts.peers, flusher=self.flusher, tasks=parts.tasks, metrics=parts.metrics, bodies=None, work=None
        )
        self.sync = Sync(parts.chain, parts.peers, parts.votes, self.flusher, finisher, parts.urls, parts.session)
        self.follower = Follower(
            chain=parts.chain,
            peers=parts.peers,
            verifier=parts.votes,
            sync=self.sync,
            finisher=finisher,
            tasks=parts.tasks,
            metrics=parts.metrics,
        )
        parts.peers.receiver = self.follower

    def start(self) -> None:
        """Start to follow."""
        spawn = self._parts.tasks.spawn
        spawn(self.follower.watch(), "watch")
        spawn(self.follower.run(), "follow")
        spawn(self.flusher.run(), "flusher")
        spawn(self.gossip.run(), "gossip")
        spawn(self.gossip.repeat(), "repeat")

    @property
    def catching_up(self) -> bool:
        """Whether this node is behind what validators claim."""
        return self.sync.running or self.follower.behind > BEHIND_MAX

    def close(self) -> None:
        """Nothing is left to stop."""


def _nothing() -> None:
    """Nothing waits for the pool of a node that does not build."""


def _committed(event: Committed, facts: BlockFacts) -> None:
    """No core and no journal hear of it."""
    del event, facts
