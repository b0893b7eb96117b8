"""Business days (L2): which date counts, when it ends, and what the first block of the next one writes.

A date ends at `business_cutoff` minutes after its midnight in Bishkek. The next one is the first day after it that is not closed: neither a
weekday in `closed_weekdays` nor a `holiday:DATE`. Dates never go back, and one that has begun stays, whatever parameters become: so every
date that had a block is closed exactly once, also where days were skipped. A block in between compares two numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Total
from ledger.assets import Asset
from ledger.closings import (
    ASSETS_MAX,
    OPEN_DAY_KEY,
    BusinessDay,
    ClosedSupply,
    ClosedTotal,
    Closing,
    Published,
    closing_key,
    is_published_daily,
    published_key,
)
from ledger.dates import day_of, end_of, local_date, next_day, read_date, text_of, weekday_of
from ledger.indexes import put_indexed
from ledger.parameters import HOLIDAYS_AHEAD, holiday_name, parameter_key, parameter_of
from ledger.state import Governed

if TYPE_CHECKING:
    from ledger.parameters import BlockContext
    from ledger.state import Overlay, StateReader


def open_day(overlay: Overlay, context: BlockContext) -> None:
    """See that the business date of a block is open; the first block of a date closes the one before.

    At most participants_max + assets_max leaves are written, once a date, and as many totals read as there are.

    Source: ledger/README.md, L2.
    """
    known = overlay.get(OPEN_DAY_KEY)
    before = known if isinstance(known, BusinessDay) else None
    if before is not None and context.time_ms < before.ends_ms:
        return
    cutoff = context.parameters.business_cutoff
    day = day_of(context.time_ms)
    if context.time_ms >= end_of(day, cutoff):
        day = next_day(day)
    if before is not None:
        day = max(day, next_day(read_date(before.date)))
    day = first_open(overlay, day, context.parameters.closed_weekdays)
    if before is not None:
        _close(overlay, before, text_of(day), context.height - 1)
        _forget_holidays(overlay, read_date(before.date), day)
    overlay.put(OPEN_DAY_KEY, BusinessDay(text_of(day), context.height, context.time_ms, end_of(day, cutoff)))


def first_open(state: StateReader, day: int, closed_weekdays: int) -> int:
    """Return the first day from `day` on that is not closed; holidays are few and a week has an open day, so it is near."""
    while closed_weekdays >> weekday_of(day) & 1 or is_holiday(state, day):
        after = next_day(day)
        if after == day:
            return day
        day = after
    return day


def is_holiday(state: StateReader, day: int) -> bool:
    """Whether governance has declared a day a holiday."""
    return isinstance(state.get(parameter_key(holiday_name(text_of(day)))), Governed)


def business_date(state: StateReader, time_ms: int) -> str:
    """Return the date that counts: that of the newest block, and before the first one the local date."""
    record = state.get(OPEN_DAY_KEY)
    return record.date if isinstance(record, BusinessDay) else local_date(time_ms)


def closed_weekdays_of(state: StateReader) -> int:
    """Weekdays that are closed, as bits: 1 is Monday, 64 Sunday."""
    return parameter_of(state, "closed_weekdays")


def _close(overlay: Overlay, over: BusinessDay, after: str, last: int) -> None:
    """Write what everybody had after the last block of a date: nothing of this block has happened yet."""
    assets = [record for record in _assets(overlay) if isinstance(record, Asset)]
    supplies: dict[str, list[ClosedSupply]] = {}
    for asset in assets:
        if asset.supply:
            supplies.setdefault(asset.policy.issuer, []).append(ClosedSupply(asset.policy.code, asset.supply))
        if is_published_daily(asset):
            overlay.put(published_key(asset.policy.code, over.date), Published(after, last, asset))
    for participant in list(overlay.participants()):
        mine = tuple(supplies.get(participant, ()))
        closing = Closing(after, over.first, last, _totals(overlay, participant), mine)
        put_indexed(overlay, closing_key(participant, over.date), closing)


def _assets(overlay: Overlay) -> list[object]:
    return [overlay.get("asset/" + key.removeprefix("~assets/")) for key in overlay.scan("~assets/", "~assets/~", ASSETS_MAX)]


def _totals(overlay: Overlay, participant: str) -> tuple[ClosedTotal, ...]:
    start = f"~totals/{participant}/"
    found = []
    for key in overlay.scan(start, start + "~", ASSETS_MAX):
        asset = key.removeprefix(start)
        total = overlay.get(f"total/{participant}/{asset}")
        if isinstance(total, Total) and (total.posted or total.held):
            found.append(ClosedTotal(asset, total.posted, total.held))
    return tuple(found)


def _forget_holidays(overlay: Overlay, before: int, day: int) -> None:
    """Drop the holidays between two dates: they are over, and the calendar stays as small as what lies ahead."""
    until = min(day, before + HOLIDAYS_AHEAD)
    while (before := next_day(before)) < until:
        key = parameter_key(holiday_name(text_of(before)))
        if isinstance(overlay.get(key), Governed):
            overlay.put(key, None)
