"""`/v1/holders`: one person over all participants (L16). It is shown by nodes that have the operator's tree, and each look is logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from ledger.holders import PSEUDONYMS_MAX, Holder, Spent, holder_key, spent_key
from node.api.answers import answer
from node.api.errors import NotFound
from node.api.holder_structs import HolderBody, PseudonymBody, SpentBody

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    from ledger.state import StateReader
    from node.api.arguments import Arguments
    from node.api.service import Service

WALLETS_MAX: Final = 256
"""Wallets of one pseudonym in an answer."""

log = structlog.get_logger("api")


async def show_holder(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/holders/{id}`."""
    name = arguments.text("id")
    holder = service.record(holder_key(bytes.fromhex(name)), Holder)
    log.info("a holder was looked up", holder=name, found=holder is not None, remote=request.remote or "")
    if holder is None:
        raise NotFound("there is no such holder: holder.put registers them")
    return answer(request, holder_body(service.reads.state, holder, service.reads.asset_codes(), service.height))


def holder_body(state: StateReader, holder: Holder, assets: Iterable[str], as_of: int) -> HolderBody:
    """Return a person with all wallets, and what counts towards the limits in each asset."""
    name = holder.id.hex()
    known = state.scan(f"~pseudonyms/{name}/", f"~pseudonyms/{name}/~", PSEUDONYMS_MAX)
    return HolderBody(
        id=name,
        tier=holder.tier,
        valid_until=holder.valid_until,
        pseudonyms=tuple(_pseudonym(state, each) for each in known),
        spent=tuple(each for code in assets if (each := _spent(state, name, code)) is not None),
        as_of=as_of,
    )


def _pseudonym(state: StateReader, index: str) -> PseudonymBody:
    _, _, participant, pseudonym = index.split("/")
    start = f"~wallets/{participant}/{pseudonym}/"
    wallets = state.scan(start, start + "~", WALLETS_MAX)
    return PseudonymBody(participant, pseudonym, tuple(f"{participant}/{each.removeprefix(start)}" for each in wallets))


def _spent(state: StateReader, holder: str, asset: str) -> SpentBody | None:
    record = state.get(spent_key(holder, asset))
    if not isinstance(record, Spent):
        return None
    return SpentBody(asset, str(record.total), record.day, str(record.day_out), record.month, str(record.month_out))
