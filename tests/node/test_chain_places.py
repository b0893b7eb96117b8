"""The index of places: every name is found, at each stage of a merge and after a restart at any flush."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

import node.places
from node.places import Places
from node.store import Store, Table

if TYPE_CHECKING:
    from pathlib import Path

CHAIN = bytes(32)


def name(number: int) -> bytes:
    return sha256(number.to_bytes(8, "big")).digest()


def flush(store: Store, places: Places, height: int, numbers: range) -> None:
    batch = store.begin()
    places.add(batch, height, [(name(number), height, number) for number in numbers])
    store.commit(batch)


@pytest.mark.parametrize("restart_every", [1, 7, 1_000])
def test_every_name_is_found_while_runs_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restart_every: int) -> None:
    """Goal: no name is lost or doubled by merges and restarts. Method: few runs per merge, so that several merges happen."""
    monkeypatch.setattr(node.places, "RUNS_MAX", 4)
    monkeypatch.setattr(node.places, "SLICES_PER_FLUSH", 128)
    store = Store.open(tmp_path, CHAIN)
    places = Places(store)
    for height in range(1, 41):
        flush(store, places, height, range(height * 10, height * 10 + 10))
        if height % restart_every == 0:
            places = Places(store)
        for number in range(10, height * 10 + 10, 7):
            assert places.find(name(number)) == [(number // 10, number)]
    assert places.find(name(1)) == []
    assert len(store.keys(Table.PLACES)) < 40 + 20 * 256
    store.close()


def test_a_name_that_was_used_again_is_found_newest_first(tmp_path: Path) -> None:
    """Goal: a reference may come back after an hour. Method: one name in two flushes."""
    store = Store.open(tmp_path, CHAIN)
    places = Places(store)
    flush(store, places, 3, range(5))
    flush(store, places, 9, range(5))
    assert places.find(name(2)) == [(9, 2), (3, 2)]
    store.close()


def test_names_at_both_ends_of_the_key_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: slices 0 and 255 are complete. Method: names of zeros and ones, merged."""
    monkeypatch.setattr(node.places, "RUNS_MAX", 2)
    monkeypatch.setattr(node.places, "SLICES_PER_FLUSH", 256)
    store = Store.open(tmp_path, CHAIN)
    places = Places(store)
    for height in range(1, 6):
        batch = store.begin()
        places.add(batch, height, [(bytes(31) + bytes((height,)), height, 0), (b"\xff" * 32, height, 1)])
        store.commit(batch)
    assert places.find(b"\xff" * 32) == [(height, 1) for height in range(5, 0, -1)]
    assert places.find(bytes(32)) == [(height, 0) for height in range(5, 0, -1)]  # ten equal bytes: the caller compares
    store.close()
