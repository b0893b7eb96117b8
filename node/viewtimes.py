"""How long the steps of a view take, from the milestones that the core gives out. Pure: the clock is an argument.

Counted from when this node entered the view. A proposal may be here before: then it took no time. Of a view that was never entered (its
certificate came first) nothing is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from consensus.effects import MilestoneKind

if TYPE_CHECKING:
    from consensus.effects import Milestone
    from consensus.types import View

StepName = Literal["proposed", "notarized", "certified", "final"]
STEPS: Final[tuple[StepName, ...]] = get_args(StepName)
VIEWS_MAX: Final = 256
"""Views remembered: what is older is no longer voted on (K19)."""
_STEP_OF: Final[dict[MilestoneKind, StepName]] = {
    MilestoneKind.PROPOSED: "proposed",
    MilestoneKind.NOTARIZED: "notarized",
    MilestoneKind.CERTIFIED: "certified",
    MilestoneKind.FINAL: "final",
}


class ViewTimes:
    """The views of one epoch."""

    def __init__(self) -> None:
        self._entered: dict[View, float] = {}
        self._early: dict[View, list[StepName]] = {}
        """Steps of views above the current one."""

    def take(self, milestone: Milestone, now: float) -> list[tuple[StepName, float]]:
        """Take a milestone at `now` (seconds, a clock that never goes back); return what can be measured by it, in seconds."""
        view = milestone.view
        if milestone.kind is MilestoneKind.ENTERED:
            return self._enter(view, now)
        step = _STEP_OF.get(milestone.kind)
        if step is None:
            return []
        entered = self._entered.get(view)
        if entered is not None:
            return [(step, now - entered)]
        if view > max(self._entered, default=view - 1):
            _make_room(self._early)
            self._early.setdefault(view, []).append(step)
        return []

    def _enter(self, view: View, now: float) -> list[tuple[StepName, float]]:
        _make_room(self._entered)
        self._entered[view] = now
        early = self._early.pop(view, [])
        self._early = {number: steps for number, steps in self._early.items() if number > view}
        return [(step, 0.0) for step in early]


def _make_room(kept: dict[View, float] | dict[View, list[StepName]]) -> None:
    """Forget the lowest views until there is room for one more."""
    while len(kept) >= VIEWS_MAX:
        del kept[next(iter(kept))]
