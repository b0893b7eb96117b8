"""`/openapi.json` (3.1), made from the table of routes and the structs that the handlers use: it cannot disagree with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from node.api.answers import JSON, MSGPACK
from node.api.parts import BATCH_MAX
from node.api.structs import BlockEvent, ErrorBody, Submission, SweepEvent, TransactionEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.api.routes import Answer, Route

REFERENCES: Final = "#/components/schemas/{name}"
DESCRIPTION: Final = (
    "Amounts are strings of minor units, hashes and keys lower-case hex, times Unix milliseconds. Ask with `Accept: application/msgpack` "
    "for the same bodies in MessagePack. Clients are not authenticated yet, but for signed requests to /v1/holders (node/README.md), so "
    "the listener is on loopback unless the configuration says otherwise."
)
BINS: Final[dict[str, object]] = {
    "description": f"one bin: a whole signed transaction in canonical MessagePack; or a list of 1 to {BATCH_MAX} bins",
}
ERRORS: Final = {
    400: "malformed: path, query, body or transaction",
    401: "the request is not signed by a key that the ledger knows, or not now (node/README.md)",
    403: "a signature is wrong or missing, or the signer may not",
    404: "nothing of that name",
    408: "the body came too slowly",
    409: "this reference or transaction was used already",
    413: "too many bytes",
    415: "a media type or encoding that is not taken",
    422: "understood, and not possible as things stand",
    429: "no room now; see Retry-After",
    501: "this node does not keep it",
    503: "the node cannot do it now",
}

Json = dict[str, object]


def document(routes: Sequence[Route], version: str) -> bytes:
    """Return the document as JSON."""
    structs = {answer.body for route in routes for answer in route.answers.values() if answer.body is not None}
    structs |= {route.takes for route in routes if route.takes is not None} | {ErrorBody, BlockEvent, SweepEvent, TransactionEvent}
    _, components = msgspec.json.schema_components(sorted(structs, key=lambda struct: struct.__name__), ref_template=REFERENCES)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Som ledger, client API", "version": version, "description": DESCRIPTION},
        "paths": paths,
        "components": {"schemas": components},
    }
    return msgspec.json.encode(whole)


def _operation(route: Route) -> Json:
    name = f"{route.handler.__module__.rpartition('.')[2]}.{route.handler.__name__}"
    operation: Json = {"operationId": name, "summary": route.about, "parameters": _parameters(route), "responses": _responses(route)}
    if route.takes is not None:
        content: Json = {JSON: {"schema": _reference(route.takes)}}
        if route.takes is Submission:
            content[MSGPACK] = {"schema": BINS}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: Route) -> list[Json]:
    found: list[Json] = [{"name": name, "in": "path", "required": True, "schema": part.schema} for name, part in route.parts.items()]
    found.extend(
        {"name": name, "in": "query", "required": key.required, "description": key.about, "schema": key.value.schema}
        for name, key in route.keys.items()
    )
    return found


def _responses(route: Route) -> Json:
    responses: Json = {str(status): _response(answer) for status, answer in route.answers.items()}
    for status in sorted({400, *route.errors}):
        response: Json = {"description": ERRORS[status], "content": _content(ErrorBody)}
        if status == 429:
            response["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "string", "pattern": "^[0-9]+$"}}}
        responses[str(status)] = response
    return responses


def _response(answer: Answer) -> Json:
    if answer.body is not None:
        return {"description": answer.about, "content": _content(answer.body)}
    kind = "object" if answer.media == JSON else "string"
    return {"description": answer.about, "content": {answer.media: {"schema": {"type": kind}}}}


def _content(struct: type[msgspec.Struct]) -> Json:
    return {JSON: {"schema": _reference(struct)}, MSGPACK: {"schema": _reference(struct)}}


def _reference(struct: type[msgspec.Struct]) -> Json:
    return {"$ref": REFERENCES.format(name=struct.__name__)}
