"""Snapshots between real nodes (K20): who begins at one has the same state, a server that alters a byte is left, what arrived is kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from aiohttp import web

from ledger.transactions.bodies import Issue, Leg, Pay
from node import snapshot_capture
from node.files import DiskFile, DiskFiles, DiskFull
from node.greeting import Identity
from node.keyfiles import new_seed, read_seed, write_seed
from node.peers import client_session
from node.prepare import load_genesis
from node.snapshot import SnapshotLine
from node.snapshot_fetch import INCOMING, Incoming, fetch, offers_of
from node.snapshot_files import FOLDER, WANTED, lines_in
from node.snapshot_install import is_empty
from node.snapshot_sources import SourceGone, open_source
from node.snapshot_start import begin_at_snapshot
from node.viewkeys import VIEW_KEYS_FILE
from node.wire import WireError
from tests.node.network import LocalNetwork, codes, network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from node.config import Config
    from node.snapshot_sources import Source

PEER = "peer-0"


@pytest.fixture
async def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalNetwork]:
    """Four validators with money, payments and two snapshots each of many small chunks; the peer has not run yet."""
    monkeypatch.setattr(snapshot_capture, "CHUNK_BYTES", 600)
    async with network(tmp_path, peers=1) as made:
        for name, config in made.configs.items():
            sync = msgspec.structs.replace(config.sync, snapshot_blocks=0, snapshot_every=0)
            made.configs[name] = msgspec.structs.replace(config, sync=sync)
        await made.start(*made.validators)
        body = [Issue(asset="KGS", to=f"{bank}/main", amount=1_000_000, basis="decision 1", source=None) for bank in ("bank-a", "bank-b")]
        async with made.client("validator-0") as client:
            raws = [made.wallet.sign("operator", each, "operator/ops", "treasury/ops").raw for each in body]
            assert codes(await client.submit(raws, wait="final")) == [0, 0]
        await pay(made, 5)
        await snapshots(made, *made.validators)
        yield made


async def pay(net: LocalNetwork, count: int) -> None:
    async with net.client("validator-0") as client:
        for number in range(count):
            legs = (Leg("bank-a/main", "bank-b/main", "KGS", 1 + number, 0, ""),)
            raw = net.wallet.sign("bank-a", Pay(legs, "atomic", "", None, "", None, None)).raw
            assert codes(await client.submit([raw], wait="final")) == [0]


def folder_of(net: LocalNetwork, name: str) -> Path:
    return net.configs[name].data_folder / FOLDER


async def snapshots(net: LocalNetwork, *names: str) -> None:
    """Ask these nodes for a snapshot, as `som backup create` does, and wait until each has answered."""
    await net.same_tip(*names)
    for name in names:
        folder_of(net, name).mkdir(exist_ok=True)
        (folder_of(net, name) / WANTED).touch()
    await net.until(lambda: not any((folder_of(net, name) / WANTED).exists() for name in names))


async def test_a_node_with_an_empty_store_begins_at_a_snapshot_and_follows(net: LocalNetwork) -> None:
    """Goal: K20. Method: the peer takes a snapshot, starts, and has the roots of the others before and after another payment."""
    config = net.configs[PEER]
    assert await begin_at_snapshot(config)
    assert not await begin_at_snapshot(config)
    assert not (config.data_folder / INCOMING).exists()
    await net.start(PEER)
    began = net.running[PEER].chain.store.began
    assert began == lines_in(folder_of(net, "validator-0"))[0].height
    await pay(net, 2)
    await net.same_tip(*net.configs)
    roots = [net.running[name].chain.state.roots for name in net.configs]
    assert all(each == roots[0] for each in roots)
    async with net.client(PEER) as client:
        assert '"posted"' in await client.text("/v1/accounts/bank-b/main/entries")
    await snapshots(net, PEER)
    assert lines_in(folder_of(net, PEER))[0].height >= began


async def test_blocks_before_the_snapshot_are_said_to_be_elsewhere(net: LocalNetwork) -> None:
    """Goal: a clear answer, 404. Method: ask API and peer listener of who began at a snapshot for block 1."""
    assert await begin_at_snapshot(net.configs[PEER])
    await net.start(PEER)
    began = net.running[PEER].chain.store.began
    async with client_session() as session:
        url = f"http://127.0.0.1:{net.configs[PEER].api.port}/v1/blocks/1"
        async with session.get(url) as response:
            assert response.status == 404
            assert f"snapshot at height {began}" in await response.text()
    async with source(net, "validator-1", PEER) as peer:
        with pytest.raises(SourceGone, match="404"):
            await peer.get("/peer/v1/blocks", 1_000, {"from": "1"})


class source:  # noqa: N801 - reads as a function
    """A lane from one node to another, with the token for plain GETs."""

    def __init__(self, net: LocalNetwork, caller: str, server: str) -> None:
        self._net, self._caller, self._server = net, caller, server

    async def __aenter__(self) -> Source:
        config = self._net.configs[self._caller]
        entry = next(each for each in config.peers if each.name == self._server)
        self._session = client_session()
        identity = Identity(self._net.made.chain, read_seed(Path(config.node_key)))
        self._opened = open_source(self._session, entry, identity, None)
        found = await self._opened.__aenter__()
        assert found is not None
        return found

    async def __aexit__(self, *_: object) -> None:
        await self._opened.__aexit__(None, None, None)
        await self._session.close()


async def test_an_altered_chunk_is_refused_and_another_node_asked(net: LocalNetwork) -> None:
    """Goal: the server is cut, another one asked. Method: one byte of a chunk differs on the disks of three of four."""
    for name in net.validators[:3]:
        line = lines_in(folder_of(net, name))[0]
        path = folder_of(net, name) / str(line.height) / f"{line.chunks // 2:05}"
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    async with source(net, PEER, "validator-0") as liar:
        line = (await offers_of(liar)).snapshots[0]
        incoming = Incoming(DiskFiles(), net.configs[PEER].data_folder)
        with pytest.raises(WireError, match="chunk"):
            await fetch(liar, line, load_genesis(net.made.genesis), incoming)
    kept = list((net.configs[PEER].data_folder / INCOMING).iterdir())
    assert len(kept) == line.chunks // 2
    assert await begin_at_snapshot(net.configs[PEER])
    await net.start(PEER)
    await net.same_tip(*net.configs)


async def test_what_arrived_is_not_asked_for_again(net: LocalNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: resume, from another server too. Method: a server's chunks end half way; the next one is asked for the other half only."""
    half = lines_in(folder_of(net, "validator-0"))[0]
    for index in range(half.chunks // 2, half.chunks):
        (folder_of(net, "validator-0") / str(half.height) / f"{index:05}").unlink()
    incoming = Incoming(DiskFiles(), net.configs[PEER].data_folder)
    genesis = load_genesis(net.made.genesis)
    async with source(net, PEER, "validator-0") as first:
        with pytest.raises(SourceGone):
            await fetch(first, half, genesis, incoming)
    asked: list[str] = []
    prepare = web.FileResponse.prepare

    async def counted(response: web.FileResponse, request: web.BaseRequest) -> object:
        asked.append(request.path)
        return await prepare(response, request)

    monkeypatch.setattr(web.FileResponse, "prepare", counted)
    async with source(net, PEER, "validator-1") as second:
        line = (await offers_of(second)).snapshots[0]
        assert line.height == half.height, "the network is idle: all made it at one height"
        await fetch(second, line, genesis, incoming)
    assert len([path for path in asked if not path.endswith("manifest")]) == half.chunks - half.chunks // 2
    assert await begin_at_snapshot(net.configs[PEER])


async def test_a_snapshot_that_is_gone_is_no_lie(net: LocalNetwork) -> None:
    """Goal: a newer snapshot meanwhile is typed. Method: ask for one that the list does not have; ask for a chunk beyond the last."""
    incoming = Incoming(DiskFiles(), net.configs[PEER].data_folder)
    async with source(net, PEER, "validator-0") as server:
        line = (await offers_of(server)).snapshots[0]
        gone = SnapshotLine(line.height + 1_000, line.block_id, 1, 1, line.manifest)
        with pytest.raises(SourceGone, match="404"):
            await fetch(server, gone, load_genesis(net.made.genesis), incoming)
        with pytest.raises(SourceGone, match="404"):
            await server.get(f"/peer/v1/snapshots/{line.height}/{line.chunks}", 10_000)
        with pytest.raises(SourceGone, match="400"):
            await server.get("/peer/v1/epochs", 10_000, {"from": "-1"})
        assert await server.get("/peer/v1/epochs", 10_000, {"from": "0"}) == b""


async def test_without_a_token_nothing_is_served(net: LocalNetwork) -> None:
    """Goal: whoever is not linked gets nothing. Method: every route without and with a wrong token."""
    line = lines_in(folder_of(net, "validator-0"))[0]
    base = f"http://127.0.0.1:{net.configs['validator-0'].peer.port}/peer/v1"
    async with client_session() as session:
        for path in ("/snapshots", f"/snapshots/{line.height}/manifest", f"/snapshots/{line.height}/0", "/epochs"):
            for headers in ({}, {"Authorization": f"Bearer {bytes(32).hex()}"}):
                async with session.get(base + path, headers=headers) as response:
                    assert response.status == 401, path


async def test_a_part_of_a_chunk_can_be_asked_for(net: LocalNetwork) -> None:
    """Goal: plain resumable GETs. Method: a Range header on the first chunk."""
    line = lines_in(folder_of(net, "validator-0"))[0]
    whole = (folder_of(net, "validator-0") / str(line.height) / "00000").read_bytes()
    async with source(net, PEER, "validator-0") as server:
        headers = {"Authorization": f"Bearer {server._token.hex()}", "Range": "bytes=10-19"}
        async with server._session.get(f"{server._url}/peer/v1/snapshots/{line.height}/0", headers=headers) as response:
            assert response.status == 206
            assert await response.read() == whole[10:20]


class FullFiles(DiskFiles):
    """A disk that has room for so many files and no more."""

    def __init__(self, files: int) -> None:
        self.left = files

    def create(self, path: Path) -> DiskFile:
        """Create a file, or say that the disk is full."""
        self.left -= 1
        if self.left < 0:
            raise DiskFull(operation="write", path=path)
        return super().create(path)


async def test_a_full_disk_is_told_and_what_arrived_is_kept(net: LocalNetwork) -> None:
    """Goal: disk full is typed and resumable. Method: room for three chunks, then none, then enough."""
    data = net.configs[PEER].data_folder
    genesis = load_genesis(net.made.genesis)
    async with source(net, PEER, "validator-0") as server:
        line = (await offers_of(server)).snapshots[0]
        with pytest.raises(DiskFull):
            await fetch(server, line, genesis, Incoming(FullFiles(3), data))
        assert len(list((data / INCOMING).iterdir())) == 3
        damaged = next((data / INCOMING).iterdir())
        damaged.write_bytes(b"x")
        await fetch(server, line, genesis, Incoming(FullFiles(line.chunks - 2), data))
    assert is_empty(data, 2**28)


def other_key(config: Config) -> None:
    """Give the node a box key to which nothing is sealed."""
    Path(config.box_key).unlink()
    write_seed(Path(config.box_key), new_seed())


async def test_a_node_without_the_first_view_key_needs_a_snapshot(net: LocalNetwork) -> None:
    """Goal: L28, who cannot open block 1 starts at a snapshot. Method: another box key, a chain that is near; the key comes by hand."""
    config = net.configs[PEER]
    other_key(config)
    config = msgspec.structs.replace(config, sync=msgspec.structs.replace(config.sync, snapshot_blocks=1_000_000))
    net.configs[PEER] = config
    assert await begin_at_snapshot(config)
    write_seed(config.data_folder / VIEW_KEYS_FILE, net.made.secrets.view_key)
    await net.start(PEER)
    await pay(net, 1)
    await net.same_tip(*net.configs)


async def test_never_means_never(net: LocalNetwork) -> None:
    """Goal: an operator may want every block. Method: `snapshot = "never"`, and a chain that is near enough."""
    config = net.configs[PEER]
    never = msgspec.structs.replace(config, sync=msgspec.structs.replace(config.sync, snapshot="never"))
    assert not await begin_at_snapshot(never)
    near = msgspec.structs.replace(config, sync=msgspec.structs.replace(config.sync, snapshot_blocks=5_000))
    assert not await begin_at_snapshot(near)
    net.configs[PEER] = never
    await net.start(PEER)
    await net.same_tip(*net.configs)
    assert net.running[PEER].chain.store.began == 0


async def test_a_validator_whose_store_is_lost_votes_again_after_a_snapshot(net: LocalNetwork) -> None:
    """Goal: journal and mark outlive the store (K15). Method: remove a validator's store; snapshot; two others stop; payments go on."""
    await net.stop("validator-3")
    config = net.configs["validator-3"]
    shutil.rmtree(config.data_folder / "store")
    assert await begin_at_snapshot(config)
    await net.start("validator-3")
    await net.same_tip(*net.validators)
    await net.stop("validator-2")
    await pay(net, 2)
    await net.same_tip("validator-0", "validator-1", "validator-3")
