"""The bytes a validator signs: fixed width, big-endian, laid out by hand (README.md, "Objects").

`tag(16, zero padded) | chain(32) | epoch u32 | view u64 [| parent_view u64 | block_id 32]`; a nullify vote ends after the view.
The tag keeps a signature from serving as another kind, the chain id from serving on another chain.
"""

from __future__ import annotations

from consensus.types import NO_BLOCK, BlockId, ChainId, Epoch, Kind, View, Vote

_TAG_BYTES = 16
_TAGS = {
    Kind.NOTARIZE: b"som/notarize/1".ljust(_TAG_BYTES, b"\0"),
    Kind.NULLIFY: b"som/nullify/1".ljust(_TAG_BYTES, b"\0"),
    Kind.FINALIZE: b"som/finalize/1".ljust(_TAG_BYTES, b"\0"),
}
_KINDS = {tag: kind for kind, tag in _TAGS.items()}
_NULLIFY_BYTES = _TAG_BYTES + 32 + 4 + 8
_BLOCK_VOTE_BYTES = _NULLIFY_BYTES + 8 + 32


def signing_bytes(chain: ChainId, vote: Vote) -> bytes:
    """Lay out what is signed for a vote: 60 bytes for nullify, 100 for notarize and finalize.

    Raises
    ------
    OverflowError
        A number of the vote does not fit its width (epoch u32, views u64).
    """
    head = _TAGS[vote.kind] + chain + vote.epoch.to_bytes(4, "big") + vote.view.to_bytes(8, "big")
    if vote.kind is Kind.NULLIFY:
        return head
    return head + vote.parent_view.to_bytes(8, "big") + vote.block_id


def parse_signing_bytes(data: bytes) -> tuple[ChainId, Vote]:
    """Read back what was signed; the signer's mark keeps nothing else of a vote (K15).

    Raises
    ------
    ValueError
        The bytes are not the layout of any vote.
    """
    kind = _KINDS.get(data[:_TAG_BYTES])
    if kind is None:
        raise ValueError(f"signed bytes carry no vote's tag: {data[:_TAG_BYTES].hex()}")
    if len(data) != (_NULLIFY_BYTES if kind is Kind.NULLIFY else _BLOCK_VOTE_BYTES):
        raise ValueError(f"signed bytes of a {kind.name.lower()} vote have {len(data)} bytes")
    epoch = Epoch(int.from_bytes(data[48:52], "big"))
    view = View(int.from_bytes(data[52:60], "big"))
    if kind is Kind.NULLIFY:
        return ChainId(data[16:48]), Vote(kind, epoch, view, View(0), NO_BLOCK)
    return ChainId(data[16:48]), Vote(kind, epoch, view, View(int.from_bytes(data[60:68], "big")), BlockId(data[68:100]))
