"""What the core tells (alarms and milestones, K6 to K11, K15) and what was asked of others, counted and logged. Outlives epochs.

A key that must not vote any more stays silenced as long as the process runs: the next epoch would give it a new core, which knows nothing
of it; the next start finds the forgotten vote in the journal and refuses (K15).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import structlog

from consensus.effects import Alarm, AlarmKind, Milestone, MilestoneKind
from node.viewtimes import ViewTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from consensus.types import Kind, Vote
    from node.metrics import Alarm as AlarmName
    from node.metrics import Metrics

ALARMS: Final[dict[AlarmKind, AlarmName]] = {
    AlarmKind.NO_VERDICT: "no_verdict",
    AlarmKind.REFUSED: "refused",
    AlarmKind.FORGOTTEN_VOTE: "forgotten_vote",
}
"""What the core's alarms are counted as; a false verdict is counted where the block was judged."""
ASKED_MAX: Final = 1_024
"""Certificates that are asked for and not here; beyond that the oldest are no longer waited for."""
SILENCED_TODO: Final = "stop the node, run `som recover`, and have the new key set by validator.set"

log = structlog.get_logger("consensus")


class Teller:
    """Counts and logs for operators. It decides nothing."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.perf_counter) -> None:
        self._metrics, self._clock = metrics, clock
        self._log = log.bind()
        """Made once: the module's own is looked up anew with each line, also with those that are not written."""
        self._times = ViewTimes()
        self._asked: dict[tuple[Kind, int], None] = {}
        self.silenced = ""
        """Why this node's key must not vote any more, and what to do; empty: it may."""

    def begin(self, names: Sequence[str]) -> None:
        """Begin an epoch, whose validators have these names, by index: views count from 1 again, and every leader has its series."""
        self._times, self._asked = ViewTimes(), {}
        self._metrics.expect_leaders(names)

    def tell(self, effect: Alarm | Milestone) -> None:
        """Count and log what the core tells."""
        if isinstance(effect, Alarm):
            self._alarm(effect)
        else:
            self._milestone(effect)

    def asked(self, kind: Kind, views: Iterable[int]) -> None:
        """Count certificates of these views that were asked for."""
        for view in views:
            self._metrics.repair_asked("certificate")
            while len(self._asked) >= ASKED_MAX:
                del self._asked[next(iter(self._asked))]
            self._asked[kind, view] = None

    def arrived(self, subject: Vote) -> None:
        """Count a certificate that is acted on, where it had been asked for."""
        if self._asked and (subject.kind, subject.view) in self._asked:
            del self._asked[subject.kind, subject.view]
            self._metrics.repaired("certificate")

    def _milestone(self, milestone: Milestone) -> None:
        kind, view, cause = milestone.kind, milestone.view, milestone.cause.value
        for step, seconds in self._times.take(milestone, self._clock()):
            self._metrics.view_step(step, seconds)
        if kind is MilestoneKind.ENTERED:
            self._metrics.view_entered(milestone.cause)
        elif kind is MilestoneKind.GAVE_UP:
            self._metrics.view_timeout(milestone.cause, milestone.leader)
        self._log.debug("milestone", kind=kind.value, view=view, leader=milestone.leader, cause=cause)

    def _alarm(self, alarm: Alarm) -> None:
        if alarm.kind in ALARMS:
            self._metrics.alarm(ALARMS[alarm.kind])
        if alarm.kind is not AlarmKind.FORGOTTEN_VOTE:
            log.warning("alarm", kind=alarm.kind.value, why=alarm.reason)
        elif not self.silenced:
            self.silenced = f"this node's key must not vote any more: {alarm.reason}; {SILENCED_TODO}"
            log.error("this key must not vote any more", why=alarm.reason, todo=SILENCED_TODO)
