"""Canonical bytes (L6), the envelope (L13), pinned formats, and an independent reader of the same bytes."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from ledger.blocks import Receipt
from ledger.canonical import decode, encode
from ledger.codec import (
    decode_transaction,
    encode_transaction,
    make_envelope,
    ref_id_of,
    sign_envelope,
    sign_transaction,
    signing_bytes,
    tx_id_of,
)
from ledger.errors import Malformed
from ledger.keys import verify
from ledger.leaves import is_blinded, record_of
from ledger.transactions.bodies import TX_BYTES_MAX, TYPES, Leg, Pay, RawTransaction, Signature
from tests.ledger.samples import BODIES, CHAIN, NOW, OTHER_SEED, RECEIPT, RECORDS, SALT, SEED, transaction
from tests.ledger.vectors import current, encodings

PINNED = Path(__file__).resolve().parents[1] / "vectors" / "ledger.json"


def test_every_format_is_pinned() -> None:
    """Goal: L6, no format changes unnoticed. Method: bytes and hashes of every kind against the committed file."""
    pinned = json.loads(PINNED.read_text())
    now = current()
    assert now.keys() == pinned.keys()
    assert [name for name in now if now[name] != pinned[name]] == []
    assert {name.removeprefix("transaction/") for name in pinned if name.startswith("transaction/")} == TYPES.keys()


def test_msgpack_reads_and_writes_the_same_bytes() -> None:
    """Goal: L6, our encoding is MessagePack's shortest. Method: another library decodes every format and packs it again."""
    pinned = json.loads(PINNED.read_text())
    for name in encodings():
        data = bytes.fromhex(pinned[name])
        value = msgpack.unpackb(data)
        assert msgpack.packb(value) == data, name


integers = st.one_of(st.integers(-(2**63), 2**64 - 1), st.integers(-200, 70_000))
values = st.recursive(
    st.one_of(st.none(), integers, st.text(max_size=40), st.binary(max_size=300)), lambda inner: st.lists(inner, max_size=18), max_leaves=30
)


@given(values)
def test_encode_is_the_shortest_form(value: object) -> None:
    """Goal: one value, one encoding. Method: any value, packed by the other library."""
    assert encode(value) == msgpack.packb(value)


@given(st.integers(0, 2**64 - 1), st.sampled_from((1, 2, 4, 8)))
def test_wider_integers_are_refused(number: int, width: int) -> None:
    """Goal: L6. Method: an integer in each form that holds it; the shortest passes, no other does."""
    if number >= 1 << 8 * width:
        number %= 1 << 8 * width
    wide = bytes((0xCC + width.bit_length() - 1,)) + number.to_bytes(width, "big")
    if wide == encode(number):
        assert decode(wide, int) == number
    else:
        with pytest.raises(Malformed):
            decode(wide, int)


@pytest.mark.parametrize(
    ("data", "type_"),
    [
        (b"", int),
        (b"\xc1", int),
        (b"\x01\x01", int),
        (b"\xa2\xff\xfe", str),
        (b"\xa3\xed\xa0\x80", str),
        (b"\xd9\x01a", str),
        (b"\xdb\xff\xff\xff\xff", str),
        (b"\xc5\x00\x01a", bytes),
        (b"\xa1a", bytes),
        (b"\xc4\x01a", str),
        (b"\xcb" + bytes(8), int),
        (b"\xc3", int),
        (b"\xdc\x00\x01\x01", tuple[int, ...]),
        (b"\xdd\xff\xff\xff\xff", tuple[int, ...]),
        (b"\x91" * 100_000 + b"\x01", object),
        (b"\x91" * 100_000 + b"\x01", Raw),
        (b"\x81\x01\x01", tuple[int, ...]),
        (b"\xcf" + b"\xff" * 8, RECEIPT.__class__),
    ],
)
def test_hostile_bytes_are_malformed_and_nothing_else(data: bytes, type_: type[object]) -> None:
    """Goal: one typed error for all bad bytes. Method: truncated, too deep, not UTF-8, mistyped, wider than needed, huge lengths."""
    with pytest.raises(Malformed):
        decode(data, type_)


@pytest.mark.parametrize("name", list(BODIES))
def test_a_transaction_of_each_type_comes_back(name: str) -> None:
    """Goal: decode undoes encode, and every id follows from the bytes. Method: a sample of each type; ids written out by hand."""
    raw = transaction(name)
    tx = decode_transaction(raw)
    envelope = bytes(decode(raw, RawTransaction).envelope)
    assert (tx.raw, tx.type, tx.body, tx.chain, tx.sender, tx.valid_until) == (raw, name, BODIES[name], CHAIN, "bank-a", NOW)
    assert tx.tx_id == sha256(b"som/tx/1" + envelope).digest() == tx_id_of(envelope)
    assert tx.raw_id == sha256(raw).digest()
    assert tx.ref_id == sha256(b"som/ref-id/1bank-a\x00" + tx.ref.encode()).digest()
    assert signing_bytes(tx.tx_id) == b"som/sig/1" + tx.tx_id
    assert all(verify(one.public_key, b"som/sig/1" + tx.tx_id, one.signature) for one in tx.signatures)
    assert encode_transaction(envelope, tx.signatures[::-1]) == raw


def test_signatures_do_not_change_the_tx_id_but_the_whole() -> None:
    """Goal: L13. Method: the same envelope with one signature fewer."""
    raw = transaction("pay")
    tx = decode_transaction(raw)
    stripped = decode_transaction(encode_transaction(bytes(decode(raw, RawTransaction).envelope), tx.signatures[:1]))
    assert (stripped.tx_id, stripped.ref_id) == (tx.tx_id, tx.ref_id)
    assert stripped.raw_id != tx.raw_id


def reordered(signatures: tuple[Signature, ...]) -> list[tuple[Signature, ...]]:
    one, two = signatures
    return [(two, one), (one, one), (one, two, two), (one, replace(one, signature=bytes(64)))]


def test_signatures_are_sorted_each_once_at_most_32() -> None:
    """Goal: L13. Method: swapped, repeated, one key with two signatures, 33 of them."""
    raw = transaction("pay")
    envelope = bytes(decode(raw, RawTransaction).envelope)
    signatures = decode_transaction(raw).signatures
    many = tuple(replace(signatures[0], public_key=bytes((number,)) * 32) for number in range(33))
    assert len(decode_transaction(b"\x92" + envelope + encode(many[:32])).signatures) == 32
    for wrong in (*reordered(signatures), many):
        with pytest.raises(Malformed):
            decode_transaction(b"\x92" + envelope + encode(wrong))


def fields() -> list[object]:
    return [1, CHAIN, "pay", "bank-a", "ref", NOW, SALT, BODIES["pay"]]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, 2),
        (0, "1"),
        (1, CHAIN[:31]),
        (2, "mint"),
        (2, "issue"),
        (2, 7),
        (3, "Bank-A"),
        (3, "bank-a/"),
        (3, "b" * 17),
        (3, "bank-a/" + "x" * 33),
        (4, ""),
        (4, "x" * 36),
        (5, -1),
        (5, 2**48 + 1),
        (5, 2**64 - 1),
        (5, 1.0),
        (6, SALT[:15]),
        (6, SALT + b"\x00"),
        (7, []),
        (7, None),
    ],
)
def test_an_envelope_beyond_its_form_is_malformed(at: int, value: object) -> None:
    """Goal: every field of the envelope has a type and a limit. Method: one field wrong at a time."""
    wrong = fields()
    assert decode_transaction(encode([wrong, []])).sender == "bank-a"
    wrong[at] = value
    with pytest.raises(Malformed):
        decode_transaction(encode([wrong, []]))


@pytest.mark.parametrize("amount", [0, -1, 10**18, 2**63, 2**64 - 1, None, "5", 1.5, True])
def test_amounts_out_of_bounds_are_malformed(amount: object) -> None:
    """Goal: L1. Method: a leg with an amount that is none."""
    leg = ["bank-a/settlement", "bank-b/settlement", "KGS", amount, 0, ""]
    body = [[leg], "atomic", "", None, "", None, None]
    with pytest.raises(Malformed):
        decode_transaction(encode([[*fields()[:7], body], []]))


def test_fields_more_or_fewer_are_malformed() -> None:
    """Goal: L6, unknown and missing fields are refused at every level. Method: envelope, body, leg, signature, whole."""
    good = msgpack.unpackb(transaction("pay"))
    assert decode_transaction(msgpack.packb(good)).type == "pay"

    def places(value: list[object]) -> list[list[object]]:
        envelope = value[0]
        assert isinstance(envelope, list)
        body = envelope[7]
        return [value, envelope, body, body[0][0], value[1][0]]  # type: ignore[index]

    for level in range(5):
        for longer in (True, False):
            value = msgpack.unpackb(transaction("pay"))
            place = places(value)[level]
            place.append(None) if longer else place.pop()
            with pytest.raises(Malformed):
                decode_transaction(msgpack.packb(value))


def test_bytes_that_are_not_canonical_are_malformed_wherever_they_are() -> None:
    """Goal: L6. Method: each head of the sample in a wider form; what still decodes must not pass."""
    raw = transaction("pay")
    for at, byte in enumerate(raw):
        wider = None
        if 0x90 <= byte <= 0x9F:
            wider = b"\xdc\x00" + bytes((byte & 15,))
        elif 0xA0 <= byte <= 0xBF:
            wider = b"\xd9" + bytes((byte & 31,))
        elif byte <= 0x7F:
            wider = b"\xcc" + bytes((byte,))
        elif byte == 0xC4:
            wider = b"\xc5\x00"
        if wider is not None:
            with pytest.raises(Malformed):
                decode_transaction(raw[:at] + wider + raw[at + 1 :])
    for longer in (raw + b"\x00", b"\x93" + raw[1:] + b"\xc0"):
        with pytest.raises(Malformed):
            decode_transaction(longer)


def test_the_size_of_a_transaction_is_limited() -> None:
    """Goal: lengths before work. Method: 1,000 long legs fit; bytes beyond the limit are refused unread."""
    legs = tuple(Leg("bank-a/" + "x" * 32, "bank-b/" + "y" * 32, "K" * 16, 10**18 - 1, 10**9, "r" * 35) for _ in range(1_000))
    envelope = make_envelope(
        chain=CHAIN, sender="bank-a", ref="r", valid_until=NOW, salt=SALT, body=Pay(legs, "atomic", "", None, "", None, None)
    )
    raw = sign_transaction(envelope, [("bank-a", "ops", SEED)])
    assert len(raw) <= TX_BYTES_MAX
    assert len(decode_transaction(raw).signatures) == 1
    with pytest.raises(Malformed, match="at most"):
        decode_transaction(b"\xc1" * (TX_BYTES_MAX + 1))


def test_sign_envelope_signs_the_tx_id() -> None:
    """Goal: what the SDK signs is what nodes verify. Method: two owners over one envelope."""
    envelope = make_envelope(chain=CHAIN, sender="bank-a", ref="r", valid_until=NOW, salt=SALT, body=BODIES["void"])
    one = sign_envelope(envelope, owner="bank-a", keyset="ops", seed=SEED)
    two = sign_envelope(envelope, owner="bank-b", keyset="ops", seed=OTHER_SEED)
    assert encode_transaction(envelope, [two, one]) == sign_transaction(envelope, [("bank-a", "ops", SEED), ("bank-b", "ops", OTHER_SEED)])
    assert one.public_key != two.public_key


def test_ref_ids_do_not_run_into_each_other() -> None:
    """Goal: L4, parts are separated. Method: the same text cut elsewhere."""
    assert ref_id_of("bank-a", "1") != ref_id_of("bank-", "a1")


@pytest.mark.parametrize("key", list(RECORDS))
def test_a_record_of_each_kind_comes_back_from_its_leaf(key: str) -> None:
    """Goal: the stored value is the record. Method: blinded and public; another kind, a short blind and no kind are refused."""
    record = RECORDS[key]
    blinded, public = encode((bytes(16), record)), encode((record,))
    assert record_of(key, blinded) == record_of(key, public) == record
    assert (is_blinded(blinded), is_blinded(public)) == (True, False)
    for bad_key, bad in (("nothing/x", public), ("~due/x", public), (key, encode((bytes(15), record))), (key, encode(record)), (key, b"")):
        with pytest.raises(Malformed):
            record_of(bad_key, bad)


def test_integers_of_receipts_are_bounded() -> None:
    """Goal: every integer has bounds. Method: a receipt with fields just beyond them."""
    for change in ({"height": 2**63}, {"index": 2**32}, {"code": 1_000}, {"public_code": -1}):
        with pytest.raises(Malformed):
            decode(encode(replace(RECEIPT, **change)), Receipt)
