"""A node of the chain that lies when it is told to: it asks the honest one and changes what it answers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import requests

from tests.bridge.servers import Answer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST_SECONDS_MAX = 20


class Liar:
    """What it does now."""

    def __init__(self) -> None:
        self.url = ""
        self.hides_events = False
        """Whether nothing that a contract logged is shown."""

    def changed(self, method: str, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what is answered instead."""
        return {**answer, "result": []} if method == "eth_getLogs" and self.hides_events else answer


@contextmanager
def lying(url: str) -> Iterator[Liar]:
    """Serve a node that tells what the one at `url` tells, until it is told to lie."""
    liar = Liar()
    session = requests.Session()

    def answer(_: str, document: dict[str, Any]) -> Answer:
        with session.post(url, json=document, timeout=REQUEST_SECONDS_MAX) as said:
            return Answer(msgspec.json.encode(liar.changed(str(document["method"]), said.json())))

    with session, serving(answer) as liar.url:
        yield liar
