"""The handshake of the peer protocol, pure: what each side says and signs before the first frame, and what a lie in it is called.

Client -> server `Hello`, server -> client `Answer` (signed), client -> server `Proof` (signed), server -> client `Welcome`. The server
signs first, so a caller learns nothing from it but its key. Each signs `"som/hello/1" | chain | version | own role | both node keys |
both nonces | SHA-256 of the server's TLS certificate` with its node key: role, nonces and certificate stop reflection, replay and relay.
The consensus key never signs here.

Layout signed, fixed width, big-endian: tag (11 bytes, ASCII) | chain 32 | version u32 | role u8 (1 server, 2 client) | server's key 32 |
client's key 32 | server's nonce 32 | client's nonce 32 | certificate hash 32 (zeros on a plain devnet).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from ledger.keys import sign, verify
from ledger.types import Hash32, Signature64
from node.wire import REASON_MAX, WireError

NONCE_BYTES = 32
HELLO_BYTES_MAX = 1_024
"""Of any handshake message."""
TOKEN_BYTES = 32
PLAIN = bytes(32)
"""Certificate hash where there is no TLS."""


class Role(IntEnum):
    """Which side of the connection signs."""

    SERVER = 1
    CLIENT = 2


class Hello(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=32):
    """The caller introduces itself."""

    version: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    chain: Hash32
    node_key: Hash32
    nonce: Hash32


class Answer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=33):
    """The server's key, nonce and signature."""

    node_key: Hash32
    nonce: Hash32
    signature: Signature64


class Proof(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=34):
    """The caller's signature."""

    signature: Signature64


class Welcome(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=35):
    """The caller is let in. The token authorises the plain GETs of this caller while its link lives."""

    token: Annotated[bytes, Meta(min_length=TOKEN_BYTES, max_length=TOKEN_BYTES)]


class Refusal(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=36):
    """The server says why it hangs up."""

    reason: Annotated[str, Meta(max_length=REASON_MAX)]


Step = Hello | Answer | Proof | Welcome | Refusal
S = TypeVar("S", Hello, Answer, Proof, Welcome, Refusal)

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Step)


class Parties(Struct, frozen=True):
    """Everything that both sides sign, gathered during the handshake."""

    chain: bytes
    version: int
    server_key: bytes
    client_key: bytes
    server_nonce: bytes
    client_nonce: bytes
    certificate_hash: bytes = PLAIN

    def bytes_of(self, role: Role) -> bytes:
        """Return what `role` signs."""
        return b"".join(
            (
                b"som/hello/1",
                self.chain,
                self.version.to_bytes(4, "big"),
                bytes([role]),
                self.server_key,
                self.client_key,
                self.server_nonce,
                self.client_nonce,
                self.certificate_hash,
            )
        )

    def sign(self, role: Role, seed: bytes) -> bytes:
        """Signature of `role` by its node seed."""
        return sign(seed, self.bytes_of(role))

    def check(self, role: Role, signature: bytes) -> None:
        """Check the other side's signature.

        Raises
        ------
        WireError
            `handshake`: not the signature of the key that it claims.
        """
        key = self.server_key if role is Role.SERVER else self.client_key
        if not verify(key, self.bytes_of(role), signature):
            raise WireError("handshake", f"the {role.name.lower()} does not hold the node key that it names")


def encode_step(step: Step) -> bytes:
    """Bytes of a handshake message."""
    return _ENCODER.encode(step)


def decode_step(data: bytes, expected: type[S]) -> S:
    """Handshake message of received bytes.

    Raises
    ------
    WireError
        `refused`: the server hangs up and says why. `handshake`: anything but the message that is due.
    """
    if len(data) > HELLO_BYTES_MAX:
        raise WireError("too_long", f"handshake message of {len(data)} bytes, at most {HELLO_BYTES_MAX}")
    try:
        step = _DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as problem:
        raise WireError("handshake", str(problem)[:REASON_MAX]) from None
    if isinstance(step, expected):
        return step
    if isinstance(step, Refusal):
        raise WireError("refused", step.reason)
    raise WireError("handshake", f"{type(step).__name__} came where {expected.__name__} was due")


def check_hello(hello: Hello, chain: bytes, version: int) -> str | None:
    """Return why a caller cannot be let in, whoever it is; None where nothing speaks against it."""
    if hello.version != version:
        return f"this node speaks version {version} of the peer protocol, you speak {hello.version}; upgrade the older one"
    if hello.chain != chain:
        return "this node is on another chain; compare the genesis files"
    return None
