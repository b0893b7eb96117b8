"""What is counted and when: quorums, own votes only when durable, first votes, evidence, windows (sections 2, 4, 8; K15, K19)."""

from __future__ import annotations

import pytest

from consensus.effects import Alarm, Build, Cast, SendCertificates, StoreEvidence
from consensus.events import CastDone, StatusReceived, TimerKind, VoteReceived
from consensus.types import Epoch, Kind, TimeMs, ValidatorId, View, Vote
from tests.consensus.scene import GENESIS, Scene, block, keys, kinds, nullify_of, only, signed, vote_for, votes
from tests.consensus.test_repair import status


def at_view_two(size: int = 4) -> Scene:
    """Start, and leave our own view 1."""
    scene = Scene(size)
    scene.start()
    scene.nullified(1)
    return scene


@pytest.mark.parametrize("size", [4, 5, 6, 7, 10, 31])
def test_a_certificate_needs_exactly_q_votes(size: int) -> None:
    """Goal: quorum n - f for every n. Method: q - 1 others nullify view 2: nothing; one more: the certificate, relayed."""
    scene = at_view_two(size)
    quorum = keys(size).quorum
    others = [index for index in range(size) if index not in (scene.me, 2)]
    assert only(scene.vote(nullify_of(2), *others[: quorum - 1]), SendCertificates) == ()
    assert scene.replica.view == 2
    (sent,) = only(scene.vote(nullify_of(2), 2), SendCertificates)
    assert [signer for signer, _ in sent.certificates[0].signatures] == sorted([*others[: quorum - 1], 2])
    assert scene.replica.view == 3


def test_own_votes_are_tallied_only_when_durable() -> None:
    """Goal: section 4. Method: our nullify is cast and two others nullify: no certificate until `CastDone`."""
    scene = at_view_two()
    (vote,) = votes(scene.fire(TimerKind.ADVANCE, after_ms=60_000))
    scene.vote(nullify_of(2), 0, 3)
    assert scene.replica.view == 2
    scene.durable(vote)
    assert scene.replica.view == 3


@pytest.mark.parametrize("kind", [Kind.NOTARIZE, Kind.FINALIZE])
def test_own_block_votes_are_tallied_only_when_durable(kind: Kind) -> None:
    """Goal: section 4, for the other two kinds. Method: with ours in flight, two votes of others make no certificate."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    cast = votes(scene.accept(facts, 0))
    if kind is Kind.FINALIZE:
        cast = votes(scene.notarized(facts, 0))
    assert [vote.kind for vote in cast] == [kind]
    assert only(scene.vote(vote_for(kind, facts, 0), 0, 2), SendCertificates) == ()
    assert only(scene.durable(*cast), SendCertificates)[0].certificates[0].subject == cast[0]


def test_only_the_first_vote_of_a_signer_counts() -> None:
    """Goal: section 2. Method: the same vote three times, then a conflicting one: one vote, one proof."""
    scene = at_view_two()
    one, other = vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="a"), 0), vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="b"), 0)
    assert scene.vote(one, 3, 3, 3) == ()
    (proof,) = only(scene.vote(other, 3), StoreEvidence)
    assert (proof.evidence.first, proof.evidence.second) == (signed(one, 3), signed(other, 3))
    assert only(scene.vote(other, 3), StoreEvidence) == (), "once for each view and validator"
    assert only(scene.vote(other, 0, 2), SendCertificates) == (), "the liar's second vote is not the third of a quorum"


def test_subjects_are_compared_not_signatures() -> None:
    """Goal: section 2: Ed25519 allows many signatures of one message. Method: the same vote under another signature accuses nobody."""
    scene = at_view_two()
    vote = nullify_of(2)
    scene.vote(vote, 3)
    again = type(signed(vote, 3))(vote, ValidatorId(3), bytes(64))
    assert scene.feed(VoteReceived(again, scene.clock)) == ()


@pytest.mark.parametrize("nullify_first", [0, 1])
def test_nullify_and_finalize_of_one_view_are_evidence(nullify_first: int) -> None:
    """Goal: section 8. Method: both orders; notarize and nullify accuse nobody."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    pair = [vote_for(Kind.FINALIZE, facts, 0), nullify_of(2)]
    first, second = pair[nullify_first], pair[1 - nullify_first]
    assert only(scene.vote(vote_for(Kind.NOTARIZE, facts, 0), 3) + scene.vote(first, 3), StoreEvidence) == ()
    assert len(only(scene.vote(second, 3), StoreEvidence)) == 1


def test_a_certificate_accuses_too() -> None:
    """Goal: section 8. Method: validator 3 voted for one block here; the notarization of its twin holds its signature."""
    scene = at_view_two()
    scene.vote(vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="a"), 0), 3)
    twin = vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="b"), 0)
    (proof,) = only(scene.certify(twin), StoreEvidence)
    assert proof.evidence.second == signed(twin, 3)


@pytest.mark.parametrize("second", [vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="b"), 0), nullify_of(2)])
def test_a_vote_is_compared_with_certificates(second: Vote) -> None:
    """Goal: section 8: a certificate may come before any vote of its signers. Method: it, then the vote; notarize and nullify is legal."""
    scene = at_view_two()
    scene.certify(vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="a"), 0))
    proofs = only(scene.vote(second, 3), StoreEvidence)
    assert len(proofs) == (1 if second.kind is Kind.NOTARIZE else 0)
    assert only(scene.vote(second, 3), StoreEvidence) == ()
    assert all(proof.evidence.second == signed(second, 3) for proof in proofs)


def test_k19_windows() -> None:
    """Goal: K19. Method: votes for [view - retention, view + 1]; certificates for any view above that; nothing of another epoch."""
    scene = at_view_two()
    replica = scene.replica
    assert replica.accepts_vote(nullify_of(3))
    assert not replica.accepts_vote(nullify_of(4))
    assert not replica.accepts_vote(Vote.nullify(Epoch(1), View(2)))
    assert replica.accepts_certificate(nullify_of(10**9))
    assert not replica.accepts_certificate(Vote.nullify(Epoch(1), View(2)))
    far = block(GENESIS, 1_000)
    scene.finalized(far, 0)
    assert replica.accepts_vote(nullify_of(1_000 - 254))
    assert not replica.accepts_vote(nullify_of(1_000 - 256))
    assert replica.accepts_certificate(nullify_of(1_000 - 255))
    assert not replica.accepts_certificate(nullify_of(1_000 - 256))


def test_what_is_of_another_epoch_is_dropped() -> None:
    """Goal: one replica, one epoch (K22). Method: votes and certificates of epoch 1 change nothing."""
    scene = at_view_two()
    vote = Vote.nullify(Epoch(1), View(2))
    assert scene.vote(vote, 0, 2, 3) == ()
    assert scene.certify(vote) == ()
    assert scene.replica.view == 2


def test_memory_is_bounded_by_the_windows() -> None:
    """Goal: a limit on everything. Method: 2,000 views without finality, then finality: few views are kept, votes of old ones go."""
    scene = Scene()
    scene.start()
    for number in range(1, 2_001):
        scene.vote(nullify_of(number), 0, 2, 3)
    state = scene.replica._state
    assert sum(len(votes) for view in state.views.values() for votes in view.votes) <= 3 * 257
    scene.finalized(block(GENESIS, 2_001), 0)
    assert len(state.views) <= 258
    assert not [number for number in state.views if number <= state.floor_view]


def test_holds_means_the_same_subject() -> None:
    """Goal: section 2: a certificate with another subject is verified. Method: ask for a notarization and its twin."""
    scene = at_view_two()
    one, other = vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="a"), 0), vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="b"), 0)
    scene.certify(one)
    assert scene.replica.holds(one)
    assert not scene.replica.holds(other)
    assert not scene.replica.holds(nullify_of(2))


def test_newest_vote_of_a_validator() -> None:
    """Goal: K15: peers show a validator its newest vote. Method: by view, then kind, not by arrival."""
    scene = Scene()
    scene.start()
    scene.nullified(1)
    scene.vote(nullify_of(3), 3)
    scene.vote(nullify_of(2), 3)
    assert scene.replica.newest_vote_of(ValidatorId(3)) == signed(nullify_of(3), 3)
    assert Scene().replica.newest_vote_of(ValidatorId(0)) is None


def test_k15_a_vote_that_we_do_not_remember_silences_us() -> None:
    """Goal: K15. Method: a peer shows our nullify of view 7, which no journal here holds: alarm, and no vote ever after."""
    scene = at_view_two()
    scene.work(1)
    effects = scene.feed(StatusReceived(ValidatorId(3), status(shows=signed(nullify_of(7), 1)), scene.clock))
    assert len(only(effects, Alarm)) == 1
    assert scene.replica.silenced
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ()
    for view in range(2, 9):
        assert only(scene.nullified(view), Cast) == ()
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ()
    assert scene.replica.view == 9, "it still follows"
    assert only(scene.work(2), Build) == ()


def test_k15_a_vote_that_we_remember_does_not() -> None:
    """Goal: K15. Method: a peer shows the newest vote that we cast, also while it is in flight here."""
    scene = at_view_two()
    (vote,) = votes(scene.fire(TimerKind.ADVANCE, after_ms=60_000))
    scene.feed(StatusReceived(ValidatorId(3), status(shows=signed(vote, 1)), scene.clock))
    scene.durable(vote)
    scene.vote(vote, 1)
    assert not scene.replica.silenced


def test_k15_our_own_vote_is_never_counted_from_outside() -> None:
    """Goal: K15. Method: after our nullify is in flight, the network echoes it: two others are still no quorum."""
    scene = at_view_two()
    scene.fire(TimerKind.ADVANCE, after_ms=60_000)
    scene.vote(nullify_of(2), 1, 0, 3)
    assert scene.replica.view == 2


def test_signers_outside_the_set_are_nobody() -> None:
    """Goal: membership is checked here too. Method: votes of validators 4 and -1."""
    scene = at_view_two()
    for signer in (4, -1):
        outsider = type(signed(nullify_of(2), 0))(nullify_of(2), ValidatorId(signer), bytes(64))
        assert scene.feed(VoteReceived(outsider, scene.clock)) == ()
    assert scene.replica.newest_vote_of(ValidatorId(4)) is None


def test_our_proposal_is_signed_by_cast_done() -> None:
    """Goal: K13: the proposal that is sent again is the stored bytes. Method: build, cast, `CastDone`, reconnect."""
    scene = Scene()
    scene.work(1)
    scene.start()
    cast = votes(scene.built(block(GENESIS, 1)))
    view = scene.replica._state.at(View(1))
    assert view.proposal is not None
    assert view.proposal.vote.signature == b""
    scene.feed(CastDone((signed(cast[0], 1),), TimeMs(scene.now)))
    assert view.proposal is not None
    assert view.proposal.vote == signed(cast[0], 1)
