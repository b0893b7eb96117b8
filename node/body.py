"""The body of a block as bytes: a canonical array of whole transactions, sliced and joined without encoding any of them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Raw
from msgspec.msgpack import Decoder

from ledger.canonical import HOSTILE, encode
from ledger.errors import Malformed
from ledger.keys import keyed, tagged

if TYPE_CHECKING:
    from collections.abc import Sequence

_SLICES: Final = Decoder(list[Raw])
EMPTY_BODY: Final = encode(())
_SHORT_ARRAY, _ARRAY_16 = 0x90, b"\xdc"
_SHORT_MAX: Final = 16
_ITEMS_MAX: Final = 2**16
"""A block has at most 4,000 signatures, and no transaction has none."""


def make_body(raws: Sequence[bytes]) -> bytes:
    """Body made of whole transactions, in order."""
    return _head(len(raws)) + b"".join(raws)


def split_body(body: bytes) -> list[bytes]:
    """Whole transactions of a body, each still undecoded.

    Raises
    ------
    Malformed
        Not a canonical array.
    """
    try:
        slices = [bytes(item) for item in _SLICES.decode(body)]
    except HOSTILE as error:
        raise Malformed(reason=f"the body is no array of transactions ({error})") from None
    if len(slices) >= _ITEMS_MAX or not body.startswith(_head(len(slices))) or len(body) != len(_head(len(slices))) + sum(map(len, slices)):
        raise Malformed(reason="the body is not a canonical array")
    return slices


def body_hash(view_key: bytes, epoch: int, view: int, body: bytes) -> bytes:
    """Hash that the header names: blinded by the view key, over every byte, signatures included (consensus.md, section 2)."""
    return tagged(b"som/body/1", keyed(view_key, epoch.to_bytes(4, "big") + view.to_bytes(8, "big")), body)


def _head(count: int) -> bytes:
    if count < _SHORT_MAX:
        return bytes((_SHORT_ARRAY | count,))
    return _ARRAY_16 + count.to_bytes(2, "big")
