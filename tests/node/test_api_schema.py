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

from node.api.openapi import document
from node.api.table import ROUTES
from tests.node.api_world import World, furnish, payment, serving

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
def url() -> Iterator[str]:
    """Address of a furnished node whose loop runs in a thread of its own: the fuzzer is synchronous."""
    started, stopped = Event(), asyncio.Event()
    found: list[str] = []
    loop = asyncio.new_event_loop()

    async def run() -> None:
        world = World()
        furnish(world)
        for height in range(3):
            world.reads.add(payment(2 * height), payment(2 * height + 1))
        async with serving(world.backend) as address:
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
