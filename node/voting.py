"""A node that votes, for one epoch: the core, its driver and everything that feeds it, joined (K22: the next epoch has a new one)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from consensus.events import Started
from consensus.replica import Replica
from consensus.types import ChainId
from ledger.parameters import parameter_of
from node.bodies import Bodies
from node.clockwatch import ClockWatch
from node.driver import Driver, now_ms
from node.finish import Finisher
from node.flusher import Flusher, stagger
from node.inbox import Inbox
from node.judging import Judging
from node.lag import Lag
from node.parts import builder_of
from node.perform import Performer
from node.sync import Sync
from node.tasks import Tasks
from node.timers import Timers
from node.wire import Lane, PeerStatus, encode_frame
from node.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.events import Committed
    from consensus.types import BlockFacts, BlockId
    from node.journal import Journal
    from node.link import Link
    from node.memory import Memory
    from node.parts import Parts

BEACON_SECONDS = 2.0
"""How often nodes that do not vote are told how far the chain is."""

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
        self._parts, self._tasks = parts, Tasks(parts.fail)
        self.me = me
        self.replica = Replica(chain_id, council.keys, me, timing, tip.facts, None if tip.facts.boundary else tip.certificate)
        self.replica.restore(memory.replayed)
        self._driver = Driver(self.replica)
        # Half of the leader's time has gone: it, and whoever else sleeps, may not know what there is to do (K18).
        self._timers = Timers(self._driver.post, partial(parts.gossip.hand_over, None))
        self._work = Work(chain, parts.pool, self._driver)
        parts.gossip.changed = self._work.grown
        memory.journal.watch, memory.signer.watch = parts.metrics.fsync["journal"].observe, parts.metrics.fsync["mark"].observe
        self.bodies = Bodies(chain, parts.gossip, parts.peers, council.node_keys, memory.blocks, tip.facts.height, parts.metrics)
        self.bodies.lists.update(lists)
        memory.taken()
        threshold = stagger(config.limits.flush_transactions, me, council.keys.size)
        self.flusher = Flusher(chain, parts.metrics, threshold, partial(_committed, self._driver, memory.journal))
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
        self._lag = Lag(parts, council.epoch, self.sync, self._driver, self._tasks)
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
            catch_up=self._lag.catch_up,
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
            others=self._lag,
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
            self._lag.take_ranges(source)

    @property
    def catching_up(self) -> bool:
        """Whether this node takes ranges."""
        return self.sync.running

    async def close(self) -> None:
        """Stop everything that is of this epoch, the timers first."""
        self._timers.close()
        await self._tasks.cancel()

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _beacon(self) -> None:
        """Tell nodes that do not vote how far the chain is, until cancelled."""
        peers, chain = self._parts.peers, self._parts.chain
        while True:
            await asyncio.sleep(BEACON_SECONDS)
            if peers.followed():
                peers.to_followers(Lane.VOTES, encode_frame(PeerStatus(chain.tip.facts.height, now_ms())))


def _committed(driver: Driver, journal: Journal, event: Committed, facts: BlockFacts) -> None:
    """LMDB has everything up to there: tell the core, let the journal go."""
    driver.post(event)
    journal.drop_below(facts)
