"""HTTP to a node's client API, with the standard library only. It believes nothing: what must be true is checked by `cli.verify`.

Nodes are tried in order; the first that answers is the one whose answer counts, unless it says that it does not keep what is asked for.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from msgspec import Struct

from cli.faults import Distrust, Refusal, Unreachable
from node.api.structs import ErrorBody

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")

ANSWER_BYTES_MAX = 64 * 1_048_576
"""More than a thousand receipts of a thousand legs would not fit; nothing sane is longer."""
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
NOT_KEPT_HERE = 501
"""Status of a node that does not keep what is asked for; another one may."""


NEXT_STEP = {
    111: "; add what is missing with --sign (som grant show tells a quorum), or let its holder sign: --export FILE, then som tx sign FILE"
}
"""What to do about a refusal where the node, which knows no command line, cannot say it."""


class NotThere(Refusal):
    """The node answers that there is no such thing (404)."""


class Withheld(Refusal):
    """The node does not show this to us (401 or 403)."""


class NodeRefusal(Refusal):
    """One node's word against a request: the ledger's code, its name and its sentence."""

    def __init__(self, error: ErrorBody) -> None:
        advice = NEXT_STEP.get(error.code, "")
        super().__init__(f"refused with {error.code} {error.name}: {error.message}{advice}")
        self.error = error


class Answer(Struct, frozen=True):
    """Status and body of one HTTP exchange, and who gave it."""

    node: str
    status: int
    body: bytes


class Client:
    """Requests to one of several nodes of the same network."""

    def __init__(self, nodes: Sequence[str], answer_seconds: float | None = None) -> None:
        """`answer_seconds`: how long a node that was reached may take to answer; else `ANSWER_SECONDS`."""
        self.nodes, self.answer_seconds = tuple(nodes), ANSWER_SECONDS if answer_seconds is None else answer_seconds

    def get(self, path: str, type_: type[T], query: Mapping[str, str] | None = None) -> T:
        """Resource at a path, read as `type_`.

        Raises
        ------
        NotThere, Withheld, NodeRefusal
            The node's answer is no.
        Distrust
            The answer is not what the API gives.
        Unreachable
            No node answered.
        """
        answer = self.exchange("GET", path, query=query)
        return self.read(answer, type_)

    def post(self, path: str, type_: type[T], body: bytes, query: Mapping[str, str] | None = None) -> T:
        """Send JSON and read the answer as `type_`; raises as `get`."""
        answer = self.exchange("POST", path, query=query, body=body)
        return self.read(answer, type_)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request to the first node that answers.

        Raises
        ------
        Unreachable
            None did. A POST that broke off after it was sent is not sent to another node: the caller decides what that means.
        """
        target = target_of(path, query)
        reasons = []
        for node in self.nodes:
            try:
                answer = _ask(node, (method, target), body, headers or {}, self.answer_seconds)
            except _NoConnection as error:
                reasons.append(f"{node} ({error})")
                continue
            if answer.status != NOT_KEPT_HERE or node == self.nodes[-1]:
                return answer
        whom = reasons[0] if len(reasons) == 1 else f"any of the {len(reasons)} nodes, such as {reasons[0]}"
        raise Unreachable(f"cannot reach {whom}: is the node running, and is its address right (--node URL, or `nodes` in the profile)?")

    def read(self, answer: Answer, type_: type[T]) -> T:
        """Body of a good answer as `type_`; of a bad one, the refusal it states."""
        if answer.status >= 400:
            raise _refusal(answer)
        try:
            return msgspec.json.decode(answer.body, type=type_)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Distrust(f"{answer.node} gave an answer that is not of this API ({error}): is it a node of this version?") from None


class _NoConnection(Exception):
    """Nothing was sent, so another node may be asked; the text says why."""


def target_of(path: str, query: Mapping[str, str] | None) -> str:
    """Path and query as they are sent."""
    return quote(path, safe="/:") + (f"?{urlencode(query)}" if query else "")


def _ask(node: str, what: tuple[str, str], body: bytes | None, more: Mapping[str, str], answer_seconds: float) -> Answer:
    method, target = what
    parts = urlsplit(node)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)
    try:
        try:
            connection.connect()
        except OSError as error:
            raise _NoConnection(error.strerror or str(error) or "no connection") from None
        if connection.sock is not None:
            connection.sock.settimeout(answer_seconds)
        try:
            headers = {"Accept": "application/json", **more} | ({"Content-Type": "application/json"} if body is not None else {})
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{node} broke off before it had answered ({error or type(error).__name__}): ask again") from None
    finally:
        connection.close()
    if len(text) > ANSWER_BYTES_MAX:
        raise Distrust(f"{node} gave more than {ANSWER_BYTES_MAX} bytes: that is no answer of this API")
    return Answer(node=node, status=response.status, body=text)


def _refusal(answer: Answer) -> Refusal:
    try:
        error = msgspec.json.decode(answer.body, type=ErrorBody)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Distrust(f"{answer.node} answered {answer.status} without a reason: is it a node of this network?")
    if answer.status == 404:
        return NotThere(error.message)
    if answer.status in {401, 403}:
        return Withheld(error.message)
    return NodeRefusal(error)
