"""What the core asks for and waits for: judge a block, fetch one, build one. Each runs beside the driver and comes back as one event.

Source: consensus.md K4, K8; architecture.md, "Effects contract".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from consensus.events import BodyArrived, BuildFailed, Built, Judged, Verdict
from node.blocks import BodyMismatch, BuildRequest
from node.driver import now_ms
from node.wire import facts_of, header_of

if TYPE_CHECKING:
    from consensus.effects import Build, FetchBlock, Judge
    from consensus.types import BlockId, Timing, ValidatorId
    from node.bodies import Bodies
    from node.builder import Builder
    from node.chain import Chain
    from node.driver import Driver
    from node.metrics import Metrics
    from node.tasks import Tasks
    from node.verify import TransactionVerifier
    from node.work import Work

log = structlog.get_logger("judging")


class Judging:
    """Long work for the core."""

    def __init__(  # noqa: PLR0913 - it joins what the node is made of
        self,
        *,
        chain: Chain,
        bodies: Bodies,
        builder: Builder,
        verifier: TransactionVerifier,
        driver: Driver,
        tasks: Tasks,
        metrics: Metrics,
        work: Work,
        me: ValidatorId,
        timing: Timing,
    ) -> None:
        self._chain, self._bodies, self._builder, self._verifier = chain, bodies, builder, verifier
        self._driver, self._tasks, self._metrics, self._work = driver, tasks, metrics, work
        self._me, self._timing = me, timing
        self._fetching: set[BlockId] = set()

    def judge(self, effect: Judge) -> None:
        """Start to judge; `Judged` follows, exactly one."""
        self._tasks.spawn(self._judge(effect), "judge")

    def fetch(self, effect: FetchBlock) -> None:
        """Start to fetch header and body, unless that is under way; `BodyArrived` follows where somebody has them."""
        if effect.block_id not in self._fetching:
            self._fetching.add(effect.block_id)
            self._tasks.spawn(self._fetch(effect), "fetch")

    def build(self, effect: Build) -> None:
        """Start to build; `Built` or `BuildFailed` follows."""
        self._tasks.spawn(self._build(effect), "build")

    async def _judge(self, effect: Judge) -> None:
        block_id = effect.block_id
        stored = await self._bodies.obtain(block_id, effect.ask)
        if stored is None:
            self._driver.post(Judged(block_id, Verdict.NONE, effect.facts, now_ms()))
            return
        began = asyncio.get_running_loop().time()
        try:
            with self._verifier.held_back():
                judgement = await self._chain.judge(stored, self._bodies.ids_of(block_id))
        except BodyMismatch:
            # `obtain` gives only bodies that fit; one from the journal may not, where the view key is another: no verdict.
            log.warning("a body does not hash to its header", block=block_id.hex())
            self._driver.post(Judged(block_id, Verdict.NONE, effect.facts, now_ms()))
            return
        self._metrics.judge.observe(asyncio.get_running_loop().time() - began)
        if judgement.verdict is not Verdict.VALID:
            if judgement.verdict is Verdict.INVALID:
                self._metrics.alarm("false_verdict")
            log.warning("block not valid", block=block_id.hex(), verdict=judgement.verdict.name, why=judgement.reason)
        else:
            self._work.built_on(judgement.facts)
        self._driver.post(Judged(block_id, judgement.verdict, judgement.facts, now_ms(), judgement.work))
        self._work.look()

    async def _fetch(self, effect: FetchBlock) -> None:
        block_id = effect.block_id
        try:
            stored = await self._bodies.obtain(block_id, effect.ask)
        finally:
            self._fetching.discard(block_id)
        if stored is not None:
            self._driver.post(BodyArrived(block_id, now_ms(), facts_of(*header_of(stored.header))))

    async def _build(self, effect: Build) -> None:
        request = BuildRequest(
            view=effect.view,
            parent=effect.parent,
            proposer=self._me,
            time_ms_min=effect.time_ms_min,
            unfinal_views=effect.unfinal_views,
            empty=effect.unfinal_views > self._timing.unfinal_depth_max,
        )
        built = await self._builder.build(request)
        if built is None:
            self._driver.post(BuildFailed(effect.view, now_ms()))
        else:
            self._work.built_on(built.facts)
            self._driver.post(Built(effect.view, built.facts, now_ms(), built.work))
            self._work.look()
