"""Canonical MessagePack (L6): one value has one encoding, and bytes that are not that encoding are refused.

Every record, transaction, receipt, view, header and proof file goes through the functions here. Structs are arrays with a fixed number of
fields; there are no maps, no floats and no extension types.
Not here: what the fields mean (their structs say), transactions (`ledger.codec`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

from msgspec import MsgspecError
from msgspec.msgpack import Decoder, Encoder

from ledger.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T")

_ENCODER = Encoder()
encode = _ENCODER.encode
"""Canonical bytes of a value: shortest form of every integer, string and length, arrays for structs and tuples."""

HOSTILE = (MsgspecError, UnicodeError, RecursionError, OverflowError)
"""What msgspec raises on hostile bytes: truncated or mistyped, not UTF-8, nested too deep, an integer beyond 64 bits."""


@lru_cache(maxsize=256)
def _decoder_of(type_: Hashable) -> Decoder[object]:
    """Return the decoder of a type, made once: making one costs a thousand times a decode."""
    return Decoder(cast("type[object]", type_))


def decode(data: bytes, type_: type[T]) -> T:
    """Value of canonical bytes.

    Raises
    ------
    Malformed
        The bytes are not MessagePack, not of this type, beyond a limit of a field, or not canonical.

    Source: ledger/README.md, L6.
    """
    value = decode_loose(data, type_)
    if _ENCODER.encode(value) != data:
        raise Malformed(reason="the bytes are not canonical MessagePack")
    return value


def decode_loose(data: bytes, type_: type[T]) -> T:
    """Value of bytes whose canonical form the caller checks as part of a larger value.

    Raises
    ------
    Malformed
        As `decode`, but for canonical form.
    """
    return loose_decoder(type_)(data)


def loose_decoder(type_: type[T]) -> Callable[[bytes], T]:
    """`decode_loose` of one type, made once for what is decoded all the time."""
    read = cast("Decoder[T]", _decoder_of(cast("Hashable", type_))).decode

    def decode_one(data: bytes) -> T:
        try:
            return read(data)
        except HOSTILE as error:
            raise Malformed(reason=str(error)) from None

    return decode_one
