"""K18: asleep without work, awake at once with some, one empty block every heartbeat."""

from __future__ import annotations

from consensus.effects import Build, SetTimer
from consensus.events import TimerKind
from consensus.idle import awake, propose_due, unfinal_views
from consensus.types import Kind, View
from tests.consensus.scene import GENESIS, Scene, block, kinds, only
from tests.consensus.test_views import timers

HEARTBEAT = 5_000


def at_view_two() -> Scene:
    """Start, and leave our own view 1."""
    scene = Scene()
    scene.start()
    scene.nullified(1)
    return scene


def test_k18_asleep_timers_count_from_the_heartbeat() -> None:
    """Goal: K18. Method: enter a view with nothing to do."""
    scene = Scene()
    scene.start()
    armed = timers(scene.nullified(1))
    assert armed[TimerKind.LEADER].at_ms == scene.now + HEARTBEAT + 500
    assert armed[TimerKind.ADVANCE].at_ms == scene.now + HEARTBEAT + 750


def test_k18_waking_re_arms_from_now_once_a_view() -> None:
    """Goal: K18. Method: work comes, goes and comes again: only the first waking re-arms."""
    scene = at_view_two()
    scene.now += 3_000
    armed = timers(scene.work(1))
    assert armed[TimerKind.LEADER].at_ms == scene.now + 500
    scene.now += 200
    assert timers(scene.work(0)) == {}
    assert timers(scene.work(1)) == {}
    assert kinds(scene.fire(TimerKind.LEADER, after_ms=300)) == ((Kind.NULLIFY, 2),)


def test_k18_a_proposal_wakes() -> None:
    """Goal: K18: a block that may hold transactions is unfinal. Method: a proposal in an idle view re-arms the advance timer."""
    scene = at_view_two()
    scene.now += 3_000
    armed = timers(scene.propose(block(GENESIS, 2), 0))
    assert armed[TimerKind.ADVANCE].at_ms == scene.now + 750
    assert TimerKind.LEADER not in armed


def test_k18_an_empty_block_keeps_nobody_awake() -> None:
    """Goal: K18. Method: view 2's block is empty: view 3 starts asleep; with a transaction in it, awake until it is final."""
    scene = at_view_two()
    scene.accept(block(GENESIS, 2), 0, transactions=0)
    armed = timers(scene.notarized(block(GENESIS, 2), 0))
    assert armed[TimerKind.LEADER].at_ms == scene.now + HEARTBEAT + 500
    scene = at_view_two()
    facts = block(GENESIS, 2)
    scene.accept(facts, 0, transactions=1)
    armed = timers(scene.notarized(facts, 0))
    assert armed[TimerKind.LEADER].at_ms == scene.now + 500
    asleep = timers(scene.finalized(facts, 0))
    assert asleep[TimerKind.LEADER].at_ms == scene.now + HEARTBEAT + 500, "its finalization lets the view sleep"
    assert kinds(scene.fire(TimerKind.LEADER, after_ms=500)) == (), "the timer that was replaced"


def test_k18_an_idle_leader_proposes_at_the_heartbeat() -> None:
    """Goal: K18. Method: we lead view 1, nothing to do: no block before the heartbeat."""
    scene = Scene()
    effects = scene.start()
    assert only(effects, Build) == ()
    assert [timer.at_ms for timer in only(effects, SetTimer) if timer.kind is TimerKind.PROPOSE] == [scene.now + HEARTBEAT]
    assert only(scene.fire(TimerKind.PROPOSE, after_ms=HEARTBEAT - 1), Build) == ()
    assert [build.view for build in only(scene.fire(TimerKind.PROPOSE, after_ms=1), Build)] == [1]


def test_k18_work_wakes_the_leader_at_once() -> None:
    """Goal: K18: an awake leader proposes within delta. Method: work arrives a second into our view."""
    scene = Scene()
    scene.start()
    scene.now += 1_000
    assert [build.view for build in only(scene.work(1), Build)] == [1]
    assert only(scene.work(2), Build) == ()


def test_k18_with_only_an_unfinal_payment_the_leader_waits_two_delta() -> None:
    """Goal: K18. Method: view 4's block holds a payment, the pool is empty; we lead view 5."""
    scene = at_view_two()
    for view in (2, 3):
        scene.nullified(view)
    facts = block(GENESIS, 4)
    scene.accept(facts, 0)
    scene.now += 100
    effects = scene.notarized(facts, 0)
    assert only(effects, Build) == ()
    assert [timer.at_ms for timer in only(effects, SetTimer) if timer.kind is TimerKind.PROPOSE] == [scene.now + 500]
    assert only(scene.fire(TimerKind.PROPOSE, after_ms=499), Build) == ()
    assert [build.view for build in only(scene.fire(TimerKind.PROPOSE, after_ms=1), Build)] == [5]


def test_k18_its_finalization_makes_the_empty_child_needless() -> None:
    """Goal: K18. Method: as before, but the payment becomes final in time: nothing to build until the heartbeat."""
    scene = at_view_two()
    for view in (2, 3):
        scene.nullified(view)
    facts = block(GENESIS, 4)
    scene.accept(facts, 0)
    scene.notarized(facts, 0)
    scene.now += 100
    effects = scene.finalized(facts, 0)
    assert [timer.at_ms for timer in only(effects, SetTimer) if timer.kind is TimerKind.PROPOSE] == [scene.now - 100 + HEARTBEAT]
    assert only(scene.fire(TimerKind.PROPOSE, after_ms=400), Build) == ()


def test_pacing_keeps_the_block_interval() -> None:
    """Goal: section 5: block interval >= 10 ms. Method: view 4's proposal came 3 ms ago; we lead view 5 with a full pool."""
    scene = at_view_two()
    scene.work(9)
    for view in (2, 3):
        scene.nullified(view)
    facts = block(GENESIS, 4)
    scene.accept(facts, 0)
    scene.now += 3
    assert only(scene.notarized(facts, 0), Build) == ()
    assert propose_due(scene.replica._state) == scene.now + 7
    assert len(only(scene.fire(TimerKind.PROPOSE, after_ms=7), Build)) == 1


def test_unfinal_views_cost_block_budget() -> None:
    """Goal: K18: blocks too slow to judge heal themselves. Method: count beyond the two that are always in flight."""
    scene = at_view_two()
    state = scene.replica._state
    assert [(state.view, unfinal_views(state))] == [(2, 0)]
    state.view = View(12)
    assert unfinal_views(state) == 10
    assert not awake(state)
