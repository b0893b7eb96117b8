"""Parameters are read once and kept until a block changes one: every block then begins with those of its parent's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledger.parameters import DEFAULTS, load_parameters
from ledger.transactions.bodies import ParamSet
from tests.node.chain_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consensus.types import BlockFacts

BYTES_MAX = 600_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a chain, and close it afterwards."""
    made = World(tmp_path)
    yield made
    made.close()


def bytes_max(world: World, parent: BlockFacts) -> int:
    """Return the limit that a block on this parent is executed with; compare with what the state says."""
    around = world.chain.surroundings(parent.block_id, view=parent.view + 1, time_ms=parent.time_ms + 1)
    assert around is not None
    assert around.context.parameters == load_parameters(around.state)
    return around.context.parameters.block_bytes_max


async def test_a_parameter_holds_from_the_block_after_the_one_that_sets_it(world: World) -> None:
    """Goal: nothing is kept too long. Method: one block sets it, others stand beside, on and above it; final, flushed, started again."""
    await world.fund()
    chain, tip = world.chain, world.chain.tip.facts
    assert bytes_max(world, tip) == DEFAULTS.block_bytes_max
    order = world.transaction(ParamSet("block_bytes_max", BYTES_MAX, 0), "operator", [("operator", "ops"), ("operator", "board")])
    world.admit(order)
    setting = await world.build()
    assert [transaction.tx_id for transaction in setting.transactions] == [order.tx_id]
    beside = await world.builder.build(world.request(view=tip.view + 2, empty=True))
    assert beside is not None
    above = await world.build(parent=setting.facts, view=tip.view + 3)
    assert [bytes_max(world, each) for each in (tip, beside.facts)] == [DEFAULTS.block_bytes_max] * 2
    assert [bytes_max(world, each) for each in (setting.facts, above.facts)] == [BYTES_MAX] * 2
    world.finalize(setting, above)
    assert bytes_max(world, above.facts) == BYTES_MAX
    assert chain.state.parameters.block_bytes_max == BYTES_MAX
    await chain.flush()
    world.restart()
    assert bytes_max(world, world.chain.tip.facts) == BYTES_MAX
