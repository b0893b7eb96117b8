"""Backups of running and stopped nodes: complete, proven without a network, restored into an empty folder, without key and mark (K15)."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from cli.main import main
from ledger.transactions.bodies import Issue, Leg, Pay
from node import backup as making
from node import snapshot_capture
from node.backup import INDEX, BackupFailed, BackupWrong, create_backup, digest_of
from node.config import load_config
from node.prepare import prepare
from node.restore import DataNotEmpty, restore_backup, verify_backup
from node.signer import NoMemory
from node.snapshot import ChunkInfo, decode_chunk, decode_manifest, encode_chunk, encode_manifest
from tests.node.network import LocalNetwork, codes, network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from node.config import Config

NAME = "validator-1"
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalNetwork]:
    """Four validators and a peer with money and a few payments."""
    monkeypatch.setattr(snapshot_capture, "CHUNK_BYTES", 2_000)
    monkeypatch.setattr(making, "CHUNK_BYTES", 2_000)
    async with network(tmp_path / "net", peers=1) as made:
        await made.start(*made.configs)
        body = [Issue(asset="KGS", to=f"{bank}/main", amount=1_000_000, basis="decision 1", source=None) for bank in ("bank-a", "bank-b")]
        async with made.client("validator-0") as client:
            raws = [made.wallet.sign("operator", each, "operator/ops", "treasury/ops").raw for each in body]
            assert codes(await client.submit(raws, wait="final")) == [0, 0]
        await pay(made, 4)
        yield made


async def pay(net: LocalNetwork, count: int) -> None:
    async with net.client("validator-0") as client:
        for number in range(count):
            legs = (Leg("bank-a/main", "bank-b/main", "KGS", 1 + number, 0, ""),)
            raw = net.wallet.sign("bank-a", Pay(legs, "atomic", "", None, "", None, None)).raw
            assert codes(await client.submit([raw], wait="final")) == [0]
    await net.same_tip(*net.running)


async def backed_up(net: LocalNetwork, name: str, folder: Path) -> Path:
    """Back a running node up by the command, in a process of its own."""
    command = ["-c", "from cli.main import main; raise SystemExit(main())", "backup", "create", str(folder), "--config"]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, str(net.made.configs[name]), cwd=ROOT)
    assert await process.wait() == 0
    return folder


async def test_a_backup_of_a_running_node_proves_itself_and_can_be_restored(net: LocalNetwork, tmp_path: Path) -> None:
    """Goal: online copy, offline proof, restore. Method: back a peer up, pay on, restore into an empty folder, catch up."""
    folder = await backed_up(net, "peer-0", tmp_path / "copy")
    config = net.configs["peer-0"]
    found = await asyncio.to_thread(verify_backup, folder, config)
    height = found.height
    assert (found.blocks, found.bodies) == (height, height)
    await pay(net, 2)
    await net.stop("peer-0")
    shutil.move(config.data, tmp_path / "old")
    assert restore_backup(folder, config).height == height
    await net.start("peer-0")
    chain = net.running["peer-0"].chain
    assert chain.store.began == 0
    assert chain.log.block(1) is not None
    await net.same_tip(*net.configs)
    assert chain.state.roots == net.running["validator-0"].chain.state.roots
    async with net.client("peer-0") as client:
        rows = json.loads(await client.text("/v1/accounts/bank-b/main/entries"))
        assert len(json.dumps(rows)) > 400, "history from before the backup, too"


def secrets_of(config: Config) -> list[str]:
    """Every secret of a validator, hex."""
    return [Path(path).read_text().strip() for path in (config.consensus_key, config.node_key, config.box_key)]


async def test_a_backup_holds_neither_key_nor_mark_nor_journal(net: LocalNetwork, tmp_path: Path) -> None:
    """Goal: K15. Method: look for the bytes of every key and for the names in a validator's backup; start it restored: refused."""
    config = net.configs[NAME]
    folder = await backed_up(net, NAME, tmp_path / "copy")
    secrets = secrets_of(config)
    for path in folder.rglob("*"):
        assert not any(word in path.name for word in ("key", "mark", "journal"))
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret.encode() in data or bytes.fromhex(secret) in data for secret in secrets)
    await net.stop(NAME)
    shutil.rmtree(config.data)
    restore_backup(folder, config)
    with pytest.raises(NoMemory):
        prepare(config)


async def test_a_stopped_node_can_be_backed_up_too(net: LocalNetwork, tmp_path: Path) -> None:
    """Goal: the same folder either way. Method: stop a validator, back it up, verify with the view key."""
    await net.stop(NAME)
    config = net.configs[NAME]
    await asyncio.to_thread(create_backup, config, net.made.configs[NAME], tmp_path / "copy")
    found = verify_backup(tmp_path / "copy", config)
    assert found.blocks == found.bodies == found.height
    with pytest.raises(BackupFailed, match="exists"):
        create_backup(config, net.made.configs[NAME], tmp_path / "copy")


async def test_every_altered_missing_or_added_file_is_found(net: LocalNetwork, tmp_path: Path) -> None:
    """Goal: any altered byte is found. Method: alter a byte of each file, cut it, remove it, add one."""
    folder = await backed_up(net, NAME, tmp_path / "copy")
    for path in sorted(each for each in folder.rglob("*") if each.is_file() and each.name != INDEX):
        data = path.read_bytes()
        for bad in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], bytes([data[0] ^ 1]) + data[1:]) if data else (b"x",):
            path.write_bytes(bad)
            with pytest.raises(BackupWrong):
                verify_backup(folder, None)
        path.unlink()
        with pytest.raises(BackupWrong):
            verify_backup(folder, None)
        path.write_bytes(data)
    (folder / "more").write_bytes(b"x")
    with pytest.raises(BackupWrong):
        verify_backup(folder, None)
    (folder / "more").unlink()
    verify_backup(folder, None)


async def test_an_index_altered_with_the_files_proves_nothing(net: LocalNetwork, tmp_path: Path) -> None:
    """Goal: hashes are no proof. Method: alter a byte in each kind of file and write the index anew with hashes that fit."""
    folder = await backed_up(net, NAME, tmp_path / "copy")
    config = net.configs[NAME]
    for name in ("genesis.json", "state/manifest", "state/00000", "state/00001", "blocks/00000"):
        path = folder / name
        data = path.read_bytes()
        for at in (len(data) // 3, len(data) // 2, len(data) - 2):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            index_anew(folder)
            with pytest.raises(BackupWrong):
                verify_backup(folder, config)
        path.write_bytes(data)
    index_anew(folder)
    verify_backup(folder, config)
    alter_a_leaf(folder)
    index_anew(folder)
    with pytest.raises(BackupWrong, match="state"):
        verify_backup(folder, config)


def alter_a_leaf(folder: Path) -> None:
    """Change the last leaf of the first chunk, and the manifest with it."""
    path, chunk = folder / "state" / "manifest", folder / "state" / "00000"
    manifest = decode_manifest(path.read_bytes())
    pairs = list(decode_chunk(chunk.read_bytes(), manifest.chunks[0]))
    key, value = pairs[-1]
    pairs[-1] = (key, value[:5] + bytes([value[5] ^ 1]) + value[6:])  # of the blind
    data = encode_chunk(pairs)
    chunk.write_bytes(data)
    info = ChunkInfo(1, len(data), sha256(data).digest())
    path.write_bytes(encode_manifest(msgspec.structs.replace(manifest, chunks=(info, *manifest.chunks[1:]))))


def index_anew(folder: Path) -> None:
    found = json.loads((folder / INDEX).read_text())
    for each in found["files"]:
        each["bytes"], each["sha256"] = digest_of(folder / each["name"])
    (folder / INDEX).write_text(json.dumps(found))


async def test_a_backup_goes_into_an_empty_folder_of_its_own_chain_only(net: LocalNetwork, tmp_path: Path) -> None:
    """Goal: nothing is overwritten. Method: the folder of a node; an empty one under another genesis document."""
    folder = await backed_up(net, NAME, tmp_path / "copy")
    await net.stop(NAME)
    with pytest.raises(DataNotEmpty):
        restore_backup(folder, net.configs[NAME])
    other = LocalNetwork(tmp_path / "other", 4, 1)
    with pytest.raises(BackupWrong, match="chain"):
        restore_backup(folder, other.configs["peer-0"])


async def test_a_node_that_began_at_a_snapshot_can_be_backed_up(net: LocalNetwork, tmp_path: Path) -> None:
    """Goal: blocks from where they begin. Method: restore a validator's snapshot into the peer by way of a backup without blocks."""
    from node.snapshot_start import begin_at_snapshot  # noqa: PLC0415 - of this test only

    await backed_up(net, NAME, tmp_path / "first")
    await net.stop("peer-0")
    config = net.configs["peer-0"]
    shutil.rmtree(config.data)
    config = msgspec.structs.replace(config, sync=msgspec.structs.replace(config.sync, snapshot_blocks=0))
    net.configs["peer-0"] = config
    assert await begin_at_snapshot(config)
    await net.start("peer-0")
    await pay(net, 2)
    folder = await backed_up(net, "peer-0", tmp_path / "second")
    began = net.running["peer-0"].chain.store.began
    found = await asyncio.to_thread(verify_backup, folder, config)
    assert found.blocks == found.height - began > 0
    await net.stop("peer-0")
    shutil.rmtree(config.data)
    restore_backup(folder, config)
    await net.start("peer-0")
    assert net.running["peer-0"].chain.store.began == began
    await net.same_tip(*net.configs)


async def test_the_commands(net: LocalNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Goal: som backup create, verify, restore. Method: on a stopped validator, for people and as JSON; the exit codes of refusals."""
    await net.stop(NAME)
    path, folder = str(net.made.configs[NAME]), str(tmp_path / "copy")
    assert await asyncio.to_thread(main, ["backup", "create", folder, "--config", path]) == 0
    assert "som backup verify" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["backup", "verify", folder, "--chain", net.made.chain.hex(), "--json"]) == 0
    out = capsys.readouterr().out  # the nodes that run on in this process may log before and after it
    assert json.JSONDecoder().raw_decode(out[out.index("{") :])[0]["chain"] == net.made.chain.hex()
    assert await asyncio.to_thread(main, ["backup", "verify", folder, "--config", path]) == 0
    assert await asyncio.to_thread(main, ["backup", "verify", folder, "--chain", "00" * 32]) == 1
    assert await asyncio.to_thread(main, ["backup", "restore", folder, "--config", path]) == DataNotEmpty.exit_code
    shutil.rmtree(load_config(net.made.configs[NAME]).data)
    assert await asyncio.to_thread(main, ["backup", "restore", folder, "--config", path]) == 0
    assert "som recover" in capsys.readouterr().out
    assert await asyncio.to_thread(main, ["recover", "--config", path]) == 0
    out = capsys.readouterr().out
    assert "validator.set" in out
    assert await asyncio.to_thread(main, ["recover", "--config", path]) == 33
    assert await asyncio.to_thread(main, ["backup", "verify", str(tmp_path / "nothing")]) == BackupWrong.exit_code
    assert await asyncio.to_thread(main, ["backup", "create", folder, "--config", path]) == BackupFailed.exit_code
