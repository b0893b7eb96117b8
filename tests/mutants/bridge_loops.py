"""Attestors and relayers, broken on purpose: which height they sign, what they keep, and when they stop (B6 to B9)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SPEAKER, WATCHER, ATTESTOR, RELAYER, INSPECTOR = (
    "bridge/speaker.py",
    "bridge/watcher.py",
    "bridge/attestor.py",
    "bridge/relayer.py",
    "bridge/inspector.py",
)
LOOPS = ("tests/bridge/test_loops.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant("B6", "who_stopped_forgets_it", ATTESTOR, "self._keep(replace(self.state, stopped=reason))", "self._keep(self.state)", LOOPS),
    Mutant(
        "B6",
        "what_was_refused_is_passed_over",
        WATCHER,
        "if code not in (0, SEEN):\n            raise Later",
        "if False:\n            raise Later",
        LOOPS,
    ),
    Mutant("B7", "a_big_lock_is_signed_at_once", SPEAKER, "if lock.sign_from_ms > newest.at.time_ms:", "if False:", LOOPS),
    Mutant("B8", "a_contradiction_is_shown_only", INSPECTOR, "if report.broken:", "if False:", LOOPS),
    Mutant(
        "B9",
        "a_lock_is_of_its_own_height_for_ever",
        SPEAKER,
        "max(lock.height, home.rotation(newest.route.epoch).height)",
        "lock.height",
        LOOPS,
    ),
    Mutant("B9", "rubbish_is_carried", RELAYER, "if address is not None and address in members:", "if address is not None or True:", LOOPS),
    Mutant("B9", "a_set_is_signed_by_nobody", SPEAKER, "if self._is_member(self._home.rotation(epoch - 1).attestors):", "if False:", LOOPS),
    Mutant(
        "B9",
        "a_lost_cursor_silences_after_a_rotation",
        SPEAKER,
        'if word.what != "mint" and',
        'if word.what == "checkpoint" and',
        ("tests/bridge/test_lost_cursor.py",),
    ),
    Mutant(
        "B10",
        "a_lost_cursor_tells_the_same_sighting_for_ever",
        WATCHER,
        "(0, SEEN, PASSED)",
        "(0, SEEN)",
        ("tests/bridge/test_lost_cursor.py",),
    ),
)
