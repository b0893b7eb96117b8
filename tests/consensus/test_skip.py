"""K17: a leader that is silent while the others speak is not waited for. Networks with a dead validator are in test_epoch_network.py."""

from __future__ import annotations

import pytest

from consensus.effects import Cause, Milestone, MilestoneKind
from consensus.events import CertificatesRequested, PeerConnected, StatusReceived, TimerKind
from consensus.types import Kind, Timing, ValidatorId, View
from tests.consensus.scene import GENESIS, Scene, block, kinds, nullify_of, signed, vote_for
from tests.consensus.test_repair import status

SILENCE_MS = 5_000
"""With default timers: two statuses of 2 s and a retry of 1 s, which is more than advance and retry."""


def speak(scene: Scene, *validators: int) -> None:
    """Have validators send a status."""
    for validator in validators:
        scene.feed(StatusReceived(ValidatorId(validator), status(), scene.clock))


def before_view_two(size: int = 4, timing: Timing | None = None) -> Scene:
    """Start; view 1 is ours, view 2 that of validator 2."""
    scene = Scene(size, timing=timing)
    scene.start()
    return scene


def test_k17_a_silent_leader_is_given_up_at_once() -> None:
    """Goal: no timer runs for it. Method: 5 s without a word of validator 2, the others spoke; its view begins."""
    scene = before_view_two()
    scene.now += SILENCE_MS
    speak(scene, 0, 3)
    effects = scene.nullified(1)
    assert kinds(effects) == ((Kind.NULLIFY, 2),)
    assert Milestone(MilestoneKind.GAVE_UP, View(2), ValidatorId(2), Cause.INACTIVE) in effects


def test_k17_one_millisecond_less_is_not_silence() -> None:
    """Goal: the bound. Method: as before, 1 ms earlier; then the time comes with any event."""
    scene = before_view_two()
    scene.now += SILENCE_MS - 1
    speak(scene, 0, 3)
    assert kinds(scene.nullified(1)) == ()
    scene.now += 1
    assert kinds(scene.work(0)) == ((Kind.NULLIFY, 2),)


def test_k17_fails_open() -> None:
    """Goal: where fewer than q are heard the fault may be ours. Method: one other of four speaks, with us that is two."""
    scene = before_view_two()
    scene.now += SILENCE_MS
    speak(scene, 3)
    assert kinds(scene.nullified(1)) == ()
    speak(scene, 0)
    assert scene.replica._state.at(View(2)).own[Kind.NULLIFY] is not None, "now there are three"


@pytest.mark.parametrize("size", [4, 5, 6, 7, 10])
def test_k17_needs_q_without_the_leader(size: int) -> None:
    """Goal: q for every n, ourselves among them, the leader not. Method: one fewer than q - 1 others, then one more."""
    scene = before_view_two(size)
    quorum = scene.replica._state.validators.quorum
    scene.now += SILENCE_MS
    others = [validator for validator in range(size) if validator not in (1, 2)]
    speak(scene, *others[: quorum - 2])
    assert kinds(scene.nullified(1)) == ()
    speak(scene, others[quorum - 2])
    assert scene.replica._state.at(View(2)).own[Kind.NULLIFY] is not None


@pytest.mark.parametrize("sound", ["vote", "status", "request", "connected"])
def test_k17_any_message_is_a_sign_of_life(sound: str) -> None:
    """Goal: silence means not one verified message, `Status` included. Method: one of each kind, just before."""
    scene = before_view_two()
    scene.now += SILENCE_MS - 500
    two = ValidatorId(2)
    if sound == "vote":
        scene.vote(nullify_of(1), 2)
    elif sound == "status":
        speak(scene, 2)
    elif sound == "request":
        scene.feed(CertificatesRequested(two, (), (), scene.clock))
    else:
        scene.feed(PeerConnected(two, scene.clock))
    scene.now += 500
    speak(scene, 0, 3)
    assert kinds(scene.nullified(1)) == ()


def test_k17_a_buffered_proposal_cancels_it() -> None:
    """Goal: what the leader has sent is looked at, however long ago. Method: its proposal for view 2 came 10 s before we enter."""
    scene = before_view_two()
    facts = block(GENESIS, 2)
    scene.propose(facts, 0)
    scene.now += 2 * SILENCE_MS - 1_000
    speak(scene, 0, 3)
    assert kinds(scene.nullified(1)) == ()
    assert kinds(scene.judge(facts)) == ((Kind.NOTARIZE, 2),)


def test_k17_silence_grows_with_the_timeout() -> None:
    """Goal: advance + retry where that is more than two statuses. Method: T = 2 s from the start: 3 T + 1 s."""
    scene = before_view_two(timing=Timing(delta_ms=2_000))
    scene.now += 6_999
    speak(scene, 0, 3)
    assert kinds(scene.nullified(1)) == ()
    scene.now += 1
    assert kinds(scene.work(0)) == ((Kind.NULLIFY, 2),)


def test_k17_after_a_restart_nobody_is_silent_yet() -> None:
    """Goal: what was heard before is not known. Method: a fresh start an hour later, the others speak at once."""
    scene = Scene()
    scene.now += 3_600_000
    scene.start()
    speak(scene, 0, 3)
    assert kinds(scene.nullified(1)) == ()


def test_k17_a_clock_set_right_skips_nobody() -> None:
    """Goal: section 6: jumps of our clock. Method: an hour ahead: nobody else is recent, fails open; back: what was heard stays heard."""
    scene = before_view_two()
    speak(scene, 0, 2, 3)
    scene.now += 3_600_000
    assert kinds(scene.nullified(1)) == ()
    scene.feed(StatusReceived(ValidatorId(0), status(), scene.clock))
    scene.now -= 3_600_000
    speak(scene, 0, 3)
    assert scene.replica._state.at(View(2)).own[Kind.NULLIFY] is None


def test_k17_not_the_leader_itself() -> None:
    """Goal: we do not skip ourselves, nor give up what we may not. Method: our own view 1; a view where we notarized."""
    scene = before_view_two()
    scene.now += SILENCE_MS
    speak(scene, 0, 2, 3)
    assert kinds(scene.work(0)) == ()
    facts = block(GENESIS, 2)
    scene.nullified(1)
    scene.accept(facts, 0)
    scene.now += SILENCE_MS + 1
    speak(scene, 0, 3)
    assert scene.replica._state.at(View(2)).own[Kind.NULLIFY] is None
    assert kinds(scene.fire(TimerKind.ADVANCE)) == ((Kind.NULLIFY, 2),)
    assert signed(vote_for(Kind.NOTARIZE, facts, 0), 1).vote in [own for own in scene.replica._state.at(View(2)).own if own]
