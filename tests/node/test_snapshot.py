"""State snapshots (K20): what is in one is the whole state of its header, and one altered byte anywhere is refused."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import pytest

from ledger.assets import Asset
from ledger.canonical import encode
from ledger.days import business_date
from ledger.leaves import leaf_hash, leaf_key, record_of
from ledger.lists import list_root
from ledger.parameters import DAY_MS
from ledger.transactions import tree_of
from ledger.transactions.bodies import AssetPut
from ledger.tree import rebuild_tree, root_of
from ledger.views import slot_of
from node.chain import Chain
from node.files import DiskFiles
from node.pin import PinLost
from node.snapshot import ChunkInfo, ChunkKind, Manifest, content_id, decode_chunk, decode_manifest, encode_chunk, encode_manifest
from node.snapshot_capture import Capture, NothingToCapture
from node.snapshot_check import SnapshotWrong, StateCheck
from node.snapshot_fetch import check_manifest
from node.snapshot_files import FOLDER, lines_in
from node.snapshot_install import build
from node.store import Store, Table, height_key
from node.viewkeys import KeyRing
from node.wire import WireError, header_of
from tests.node.snapshot_world import SignedWorld

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def busy_world(folder: Path) -> SignedWorld:
    """Make a chain with money, payments by two banks in two minutes, and a flush in between."""
    world = SignedWorld(folder)
    await world.fund()
    await world.block(*[world.pay("bank-a/main", f"bank-b/x{n}", 5 + n) for n in range(3)])
    await world.chain.flush()
    world.clock.now_ms += 1_000
    await world.block(*[world.pay("bank-b/main", f"bank-a/x{n}", 7, lifetime_ms=300_000) for n in range(3)])
    await world.block(world.pay("bank-a/main", "bank-b/main", 1))
    return world


def rebuilt(world: SignedWorld, folder: Path, manifest: Manifest, chunks: list[bytes]) -> int:
    return build(folder, manifest, (), lambda index: chunks[index], chain=world.chain_id, map_bytes=2**28)


async def test_a_node_that_begins_at_a_snapshot_has_the_same_state_and_goes_on(tmp_path: Path) -> None:
    """Goal: invariant 20, snapshot + tail = full replay. Method: take one over, open it, judge and finalize the next block on both."""
    world = await busy_world(tmp_path / "a")
    manifest, chunks = await world.snapshot(tmp_path / "data")
    check_manifest(manifest, (), world.genesis)
    assert rebuilt(world, tmp_path / "b", manifest, chunks) == world.chain.tip.facts.height
    store = Store.open(tmp_path / "b", world.chain_id, 2**28)
    assert store.began == world.chain.tip.facts.height
    other = Chain.open(store, world.genesis, KeyRing([world.secrets.view_key]), history=False)
    assert other.tip.facts == world.chain.tip.facts
    assert other.state.roots == world.chain.state.roots
    assert other.slots == world.chain.slots
    for table in (Table.LEAVES, Table.INDEXES, Table.REFS):
        assert list(store.items(table)) == list(world.chain.store.items(table)), table
    # The reference of a payment before the snapshot is remembered: the same bytes are a duplicate, not a payment.
    again = world.pay("bank-a/main", "bank-b/main", 2)
    world.admit(again)
    built = await world.build()
    assert (await other.judge(built.stored)).reason == ""
    other.finalize([built.facts.block_id], world.certificate(built))
    world.finalize(built)
    assert other.state.roots == world.chain.state.roots
    await other.flush()
    other.close()
    world.close()


async def test_remembered_references_go_on_counting_after_a_snapshot(tmp_path: Path) -> None:
    """Goal: L14 over a snapshot. Method: a reference used before it is found in the state of who began there."""
    world = await busy_world(tmp_path / "a")
    used = world.pay("bank-a/main", "bank-b/main", 3, ref="once")
    await world.block(used)
    manifest, chunks = await world.snapshot(tmp_path / "data")
    rebuilt(world, tmp_path / "b", manifest, chunks)
    store = Store.open(tmp_path / "b", world.chain_id, 2**28)
    other = Chain.open(store, world.genesis, KeyRing([world.secrets.view_key]), history=False)
    found = other.state.used_ref(used.ref_id)
    assert found is not None
    assert found.tx_id == used.tx_id
    other.close()
    world.close()


async def test_one_altered_byte_of_any_chunk_is_not_what_the_manifest_names(tmp_path: Path) -> None:
    """Goal: refuse a snapshot with one altered byte. Method: flip every 97th byte of each chunk."""
    world = await busy_world(tmp_path / "a")
    manifest, chunks = await world.snapshot(tmp_path / "data")
    for info, chunk in zip(manifest.chunks, chunks, strict=True):
        assert decode_chunk(chunk, info)
        for at in range(0, len(chunk), 97):
            with pytest.raises(WireError):
                decode_chunk(chunk[:at] + bytes([chunk[at] ^ 1]) + chunk[at + 1 :], info)
    world.close()


async def test_a_manifest_altered_with_its_chunks_is_not_the_state_of_the_header(tmp_path: Path) -> None:
    """Goal: roots bind every byte. Method: alter bytes and leave hashes right; drop, double, reorder and add pairs."""
    world = await busy_world(tmp_path / "a")
    manifest, chunks = await world.snapshot(tmp_path / "data")
    pairs = [list(decode_chunk(chunk, info)) for chunk, info in zip(chunks, manifest.chunks, strict=True)]
    leaves, refs = pairs
    places = ((0, 0), (0, len(leaves) // 2), (0, len(leaves) - 1), (1, 0), (1, len(refs) - 1))
    flips: list[Callable[[], object]] = [partial(flip, pairs[kind], place, part) for kind, place in places for part in (0, 1)]
    flips += [
        leaves.pop,
        leaves.reverse,
        partial(leaves.insert, 0, leaves[0]),
        refs.pop,
        partial(refs.append, (refs[-1][0][:8] + height_key(9_999), refs[-1][1])),
    ]
    whole = [list(part) for part in pairs]
    for number, lie in enumerate(flips):
        lie()
        told, bad = lying(manifest, pairs)
        with pytest.raises(SnapshotWrong):
            rebuilt(world, tmp_path / f"bad-{number}", told, bad)
        leaves[:], refs[:] = whole
    told, good = lying(manifest, pairs)
    rebuilt(world, tmp_path / "good", told, good)
    world.close()


def flip(pairs: list[tuple[bytes, bytes]], place: int, part: int) -> None:
    """Flip a bit of a pair's key (0) or value (1)."""
    changed = [*pairs[place]]
    changed[part] = changed[part][:-1] + bytes([changed[part][-1] ^ 1])
    pairs[place] = (changed[0], changed[1])


def lying(manifest: Manifest, pairs: list[list[tuple[bytes, bytes]]]) -> tuple[Manifest, list[bytes]]:
    """Manifest that names these pairs, with hashes that are right."""
    chunks = [encode_chunk(part) for part in pairs]
    infos = tuple(ChunkInfo(info.kind, len(chunk), sha256(chunk).digest()) for info, chunk in zip(manifest.chunks, chunks, strict=True))
    return msgspec.structs.replace(manifest, chunks=infos), chunks


async def test_openings_that_do_not_lead_to_the_slots_are_refused(tmp_path: Path) -> None:
    """Goal: each participant's tree is bound through its slot. Method: alter salt, journal root, name and number of openings."""
    world = await busy_world(tmp_path / "a")
    manifest, chunks = await world.snapshot(tmp_path / "data")
    first, *rest = manifest.openings
    for number, openings in enumerate(
        (
            (msgspec.structs.replace(first, salt=bytes(32)), *rest),
            (msgspec.structs.replace(first, journal_root=bytes(32)), *rest),
            (msgspec.structs.replace(first, participant="zzz"), *rest),
            tuple(rest),
            (first, first, *rest),
        )
    ):
        with pytest.raises(SnapshotWrong):
            rebuilt(world, tmp_path / f"b{number}", msgspec.structs.replace(manifest, openings=openings), chunks)
    world.close()


async def test_a_manifest_counts_only_with_the_finalization_of_its_header(tmp_path: Path) -> None:
    """Goal: no header is believed. Method: flip every byte of the manifest's header and signatures; too few signatures; another chain."""
    world = await busy_world(tmp_path / "a")
    manifest, _ = await world.snapshot(tmp_path / "data")
    header = manifest.header
    for at in range(len(header)):
        altered = msgspec.structs.replace(manifest, header=header[:at] + bytes([header[at] ^ 1]) + header[at + 1 :])
        with pytest.raises(WireError):
            check_manifest(altered, (), world.genesis)
    signatures = manifest.certificate.signatures
    for shown in (signatures[:2], ((signatures[0][0], bytes(64)), *signatures[1:]), (signatures[1], signatures[0], signatures[2])):
        certificate = msgspec.structs.replace(manifest.certificate, signatures=shown)
        with pytest.raises(WireError):
            check_manifest(msgspec.structs.replace(manifest, certificate=certificate), (), world.genesis)
    notarized = msgspec.structs.replace(manifest.certificate, kind=1)
    with pytest.raises(WireError):
        check_manifest(msgspec.structs.replace(manifest, certificate=notarized), (), world.genesis)
    world.close()


async def test_manifest_bytes_are_limited_and_round_trip(tmp_path: Path) -> None:
    """Goal: lengths before allocation. Method: encode, decode, alter the length; a list that is no list."""
    world = await busy_world(tmp_path / "a")
    manifest, _ = await world.snapshot(tmp_path / "data")
    data = encode_manifest(manifest)
    assert decode_manifest(data) == manifest
    for bad in (data[:-1], data + b"\x00", b"\xc1", bytes(5 * 1_048_576)):
        with pytest.raises(WireError):
            decode_manifest(bad)
    world.close()


async def test_two_nodes_at_the_same_height_make_the_same_snapshot(tmp_path: Path) -> None:
    """Goal: chunks of one node go on where those of another were cut off. Method: the same chain flushed at other moments, two captures."""
    world = await busy_world(tmp_path / "a")
    manifest, chunks = await world.snapshot(tmp_path / "one")
    rebuilt(world, tmp_path / "b", manifest, chunks)
    store = Store.open(tmp_path / "b", world.chain_id, 2**28)
    other = Chain.open(store, world.genesis, KeyRing([world.secrets.view_key]), history=False)
    folder = await Capture(store.pin(), DiskFiles(), tmp_path / "two" / FOLDER, other.view_key_of).make()
    again = decode_manifest((folder / "manifest").read_bytes())
    assert content_id(again) == content_id(manifest)
    other.close()
    world.close()


async def test_a_snapshot_is_of_one_height_while_blocks_go_on(tmp_path: Path) -> None:
    """Goal: a pinned reader is whole. Method: one more flush in the middle of the capture changes nothing; a second ends it."""
    world = await busy_world(tmp_path / "a")
    manifest, chunks = await world.snapshot(tmp_path / "one")
    pin = world.chain.store.pin()
    await world.block(world.pay("bank-a/main", "bank-b/main", 11))
    await world.chain.flush()
    folder = await Capture(pin, DiskFiles(), tmp_path / "two" / FOLDER, world.chain.view_key_of).make()
    assert content_id(decode_manifest((folder / "manifest").read_bytes())) == content_id(manifest)
    assert [(folder / f"{index:05}").read_bytes() for index in range(len(chunks))] == chunks
    pin = world.chain.store.pin()
    for amount in (12, 13):
        await world.block(world.pay("bank-a/main", "bank-b/main", amount))
        await world.chain.flush()
    with pytest.raises(PinLost):
        await Capture(pin, DiskFiles(), tmp_path / "three" / FOLDER, world.chain.view_key_of).make()
    assert lines_in(tmp_path / "three" / FOLDER) == []
    world.close()


async def test_at_genesis_there_is_nothing_to_capture(tmp_path: Path) -> None:
    """Goal: everybody has genesis. Method: capture an empty chain."""
    world = SignedWorld(tmp_path / "a")
    with pytest.raises(NothingToCapture):
        await Capture(world.chain.store.pin(), DiskFiles(), tmp_path / FOLDER, world.chain.view_key_of).make()
    world.close()


async def test_a_snapshot_that_is_no_longer_whole_is_not_offered(tmp_path: Path) -> None:
    """Goal: what is listed can be served. Method: a manifest cut short, a hidden folder, a stray file."""
    world = await busy_world(tmp_path / "a")
    await world.snapshot(tmp_path / "data")
    folder = tmp_path / "data" / FOLDER
    (line,) = lines_in(folder)
    assert line.height == world.chain.tip.facts.height
    assert line.block_id == world.chain.tip.facts.block_id.hex()
    (folder / "new").mkdir()
    (folder / "wanted").touch()
    path = folder / str(line.height) / "manifest"
    path.write_bytes(path.read_bytes()[:-1])
    assert lines_in(folder) == []
    world.close()


async def test_sums_that_do_not_hold_are_refused_even_with_roots_that_fit(tmp_path: Path) -> None:
    """Goal: L12 on load. Method: one more som on one account, and a header with the very roots of that state."""
    world = await busy_world(tmp_path / "a")
    manifest, chunks = await world.snapshot(tmp_path / "data")
    leaves = dict(decode_chunk(chunks[0], manifest.chunks[0]))
    check_leaves(manifest, leaves, chunks[1])
    key = b"balance/bank-a/main/KGS"
    blind, (posted, held) = msgspec.msgpack.decode(leaves[key])
    leaves[key] = encode((blind, (posted + 1, held)))
    with pytest.raises(SnapshotWrong, match="sums"):
        check_leaves(manifest, leaves, chunks[1])
    world.close()


def check_leaves(manifest: Manifest, leaves: dict[bytes, bytes], refs: bytes) -> None:
    """Check a state against a header that is made to fit its roots."""
    trees: dict[str, list[tuple[bytes, bytes]]] = {}
    for stored, value in leaves.items():
        key = stored.decode()
        trees.setdefault(tree_of(key, record_of(key, value)), []).append((leaf_key(key), leaf_hash(leaf_key(key), value)))
    roots = {tree: root_of(rebuild_tree(pairs)) for tree, pairs in trees.items()}
    slots = [
        slot_of(each.participant, salt=each.salt, state_root=roots.get(each.participant, bytes(32)), journal=each.journal_root)
        for each in manifest.openings
    ]
    header = msgspec.structs.replace(
        header_of(manifest.header)[1], assets_root=roots["A"], governance_root=roots["G"], participants_root=list_root(slots)
    )
    check = StateCheck()
    check.add(ChunkKind.LEAVES, sorted(leaves.items()))
    check.add(ChunkKind.REFS, decode_chunk(refs, manifest.chunks[1]))
    check.finish(header, manifest.openings)


async def test_who_alters_a_public_record_is_found_by_its_root(tmp_path: Path) -> None:
    """Goal: governance and assets are bound by their roots alone. Method: another name for a bank; another hash in a view key's record."""
    world = await busy_world(tmp_path / "a")
    manifest, chunks = await world.snapshot(tmp_path / "data")
    pairs = [list(decode_chunk(chunk, info)) for chunk, info in zip(chunks, manifest.chunks, strict=True)]
    for key in (b"participant/bank-a", b"viewkey/0"):
        place = next(index for index, (each, _) in enumerate(pairs[0]) if each == key)
        whole = pairs[0][place]
        value = whole[1].replace(b"Bank A", b"Bank X") if key[:1] == b"p" else whole[1][:10] + bytes([whole[1][10] ^ 1]) + whole[1][11:]
        assert value != whole[1]
        pairs[0][place] = (key, value)
        told, bad = lying(manifest, pairs)
        with pytest.raises(SnapshotWrong, match="roots of the header"):
            rebuilt(world, tmp_path / key.decode().replace("/", "-"), told, bad)
        pairs[0][place] = whole
    world.close()


async def test_closings_and_hidden_assets_are_taken_over(tmp_path: Path) -> None:
    """Goal: L2 over a snapshot. Method: an asset published once a day, a date that was closed; the other node closes the next one alike."""
    world = await busy_world(tmp_path / "a")
    asset = world.chain.state.get("asset/KGS")
    assert isinstance(asset, Asset)
    hidden = AssetPut(msgspec.structs.replace(asset.policy, publish="day"))
    await world.block(world.transaction(hidden, "operator", [("operator", "board"), ("operator", "ops"), ("treasury", "ops")]))
    day = business_date(world.chain.state, 0)
    world.clock.now_ms += DAY_MS
    await world.block()
    assert world.chain.state.get(f"published/KGS/{day}") is not None
    manifest, chunks = await world.snapshot(tmp_path / "data")
    rebuilt(world, tmp_path / "b", manifest, chunks)
    store = Store.open(tmp_path / "b", world.chain_id, 2**28)
    other = Chain.open(store, world.genesis, KeyRing([world.secrets.view_key]), history=False)
    assert list(store.items(Table.INDEXES)) == list(world.chain.store.items(Table.INDEXES))
    world.clock.now_ms += DAY_MS
    built = await world.build()
    assert (await other.judge(built.stored)).reason == ""
    other.finalize([built.facts.block_id], world.certificate(built))
    world.finalize(built)
    closings = list(other.state.leaf_keys("closing/operator/"))
    assert closings[0] == f"closing/operator/{day}"
    assert len(closings) == 2
    other.close()
    world.close()
