"""Decoders of the node: frames of both lanes, steps of the handshake, records of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from consensus.effects import BodyRecord, CertificateRecord, CertifiedRecord, ProposalRecord, VoteRecord
from consensus.types import BlockFacts, BlockId, Epoch, Height, TimeMs, ValidatorId, View
from node.handshake import Answer, Hello, Proof, Refusal, Welcome, decode_step, encode_step
from node.records import Entry, RecordKind, RecordUnknown, StoredBlock, decode, encode
from node.wire import Lane, WireError, decode_frame, encode_frame
from tests.fuzz.target import Target
from tests.node.test_wire import BULK_LANE, CERTIFICATE, HASH, HEADER, SIGNATURE, VOTE, VOTES_LANE

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.effects import Record

S = TypeVar("S", Hello, Answer, Proof, Welcome, Refusal)
_WIRE = (WireError,)
_FACTS = BlockFacts(BlockId(HASH), BlockId(HASH), Epoch(0), Height(9), View(7), ValidatorId(3), TimeMs(1_700_000_000_000))
_RECORDS: tuple[Record | VoteRecord, ...] = (
    BodyRecord(_FACTS),
    ProposalRecord(VOTE.vote, _FACTS),
    CertificateRecord(CERTIFICATE),
    CertifiedRecord(_FACTS),
    VoteRecord(VOTE),
)


def _frame(lane: Lane) -> Callable[[bytes], object]:
    return lambda data: decode_frame(lane, data)


def _step(kind: type[S]) -> Callable[[bytes], object]:
    return lambda data: decode_step(data, kind)


def _entry(kind: RecordKind) -> Callable[[bytes], object]:
    return lambda data: decode(Entry(kind, data))


def _entries() -> list[Target]:
    entries = [encode(record, StoredBlock(HEADER, b"\x90")) for record in _RECORDS]
    return [Target(f"journal {entry.kind}", _entry(entry.kind), (entry.payload,), (RecordUnknown,)) for entry in entries]


TARGETS = [
    Target("votes lane", _frame(Lane.VOTES), tuple(map(encode_frame, VOTES_LANE)), _WIRE),
    Target("bulk lane", _frame(Lane.BULK), tuple(map(encode_frame, BULK_LANE)), _WIRE),
    Target("handshake hello", _step(Hello), (encode_step(Hello(1, HASH, HASH, HASH)),), _WIRE),
    Target("handshake answer", _step(Answer), (encode_step(Answer(HASH, HASH, SIGNATURE)),), _WIRE),
    Target("handshake proof", _step(Proof), (encode_step(Proof(SIGNATURE)),), _WIRE),
    Target("handshake welcome", _step(Welcome), (encode_step(Welcome(HASH)),), _WIRE),
    Target("handshake refusal", _step(Refusal), (encode_step(Refusal("no")),), _WIRE),
    *_entries(),
]
