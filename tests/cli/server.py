"""A small HTTP server whose answers a test writes down: honest or lying, as the test likes."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = tuple[int, object]
    """Status, and what is encoded as the JSON body (bytes go out as they are)."""
    Route = Callable[["Asked"], Answer]


class Asked(msgspec.Struct, frozen=True):
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    target: str = ""
    """Path and query as they came."""
    authorization: str = ""
    """The header of a signed request."""


class Served:
    """A running server: its address, what it was asked, and its routes by path (a `*` at the end fits the rest)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.routes: dict[str, Route] = {}

    def answer(self, asked: Asked) -> Answer:
        """Note the request, find its route, answer 404 where there is none."""
        self.asked.append(asked)
        for path, route in self.routes.items():
            if asked.path == path or (path.endswith("*") and asked.path.startswith(path[:-1])):
                return route(asked)
        return 404, {"code": 404, "name": "NOT_FOUND", "message": f"there is nothing at {asked.path}", "iso": ""}

    def paths(self, method: str = "GET") -> list[str]:
        """Paths asked for, in order."""
        return [each.path for each in self.asked if each.method == method]


@contextmanager
def serving() -> Iterator[Served]:
    """Serve on a free port of loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, value = served.answer(
                Asked(self.command, parts.path, dict(parse_qsl(parts.query)), body, self.path, self.headers.get("Authorization", ""))
            )
            text = value if isinstance(value, bytes) else msgspec.json.encode(value)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = _answer  # noqa: N815
        do_POST = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay silent: the tests read `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Served(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
