"""Bodies in and out: read within limits and a deadline, written as JSON or MessagePack."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web

from node.api.errors import ApiError, BadBody, TooLarge

if TYPE_CHECKING:
    from node.api.structs import ErrorBody

JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"
BODY_BYTES_MAX: Final = 4 * 1_048_576
"""1,000 payments are 350 kB, in hex 700 kB; sixteen transactions of the largest size fit."""
BODY_SECONDS_MAX: Final = 20
"""A client that sends a body slower than this holds a connection for nothing."""

_json = msgspec.json.Encoder()
_msgpack = msgspec.msgpack.Encoder()


async def read_body(request: web.Request) -> bytes:
    """Read the whole body, at most BODY_BYTES_MAX bytes within BODY_SECONDS_MAX.

    Raises
    ------
    TooLarge
        Its declared or real length is beyond the limit; a declared one is refused unread.
    ApiError
        408 where it does not arrive in time, 415 where it is compressed (a few bytes could unfold to gigabytes).
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiError(415, "BAD_ENCODING", "send the body without Content-Encoding")
    declared = request.content_length
    if declared is not None and declared > BODY_BYTES_MAX:
        raise TooLarge(limit=BODY_BYTES_MAX)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for part in request.content.iter_any():
                size += len(part)
                if size > BODY_BYTES_MAX:
                    raise TooLarge(limit=BODY_BYTES_MAX)
                parts.append(part)
    except TimeoutError:
        raise ApiError(408, "TOO_SLOW", f"the body did not arrive within {BODY_SECONDS_MAX} s; send it again") from None
    except web.RequestPayloadError as problem:
        raise BadBody("the body ended early; send it again") from problem
    return b"".join(parts)


def wants_msgpack(request: web.Request) -> bool:
    """Whether the client wants MessagePack: what it accepts counts, else what it sent."""
    accepts = request.headers.get("Accept", "")
    return MSGPACK in accepts or (request.content_type == MSGPACK and JSON not in accepts)


def answer(request: web.Request, body: msgspec.Struct, *, status: int = 200, retry_after_s: int = 0) -> web.Response:
    """Write a struct in the client's format."""
    binary = wants_msgpack(request)
    content = (_msgpack if binary else _json).encode(body)
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else None
    return web.Response(body=content, status=status, headers=headers, content_type=MSGPACK if binary else JSON)


def refusal(request: web.Request, status: int, body: ErrorBody, *, retry_after_s: int = 0) -> web.Response:
    """Write an error; a request body that was not read to its end closes the connection."""
    response = answer(request, body, status=status, retry_after_s=retry_after_s)
    if request.can_read_body and not request.content.at_eof():
        response.force_close()
    return response
