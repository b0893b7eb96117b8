"""When a node makes snapshots (K20): at the end of an epoch, every so many blocks, when asked; the store waits, and only for as long."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from node.files import DiskFiles, DiskFull
from node.flusher import HELD_FACTOR, Flusher
from node.metrics import Metrics
from node.snapshot_files import FOLDER, WANTED, lines_in
from node.snapshot_keeper import KEPT, SnapshotKeeper
from tests.node.snapshot_world import SignedWorld

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from node.files import DiskFile

LENGTH = 10
SECONDS_MAX = 20.0


@asynccontextmanager
async def kept(folder: Path, *, every: int, files: DiskFiles | None = None) -> AsyncIterator[tuple[SignedWorld, SnapshotKeeper]]:
    """Run the keeper of a chain."""
    world = SignedWorld(folder / "store", epoch_length=LENGTH)

    async def flush() -> None:
        await world.chain.flush()

    keeper = SnapshotKeeper(world.chain, files or DiskFiles(), folder, every, flush)
    task = asyncio.create_task(keeper.run())
    await asyncio.sleep(0)  # its first turn, in which it subscribes
    try:
        yield world, keeper
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert not world.chain.store.held
        world.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not true():
            await turns()


async def turns() -> None:
    await asyncio.sleep(0.01)


async def reach(world: SignedWorld, height: int) -> None:
    while world.chain.tip.facts.height < height:
        world.clock.now_ms += 10
        world.finalize(await world.build())


def made_at(keeper: SnapshotKeeper, height: int) -> bool:
    return height in heights(keeper)


def heights(keeper: SnapshotKeeper) -> list[int]:
    return [line.height for line in keeper.offer().snapshots]


async def test_at_the_end_of_an_epoch_it_is_of_that_very_height(tmp_path: Path) -> None:
    """Goal: all nodes have the same one. Method: cross two boundaries; the newest are kept, and a restart finds them again."""
    async with kept(tmp_path, every=0) as (world, keeper):
        for epoch in (1, 2, 3):
            await reach(world, epoch * LENGTH)
            assert world.chain.store.held
            await until(partial(made_at, keeper, epoch * LENGTH))
            await until(lambda: not world.chain.store.held)
            await reach(world, epoch * LENGTH + 2)
        await until(lambda: heights(keeper) == [3 * LENGTH, 2 * LENGTH])  # the oldest goes after the newest is there
        await until(lambda: len(lines_in(tmp_path / FOLDER)) == KEPT)
        assert keeper.offers(3 * LENGTH) == keeper.offer().snapshots[0]
        assert keeper.offers(LENGTH) is None


async def test_every_so_many_blocks(tmp_path: Path) -> None:
    """Goal: `snapshot_every`. Method: four blocks at a time; none before."""
    async with kept(tmp_path, every=4) as (world, keeper):
        await reach(world, 3)
        assert not keeper.due
        await reach(world, 4)
        await until(lambda: heights(keeper) == [4])
        await reach(world, 8)
        await until(lambda: heights(keeper) == [8, 4])


async def test_who_asks_gets_one(tmp_path: Path) -> None:
    """Goal: a backup of a running node. Method: put the file; it goes when the snapshot is there."""
    async with kept(tmp_path, every=0) as (world, keeper):
        await reach(world, 2)
        (tmp_path / FOLDER).mkdir(exist_ok=True)
        (tmp_path / FOLDER / WANTED).touch()
        await until(lambda: not (tmp_path / FOLDER / WANTED).exists())
        assert heights(keeper) == [2]


class FullFiles(DiskFiles):
    """A disk without room."""

    def create(self, path: Path) -> DiskFile:
        """Say so."""
        raise DiskFull(operation="write", path=path)


async def test_a_full_disk_costs_the_snapshot_and_not_the_node(tmp_path: Path) -> None:
    """Goal: a copy for others never stops a validator. Method: no room; the store is not held any longer, nothing is offered."""
    async with kept(tmp_path, every=0, files=FullFiles()) as (world, keeper):
        await reach(world, LENGTH)
        assert world.chain.store.held
        await until(lambda: not world.chain.store.held)
        assert heights(keeper) == []
        assert await keeper.make() is None


async def test_flushes_that_can_wait_do_and_not_for_ever(tmp_path: Path) -> None:
    """Goal: the pinned reader is left alone, memory too. Method: a held store's flusher is due only at a multiple."""
    world = SignedWorld(tmp_path)
    await world.fund()
    count = world.chain.unflushed
    assert Flusher(world.chain, Metrics(), count, lambda *_: None).due()
    world.chain.store.held = True
    assert not Flusher(world.chain, Metrics(), count, lambda *_: None).due()
    while world.chain.unflushed < count * HELD_FACTOR:
        await world.block(world.pay("bank-a/main", "bank-b/main", 1))
    assert Flusher(world.chain, Metrics(), count, lambda *_: None).due()
    world.close()
