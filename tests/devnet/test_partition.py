"""Cuts between live nodes: a split in two halves under payments, its end, and the lists behind both."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devnet.bench.scenarios import plans, prepare
from devnet.client import Client
from devnet.cuts import Cuts, with_cut, without_cuts
from devnet.load import presign
from devnet.network import Network, Plan
from tests.devnet.witness import Witness, check_promises, feed, recovered, watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from devnet.processes import NodeProcess

PORT_BASE = 13_800
PAYMENTS = 300
RATE = 25
SETTLE_SECONDS_MAX = 30.0
STILL_SECONDS = 5.0
"""Ten times what a view takes when nothing is wrong."""
FINAL_SECONDS_MAX = 60.0
"""For payments that were sent to either side during the split, on a busy machine; the first takes a second or two."""
KEYS = [bytes([number]) * 32 for number in range(6)]
STRANGER = b"s" * 32
GROUP = st.sets(st.sampled_from(KEYS), min_size=1)


@given(st.lists(st.tuples(GROUP, GROUP), max_size=4))
def test_cuts_add_up_and_are_the_same_on_both_sides(cuts: list[tuple[set[bytes], set[bytes]]]) -> None:
    """Goal: no half cut, none that undoes another. Method: any cuts, compared with the pairs; one node healed, then all."""
    lists = dict.fromkeys(KEYS, frozenset({STRANGER}))
    pairs = set()
    for one, other in cuts:
        lists = with_cut(lists, one, other)
        pairs |= {pair for here in one for there in other for pair in ((here, there), (there, here))}

    def found() -> set[tuple[bytes, bytes]]:
        return {(key, each) for key, denied in lists.items() for each in denied if each != STRANGER}

    assert found() == pairs
    lists = without_cuts(lists, KEYS[:1])
    assert found() == {pair for pair in pairs if KEYS[0] not in pair}
    assert set(without_cuts(lists, KEYS).values()) == {frozenset({STRANGER})}


async def height(node: NodeProcess) -> int:
    """Newest final height of a node."""
    async with Client(node.api_url) as client:
        return (await client.status()).height


async def until(true: Callable[[], bool], seconds_max: float) -> None:
    """Wait until something is true of what is seen in this process."""
    async with asyncio.timeout(seconds_max):
        while True:
            if true():
                return
            await asyncio.sleep(0.05)


async def standstill(network: Network, seconds: float, seconds_max: float) -> list[int]:
    """Wait until no node's height has changed for so long; return the heights."""
    async with asyncio.timeout(seconds_max):
        seen, since = [-1], 0.0
        while time.monotonic() - since < seconds:
            heights = [await height(node) for node in network.nodes]
            if heights != seen:
                seen, since = heights, time.monotonic()
            await asyncio.sleep(0.1)
        return seen


@pytest.mark.timeout(240)
async def test_two_against_two_stand_still_and_go_on_as_one_after_it(tmp_path: Path) -> None:
    """Goal: safety in a split, liveness after it, no restart. Method: 2|2 under payments to both sides; all final, equal roots."""
    async with Network(Plan(tmp_path / "net", validators=4, peers=1, port_base=PORT_BASE)) as network:
        pids = [node.pid for node in network.nodes]
        left = [node.name for node in network.validators[:2]]
        right = [node.name for node in network.nodes if node.name not in left]
        accounts = await prepare(network)
        payments = await presign(plans(network, accounts, PAYMENTS, 1))
        witness = Witness()
        watching = [asyncio.create_task(watch(node, witness)) for node in network.nodes]
        feeding = asyncio.create_task(feed(network.validators, payments, RATE))
        try:
            await recovered(witness, time.perf_counter(), 0)
            await Cuts(network.nodes).cut(left, right)
            cuts = Cuts(network.nodes)
            assert [cuts.of(name) for name in left] == [tuple(right)] * 2
            assert [cuts.of(name) for name in right] == [tuple(left)] * 3
            # A vote or certificate that was on its way when the links closed may still make one block final.
            heights = await standstill(network, 1.0, SETTLE_SECONDS_MAX)
            receipts = len(witness.receipts)
            assert await standstill(network, STILL_SECONDS, STILL_SECONDS + 5.0) == heights
            assert len(witness.receipts) == receipts < PAYMENTS
            since = time.perf_counter()
            await cuts.heal(node.name for node in network.nodes)
            await recovered(witness, since, max(heights), SETTLE_SECONDS_MAX)
            await feeding
            await until(lambda: len(witness.receipts) == PAYMENTS, FINAL_SECONDS_MAX)
        finally:
            for task in (feeding, *watching):
                task.cancel()
            await asyncio.gather(feeding, *watching, return_exceptions=True)
        assert {code for _, code in witness.receipts.values()} == {0}
        assert not list((tmp_path / "net").glob("*/data/denied"))
        assert [node.pid for node in network.nodes] == pids
        await check_promises(network, witness)
