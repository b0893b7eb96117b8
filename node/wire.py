"""Pure framing of the peer protocol: what two nodes say to each other, and the bytes it travels in.

A frame is one binary WebSocket message: a MessagePack array whose first element is the frame's number. Frames of the votes lane are
small, so that nothing large is ever ahead of a vote; everything that grows with money is on the bulk lane. Bytes become values in three
steps: the length of the frame, the type and limits of every field, the form of what is nested (header, certificate). Nothing here says
that a signature is good.

Source: interfaces.md, "Peer protocol"; consensus.md sections 2 and 4.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from consensus.types import BlockFacts, BlockId, Certificate, Epoch, Height, Kind, SignedVote, TimeMs, ValidatorId, View, Vote
from ledger.blocks import BLOCK_BYTES_MAX, U32, U63, Header
from ledger.canonical import decode as decode_canonical
from ledger.errors import Malformed
from ledger.transactions.bodies import TX_BYTES_MAX
from ledger.types import Hash32, Signature64
from ledger.types import TimeMs as WireTime

VERSION = 1
"""Of this protocol; it is part of what the handshake signs."""
VOTES_FRAME_MAX = 65_536
"""Bytes of a frame on the votes lane: about the 0.1 ms that a vote may wait behind another frame."""
BULK_FRAME_MAX = 2 * BLOCK_BYTES_MAX
"""Bytes of a frame on the bulk lane: one whole block with its header and certificate, or a batch of transactions."""
VOTES_MAX = 256
"""Votes in one frame: own votes of as many views as are retained."""
CERTIFICATES_MAX = 64
"""Certificates in one frame or one request: the repair bundle of K19."""
RANGES_MAX = 64
HEADERS_KEPT = 64
"""Headers whose id and fields are remembered under their bytes: whoever takes a proposal in, assembles, judges and journals it asks."""
HEADER_BYTES_MAX = 1_024
"""A header has 14 fields of fixed width, about 300 bytes."""
SIGNATURES_MAX = 256
"""Signatures in a certificate: more than any validator set has members."""
GOSSIP_MAX = 500
"""Transactions in one frame."""
BLOCK_TRANSACTIONS_MAX = 4_000
"""Transactions in a block: each carries at least one of its 4,000 signatures."""
REASON_MAX = 200
"""Characters of a refusal."""


class WireError(Exception):
    """Bytes that no honest node sends; `kind` is a short stable word for the metrics."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Lane(Enum):
    """The two sockets of a pair of nodes."""

    VOTES = "votes"
    BULK = "bulk"

    @property
    def frame_bytes_max(self) -> int:
        """Longest frame on this lane."""
        return VOTES_FRAME_MAX if self is Lane.VOTES else BULK_FRAME_MAX


class WireVote(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A signed vote: `[kind, epoch, view, parent_view, block_id, signer, signature]`."""

    kind: Literal[1, 2, 3]
    epoch: U32
    view: U63
    parent_view: U63
    block_id: Hash32
    signer: U32
    signature: Signature64


class WireCertificate(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """A certificate: `[kind, epoch, view, parent_view, block_id, [[index, signature], ...]]`."""

    kind: Literal[1, 2, 3]
    epoch: U32
    view: U63
    parent_view: U63
    block_id: Hash32
    signatures: Annotated[tuple[tuple[U32, Signature64], ...], Meta(max_length=SIGNATURES_MAX)]


Views = Annotated[tuple[U63, ...], Meta(max_length=CERTIFICATES_MAX)]
Ranges = Annotated[tuple[tuple[U63, U63], ...], Meta(max_length=RANGES_MAX)]
HeaderBytes = Annotated[bytes, Meta(max_length=HEADER_BYTES_MAX)]
BodyBytes = Annotated[bytes, Meta(max_length=BLOCK_BYTES_MAX + 8)]
"""A body's limit, and the few bytes of the array around it."""
TransactionBytes = Annotated[bytes, Meta(max_length=TX_BYTES_MAX)]


class Votes(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=1):
    """Votes just cast, or own votes sent again."""

    votes: Annotated[tuple[WireVote, ...], Meta(max_length=VOTES_MAX)]


class ProposalFrame(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=2):
    """A header and its leader's notarize vote, which is the proposal's signature."""

    header: HeaderBytes
    vote: WireVote


class Certificates(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=3):
    """New certificates passed on (K10), or the answer to a request."""

    certificates: Annotated[tuple[WireCertificate, ...], Meta(max_length=CERTIFICATES_MAX)]


class StatusFrame(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=4):
    """What a validator says of itself (K19)."""

    epoch: U32
    view: U63
    final_view: U63
    committed_height: U63
    time_ms: WireTime
    notarized: Ranges
    nullified: Ranges
    newest_vote_of_receiver: WireVote | None


class CertificateRequest(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=5):
    """Exactly these certificates are missing (K19)."""

    notarizations: Views
    nullifications: Views


class PeerStatus(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=6):
    """What any node tells any other: how far its final chain is."""

    final_height: U63
    time_ms: WireTime


class BlockIds(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=16):
    """What the proposed block is made of: SHA-256 of each whole transaction, in order, 32 bytes each."""

    block_id: Hash32
    ids: Annotated[bytes, Meta(max_length=32 * BLOCK_TRANSACTIONS_MAX)]


class BlockRequest(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=17):
    """Ask for header and body of one block."""

    block_id: Hash32


class BlockResponse(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=18):
    """Header and body of the block asked for; both empty where it is not here."""

    block_id: Hash32
    header: HeaderBytes
    body: BodyBytes


class TransactionsRequest(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=19):
    """Ask for the transactions at these places of a block."""

    block_id: Hash32
    places: Annotated[tuple[U32, ...], Meta(max_length=BLOCK_TRANSACTIONS_MAX)]


class TransactionsResponse(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=20):
    """Transactions of a block that were asked for; they are known by their hash. None where the block is not here."""

    block_id: Hash32
    transactions: Annotated[tuple[TransactionBytes, ...], Meta(max_length=BLOCK_TRANSACTIONS_MAX)]


class Transactions(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=21):
    """Transactions on their way to the validators (M1)."""

    transactions: Annotated[tuple[TransactionBytes, ...], Meta(max_length=GOSSIP_MAX)]


class FinalBlock(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=22):
    """A final block for a node that does not vote. Where only a descendant has a certificate, none is here: it comes with that block."""

    header: HeaderBytes
    certificate: WireCertificate | None
    body: BodyBytes


class Follow(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag=23):
    """A node that does not vote asks to be sent every new final block from now on (1), or no more (0)."""

    wanted: Literal[0, 1]


VotesFrame = Votes | ProposalFrame | Certificates | StatusFrame | CertificateRequest | PeerStatus
BulkFrame = BlockIds | BlockRequest | BlockResponse | TransactionsRequest | TransactionsResponse | Transactions | FinalBlock | Follow
Frame = VotesFrame | BulkFrame

_KINDS = {int(kind): kind for kind in Kind}
"""A lookup costs a tenth of what the enum's own call does."""
_NO_EPOCH = bytes(32)
"""`next` of a header that does not end its epoch."""
_ENCODER = msgspec.msgpack.Encoder()
_VOTES = msgspec.msgpack.Decoder(VotesFrame)
_BULK = msgspec.msgpack.Decoder(BulkFrame)
_HOSTILE = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)


def encode_frame(frame: Frame) -> bytes:
    """Bytes of a frame; the caller keeps within the limits of its lane."""
    return _ENCODER.encode(frame)


def decode_frame(lane: Lane, data: bytes) -> Frame:
    """Frame of received bytes.

    Raises
    ------
    WireError
        `too_long`, or `malformed`: not a frame of this lane, or beyond a limit of a field.
    """
    if len(data) > lane.frame_bytes_max:
        raise WireError("too_long", f"{len(data)} bytes on the {lane.value} lane, at most {lane.frame_bytes_max}")
    try:
        frame: Frame = _VOTES.decode(data) if lane is Lane.VOTES else _BULK.decode(data)
    except _HOSTILE as problem:
        raise WireError("malformed", str(problem)[:REASON_MAX]) from None
    return frame


def wire_vote(signed: SignedVote) -> WireVote:
    """Return the vote as it travels."""
    vote = signed.vote
    return WireVote(int(vote.kind), vote.epoch, vote.view, vote.parent_view, vote.block_id, signed.signer, signed.signature)  # type: ignore[arg-type]


def core_vote(wire: WireVote) -> SignedVote:
    """Return the vote as the core knows it.

    Raises
    ------
    WireError
        `malformed`: a nullify vote that names a block.
    """
    return SignedVote(subject_of(wire), ValidatorId(wire.signer), wire.signature)


def subject_of(wire: WireVote | WireCertificate) -> Vote:
    """Return what a vote or certificate is about; raises as `core_vote`."""
    kind = _KINDS[wire.kind]
    if kind is Kind.NULLIFY and (wire.parent_view or any(wire.block_id)):
        raise WireError("malformed", "a nullify vote names no block")
    return Vote(kind, Epoch(wire.epoch), View(wire.view), View(wire.parent_view), BlockId(wire.block_id))


def wire_certificate(certificate: Certificate) -> WireCertificate:
    """Return the certificate as it travels."""
    vote = certificate.subject
    kind: Literal[1, 2, 3] = int(vote.kind)  # type: ignore[assignment]
    return WireCertificate(kind, vote.epoch, vote.view, vote.parent_view, vote.block_id, certificate.signatures)


def core_certificate(wire: WireCertificate) -> Certificate:
    """Return the certificate as the core knows it; raises as `core_vote`."""
    pairs = tuple((ValidatorId(index), signature) for index, signature in wire.signatures)
    return Certificate(subject_of(wire), pairs)


@lru_cache(maxsize=HEADERS_KEPT)
def header_of(data: bytes) -> tuple[BlockId, Header]:
    """Id and fields of a header's bytes.

    Raises
    ------
    WireError
        `malformed`: not the canonical bytes of a header.
    """
    try:
        header = decode_canonical(data, Header)
    except Malformed as problem:
        raise WireError("malformed", f"header: {problem}"[:REASON_MAX]) from None
    return BlockId(sha256(b"som/header/1" + data).digest()), header


def facts_of(block_id: BlockId, header: Header) -> BlockFacts:
    """Return what the core needs to know of a header."""
    return BlockFacts(
        block_id=block_id,
        parent=BlockId(header.parent),
        epoch=Epoch(header.epoch),
        height=Height(header.height),
        view=View(header.view),
        proposer=ValidatorId(header.proposer),
        time_ms=TimeMs(header.time_ms),
        boundary=header.next != _NO_EPOCH,
    )


def split_certificates(certificates: tuple[Certificate, ...]) -> list[Certificates]:
    """Return the frames that carry these certificates, each within the votes lane's limit."""
    frames: list[Certificates] = []
    batch: list[WireCertificate] = []
    size = 0
    for certificate in certificates:
        cost = 80 + 72 * len(certificate.signatures)
        if batch and (size + cost > VOTES_FRAME_MAX - 64 or len(batch) == CERTIFICATES_MAX):
            frames.append(Certificates(tuple(batch)))
            batch, size = [], 0
        batch.append(wire_certificate(certificate))
        size += cost
    if batch:
        frames.append(Certificates(tuple(batch)))
    return frames
