"""K13 sending again, K15 after a restart, K19 status, repair and bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.effects import (
    BodyRecord,
    Build,
    Cast,
    CertificateRecord,
    CertifiedRecord,
    FetchCertificates,
    ProposalRecord,
    Resend,
    SendCertificates,
    SendStatus,
    SetTimer,
    VoteRecord,
)
from consensus.events import CertificatesRequested, PeerConnected, Status, StatusReceived, TimerKind
from consensus.types import Epoch, Height, Kind, SignedVote, TimeMs, ValidatorId, View, Vote
from tests.consensus.scene import GENESIS, START, Scene, block, certificate, kinds, nullify_of, only, signed, vote_for, votes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consensus.effects import Effects, Record

PEER = ValidatorId(3)


def status(
    *,
    final: int = 0,
    notarized: Sequence[tuple[int, int]] = (),
    nullified: Sequence[tuple[int, int]] = (),
    shows: SignedVote | None = None,
    epoch: int = 0,
) -> Status:
    """Make a peer's status."""
    pairs = [tuple((View(first), View(last)) for first, last in ranges) for ranges in (notarized, nullified)]
    return Status(Epoch(epoch), View(final + 1), View(final), Height(0), TimeMs(START), pairs[0], pairs[1], shows)


def subjects(effects: Effects, to: int | None) -> list[Vote]:
    """Return the subjects of certificates sent to one peer."""
    return [one.subject for sent in only(effects, SendCertificates) if sent.to == to for one in sent.certificates]


def at_view_two() -> Scene:
    """Start, and leave our own view 1."""
    scene = Scene()
    scene.start()
    scene.nullified(1)
    return scene


def test_k13_a_restart_sends_own_votes_again_and_counts_them() -> None:
    """Goal: K13, K15. Method: q validators crashed after journaling nullify; two more votes must be enough for the certificate."""
    own = signed(nullify_of(2), 1)
    scene = Scene(journal=[CertificateRecord(certificate(nullify_of(1))), VoteRecord(own)])
    effects = scene.start()
    assert scene.replica.view == 2
    (resend,) = only(effects, Resend)
    assert (resend.signed, resend.to) == ((own,), None)
    assert {timer.kind for timer in only(effects, SetTimer)} >= {TimerKind.LEADER, TimerKind.ADVANCE, TimerKind.RETRY, TimerKind.STATUS}
    assert len(only(effects, SendStatus)) == 1
    scene.vote(nullify_of(2), 0, 3)
    assert scene.replica.view == 3


def test_k13_a_restart_casts_nothing_that_was_cast() -> None:
    """Goal: K5, K6 for ever, also after a restart. Method: journal of a notarize and a nullify; the proposal and the timer come again."""
    facts = block(GENESIS, 2)
    vote = vote_for(Kind.NOTARIZE, facts, 0)
    journal: list[Record | VoteRecord] = [CertificateRecord(certificate(nullify_of(1))), BodyRecord(facts), VoteRecord(signed(vote, 1))]
    scene = Scene(journal=journal)
    scene.start()
    twin = block(GENESIS, 2, tag="twin")
    assert kinds(scene.accept(twin, 0)) == ()
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ((Kind.NULLIFY, 2),)
    again = Scene(journal=[*journal, VoteRecord(signed(nullify_of(2), 1))])
    again.start()
    assert kinds(again.fire(TimerKind.ADVANCE, after_ms=60_000)) == ()
    assert kinds(again.accept(facts, 0)) == ()


def test_k13_our_proposal_is_sent_again_and_no_other_built() -> None:
    """Goal: K13. Method: crash after our proposal was signed in view 1."""
    ours = block(GENESIS, 1)
    vote = vote_for(Kind.NOTARIZE, ours, 0)
    scene = Scene(journal=[BodyRecord(ours), CertifiedRecord(ours), ProposalRecord(vote, ours), VoteRecord(signed(vote, 1))])
    scene.work(1)
    effects = scene.start()
    (resend,) = only(effects, Resend)
    assert resend.proposal is not None
    assert (resend.proposal.vote, resend.proposal.facts) == (signed(vote, 1), ours)
    assert only(effects, Build) == ()
    assert only(scene.feed(PeerConnected(PEER, scene.clock)), Resend) == (Resend((signed(vote, 1),), resend.proposal, PEER),)


def test_k13_a_finalize_that_was_not_cast_before_the_crash_is_cast_after() -> None:
    """Goal: liveness. Method: certified and notarized in the journal, our last vote the notarize."""
    facts = block(GENESIS, 2)
    vote = vote_for(Kind.NOTARIZE, facts, 0)
    certified = (BodyRecord(facts), CertifiedRecord(facts))
    scene = Scene(journal=[*certified, VoteRecord(signed(vote, 1)), CertificateRecord(certificate(vote))])
    effects = scene.start()
    assert kinds(effects) == ((Kind.FINALIZE, 2),)
    assert scene.replica.view == 3


def test_k13_only_votes_above_the_final_view_are_sent_again() -> None:
    """Goal: K13 is bounded. Method: votes in views 2 to 4, then view 3 becomes final."""
    scene = at_view_two()
    chain = [GENESIS]
    for number in (2, 3, 4):
        chain.append(block(chain[-1], number))
        for vote in votes(scene.accept(chain[-1], chain[-2].view) + scene.notarized(chain[-1], chain[-2].view)):
            scene.durable(vote)
    scene.finalized(chain[2], 2)
    (resend,) = only(scene.feed(PeerConnected(PEER, scene.clock)), Resend)
    assert [(own.vote.kind, own.vote.view) for own in resend.signed] == [(Kind.NOTARIZE, 4), (Kind.FINALIZE, 4)]


def test_retry_sends_finalize_and_the_current_views_votes_again() -> None:
    """Goal: section 5. Method: finalize of view 2 and notarize of view 3 are not answered; each retry repeats both, and itself."""
    scene = at_view_two()
    first = block(GENESIS, 2)
    second = block(first, 3)
    for vote in votes(scene.accept(first, 0) + scene.notarized(first, 0) + scene.accept(second, 2)):
        scene.durable(vote)
    effects = scene.fire(TimerKind.RETRY, after_ms=1_000)
    (resend,) = only(effects, Resend)
    assert [(own.vote.kind, own.vote.view) for own in resend.signed] == [(Kind.FINALIZE, 2), (Kind.NOTARIZE, 3)]
    assert [timer.at_ms for timer in only(effects, SetTimer) if timer.kind is TimerKind.RETRY] == [scene.now + 1_000]


def test_retry_after_nullify_sends_what_let_us_in_and_bundles() -> None:
    """Goal: section 5, K19. Method: nullify in view 2; a peer that is behind and one that is not."""
    scene = at_view_two()
    for peer, ranges in ((0, ()), (3, ((1, 1),))):
        scene.feed(StatusReceived(ValidatorId(peer), status(nullified=ranges), scene.clock))
    assert subjects(scene.fire(TimerKind.RETRY, after_ms=1_000), None) == []
    (vote,) = votes(scene.fire(TimerKind.ADVANCE, after_ms=60_000))
    scene.durable(vote)
    effects = scene.fire(TimerKind.RETRY, after_ms=1_000)
    assert [own.vote for own in only(effects, Resend)[0].signed] == [vote]
    assert subjects(effects, None) == [nullify_of(1)]
    assert subjects(effects, 0) == [nullify_of(1)]
    assert subjects(effects, 3) == []


def test_k19_status_tells_what_is_held() -> None:
    """Goal: K19. Method: certificates above the final view as ranges; every 2 s and on connect."""
    scene = at_view_two()
    first = block(GENESIS, 2)
    scene.accept(first, 0)
    scene.notarized(first, 0)
    scene.finalized(first, 0)
    for view in (3, 4, 5, 9):
        scene.nullified(view)
    scene.notarized(block(first, 6), 2)
    (sent,) = only(scene.fire(TimerKind.STATUS), SendStatus)
    assert sent.to is None
    told = sent.status
    assert (told.epoch, told.view, told.final_view, told.time_ms) == (0, 10, 2, scene.now)
    assert (told.notarized, told.nullified) == (((6, 6),), ((3, 5), (9, 9)))
    assert [one.to for one in only(scene.feed(PeerConnected(PEER, scene.clock)), SendStatus)] == [PEER]


def test_k19_a_status_is_answered_by_what_is_lacking() -> None:
    """Goal: K19. Method: a peer that lacks the finalization and one nullification."""
    scene = at_view_two()
    first = block(GENESIS, 2)
    scene.accept(first, 0)
    scene.notarized(first, 0)
    scene.finalized(first, 0)
    for view in (3, 4):
        scene.nullified(view)
    effects = scene.feed(StatusReceived(PEER, status(final=1, nullified=[(3, 3)]), scene.clock))
    assert subjects(effects, PEER) == [vote_for(Kind.FINALIZE, first, 0), nullify_of(4)]
    assert scene.feed(StatusReceived(PEER, status(final=2, nullified=[(3, 4)]), scene.clock)) == ()


def test_k19_what_we_lack_is_asked_for() -> None:
    """Goal: K19's background repair. Method: a peer shows certificates above our final view that we lack."""
    scene = at_view_two()
    effects = scene.feed(StatusReceived(PEER, status(notarized=[(4, 4)], nullified=[(1, 3)]), scene.clock))
    assert only(effects, FetchCertificates) == (FetchCertificates(PEER, (View(4),), (View(3), View(2))),)


def test_k19_claims_cost_their_receiver_little() -> None:
    """Goal: hostile input. Method: a range of 2^62 views: at most 64 questions; another epoch's status is ignored."""
    scene = at_view_two()
    effects = scene.feed(StatusReceived(PEER, status(notarized=[(1, 2**62)], nullified=[(1, 2**62)]), scene.clock))
    (fetch,) = only(effects, FetchCertificates)
    assert len(fetch.notarizations) + len(fetch.nullifications) == 64
    assert scene.feed(StatusReceived(PEER, status(notarized=[(1, 9)], epoch=1), scene.clock)) == ()


def test_k19_a_bundle_is_bounded_and_newest_first() -> None:
    """Goal: K19. Method: 200 nullified views, a peer that has none."""
    scene = Scene()
    scene.start()
    for view in range(1, 201):
        scene.nullified(view)
    sent = subjects(scene.feed(StatusReceived(PEER, status(), scene.clock)), PEER)
    assert sent == [nullify_of(view) for view in range(200, 136, -1)]


def test_k19_a_request_is_answered_with_what_is_held() -> None:
    """Goal: K19's targeted repair. Method: held, not held, a finalization for a notarization, far too many."""
    scene = at_view_two()
    first = block(GENESIS, 2)
    scene.finalized(first, 0)
    scene.nullified(3)
    ask = CertificatesRequested(PEER, (View(2), View(4)), (View(3), View(9)), scene.clock)
    final = vote_for(Kind.FINALIZE, first, 0)
    assert subjects(scene.feed(ask), PEER) == [final, final, nullify_of(3)]
    nothing = CertificatesRequested(PEER, (View(8),), (View(9),), scene.clock)
    assert scene.feed(nothing) == ()
    many = CertificatesRequested(PEER, (), tuple(View(3) for _ in range(1_000)), scene.clock)
    assert len(subjects(scene.feed(many), PEER)) == 64


def test_k19_a_leader_asks_those_that_show_it() -> None:
    """Goal: K19. Method: we lead view 5 and lack nullification 3; validator 0's status shows it: it is asked first."""
    scene = at_view_two()
    scene.work(1)
    scene.nullified(2)
    scene.feed(StatusReceived(ValidatorId(0), status(nullified=[(1, 3)]), scene.clock))
    fetches = only(scene.nullified(4), FetchCertificates)
    assert fetches[0] == FetchCertificates(ValidatorId(0), (), (View(3),))


def test_restore_asks_for_nothing() -> None:
    """Goal: effects begin with `Started`. Method: a journal full of work; the first event returns what it needs, nothing twice."""
    facts = block(GENESIS, 2)
    scene = Scene(journal=[CertificateRecord(certificate(vote_for(Kind.NOTARIZE, facts, 0))), BodyRecord(facts), CertifiedRecord(facts)])
    effects = scene.start()
    assert len(only(effects, Cast)) == 1
    assert all(sent.to is None for sent in only(effects, SendStatus))
    assert scene.replica.view == 3
