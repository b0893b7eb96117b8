"""The client API as one aiohttp application over a `Backend`.

Every answer from 400 on is `{code, name, message, iso}`, written at one edge, here. Bytes that are not HTTP, or headers beyond the limits
of `build_runner`, are refused by the HTTP parser itself with a plain 400.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from ledger.errors import BY_CODE
from node.api.answers import refusal
from node.api.errors import ApiError
from node.api.openapi import document
from node.api.service import Service
from node.api.structs import ErrorBody
from node.api.table import ROUTES

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
    """Turn every refusal into its answer and count every request."""

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except ApiError as error:
            response = refusal(request, error.status, error.body, retry_after_s=error.retry_after_s)
        except web.HTTPException as error:
            response = _of_router(request, error)
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
        response = refusal(request, 405, ErrorBody(405, "BAD_METHOD", f"{request.path[:64]} takes {allowed}", ""))
        response.headers["Allow"] = allowed
        return response
    if isinstance(error, web.HTTPNotFound):
        return refusal(
            request, 404, ErrorBody(404, "NO_ROUTE", f"there is no {request.path[:64]} here; /openapi.json lists what there is", "")
        )
    return refusal(request, error.status, ErrorBody(error.status, "REFUSED", error.reason, ""))


def _closing(service: Service) -> Callable[[web.Application], Awaitable[None]]:
    async def close(_: web.Application) -> None:
        service.finals.close()

    return close
