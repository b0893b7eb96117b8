"""The handshake on an open WebSocket, for both sides.

What is said and signed is in `node.handshake`; whom to let in, the caller decides.
"""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from aiohttp import WSMsgType
from msgspec import Struct

from ledger.keys import public_key_of
from node.handshake import (
    NONCE_BYTES,
    PLAIN,
    TOKEN_BYTES,
    Answer,
    Hello,
    Parties,
    Proof,
    Refusal,
    Role,
    Welcome,
    check_hello,
    decode_step,
    encode_step,
)
from node.wire import REASON_MAX, VERSION, WireError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from aiohttp import ClientWebSocketResponse, web

    Socket = web.WebSocketResponse | ClientWebSocketResponse

S = TypeVar("S", Hello, Answer, Proof, Welcome, Refusal)
HANDSHAKE_SECONDS_MAX = 5.0
"""A caller that says nothing holds a place for so long and no longer."""


class Identity(Struct, frozen=True):
    """Who this node is to others."""

    chain: bytes
    seed: bytes
    """Of the node key."""
    certificate_hash: bytes = PLAIN
    """SHA-256 of this node's own TLS certificate (DER); zeros where there is none."""

    @property
    def key(self) -> bytes:
        """Public node key."""
        return public_key_of(self.seed)


def token_back(token: bytes) -> bytes:
    """Token for plain GETs in the other direction, from server to caller: both know it, and nothing more need be said."""
    return sha256(b"som/token/1" + token).digest()


async def greet_caller(socket: Socket, identity: Identity, refuse: Callable[[bytes], str | None]) -> tuple[bytes, bytes]:
    """Server's side: return the caller's node key and the token given to it. `refuse` says why a key is not let in, None where it is.

    Raises
    ------
    WireError
        `refused` where we refuse, `handshake` where the caller breaks it off or lies. The caller was told the reason.
    """
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
            hello = decode_step(await _receive(socket), Hello)
            reason = check_hello(hello, identity.chain, VERSION) or refuse(hello.node_key)
            if reason is not None:
                await socket.send_bytes(encode_step(Refusal(reason[:REASON_MAX])))
                raise WireError("refused", reason)
            parties = Parties(
                chain=identity.chain,
                version=VERSION,
                server_key=identity.key,
                client_key=hello.node_key,
                server_nonce=os.urandom(NONCE_BYTES),
                client_nonce=hello.nonce,
                certificate_hash=identity.certificate_hash,
            )
            await socket.send_bytes(encode_step(Answer(parties.server_key, parties.server_nonce, parties.sign(Role.SERVER, identity.seed))))
            parties.check(Role.CLIENT, decode_step(await _receive(socket), Proof).signature)
            token = os.urandom(TOKEN_BYTES)
            await socket.send_bytes(encode_step(Welcome(token)))
            return hello.node_key, token
    except TimeoutError:
        raise WireError("handshake", f"not finished within {HANDSHAKE_SECONDS_MAX:.0f} s") from None


async def greet_server(socket: ClientWebSocketResponse, identity: Identity, expected_key: bytes) -> bytes:
    """Caller's side: return the token that the server gave; raises as `greet_caller`. The server must hold `expected_key`."""
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
            nonce = os.urandom(NONCE_BYTES)
            await socket.send_bytes(encode_step(Hello(VERSION, identity.chain, identity.key, nonce)))
            answer = decode_step(await _receive(socket), Answer)
            if answer.node_key != expected_key:
                raise WireError(
                    "handshake", f"the server has key {answer.node_key.hex()[:16]}, the configuration says {expected_key.hex()[:16]}"
                )
            parties = Parties(
                chain=identity.chain,
                version=VERSION,
                server_key=answer.node_key,
                client_key=identity.key,
                server_nonce=answer.nonce,
                client_nonce=nonce,
                certificate_hash=_certificate_hash(socket),
            )
            parties.check(Role.SERVER, answer.signature)
            await socket.send_bytes(encode_step(Proof(parties.sign(Role.CLIENT, identity.seed))))
            return decode_step(await _receive(socket), Welcome).token
    except TimeoutError:
        raise WireError("handshake", f"not finished within {HANDSHAKE_SECONDS_MAX:.0f} s") from None


async def _receive(socket: Socket) -> bytes:
    message = await socket.receive()
    if message.type is not WSMsgType.BINARY:
        raise WireError("handshake", "the other side closed the connection or sent something else than a binary frame")
    data: bytes = message.data
    return data


def _certificate_hash(socket: ClientWebSocketResponse) -> bytes:
    """Return the SHA-256 of the certificate that the server showed; zeros on a plain connection."""
    secured: ssl.SSLObject | None = socket.get_extra_info("ssl_object")
    shown = None if secured is None else secured.getpeercert(binary_form=True)
    return PLAIN if shown is None else sha256(shown).digest()
