"""`/v1/accounts`, `/v1/holds`, `/v1/trial-balance`: where value sits, what is reserved of it, and that it all sums to zero."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final

from ledger.accounts import Account, Balance, Total
from ledger.assets import Asset
from ledger.holds import Hold
from ledger.names import servicer_of
from ledger.participants import Participant
from node.api.answers import answer
from node.api.convert import balance_body, hold_detail
from node.api.errors import ApiError
from node.api.lapsed import lapsed_on
from node.api.service import missing
from node.api.structs import AccountBody, HistoryEntry, HistoryPage, TotalBody, TrialBalance, TrialLine

if TYPE_CHECKING:
    from aiohttp import web

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
        servicer=servicer_of(account.id),
        holds=account.holds - lapsed.count,
        balances=tuple(balances),
        as_of=service.height,
        proof=b64encode(proof).decode("ascii"),
        pseudonym=account.pseudonym.hex(),
        classes=account.classes,
    )
    return answer(request, body)


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
    """`GET /v1/trial-balance`: per asset, from the totals that every block keeps per participant."""
    participants = tuple(service.reads.state.participants())
    lines = []
    for code in service.reads.asset_codes():
        asset = service.record(f"asset/{code}", Asset)
        if asset is None:
            raise AssertionError(f"asset {code} is listed and not stored")
        found = [(name, service.record(f"total/{name}/{code}", Total)) for name in participants]
        totals = [(name, total) for name, total in found if total is not None]
        posted, held = sum(total.posted for _, total in totals), sum(total.held for _, total in totals)
        bodies = tuple(TotalBody(name, str(total.posted), str(total.held)) for name, total in totals)
        lines.append(TrialLine(code, str(asset.supply), str(posted), str(held), bodies))
    return answer(request, TrialBalance(tuple(lines), service.height))


def _account(service: Service, arguments: Arguments) -> Account:
    name = f"{arguments.text('participant')}/{arguments.text('local')}"
    account = service.record(f"account/{name}", Account)
    if account is not None:
        return account
    error = missing(122, f"account {name} does not exist; check the part before and after the slash")
    if arguments.text("proof") == "1" and service.record(f"participant/{servicer_of(name)}", Participant) is not None:
        raise error.with_proof(service.prove_account(name))
    raise error
