"""A node that says what a test has it say: a local HTTP server with one function for all requests."""

from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Answer(Struct, frozen=True):
    """What the server sends."""

    body: bytes
    status: int = 200
    location: str = ""
    encoding: str = ""
    drips: bool = False
    """Whether it comes a byte at a time, for ever."""


@contextmanager
def serving(answer: Callable[[str, dict[str, Any]], Answer]) -> Iterator[str]:
    """Serve `answer(path, document)` to every POST; yield the server's URL."""
    ended = Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            document = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
            found = answer(self.path, document)
            self.send_response(found.status)
            self.send_header("Content-Length", str(10**6 if found.drips else len(found.body)))
            if found.encoding:
                self.send_header("Content-Encoding", found.encoding)
            if found.location:
                self.send_header("Location", found.location)
            self.end_headers()
            self.wfile.write(found.body)
            while found.drips and not ended.wait(0.01):
                try:
                    self.wfile.write(b" ")
                except OSError:  # whoever asked has gone
                    return

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
