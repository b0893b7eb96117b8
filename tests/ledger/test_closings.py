"""Business dates and closings (L2, `publish`): which date counts, and that each is closed once, with what everybody had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import encode
from ledger.closings import ASSETS_MAX, OPEN_DAY_KEY, BusinessDay, ClosedSupply, ClosedTotal, Closing, closing_key
from ledger.dates import NEVER_MS, day_of, end_of, local_date, read_date, text_of, weekday_of
from ledger.days import business_date
from ledger.errors import InvariantBroken, Malformed
from ledger.genesis import first_records
from ledger.grants import Quota
from ledger.invariants import check_whole
from ledger.leaves import LEAF_BYTES_MAX
from ledger.parameters import parameter_records
from ledger.transactions.bodies import Issue, ParamSet
from ledger.types import AMOUNT_MAX
from tests.ledger.people import CAROL_A, DAVE_B, peopled
from tests.ledger.world import (
    BOARD,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    MINUTE_MS,
    World,
    first_grants,
    grant,
    hold,
    make_genesis,
    pay,
    signers,
)

if TYPE_CHECKING:
    from ledger.outcomes import Outcome

BISHKEK = timezone(timedelta(hours=6))
OPERATOR, BANK_A, BANK_B = signers("operator/ops"), signers("bank-a/ops", 2), signers("bank-b/ops")
EVERYBODY = ("bank-a", "bank-b", "operator", "treasury")
WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY, MONDAY, TUESDAY = (f"2026-11-{day}" for day in (18, 19, 20, 21, 22, 23, 24))
WEEKEND = 32 + 64
HOLIDAYS_AHEAD = 800
"""Days, by the text."""


def at(date: str, clock: str = "12:00") -> int:
    """Unix ms of a time in Bishkek, by the standard library."""
    return int(datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=BISHKEK).timestamp() * 1_000)


def world_at(date: str, clock: str = "12:00", *, money: int = 0, **parameters: int) -> World:
    """World whose next block has this time, with parameters from its genesis on."""
    world = World(make_genesis(grants=[*first_grants()]))
    world.state.records.update(parameter_records(parameters))
    world.time_ms = at(date, clock)
    for account in (MAIN_A, MAIN_B) if money else ():
        world.issue(account, money)
    return world


def block_at(world: World, date: str, clock: str = "12:00") -> str:
    """Make an empty block at a time; return the business date that is open then."""
    world.time_ms = at(date, clock)
    world.block()
    return business_date(world.state, 0)


def closing(world: World, participant: str, date: str) -> Closing:
    record = world.state.get(closing_key(participant, date))
    assert isinstance(record, Closing)
    return record


def closed_dates(world: World) -> list[str]:
    """Dates that every participant has a closing of."""
    keys = sorted(key for key in world.state.records if key.startswith("closing/"))
    dates = sorted({key.rpartition("/")[2] for key in keys})
    assert keys == sorted(closing_key(each, date) for each in EVERYBODY for date in dates)
    assert [key for key in sorted(world.state.records) if key.startswith("~closings/")] == [f"~closings/{date}" for date in dates]
    return dates


def test_l2_a_date_is_the_one_in_bishkek() -> None:
    """Goal: UTC+6, no daylight saving. Method: the standard library as a second opinion."""
    for time_ms in (0, 18 * HOUR_MS - 1, 18 * HOUR_MS, 1_795_000_000_000, 1_751_300_000_000):
        assert local_date(time_ms) == datetime.fromtimestamp(time_ms / 1_000, UTC).astimezone(BISHKEK).date().isoformat()
    assert local_date(2**48) == "9999-12-31"
    assert [weekday_of(read_date(date)) for date in (WEDNESDAY, SUNDAY, MONDAY)] == [2, 6, 0]


@given(st.integers(0, 253_370_743_200_000 - 1), st.integers(1, 1_440))
def test_l2_a_day_ends_at_its_cutoff(time_ms: int, cutoff: int) -> None:
    """Goal: ends and dates agree. Method: any time and cut-off; without one, the end of a day is the first moment of the next."""
    day = day_of(time_ms)
    assert time_ms < end_of(day, 1_440)
    assert day_of(end_of(day, 1_440) - 1) == day
    assert end_of(day, cutoff) == end_of(day, 1_440) - (1_440 - cutoff) * MINUTE_MS
    assert read_date(text_of(day)) == day


def test_l2_the_last_date_never_ends() -> None:
    """Goal: no time is without a date. Method: blocks in the year 9999 and beyond; also where that day is closed."""
    world = world_at("9999-12-30")
    world.block()
    world.time_ms = 2**48 - 1
    world.block()
    assert world.state.get(OPEN_DAY_KEY) == BusinessDay("9999-12-31", 2, 2**48 - 1, NEVER_MS)
    closed = world_at("9999-12-31", closed_weekdays=126)
    assert block_at(closed, "9999-12-31") == "9999-12-31"


@pytest.mark.parametrize("text", ["2026-02-30", "2026-1-01", "20261121", "2026-11-21T00", "", "\uff12026-11-21"])
def test_l2_what_is_no_date_is_refused(text: str) -> None:
    """Goal: one form. Method: near misses, as a text and as a holiday."""
    with pytest.raises(ValueError, match=r"date|day|month"):
        read_date(text)
    world = world_at(WEDNESDAY)
    with pytest.raises(Malformed):
        world.sign(ParamSet(f"holiday:{text}", 1, 0), by=[*OPERATOR, *BOARD])


def test_l2_the_first_block_opens_a_date_and_closes_none() -> None:
    """Goal: nothing was before it. Method: one block, then one more on the same date."""
    world = world_at(WEDNESDAY, "23:59")
    world.block()
    assert world.state.get(OPEN_DAY_KEY) == BusinessDay(WEDNESDAY, 1, at(WEDNESDAY, "23:59"), at(THURSDAY, "00:00"))
    before = dict(world.state.records)
    world.block()
    assert (world.state.records, closed_dates(world)) == (before, [])


def test_l2_the_first_block_of_the_next_date_closes_the_one_before() -> None:
    """Goal: totals as of the last block of a date. Method: money moves before and in the block that closes it."""
    world = world_at(WEDNESDAY, "23:58", money=1_000)
    world.must(hold(MAIN_B, MAIN_A, 300, until=at(FRIDAY)), by=BANK_B, sender="bank-b")
    last = world.height
    world.time_ms = at(THURSDAY, "00:00") - 1
    world.block()
    assert closed_dates(world) == []
    world.time_ms = at(THURSDAY, "00:00")
    world.must(pay((MAIN_A, MAIN_B, 400)), by=BANK_A, sender="bank-a")
    assert closed_dates(world) == [WEDNESDAY]
    assert closing(world, "bank-a", WEDNESDAY) == Closing(THURSDAY, 1, last + 1, (ClosedTotal("KGS", 1_000, 0),), ())
    assert closing(world, "bank-b", WEDNESDAY) == Closing(THURSDAY, 1, last + 1, (ClosedTotal("KGS", 1_000, 300),), ())
    assert closing(world, "treasury", WEDNESDAY) == Closing(THURSDAY, 1, last + 1, (), ())
    of_issuer = Closing(THURSDAY, 1, last + 1, (ClosedTotal("KGS", -2_000, 0),), (ClosedSupply("KGS", 2_000),))
    assert closing(world, "operator", WEDNESDAY) == of_issuer


def test_l2_a_closing_is_written_once_and_stays() -> None:
    """Goal: exactly once. Method: many blocks of the next date, with payments; then the next closing beside it."""
    world = world_at(WEDNESDAY, money=1_000)
    assert block_at(world, THURSDAY) == THURSDAY
    first = closing(world, "bank-a", WEDNESDAY)
    for _ in range(3):
        world.must(pay((MAIN_A, MAIN_B, 100)), by=BANK_A, sender="bank-a")
    assert block_at(world, FRIDAY) == FRIDAY
    assert (closing(world, "bank-a", WEDNESDAY), closed_dates(world)) == (first, [WEDNESDAY, THURSDAY])
    assert closing(world, "bank-a", THURSDAY).totals == (ClosedTotal("KGS", 700, 0),)
    assert (closing(world, "bank-a", THURSDAY).first, closing(world, "bank-a", WEDNESDAY).last) == (3, 2)


def test_l2_days_without_a_block_have_no_closing_and_the_one_before_says_so() -> None:
    """Goal: a chain that stood still. Method: nothing for four days, then a block."""
    world = world_at(WEDNESDAY, money=1_000)
    assert block_at(world, MONDAY) == MONDAY
    assert (closed_dates(world), closing(world, "bank-a", WEDNESDAY).next) == ([WEDNESDAY], MONDAY)


@pytest.mark.parametrize(
    ("clock", "cutoff", "date"),
    [("23:59", 1_440, WEDNESDAY), ("16:59", 1_020, WEDNESDAY), ("17:00", 1_020, THURSDAY), ("00:00", 1, WEDNESDAY)],
)
def test_l2_after_the_cutoff_the_next_date_counts(clock: str, cutoff: int, date: str) -> None:
    """Goal: business_cutoff. Method: the first block of a chain, around it; and the same as a later block."""
    world = world_at(WEDNESDAY, clock, business_cutoff=cutoff)
    world.block()
    assert business_date(world.state, 0) == date
    later = world_at("2026-11-17", "00:00", business_cutoff=cutoff)
    later.block()
    assert block_at(later, WEDNESDAY, clock) == date


def test_l2_closed_days_belong_to_the_next_open_one() -> None:
    """Goal: weekends and holidays. Method: Friday evening to Tuesday, Monday being a holiday."""
    world = world_at(FRIDAY, closed_weekdays=WEEKEND)
    world.must(ParamSet(f"holiday:{MONDAY}", 1, 0), by=[*OPERATOR, *BOARD])
    assert business_date(world.state, 0) == FRIDAY
    assert [block_at(world, date) for date in (SATURDAY, SUNDAY, MONDAY, TUESDAY)] == [TUESDAY] * 4
    assert (closed_dates(world), closing(world, "operator", FRIDAY).next) == ([FRIDAY], TUESDAY)
    assert world.state.get(f"param/holiday:{MONDAY}") is None


def test_l2_a_date_that_has_begun_stays() -> None:
    """Goal: dates never go back. Method: change cut-off and calendar while a date is open, and take it back."""
    world = world_at(WEDNESDAY, "10:00")
    world.block()
    world.must(ParamSet("business_cutoff", 720, 0), by=[*OPERATOR, *BOARD])
    world.must(ParamSet("closed_weekdays", 4, 0), by=[*OPERATOR, *BOARD])
    assert block_at(world, WEDNESDAY, "18:00") == WEDNESDAY
    assert block_at(world, THURSDAY, "11:59") == THURSDAY
    world.must(ParamSet("business_cutoff", 1_440, 0), by=[*OPERATOR, *BOARD])
    assert block_at(world, THURSDAY, "12:00") == FRIDAY
    assert block_at(world, THURSDAY, "18:00") == FRIDAY
    assert closed_dates(world) == [WEDNESDAY, THURSDAY]


def test_l2_a_holiday_lies_ahead_and_not_far() -> None:
    """Goal: a calendar of bounded size, and no date closed after the fact. Method: today, tomorrow, the last day and the one after it."""
    world = world_at(WEDNESDAY)
    world.block()
    today = read_date(WEDNESDAY)

    def declare(day: int, value: int = 1) -> Outcome:
        return world.do(ParamSet(f"holiday:{text_of(day)}", value, 0), by=[*OPERATOR, *BOARD])

    assert [declare(today + ahead).code for ahead in (-1, 0, HOLIDAYS_AHEAD + 1)] == [172, 172, 172]
    assert [declare(today + ahead).code for ahead in (1, 2, HOLIDAYS_AHEAD)] == [0, 0, 0]
    assert declare(today + 2, 0).code == 0
    assert block_at(world, THURSDAY) == FRIDAY
    assert sorted(key for key in world.state.records if key.startswith("param/holiday")) == [
        f"param/holiday:{text_of(today + HOLIDAYS_AHEAD)}"
    ]
    for wrong in (ParamSet(f"holiday:{MONDAY}", 2, 0), ParamSet(f"holiday:{MONDAY}", 1, 9), ParamSet("closed_weekdays", 127, 0)):
        with pytest.raises(Malformed):
            world.sign(wrong, by=[*OPERATOR, *BOARD])


@pytest.mark.parametrize("per", ["day", "month"])
def test_l2_l25_quotas_count_by_business_date(per: str) -> None:
    """Goal: a closing shows what a daily quota let through. Method: a quota used up before the cut-off, on the last date of a month."""
    grants = [*first_grants(), grant("a", "issue", "operator", asset="KGS", quota=Quota(100, per))]  # type: ignore[arg-type]
    world = World(make_genesis(grants=grants))
    world.state.records.update(parameter_records({"business_cutoff": 1_020}))
    world.time_ms = at("2026-11-30", "16:00")
    issue = Issue("KGS", MAIN_A, 100, "b", None)
    assert [world.do(issue, by=OPERATOR).code for _ in range(2)] == [0, 113]
    world.time_ms = at("2026-11-30", "17:00")
    assert [world.do(issue, by=OPERATOR).code for _ in range(2)] == [0, 113]
    world.time_ms = at("2026-12-01", "16:00")
    assert world.do(issue, by=OPERATOR).code == 113


def test_l2_l16_windows_of_people_count_by_the_date_in_bishkek() -> None:
    """Goal: a weekend is not one long day. Method: a day's limit spent on Saturday and again on Sunday, both of business date Monday."""
    world = peopled()
    world.state.records.update(parameter_records({"closed_weekdays": WEEKEND}))
    world.time_ms = at(SATURDAY)
    world.must(pay((MAIN_A, CAROL_A, 4_500)), by=BANK_A, sender="bank-a")
    for date in (SATURDAY, SUNDAY):
        world.time_ms = at(date)
        codes = [world.do(pay((CAROL_A, DAVE_B, 1_000)), by=BANK_A, sender="bank-a").code for _ in range(3)]
        assert codes == ([0, 0, 156] if date == SATURDAY else [0, 156, 156])
        assert business_date(world.state, 0) == MONDAY


def test_l2_a_closing_with_every_asset_is_a_leaf() -> None:
    """Goal: a leaf that views and proofs can carry. Method: as many totals and supplies as there may be assets, all as long as can be."""
    names = [f"A{number:015d}" for number in range(ASSETS_MAX)]
    totals = tuple(ClosedTotal(name, -AMOUNT_MAX, AMOUNT_MAX) for name in names)
    record = Closing("2026-11-19", 2**63 - 1, 2**63 - 1, totals, tuple(ClosedSupply(name, AMOUNT_MAX) for name in names))
    assert len(encode((bytes(16), record))) <= LEAF_BYTES_MAX


def test_invariant_01_closings_that_do_not_add_up_are_found() -> None:
    """Goal: a start on a wrong store is refused. Method: one closing a unit off."""
    world = world_at(WEDNESDAY, money=1_000)
    block_at(world, THURSDAY)
    records = world.state.hashed()
    check_whole(records)
    records[closing_key("bank-a", WEDNESDAY)] = Closing(THURSDAY, 1, 2, (ClosedTotal("KGS", 999, 0),), ())
    with pytest.raises(InvariantBroken, match="2026-11-18"):
        check_whole(records)


def test_l2_holidays_of_a_genesis_count() -> None:
    """Goal: a network can begin with its calendar. Method: parameters of the document."""
    genesis = make_genesis(params={"closed_weekdays": WEEKEND, f"holiday:{MONDAY}": 1})
    world = World(genesis)
    assert first_records(genesis)[f"param/holiday:{MONDAY}"]
    assert block_at(world, SATURDAY) == TUESDAY
    assert closed_dates(world) == []
