"""Requests that their sender signs (`node.callers`), and what the operator's desk answers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from node.api.errors import ApiError, TooMany
from node.audit import AuditError, Look
from node.callers import Busy, Stranger

if TYPE_CHECKING:
    from aiohttp import web

    from node.api.service import Service
    from node.audit import Action
    from node.callers import Caller

log = structlog.get_logger("api")

RETRY_S = 120
"""After two minutes what is remembered of requests is forgotten."""


def refuse_elsewhere(service: Service) -> None:
    """Refuse what only a node of the operator does.

    Raises
    ------
    ApiError
        501: this is none.
    """
    if not service.registry.is_here:
        raise ApiError(501, "NOT_THE_OPERATOR", "only a node of the operator does this: ask one, by --node or `nodes` in the profile")


def caller_of(service: Service, request: web.Request, body: bytes) -> Caller:
    """Return who has signed the request.

    Raises
    ------
    ApiError
        401: nobody whom the ledger knows, or not this request, now.
    TooMany
        Too many requests came in the last minutes.
    """
    reads = service.reads
    try:
        return service.callers.check(
            request.headers.get("Authorization", ""),
            method=request.method,
            target=request.raw_path,
            body=body,
            state=reads.state,
            block_ms=reads.tip.facts.time_ms,
            now_ms=service.node.time_ms,
        )
    except Stranger as problem:
        raise ApiError(401, "NOT_SIGNED", str(problem)) from None
    except Busy:
        raise TooMany("too many signed requests came in the last minutes; ask again later", retry_after_s=RETRY_S) from None


async def record_look(service: Service, caller: Caller, action: Action, subject: str, reason: str, *, found: bool) -> None:
    """Record a look before anything of it is shown.

    Raises
    ------
    ApiError
        503: the audit log takes no records, so nobody is looked up.
    """
    look = Look(caller.member, caller.public_key, action, subject, reason, found)
    try:
        await service.registry.record(look, service.node.time_ms)
    except AuditError as problem:
        log.exception("the audit log takes no records")
        raise ApiError(503, "NO_AUDIT", f"nobody is looked up without a record of it: {problem}") from None
