"""What an attestor saw (B3, B5, B6, B10): facts in order and without a gap; a contract that contradicts itself stops the attestor."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.chains import ForeignBlock, Seen
from bridge.identifiers import ledger_recipient
from bridge.observe import (
    AMOUNT_MAX,
    Broken,
    Progress,
    check_continuity,
    check_mint,
    common_block,
    contract_of,
    expiries,
    in_ranges,
    observe,
    sighting_of,
)
from ledger.bridges import Burn, Mint
from tests.bridge.test_attest import LOCK
from tests.ledger.bridge_world import BRIDGE, ROUTE, ROUTE_ID, terms_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.abi import Value

TERMS = terms_of()
HOLDER = "0x" + "aa" * 20
START = Progress(100, bytes(32))


def block(number: int) -> ForeignBlock:
    """Return the block of this number."""
    return ForeignBlock(number, sha256(b"block %d" % number).digest(), 1_700_000_000 + number)


def with_fields(seen: Seen, fields: Mapping[str, Value]) -> Seen:
    """Return the event with some fields changed."""
    return replace(seen, fields={**seen.fields, **fields})


def burned(nonce: int, amount: int, total: int, *, number: int = 101, index: int | None = None, **fields: Value) -> Seen:
    """Return a burn as the contract logs it."""
    said: dict[str, Value] = {
        "nonce": nonce,
        "from": HOLDER,
        "ledgerRecipient": ledger_recipient("bank-a/main"),
        "amount": amount,
        "cumulativeBurned": total,
    }
    return Seen("Burned", said | fields, block(number), sha256(b"tx %d" % nonce).digest(), nonce if index is None else index)


def minted(nonce: int, amount: int, total: int, *, number: int = 101, index: int = 50, **fields: Value) -> Seen:
    """Return a mint as the contract logs it."""
    said: dict[str, Value] = {
        "nonce": nonce,
        "lockId": LOCK.lock_id,
        "recipient": "0x" + "09" * 20,
        "amount": amount,
        "cumulativeMinted": total,
    }
    return Seen("Minted", said | fields, block(number), sha256(b"mint %d" % nonce).digest(), index)


def test_b3_a_burn_carries_every_field_of_its_event_and_place() -> None:
    """Goal: nothing that is executed is left out. Method: field by field."""
    seen = burned(1, 250, 250)
    (fact,) = observe(ROUTE, TERMS, START, [seen], block(110)).facts
    assert fact == Burn(
        route_id=ROUTE_ID,
        chain_id=56,
        contract=BRIDGE,
        nonce=1,
        block=101,
        block_hash=block(101).hash,
        tx_hash=seen.tx_hash,
        log_index=1,
        sender=b"\xaa" * 20,
        recipient=ledger_recipient("bank-a/main"),
        amount=250,
        cumulative=250,
    )


@given(st.lists(st.integers(1, 1_000), max_size=20), st.lists(st.integers(0, 20), max_size=5))
def test_b2_b6_whatever_the_ranges_each_burn_is_a_fact_once_and_totals_add_up(amounts: list[int], cuts: list[int]) -> None:
    """Goal: no burn lost or repeated, wherever observation stopped. Method: the same burns in any ranges of blocks."""
    totals = [sum(amounts[: at + 1]) for at in range(len(amounts))]
    events = [burned(at + 1, amount, totals[at], number=101 + at) for at, amount in enumerate(amounts)]
    last = 101 + len(amounts)
    progress = START
    facts: list[Burn | Mint] = []
    for end in [*sorted({101 + cut for cut in cuts if 101 + cut < last}), last]:
        part = [seen for seen in events if progress.block < seen.block.number <= end]
        found = observe(ROUTE, TERMS, progress, part, block(end))
        progress = found.progress
        facts.extend(found.facts)
    assert [fact.nonce for fact in facts] == list(range(1, len(amounts) + 1))
    assert progress == Progress(last, block(last).hash, len(amounts), sum(amounts), 0)


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([burned(2, 1, 1)], "burn 1 is missing"),
        ([burned(1, 1, 1), burned(1, 1, 2, index=2)], "burn 2 is missing"),
        ([burned(1, 5, 6)], "makes a total of 5"),
        ([burned(1, 0, 0)], "makes a total of 0"),
        ([burned(1, AMOUNT_MAX + 1, AMOUNT_MAX + 1)], "not a number"),
        ([burned(1, 5, 5, number=100)], "out of order"),
        ([burned(1, 5, 5, number=111)], "out of order"),
        ([burned(1, 5, 5, number=103), burned(2, 5, 10, number=102)], "out of order"),
        ([burned(1, 5, 5, index=7), burned(2, 5, 10, index=7)], "out of order"),
        ([burned(1, 5, 5, ledgerRecipient=bytes(32))], "checksum"),
        ([burned(1, 5, 5, ledgerRecipient=b"short")], "32 bytes"),
        ([with_fields(burned(1, 5, 5), {"from": "0xzz" + "aa" * 19})], "no address"),
        ([with_fields(burned(1, 5, 5), {"from": b"bytes"})], "no address"),
        ([minted(7, 400, 401)], "makes a total of 400"),
        ([minted(7, 0, 0)], "makes a total of 0"),
        ([minted(7, 400, 400, lockId=b"")], "32 bytes"),
    ],
)
def test_b6_a_contract_that_contradicts_itself_stops_the_attestor(events: list[Seen], reason: str) -> None:
    """Goal: nothing is released on a lie. Method: gaps, repetitions, wrong totals, fields that are none."""
    with pytest.raises(Broken, match=reason):
        observe(ROUTE, TERMS, START, events, block(110))


def test_b6_a_block_that_was_final_and_is_another_now_breaks_the_route() -> None:
    """Goal: continuity past finality. Method: the same block, another hash, another number; before the first observation anything goes."""
    progress = Progress(105, block(105).hash)
    check_continuity(ROUTE, progress, block(105))
    check_continuity(ROUTE, Progress(0, b""), block(105))
    for other in (replace(block(105), hash=bytes(32)), block(106)):
        with pytest.raises(Broken, match="reorganised"):
            check_continuity(ROUTE, progress, other)


def test_b5_a_lock_expires_by_the_other_chains_clock_and_only_unused() -> None:
    """Goal: never our clock. Method: at the deadline, after it, used, minted meanwhile; nobody is asked about locks that are not late."""
    asked: list[int] = []

    def unused(nonce: int) -> bool:
        asked.append(nonce)
        return False

    at = ForeignBlock(9, bytes([1] * 32), LOCK.deadline)
    assert expiries([LOCK], at, unused) == ()
    assert asked == []
    after = replace(at, time=LOCK.deadline + 1)
    (fact,) = expiries([replace(LOCK, state="minted", nonce=6), LOCK], after, unused)
    assert (fact.nonce, fact.lock_id, fact.deadline, fact.block, fact.block_time) == (7, LOCK.lock_id, LOCK.deadline, 9, LOCK.deadline + 1)
    assert asked == [7]
    assert expiries([LOCK], after, lambda _: True) == ()


def test_b8_a_mint_without_its_lock_breaks_the_route() -> None:
    """Goal: each Minted event against its lock. Method: the lock, none, and each field another."""
    (mint,) = observe(ROUTE, TERMS, START, [minted(7, 400, 400)], block(110)).facts
    assert isinstance(mint, Mint)
    check_mint(LOCK, mint, ROUTE)
    others = [
        None,
        *(replace(LOCK, **change) for change in ({"nonce": 6}, {"lock_id": bytes(32)}, {"recipient": bytes(20)}, {"amount": 399})),
    ]
    for lock in others:
        with pytest.raises(Broken, match="is not locked like that"):
            check_mint(lock, mint, ROUTE)


def test_b10_all_attestors_sight_the_same_block() -> None:
    """Goal: one block for all. Method: every final block of a step names its first; totals of our contract, zeros of a foreign one."""
    terms = terms_of(observe_step=50)
    assert {common_block(terms, block(number)) for number in range(150, 200)} == {150}
    ours = sighting_of(ROUTE, 900, block(150), {"cumulativeMinted": 1_000, "cumulativeBurned": 100})
    assert (ours.supply, ours.minted, ours.burned, ours.block, ours.block_hash) == (900, 1_000, 100, 150, block(150).hash)
    assert sighting_of(ROUTE, 900, block(150)).minted == 0
    with pytest.raises(Broken, match="the supply"):
        sighting_of(ROUTE, AMOUNT_MAX + 1, block(150))


def test_a_tron_contract_is_known_with_its_prefix_at_home() -> None:
    """Goal: addresses as the ledger has them. Method: contract and burner of a TVM route."""
    terms = terms_of(kind="TVM", bridge=b"\x41" + BRIDGE)
    (fact,) = observe(ROUTE, terms, START, [burned(1, 5, 5)], block(110)).facts
    assert isinstance(fact, Burn)
    assert (contract_of(terms), fact.contract, fact.sender) == (BRIDGE, b"\x41" + BRIDGE, b"\x41" + b"\xaa" * 20)


def test_other_events_of_the_contract_are_passed_over() -> None:
    """Goal: a pause there is no fact here. Method: an event of another name."""
    seen = Seen("MintPaused", {"by": HOLDER}, block(101), bytes(32), 0)
    assert observe(ROUTE, TERMS, START, [seen], block(110)).facts == ()


@given(st.integers(0, 1_000), st.integers(0, 300), st.integers(1, 100))
def test_ranges_cover_every_block_once(first: int, count: int, most: int) -> None:
    """Goal: no block is skipped. Method: property."""
    ranges = in_ranges(first, first + count - 1, most)
    assert [number for begin, end in ranges for number in range(begin, end + 1)] == list(range(first, first + count))
    assert all(end - begin < most for begin, end in ranges)
