"""A node that votes, for one epoch: the core, its driver and everything that feeds it, joined (K22: the next epoch has a new one)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from consensus.events import Started
from consensus.replica import Replica
from consensus.types import ChainId
from ledger.parameters import parameter_of
from node.bodies import Bodies
from node.clockwatch import ClockWatch
from node.driver import Driver, now_ms
from node.finish import Finisher
from node.flusher import Flusher, stagger
from node.follow import answer_old_epoch
from node.inbox import Inbox
from node.judging import Judging
from node.parts import builder_of
from node.perform import Performer
from node.sync import Sync
from node.tasks import Tasks
from node.timers import Timers
from node.wire import Lane, PeerStatus, encode_frame
from node.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.effects import CatchUp
    from consensus.events import Committed
    from consensus.types import BlockFacts, BlockId
    from node.link import Link
    from node.memory import Memory
    from node.parts import Parts

BEACON_SECONDS = 2.0
"""How often nodes that do not vote are told how far the chain is."""
AHEAD_SECONDS = 1.0
"""A node that shows the next epoch has sent us how ours ended, too; where that did not come within this time, we take ranges from it."""

log = structlog.get_logger("epochs")

Lists = dict[bytes, dict["BlockId", tuple[bytes, ...]]]


class Voting:
    """The parts of a validator in one epoch. Its memory was begun in it, and the store holds the block that it stands on."""

    def __init__(self, parts: Parts, memory: Memory, lists: Lists, ended: Callable[[], None]) -> None:
        """Join it; `lists` are ids of transactions that came before the epoch did, `ended` is called at the final block that ends it."""
        chain, council, config = parts.chain, parts.chain.council, parts.config
        chain_id, tip, me = ChainId(chain.chain_id), chain.tip, memory.me
        timing = config.timing.timing(parameter_of(chain.state, "heartbeat_ms"))
        verifier = parts.votes.of(council.epoch)
        if verifier is None:
            raise AssertionError(f"epoch {council.epoch} has not begun")
        self._parts, self._memory, self._tasks = parts, memory, Tasks(parts.fail)
        self.me = me
        self.replica = Replica(chain_id, council.keys, me, timing, tip.facts, None if tip.facts.boundary else tip.certificate)
        self.replica.restore(memory.replayed)
        self._driver = Driver(self.replica)
        self._timers = Timers(self._driver.post, self._late)
        self._work = Work(chain, parts.pool, self._driver)
        self._ahead: dict[bytes, float] = {}
        """Node key -> when it first showed the next epoch; loop time."""
        parts.gossip.changed = self._work.grown
        memory.journal.watch, memory.signer.watch = parts.metrics.fsync["journal"].observe, parts.metrics.fsync["mark"].observe
        self.bodies = Bodies(chain, parts.gossip, parts.peers, council.node_keys, memory.blocks, tip.facts.height, parts.metrics)
        self.bodies.lists.update(lists)
        memory.taken()
        self.flusher = Flusher(chain, parts.metrics, stagger(config.limits.flush_transactions, me, council.keys.size), self._committed)
        finisher = Finisher(
            chain=chain,
            peers=parts.peers,
            flusher=self.flusher,
            tasks=self._tasks,
            metrics=parts.metrics,
            bodies=self.bodies,
            work=self._work,
            ended=ended,
        )
        self.sync = Sync(
            chain=chain,
            peers=parts.peers,
            verifiers=parts.votes,
            flusher=self.flusher,
            finisher=finisher,
            urls=parts.urls,
            session=parts.session,
            metrics=parts.metrics,
        )
        judging = Judging(
            chain=chain,
            bodies=self.bodies,
            builder=builder_of(parts),
            verifier=parts.transactions,
            driver=self._driver,
            tasks=self._tasks,
            metrics=parts.metrics,
            work=self._work,
            me=me,
            timing=timing,
        )
        self._performer = Performer(
            chain_id=chain_id,
            me=me,
            replica=self.replica,
            driver=self._driver,
            memory=memory,
            chain=chain,
            peers=parts.peers,
            timers=self._timers,
            judging=judging,
            finisher=finisher,
            bodies=self.bodies,
            evidence=parts.evidence,
            teller=parts.teller,
            metrics=parts.metrics,
            catch_up=self._catch_up,
        )
        self.receiver = Inbox(
            chain_id=chain_id,
            validators=council.keys,
            me=me,
            replica=self.replica,
            driver=self._driver,
            verifier=verifier,
            bodies=self.bodies,
            gossip=parts.gossip,
            clocks=ClockWatch(parts.metrics),
            metrics=parts.metrics,
            later=parts.later,
            others=self,
        )

    def start(self, source: Link | None) -> None:
        """Start to drive; `Started` is the first event. `source`: go on to catch up from there."""
        spawn = self._tasks.spawn
        self._driver.post(Started(now_ms()))
        spawn(self._driver.run(self._performer), "driver")
        spawn(self.flusher.run(), "flusher")
        spawn(self._work.run(), "work")
        spawn(self._beacon(), "beacon")
        if source is not None:
            self._take_ranges(source)

    @property
    def catching_up(self) -> bool:
        """Whether this node takes ranges."""
        return self.sync.running

    async def close(self) -> None:
        """Stop everything that is of this epoch, the timers first."""
        self._timers.close()
        await self._tasks.cancel()

    # --- nodes in other epochs ----------------------------------------------------------------------------------------

    def behind(self, link: Link, epoch: int) -> None:
        """Tell a node that shows an old epoch how that ended."""
        answer_old_epoch(self._parts.chain, link, epoch)

    def ahead(self, link: Link, epoch: int) -> None:
        """Catch up from a node that shows a later epoch, where the finalization that ends ours does not come by itself (K20)."""
        now = asyncio.get_running_loop().time()
        first = self._ahead.setdefault(link.node_key, now)
        if epoch > self.replica.epoch + 1 or now - first > AHEAD_SECONDS:
            self._take_ranges(link)

    def _take_ranges(self, link: Link) -> None:
        if not self.sync.running:
            self._tasks.spawn(self.sync.catch_up(link, lambda: True, self._driver.post), "catch up")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _committed(self, event: Committed, facts: BlockFacts) -> None:
        """LMDB has everything up to there: tell the core, let the journal go."""
        self._driver.post(event)
        self._memory.journal.drop_below(facts)

    def _catch_up(self, effect: CatchUp) -> None:
        link = self._parts.peers.link_of(effect.peer)
        if link is None or self.sync.running:
            return
        chain, wanted = self._parts.chain, (self.replica.epoch, effect.final_view)
        self._tasks.spawn(self.sync.catch_up(link, lambda: chain.position < wanted, self._driver.post), "catch up")

    def _late(self) -> None:
        """Half of the leader's time has gone without a proposal: it, and whoever else sleeps, may not know what there is to do (K18)."""
        self._parts.gossip.hand_over(None)

    async def _beacon(self) -> None:
        """Tell nodes that do not vote how far the chain is, until cancelled."""
        peers, chain = self._parts.peers, self._parts.chain
        while True:
            await asyncio.sleep(BEACON_SECONDS)
            if peers.followed():
                peers.to_followers(Lane.VOTES, encode_frame(PeerStatus(chain.tip.facts.height, now_ms())))
