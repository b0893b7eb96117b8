"""A node that votes: the core, its driver and everything that feeds it, joined."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from consensus.events import Started
from consensus.replica import Replica
from consensus.types import ChainId
from node.bodies import Bodies
from node.clockwatch import ClockWatch
from node.driver import Driver, now_ms
from node.evidence import EvidenceBook
from node.files import DiskFiles
from node.finish import Finisher
from node.flusher import Flusher, stagger
from node.gossip import Gossip
from node.inbox import Inbox
from node.judging import Judging
from node.parts import builder_of
from node.perform import Performer
from node.sync import Sync
from node.timers import Timers
from node.wire import Lane, PeerStatus, encode_frame
from node.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.effects import CatchUp
    from consensus.events import Committed
    from consensus.types import BlockFacts
    from node.fatal import Fatal
    from node.parts import Parts
    from node.prepare import Prepared, Voter

BEACON_SECONDS = 2.0
"""How often nodes that do not vote are told how far the chain is."""


class Voting:
    """The parts of a validator."""

    def __init__(self, prepared: Prepared, voter: Voter, parts: Parts, fail: Callable[[Fatal], None]) -> None:
        chain_id, chain = ChainId(parts.chain.chain_id), parts.chain
        timing = prepared.config.timing.timing()
        tip = chain.tip
        self.replica = Replica(chain_id, prepared.validators, voter.me, timing, tip.facts, tip.certificate)
        self.replica.restore(voter.memory.replayed)
        self._parts, self._memory = parts, voter.memory
        self._driver = Driver(self.replica)
        self._timers = Timers(self._driver.post)
        work = Work(chain, parts.pool, self._driver)
        self.gossip = Gossip(
            pool=parts.pool, cache=chain.cache, verifier=parts.transactions, peers=parts.peers, metrics=parts.metrics, changed=work.look
        )
        node_keys = [bytes.fromhex(each.node_key) for each in prepared.genesis.validators]
        bodies = Bodies(chain, self.gossip, parts.peers, node_keys, voter.memory.blocks, tip.facts.height)
        threshold = stagger(prepared.config.limits.flush_transactions, voter.me, prepared.validators.size)
        self.flusher = Flusher(chain, parts.metrics, threshold, self._committed)
        finisher = Finisher(
            chain=chain, peers=parts.peers, flusher=self.flusher, tasks=parts.tasks, metrics=parts.metrics, bodies=bodies, work=work
        )
        self.sync = Sync(chain, parts.peers, parts.votes, self.flusher, finisher, parts.urls, parts.session)
        judging = Judging(
            chain=chain,
            bodies=bodies,
            builder=builder_of(parts),
            verifier=parts.transactions,
            driver=self._driver,
            tasks=parts.tasks,
            metrics=parts.metrics,
            work=work,
            me=voter.me,
            timing=timing,
        )
        self.evidence = EvidenceBook(DiskFiles(), prepared.config.data_folder / "evidence", fail)
        self._performer = Performer(
            chain_id=chain_id,
            me=voter.me,
            replica=self.replica,
            driver=self._driver,
            memory=voter.memory,
            chain=chain,
            peers=parts.peers,
            timers=self._timers,
            judging=judging,
            finisher=finisher,
            bodies=bodies,
            evidence=self.evidence,
            metrics=parts.metrics,
            catch_up=self._catch_up,
        )
        self._work = work
        parts.peers.receiver = Inbox(
            chain_id=chain_id,
            validators=prepared.validators,
            me=voter.me,
            replica=self.replica,
            driver=self._driver,
            verifier=parts.votes,
            bodies=bodies,
            gossip=self.gossip,
            clocks=ClockWatch(parts.metrics),
            metrics=parts.metrics,
        )

    def start(self) -> None:
        """Start to drive; `Started` is the first event."""
        spawn = self._parts.tasks.spawn
        self._driver.post(Started(now_ms()))
        spawn(self._driver.run(self._performer), "driver")
        spawn(self.gossip.run(), "gossip")
        spawn(self.flusher.run(), "flusher")
        spawn(self._work.run(), "work")
        spawn(self._beacon(), "beacon")

    def close(self) -> None:
        """Stop the timers."""
        self._timers.close()

    def _committed(self, event: Committed, facts: BlockFacts) -> None:
        """LMDB has everything up to there: tell the core, let the journal go."""
        self._driver.post(event)
        self._memory.journal.drop_below(facts)

    def _catch_up(self, effect: CatchUp) -> None:
        link = self._parts.peers.link_of(effect.peer)
        if link is None or self.sync.running:
            return
        chain = self._parts.chain
        self._parts.tasks.spawn(
            self.sync.catch_up(link, lambda: chain.tip.facts.view < effect.final_view, self._driver.post),
            "catch up",
        )

    async def _beacon(self) -> None:
        """Tell nodes that do not vote how far the chain is, until cancelled."""
        peers, chain = self._parts.peers, self._parts.chain
        while True:
            await asyncio.sleep(BEACON_SECONDS)
            if peers.followed():
                peers.to_followers(Lane.VOTES, encode_frame(PeerStatus(chain.tip.facts.height, now_ms())))
