"""The no-progress watchdog: says aloud that the chain stands still, since when, who is missing, and what to do.

The decision is a pure function of what was seen and of how long this process really ran in between: a machine that slept, or a process
that was stopped, must not cry as soon as it wakes. `Watchdog` is the thin shell around it: a look each second, a line in the log, a gauge.

Two limits, because an idle chain makes a block each heartbeat only (K18):
- something to do: 10 s, or 40 delta where that is more. A leader that is down costs its view at most 3 delta before the timers back off
  (K16), so even f = 10 of 31 validators down one after the other cost 30.
- nothing to do: as much and f + 1 heartbeats, for f leaders in a row may be down, and an idle view waits a heartbeat for each of them
  before its timers start, and one for the leader that proposes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import structlog

from node.outlook import advice, silent, voteless

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.outlook import Outlook

LOOK_MS: Final = 1_000
SLEPT_MS: Final = 2 * LOOK_MS
"""More than this between two looks is time in which this process did not run: it is counted as one look."""
LIMIT_MS: Final = 10_000
LIMIT_DELTAS: Final = 40
PAUSE_MS: Final = (10_000, 60_000)
"""From the first word to the second, and the longest between two words; doubled each time."""

log = structlog.get_logger("watchdog")

Word = Literal["", "stalled", "moves again"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look sees."""

    height: int
    """Of the newest final block."""
    busy: bool
    """Whether there is anything to do."""
    delta_ms: int
    heartbeat_ms: int
    faults: int
    """How many validators may be down: f."""

    @property
    def busy_limit_ms(self) -> int:
        """How long something to do may wait for a final block."""
        return max(LIMIT_MS, LIMIT_DELTAS * self.delta_ms)

    @property
    def limit_ms(self) -> int:
        """How long no block may become final, whatever there is to do."""
        return self.busy_limit_ms + (self.faults + 1) * self.heartbeat_ms


@dataclass(frozen=True, slots=True)
class Course:
    """How it has gone so far."""

    looked_ms: int
    """Clock of the last look."""
    height: int
    quiet_ms: int = 0
    """How long this process ran since a block became final."""
    owed_ms: int = 0
    """How long of that there has been something to do, without a break up to now."""
    stalled: bool = False
    """Latched: it ends with the next final block, whatever becomes of the work."""
    tell_at_ms: int = 0
    """At which `quiet_ms` the next word is due; only while stalled."""
    pause_ms: int = 0


def step(course: Course, seen: Seen, now_ms: int) -> tuple[Course, Word]:
    """Take one look at `now_ms` (a clock that never goes back); return how it goes on, and what is to be said now."""
    if seen.height > course.height:
        word: Word = "moves again" if course.stalled else ""
        return Course(now_ms, seen.height), word
    ran = now_ms - course.looked_ms
    if ran > SLEPT_MS:
        ran = LOOK_MS
    quiet, owed = course.quiet_ms + ran, course.owed_ms + ran if seen.busy else 0
    course = replace(course, looked_ms=now_ms, quiet_ms=quiet, owed_ms=owed)
    if course.stalled:
        if quiet < course.tell_at_ms:
            return course, ""
        pause = min(2 * course.pause_ms, PAUSE_MS[1])
        return replace(course, tell_at_ms=quiet + pause, pause_ms=pause), "stalled"
    if owed < seen.busy_limit_ms and quiet < seen.limit_ms:
        return course, ""
    return replace(course, stalled=True, tell_at_ms=quiet + PAUSE_MS[0], pause_ms=PAUSE_MS[0]), "stalled"


class Watchdog:
    """Looks once a second, for as long as the node runs."""

    def __init__(self, look: Callable[[], Seen], outlook: Callable[[], Outlook], clock: Callable[[], float]) -> None:
        """`clock`: seconds, never going back."""
        self._look, self._outlook, self._clock = look, outlook, clock
        self._course = Course(self._now(), look().height)

    @property
    def stalled_ms(self) -> int:
        """Since the last final block, once that is too long; 0: the chain moves."""
        return self._course.quiet_ms if self._course.stalled else 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_MS / 1_000)
            self.look()

    def look(self) -> None:
        """Look once."""
        before = self._course
        seen = self._look()
        self._course, word = step(before, seen, self._now())
        if word == "moves again":
            log.info("blocks become final again", height=seen.height, stalled_s=before.quiet_ms // 1_000)
        elif word == "stalled":
            self._cry()

    def _cry(self) -> None:
        outlook = self._outlook()
        log.warning(
            "no block becomes final",
            stalled_s=self._course.quiet_ms // 1_000,
            height=outlook.height,
            epoch=outlook.epoch,
            view=outlook.view,
            in_view_s=max(0, outlook.now_ms - outlook.since_ms) // 1_000,
            waits_for=outlook.waits_for,
            silent=[each.name for each in silent(outlook)],
            voteless=[each.name for each in voteless(outlook)],
            todo=advice(outlook),
        )

    def _now(self) -> int:
        return int(self._clock() * 1_000)
