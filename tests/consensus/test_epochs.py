"""K22: the end of an epoch, as one replica sees it. Whole networks across ends of epochs are in test_epoch_network.py."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from consensus.effects import (
    BodyRecord,
    Build,
    CancelTimer,
    Cast,
    CertificateRecord,
    CertifiedRecord,
    FetchCertificates,
    Finalize,
    Halt,
    Judge,
    ProposalRecord,
    SendCertificates,
    SendStatus,
    SetTimer,
    VoteRecord,
)
from consensus.events import BodyArrived, ProposalReceived, Status, StatusReceived, Synced, TimerKind, Verdict
from consensus.types import BlockFacts, Epoch, Height, Kind, Proposal, ValidatorId, View, Vote
from tests.consensus.scene import GENESIS, Scene, block, certificate, kinds, nullify_of, only, signed, votes

if TYPE_CHECKING:
    from consensus.effects import Effects, Replayed


def end_at(view: int, parent: BlockFacts = GENESIS, tag: str = "") -> BlockFacts:
    """Make a block that ends the epoch."""
    return replace(block(parent, view, tag=f"end {tag}"), boundary=True)


def again(facts: BlockFacts, view: int, parent_view: int) -> Vote:
    """Make a notarize vote for a block of an earlier view."""
    return Vote(Kind.NOTARIZE, facts.epoch, View(view), View(parent_view), facts.block_id)


def final_again(facts: BlockFacts, view: int, parent_view: int) -> Vote:
    """Make a finalize vote for a block that was proposed again."""
    return Vote(Kind.FINALIZE, facts.epoch, View(view), View(parent_view), facts.block_id)


def propose_again(scene: Scene, facts: BlockFacts, view: int, parent_view: int) -> Effects:
    """Receive a proposal of a block of an earlier view from the leader of this one."""
    vote = again(facts, view, parent_view)
    proposal = Proposal(signed(vote, view % scene.size, scene.size), facts)
    return scene.feed(ProposalReceived(proposal, scene.clock))


def at_end(me: int = 1, view: int = 2, transactions: int = 0) -> tuple[Scene, BlockFacts]:
    """Return a validator that entered the view after the one that certified an empty end of the epoch."""
    scene = Scene(me=me)
    scene.start()
    for number in range(1, view):
        scene.nullified(number)
    end = end_at(view)
    scene.accept(end, 0, transactions)
    scene.certify(again(end, view, 0))
    return scene, end


def test_k22_the_certified_end_is_proposed_again_at_once() -> None:
    """Goal: K22: the only proposal on it is itself, asleep or not. Method: the leader after it casts the same id, no build, no timer."""
    scene = Scene(me=3)
    scene.start()
    scene.nullified(1)
    end = end_at(2)
    scene.accept(end, 0, transactions=0)
    effects = scene.certify(again(end, 2, 0))
    assert votes(effects) == (final_again(end, 2, 0), again(end, 3, 2))
    (_, cast) = only(effects, Cast)
    assert cast.records == (ProposalRecord(again(end, 3, 2), end),)
    assert cast.proposal is not None
    assert cast.proposal.facts == end
    assert only(effects, Build) == ()
    assert scene.replica.awake


def test_k22_it_is_proposed_again_on_the_view_that_certified_it_last() -> None:
    """Goal: parent_view is the newest certified view. Method: certified in 2 and 3, view 4 nullified, we lead 5."""
    scene, end = at_end(me=1)
    propose_again(scene, end, 3, 2)
    scene.certify(again(end, 3, 2))
    effects = scene.nullified(4)
    assert votes(effects) == (again(end, 5, 3),)


def test_k22_a_leader_passes_without_the_nullifications_between() -> None:
    """Goal: K3 holds for it too. Method: certified in 2, entered 5 by nullification(4) only; view 3's is missing."""
    scene, end = at_end(me=1)
    effects = scene.nullified(4)
    assert only(effects, Cast) == ()
    assert only(effects, FetchCertificates)[0].nullifications == (3,)
    assert votes(scene.nullified(3)) == (again(end, 5, 2),)


def test_k22_a_proposal_of_the_certified_end_gets_a_vote_untimed() -> None:
    """Goal: nothing is executed or timed anew. Method: it comes again an hour later: a vote, no judging."""
    scene, end = at_end()
    scene.now += 3_600_000
    effects = propose_again(scene, end, 3, 2)
    assert kinds(effects) == ((Kind.NOTARIZE, 3),)
    assert votes(effects) == (again(end, 3, 2),)
    assert only(effects, Judge) == ()


def test_k22_after_a_restart_it_gets_a_vote_before_it_is_executed_again() -> None:
    """Goal: certified is enough. Method: a journal with body, certified and notarization; the proposal of view 3."""
    end = end_at(2)
    notarized = certificate(again(end, 2, 0))
    nullified = certificate(nullify_of(1))
    journal: list[Replayed] = [BodyRecord(end), CertifiedRecord(end), CertificateRecord(nullified), CertificateRecord(notarized)]
    scene = Scene(journal=journal)
    scene.start()
    assert votes(propose_again(scene, end, 3, 2)) == (again(end, 3, 2),)
    others = CertificateRecord(certificate(again(end, 2, 0), (0, 1, 2)))
    leader = Scene(me=3, journal=[BodyRecord(end), CertifiedRecord(end), others])
    assert again(end, 3, 2) in votes(leader.start())


def test_k22_without_its_certificate_it_is_pending() -> None:
    """Goal: K4: what it rests on is asked of the leader. Method: it comes again in view 3; view 2's is missing here."""
    scene = Scene()
    scene.start()
    scene.nullified(1)
    end = end_at(2)
    scene.nullified(2)
    effects = propose_again(scene, end, 3, 2)
    assert votes(effects) == ()
    (fetch,) = only(effects, FetchCertificates)
    assert (fetch.peer, fetch.notarizations, fetch.nullifications) == (3, (2,), ())
    asked = scene.certify(again(end, 2, 0))
    assert only(asked, Judge)[0].block_id == end.block_id
    assert kinds(scene.judge(end)) == ((Kind.FINALIZE, 2), (Kind.NOTARIZE, 3)), "we gave view 2 up to nobody: K21 allows both"


def test_k22_it_needs_the_nullifications_between_like_any_other() -> None:
    """Goal: K4's lemma holds for it. Method: certified in 2, proposed again in 5 with 4 not nullified here."""
    scene, end = at_end()
    scene.nullified(3)
    scene.certify(nullify_of(5))
    effects = propose_again(scene, end, 6, 2)
    assert votes(effects) == ()
    assert only(effects, FetchCertificates)[0].nullifications == (4,)
    assert votes(scene.nullified(4)) == (again(end, 6, 2),)


@pytest.mark.parametrize(
    ("change", "parent_view"),
    [
        pytest.param({"boundary": False}, 2, id="no boundary"),
        pytest.param({}, 1, id="the view named is before its own"),
        pytest.param({"proposer": ValidatorId(0)}, 2, id="its header names another than its view's leader"),
        pytest.param({"epoch": Epoch(1)}, 2, id="of another epoch"),
        pytest.param({"block_id": block(GENESIS, 2, tag="other").block_id}, 2, id="not the block certified there"),
    ],
)
def test_k22_a_false_proposal_of_an_old_block_is_given_up(change: dict[str, object], parent_view: int) -> None:
    """Goal: header.view differs from the vote's view only for the certified end. Method: one thing wrong at a time: nullify at once."""
    scene, end = at_end()
    wrong = replace(end, **change)  # type: ignore[arg-type]
    vote = Vote(Kind.NOTARIZE, Epoch(0), View(3), View(parent_view), wrong.block_id)
    effects = scene.feed(ProposalReceived(Proposal(signed(vote, 3), wrong), scene.clock))
    assert kinds(effects) == ((Kind.NULLIFY, 3),)


def test_k22_an_ordinary_block_is_never_proposed_again() -> None:
    """Goal: the exception is for the end of the epoch only. Method: a notarized block comes again in the next view."""
    scene = Scene()
    scene.start()
    scene.nullified(1)
    facts = block(GENESIS, 2)
    scene.accept(facts, 0)
    scene.certify(again(facts, 2, 0))
    assert kinds(propose_again(scene, facts, 3, 2)) == ((Kind.NULLIFY, 3),)


def test_k22_a_child_of_the_end_is_permanently_invalid() -> None:
    """Goal: nothing follows the end in its own epoch. Method: a proposal on it: nullify; notarized all the same: condemned, not entered."""
    scene, end = at_end()
    child = block(end, 3)
    assert kinds(scene.propose(child, 2)) == ((Kind.NULLIFY, 3),)
    effects = scene.certify(again(child, 3, 2))
    assert only(effects, Judge) == ()
    assert scene.replica.view == 3
    assert scene.replica._state.blocks[child.block_id].certified is False


def test_k22_certified_in_a_later_view_only() -> None:
    """Goal: K1, K7 hold for each view that certified it. Method: only view 3's notarization is seen; body and parent come late."""
    scene = Scene(me=0)
    scene.start()
    first = block(GENESIS, 1)
    end = end_at(2, first)
    scene.feed(ProposalReceived(Proposal(signed(again(first, 1, 0), 1), first), scene.clock))
    scene.certify(again(end, 3, 2))
    scene.feed(BodyArrived(end.block_id, scene.clock, end))
    effects = scene.judge(first)
    assert only(effects, Judge)[0].block_id == end.block_id, "its parent's view is 1, though the certificate names view 2"
    effects = scene.judge(end)
    assert scene.replica.view == 4
    assert final_again(end, 3, 2) in votes(effects)
    assert scene.replica._state.best_view == 3


def test_k22_certified_in_several_views() -> None:
    """Goal: it is one block in several views. Method: certified in 2 and 3: finalize in each, best view 3."""
    scene, end = at_end()
    propose_again(scene, end, 3, 2)
    effects = scene.certify(again(end, 3, 2))
    assert kinds(effects) == ((Kind.FINALIZE, 3),)
    assert scene.replica.view == 4
    assert (scene.replica._state.best_view, scene.replica._state.best_block) == (3, end.block_id)


@pytest.mark.parametrize("final_view", [2, 3, 4])
def test_k22_finalized_in_any_view_that_certified_it(final_view: int) -> None:
    """Goal: finality of one block in one of several views. Method: certified in 2, 3, 4; finalized in one: given out once, ended."""
    scene, end = at_end()
    for view in (3, 4):
        propose_again(scene, end, view, view - 1)
        scene.certify(again(end, view, view - 1))
    effects = scene.certify(final_again(end, final_view, 0 if final_view == 2 else final_view - 1))
    (final,) = only(effects, Finalize)
    assert final.blocks == (end,)
    assert scene.replica.ended
    assert votes(effects) == ()
    later = scene.certify(final_again(end, 5, 4))
    assert only(later, Finalize) == ()
    assert only(later, Halt) == ()


def test_k22_nullified_then_another_end() -> None:
    """Goal: an end that lost its view gives way. Method: view 2's end unseen and nullified; view 3 ends the epoch with another block."""
    scene, end = at_end()
    other = end_at(3, tag="other")
    scene.nullified(2)
    effects = scene.accept(other, 0)
    assert kinds(effects) == ((Kind.NOTARIZE, 3),)
    scene.certify(again(other, 3, 0))
    assert scene.replica._state.best_block == other.block_id
    effects = scene.certify(Vote(Kind.FINALIZE, Epoch(0), View(3), View(0), other.block_id))
    assert only(effects, Finalize)[0].blocks == (other,)
    assert end.block_id != other.block_id


def test_k22_after_the_end_no_votes_and_no_view_timers() -> None:
    """Goal: the epoch is over. Method: every timer, a proposal and votes after it: no vote, no building, timers cancelled."""
    scene, end = at_end(me=0)
    effects = scene.certify(final_again(end, 2, 0))
    assert {cancel.kind for cancel in only(effects, CancelTimer)} == {
        TimerKind.LEADER,
        TimerKind.ADVANCE,
        TimerKind.PROPOSE,
        TimerKind.CLOCK,
    }
    assert not scene.replica.awake
    for kind in TimerKind:
        effects = scene.fire(kind, after_ms=20_000)
        assert votes(effects) == ()
        assert only(effects, Build) == ()
        assert all(timer.kind in (TimerKind.RETRY, TimerKind.STATUS) for timer in only(effects, SetTimer))
    assert votes(propose_again(scene, end, 3, 2)) == ()
    assert votes(scene.work(5)) == ()
    assert votes(scene.nullified(3)) == ()
    assert "epoch" in scene.replica.waits_for


def test_k22_after_the_end_it_answers_and_sends_the_finalization() -> None:
    """Goal: who is still in the epoch gets its end. Method: on retry to all; to a status that lacks it; statuses go on."""
    scene, end = at_end(me=0)
    scene.certify(final_again(end, 2, 0))
    effects = scene.fire(TimerKind.RETRY, after_ms=1_000)
    (sent,) = only(effects, SendCertificates)
    assert (sent.to, sent.certificates[0].subject) == (None, final_again(end, 2, 0))
    assert [timer.kind for timer in only(effects, SetTimer)] == [TimerKind.RETRY]
    status = Status(Epoch(0), View(2), View(0), Height(0), scene.clock, (), (), None)
    effects = scene.feed(StatusReceived(ValidatorId(3), status, scene.clock))
    assert only(effects, SendCertificates)[0].to == 3
    assert only(scene.fire(TimerKind.STATUS), SendStatus)[0].status.final_view == 2


def test_k22_another_block_certified_after_the_final_end_halts() -> None:
    """Goal: the lemma is watched in production. Method: a notarization of another block in a view above the final end."""
    scene, end = at_end()
    scene.certify(final_again(end, 2, 0))
    effects = scene.certify(again(block(end, 3), 3, 2))
    assert len(only(effects, Halt)) == 1
    assert scene.replica.halted


def test_k22_a_notarization_that_skips_the_final_end_halts() -> None:
    """Goal: no chain of views skips a final one, also where a block stands in two. Method: end final in 3; view 4 names view 2."""
    scene, end = at_end()
    propose_again(scene, end, 3, 2)
    scene.certify(again(end, 3, 2))
    scene.certify(final_again(end, 3, 2))
    effects = scene.certify(again(end, 4, 2))
    assert len(only(effects, Halt)) == 1


def test_k22_synced_to_the_end() -> None:
    """Goal: K20: ranges end at the boundary. Method: Synced with it: ended, no Finalize, the finalization is passed on."""
    scene = Scene()
    scene.start()
    end = end_at(7)
    proof = certificate(final_again(end, 9, 7))
    effects = scene.feed(Synced(end, proof, scene.clock))
    assert scene.replica.ended
    assert only(effects, Finalize) == ()
    assert votes(effects) == ()
    assert only(scene.fire(TimerKind.RETRY), SendCertificates)[0].certificates == (proof,)


def test_k22_the_end_of_one_epoch_is_genesis_of_the_next() -> None:
    """Goal: view 0, first proposal in view 1, set and leader of the new epoch. Method: construct on it; lead and follow view 1."""
    end = replace(end_at(17), height=Height(40))
    proof = certificate(final_again(end, 18, 17))
    leader = Scene(me=2, floor=end, floor_certificate=proof)
    assert (leader.replica.epoch, leader.replica.view, leader.replica.final_view) == (1, 1, 0)
    assert leader.replica.final == replace(end, epoch=Epoch(1), view=View(0), boundary=False)
    assert leader.replica.finalization is None
    leader.work(1)
    (build,) = only(leader.start(), Build)
    assert (build.view, build.parent.block_id, build.parent.epoch) == (1, end.block_id, 1)
    child = replace(block(end, 1), epoch=Epoch(1), proposer=ValidatorId(2))
    (vote,) = votes(leader.built(child))
    assert vote == Vote(Kind.NOTARIZE, Epoch(1), View(1), View(0), child.block_id)
    follower = Scene(floor=end, floor_certificate=proof)
    follower.start()
    follower.feed(ProposalReceived(Proposal(signed(vote, 2), child), follower.clock))
    assert votes(follower.judge(child)) == (vote,)


def test_k22_what_is_of_another_epoch_is_dropped() -> None:
    """Goal: the journal of two epochs, votes and certificates of the old one. Method: restored and fed in epoch 1: nothing stays."""
    end = end_at(2)
    old = block(GENESIS, 1)
    journal: list[Replayed] = [
        BodyRecord(old),
        CertifiedRecord(old),
        ProposalRecord(again(old, 1, 0), old),
        VoteRecord(signed(again(old, 1, 0), 1)),
        CertificateRecord(certificate(again(old, 1, 0))),
        CertificateRecord(certificate(final_again(end, 2, 0))),
    ]
    scene = Scene(floor=end, journal=journal)
    state = scene.replica._state
    assert (state.views, list(state.blocks), state.mark[0]) == ({}, [end.block_id], 0)
    scene.start()
    assert scene.certify(nullify_of(1)) == ()
    assert scene.vote(nullify_of(1), 2, 3) == ()
    assert scene.replica.view == 1
    later = replace(block(GENESIS, 1, height=5), epoch=Epoch(1))
    behind = Scene(journal=[BodyRecord(later), CertifiedRecord(later)])
    assert list(behind.replica._state.blocks) == [GENESIS.block_id], "a journal ahead of a store that was lost"


def test_k22_restart_between_the_end_and_the_next_epoch() -> None:
    """Goal: K14: a crash after `Finalize`, before the store has it. Method: the floor is below: given out again, then ended."""
    scene, end = at_end()
    journal: list[Replayed] = [
        BodyRecord(end),
        CertifiedRecord(end),
        CertificateRecord(certificate(nullify_of(1))),
        CertificateRecord(certificate(again(end, 2, 0))),
        CertificateRecord(certificate(final_again(end, 2, 0))),
    ]
    scene = Scene(journal=journal)
    effects = scene.start()
    assert only(effects, Judge)[0].block_id == end.block_id
    effects = scene.judge(end)
    assert only(effects, Finalize)[0].blocks == (end,)
    assert scene.replica.ended


def test_k22_condemned_when_judged_anew_it_is_no_tip() -> None:
    """Goal: K8: nothing is built on what breaks a rule, the end neither. Method: two doubts make it judged again; it is invalid now."""
    scene = Scene(me=3)
    end = end_at(2)
    scene = Scene(me=3, journal=[BodyRecord(end), CertifiedRecord(end), CertificateRecord(certificate(again(end, 2, 0), (0, 1, 2)))])
    scene.start()
    effects = scene.judge(end, Verdict.INVALID)
    assert scene.replica._state.boundary_tip is None
    assert again(end, 3, 2) not in votes(effects)
    assert scene.replica._state.best_view == 0
