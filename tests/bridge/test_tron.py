"""Tron's formats against what tronweb, the reference, makes of the same values (tests/vectors/tron.json, made by tron.mjs beside it)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bridge.digests import Checkpoint, Domain, Message, MintAuth, ReserveStatement, RotateAttestors, digest
from bridge.errors import FieldOutOfRange
from bridge.keccak import keccak256
from bridge.tron import (
    AMOUNT_MAX,
    DATA_BYTES_MAX,
    MEMO_BYTES_MAX,
    Call,
    address_text,
    parse_address,
    raw_data,
    reference,
    transaction,
    transaction_id,
    without_prefix,
)

VECTORS: dict[str, Any] = msgspec.json.decode((Path(__file__).parents[1] / "vectors" / "tron.json").read_bytes())
CALL = Call(bytes(20), bytes([1] * 20), b"data", b"ab", b"reference"[:8], 1_800_000_060_000, 1_800_000_000_000, 1)


def call_of(vector: dict[str, Any]) -> Call:
    """Return the call that a vector was made of."""
    return Call(
        owner=without_prefix(bytes.fromhex(vector["owner"])),
        contract=without_prefix(bytes.fromhex(vector["contract"])),
        data=bytes.fromhex(vector["data"]),
        ref_block_bytes=bytes.fromhex(vector["ref_block_bytes"]),
        ref_block_hash=bytes.fromhex(vector["ref_block_hash"]),
        expiration_ms=vector["expiration"],
        timestamp_ms=vector["timestamp"],
        fee_limit=vector["fee_limit"],
        call_value=vector["call_value"],
        memo=bytes.fromhex(vector["memo"]),
    )


@pytest.mark.parametrize("vector", VECTORS["addresses"], ids=lambda vector: vector["base58"])
def test_addresses_are_written_and_read_as_tronweb_does(vector: dict[str, str]) -> None:
    """Goal: nobody is paid elsewhere. Method: tronweb's pairs, and the address of a key, both ways."""
    address = without_prefix(bytes.fromhex(vector["hex"]))
    assert address_text(address) == vector["base58"]
    assert parse_address(vector["base58"]) == address == without_prefix(address)
    if vector["private_key"]:
        public = PrivateKey(bytes.fromhex(vector["private_key"])).public_key.format(compressed=False)
        assert keccak256(public[1:])[-20:] == address


@given(st.binary(min_size=20, max_size=20))
def test_an_address_comes_back_from_its_text(address: bytes) -> None:
    """Goal: one text per address. Method: property."""
    assert parse_address(address_text(address)) == address


@given(
    st.binary(min_size=20, max_size=20), st.integers(0, 33), st.sampled_from("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
)
def test_a_mistyped_address_is_refused(address: bytes, place: int, typed: str) -> None:
    """Goal: a typing error is no payment. Method: any one character changed."""
    text = address_text(address)
    if text[place] != typed:
        with pytest.raises(FieldOutOfRange, match="Tron address"):
            parse_address(text[:place] + typed + text[place + 1 :])


@pytest.mark.parametrize("text", ["", "T", "T" * 33, "T" * 35, "0" * 34, "z" * 34, "T" * 1_000_000])
def test_what_is_no_address_is_refused(text: str) -> None:
    """Goal: bad input gets a sentence. Method: lengths, strange characters, a number beyond 25 bytes."""
    with pytest.raises(FieldOutOfRange, match="base58"):
        parse_address(text)


def test_an_address_of_another_network_is_refused() -> None:
    """Goal: only the main network's prefix. Method: a bitcoin address of 34 characters whose checksum is good."""
    with pytest.raises(FieldOutOfRange, match="base58"):
        parse_address("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2")
    with pytest.raises(FieldOutOfRange, match="20 bytes"):
        without_prefix(b"\x42" + bytes(20))
    with pytest.raises(FieldOutOfRange, match="20 bytes"):
        address_text(bytes(21))


@pytest.mark.parametrize("vector", VECTORS["transactions"], ids=lambda vector: vector["tx_id"][:8])
def test_transactions_are_byte_for_byte_what_tronweb_makes(vector: dict[str, Any]) -> None:
    """Goal: the network takes them. Method: raw bytes, id, and a signature over it that has the owner's address and tronweb's bytes."""
    raw = raw_data(call_of(vector))
    assert raw.hex() == vector["raw_hex"]
    assert transaction_id(raw).hex() == vector["tx_id"]
    signed = PrivateKey(bytes.fromhex(vector["private_key"])).sign_recoverable(transaction_id(raw), hasher=None)
    signature = signed[:64] + bytes([signed[64] + 27])
    assert signature.hex() == vector["signature"]
    assert transaction(raw, signature).startswith(b"\x0a")
    assert transaction(raw, signature).endswith(b"\x12\x41" + signature)


def message_of(name: str, fields: dict[str, Any]) -> Message:
    """Return one of our four messages from the fields of a vector."""

    def plain(value: Any) -> Any:  # noqa: ANN401 - JSON of four types
        if isinstance(value, list):
            return tuple(parse_address(each) for each in value)
        if isinstance(value, str):
            return bytes.fromhex(value[2:]) if value.startswith("0x") else parse_address(value) if value.startswith("T") else int(value)
        return value

    kinds: dict[str, type[Message]] = {each.__name__: each for each in (Checkpoint, MintAuth, RotateAttestors, ReserveStatement)}
    return kinds[name](*(plain(value) for value in fields.values()))


@pytest.mark.parametrize("vector", VECTORS["typed"], ids=lambda vector: vector["name"])
def test_tip_712_is_eip_712_without_the_prefix(vector: dict[str, Any]) -> None:
    """Goal: one digest serves both kinds of chain. Method: tronweb's hash of the same typed data, addresses given as T..."""
    domain = Domain(VECTORS["domain"]["chainId"], parse_address(VECTORS["domain"]["verifyingContract"]))
    assert digest(domain, message_of(vector["name"], vector["message"])).hex() == vector["digest"]


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": bytes(19)},
        {"contract": bytes(21)},
        {"data": bytes(DATA_BYTES_MAX + 1)},
        {"memo": bytes(MEMO_BYTES_MAX + 1)},
        {"ref_block_bytes": b"a"},
        {"ref_block_hash": bytes(9)},
        {"expiration_ms": -1},
        {"timestamp_ms": AMOUNT_MAX + 1},
        {"fee_limit": -1},
        {"call_value": AMOUNT_MAX + 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_field_out_of_range_is_refused_by_name(changes: dict[str, Any]) -> None:
    """Goal: no transaction that the network reads otherwise. Method: each field too long, too short, too large."""
    with pytest.raises(FieldOutOfRange, match=next(iter(changes))):
        raw_data(msgspec.structs.replace(CALL, **changes))


def test_a_reference_to_a_block_is_taken_from_its_number_and_id() -> None:
    """Goal: bound to one branch. Method: bytes at their places; lengths refused."""
    assert reference(0x0102030405060708, bytes(range(32))) == (b"\x07\x08", bytes(range(8, 16)))
    with pytest.raises(FieldOutOfRange, match="block_id"):
        reference(1, bytes(31))
    with pytest.raises(FieldOutOfRange, match="block_number"):
        reference(-1, bytes(32))
    with pytest.raises(FieldOutOfRange, match="signature"):
        transaction(b"raw", bytes(64))
