"""Asking nodes for `som doctor`: all at once, each over its client API, and none for long. Facts only; what they mean is said elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cli.client import Client
from cli.doctor_facts import Answering, Silent
from cli.faults import CommandFault, Unreachable
from cli.times import now_ms
from node.api.diagnosis_structs import ConsensusBody, EvidencePage
from node.api.structs import Health, StatusBody, Validators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.doctor_facts import Asked

ANSWER_SECONDS = 5.0
"""A node that takes longer for one of these answers is stopped or badly overloaded: that is the finding."""
ASKED_AT_ONCE = 16
NOT_READY = 503
SERIES_MAX = 20_000
"""Lines of `/metrics` that are read; a node of 31 validators has about a thousand."""


def ask_nodes(urls: Sequence[str]) -> tuple[Asked, ...]:
    """Ask every node once; the order is that of the addresses."""
    if not urls:
        return ()
    with ThreadPoolExecutor(max_workers=min(ASKED_AT_ONCE, len(urls))) as pool:
        return tuple(pool.map(_ask_node, urls))


def _ask_node(url: str) -> Asked:
    client = Client((url,), ANSWER_SECONDS)
    try:
        status = client.get("/v1/status", StatusBody)
        asked_ms = now_ms()
        consensus = client.get("/v1/consensus", ConsensusBody)
        answered_ms = now_ms()
        return Answering(
            url=url,
            asked_ms=asked_ms,
            answered_ms=answered_ms,
            status=status,
            validators=client.get("/v1/validators", Validators),
            health=_health(client),
            consensus=consensus,
            evidence=client.get("/v1/evidence", EvidencePage, {"limit": "100"}),
            series=parse_series(client.exchange("GET", "/metrics").body.decode("utf-8", "replace")),
        )
    except Unreachable as fault:
        return Silent(url, _reason(str(fault)))
    except CommandFault as fault:
        return Silent(url, f"not as a node of this version: {fault}")


def _health(client: Client) -> Health:
    """`/readyz`, whose bad answer is an answer."""
    answer = client.exchange("GET", "/readyz")
    good = answer if answer.status != NOT_READY else type(answer)(answer.node, 200, answer.body)
    return client.read(good, Health)


def _reason(sentence: str) -> str:
    """Return why, without the address and the advice of the client's own sentence."""
    inside = sentence.partition("(")[2].partition(")")[0]
    return inside or sentence


def parse_series(text: str) -> dict[str, float]:
    """Series of Prometheus' text: name with labels -> value. Lines that are none are passed over."""
    found: dict[str, float] = {}
    for line in text.split("\n", SERIES_MAX)[:SERIES_MAX]:
        name, space, value = line.rpartition(" ")
        if not space or line.startswith("#"):
            continue
        try:
            found[name] = float(value)
        except ValueError:
            continue
    return found
