"""Bytes to sign, evidence, certificates and quorum arithmetic (README.md, "Objects")."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.certificates import assemble, certificate_form, check_certificate, contradictory, ranges_of, vote_form
from consensus.evidence import Evidence, check_evidence, conflicting
from consensus.signing import parse_signing_bytes, signing_bytes
from consensus.types import BlockId, Certificate, Epoch, Kind, ValidatorId, View, Vote
from tests.consensus.scene import CHAIN, GENESIS, block, certificate, fake_verify, keys, nullify_of, signed, vote_for

VIEWS = st.integers(1, 2**63 - 1)
IDS = st.binary(min_size=32, max_size=32).map(BlockId)


@st.composite
def vote_strategy(draw: st.DrawFn) -> Vote:
    """Any vote that can mean something."""
    kind, epoch, view = draw(st.sampled_from(Kind)), Epoch(draw(st.integers(0, 2**32 - 1))), View(draw(VIEWS))
    if kind is Kind.NULLIFY:
        return Vote.nullify(epoch, view)
    return Vote(kind, epoch, view, View(draw(st.integers(0, view - 1))), draw(IDS))


def test_layout_is_fixed() -> None:
    """Goal: another implementation can sign. Method: the bytes written out by hand."""
    vote = Vote(Kind.NOTARIZE, Epoch(1), View(258), View(257), BlockId(b"\xbb" * 32))
    tail = bytes.fromhex("00000001" + "0000000000000102")
    assert signing_bytes(CHAIN, vote) == b"som/notarize/1\0\0" + CHAIN + tail + bytes.fromhex("0000000000000101") + b"\xbb" * 32
    assert signing_bytes(CHAIN, Vote.nullify(Epoch(1), View(258))) == b"som/nullify/1\0\0\0" + CHAIN + tail
    assert signing_bytes(CHAIN, replace(vote, kind=Kind.FINALIZE))[:16] == b"som/finalize/1\0\0"


@given(vote_strategy(), vote_strategy())
def test_signed_bytes_tell_votes_apart_and_read_back(first: Vote, second: Vote) -> None:
    """Goal: one signature, one meaning. Method: any two votes; equal bytes only for equal votes; the mark reads back."""
    assert vote_form(first)
    assert parse_signing_bytes(signing_bytes(CHAIN, first)) == (CHAIN, first)
    assert (signing_bytes(CHAIN, first) == signing_bytes(CHAIN, second)) == (first == second)


@pytest.mark.parametrize("data", [b"", b"som/vote/1".ljust(16, b"\0") + bytes(84), signing_bytes(CHAIN, nullify_of(1)) + b"\0"])
def test_other_bytes_are_no_vote(data: bytes) -> None:
    """Goal: a damaged mark is noticed. Method: no tag, a wrong tag, a wrong length."""
    with pytest.raises(ValueError, match="signed bytes"):
        parse_signing_bytes(data)


def test_only_votes_that_mean_something() -> None:
    """Goal: no vote outside the ranges is looked at. Method: each bound broken in turn."""
    good = vote_for(Kind.NOTARIZE, block(GENESIS, 3), 2)
    assert vote_form(good)
    for bad in (
        replace(good, view=View(0)),
        replace(good, view=View(2**63)),
        replace(good, parent_view=View(3)),
        replace(good, block_id=BlockId(b"short")),
        replace(good, epoch=Epoch(2**32)),
        replace(nullify_of(3), parent_view=View(1)),
        replace(nullify_of(3), block_id=good.block_id),
    ):
        assert not vote_form(bad)


def test_which_votes_conflict() -> None:
    """Goal: evidence accuses the guilty only. Method: every pair of kinds; notarize and nullify of one view are legal."""
    one, other = block(GENESIS, 3, tag="a"), block(GENESIS, 3, tag="b")
    assert conflicting(vote_for(Kind.NOTARIZE, one), vote_for(Kind.NOTARIZE, other))
    assert conflicting(vote_for(Kind.FINALIZE, one), vote_for(Kind.FINALIZE, other))
    assert conflicting(nullify_of(3), vote_for(Kind.FINALIZE, one))
    assert conflicting(vote_for(Kind.NOTARIZE, one, 2), vote_for(Kind.NOTARIZE, one, 1))
    assert not conflicting(vote_for(Kind.NOTARIZE, one), nullify_of(3))
    assert not conflicting(vote_for(Kind.NOTARIZE, one), vote_for(Kind.FINALIZE, other))
    assert not conflicting(vote_for(Kind.NOTARIZE, one), vote_for(Kind.NOTARIZE, one))
    assert not conflicting(vote_for(Kind.NOTARIZE, one), vote_for(Kind.NOTARIZE, block(GENESIS, 4)))


def test_evidence_is_checked() -> None:
    """Goal: governance can act with the file in hand. Method: a real proof, then one with each part wrong."""
    first, second = signed(vote_for(Kind.FINALIZE, block(GENESIS, 3)), 2), signed(nullify_of(3), 2)
    assert check_evidence(Evidence(first, second), keys(4), CHAIN, fake_verify)
    for bad in (
        Evidence(first, signed(nullify_of(3), 1)),
        Evidence(first, first),
        Evidence(first, replace(second, signature=bytes(64))),
        Evidence(replace(first, signer=ValidatorId(4)), replace(second, signer=ValidatorId(4))),
    ):
        assert not check_evidence(bad, keys(4), CHAIN, fake_verify)


@given(st.integers(4, 200))
def test_quorums_meet_in_an_honest_validator(size: int) -> None:
    """Goal: safety and liveness arithmetic for every n, not only 3f + 1. Method: the two inequalities."""
    validators = keys(size)
    assert 2 * validators.quorum - size >= validators.faults + 1
    assert size - validators.faults >= validators.quorum
    assert 3 * validators.faults < size <= 3 * validators.faults + 3


@given(st.integers(4, 40), st.integers(0, 2**32 - 1), st.integers(0, 2**40))
def test_k2_leaders_take_turns(size: int, epoch: int, view: int) -> None:
    """Goal: K2. Method: n views in a row have n leaders, by position."""
    validators = keys(size)
    turns = [validators.leader(Epoch(epoch), View(view + step)) for step in range(size)]
    assert sorted(turns) == list(range(size))
    assert turns[0] == (epoch + view) % size


@given(st.integers(4, 20), st.data())
def test_certificate_has_exactly_q_rising_members(size: int, data: st.DataObject) -> None:
    """Goal: a certificate has one form. Method: the right one passes; fewer, more, repeated, foreign, unsorted, false ones do not."""
    validators, vote = keys(size), vote_for(Kind.FINALIZE, block(GENESIS, 3))
    chosen = sorted(data.draw(st.permutations(range(size)))[: validators.quorum])
    good = certificate(vote, chosen, size)
    assert check_certificate(good, validators, CHAIN, fake_verify)
    pairs = good.signatures
    for bad in (pairs[1:], (*pairs[:-1], pairs[0]), pairs[::-1], (*pairs[:-1], (ValidatorId(size), pairs[-1][1])), (*pairs[1:], pairs[-1])):
        assert not certificate_form(Certificate(vote, bad), validators)
    more = certificate(vote, range(size), size)
    assert certificate_form(more, validators) == (size == validators.quorum)
    forged = Certificate(vote, ((pairs[0][0], bytes(64)), *pairs[1:]))
    assert certificate_form(forged, validators)
    assert not check_certificate(forged, validators, CHAIN, fake_verify)
    assert not check_certificate(Certificate(replace(vote, view=View(5)), pairs), validators, CHAIN, fake_verify)


def test_assembled_from_votes_of_one_subject() -> None:
    """Goal: our own certificates pass anybody's check. Method: votes in any order; a mixed bag is our fault."""
    vote, other = vote_for(Kind.NOTARIZE, block(GENESIS, 3)), vote_for(Kind.NOTARIZE, block(GENESIS, 3, tag="b"))
    assert check_certificate(assemble([signed(vote, 3), signed(vote, 0), signed(vote, 2)], keys(4)), keys(4), CHAIN, fake_verify)
    with pytest.raises(AssertionError):
        assemble([signed(vote, 3), signed(other, 0), signed(vote, 2)], keys(4))
    with pytest.raises(AssertionError):
        assemble([signed(vote, 3), signed(vote, 0)], keys(4))


def test_which_certificates_contradict() -> None:
    """Goal: more than f liars are noticed, double-certified views are not mistaken for it. Method: every pair of kinds."""
    one, other = block(GENESIS, 3, tag="a"), block(GENESIS, 3, tag="b")
    assert contradictory(vote_for(Kind.NOTARIZE, one), vote_for(Kind.NOTARIZE, other))
    assert contradictory(vote_for(Kind.FINALIZE, one), vote_for(Kind.FINALIZE, other))
    assert contradictory(vote_for(Kind.NOTARIZE, one), vote_for(Kind.FINALIZE, other))
    assert contradictory(vote_for(Kind.FINALIZE, one), nullify_of(3))
    assert not contradictory(vote_for(Kind.NOTARIZE, one), nullify_of(3))
    assert not contradictory(vote_for(Kind.NOTARIZE, one), vote_for(Kind.FINALIZE, one))
    assert not contradictory(vote_for(Kind.FINALIZE, one), nullify_of(4))


@given(st.lists(st.integers(1, 60), unique=True), st.integers(1, 8))
def test_ranges_hold_the_newest_views(numbers: list[int], count: int) -> None:
    """Goal: a status is bounded and true. Method: expand the ranges again."""
    falling = [View(number) for number in sorted(numbers, reverse=True)]
    ranges = ranges_of(falling, count)
    expanded = [number for first, last in ranges for number in range(first, last + 1)]
    assert expanded == sorted(numbers)[len(numbers) - len(expanded) :]
    assert len(ranges) <= count
