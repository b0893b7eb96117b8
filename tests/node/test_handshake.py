"""Handshake: both sides prove their node key, and nothing signed for one connection serves another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.keys import public_key_of
from node.handshake import Answer, Hello, Parties, Proof, Refusal, Role, Welcome, check_hello, decode_step, encode_step
from node.wire import WireError

SERVER, CLIENT = b"s" * 32, b"c" * 32
PARTIES = Parties(
    chain=b"C" * 32,
    version=1,
    server_key=public_key_of(SERVER),
    client_key=public_key_of(CLIENT),
    server_nonce=b"1" * 32,
    client_nonce=b"2" * 32,
)


def test_the_bytes_signed_are_those_of_the_specification() -> None:
    """Goal: an independent node can sign the same. Method: the layout of interfaces.md, by hand."""
    expected = b"som/hello/1" + b"C" * 32 + bytes([0, 0, 0, 1]) + bytes([2])
    expected += public_key_of(SERVER) + public_key_of(CLIENT) + b"1" * 32 + b"2" * 32 + bytes(32)
    assert PARTIES.bytes_of(Role.CLIENT) == expected


def test_each_side_accepts_the_other() -> None:
    """Goal: an honest pair passes. Method: both signatures."""
    PARTIES.check(Role.SERVER, PARTIES.sign(Role.SERVER, SERVER))
    PARTIES.check(Role.CLIENT, PARTIES.sign(Role.CLIENT, CLIENT))


def test_a_signature_serves_one_role_only() -> None:
    """Goal: no reflection. Method: the server's signature given as the client's, of one who has both roles' key."""
    same = Parties(PARTIES.chain, 1, public_key_of(SERVER), public_key_of(SERVER), b"1" * 32, b"2" * 32)
    with pytest.raises(WireError, match="handshake"):
        same.check(Role.CLIENT, same.sign(Role.SERVER, SERVER))


@pytest.mark.parametrize("field", ["chain", "version", "server_key", "client_key", "server_nonce", "client_nonce", "certificate_hash"])
def test_everything_that_is_signed_counts(field: str) -> None:
    """Goal: no replay, no relay, no other chain. Method: alter one field after signing."""
    signature = PARTIES.sign(Role.CLIENT, CLIENT)
    fields = {name: getattr(PARTIES, name) for name in PARTIES.__struct_fields__}
    fields[field] = 2 if field == "version" else b"x" * 32
    with pytest.raises(WireError, match="handshake"):
        Parties(**fields).check(Role.CLIENT, signature)


def test_steps_come_back_the_same_and_in_order_only() -> None:
    """Goal: no step is skipped. Method: each step where another is due; a refusal is told as such."""
    steps = (Hello(1, b"C" * 32, b"k" * 32, b"n" * 32), Answer(b"k" * 32, b"n" * 32, bytes(64)), Proof(bytes(64)), Welcome(b"t" * 32))
    for step in steps:
        kind: type[Hello] = type(step)  # type: ignore[assignment]
        assert decode_step(encode_step(step), kind) == step
    with pytest.raises(WireError, match="Proof came where Answer was due"):
        decode_step(encode_step(Proof(bytes(64))), Answer)
    with pytest.raises(WireError, match="refused: go away"):
        decode_step(encode_step(Refusal("go away")), Welcome)
    with pytest.raises(WireError, match="too_long"):
        decode_step(bytes(2_000), Hello)


@given(st.binary(max_size=200))
def test_garbage_in_the_handshake_is_the_typed_error(data: bytes) -> None:
    """Goal: unauthenticated callers reach nothing else. Method: random bytes."""
    with pytest.raises(WireError):
        decode_step(data, Hello)


def test_other_chains_and_versions_are_told_why() -> None:
    """Goal: a refusal says what to do. Method: one that fits, one of each other kind."""
    assert check_hello(Hello(1, b"C" * 32, b"k" * 32, b"n" * 32), b"C" * 32, 1) is None
    assert "genesis" in str(check_hello(Hello(1, b"D" * 32, b"k" * 32, b"n" * 32), b"C" * 32, 1))
    assert "upgrade" in str(check_hello(Hello(2, b"C" * 32, b"k" * 32, b"n" * 32), b"C" * 32, 1))
