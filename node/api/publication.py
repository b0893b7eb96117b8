"""What of the state of business days anybody may see: closed dates, and of an asset with `publish` = day what its last closing opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.closings import OPEN_DAY_KEY, BusinessDay, Closing, Published, closing_key, is_published_daily, published_key
from ledger.dates import read_date, text_of

if TYPE_CHECKING:
    from ledger.assets import Asset
    from ledger.state import StateReader

PREFIX: Final = "~closings/"
_NEAR, _YEAR = 32, 366


def open_day_of(state: StateReader) -> BusinessDay | None:
    """Return the business date that counts; None before the first block."""
    record = state.get(OPEN_DAY_KEY)
    return record if isinstance(record, BusinessDay) else None


def closed_dates(state: StateReader, after: str, limit: int) -> list[str]:
    """Return closed dates above `after`, ascending, at most `limit`."""
    return [key.removeprefix(PREFIX) for key in state.scan(f"{PREFIX}{after}~" if after else PREFIX, PREFIX + "~", limit)]


def closed_at(state: StateReader, date: str) -> str:
    """Return the newest closed date at or before a date; empty where there is none. They are days apart: the first look finds it."""
    day, span = read_date(date), _NEAR
    while day > 0:
        first = max(1, day - span + 1)
        found = state.scan(PREFIX + text_of(first), f"{PREFIX}{text_of(day)}~", span)
        if found:
            return found[-1].removeprefix(PREFIX)
        oldest = state.scan(PREFIX, PREFIX + "~", 1)
        if not oldest or oldest[0] > PREFIX + text_of(first):
            return ""
        day, span = first - 1, _YEAR
    return ""


def closing_of(state: StateReader, participant: str, date: str) -> Closing | None:
    """Return the closing of a participant; None where it had none that day."""
    record = state.get(closing_key(participant, date))
    return record if isinstance(record, Closing) else None


def last_closed(state: StateReader) -> str:
    """Return the newest closed date; empty where none is."""
    day = open_day_of(state)
    return "" if day is None else closed_at(state, day.date)


def last_published(state: StateReader, code: str) -> tuple[str, Published] | None:
    """Date and record of what was last opened of an asset; None where that has not happened since it is published daily.

    It is opened with every closing, so only the newest one has to be looked at.
    """
    date = last_closed(state)
    record = state.get(published_key(code, date)) if date else None
    return (date, record) if isinstance(record, Published) else None


def shown(state: StateReader, asset: Asset) -> tuple[Asset | None, str]:
    """Asset as anybody may see it, and the date that its figures are of: as it is, as last published, or not at all yet."""
    if not is_published_daily(asset):
        return asset, ""
    found = last_published(state, asset.policy.code)
    return (None, "") if found is None else (found[1].asset, found[0])


def is_closed(state: StateReader, date: str) -> bool:
    """Whether every block of a date is final: whether the open business date is later."""
    day = open_day_of(state)
    return day is not None and date < day.date
