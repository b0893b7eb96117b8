"""The bridge end to end, of real processes: nobody's word alone moves money, and no process that dies loses or doubles any of it."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.devnet.bridge_flow import ALICE, BOB, HOME_B, Books, Money, check_processes
from tests.devnet.bridge_net import PARTICIPANTS, BridgeNet
from tests.devnet.bridge_stranger import som, stranger_checks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

SECONDS_MAX = 90


async def until(net: BridgeNet, what: str, true: Callable[[], Awaitable[bool]]) -> None:
    """Let the chain go on until something is so."""
    deadline = time.monotonic() + SECONDS_MAX
    while not await true():
        if time.monotonic() > deadline:
            logs = "\n".join(f"{name}: {net.said(name)}" for name in net.processes)
            raise AssertionError(f"not in {SECONDS_MAX} s: {what}\n{await net.route()}\n{net.seen()}\n{logs}")
        net.mine()
        await asyncio.sleep(0.3)


@pytest.mark.timeout(600)
async def test_locked_minted_moved_burned_and_released(tmp_path: Path) -> None:
    """Goal: the whole way and back with one attestor of four dead; three processes killed on the way; a reorg releases nothing.

    Method: lock for Alice, mint, she pays Bob there, he burns for bank-b; a burn that a reorganisation takes back before it was final; then
    locks and burns while processes are killed and started again. In the end all is recomputed from both sides' raw records. A stranger
    verifies the proof of reserve by the genesis document alone, and each altered field of it is named.
    """
    async with BridgeNet(tmp_path, 18200) as net:
        running = (*PARTICIPANTS[:3], "relayer")
        for name in running:
            await net.processes[name].start()
        books, money = Books(net), Money([123_456], [])
        await books.open()
        await net.lock(123_456, ALICE)

        async def minted() -> bool:
            return net.held(ALICE) == 123_456

        await until(net, "Alice has what was locked", minted)
        net.there.token.send(ALICE, "transfer", BOB, 23_456)
        net.burn(BOB, 3_000, HOME_B)
        net.anvil.ask("anvil_reorg", 1, [])
        assert net.held(BOB) == 23_456
        before = await net.balance(HOME_B)
        net.burn(BOB, 20_000, HOME_B)
        money.burned.append(20_000)

        async def released() -> bool:
            return await net.balance(HOME_B) == before + 20_000

        await until(net, "bank-b has what was burned", released)
        await battered(net, money, running, rounds=3, seed=1)
        await until(net, "every lock is minted and every burn released", books.settled)
        check_processes(net, running)
        await books.close(money)
        code, out = await som(
            "--config", str(tmp_path / "bank-a" / "som.toml"), "bridge", "doctor", str(tmp_path / "bank-a" / "bridge.toml")
        )
        assert (code, "WRONG" in out) == (0, False), out
        await stranger_checks(net, tmp_path, int((await net.route()).locked))
        assert [await net.processes[name].stop() for name in running] == [0, 0, 0, 0]


async def battered(net: BridgeNet, money: Money, running: tuple[str, ...], *, rounds: int, seed: int) -> None:
    """Send money both ways while one process after another is killed at a random moment."""
    draw = random.Random(seed)  # noqa: S311  # a seed that replays
    for _ in range(rounds):
        await net.lock(500, ALICE)
        net.burn(BOB, 1_000, HOME_B)
        money.locked.append(500)
        money.burned.append(1_000)
        victim = net.processes[draw.choice(running)]
        net.mine()
        await asyncio.sleep(draw.random() * 2)
        await victim.kill()
        await victim.start()
