"""Beginning at a snapshot (K20): what a node with an empty store does before it opens it.

It asks the configured nodes. Where the chain is far ahead, or where this node cannot open the view key under which block 1 was made, it
takes a snapshot that a quorum has signed for; else it goes on with ranges of blocks. Nothing else of the node runs yet.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from ledger.edge_cases import VerifierDiffers, check_verifier
from ledger.genesis import chain_id, sealed_copies
from node.denied import DeniedList
from node.epochchain import EpochChainBroken
from node.errors import KeyUnfit
from node.files import DiskFiles, FolderLock
from node.greeting import Identity
from node.keyfiles import read_seed
from node.parts import secure
from node.peers import client_session
from node.prepare import load_genesis
from node.snapshot_check import SnapshotWrong
from node.snapshot_fetch import Incoming, fetch, offers_of
from node.snapshot_install import HIDDEN, build, is_empty, take_over
from node.snapshot_sources import SourceGone, open_source
from node.viewkeys import open_ring
from node.wire import WireError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ledger.genesis import Genesis
    from node.config import Config
    from node.snapshot import SnapshotLine, SnapshotList
    from node.snapshot_sources import Source

ROUNDS_MAX: Final = 5
"""Rounds over all nodes before ranges are tried instead, where they can be."""
PAUSE_SECONDS: Final = 2.0

log = structlog.get_logger("snapshot")


class SnapshotStart:
    """One node's way to a snapshot."""

    def __init__(self, config: Config, genesis: Genesis) -> None:
        self._config, self._genesis, self._chain = config, genesis, chain_id(genesis)
        ring = open_ring(genesis, config)
        self.needed = ring.find(bytes.fromhex(genesis.view_key.hash), sealed_copies(genesis)) is None
        """Whether blocks from 1 on are of no use here: this node cannot open their view key (L28)."""
        self._incoming = Incoming(DiskFiles(), config.data_folder)
        self._liars: set[str] = set()

    async def run(self) -> bool:
        """Take a snapshot if it is due; return whether one was taken. Where it is needed, ask until somebody has one.

        Raises
        ------
        StorageFailed, StoreError
            Our disk refused; what arrived is kept for the next start.
        """
        rounds = 0
        while True:
            wanted = await self._round()
            if wanted is None:
                return True
            rounds += 1
            if not self.needed and (not wanted or rounds >= ROUNDS_MAX):
                return False
            if self.needed and rounds % ROUNDS_MAX == 1:
                log.warning("this node cannot open the first view key, and waits for a node with a snapshot", rounds=rounds)
            self._liars.clear()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _round(self) -> bool | None:
        """Ask every configured node once; None where a snapshot was taken, else whether one would be wanted."""
        config = self._config
        secured = secure(config.peer)
        identity = Identity(self._chain, read_seed(Path(config.node_key)), secured.certificate_hash)
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(client_session())
            denied = DeniedList(config.data_folder).keys
            asked = [entry for entry in config.peers if bytes.fromhex(entry.node_key) not in denied]
            opened = [open_source(session, entry, identity, secured.client) for entry in asked]
            found = await asyncio.gather(*(stack.enter_async_context(each) for each in opened))
            sources = {source.name: source for source in found if source is not None}
            offers = await self._ask(list(sources.values()))
            furthest = max((offer.height for offer in offers.values()), default=0)
            if not self.needed and furthest <= config.sync.snapshot_blocks:
                return False
            return None if await self._take_any(sources, offers) else True

    async def _ask(self, sources: Sequence[Source]) -> dict[str, SnapshotList]:
        offers: dict[str, SnapshotList] = {}
        for source in sources:
            try:
                offers[source.name] = await offers_of(source)
            except SourceGone as problem:
                log.info("node offers nothing", peer=source.name, why=str(problem))
            except WireError as problem:
                self._cut(source.name, problem)
        return offers

    async def _take_any(self, sources: Mapping[str, Source], offers: Mapping[str, SnapshotList]) -> bool:
        """Try the snapshots on offer, newest first; return whether one was taken."""
        lines = [(line, name) for name, offer in offers.items() for line in offer.snapshots]
        for line, name in sorted(lines, key=lambda pair: (-pair[0].height, pair[0].block_id)):
            if name not in self._liars and await self._take(sources[name], line):
                return True
        return False

    async def _take(self, source: Source, line: SnapshotLine) -> bool:
        """Fetch, check and take over one snapshot from one node; a node that lies is not asked again in this round."""
        log.info("fetching a snapshot", peer=source.name, height=line.height, bytes=line.bytes)
        data, clock = self._config.data_folder, asyncio.get_running_loop().time
        began = clock()
        try:
            fetched = await fetch(source, line, self._genesis, self._incoming)
            got = clock()
            await asyncio.to_thread(
                build,
                data / HIDDEN,
                fetched.manifest,
                fetched.links,
                lambda index: self._incoming.read(fetched.manifest.chunks[index]),
                chain=self._chain,
                map_bytes=self._config.limits.map_bytes,
            )
        except SourceGone as problem:
            log.info("snapshot paused", peer=source.name, why=str(problem))
            return False
        except (WireError, EpochChainBroken) as problem:
            self._cut(source.name, problem)
            return False
        except SnapshotWrong as problem:
            self._cut(source.name, problem)
            await asyncio.to_thread(self._incoming.drop)  # which of its chunks were true nobody knows
            return False
        await asyncio.to_thread(take_over, data)
        await asyncio.to_thread(self._incoming.drop)
        log.info("snapshot taken", peer=source.name, height=line.height, fetch_seconds=got - began, build_seconds=clock() - got)
        return True

    def _cut(self, name: str, problem: Exception) -> None:
        self._liars.add(name)
        log.warning("peer cut off", peer=name, kind="snapshot", why=str(problem))


async def begin_at_snapshot(config: Config) -> bool:
    """Fill an empty store from a snapshot where that is due; return whether one was taken. The data folder is locked meanwhile.

    Raises
    ------
    Fatal
        The node must not start.
    """
    if config.sync.snapshot == "never":
        return False
    try:
        check_verifier()
    except VerifierDiffers as problem:
        raise KeyUnfit(str(problem)) from problem
    DiskFiles().make_folder(config.data_folder)
    lock = FolderLock(config.data_folder)
    try:
        if not is_empty(config.data_folder, config.limits.map_bytes):
            return False
        return await SnapshotStart(config, load_genesis(Path(config.genesis))).run()
    finally:
        lock.release()


def run_begin(config: Config) -> bool:
    """Do the same before a node's own loop; return False where SIGTERM or SIGINT came: the node is not to start."""
    with asyncio.Runner() as runner:
        return runner.run(_until_told(config))


async def _until_told(config: Config) -> bool:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    work = asyncio.create_task(begin_at_snapshot(config), name="begin at a snapshot")
    stop = asyncio.create_task(told.wait(), name="told to stop")
    try:
        await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
            return True
        work.cancel()
        await asyncio.wait([work])
        return False
    finally:
        stop.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
