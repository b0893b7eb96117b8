"""Remembered references in memory (L14)."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256

from ledger.state import UsedRef
from node.refs import RememberedRefs

MINUTE = 60_000


def digest(*parts: object) -> bytes:
    return sha256(repr(parts).encode()).digest()


def test_a_reference_is_forgotten_with_its_minute() -> None:
    """Goal: remembered iff block time < (minute + 1) * 60,000. Method: step over the edge."""
    refs = RememberedRefs()
    refs.add({digest("a"): UsedRef(digest("tx"), 10)})
    refs.drop_before(11 * MINUTE - 1)
    assert refs.find(digest("a")) == UsedRef(digest("tx"), 10)
    refs.drop_before(11 * MINUTE)
    assert refs.find(digest("a")) is None
    assert len(refs) == 0


def test_of_two_uses_the_later_counts() -> None:
    """Goal: a reference that came back after its minute is known by the new transaction. Method: both are here."""
    refs = RememberedRefs()
    refs.add({digest("a"): UsedRef(digest("new"), 20)})
    refs.add({digest("a"): UsedRef(digest("old"), 10)})
    assert refs.find(digest("a")) == UsedRef(digest("new"), 20)


def test_hashes_that_begin_with_zeros_come_back_whole() -> None:
    """Goal: numbers keep the length of a hash. Method: a hash of one."""
    refs = RememberedRefs()
    refs.add_stored(5, bytes(31) + b"\x01" + bytes(31) + b"\x02")
    assert refs.find(bytes(31) + b"\x01") == UsedRef(bytes(31) + b"\x02", 5)


def test_a_reference_costs_at_most_200_bytes() -> None:
    """Goal: the memory rule of performance.md. Method: count what 200,000 of them allocate."""
    entries = b"".join(digest(number) + digest(-number) for number in range(200_000))
    refs = RememberedRefs()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    refs.add_stored(7, entries)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / 200_000 <= 200
