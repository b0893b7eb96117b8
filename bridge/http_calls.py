"""One node's HTTP listener: a document is posted, and an answer of limited size comes back in limited time.

A foreign node is not trusted with memory or time: the answer is read in pieces and dropped where it grows too long, and all of it must be
here within one deadline, however slowly it drips. Redirects are not followed. What an answer means is its reader's business.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from bridge.errors import ChainUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

ANSWER_BYTES_MAX: Final = 16 << 20
"""A block of Ethereum with 2,000 events of ours has a quarter of that."""
SECONDS_MAX: Final = 20
"""For a whole request."""
_PIECE_BYTES: Final = 65_536


class HttpCalls:
    """Requests to one node, one after another."""

    def __init__(
        self, url: str, *, seconds_max: float = SECONDS_MAX, bytes_max: int = ANSWER_BYTES_MAX, headers: Mapping[str, str] | None = None
    ) -> None:
        """`headers`: what this node wants beside, such as a key; no error or log shows them."""
        self._url, self._seconds_max, self._bytes_max = url.rstrip("/"), seconds_max, bytes_max
        self.shown = shown(url)
        self._session = requests.Session()
        self._session.headers.update(headers or {})
        # Not packed: nothing that unpacks to more than was counted.
        self._session.headers.update({"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"})

    def post(self, path: str, document: bytes) -> bytes:
        """Return the body of the answer to a JSON document posted to `path`.

        Raises
        ------
        ChainUnreachable
            No answer in time, one that is too long, or a status other than 200.
        """
        deadline = monotonic() + self._seconds_max
        try:
            with self._session.post(
                self._url + path,
                data=document,
                timeout=self._seconds_max,
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = self._read(answer, deadline)
        except (RequestException, HTTPError, ValueError) as problem:  # ValueError: what urllib makes of a URL that is none
            raise self.fault(type(problem).__name__) from None
        if answer.status_code != requests.codes.ok:
            raise self.fault(f"HTTP status {answer.status_code}")
        return body

    def fault(self, reason: str) -> ChainUnreachable:
        """Return the error that says what this node did."""
        return ChainUnreachable(url=self.shown, reason=reason[:300])

    def _read(self, answer: Response, deadline: float) -> bytes:
        body = bytearray()
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise self.fault("a packed answer, which was not asked for")
        # Not iter_content: it waits for a whole piece, and a node that drips would hold it for hours.
        while piece := answer.raw.read1(_PIECE_BYTES, decode_content=False):
            body += piece
            if len(body) > self._bytes_max:
                raise self.fault(f"an answer of more than {self._bytes_max} bytes")
            if monotonic() > deadline:
                raise self.fault(f"no whole answer within {self._seconds_max} s")
        return bytes(body)


def shown(url: str) -> str:
    """Return a URL as it may stand in a log: without the key that providers have people put into it."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "a URL that is none"
