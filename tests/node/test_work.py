"""What the core hears of the pool (K18): when there is something to do, and when there is not any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from consensus.events import WorkChanged
from node.work import Work
from tests.node.chain_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from consensus.events import Event


class Heard:
    """A driver that keeps what it is told (`node.driver.Driver`)."""

    def __init__(self) -> None:
        self.pending: list[int] = []

    def post(self, event: Event) -> None:
        """Keep how much there is to do."""
        assert isinstance(event, WorkChanged)
        self.pending.append(event.pending)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def watching(world: World) -> tuple[Work, Heard]:
    heard = Heard()
    return Work(world.chain, world.pool, heard), heard  # type: ignore[arg-type]


async def test_k18_what_waited_through_the_end_of_an_epoch_is_seen_at_once(world: World) -> None:
    """Goal: no payment waits a second for the next look. Method: it came while nobody watched; what is posted before the first pause."""
    world.admit(world.issue("bank-a/main", 10))
    work, heard = watching(world)
    watch = asyncio.create_task(work.run())
    await asyncio.sleep(0)
    assert heard.pending == [1]
    watch.cancel()
    await asyncio.wait([watch])


async def test_k18_the_core_hears_of_changes_only(world: World) -> None:
    """Goal: one event where there comes to be something, one where nothing is left. Method: two come, a block takes both, one comes."""
    work, heard = watching(world)
    work.look()
    for _ in range(2):
        world.admit(world.issue("bank-a/main", 10))
        work.grown()
    assert heard.pending == [1]
    built = await world.build()
    work.built_on(built.facts)
    work.look()
    work.look()
    assert heard.pending == [1, 0]
    world.admit(world.issue("bank-a/main", 10))
    work.grown()
    assert heard.pending == [1, 0, 1]
