"""The client API as one aiohttp application over a `Backend`.

Every answer from 400 on is `{code, name, message, iso}`, written at one edge, here. Bytes that are not HTTP, or headers beyond the limits
of `build_runner`, are refused by the HTTP parser itself with a plain 400.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from ledger.errors import BY_CODE
from node.api.answers import refusal
from node.api.errors import ApiError
from node.api.openapi import document
from node.api.service import Service
from node.api.structs import ErrorBody
from node.api.table import ROUTES
from node.fatal import Fatal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Handler, Middleware

    from node.api.backend import Backend
    from node.api.routes import Route

UNMATCHED: Final = "unmatched"
"""Label for every path and method that no route has: clients must not be able to make series."""
HEADER_BYTES_MAX: Final = 8_190
HEADERS_MAX: Final = 64
KEEPALIVE_SECONDS: Final = 75
SHUTDOWN_SECONDS: Final = 3
"""How long open requests may take once the node stops."""
PATH_SHOWN_MAX: Final = 64
"""Characters of a client's path that are shown or logged."""

log = structlog.get_logger("api")


def build_app(backend: Backend) -> web.Application:
    """Return the application; start it with `build_runner`."""
    service = Service(backend)
    service.openapi = document(ROUTES, backend.node.version)
    backend.metrics.expect_refusals(tuple(BY_CODE[code].name for code in sorted(BY_CODE) if code < 112))
    app = web.Application(middlewares=[_edge(service)])
    for route in ROUTES:
        backend.metrics.expect_request(route.method, route.path)
        app.router.add_route(route.method, route.path, _serve(service, route))
    app.on_shutdown.append(_closing(service))
    return app


def build_runner(app: web.Application) -> web.AppRunner:
    """Return the runner with the listener's limits: sizes of line and headers before anything is kept, and no compressed bodies."""
    return web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=KEEPALIVE_SECONDS,
        max_line_size=HEADER_BYTES_MAX,
        max_field_size=HEADER_BYTES_MAX,
        max_headers=HEADERS_MAX,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )


def _serve(service: Service, route: Route) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await route.handler(service, request, route.read(request))

    return handle


def _edge(service: Service) -> Middleware:
    """Turn every refusal into its answer and count every request; a store that failed stops the node."""

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except ApiError as error:
            response = refusal(request, error.status, error.body, retry_after_s=error.retry_after_s)
        except web.HTTPException as error:
            response = _of_router(request, error)
        except Fatal as fault:
            service.fail(fault)
            response = refusal(request, 503, ErrorBody(503, "STOPPING", f"the node stops, ask another one: {fault}", ""))
        except AssertionError as fault:
            log.exception("our fault while answering a client", method=request.method, path=request.path[:PATH_SHOWN_MAX])
            response = refusal(request, 500, ErrorBody(500, "OUR_FAULT", f"a fault in the program, report it: {fault}", ""))
        resource = request.match_info.route.resource
        if resource is None:
            service.metrics.request(UNMATCHED, UNMATCHED, response.status)
        else:
            service.metrics.request(request.method, resource.canonical, response.status)
        return response

    return edge


def _of_router(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """No such path, or no such method on it."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        response = refusal(request, 405, ErrorBody(405, "BAD_METHOD", f"{request.path[:PATH_SHOWN_MAX]} takes {allowed}", ""))
        response.headers["Allow"] = allowed
        return response
    if isinstance(error, web.HTTPNotFound):
        return refusal(
            request,
            404,
            ErrorBody(404, "NO_ROUTE", f"there is no {request.path[:PATH_SHOWN_MAX]} here; /openapi.json lists what there is", ""),
        )
    return refusal(request, error.status, ErrorBody(error.status, "REFUSED", error.reason, ""))


def _closing(service: Service) -> Callable[[web.Application], Awaitable[None]]:
    async def close(_: web.Application) -> None:
        service.finals.close()

    return close
