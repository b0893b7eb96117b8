"""Remembered references in memory (L14)."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from ledger.state import UsedRef
from node import refs as module
from node.refs import DROPPED_MAX, RememberedRefs

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


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("use"), st.integers(0, 5), st.integers(0, 6)),
            st.tuples(st.just("time"), st.integers(0, 2 * MINUTE), st.none()),
        ),
        max_size=60,
    ),
    dropped_max=st.integers(1, 3),
)
def test_references_are_what_a_plain_list_remembers(steps: list[tuple[str, int, int | None]], dropped_max: int) -> None:
    """Goal: what is remembered does not depend on how it is kept, nor on when room is made. Method: a list of all uses, time only grows."""
    with patch.object(module, "DROPPED_MAX", dropped_max):
        kept, plain, now = RememberedRefs(), list[tuple[bytes, UsedRef]](), 0
        for number, (what, value, ahead) in enumerate(steps):
            if what == "time":
                now += value
                kept.drop_before(now)
                plain = [(name, use) for name, use in plain if now < (use.minute + 1) * MINUTE]
            else:
                name, use = digest(value), UsedRef(digest("tx", number), now // MINUTE + (ahead or 0))
                kept.add({name: use})
                plain.append((name, use))
            for place in range(6):
                uses = [use for name, use in plain if name == digest(place)]
                assert kept.find(digest(place)) == max(reversed(uses), key=lambda use: use.minute, default=None)
        for _ in steps:
            kept.drop_before(now + 9 * MINUTE)
        assert len(kept) == 0


def test_a_past_minute_gives_its_room_back_in_steps() -> None:
    """Goal: no block waits until hundreds of thousands are dropped, and all of them go. Method: two minutes, three steps' worth."""
    refs = RememberedRefs()
    for minute, count in ((1, 2 * DROPPED_MAX), (2, DROPPED_MAX)):
        refs.add({digest(minute, number): UsedRef(digest("tx"), minute) for number in range(count)})
    refs.add({digest("later"): UsedRef(digest("tx"), 9)})
    held = [3 * DROPPED_MAX + 1]
    for _ in range(4):
        refs.drop_before(3 * MINUTE)
        held.append(len(refs))
        assert refs.find(digest(1, 0)) is refs.find(digest(2, 0)) is None
    assert held == [3 * DROPPED_MAX + 1, 2 * DROPPED_MAX + 1, DROPPED_MAX + 1, 1, 1]
    assert refs.find(digest("later")) == UsedRef(digest("tx"), 9)


def test_a_reference_that_came_back_outlives_its_first_minute() -> None:
    """Goal: dropping a past minute takes no later use with it. Method: the same name in two minutes, the first one past."""
    refs = RememberedRefs()
    refs.add({digest("a"): UsedRef(digest("old"), 10)})
    refs.add({digest("a"): UsedRef(digest("new"), 20)})
    refs.drop_before(12 * MINUTE)
    assert refs.find(digest("a")) == UsedRef(digest("new"), 20)
