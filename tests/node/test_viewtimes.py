"""How long the steps of a view take, and that odd orders of milestones measure nothing false."""

from __future__ import annotations

from consensus.effects import Cause, Milestone, MilestoneKind
from consensus.types import ValidatorId, View
from node.viewtimes import VIEWS_MAX, ViewTimes

ENTERED, PROPOSED = MilestoneKind.ENTERED, MilestoneKind.PROPOSED


def milestone(kind: MilestoneKind, view: int) -> Milestone:
    return Milestone(kind, View(view), ValidatorId(view % 4), Cause.NONE)


def test_each_step_counts_from_entering() -> None:
    """Goal: four times of a view. Method: one view, step by step; its finality comes when the next one was entered."""
    times = ViewTimes()
    assert times.take(milestone(ENTERED, 5), 10.0) == []
    assert times.take(milestone(PROPOSED, 5), 10.5) == [("proposed", 0.5)]
    assert times.take(milestone(MilestoneKind.CERTIFIED, 5), 11.0) == [("certified", 1.0)]
    assert times.take(milestone(MilestoneKind.NOTARIZED, 5), 11.5) == [("notarized", 1.5)]
    assert times.take(milestone(ENTERED, 6), 12.0) == []
    assert times.take(milestone(MilestoneKind.FINAL, 5), 12.5) == [("final", 2.5)]
    assert times.take(milestone(MilestoneKind.GAVE_UP, 6), 13.0) == []


def test_what_was_here_before_took_no_time() -> None:
    """Goal: a proposal for the next view is kept by the core. Method: it comes before the view; another view's is not counted with it."""
    times = ViewTimes()
    times.take(milestone(ENTERED, 5), 1.0)
    assert times.take(milestone(PROPOSED, 6), 2.0) == []
    assert times.take(milestone(PROPOSED, 8), 2.0) == []
    assert times.take(milestone(ENTERED, 6), 3.0) == [("proposed", 0.0)]
    assert times.take(milestone(ENTERED, 7), 4.0) == []
    assert times.take(milestone(ENTERED, 8), 5.0) == [("proposed", 0.0)]


def test_a_view_that_was_never_entered_is_not_measured() -> None:
    """Goal: no time from nowhere. Method: certificates take a node from view 5 to 9; what comes of 7 then is too late to be early."""
    times = ViewTimes()
    times.take(milestone(ENTERED, 5), 1.0)
    times.take(milestone(PROPOSED, 7), 1.5)
    assert times.take(milestone(ENTERED, 9), 2.0) == []
    assert times.take(milestone(MilestoneKind.FINAL, 7), 3.0) == []
    assert times.take(milestone(MilestoneKind.FINAL, 5), 4.0) == [("final", 3.0)]


def test_it_remembers_no_more_than_is_voted_on() -> None:
    """Goal: bounded. Method: one view more than is kept; then as many early ones."""
    times = ViewTimes()
    for view in range(VIEWS_MAX + 1):
        times.take(milestone(ENTERED, view), 1.0)
    assert times.take(milestone(PROPOSED, 0), 2.0) == []
    assert times.take(milestone(PROPOSED, 1), 2.0) == [("proposed", 1.0)]
    for view in range(1_000, 1_000 + VIEWS_MAX + 1):
        assert times.take(milestone(PROPOSED, view), 3.0) == []
    assert times.take(milestone(ENTERED, 1_000), 4.0) == []
    assert times.take(milestone(ENTERED, 1_001), 4.0) == [("proposed", 0.0)]
