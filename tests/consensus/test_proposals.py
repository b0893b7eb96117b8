"""K3 proposing, K4 valid proposals, K5 notarizing, and the time rule (section 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.effects import BodyRecord, Build, Cast, CertifiedRecord, FetchCertificates, Judge, Milestone, ProposalRecord, SetTimer
from consensus.events import ProposalReceived, TimerKind, Verdict
from consensus.rules import Clock, time_standing
from consensus.types import BlockId, Height, Kind, Proposal, TimeMs, Timing, ValidatorId, View
from tests.consensus.scene import GENESIS, START, Scene, block, kinds, only, signed, vote_for

if TYPE_CHECKING:
    from consensus.types import BlockFacts

NOTARIZE_2 = ((Kind.NOTARIZE, 2),)
NULLIFY_2 = ((Kind.NULLIFY, 2),)


def at_view(number: int) -> Scene:
    """Start, and enter a view by nullifications of all before it."""
    scene = Scene()
    scene.start()
    for view in range(1, number):
        scene.nullified(view)
    return scene


def chain_to(scene: Scene, *numbers: int) -> list[BlockFacts]:
    """Have blocks of these views proposed, judged and notarized, each on the one before."""
    chain = [GENESIS]
    for number in numbers:
        chain.append(block(chain[-1], number))
        scene.accept(chain[-1], chain[-2].view)
        scene.notarized(chain[-1], chain[-2].view)
    return chain[1:]


def test_k3_the_leader_builds_on_the_highest_certified_block() -> None:
    """Goal: K3. Method: views 2 to 4 are notarized; view 5 is ours."""
    scene = at_view(2)
    scene.work(1)
    *_, tip = chain_to(scene, 2, 3)
    last = block(tip, 4)
    scene.accept(last, 3)
    scene.now += 100
    (build,) = only(scene.notarized(last, 3), Build)
    assert (build.view, build.parent, build.time_ms_min) == (5, last, last.time_ms + 1)


def test_k3_our_block_is_journaled_with_its_body_and_proposed() -> None:
    """Goal: K3 and section 4. Method: build in view 1: body, certified and proposal records come before our vote."""
    scene = Scene()
    scene.work(1)
    assert [build.parent for build in only(scene.start(), Build)] == [GENESIS]
    ours = block(GENESIS, 1)
    (cast,) = only(scene.built(ours), Cast)
    vote = vote_for(Kind.NOTARIZE, ours, 0)
    assert cast.votes == (vote,)
    assert cast.records == (BodyRecord(ours), CertifiedRecord(ours), ProposalRecord(vote, ours))
    assert cast.proposal is not None
    assert (cast.proposal.facts, cast.proposal.vote.vote, cast.proposal.vote.signature) == (ours, vote, b"")
    assert only(scene.built(block(GENESIS, 1, tag="again")), Cast) == ()
    assert only(scene.work(5), Build) == (), "one proposal per view"


def test_k3_needs_every_nullification_since_and_passes_without() -> None:
    """Goal: K3. Method: view 3's is missing: ask f + 1 validators, build nothing, pass after delta."""
    scene = at_view(2)
    scene.work(1)
    scene.nullified(2)
    effects = scene.nullified(4)
    assert only(effects, Build) == ()
    fetches = only(effects, FetchCertificates)
    assert len(fetches) == 2
    assert {fetch.nullifications for fetch in fetches} == {(View(3),)}
    assert kinds(scene.fire(TimerKind.PROPOSE, after_ms=249)) == ()
    assert kinds(scene.fire(TimerKind.PROPOSE, after_ms=1)) == ((Kind.NULLIFY, 5),)


def test_k3_proposes_when_the_missing_piece_arrives() -> None:
    """Goal: K3. Method: as before, but the nullification comes within delta."""
    scene = at_view(2)
    scene.work(1)
    scene.nullified(2)
    scene.nullified(4)
    scene.now += 100
    assert [build.view for build in only(scene.nullified(3), Build)] == [5]


def test_k3_a_parent_below_the_final_view_is_passed() -> None:
    """Goal: K3, K4. Method: while we build on genesis in view 5, view 3 is finalized: our block is not proposed."""
    scene = at_view(2)
    scene.work(1)
    for view in (2, 4):
        scene.nullified(view)
    (build,) = only(scene.nullified(3), Build)
    assert build.parent == GENESIS
    other = Scene()
    other.start()
    for view in range(1, 5):
        other.nullified(view)
    state = scene.replica._state
    state.final_view = View(3)
    assert kinds(scene.built(block(GENESIS, 5))) == ((Kind.NULLIFY, 5),)


def test_a_built_block_that_does_not_fit_is_our_fault() -> None:
    """Goal: our own faults stop us. Method: the node answers `Build` with a block of another height."""
    scene = Scene()
    scene.work(1)
    scene.start()
    with pytest.raises(AssertionError):
        scene.built(block(GENESIS, 1, height=2))


def test_k5_a_valid_proposal_is_notarized_after_its_body_is_journaled() -> None:
    """Goal: K5, K8, section 4. Method: proposal, verdict: one Cast whose records hold the body."""
    scene = at_view(2)
    facts = block(GENESIS, 2)
    effects = scene.propose(facts, 0)
    (judge,) = only(effects, Judge)
    assert (judge.block_id, judge.facts, judge.ask[0]) == (facts.block_id, facts, 2)
    (cast,) = only(scene.judge(facts), Cast)
    assert cast.votes == (vote_for(Kind.NOTARIZE, facts, 0),)
    assert cast.records == (BodyRecord(facts), CertifiedRecord(facts))
    assert cast.proposal is None


def test_k4_only_the_leaders_first_proposal() -> None:
    """Goal: K4. Method: a second proposal of the leader, and one by another validator, are not voted for."""
    scene = at_view(2)
    first, second = block(GENESIS, 2, tag="a"), block(GENESIS, 2, tag="b")
    scene.propose(first, 0)
    assert only(scene.propose(second, 0), Judge) == ()
    assert kinds(scene.judge(first)) == NOTARIZE_2
    other = at_view(2)
    assert only(other.propose(first, 0, signer=3), Judge) == ()


def test_k2_another_validators_vote_is_no_proposal() -> None:
    """Goal: K2, K4. Method: the leader's vote came without its header; another one signs the same vote and passes it off as a proposal."""
    scene = at_view(2)
    facts = block(GENESIS, 2)
    scene.vote(vote_for(Kind.NOTARIZE, facts, 0), 2)
    assert scene.propose(facts, 0, signer=3) == ()
    assert len(only(scene.propose(facts, 0), Judge)) == 1


def test_k4_the_leaders_first_vote_binds_it() -> None:
    """Goal: K4. Method: the leader's bare vote for one block, then its proposal of another: no vote for that."""
    scene = at_view(2)
    scene.vote(vote_for(Kind.NOTARIZE, block(GENESIS, 2, tag="a"), 0), 2)
    assert only(scene.propose(block(GENESIS, 2, tag="b"), 0), Judge) == ()


def test_k4_a_proposal_is_kept_for_the_next_view_not_beyond() -> None:
    """Goal: K4. Method: proposals of views 3 and 4 arrive in view 2."""
    scene = at_view(2)
    next_one, far = block(GENESIS, 3), block(GENESIS, 4)
    assert all(isinstance(effect, Milestone) for effect in scene.propose(next_one, 0))
    assert scene.propose(far, 0) == ()
    assert [judge.block_id for judge in only(scene.nullified(2), Judge)] == [next_one.block_id]
    assert only(scene.nullified(3), Judge) == ()


def broken_headers() -> list[BlockFacts]:
    """Blocks of view 2 on genesis, each with one fact wrong."""
    good = block(GENESIS, 2)
    return [
        replace(good, block_id=BlockId(b"\1" * 32)),
        replace(good, view=View(3)),
        replace(good, proposer=ValidatorId(3)),
        replace(good, height=Height(2)),
        replace(good, time_ms=GENESIS.time_ms),
        replace(good, parent=BlockId(b"\2" * 32)),
    ]


@pytest.mark.parametrize("facts", broken_headers())
def test_k4_what_can_never_be_valid_is_nullified_at_once(facts: BlockFacts) -> None:
    """Goal: K4, K6. Method: the leader signs a vote for a header with one fact wrong."""
    scene = at_view(2)
    good = block(GENESIS, 2)
    vote = replace(vote_for(Kind.NOTARIZE, good, 0), block_id=facts.block_id if facts.parent == good.parent else good.block_id)
    if facts.block_id != good.block_id:
        vote = vote_for(Kind.NOTARIZE, good, 0)
    effects = scene.feed(ProposalReceived(Proposal(signed(vote, 2), facts), scene.clock))
    assert kinds(effects) == NULLIFY_2
    assert only(effects, Judge) == ()


def test_k4_a_parent_below_the_final_view_is_invalid() -> None:
    """Goal: K4: `final view <= u`. Method: view 2 is final; view 4's leader proposes on genesis though it shows all nullifications."""
    scene = at_view(2)
    (first,) = chain_to(scene, 2)
    scene.finalized(first, 0)
    scene.nullified(3)
    effects = scene.propose(block(GENESIS, 4), 0)
    assert kinds(effects) == ((Kind.NULLIFY, 4),)


def test_k4_a_parent_that_its_view_did_not_certify_is_invalid() -> None:
    """Goal: K4. Method: view 2 notarized one block; view 3's leader builds on its twin."""
    scene = at_view(2)
    chain_to(scene, 2)
    twin = block(GENESIS, 2, tag="twin")
    assert kinds(scene.propose(block(twin, 3), 2)) == ((Kind.NULLIFY, 3),)


def test_k4_the_parent_must_be_of_the_view_that_is_named() -> None:
    """Goal: K4. Method: the vote names view 0 as the parent's, the header builds on view 2's block."""
    scene = at_view(2)
    (first,) = chain_to(scene, 2)
    scene.nullified(3)
    scene.nullified(2)
    assert kinds(scene.propose(block(first, 4), 0)) == ((Kind.NULLIFY, 4),)


def test_k4_nullifications_between_parent_and_view_are_needed() -> None:
    """Goal: K4: or a chain could skip a finalized view. Method: view 3 proposes on genesis; the nullification of 2 comes later."""
    scene = at_view(2)
    (first,) = chain_to(scene, 2)
    skipping = block(GENESIS, 3)
    effects = scene.propose(skipping, 0)
    assert only(effects, FetchCertificates) == (FetchCertificates(ValidatorId(3), (), (View(2),)),)
    assert kinds(scene.judge(skipping)) == ()
    assert kinds(scene.nullified(2)) == ((Kind.NOTARIZE, 3),)
    assert first.view == 2


def test_k4_the_certificate_of_the_parent_is_needed() -> None:
    """Goal: K4. Method: we leave view 2 by nullification with its block judged; view 3 proposes on it; the notarization comes later."""
    scene = at_view(2)
    first = block(GENESIS, 2)
    scene.accept(first, 0)
    scene.nullified(2)
    second = block(first, 3)
    effects = scene.propose(second, 2)
    assert only(effects, FetchCertificates) == (FetchCertificates(ValidatorId(3), (View(2),), ()),)
    assert kinds(scene.judge(second)) == ()
    effects = scene.notarized(first, 0)
    assert kinds(effects + scene.judge(second)) == ((Kind.FINALIZE, 2), (Kind.NOTARIZE, 3))


def test_k4_missing_pieces_are_asked_for_once_until_retry() -> None:
    """Goal: K19's targeted repair is bounded. Method: many events, one question; the retry timer asks again."""
    scene = at_view(2)
    chain_to(scene, 2)
    assert len(only(scene.propose(block(GENESIS, 3), 0), FetchCertificates)) == 1
    assert only(scene.work(1) + scene.work(2), FetchCertificates) == ()
    assert len(only(scene.fire(TimerKind.RETRY, after_ms=1_000), FetchCertificates)) == 1


def test_k4_no_vote_without_a_verdict() -> None:
    """Goal: K4, K8. Method: no verdict, then the retry, then valid."""
    scene = at_view(2)
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    assert kinds(scene.judge(facts, Verdict.NONE)) == ()
    retried = scene.fire(TimerKind.RETRY)
    assert [judge.block_id for judge in only(retried, Judge)] == [facts.block_id]
    assert kinds(scene.judge(facts)) == NOTARIZE_2


def test_k5_not_after_own_nullify() -> None:
    """Goal: K5. Method: nullify by timer while the block is judged; the verdict gets no vote."""
    scene = at_view(2)
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    assert kinds(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) == NULLIFY_2
    assert kinds(scene.judge(facts)) == ()


def test_k5_only_in_the_current_view() -> None:
    """Goal: K5. Method: the view ends while its block is judged."""
    scene = at_view(2)
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    scene.nullified(2)
    assert kinds(scene.judge(facts)) == ()


@given(st.integers(-20_000, 20_000), st.integers(-20_000, 20_000))
def test_time_rule(ahead: int, parent_ahead: int) -> None:
    """Goal: section 6. Method: any block time and parent time against our clock."""
    now, timing = TimeMs(10**12), Timing()
    time_ms, parent_ms = TimeMs(now + ahead), TimeMs(now + parent_ahead)
    standing = time_standing(time_ms, parent_ms, now, timing)
    assert (standing is Clock.FUTURE) == (time_ms > now + 500 and time_ms > parent_ms + 1)
    if standing is not Clock.FUTURE:
        assert (standing is Clock.PAST) == (time_ms < now - 10_000)


def test_time_from_the_future_waits_for_the_clock() -> None:
    """Goal: section 6: pending, not invalid. Method: 2 s ahead; the clock timer; judged again when the clock gets there."""
    scene = at_view(2)
    facts = block(GENESIS, 2, time_ms=START + 2_000)
    effects = scene.accept(facts, 0)
    assert kinds(effects) == ()
    assert [timer.at_ms for timer in only(effects, SetTimer) if timer.kind is TimerKind.CLOCK] == [START + 1_500]
    assert kinds(scene.fire(TimerKind.CLOCK, after_ms=1_500)) == NOTARIZE_2


def test_time_from_the_past_gets_no_vote_but_is_no_fault() -> None:
    """Goal: section 6. Method: a block 11 s old: neither notarize nor nullify; notarized by others it is certified all the same."""
    scene = at_view(2)
    facts = block(GENESIS, 2)
    scene.now += 11_000
    assert kinds(scene.accept(facts, 0)) == ()
    assert kinds(scene.notarized(facts, 0)) == ((Kind.FINALIZE, 2),)
    assert scene.replica.view == 3


def test_time_is_checked_once() -> None:
    """Goal: section 6: passed once, never checked again. Method: in time on arrival, judged a minute later: notarized."""
    scene = at_view(2)
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    scene.now += 60_000
    assert kinds(scene.judge(facts)) == NOTARIZE_2


def test_time_crawls_on_when_it_ran_ahead() -> None:
    """Goal: section 6: a wrong clock halts no chain. Method: the parent is an hour ahead; parent.time + 1 is in time, + 2 is not."""
    scene = at_view(2)
    ahead = block(GENESIS, 2, time_ms=START + 3_600_000)
    scene.propose(ahead, 0)
    scene.judge(ahead)
    scene.notarized(ahead, 0)
    assert scene.replica.view == 3
    assert kinds(scene.accept(block(ahead, 3, time_ms=ahead.time_ms + 1), 2)) == ((Kind.NOTARIZE, 3),)
    assert time_standing(TimeMs(ahead.time_ms + 2), ahead.time_ms, scene.clock, Timing()) is Clock.FUTURE
