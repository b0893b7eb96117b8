"""`/v1/participants`, `/v1/grants`, `/v1/assets`: who takes part, who may do what, and what money there is."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import Asset
from ledger.closings import published_key
from ledger.grants import GrantRecord
from ledger.participants import KeysetRecord, Participant
from ledger.placement import ASSETS
from node.api.answers import answer
from node.api.convert import asset_body, grant_body, keyset_body, participant_body
from node.api.errors import NotFound
from node.api.publication import shown
from node.api.service import missing
from node.api.structs import AssetBody, Assets, ParticipantBody, Participants

if TYPE_CHECKING:
    from aiohttp import web

    from node.api.arguments import Arguments
    from node.api.service import Service


async def show_participant(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/participants/{id}`."""
    name = arguments.text("id")
    found = _participant(service, name)
    if found is None:
        raise missing(120, f"participant {name} does not exist; GET /v1/participants lists them")
    return answer(request, found)


async def list_participants(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/participants`: all, at most 1,024 by the parameter `participants_max`."""
    found = (_participant(service, name) for name in service.reads.state.participants())
    return answer(request, Participants(tuple(body for body in found if body is not None), service.height))


async def show_grant(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/grants/{id}`."""
    name = arguments.text("id")
    record = service.record(f"grant/{name}", GrantRecord)
    if record is None:
        raise NotFound(f"there is no grant {name} in force")
    return answer(request, grant_body(record, service.height))


async def show_asset(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/assets/{code}`."""
    code = arguments.text("code")
    found = _asset(service, code)
    if found is None:
        raise missing(130, f"asset {code} does not exist; GET /v1/assets lists them")
    if arguments.text("proof") == "1":
        key = published_key(code, found.figures_of) if found.figures_of else f"asset/{code}"
        if found.supply is None:
            raise NotFound(f"{code} is published once a day and was not yet; ask again after the next closing")
        found = replace(found, proof=b64encode(service.prove(ASSETS, [key])).decode("ascii"))
    return answer(request, found)


async def list_assets(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/assets`: all of them; there are tens, not thousands."""
    found = (_asset(service, code) for code in service.reads.asset_codes())
    return answer(request, Assets(tuple(body for body in found if body is not None), service.height))


def _participant(service: Service, name: str) -> ParticipantBody | None:
    record = service.record(f"participant/{name}", Participant)
    if record is None:
        return None
    keysets = (service.record(f"keyset/{name}/{keyset}", KeysetRecord) for keyset in service.reads.keyset_names(name))
    return participant_body(record, tuple(keyset_body(keyset, service.reads.tip.facts.time_ms) for keyset in keysets if keyset is not None))


def _asset(service: Service, code: str) -> AssetBody | None:
    record = service.record(f"asset/{code}", Asset)
    return None if record is None else asset_body(record, *shown(service.reads.state, record), service.height)
