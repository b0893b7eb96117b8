"""A live bridge whose chain stops finalising, or one of whose providers lies: what stops, what is said of it, and how it goes on again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import aiohttp

from devnet.client import Client
from node.api.bridge_structs import BridgeAttestation, QuoteBody
from node.api.order_structs import OrdersBody
from tests.devnet.bridge_flow import ALICE, BOB, HOME_B, demand, until
from tests.devnet.bridge_liar import lying
from tests.devnet.bridge_net import PARTICIPANTS, ROUTE, BridgeNet, BridgePlan
from tests.devnet.bridge_stranger import som

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import TypeAlias

    from tests.devnet.bridge_liar import Liar

    Condition: TypeAlias = Callable[[], Awaitable[bool]]

STALLED_SECONDS = 12
"""Longer than a chain of a block each second ever takes to finalise one, on a busy machine."""
PLAN = BridgePlan(guardians=PARTICIPANTS[:1], stalled_seconds=STALLED_SECONDS)
WITNESS = PARTICIPANTS[0]
"""Whose second provider lies, and who may pause."""
LOCKED, BURNED = 70_000, 9_000
PAUSED = 131
METRICS_ABOVE = 40
"""Port of the witness's metrics, above those of the nodes."""


class Watched:
    """The net, and the one attestor that is looked at."""

    def __init__(self, net: BridgeNet, liar: Liar, metrics_port: int) -> None:
        self.net, self.liar, self._port = net, liar, metrics_port
        self._heard = 0
        net.configure(WITNESS, f'participant = "{WITNESS}"\nmetrics_port = {metrics_port}\n', liar.url)

    async def start(self) -> Self:
        """Start everybody; see that a transfer is completed while the providers agree."""
        self.net.go_on(1)
        await asyncio.gather(*(each.start() for each in self.net.processes.values()))
        await self.net.lock(LOCKED, BOB)
        await until(self.net, "Bob has what was locked", self._holds(BOB, LOCKED))
        return self

    async def differ(self) -> str:
        """Let one of two providers hide a burn: that attestor stops and says why, the others pay the burn and mint a lock."""
        net = self.net
        self.liar.hides_events = True
        before = await net.balance(HOME_B)
        await asyncio.to_thread(net.burn, BOB, BURNED, HOME_B)

        async def released() -> bool:
            return await net.balance(HOME_B) == before + BURNED

        paid = await until(net, "the others release the burn", released)
        await until(net, "it is said what differs", self._says("differ on the events of blocks"))
        await self._doctor(1, "differ on the events")
        nonce = (await net.route()).locks + 1
        await net.lock(LOCKED, ALICE)
        minted = await until(net, "the others have the lock minted", self._holds(ALICE, LOCKED))
        signed = await net.client.get(f"/v1/bridge/routes/{ROUTE}/attestation?what=mint&number={nonce}", BridgeAttestation)
        demand(WITNESS in {each.participant for each in signed.signatures}, needed=False, promise="who stopped signs nothing")
        self.liar.hides_events = False
        back = await until(net, "it goes on when they agree", self._says("goes on"))
        await self._doctor(0, "ok")
        others = f"the others release in {paid:.1f} s and mint in {minted:.1f} s"
        return f"providers that differ: {WITNESS} stops, {others}; it is back {back:.1f} s after they agree"

    async def stall(self) -> str:
        """Let the chain stand still: the route is paused, and it is said why; when it goes on so does the route."""
        net = self.net
        net.go_on(0)
        took = await until(net, "the route is paused", self._paused)
        (order,) = (await net.client.get(f"/v1/orders?scope=bridge&subject={ROUTE}", OrdersBody)).orders
        demand((order.by, order.mode, order.id.rpartition(":")[0]), (WITNESS, "pause", f"stalled:{ROUTE}"), "an order says what happened")
        await until(net, "it is said why", self._says("the chain has not finalised for"))
        await until(net, "the metric is up", self._metric("som_bridge_finality_stalled", 1))
        quote = await net.client.get(f"/v1/bridge/routes/{ROUTE}/quote?amount=500", QuoteBody)
        demand((quote.code, order.id in quote.reason), (PAUSED, True), "a quote says that the route is paused")
        await self._doctor(1, "has not finalised")
        net.go_on(1)
        back = await until(net, "the pause is lifted", self._open)
        await until(net, "it goes on", self._says("goes on"))
        await until(net, "the metric is down", self._metric("som_bridge_finality_stalled", 0))
        held = net.held(BOB)
        await net.lock(LOCKED, BOB)
        await until(net, "a lock passes again", self._holds(BOB, held + LOCKED))
        return f"a chain that stands still: paused after {took:.1f} s ({STALLED_SECONDS} allowed), open {back:.1f} s after it goes on"

    def _holds(self, holder: str, amount: int) -> Condition:
        async def holds() -> bool:
            return self.net.held(holder) == amount

        return holds

    def _says(self, words: str) -> Condition:
        """Whether the process has logged words since this was last asked for and found."""

        async def says() -> bool:
            log = await asyncio.to_thread(self.net.processes[WITNESS].log.read_text)
            place = log.find(words, self._heard)
            if place >= 0:
                self._heard = place + len(words)
            return place >= 0

        return says

    def _metric(self, name: str, value: int) -> Condition:
        async def shows() -> bool:
            async with Client(f"http://127.0.0.1:{self._port}") as client:
                try:
                    return f'{name}{{route="{ROUTE}"}} {value}.0' in await client.text("/metrics")
                except aiohttp.ClientError:
                    return False

        return shows

    async def _paused(self) -> bool:
        return bool((await self.net.client.get(f"/v1/orders?scope=bridge&subject={ROUTE}", OrdersBody)).orders)

    async def _open(self) -> bool:
        return not await self._paused()

    async def _doctor(self, code: int, words: str) -> None:
        folder = self.net.folder / WITNESS
        found, said = await som("--config", str(folder / "som.toml"), "bridge", "doctor", str(folder / "bridge.toml"))
        demand((found, words in said), (code, True), f"the doctor shows it: {said}")


async def watched(folder: Path, port_base: int) -> str:
    """Run both on one net; return what happened."""
    async with BridgeNet(folder, port_base, PLAN) as net:
        with lying(net.anvil.url) as liar:
            found = await Watched(net, liar, port_base + METRICS_ABOVE).start()
            return f"{await found.differ()}\n{await found.stall()}"
