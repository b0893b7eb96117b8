"""Tron's formats: addresses, and the bytes of a transaction that calls a contract. PURE: bytes in, bytes out.

Tron's virtual machine runs the same byte code as Ethereum's, and its typed data (TIP-712) is Ethereum's EIP-712 with addresses without
their first byte, so `bridge.digests` serves both. Its transactions are its own: protobuf, named by the SHA-256 of their raw part. The
fields that are needed here are few, so they are written by hand; tests compare every byte with what tronweb makes of the same values.

Not run on a public network: byte-identical to tronweb's vectors, no more is claimed.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.errors import FieldOutOfRange

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX: Final = b"\x41"
"""First byte of every address of the main network, before base58 and in protobuf; contracts and digests do not know it."""
ADDRESS_BYTES: Final = 20
CHECK_BYTES: Final = 4
TEXT_CHARACTERS: Final = 34
DATA_BYTES_MAX: Final = 65_536
"""Of a call: the largest of ours, a rotation to 64 attestors with 64 signatures, has under 9,000."""
MEMO_BYTES_MAX: Final = 1_024
AMOUNT_MAX: Final = 2**63 - 1
"""Of sun, and of milliseconds: protobuf's int64."""
SIGNATURE_BYTES: Final = 65

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TYPE_URL: Final = b"type.googleapis.com/protocol.TriggerSmartContract"
_TRIGGER_SMART_CONTRACT: Final = 31
_VARINT, _BYTES = 0, 2


class Call(Struct, frozen=True):
    """A call of a contract, as `TriggerSmartContract` has it."""

    owner: bytes
    """Who pays and signs: 20 bytes."""
    contract: bytes
    """20 bytes."""
    data: bytes
    """Selector and arguments."""
    ref_block_bytes: bytes
    """Bytes 6 and 7 of the number of a recent block."""
    ref_block_hash: bytes
    """Bytes 8 to 15 of that block's id: the transaction is good on that branch of the chain only."""
    expiration_ms: int
    """Unix ms; the network takes at most a day ahead."""
    timestamp_ms: int
    fee_limit: int
    """Most that it may burn, sun; simulate first."""
    call_value: int = 0
    """Sun sent along."""
    memo: bytes = b""


def address_text(address: bytes) -> str:
    """Return the form in which people write an address: base58 with prefix and checksum, 34 characters.

    Raises
    ------
    FieldOutOfRange
        Not 20 bytes.
    """
    checked = PREFIX + _fixed("address", address, ADDRESS_BYTES)
    number = int.from_bytes(checked + _checksum(checked), "big")
    digits: list[str] = []
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def parse_address(text: str) -> bytes:
    """Return the 20 bytes of an address in base58.

    Raises
    ------
    FieldOutOfRange
        Wrong length, a character that base58 has not, another network's prefix, or a checksum that does not fit: a typing error.
    """
    needed = f"{TEXT_CHARACTERS} characters of base58 that begin with T and end with a good checksum"
    if len(text) != TEXT_CHARACTERS or any(character not in _ALPHABET for character in text):
        raise FieldOutOfRange(field="Tron address", given=repr(text[: 2 * TEXT_CHARACTERS]), needed=needed)
    number = 0
    for character in text:
        number = number * len(_ALPHABET) + _ALPHABET.index(character)
    size = len(PREFIX) + ADDRESS_BYTES
    if number >> 8 * (size + CHECK_BYTES):
        raise FieldOutOfRange(field="Tron address", given=repr(text), needed=needed)
    data = number.to_bytes(size + CHECK_BYTES, "big")
    if not data.startswith(PREFIX) or _checksum(data[:size]) != data[size:]:
        raise FieldOutOfRange(field="Tron address", given=repr(text), needed=needed)
    return data[len(PREFIX) : size]


def without_prefix(address: bytes) -> bytes:
    """Return the 20 bytes of an address that a node of Tron gave with its 0x41, or without.

    Raises
    ------
    FieldOutOfRange
        Neither.
    """
    if len(address) == len(PREFIX) + ADDRESS_BYTES and address.startswith(PREFIX):
        return address[len(PREFIX) :]
    return _fixed("address", address, ADDRESS_BYTES)


def raw_data(call: Call) -> bytes:
    """Return the bytes of `Transaction.raw`, fields in ascending order, what is zero or empty left out.

    Raises
    ------
    FieldOutOfRange
        A field is too long, too short or out of range.
    """
    value = b"".join(
        (
            _bytes(1, PREFIX + _fixed("owner", call.owner, ADDRESS_BYTES)),
            _bytes(2, PREFIX + _fixed("contract", call.contract, ADDRESS_BYTES)),
            _integer(3, "call_value", call.call_value),
            _bytes(4, _at_most("data", call.data, DATA_BYTES_MAX)),
        )
    )
    contract = _integer(1, "type", _TRIGGER_SMART_CONTRACT) + _bytes(2, _bytes(1, _TYPE_URL) + _bytes(2, value))
    return b"".join(
        (
            _bytes(1, _fixed("ref_block_bytes", call.ref_block_bytes, 2)),
            _bytes(4, _fixed("ref_block_hash", call.ref_block_hash, 8)),
            _integer(8, "expiration_ms", call.expiration_ms),
            _bytes(10, _at_most("memo", call.memo, MEMO_BYTES_MAX)),
            _bytes(11, contract),
            _integer(14, "timestamp_ms", call.timestamp_ms),
            _integer(18, "fee_limit", call.fee_limit),
        )
    )


def transaction_id(raw: bytes) -> bytes:
    """Return SHA-256 of `Transaction.raw`: the id of the transaction, and the 32 bytes that its owner's key signs."""
    return sha256(raw).digest()


def transaction(raw: bytes, signature: bytes) -> bytes:
    """Return the whole transaction, as `/wallet/broadcasthex` takes it.

    Raises
    ------
    FieldOutOfRange
        The signature is not 65 bytes (r, s, v; v is 27 or 28).
    """
    return _bytes(1, raw) + _bytes(2, _fixed("signature", signature, SIGNATURE_BYTES))


def reference(block_number: int, block_id: bytes) -> tuple[bytes, bytes]:
    """Return `ref_block_bytes` and `ref_block_hash` of a recent block.

    Raises
    ------
    FieldOutOfRange
        The id is not 32 bytes, or the number not in 0 to 2^63 - 1.
    """
    _fixed("block_id", block_id, 32)
    if not 0 <= block_number <= AMOUNT_MAX:
        raise FieldOutOfRange(field="block_number", given=str(block_number), needed=f"0 to {AMOUNT_MAX}")
    return block_number.to_bytes(8, "big")[6:8], block_id[8:16]


def _checksum(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()[:CHECK_BYTES]


def _fixed(field: str, value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise FieldOutOfRange(field=field, given=f"{len(value)} bytes", needed=f"{size} bytes")
    return value


def _at_most(field: str, value: bytes, size: int) -> bytes:
    if len(value) > size:
        raise FieldOutOfRange(field=field, given=f"{len(value)} bytes", needed=f"at most {size} bytes")
    return value


def _integer(number: int, field: str, value: int) -> bytes:
    """Return a field of type int64; nothing where it is 0, protobuf's default."""
    if not 0 <= value <= AMOUNT_MAX:
        raise FieldOutOfRange(field=field, given=str(value), needed=f"0 to {AMOUNT_MAX}")
    return _varint(number << 3 | _VARINT) + _varint(value) if value else b""


def _bytes(number: int, value: bytes) -> bytes:
    """Return a field of type bytes; nothing where it is empty."""
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value if value else b""


def _varint(value: int) -> bytes:
    return bytes(_groups(value))


def _groups(value: int) -> Iterator[int]:
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value
