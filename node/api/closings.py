"""`/v1/closings`: what everybody had at the end of a business date, as the state has kept it; nothing is computed anew (L2)."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from ledger.closings import closing_key
from ledger.dates import read_date
from ledger.names import OPERATOR
from node.api.answers import answer
from node.api.closing_structs import (
    ClosedDateBody,
    ClosedSupplyBody,
    ClosedTotalBody,
    ClosingBody,
    ClosingsPage,
    OpenDayBody,
    ParticipantClosingBody,
)
from node.api.errors import NotFound
from node.api.publication import closed_at, closed_dates, closing_of, is_closed, open_day_of

if TYPE_CHECKING:
    from aiohttp import web

    from ledger.closings import Closing
    from ledger.state import StateReader
    from node.api.arguments import Arguments
    from node.api.service import Service

PAGE_MAX: Final = 400
"""A year and a month of dates."""


async def list_closings(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/closings`."""
    return answer(request, page_body(service.reads.state, arguments.text("after"), arguments.number("limit", PAGE_MAX), service.height))


async def show_closing(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/closings/{date}`."""
    only, proven = arguments.text("participant"), arguments.text("proof") == "1"
    if proven and not only:
        raise NotFound("there is no proof of all closings together: add participant=ID")
    body = closing_body(service.reads.state, arguments.text("date"), only, service.height)
    if proven:
        proof = service.prove(only, [closing_key(only, body.closed)])
        body = replace(body, proof=b64encode(proof).decode("ascii"))
    return answer(request, body)


def page_body(state: StateReader, after: str, limit: int, as_of: int) -> ClosingsPage:
    """Return closed dates above one, and the date that counts."""
    dates = closed_dates(state, after, limit + 1)
    wholes = [(date, _of_operator(state, date)) for date in dates[:limit]]
    bodies = tuple(ClosedDateBody(date, whole.next, whole.first, whole.last) for date, whole in wholes)
    day = open_day_of(state)
    now = None if day is None else OpenDayBody(day.date, day.first, day.opened_ms, day.ends_ms)
    return ClosingsPage(now, bodies, dates[limit - 1] if len(dates) > limit else "", as_of)


def closing_body(state: StateReader, date: str, only: str, as_of: int) -> ClosingBody:
    """Return the closing that holds at the end of a date, of all participants or of one.

    Raises
    ------
    NotFound
        There is no such day, it is not over, lies before the first block, or the participant was none then.
    """
    try:
        read_date(date)
    except ValueError:
        raise NotFound(f"{date} is no day of the calendar") from None
    if not is_closed(state, date):
        raise NotFound(f"{date} is not over: its closing is written by the first block of the next business date")
    closed = closed_at(state, date)
    if not closed:
        raise NotFound(f"no block had a date at or before {date}; GET /v1/closings lists the dates that are closed")
    names = [only] if only else list(state.participants())
    found = [(name, closing_of(state, name, closed)) for name in names]
    bodies = tuple(_participant(name, closing) for name, closing in found if closing is not None)
    if only and not bodies:
        raise NotFound(f"{only} has no closing of {closed}: it was no participant then")
    whole = _of_operator(state, closed)
    return ClosingBody(date, closed, whole.next, whole.first, whole.last, bodies, as_of)


def _of_operator(state: StateReader, date: str) -> Closing:
    """Return the closing that there is for every closed date."""
    closing = closing_of(state, OPERATOR, date)
    if closing is None:
        raise AssertionError(f"{date} is listed as closed, and the operator has no closing of it")
    return closing


def _participant(name: str, closing: Closing) -> ParticipantClosingBody:
    supplies = {each.asset: each.supply for each in closing.supplies}
    known = {each.asset: (each.posted, each.held) for each in closing.totals}
    sums = [(asset, *known.get(asset, (0, 0))) for asset in sorted({**known, **supplies})]
    totals = tuple(ClosedTotalBody(asset, str(posted), str(held), str(posted + supplies.get(asset, 0))) for asset, posted, held in sums)
    return ParticipantClosingBody(name, totals, tuple(ClosedSupplyBody(code, str(supply)) for code, supply in supplies.items()))
