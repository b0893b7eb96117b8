"""The bridge end to end, of real processes: nobody's word alone moves money, and no process that dies loses or doubles any of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.devnet.bridge_net import PARTICIPANTS, BridgeNet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

SECONDS_MAX = 90
ALICE, BOB = ("0x" + byte * 20 for byte in ("c1", "c2"))


async def until(net: BridgeNet, what: str, true: Callable[[], Awaitable[bool]]) -> None:
    """Let the chain go on until something is so."""
    deadline = time.monotonic() + SECONDS_MAX
    while not await true():
        if time.monotonic() > deadline:
            logs = "\n".join(f"{name}: {net.said(name)}" for name in net.processes)
            raise AssertionError(f"not in {SECONDS_MAX} s: {what}\n{await net.route()}\n{net.seen()}\n{logs}")
        net.mine()
        await asyncio.sleep(0.3)


@pytest.mark.timeout(240)
async def test_locked_minted_moved_burned_and_released(tmp_path: Path) -> None:
    """Goal: the whole way and back with one attestor of four dead, and a stop by SIGTERM.

    Method: lock for Alice, mint, she pays Bob there, he burns for bank-b; both sides' totals are equal in the end.
    """
    async with BridgeNet(tmp_path, 18200) as net:
        for name in (*PARTICIPANTS[:3], "relayer"):
            await net.processes[name].start()
        await net.lock(123_456, ALICE)

        async def minted() -> bool:
            return net.held(ALICE) == 123_456

        await until(net, "Alice has what was locked", minted)
        net.there.token.send(ALICE, "transfer", BOB, 23_456)
        before = await net.balance("bank-b/main")
        net.burn(BOB, 20_000, "bank-b/main")

        async def released() -> bool:
            return await net.balance("bank-b/main") == before + 20_000

        await until(net, "bank-b has what was burned", released)

        async def agreed() -> bool:
            return (await net.route()).minted == "123456" and any(each.minted == "123456" for each in (await net.route()).seen)

        await until(net, "the ledger knows of the mint, and of the supply there", agreed)
        route, there = await net.route(), net.seen()
        assert (route.locked, route.refunded, route.released, route.burned) == ("123456", "0", "20000", "20000")
        assert (there["cumulativeMinted"], there["cumulativeBurned"]) == (123_456, 20_000)
        assert [await net.processes[name].stop() for name in (*PARTICIPANTS[:3], "relayer")] == [0, 0, 0, 0]
