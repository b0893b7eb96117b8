"""`/v1/accounts`, `/v1/holds`, `/v1/trial-balance`: where value sits, what is reserved of it, and that it all sums to zero."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

from ledger.accounts import Account, Balance, Total
from ledger.assets import Asset
from ledger.holds import Hold
from ledger.names import servicer_of
from ledger.participants import KeysetRecord, Participant
from ledger.succession import servicer_now
from node.api.answers import answer
from node.api.convert import balance_body, hold_detail, keyset_body
from node.api.errors import ApiError, NotFound
from node.api.lapsed import lapsed_on
from node.api.parts import TotalBody
from node.api.publication import closing_of, shown
from node.api.service import missing
from node.api.structs import AccountBody, HistoryEntry, HistoryPage, TrialBalance, TrialLine

if TYPE_CHECKING:
    from aiohttp import web

    from ledger.closings import ClosedTotal
    from node.api.arguments import Arguments
    from node.api.service import Service

PAGE_DEFAULT: Final = 100


async def show(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/accounts/{participant}/{local}`."""
    account = _account(service, arguments)
    lapsed = lapsed_on(service, account)
    balances = []
    for code in service.reads.asset_codes():
        balance = service.record(f"balance/{account.id}/{code}", Balance)
        if balance is not None:
            balances.append(balance_body(code, balance, lapsed.held.get(code, 0)))
    proof = service.prove_account(account.id) if arguments.text("proof") == "1" else b""
    body = AccountBody(
        id=account.id,
        kind=account.kind,
        status=account.status,
        keyset=account.keyset,
        servicer=servicer_now(service.reads.state, account.id),
        holds=account.holds - lapsed.count,
        balances=tuple(balances),
        as_of=service.height,
        proof=b64encode(proof).decode("ascii"),
        pseudonym=account.pseudonym.hex(),
        classes=account.classes,
    )
    return answer(request, body)


async def show_keyset(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/accounts/{participant}/{local}/keyset`."""
    account = _account(service, arguments)
    record = service.record(f"keyset/{account.id}/{account.keyset}", KeysetRecord)
    if record is None:
        raise NotFound(f"account {account.id} has no keyset of its own: its servicer signs for it")
    return answer(request, keyset_body(record, service.reads.tip.facts.time_ms))


async def entries(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/accounts/{participant}/{local}/entries`: a page above a cursor, oldest first."""
    account = _account(service, arguments)
    limit = arguments.number("limit", PAGE_DEFAULT)
    height, index, position = (int(part) for part in arguments.text("after", "0.0.0").split("."))
    rows = service.reads.history(account.id, (height, index, position) if arguments.has("after") else (0, 0, -1), limit + 1)
    if rows is None:
        raise ApiError(
            501, "NO_HISTORY", "this node keeps no history of accounts; ask a peer, or a node with `history` in its configuration"
        )
    page = rows[:limit]
    more = f"{page[-1].height}.{page[-1].index}.{page[-1].position}" if len(rows) > limit else ""
    lines = tuple(HistoryEntry(row.height, row.index, row.tx_id.hex(), row.leg, row.asset, str(row.posted), str(row.held)) for row in page)
    return answer(request, HistoryPage(account.id, lines, more))


async def show_hold(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/holds/{id}`."""
    name = arguments.text("id")
    hold = service.record(f"hold/{name}", Hold)
    if hold is None or hold.until <= service.reads.tip.facts.time_ms:
        raise missing(170, f"there is no open hold {name}; it was never placed, or is used up, voided or lapsed")
    return answer(request, hold_detail(hold, service.height))


async def trial_balance(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/trial-balance`: per asset, from the totals that every block keeps per participant, or those of the closing that opened it.

    An asset that is published once a day and was not yet is left out.
    """
    lines = []
    for code in service.reads.asset_codes():
        asset = service.record(f"asset/{code}", Asset)
        if asset is None:
            raise AssertionError(f"asset {code} is listed and not stored")
        figures, date = shown(service.reads.state, asset)
        if figures is not None:
            totals = _totals(service, code, date)
            posted, held = sum(total.posted for _, total in totals), sum(total.held for _, total in totals)
            bodies = tuple(TotalBody(name, str(total.posted), str(total.held)) for name, total in totals)
            lines.append(TrialLine(code, str(figures.supply), str(posted), str(held), bodies, date))
    return answer(request, TrialBalance(tuple(lines), service.height))


def _totals(service: Service, code: str, date: str) -> list[tuple[str, Total | ClosedTotal]]:
    """Totals of an asset by participant: as of now, or as they were closed on a date."""
    found: list[tuple[str, Total | ClosedTotal]] = []
    for name in service.reads.state.participants():
        closing = closing_of(service.reads.state, name, date) if date else None
        total: Total | ClosedTotal | None = None if date else service.record(f"total/{name}/{code}", Total)
        for each in closing.totals if closing is not None else ():
            if each.asset == code:
                total = each
        if total is not None:
            found.append((name, total))
    return found


def _account(service: Service, arguments: Arguments) -> Account:
    name = f"{arguments.text('participant')}/{arguments.text('local')}"
    account = service.record(f"account/{name}", Account)
    if account is not None:
        return account
    error = missing(122, f"account {name} does not exist; check the part before and after the slash")
    if arguments.text("proof") == "1" and service.record(f"participant/{servicer_of(name)}", Participant) is not None:
        raise error.with_proof(service.prove_account(name))
    raise error
