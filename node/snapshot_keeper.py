"""Which snapshots a node has and when it makes a new one: at the end of each epoch, every so many blocks, and when it is asked (K20).

At the end of an epoch all nodes stand at the same height, so their snapshots are the same, byte for byte but for the certificate.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from node.files import StorageFailed
from node.pin import PinLost
from node.snapshot import SNAPSHOTS_MAX, SnapshotLine, SnapshotList
from node.snapshot_capture import Capture, NothingToCapture
from node.snapshot_files import FOLDER, WANTED, lines_in, remove_folder
from node.viewkeys import ViewKeyMissing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from node.blocks import FinalBlock
    from node.chain import Chain
    from node.files import Files

KEPT = 2
"""The newest, and the one before it, which somebody may be fetching."""
LOOK_SECONDS = 1.0
"""Between two looks at whether somebody asks for one."""
RETRY_SECONDS = 10.0
"""After an attempt that was given up."""

log = structlog.get_logger("snapshot")


class SnapshotKeeper:
    """Makes, keeps and lists the snapshots of one node."""

    def __init__(self, chain: Chain, files: Files, data: Path, every_blocks: int, flush: Callable[[], Awaitable[None]]) -> None:
        """`every_blocks` 0: at the end of each epoch only. `flush` writes everything final to the store."""
        self._chain, self._files, self._every, self._flush = chain, files, every_blocks, flush
        self.folder = data / FOLDER
        """Where the snapshots lie."""
        self._lines: list[SnapshotLine] = []
        self._wake = asyncio.Event()

    def offer(self) -> SnapshotList:
        """List what this node offers to others."""
        return SnapshotList(self._chain.tip.facts.height, tuple(self._lines[:SNAPSHOTS_MAX]))

    @property
    def due(self) -> bool:
        """Whether the chain has come to where one is made."""
        return self._wake.is_set()

    def offers(self, height: int) -> SnapshotLine | None:
        """Snapshot at a height; None where there is none."""
        return next((line for line in self._lines if line.height == height), None)

    async def run(self) -> None:
        """Make what is due, until cancelled."""
        end = self._chain.subscribe(self._look)
        try:
            self._lines = await asyncio.to_thread(lines_in, self.folder)
            while True:
                await self._pause(LOOK_SECONDS)
                if await asyncio.to_thread((self.folder / WANTED).exists) or self.due:
                    await self._take_turn()
        finally:
            self._chain.store.held = False
            end()

    async def make(self) -> Path | None:
        """Make a snapshot of the newest final state; None where it was given up."""
        store = self._chain.store
        store.held = True
        try:
            await self._flush()
            path = await Capture(store.pin(), self._files, self.folder, self._chain.view_key_of).make()
        except (PinLost, NothingToCapture, ViewKeyMissing) as problem:
            log.info("a snapshot was given up", why=str(problem) or type(problem).__name__)
            return None
        except StorageFailed as problem:  # a node that votes does not stop because a copy for others has no room
            log.warning("a snapshot cannot be written", why=str(problem))
            return None
        finally:
            store.held = False
        self._lines = await asyncio.to_thread(lines_in, self.folder)
        log.info("snapshot made", height=self._lines[0].height, bytes=self._lines[0].bytes, chunks=self._lines[0].chunks)
        return path

    def _look(self, blocks: tuple[FinalBlock, ...]) -> None:
        """Hold the store where an epoch has just ended, so that the snapshot is of that very height; called with final blocks."""
        newest = blocks[-1].facts
        made = self._lines[0].height if self._lines else 0
        if newest.boundary:
            self._chain.store.held = True
        if newest.boundary or (self._every and newest.height >= made + self._every):
            self._wake.set()

    async def _take_turn(self) -> None:
        self._wake.clear()
        made = await self.make()
        if made is None:
            await self._pause(RETRY_SECONDS)
            return
        await asyncio.to_thread(self._tidy)

    def _tidy(self) -> None:
        """Answer who asked, and remove what is older than the ones kept."""
        (self.folder / WANTED).unlink(missing_ok=True)
        for line in self._lines[KEPT:]:
            remove_folder(self.folder / str(line.height))
        self._lines = self._lines[:KEPT]

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
