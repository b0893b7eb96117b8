"""The no-progress watchdog: its limits, its words and their pauses, and time in which the process did not run. No clock but an argument."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from node.watchdog import LOOK_MS, Course, Seen, Watchdog, Word, step
from tests.node.diagnosis_world import outlook_of_a_validator

if TYPE_CHECKING:
    from node.outlook import Outlook

IDLE = Seen(height=7, busy=False, delta_ms=250, heartbeat_ms=5_000, faults=1)
BUSY = replace(IDLE, busy=True)


def watch(seen: Seen, looks: int, course: Course | None = None) -> tuple[Course, list[int]]:
    """Look once a second at the same; return how it stands, and at which looks (from 1) it cried."""
    course = Course(0, seen.height) if course is None else course
    cried = []
    for number in range(1, looks + 1):
        course, word = step(course, seen, course.looked_ms + LOOK_MS)
        if word:
            cried.append(number)
    return course, cried


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        (BUSY, 10),
        (replace(BUSY, delta_ms=251), 11),
        (replace(BUSY, delta_ms=1_000), 40),
        (IDLE, 20),
        (replace(IDLE, heartbeat_ms=500), 11),
        (replace(IDLE, heartbeat_ms=60_000), 130),
        (replace(IDLE, faults=10), 65),
        (replace(IDLE, delta_ms=1_000), 50),
        (replace(BUSY, heartbeat_ms=60_000), 10),
    ],
)
def test_it_cries_at_its_limit_and_not_before(seen: Seen, seconds: int) -> None:
    """Goal: the two limits. Method: no final block, with something to do and without, for several timings."""
    course, cried = watch(seen, seconds - 1)
    assert (cried, course.stalled) == ([], False)
    course, cried = watch(seen, 1, course)
    assert (cried, course.stalled) == ([1], True)


def test_it_says_it_again_ever_less_often() -> None:
    """Goal: a log that stays readable. Method: five minutes of standstill."""
    _, cried = watch(BUSY, 300)
    assert cried == [10, 20, 40, 80, 140, 200, 260]


def test_it_says_once_that_blocks_come_again() -> None:
    """Goal: the end is told. Method: a block after a standstill, the next block, and a block without one."""
    course, _ = watch(BUSY, 30)
    words: list[Word] = []
    for height in (8, 9, 10):
        course, word = step(course, replace(BUSY, height=height), course.looked_ms + LOOK_MS)
        words.append(word)
    assert words == ["moves again", "", ""]
    assert course == Course(course.looked_ms, 10)


def test_work_that_comes_late_is_owed_from_then_on() -> None:
    """Goal: an idle chain with a long heartbeat is not accused. Method: 100 s idle, then work; ten seconds of it, without a break."""
    lazy, eager = (replace(seen, heartbeat_ms=60_000) for seen in (IDLE, BUSY))
    course, cried = watch(lazy, 100)
    assert not cried
    course, cried = watch(eager, 9, course)
    assert not cried
    course, _ = watch(lazy, 1, course)
    course, cried = watch(eager, 9, course)
    assert not cried
    _, cried = watch(eager, 1, course)
    assert cried == [1]


def test_a_standstill_does_not_end_because_the_work_went_away() -> None:
    """Goal: expired payments heal nothing. Method: a standstill, then nothing to do."""
    course, _ = watch(BUSY, 10)
    course, cried = watch(IDLE, 9, course)
    assert (course.stalled, cried) == (True, [])
    assert watch(IDLE, 1, course)[1] == [1]


def test_time_in_which_the_process_did_not_run_does_not_count() -> None:
    """Goal: who was stopped does not cry on waking. Method: five minutes pass between two looks, again and again."""
    course = Course(0, 7)
    for _ in range(9):
        course, word = step(course, BUSY, course.looked_ms + 300_000)
        assert word == ""
    assert course.quiet_ms == 9 * LOOK_MS
    assert step(course, BUSY, course.looked_ms + 300_000)[1] == "stalled"


@given(st.lists(st.tuples(st.integers(0, 10_000), st.booleans(), st.booleans()), max_size=80))
def test_no_cry_without_a_limit_reached_and_no_limit_without_a_cry(looks: list[tuple[int, bool, bool]]) -> None:
    """Goal: the decision, whatever is seen. Method: any gaps, work and blocks, against sums made the long way round."""
    course, height, now, quiet, owed, stalled = Course(0, 0), 0, 0, 0, 0, False
    for gap, busy, moved in looks:
        now, height = now + gap, height + moved
        course, word = step(course, Seen(height, busy, 250, 5_000, 1), now)
        if moved:
            assert word == ("moves again" if stalled else "")
            quiet, owed, stalled = 0, 0, False
            continue
        ran = gap if gap <= 2 * LOOK_MS else LOOK_MS
        quiet, owed = quiet + ran, owed + ran if busy else 0
        due = owed >= 10_000 or quiet >= 20_000
        assert (word == "stalled") == due if not stalled else word in ("", "stalled")
        stalled = stalled or due
        assert (course.stalled, course.quiet_ms) == (stalled, quiet)


@dataclass
class Hand:
    """A clock and a node, moved by hand."""

    now: float = 0.0
    seen: Seen = BUSY
    outlook: Outlook = field(default_factory=outlook_of_a_validator)

    def watchdog(self) -> Watchdog:
        """Watchdog of it."""
        return Watchdog(lambda: self.seen, lambda: self.outlook, lambda: self.now)

    def look(self, watchdog: Watchdog, times: int) -> None:
        """Let seconds pass."""
        for _ in range(times):
            self.now += 1
            watchdog.look()


def test_what_it_says() -> None:
    """Goal: the line names view, since when, who is missing and what to do. Method: ten seconds, then a block."""
    hand = Hand()
    watchdog = hand.watchdog()
    with capture_logs() as logs:
        hand.look(watchdog, 9)
        assert (logs, watchdog.stalled_ms) == ([], 0)
        hand.look(watchdog, 1)
    assert watchdog.stalled_ms == 10_000
    (line,) = logs
    assert (line["event"], line["log_level"], line["stalled_s"]) == ("no block becomes final", "warning", 10)
    assert (line["height"], line["epoch"], line["view"], line["in_view_s"]) == (3, 0, 7, 0)
    assert line["waits_for"] == "the proposal of validator 3 for view 7"
    assert (line["silent"], line["voteless"]) == (["operator/3"], ["operator/2"])
    assert "operator/2 did not vote" in line["todo"]
    hand.seen = replace(BUSY, height=8)
    with capture_logs() as logs:
        hand.look(watchdog, 2)
    assert [(line["event"], line["log_level"], line["stalled_s"], line["height"]) for line in logs] == [
        ("blocks become final again", "info", 10, 8)
    ]
    assert watchdog.stalled_ms == 0
