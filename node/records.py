"""What the journal holds, as bytes: every record of consensus/effects.py, fixed width, big-endian. Knows nothing of files.

The core's records name a block; the node adds the bytes of its header and body, so that a `BODY` record is all that is needed to serve it.
Payloads were checked by crc32 before they come here: one that does not decode was written by another version, and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class, whatever its case
from typing import TYPE_CHECKING, NamedTuple

from consensus.effects import BodyRecord, CertificateRecord, CertifiedRecord, ProposalRecord, VoteRecord
from consensus.types import BlockFacts, BlockId, Certificate, Epoch, Height, Kind, SignedVote, TimeMs, ValidatorId, View, Vote
from node.fatal import Fatal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.effects import Record, Replayed

SIGNATURE_BYTES = 64
_FACTS = Struct(">32s32sIQQIQB")
"""block id, parent, epoch, height, view, proposer, time in ms, 1 for the block that ends its epoch."""
_VOTE = Struct(">BIQQ32s")
"""kind, epoch, view, parent view, block id."""
_SIGNATURE = Struct(">I64s")
"""signer's index, signature."""
_COUNT = Struct(">I")


class RecordKind(IntEnum):
    """The numbers are on disk. 0 is the segment's own header."""

    BODY = 1
    PROPOSAL = 2
    CERTIFICATE = 3
    CERTIFIED = 4
    VOTE = 5


class Entry(NamedTuple):
    """A record as the journal sees it."""

    kind: RecordKind
    payload: bytes


class Reach(NamedTuple):
    """How long a record is needed: until blocks at `height` (0: none) and the view `(epoch, view)` are committed."""

    height: int
    position: tuple[int, int]


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """Bytes of a block whose id the facts name."""

    header: bytes
    body: bytes


class RecordUnknown(Fatal):
    """A record whose crc is good does not decode."""

    exit_code = 24

    def __init__(self, *, kind: int, reason: str) -> None:
        super().__init__(
            f"a journal record of kind {kind} does not decode ({reason}): it was written by another version of the node; start that version"
        )
        self.kind = kind


def encode_block(facts: BlockFacts, block: StoredBlock) -> Entry:
    """Header and body of a block, journaled before the notarize that rests on them (section 4)."""
    return Entry(RecordKind.BODY, b"".join((_pack_facts(facts), _COUNT.pack(len(block.header)), block.header, block.body)))


def encode(record: Record | VoteRecord, block: StoredBlock | None = None) -> Entry:
    """Turn any record of the core into bytes.

    Raises
    ------
    AssertionError
        A `BodyRecord` came without the bytes of its block: our own fault.
    """
    match record:
        case BodyRecord(facts):
            if block is None:
                raise AssertionError("a body record needs the bytes of its block")
            return encode_block(facts, block)
        case ProposalRecord(vote, facts):
            return Entry(RecordKind.PROPOSAL, _pack_vote(vote) + _pack_facts(facts))
        case CertificateRecord(certificate):
            return Entry(RecordKind.CERTIFICATE, encode_certificate(certificate))
        case CertifiedRecord(facts):
            return Entry(RecordKind.CERTIFIED, _pack_facts(facts))
        case VoteRecord(signed):
            return Entry(RecordKind.VOTE, _pack_vote(signed.vote) + _SIGNATURE.pack(signed.signer, signed.signature))


def decode(entry: Entry) -> tuple[Replayed, StoredBlock | None]:
    """Undo `encode`; the block's bytes come with a `BodyRecord`.

    Raises
    ------
    RecordUnknown
        The payload is not one that `encode` makes.
    """
    kind, payload = entry
    try:
        match kind:
            case RecordKind.BODY:
                facts, rest = _facts(payload), payload[_FACTS.size :]
                (size,) = _COUNT.unpack_from(rest)
                header, body = rest[_COUNT.size : _COUNT.size + size], rest[_COUNT.size + size :]
                if len(header) != size:
                    raise RecordUnknown(kind=kind, reason="its header is cut short")
                return BodyRecord(facts), StoredBlock(header, body)
            case RecordKind.PROPOSAL:
                _check_size(kind, payload, _VOTE.size + _FACTS.size)
                return ProposalRecord(_vote(payload), _facts(payload, _VOTE.size)), None
            case RecordKind.CERTIFICATE:
                return CertificateRecord(decode_certificate(payload)), None
            case RecordKind.CERTIFIED:
                _check_size(kind, payload, _FACTS.size)
                return CertifiedRecord(_facts(payload)), None
            case RecordKind.VOTE:
                _check_size(kind, payload, _VOTE.size + _SIGNATURE.size)
                signer, signature = _SIGNATURE.unpack_from(payload, _VOTE.size)
                return VoteRecord(SignedVote(_vote(payload), ValidatorId(signer), signature)), None
    except (ValueError, StructError) as error:
        raise RecordUnknown(kind=kind, reason=str(error)) from error


def replay(entries: Iterable[Entry]) -> tuple[tuple[Replayed, ...], dict[BlockId, StoredBlock]]:
    """Decode a whole journal: the records for the core in order, and the bytes of every block in it."""
    records: list[Replayed] = []
    blocks: dict[BlockId, StoredBlock] = {}
    for entry in entries:
        record, block = decode(entry)
        records.append(record)
        if isinstance(record, BodyRecord) and block is not None:
            blocks[record.facts.block_id] = block
    return tuple(records), blocks


def reach(entry: Entry) -> Reach:
    """How long this record is needed: K12's rule for dropping segments, read from fixed places without decoding the rest."""
    kind, payload = entry
    if kind in (RecordKind.BODY, RecordKind.CERTIFIED):
        _, _, epoch, height, view, _, _, _ = _FACTS.unpack_from(payload)
        return Reach(height, (epoch, view))
    _, epoch, view, _, _ = _VOTE.unpack_from(payload)
    height = _FACTS.unpack_from(payload, _VOTE.size)[3] if kind is RecordKind.PROPOSAL else 0
    return Reach(height, (epoch, view))


def encode_certificate(certificate: Certificate) -> bytes:
    """Subject, count, then index and signature of each."""
    parts = [_pack_vote(certificate.subject), _COUNT.pack(len(certificate.signatures))]
    parts.extend(_SIGNATURE.pack(signer, signature) for signer, signature in certificate.signatures)
    return b"".join(parts)


def decode_certificate(payload: bytes) -> Certificate:
    """Undo `encode_certificate`; checks sizes, not signatures.

    Raises
    ------
    ValueError
        The bytes are not a certificate.
    """
    if len(payload) < _VOTE.size + _COUNT.size:
        raise ValueError("a certificate is cut short")
    (count,) = _COUNT.unpack_from(payload, _VOTE.size)
    start = _VOTE.size + _COUNT.size
    if len(payload) != start + count * _SIGNATURE.size:
        raise ValueError("a certificate's size is not that of its count")
    signatures = tuple((ValidatorId(signer), signature) for signer, signature in _SIGNATURE.iter_unpack(payload[start:]))
    return Certificate(_vote(payload), signatures)


def encode_vote(vote: Vote) -> bytes:
    """53 bytes; the signer's mark uses the same layout."""
    return _pack_vote(vote)


def decode_vote(payload: bytes) -> Vote:
    """Undo `encode_vote`.

    Raises
    ------
    ValueError
        The bytes are not a vote.
    """
    if len(payload) != _VOTE.size:
        raise ValueError("a vote's size is wrong")
    return _vote(payload)


VOTE_BYTES = _VOTE.size


def _check_size(kind: int, payload: bytes, size: int) -> None:
    if len(payload) != size:
        raise RecordUnknown(kind=kind, reason=f"{len(payload)} bytes where {size} are due")


def _pack_vote(vote: Vote) -> bytes:
    return _VOTE.pack(vote.kind, vote.epoch, vote.view, vote.parent_view, vote.block_id)


def _vote(payload: bytes, offset: int = 0) -> Vote:
    kind, epoch, view, parent_view, block_id = _VOTE.unpack_from(payload, offset)
    return Vote(Kind(kind), Epoch(epoch), View(view), View(parent_view), BlockId(block_id))


def _pack_facts(facts: BlockFacts) -> bytes:
    return _FACTS.pack(
        facts.block_id, facts.parent, facts.epoch, facts.height, facts.view, facts.proposer, facts.time_ms, 1 if facts.boundary else 0
    )


def _facts(payload: bytes, offset: int = 0) -> BlockFacts:
    block_id, parent, epoch, height, view, proposer, time_ms, boundary = _FACTS.unpack_from(payload, offset)
    return BlockFacts(
        BlockId(block_id), BlockId(parent), Epoch(epoch), Height(height), View(view), ValidatorId(proposer), TimeMs(time_ms), boundary == 1
    )
