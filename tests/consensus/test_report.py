"""What a replica tells operators: milestones of each view with their causes, and the report."""

from __future__ import annotations

from consensus.effects import Alarm, AlarmKind, Cause, Milestone, MilestoneKind
from consensus.events import CastRefused, StatusReceived, TimerKind, Verdict
from consensus.types import BlockFacts, Height, Kind, ValidatorId, View
from tests.consensus.network import Network
from tests.consensus.scene import GENESIS, START, Scene, block, nullify_of, only, vote_for
from tests.consensus.test_repair import status
from tests.consensus.test_votes import at_view_two


def causes(scene_effects: tuple[object, ...]) -> list[tuple[MilestoneKind, int, Cause]]:
    """Return kind, view and cause of each milestone."""
    return [(mark.kind, mark.view, mark.cause) for mark in scene_effects if isinstance(mark, Milestone)]


def test_milestones_of_a_healthy_view() -> None:
    """Goal: each step once, in order. Method: one view from proposal to finality by hand."""
    scene = at_view_two()
    facts = block(GENESIS, 2)
    effects = scene.accept(facts, 0) + scene.certify(vote_for(Kind.NOTARIZE, facts, 0)) + scene.certify(vote_for(Kind.FINALIZE, facts, 0))
    assert causes(effects) == [
        (MilestoneKind.PROPOSED, 2, Cause.NONE),
        (MilestoneKind.CERTIFIED, 2, Cause.NONE),
        (MilestoneKind.NOTARIZED, 2, Cause.NONE),
        (MilestoneKind.ENTERED, 3, Cause.NOTARIZED),
        (MilestoneKind.FINAL, 2, Cause.NONE),
    ]
    assert only(effects, Milestone)[0].leader == 2


def test_milestones_are_few() -> None:
    """Goal: the hot path stays cheap. Method: 100 busy blocks, seven validators: at most six for each view."""
    network = Network(7)
    for _ in range(100):
        network.pay()
        network.run(25)
    for node in network.nodes:
        assert len(node.milestones) <= 6 * node.replica.view


def test_why_a_view_was_given_up() -> None:
    """Goal: each cause of K6 is told. Method: each by hand."""

    def gave_up(effects: tuple[object, ...]) -> Cause:
        (found,) = [cause for kind, _, cause in causes(effects) if kind is MilestoneKind.GAVE_UP]
        return found

    assert gave_up(at_view_two().fire(TimerKind.LEADER, after_ms=60_000)) is Cause.LEADER_SILENT
    scene = at_view_two()
    scene.propose(block(GENESIS, 2), 0)
    assert gave_up(scene.fire(TimerKind.ADVANCE, after_ms=60_000)) is Cause.NO_PROGRESS
    assert gave_up(at_view_two().vote(nullify_of(2), 2)) is Cause.LEADER_NULLIFIED
    assert gave_up(at_view_two().propose(block(GENESIS, 2, height=7), 0)) is Cause.INVALID_PROPOSAL
    scene = at_view_two()
    scene.propose(block(GENESIS, 2), 0)
    assert gave_up(scene.judge(block(GENESIS, 2), Verdict.INVALID)) is Cause.INVALID_PROPOSAL
    timeout = scene.replica.report().last_timeout
    assert timeout is not None
    assert (timeout.view, timeout.leader, timeout.cause, timeout.at_ms) == (2, 2, Cause.INVALID_PROPOSAL, START)


def test_a_leader_says_why_it_passes() -> None:
    """Goal: K3, K6: missing evidence and a failed build are told apart. Method: we lead view 5."""
    scene = Scene()
    scene.start()
    scene.nullified(4)
    effects = scene.fire(TimerKind.PROPOSE, after_ms=250)
    assert (MilestoneKind.GAVE_UP, 5, Cause.EVIDENCE_MISSING) in causes(effects)


def test_alarms_have_a_kind() -> None:
    """Goal: each alarm can be counted. Method: the signer's refusal and a block without a verdict."""
    scene = at_view_two()
    effects = scene.feed(CastRefused((nullify_of(2),), scene.clock))
    assert [alarm.kind for alarm in only(effects, Alarm)] == [AlarmKind.REFUSED]
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    assert [alarm.kind for alarm in only(scene.judge(facts, Verdict.NONE), Alarm)] == [AlarmKind.NO_VERDICT]


def test_the_report_says_who_is_missing() -> None:
    """Goal: whom this validator waits for, since when. Method: view 2; 0 voted and spoke, 3 spoke and is behind, 2 is silent."""
    scene = at_view_two()
    scene.now += 700
    scene.vote(nullify_of(2), 0)
    scene.feed(StatusReceived(ValidatorId(3), status(), scene.clock))
    scene.fire(TimerKind.LEADER, after_ms=60_000)
    report = scene.replica.report()
    assert (report.epoch, report.view, report.final_view, report.committed_height, report.leader) == (0, 2, 0, 0, 2)
    assert report.waits_for == "a quorum to give view 2 up (1 of 3)"
    assert report.waiting_since_ms == START
    zero, me, two, three = report.validators
    assert (zero.newest_vote, zero.voted, zero.lag, zero.heard_at_ms) == ((Kind.NULLIFY, View(2)), (Kind.NULLIFY,), 0, START + 700)
    assert (me.lag, me.heard_at_ms, me.status) == (0, None, None)
    assert (two.newest_vote, two.voted, two.status, two.heard_at_ms) == ((Kind.NULLIFY, View(1)), (), None, None)
    assert two.lag == 1
    assert three.status is not None
    assert (three.status.view, three.status.final_view, three.status.height) == (View(1), View(0), Height(0))
    assert (three.status.time_ms, three.status.heard_at_ms) == (START, START + 700)


def test_what_it_waits_for() -> None:
    """Goal: one true sentence at each step of a view. Method: a view by hand."""
    scene = at_view_two()
    facts: BlockFacts = block(GENESIS, 2)
    replica = scene.replica
    assert replica.waits_for == "the proposal of validator 2 for view 2"
    scene.propose(facts, 0)
    assert replica.waits_for == "the proposal for view 2 to be judged"
    scene.judge(facts)
    assert replica.waits_for == "a quorum for the block of view 2 (1 of 3)"
    scene.certify(vote_for(Kind.FINALIZE, block(facts, 3), 2))
    assert replica.waits_for == "the final block of view 3 and its ancestors"
    assert Scene().replica.waits_for == "our own proposal to be due"
