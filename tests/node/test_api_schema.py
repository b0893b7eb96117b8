"""`/openapi.json` is valid, complete, and true: a schema fuzzer sends what it allows and what it forbids to a listening node.

The event stream is left out (it does not end); `test_api_events.py` has its cases by hand.
"""

from __future__ import annotations

import asyncio
import json
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import schemathesis
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import positive_data_acceptance

from ledger.codec import decode_transaction
from node.api.openapi import document
from node.api.table import ROUTES
from tests.node.api_world import serving
from tests.node.ledger_world import ledger_world

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT: dict[str, Any] = json.loads(document(ROUTES, "0.0.0"))


def test_document_is_valid() -> None:
    """Goal: OpenAPI 3.1. Method: an independent validator."""
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_document_names_every_route_and_no_other() -> None:
    """Goal: generated means complete. Method: compare with the table."""
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}


@schemathesis.serializer("application/msgpack")
def pack(ctx: schemathesis.SerializationContext, value: object) -> bytes:
    """Send what the fuzzer makes up as MessagePack."""
    del ctx
    return msgspec.msgpack.encode(value) if isinstance(value, (bytes, str, list, dict, int, float, bool)) else b"\xc0"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a node on the real ledger, with a few blocks, whose loop runs in a thread of its own: the fuzzer is synchronous."""
    folder = tmp_path_factory.mktemp("node") / "data"
    started, found = Event(), []
    loop, stopped = asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        async with ledger_world(folder) as world, serving(world.backend) as address:
            for raw in (world.issue("bank-a/main", 100_000), world.pay("bank-a/main", "bank-b/main", 5)):
                await world.backend.pool.admit([decode_transaction(raw)])
                await world.settle()
            found.append(address)
            started.set()
            await stopped.wait()

    thread = Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    started.wait(timeout=10)
    yield found[0]
    loop.call_soon_threadsafe(stopped.set)
    thread.join(timeout=10)
    loop.close()


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(path="/v1/events")


@SCHEMA.parametrize()
def test_node_keeps_to_its_description(case: schemathesis.Case[Any], url: str) -> None:
    """Goal: every answer is documented and has the documented form, what is forbidden is refused, nothing is our fault (5xx).

    No schema can say what a signed transaction is: only for `POST` may what the schema allows be refused.
    """
    excluded = [positive_data_acceptance] if case.method == "POST" else []
    case.call_and_validate(base_url=url, excluded_checks=excluded)
