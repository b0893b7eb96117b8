"""Shares (M3) and order (M4, M6) of the pool, without a chain."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from ledger.transactions.bodies import GrantEnd, Transaction, Void
from node.queues import QUANTUM, Queues

if TYPE_CHECKING:
    from collections.abc import Iterable


def transaction(participant: str, number: int, *, size: int = 500, type_: str = "void") -> Transaction:
    raw = f"{participant}/{number}/".encode().ljust(size, b".")
    raw_id = sha256(raw).digest()
    body = Void(bytes(32)) if type_ == "void" else GrantEnd("g")
    return Transaction(raw, raw_id, raw_id, bytes(32), type_, f"{participant}/user", str(number), 0, body, (), raw_id)


def senders(transactions: Iterable[Transaction]) -> list[str]:
    return [each.sender.split("/")[0] for each in transactions]


def test_m3_each_participant_always_has_its_share() -> None:
    """Goal: a flood of one leaves the guaranteed share of the others. Method: one fills what it can, then each other one its share."""
    queues = Queues(80, 10**9)
    taken = 0
    while queues.has_room(transaction("a", taken), 4):
        queues.add(transaction("a", taken))
        taken += 1
    assert taken == 10 + 40
    for name in "bcd":
        for number in range(10):
            each = transaction(name, number)
            assert queues.has_room(each, 4)
            queues.add(each)
        assert not queues.has_room(transaction(name, 11), 4)
    assert queues.count == 80


def test_m3_bytes_are_shared_as_numbers_are() -> None:
    """Goal: few large transactions are as bad as many small ones. Method: count until refused."""
    queues = Queues(10**6, 80_000)
    taken = 0
    while queues.has_room(transaction("a", taken, size=1_000), 4):
        queues.add(transaction("a", taken, size=1_000))
        taken += 1
    assert taken == 50
    assert queues.has_room(transaction("b", 1, size=10_000), 4)
    assert not queues.has_room(transaction("b", 1, size=10_001), 4)


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 5), st.booleans()), max_size=60), st.integers(2, 6))
def test_m3_counts_are_those_of_what_is_there(steps: list[tuple[str, int, bool]], participants: int) -> None:
    """Goal: the running sums never drift. Method: any adds and removes, compared with sums over all."""
    queues = Queues(30, 6_000)
    held: dict[bytes, Transaction] = {}
    for number, (name, size, leave) in enumerate(steps):
        if leave and held:
            _, gone = held.popitem()
            queues.remove([gone])
        each = transaction(name, number, size=size * 100)
        if queues.has_room(each, participants):
            queues.add(each)
            held[each.raw_id] = each
    by_name: dict[str, list[Transaction]] = {}
    for each in held.values():
        by_name.setdefault(each.sender, []).append(each)
    own_count, own_bytes = 30 // (2 * participants), 6_000 // (2 * participants)
    assert queues.count == len(held)
    assert queues.bytes == sum(len(each.raw) for each in held.values())
    assert sum(max(0, len(group) - own_count) for group in by_name.values()) <= 15
    assert sum(max(0, sum(len(each.raw) for each in group) - own_bytes) for group in by_name.values()) <= 3_000


def test_m4_turns_are_taken_by_bytes() -> None:
    """Goal: a participant with many small ones is not behind one with few large ones. Method: what comes before 20 quanta."""
    queues = Queues(10**6, 10**9)
    for number in range(400):
        queues.add(transaction("small", number, size=QUANTUM // 8))
    for number in range(50):
        queues.add(transaction("large", number, size=QUANTUM * 2))
    size = {"small": 0, "large": 0}
    for each in list(queues.ordered(10**6, last=()))[:100]:
        size[each.sender.split("/")[0]] += len(each.raw)
    assert abs(size["small"] - size["large"]) <= 3 * QUANTUM


def test_m4_first_in_first_out_within_a_participant() -> None:
    """Goal: order of arrival. Method: numbers come back ascending."""
    queues = Queues(10**6, 10**9)
    for number in range(30):
        queues.add(transaction("a", number))
        queues.add(transaction("b", number))
    refs = [int(each.ref) for each in queues.ordered(10**6, last=()) if each.sender.startswith("a")]
    assert refs == list(range(30))


def test_m4_governance_comes_first_with_a_tenth_at_most() -> None:
    """Goal: authority is never crowded out, and crowds nobody out. Method: more of it than fits."""
    queues = Queues(10**6, 10**9)
    for number in range(10):
        queues.add(transaction("a", number))
        queues.add(transaction("b", number, type_="grant.end"))
    order = list(queues.ordered(20_000, last=()))
    assert [each.type for each in order[:4]] == ["grant.end"] * 4
    assert sum(1 for each in order if each.type == "grant.end") == 4
    only = list(queues.ordered(1, last=()))
    assert [each.type for each in only[:2]] == ["grant.end", "void"]


def test_m6_who_fails_often_is_taken_last() -> None:
    """Goal: failures of one cost the others nothing. Method: name one."""
    queues = Queues(10**6, 10**9)
    for number in range(5):
        queues.add(transaction("a", number))
        queues.add(transaction("b", number))
    assert senders(queues.ordered(10**6, last={"a"})) == ["b"] * 5 + ["a"] * 5
