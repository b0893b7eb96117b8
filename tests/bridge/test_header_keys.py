"""A provider's key goes in a header to that provider alone, and is shown nowhere."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

import pytest

from bridge.errors import BridgeError, ChainUnreachable, ConfigUnusable
from bridge.process import load, open_chain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "Bearer not-for-logs"  # noqa: S105 - of this test alone


class Guarded(BaseHTTPRequestHandler):
    """Answers who has the key, and remembers what was asked with."""

    heard: ClassVar[list[tuple[int, str | None]]] = []

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        given = self.headers["Authorization"]
        self.heard.append((self.connection.getsockname()[1], given))
        body = b'{"id": 1, "result": "0x38"}' if given == SECRET else b""
        self.send_response(200 if body else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def ports() -> Iterator[list[int]]:
    """Serve two providers."""
    Guarded.heard.clear()
    servers = [HTTPServer(("127.0.0.1", 0), Guarded) for _ in range(2)]
    threads = [Thread(target=each.serve_forever, args=(0.01,), daemon=True) for each in servers]
    for thread in threads:
        thread.start()
    yield [each.server_address[1] for each in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


def written(folder: Path, urls: list[str], header: str) -> Path:
    """Write a configuration and the file of a key."""
    (folder / "one.key").write_text(SECRET + "\n")
    path = folder / "bridge.toml"
    path.write_text(f'route = "r"\nfolder = "."\n[chain]\nurls = {urls!r}\n{header}\n[key]\nfile = "key.json"\npassphrase_file = "word"\n')
    return path


def header(url: str, name: str = "Authorization", file: str = "one.key") -> str:
    """Return the lines of a header."""
    return f'[[chain.headers]]\nurl = "{url}"\nname = "{name}"\nfile = "{file}"\n'


def test_a_key_goes_to_its_provider_alone(tmp_path: Path, ports: list[int]) -> None:
    """Goal: nobody else hears it, and no error shows it. Method: two nodes; one is asked with its key, the other says 401 without."""
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    config = load(written(tmp_path, urls, header(urls[0])))
    assert SECRET not in repr(config)
    assert open_chain(config.chain, "EVM", 56, 1).chain_id() == 56
    assert Guarded.heard == [(ports[0], SECRET), (ports[1], None)]
    with pytest.raises(ChainUnreachable, match="401") as found:
        open_chain(config.chain, "EVM", 56, 2).chain_id()
    assert "not-for-logs" not in str(found.value)
    with pytest.raises(BridgeError) as found_too:
        open_chain(config.chain, "TVM", 56, 1).final()
    assert "not-for-logs" not in str(found_too.value)
    assert Guarded.heard[-2:] == [(ports[0], SECRET), (ports[1], None)]


@pytest.mark.parametrize(
    ("url", "lines", "reason"),
    [
        ("https://one", header("https://two"), "https://two, which is none of `urls`"),
        ("https://one", header("https://one", name="Host"), "not a provider's to ask for"),
        ("https://one", header("https://one", name="X Key"), "matching regex"),
        ("http://one.example/secret", header("http://one.example/secret"), "http://one.example for all to read"),
        ("http://10.0.0.1", header("http://10.0.0.1"), "for all to read"),
    ],
)
def test_a_header_that_helps_a_thief_is_refused(tmp_path: Path, url: str, lines: str, reason: str) -> None:
    """Goal: the fault is named before anything is sent. Method: another's URL, a header of ours, no name, plain HTTP."""
    with pytest.raises(ConfigUnusable, match=reason):
        load(written(tmp_path, [url], lines))


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff", b"x" * 5_000, b"nul\0"])
def test_a_file_that_holds_no_key_is_named_without_its_content(tmp_path: Path, content: bytes) -> None:
    """Goal: a typed error. Method: nothing, two lines, no ASCII, too much, a zero byte; and no file."""
    config = load(written(tmp_path, ["https://one"], header("https://one")))
    (tmp_path / "one.key").write_bytes(content)
    with pytest.raises(ConfigUnusable, match="Authorization") as found:
        open_chain(config.chain, "EVM", 56, 1)
    assert "two" not in str(found.value)
    (tmp_path / "one.key").unlink()
    with pytest.raises(ConfigUnusable, match="cannot be read"):
        open_chain(config.chain, "EVM", 56, 1)
