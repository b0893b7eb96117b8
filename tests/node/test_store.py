"""The store: one chain, one format, one process; a commit is all or nothing; what is wrong with a file is said in one sentence."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from node.errors import OtherChain, OtherFormat, StoreCorrupt, StoreError, StoreFull
from node.files import FolderInUse
from node.store import FORMAT_VERSION, Store, Table, height_key

if TYPE_CHECKING:
    from pathlib import Path

CHAIN = bytes(range(32))
SMALL = 1 << 20


def put(store: Store, table: Table, pairs: list[tuple[bytes, bytes]]) -> None:
    batch = store.begin()
    batch.put(table, pairs)
    store.commit(batch)


def test_what_was_committed_is_there_after_a_new_start(tmp_path: Path) -> None:
    """Goal: a commit lasts. Method: write, close, open."""
    store = Store.open(tmp_path, CHAIN)
    assert store.height is None
    put(store, Table.LEAVES, [(b"a", b"1"), (b"b", b"2")])
    put(store, Table.META, [(b"height", height_key(7))])
    store.close()
    store = Store.open(tmp_path, CHAIN)
    assert store.height == 7
    assert list(store.items(Table.LEAVES)) == [(b"a", b"1"), (b"b", b"2")]
    assert store.keys(Table.LEAVES) == [b"a", b"b"]
    store.close()


def test_a_batch_is_seen_after_its_commit_only(tmp_path: Path) -> None:
    """Goal: nothing half written is read. Method: read beside an open batch, after an abort, after a commit."""
    store = Store.open(tmp_path, CHAIN)
    batch = store.begin()
    batch.put(Table.LEAVES, [(b"a", b"1")])
    assert store.get(Table.LEAVES, b"a") is None
    batch.abort()
    assert store.get(Table.LEAVES, b"a") is None
    put(store, Table.LEAVES, [(b"a", b"1")])
    assert store.get(Table.LEAVES, b"a") == b"1"
    batch = store.begin()
    batch.delete(Table.LEAVES, [b"a", b"absent"])
    store.commit(batch)
    assert store.get(Table.LEAVES, b"a") is None
    store.close()


def test_ranges_go_up_and_down(tmp_path: Path) -> None:
    """Goal: limits and ends of ranges. Method: ten keys."""
    store = Store.open(tmp_path, CHAIN)
    put(store, Table.INDEXES, [(bytes((key,)), b"") for key in range(10)])
    assert [key for key, _ in store.range(Table.INDEXES, b"\x03", b"\x07", 3)] == [b"\x03", b"\x04", b"\x05"]
    assert [key for key, _ in store.range(Table.INDEXES, b"\x08", b"\xff", 9)] == [b"\x08", b"\x09"]
    assert [key for key, _ in store.last_before(Table.INDEXES, b"\x02", b"\x07", 2)] == [b"\x06", b"\x05"]
    assert [key for key, _ in store.last_before(Table.INDEXES, b"\x08", b"\xff", 9)] == [b"\x09", b"\x08"]
    batch = store.begin()
    batch.delete_below(Table.INDEXES, b"\x09")
    store.commit(batch)
    assert store.keys(Table.INDEXES) == [b"\x09"]
    store.close()


async def test_a_commit_beside_the_loop_reads_well_before_and_after(tmp_path: Path) -> None:
    """Goal: the reader is never in the wrong place. Method: read while the commit runs in its thread, and afterwards."""
    store = Store.open(tmp_path, CHAIN)
    put(store, Table.LEAVES, [(b"a", b"old")])
    batch = store.begin()
    batch.put(Table.LEAVES, [(b"a", b"new")] + [(os.urandom(16), bytes(100)) for _ in range(2_000)])
    commit = asyncio.ensure_future(store.commit_beside(batch))
    seen = set()
    while not commit.done():
        seen.add(store.get(Table.LEAVES, b"a"))
        await asyncio.sleep(0)
    await commit
    assert seen <= {b"old"}
    assert store.get(Table.LEAVES, b"a") == b"new"
    store.close()


async def test_a_cancelled_commit_is_finished_all_the_same(tmp_path: Path) -> None:
    """Goal: cancellation never leaves half a commit. Method: cancel at once, then read."""
    store = Store.open(tmp_path, CHAIN)
    batch = store.begin()
    batch.put(Table.LEAVES, [(b"a", b"1")])
    commit = asyncio.ensure_future(store.commit_beside(batch))
    await asyncio.sleep(0)
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    assert store.get(Table.LEAVES, b"a") == b"1"
    store.close()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Goal: one process. Method: open twice; the lock is of the open file, so it holds within a process, too."""
    store = Store.open(tmp_path, CHAIN)
    with pytest.raises(FolderInUse):
        Store.open(tmp_path, CHAIN)
    store.close()
    Store.open(tmp_path, CHAIN).close()


def test_another_chain_is_refused(tmp_path: Path) -> None:
    """Goal: a folder belongs to one chain. Method: open with another id; the refusal leaves it usable."""
    Store.open(tmp_path, CHAIN).close()
    with pytest.raises(OtherChain, match="genesis"):
        Store.open(tmp_path, bytes(32))
    Store.open(tmp_path, CHAIN).close()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """Goal: an old program never writes into new tables. Method: raise the number."""
    store = Store.open(tmp_path, CHAIN)
    newer = FORMAT_VERSION + 1
    put(store, Table.META, [(b"format", str(newer).encode())])
    store.close()
    with pytest.raises(OtherFormat, match=f"format {newer} .*; run the version that wrote it$"):
        Store.open(tmp_path, CHAIN)


def test_an_older_format_is_refused(tmp_path: Path) -> None:
    """Goal: a chain with other roots is not taken for a damaged one. Method: lower the number; the refusal leaves the folder as it is."""
    store = Store.open(tmp_path, CHAIN)
    put(store, Table.META, [(b"format", b"2")])
    store.close()
    for _ in range(2):
        with pytest.raises(OtherFormat, match=r"format 2 and this version reads 3; .* or begin a new chain"):
            Store.open(tmp_path, CHAIN)


def test_the_library_that_wrote_it_is_recorded(tmp_path: Path) -> None:
    """Goal: architecture.md asks for lmdb.version() in the store. Method: read it."""
    store = Store.open(tmp_path, CHAIN)
    assert (store.get(Table.META, b"lmdb") or b"").count(b".") == 2
    store.close()


@pytest.mark.parametrize("content", [b"garbage" * 4_000, bytes(40_000)])
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, content: bytes) -> None:
    """Goal: one sentence, not a signal. Method: put something else in its place."""
    (tmp_path / "data.mdb").write_bytes(content)
    with pytest.raises(StoreCorrupt, match="cannot be trusted"):
        Store.open(tmp_path, CHAIN)


def test_a_truncated_file_is_refused_where_it_is_read(tmp_path: Path) -> None:
    """Goal: a short file is an error, not a bus error. Method: cut it at every eighth page and read everything."""
    store = Store.open(tmp_path, CHAIN)
    put(store, Table.LEAVES, [(key.to_bytes(4, "big"), bytes(200)) for key in range(3_000)])
    store.close()
    whole = (tmp_path / "data.mdb").read_bytes()
    refused = 0
    for size in range(8_192, len(whole) - 4_096, 8 * 4_096):
        (tmp_path / "data.mdb").write_bytes(whole[:size])
        try:
            store = Store.open(tmp_path, CHAIN)
        except StoreError:
            refused += 1
            continue
        try:
            read = len(list(store.items(Table.LEAVES)))
        except StoreError:
            refused += 1
        else:
            assert read == 3_000
        store.close()
    assert refused > 10


def test_a_full_store_says_so_and_loses_nothing(tmp_path: Path) -> None:
    """Goal: the map's limit is a typed error and the batch leaves nothing. Method: a small map, a large batch."""
    store = Store.open(tmp_path, CHAIN, SMALL)
    put(store, Table.LEAVES, [(b"kept", b"1")])
    batch = store.begin()
    with pytest.raises(StoreFull, match="map_bytes"):
        batch.put(Table.LEAVES, [(key.to_bytes(4, "big"), bytes(2_000)) for key in range(2_000)])
    batch.abort()
    assert store.keys(Table.LEAVES) == [b"kept"]
    store.close()
