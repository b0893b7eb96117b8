"""Both sides of a route add up, or somebody is told why not (B1, B8): no lie passes, and no delay is taken for one."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.attest import Point
from bridge.chains import ForeignBlock
from bridge.monitor import There, inspect, oldest_in_flight, pause_order, reason_of, stalled, there_of
from bridge.observe import AMOUNT_MAX, Broken
from ledger.bridges import Release
from ledger.orders import Order
from ledger.transactions.order_forms import check_order
from tests.bridge.test_attest import LOCK, ROUTE_RECORD
from tests.ledger.bridge_world import ROUTE, ROUTE_ID, TOKEN, VAULT, terms_of

if TYPE_CHECKING:
    from bridge.abi import Value
    from ledger.bridges import BridgeRoute

TIME = 1_800_000_000
AT = ForeignBlock(500, bytes([3] * 32), TIME)
HERE = Point(90, bytes([4] * 32), (TIME + 1) * 1_000)
STATE: dict[str, Value] = {
    "routeId": ROUTE_ID,
    "token": "0x" + TOKEN.hex(),
    "opening": 0,
    "cumulativeMinted": 4_200,
    "cumulativeBurned": 1_000,
    "cumulativeLocked": 5_000,
    "cumulativeRefunded": 300,
    "headroom": 500,
}
THERE = there_of(ROUTE_RECORD, AT, STATE, 3_200)


def test_b1_both_sides_of_a_sound_route_add_up() -> None:
    """Goal: the totals that people look at. Method: a route with mints and burns on their way; every number by hand."""
    report = inspect(ROUTE_RECORD, HERE, THERE, burns_to=500)
    assert (report.broken, report.behind) == ((), "")
    assert report.totals == {
        "locked": 5_000,
        "refunded": 300,
        "released": 800,
        "minted": 4_200,
        "burned": 1_000,
        "vault": 3_900,
        "supply_seen": 3_200,
        "headroom": 500,
        "surplus": 700,
        "unminted": 500,
        "unreleased": 200,
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"route_id": bytes(32)}, "belongs to route 0000"),
        ({"token": "0x" + "ee" * 20}, "the contract's token is 0xee"),
        ({"opening": 1, "supply": 3_201}, "opened with 1, the route with 0"),
        ({"minted": 4_701, "supply": 3_701}, "minted 4701 there, only 5000 less 300"),
        ({"burned": 899, "supply": 3_301}, "900 were taken for burned here, only 899"),
        ({"attested_locked": 5_001}, "told of 5001 locked"),
        ({"attested_refunded": 301}, "301 refunded: more than there ever was"),
        ({"supply": 3_201}, "the supply there is 3201"),
        ({"supply": 3_199}, "the supply there is 3199"),
        ({"others": 1}, "1 of it others'"),
        ({"minted": 4_700, "burned": 900, "supply": 3_901}, "3901 are out there, 3900 in the vault"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_b8_what_cannot_be_is_named(changes: dict[str, int | bytes | str], sentence: str) -> None:
    """Goal: each of B8's sums. Method: one number otherwise at a time, by one unit."""
    report = inspect(ROUTE_RECORD, HERE, replace(THERE, **changes), burns_to=500)
    assert any(sentence in one for one in report.broken), report.broken


def test_b8_more_released_than_burned_is_named() -> None:
    """Goal: R <= B, of the ledger's own record, too. Method: a record that paid more than it agreed on."""
    report = inspect(replace(ROUTE_RECORD, released=1_001), HERE, THERE, burns_to=500)
    assert "1001 were taken for burned here" in report.broken[0]


def test_b8_who_is_behind_does_not_cry_wolf() -> None:
    """Goal: no route is stopped because a node is slow. Method: a block older than a burn of the ledger; a ledger older than the block."""
    slow = replace(THERE, burned=0, supply=4_200)
    report = inspect(ROUTE_RECORD, HERE, slow, burns_to=501)
    assert report.broken == ()
    assert "block 500 is older" in report.behind
    report = inspect(replace(ROUTE_RECORD, locked=4_000), replace(HERE, time_ms=TIME * 1_000 - 1), THERE, burns_to=500)
    assert report.broken == ()
    assert "ledger's block 90 is older" in report.behind
    assert inspect(ROUTE_RECORD, replace(HERE, time_ms=TIME * 1_000), THERE, burns_to=500).behind == ""


amounts = st.integers(0, 1_000)


@given(st.lists(st.tuples(st.sampled_from(("lock", "refund", "mint", "burn", "release")), amounts), max_size=40), st.data(), amounts)
def test_b1_no_honest_history_breaks_a_sum_wherever_the_two_readings_fall(
    steps: list[tuple[str, int]], data: st.DataObject, opening: int
) -> None:
    """Goal: the order of reading is safe. Method: any history; the chain is read at one step, the ledger at any later one."""
    route: BridgeRoute = replace(
        ROUTE_RECORD, terms=terms_of(opening=opening), locked=0, refunded=0, released=0, minted=0, burned=0, locks=0, burns=0
    )
    there = There(AT, ROUTE_ID, "0x" + TOKEN.hex(), opening, 0, 0, 0, 0, 0, opening)
    states = [(route, there)]
    for step, amount in steps:
        waiting = route.locked - route.refunded - there.minted
        match step:
            case "lock":
                route = replace(route, locked=route.locked + amount)
            case "refund":
                route = replace(route, refunded=route.refunded + min(amount, waiting))
            case "mint":
                there = replace(there, minted=there.minted + min(amount, waiting), attested_locked=route.locked)
                there = replace(there, attested_refunded=route.refunded, supply=opening + there.minted - there.burned)
            case "burn":
                there = replace(there, burned=there.burned + min(amount, there.supply))
                there = replace(there, supply=opening + there.minted - there.burned)
            case _:
                paid = min(amount, there.burned - route.released)
                route = replace(route, released=route.released + paid, burned=route.released + paid)
        states.append((route, there))
    first = data.draw(st.integers(0, len(states) - 1))
    later = data.draw(st.integers(first, len(states) - 1))
    seen, known = states[first][1], states[later][0]
    report = inspect(known, HERE, seen, burns_to=501 if known.burned > seen.burned else 500)
    assert report.broken == ()
    assert inspect(states[first][0], HERE, seen, burns_to=500).totals["surplus"] >= 0


@pytest.mark.parametrize("name", [*STATE, "supply"])
def test_a_contract_that_does_not_answer_in_numbers_is_broken(name: str) -> None:
    """Goal: hostile answers are refused by type. Method: each field missing, negative, too large, of another type."""
    for wrong in (None, -1, AMOUNT_MAX + 1, "many", [1]):
        if name == "supply":
            with pytest.raises(Broken):
                there_of(ROUTE_RECORD, AT, STATE, AMOUNT_MAX + 1)
        elif not (name == "token" and isinstance(wrong, str)):
            changed = {key: value for key, value in STATE.items() if key != name} | ({} if wrong is None else {name: wrong})
            with pytest.raises(Broken):
                there_of(ROUTE_RECORD, AT, changed, 3_200)


def test_a_chain_that_stops_finalising_is_named_with_its_last_block() -> None:
    """Goal: it pauses the route and says why. Method: at the limit and a second after."""
    assert stalled(AT, TIME + 900, 900) == ""
    assert stalled(AT, TIME + 901, 900) == "the chain has not finalised for 901 s: block 500 is its newest final one"


def test_the_oldest_in_flight_is_what_waits_longest_on_either_side() -> None:
    """Goal: the number on /metrics. Method: locks and releases that wait, that are done, and none."""
    now = LOCK.sign_from_ms + 70_000
    waiting = Release(ROUTE, 1, VAULT, None, (), "waiting", now - 30_999, "")
    done = (replace(LOCK, state="minted", sign_from_ms=1), replace(LOCK, state="refunded", sign_from_ms=1))
    assert oldest_in_flight([LOCK, *done], [waiting], now) == 70
    assert oldest_in_flight(done, [waiting, replace(waiting, state="released", not_before_ms=1)], now) == 30
    assert oldest_in_flight([replace(LOCK, sign_from_ms=now + 5)], [], now) == 0
    assert oldest_in_flight([], [], now) == 0


def test_b8_a_break_becomes_an_order_that_the_ledger_takes_and_a_reason_that_fits() -> None:
    """Goal: a pause order with its basis. Method: the form that the ledger checks; sentences that fit and that do not."""
    report = inspect(ROUTE_RECORD, HERE, replace(THERE, minted=9_000), burns_to=500)
    order = pause_order(ROUTE_RECORD, "bank-a", report, AT, HERE.time_ms)
    check_order(order)
    assert isinstance(order, Order)
    assert (order.id, order.mode, order.scope, order.subject) == (f"monitor:{ROUTE}:500", "pause", "bridge", ROUTE)
    assert (order.until, order.allow) == (HERE.time_ms + 3_600_000, ("holds", "redeem"))
    assert order.basis_hash == sha256("\n".join(report.broken).encode()).digest()
    assert reason_of(report) == "; ".join(report.broken)
    assert reason_of(replace(report, broken=("a", "b", "c" * 140))) == "a; b"
    assert reason_of(replace(report, broken=("d" * 200, "e"))) == "d" * 140
    with pytest.raises(AssertionError, match="adds up"):
        pause_order(ROUTE_RECORD, "bank-a", replace(report, broken=()), AT, HERE.time_ms)
