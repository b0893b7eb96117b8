"""Requests that are signed: the node shows some things only to a participant that says who it is (node/README.md, signed requests)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, TypeVar

from cli.client import target_of
from cli.faults import Refusal
from cli.signing import counting_keys
from cli.times import now_ms
from node.callers import NONCE_BYTES, Claim, make_header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.session import Session

T = TypeVar("T")


def ask_signed(
    session: Session,
    path: str,
    type_: type[T],
    *,
    member: tuple[str, str],
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> T:
    """Ask a node as a keyset (participant, name): a POST where there is a body, else a GET.

    Raises
    ------
    Refusal
        The keystore has no key for it, or the node's answer is no.
    """
    participant, keyset = member
    keys = counting_keys(session, participant, keyset, None)
    if not keys:
        raise Refusal(f"the keystore {session.keystore.folder} has no key for {participant}/{keyset}: import it (`som keys import`)")
    key = keys[0]
    claim = Claim(participant, keyset, bytes.fromhex(key.public_key), now_ms(), secrets.token_bytes(NONCE_BYTES), b"")
    method, target = "GET" if body is None else "POST", target_of(path, query)
    header = make_header(claim, session.open(key), chain=session.chain, method=method, target=target, body=body or b"")
    answer = session.client.exchange(method, path, query=query, body=body, headers={"Authorization": header})
    return session.client.read(answer, type_)
