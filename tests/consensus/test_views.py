"""K1 entering views, K6 giving them up, K16 backoff, K21 the order of votes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.effects import Build, CancelTimer, Cast, CertificateRecord, SendCertificates, SetTimer, VoteRecord
from consensus.events import BuildFailed, CastRefused, TimerKind, Verdict
from consensus.rules import finalize, notarize, nullify, timeout_ms, votes_go_up
from consensus.types import Kind, Timing, View
from tests.consensus.scene import (
    GENESIS,
    Scene,
    block,
    certificate,
    kinds,
    nullify_of,
    only,
    signed,
    vote_for,
    votes,
)


def at_view_two() -> Scene:
    """Start, and leave our own view 1 by its nullification."""
    scene = Scene()
    scene.start()
    scene.nullified(1)
    return scene


def timers(effects: tuple[object, ...]) -> dict[TimerKind, SetTimer]:
    """Return the timers that are set, by kind."""
    return {effect.kind: effect for effect in effects if isinstance(effect, SetTimer)}


def test_k1_nullification_enters_the_next_view() -> None:
    """Goal: K1. Method: a nullification of the current view, then of a far one, then of an old one."""
    scene = Scene()
    scene.start()
    assert scene.replica.view == 1
    scene.nullified(1)
    assert scene.replica.view == 2
    scene.nullified(9)
    assert scene.replica.view == 10
    scene.nullified(4)
    assert scene.replica.view == 10


def test_k1_finalization_enters_at_once_even_without_the_block() -> None:
    """Goal: K1. Method: a finalization whose block was never seen."""
    scene = Scene()
    scene.start()
    scene.finalized(block(GENESIS, 7), 0)
    assert (scene.replica.view, scene.replica.final_view) == (8, 7)
    assert scene.replica.final == GENESIS


def test_k1_notarization_enters_only_with_a_certified_block() -> None:
    """Goal: K1. Method: notarization first, the verdict later."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    scene.notarized(facts, 0)
    assert scene.replica.view == 2
    scene.judge(facts)
    assert scene.replica.view == 3


def test_k1_entering_arms_both_timers() -> None:
    """Goal: K1, section 5. Method: with work in the pool, enter a view: leader 2T, advance 3T from now."""
    scene = Scene()
    scene.work(1)
    scene.start()
    armed = timers(scene.nullified(1))
    assert armed[TimerKind.LEADER].at_ms == scene.now + 500
    assert armed[TimerKind.ADVANCE].at_ms == scene.now + 750
    assert armed[TimerKind.LEADER].view == 2


@pytest.mark.parametrize("kind", [TimerKind.LEADER, TimerKind.ADVANCE])
def test_k6_timers_nullify_the_current_view(kind: TimerKind) -> None:
    """Goal: K6. Method: each timer fires in its time: nullify, once."""
    scene = Scene()
    scene.work(1)
    scene.start()
    scene.nullified(1)
    assert kinds(scene.fire(kind, after_ms=800)) == ((Kind.NULLIFY, 2),)
    assert kinds(scene.fire(TimerKind.ADVANCE)) == ()


def test_k6_a_replaced_or_old_timer_means_nothing() -> None:
    """Goal: a timer that was replaced may still be in the driver's queue. Method: fire early, and fire one of another view."""
    scene = Scene()
    scene.work(1)
    scene.start()
    scene.nullified(1)
    early = scene.fire(TimerKind.LEADER, after_ms=100)
    assert votes(early) == ()
    assert timers(early)[TimerKind.LEADER].at_ms == scene.now + 400
    assert kinds(scene.fire(TimerKind.LEADER, after_ms=5_000, view=1)) == ()


def test_k6_a_proposal_cancels_the_leader_timer_only() -> None:
    """Goal: section 5. Method: a proposal that is never judged; leader fires, then advance."""
    scene = Scene()
    scene.work(1)
    scene.start()
    scene.nullified(1)
    assert only(scene.propose(block(GENESIS, 2), 0), CancelTimer) == (CancelTimer(TimerKind.LEADER),)
    assert kinds(scene.fire(TimerKind.LEADER, after_ms=600)) == ()
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=600)) == ((Kind.NULLIFY, 2),)


def test_k6_nullify_after_notarize_is_allowed() -> None:
    """Goal: K6. Method: notarize, then the advance timer."""
    scene = at_view_two()
    assert kinds(scene.accept(block(GENESIS, 2), 0)) == ((Kind.NOTARIZE, 2),)
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=9_000)) == ((Kind.NULLIFY, 2),)


def test_k6_the_leaders_own_nullify_is_followed() -> None:
    """Goal: K6. Method: the leader of the view passes; another validator's nullify is no cause."""
    scene = at_view_two()
    assert kinds(scene.vote(nullify_of(2), 3)) == ()
    assert kinds(scene.vote(nullify_of(2), 2)) == ((Kind.NULLIFY, 2),)


def test_k6_an_invalid_proposal_is_nullified() -> None:
    """Goal: K6. Method: the matching body breaks a rule."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    assert kinds(scene.judge(facts, Verdict.INVALID)) == ((Kind.NULLIFY, 2),)


def test_k6_a_leader_that_cannot_build_passes() -> None:
    """Goal: K6. Method: `Build` fails in the current view; the answer for another view means nothing."""
    scene = Scene()
    scene.work(1)
    assert [build.view for build in only(scene.start(), Build)] == [1]
    assert kinds(scene.feed(BuildFailed(View(5), scene.clock))) == ()
    assert kinds(scene.feed(BuildFailed(View(1), scene.clock))) == ((Kind.NULLIFY, 1),)


def test_k6_never_after_own_finalize() -> None:
    """Goal: K6 and K7 exclude each other. Method: the rule on a view with an own finalize, whatever the mark says."""
    scene = at_view_two()
    state = scene.replica._state
    view = state.at(View(2))
    assert nullify(state, view) == nullify_of(2)
    view.own[Kind.FINALIZE] = vote_for(Kind.FINALIZE, block(GENESIS, 2))
    assert nullify(state, view) is None


def test_k6_only_the_current_view_and_only_once() -> None:
    """Goal: K6. Method: the rule on an older view, on a view already given up."""
    scene = at_view_two()
    state = scene.replica._state
    assert nullify(state, state.at(View(1))) is None
    state.at(View(2)).own[Kind.NULLIFY] = nullify_of(2)
    assert nullify(state, state.at(View(2))) is None


def test_k5_k7_rules_refuse_what_was_cast() -> None:
    """Goal: K5 and K7 hold by themselves, without K21. Method: the rules on a view whose votes are given, with a mark that says nothing."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    state = scene.replica._state
    view = state.at(View(2))
    proposal = view.proposal
    assert proposal is not None
    assert notarize(state, view, proposal.vote.vote) == proposal.vote.vote
    view.own[Kind.NULLIFY] = nullify_of(2)
    assert notarize(state, view, proposal.vote.vote) is None
    view.own[Kind.NULLIFY], view.own[Kind.NOTARIZE] = None, proposal.vote.vote
    assert notarize(state, view, proposal.vote.vote) is None
    view.certificates[Kind.NOTARIZE] = certificate(proposal.vote.vote)
    assert finalize(state, view) is None, "not certified yet"
    state.block(facts.block_id, facts.view).certified = True
    assert finalize(state, view) == vote_for(Kind.FINALIZE, facts, 0)
    view.own[Kind.FINALIZE] = vote_for(Kind.FINALIZE, facts, 0)
    assert finalize(state, view) is None
    view.own[Kind.FINALIZE], view.own[Kind.NULLIFY] = None, nullify_of(2)
    assert finalize(state, view) is None
    view.own[Kind.NULLIFY], state.final_view = None, View(2)
    assert finalize(state, view) is None


@given(st.integers(1, 400), st.sampled_from(Kind), st.integers(1, 400), st.sampled_from(Kind))
def test_k21_votes_only_go_up(view: int, kind: Kind, marked_view: int, marked: Kind) -> None:
    """Goal: K21. Method: any vote against any mark: by view; within a view notarize, then nullify or finalize."""
    scene = Scene()
    state = scene.replica._state
    state.mark = (View(marked_view), marked)
    vote = nullify_of(view) if kind is Kind.NULLIFY else vote_for(kind, block(GENESIS, view), 0)
    expected = view > marked_view or (view == marked_view and marked is Kind.NOTARIZE and kind is not Kind.NOTARIZE)
    assert votes_go_up(state, vote) == expected


def test_k21_a_late_finalize_is_withheld() -> None:
    """Goal: K21. Method: view 2's block is judged only after we voted in view 3; then its notarization gets no finalize."""
    scene = at_view_two()
    late = block(GENESIS, 2)
    scene.propose(late, 0)
    scene.nullified(2)
    assert kinds(scene.accept(block(GENESIS, 3), 0)) == ((Kind.NOTARIZE, 3),)
    scene.notarized(late, 0)
    assert kinds(scene.judge(late)) == ()


def test_k21_finalize_comes_before_anything_in_the_next_view() -> None:
    """Goal: K21. Method: view 3's proposal waits; the notarization of view 2 lets us finalize 2, then notarize 3."""
    scene = at_view_two()
    first = block(GENESIS, 2)
    second = block(first, 3)
    scene.accept(first, 0)
    scene.propose(second, 2)
    assert kinds(scene.notarized(first, 0)) == ((Kind.FINALIZE, 2),)
    assert kinds(scene.judge(second)) == ((Kind.NOTARIZE, 3),)


def test_k21_a_restart_remembers_the_mark() -> None:
    """Goal: K21, K15: what journal or mark shows was voted. Method: replay a nullify of view 6; nothing at or below is cast."""
    scene = Scene(journal=[VoteRecord(signed(nullify_of(6), 1))])
    scene.start()
    scene.nullified(1)
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ()
    scene.nullified(5)
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ()
    scene.nullified(6)
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ((Kind.NULLIFY, 7),)


def test_k15_a_refused_vote_is_given_up() -> None:
    """Goal: K15. Method: the signer refuses; the vote is not counted and not asked for again; the next view is voted in."""
    scene = at_view_two()
    refused = votes(scene.fire(TimerKind.ADVANCE, after_ms=60_000))
    scene.feed(CastRefused(refused, scene.clock))
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ()
    scene.vote(nullify_of(2), 0, 3)
    assert scene.replica.view == 2, "two of four are no quorum, and ours does not count"
    scene.vote(nullify_of(2), 2)
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == ((Kind.NULLIFY, 3),)


@given(st.integers(1, 10**12), st.integers(0, 10**12), st.integers(4, 100))
def test_k16_backoff_is_bounded_and_rises(view: int, behind: int, size: int) -> None:
    """Goal: K16. Method: any distance: no overflow, T0 up to n views past the final one, never above the maximum, never falling."""
    timing, final = Timing(), View(max(0, view - behind))
    timeout = timeout_ms(timing, size, View(view), final)
    assert timing.delta_ms <= timeout <= timing.timeout_ms_max
    assert timeout <= timeout_ms(timing, size, View(view + 1), final)
    if view - final <= size:
        assert timeout == timing.delta_ms


def test_k16_follows_from_what_is_held() -> None:
    """Goal: K16. Method: numbers by hand: n = 4, T0 = 250."""
    assert [timeout_ms(Timing(), 4, View(10 + past), View(10)) for past in (4, 5, 6, 7, 8, 12, 13, 500)] == [
        250,
        375,
        562,
        843,
        1265,
        6407,
        8000,
        8000,
    ]
    scene = Scene()
    scene.work(1)
    scene.start()
    armed = timers(scene.nullified(9))
    assert armed[TimerKind.LEADER].at_ms == scene.now + 2 * 2847


def test_k10_a_certificate_is_relayed_and_journaled_once() -> None:
    """Goal: K10, section 4. Method: the same certificate twice; another set of signers of the same subject is the same certificate."""
    scene = at_view_two()
    first = scene.certify(nullify_of(2), (0, 2, 3))
    assert [sent.certificates[0].subject for sent in only(first, SendCertificates)] == [nullify_of(2)]
    assert only(first, SendCertificates)[0].to is None
    records = [record for effect in first for record in getattr(effect, "records", ())]
    assert records == [CertificateRecord(certificate(nullify_of(2)))]
    assert scene.certify(nullify_of(2), (0, 1, 3)) == ()


def test_k10_relayed_without_its_block() -> None:
    """Goal: K10. Method: a notarization whose block is unknown here is passed on all the same."""
    scene = at_view_two()
    assert only(scene.notarized(block(GENESIS, 2), 0), SendCertificates)[0].to is None


def test_clock_set_back_does_not_stretch_a_view() -> None:
    """Goal: section 6. Method: arm, set the clock back an hour, let the timer fire: the view ends."""
    scene = Scene()
    scene.work(1)
    scene.start()
    scene.nullified(1)
    scene.now -= 3_600_000
    scene.work(1)
    assert kinds(scene.fire(TimerKind.LEADER, after_ms=600)) == ((Kind.NULLIFY, 2),)


def test_cast_counts_as_cast_from_the_moment_it_is_asked_for() -> None:
    """Goal: section 4. Method: nullify in flight; before `CastDone` a valid proposal and the timer again cast nothing."""
    scene = at_view_two()
    assert len(only(scene.fire(TimerKind.ADVANCE, after_ms=60_000), Cast)) == 1
    assert kinds(scene.accept(block(GENESIS, 2), 0)) == ()
    assert kinds(scene.fire(TimerKind.ADVANCE)) == ()
