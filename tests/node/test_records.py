"""Records as bytes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.effects import BodyRecord, CertificateRecord, CertifiedRecord, ProposalRecord, VoteRecord
from consensus.types import BlockFacts, Certificate, Kind, SignedVote, Vote
from node.records import Entry, RecordKind, RecordUnknown, StoredBlock, decode, encode, reach, replay
from tests.node.durable import block, certificate, entries_of, facts, signed, vote

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
HASH = st.binary(min_size=32, max_size=32)
SIGNATURE = st.binary(min_size=64, max_size=64)
FACTS = st.builds(BlockFacts, HASH, HASH, U32, U64, U64, U32, U64)
VOTES = st.builds(Vote, st.sampled_from(Kind), U32, U64, U64, HASH)
CERTIFICATES = st.builds(Certificate, VOTES, st.lists(st.tuples(U32, SIGNATURE), max_size=5).map(tuple))
RECORDS = st.one_of(
    st.builds(BodyRecord, FACTS),
    st.builds(ProposalRecord, VOTES, FACTS),
    st.builds(CertificateRecord, CERTIFICATES),
    st.builds(CertifiedRecord, FACTS),
    st.builds(VoteRecord, st.builds(SignedVote, VOTES, U32, SIGNATURE)),
)


@given(RECORDS, st.builds(StoredBlock, st.binary(max_size=80), st.binary(max_size=80)))
def test_every_record_comes_back_as_it_was(
    record: BodyRecord | ProposalRecord | CertificateRecord | CertifiedRecord | VoteRecord, stored: StoredBlock
) -> None:
    """Goal: the journal loses nothing. Method: encode, decode, compare."""
    again, found = decode(encode(record, stored))
    assert again == record
    assert found == (stored if isinstance(record, BodyRecord) else None)


@given(st.sampled_from(RecordKind), st.binary(max_size=200))
def test_what_does_not_decode_is_refused_by_name(kind: RecordKind, payload: bytes) -> None:
    """Goal: a payload of another version raises nothing but `RecordUnknown`. Method: random payloads of every kind."""
    with suppress(RecordUnknown):
        record, stored = decode(Entry(kind, payload))
        assert encode(record, stored) == Entry(kind, payload)


@pytest.mark.parametrize("index", range(7))
def test_a_shortened_payload_is_refused(index: int) -> None:
    """Goal: lengths are checked. Method: cut every kind of record at each length below its fixed part."""
    kind, payload = entries_of(3)[index]
    fixed = len(payload) - 40 - 8 if kind is RecordKind.BODY else len(payload)
    for length in range(fixed):
        with pytest.raises(RecordUnknown):
            decode(Entry(kind, payload[:length]))


def test_a_body_needs_its_bytes() -> None:
    """Goal: a body record that cannot be served is our fault. Method: leave the bytes out."""
    with pytest.raises(AssertionError):
        encode(BodyRecord(facts(1)))


def test_reach_says_how_long_a_record_is_needed() -> None:
    """Goal: K12's rule for dropping has what it needs. Method: each kind, with height and view apart."""
    stored = block(5)
    assert reach(encode(BodyRecord(facts(5, height=2)), stored)) == (2, (0, 5))
    assert reach(encode(CertifiedRecord(facts(5, height=2)))) == (2, (0, 5))
    assert reach(encode(ProposalRecord(vote(Kind.NOTARIZE, 5), facts(5, height=2)))) == (2, (0, 5))
    assert reach(encode(signed(Kind.NULLIFY, 6, epoch=1))) == (0, (1, 6))
    assert reach(encode(CertificateRecord(certificate(Kind.FINALIZE, 7)))) == (0, (0, 7))


def test_replay_gives_records_in_order_and_blocks_by_id() -> None:
    """Goal: the core sees the journal in order, the node can serve the blocks. Method: two views."""
    records, blocks = replay([*entries_of(1), *entries_of(2)])
    assert [type(record) for record in records[:3]] == [BodyRecord, CertifiedRecord, ProposalRecord]
    assert len(records) == 14
    assert blocks == {facts(1).block_id: block(1), facts(2).block_id: block(2)}
