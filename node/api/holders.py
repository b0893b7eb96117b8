"""`/v1/holders`: one person over all participants (L16), for who may look people up and says why; pseudonyms for banks.

Both are signed requests to a node of the operator, and stand in its audit log before they are answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from ledger.holders import PSEUDONYMS_MAX, Holder, Spent, holder_key, spent_key
from node.api.answers import JSON, answer, read_body
from node.api.errors import ApiError, BadBody, NotFound
from node.api.holder_structs import GivenPseudonym, HolderBody, PseudonymAsked, PseudonymBody, SpentBody
from node.api.signed import caller_of, record_look, refuse_elsewhere
from node.callers import OPS, may_audit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    from ledger.state import StateReader
    from node.api.arguments import Arguments
    from node.api.service import Service

WALLETS_MAX: Final = 256
"""Wallets of one pseudonym in an answer."""

log = structlog.get_logger("api")
_asked = msgspec.json.Decoder(PseudonymAsked)


async def show_holder(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/holders/{id}`."""
    refuse_elsewhere(service)
    name = arguments.text("id")
    caller = caller_of(service, request, b"")
    if not may_audit(service.reads.state, caller, service.reads.tip.facts.time_ms):
        log.warning("somebody may not look people up", by=caller.member)
        raise ApiError(403, "MAY_NOT_LOOK", f"{caller.member} may not look people up: that is for the operator and a grant audit.read")
    holder = service.record(holder_key(bytes.fromhex(name)), Holder)
    await record_look(service, caller, "find", name, arguments.text("reason"), found=holder is not None)
    if holder is None:
        raise NotFound("there is no such holder: holder.put registers them")
    return answer(request, holder_body(service.reads.state, holder, service.reads.asset_codes(), service.height))


async def give_pseudonym(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`POST /v1/holders`: by which name the sender is to know a person; the same one whenever it asks."""
    refuse_elsewhere(service)
    data = await read_body(request)
    caller = caller_of(service, request, data)
    if request.content_type != JSON:
        raise ApiError(415, "BAD_MEDIA_TYPE", f"send {JSON}")
    try:
        asked = _asked.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise BadBody(f"the body is not what POST /v1/holders takes: {problem}") from problem
    if caller.keyset != OPS:
        raise ApiError(403, "MAY_NOT_ASK", f"{caller.participant}/{OPS} asks for pseudonyms, not {caller.member}")
    known = registered(service.reads.state, caller.participant, asked.holder)
    await record_look(service, caller, "pseudonym", asked.holder, "", found=bool(known))
    name = known or service.registry.pseudonym(caller.participant, bytes.fromhex(asked.holder)).hex()
    return answer(request, GivenPseudonym(caller.participant, name, bool(known), service.height))


def registered(state: StateReader, participant: str, holder: str) -> str:
    """Return the first pseudonym by which a participant knows a holder, in hex; empty where it has none."""
    start = f"~pseudonyms/{holder}/{participant}/"
    found = state.scan(start, start + "~", 1)
    return found[0].removeprefix(start) if found else ""


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
