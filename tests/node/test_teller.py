"""What the core tells is counted under series that exist from the start; a silenced key is told once, aloud, and stays silenced."""

from __future__ import annotations

from typing import get_args

from structlog.testing import capture_logs

from consensus.effects import Alarm, AlarmKind, Cause, Milestone, MilestoneKind
from consensus.types import BlockId, Epoch, Kind, ValidatorId, View, Vote
from node.metrics import TIMEOUT_CAUSES, Metrics, RepairKind
from node.teller import ASKED_MAX, Teller
from node.viewtimes import STEPS

NAMES = ("bank-a", "operator/1", "operator/2", "treasury")
SHOWN = Alarm(
    AlarmKind.FORGOTTEN_VOTE, "a nullify vote of this key for view 9 is not in our journal: it must not vote again; make a new key"
)


class Scene:
    """A teller, its clock and its metrics."""

    def __init__(self) -> None:
        self.metrics, self.now = Metrics(), 0.0
        self.teller = Teller(self.metrics, lambda: self.now)
        self.teller.begin(NAMES)

    def value(self, name: str, **labels: str) -> float | None:
        """Value of a series; None where there is none."""
        return self.metrics.registry.get_sample_value(name, labels)

    def tell(self, kind: MilestoneKind, view: int, cause: Cause = Cause.NONE) -> None:
        """Tell of a milestone of a view, whose leader is that of the fourth epoch of four."""
        self.teller.tell(Milestone(kind, View(view), ValidatorId(view % 4), cause))


def test_every_series_is_there_from_the_start() -> None:
    """Goal: an alarm on a series can be tested before anything happens. Method: read all of them in a new node."""
    scene = Scene()
    for cause in TIMEOUT_CAUSES:
        for name in NAMES:
            assert scene.value("som_view_timeouts_total", cause=cause.value, leader=name) == 0
    for step in STEPS:
        assert scene.value("som_view_seconds_count", step=step) == 0
    for entry in (Cause.NONE, Cause.NOTARIZED, Cause.NULLIFIED, Cause.FINALIZED):
        assert scene.value("som_views_entered_total", cause=entry.value) == 0
    for kind in get_args(RepairKind):
        assert scene.value("som_repair_requests_total", kind=kind) == scene.value("som_repair_pieces_total", kind=kind) == 0
    for file in ("journal", "mark"):
        assert scene.value("som_fsync_seconds_count", file=file) == 0


def test_a_view_is_counted_step_by_step() -> None:
    """Goal: entered, steps in seconds, timeouts by cause and leader. Method: a view that is given up, and one that becomes final."""
    scene = Scene()
    scene.tell(MilestoneKind.ENTERED, 5, Cause.NOTARIZED)
    scene.now = 2.0
    scene.tell(MilestoneKind.GAVE_UP, 5, Cause.LEADER_SILENT)
    scene.tell(MilestoneKind.ENTERED, 6, Cause.NULLIFIED)
    scene.now = 2.25
    scene.tell(MilestoneKind.FINAL, 6)
    assert scene.value("som_views_entered_total", cause="notarized") == scene.value("som_views_entered_total", cause="nullified") == 1
    assert scene.value("som_view_timeouts_total", cause="leader_silent", leader="operator/1") == 1
    assert scene.value("som_view_timeouts_total", cause="leader_silent", leader="operator/2") == 0
    assert scene.value("som_view_seconds_sum", step="final") == 0.25


def test_an_epoch_brings_the_series_of_its_leaders_and_takes_those_of_others() -> None:
    """Goal: every leader of the set in force and nobody else, counts of those who stay. Method: one goes, one comes, places change."""
    scene = Scene()
    scene.tell(MilestoneKind.GAVE_UP, 0, Cause.INACTIVE)
    scene.teller.begin(("bank-b", "bank-a"))
    for cause in TIMEOUT_CAUSES:
        assert scene.value("som_view_timeouts_total", cause=cause.value, leader="bank-b") == 0
        assert scene.value("som_view_timeouts_total", cause=cause.value, leader="treasury") is None
    assert scene.value("som_view_timeouts_total", cause="inactive", leader="bank-a") == 1
    scene.teller.tell(Milestone(MilestoneKind.GAVE_UP, View(1), ValidatorId(1), Cause.INACTIVE))
    assert scene.value("som_view_timeouts_total", cause="inactive", leader="bank-a") == 2


def test_views_of_a_new_epoch_are_not_measured_from_the_old_one() -> None:
    """Goal: view numbers begin anew (K22). Method: view 5 of the old epoch was entered, view 5 of the new one was not."""
    scene = Scene()
    scene.tell(MilestoneKind.ENTERED, 5)
    scene.teller.begin(NAMES)
    scene.tell(MilestoneKind.FINAL, 5)
    assert scene.value("som_view_seconds_count", step="final") == 0


def test_k15_a_silenced_key_is_told_once_and_stays_so_in_the_next_epoch() -> None:
    """Goal: one error with what to do. Method: the alarm twice, then another epoch."""
    scene = Scene()
    with capture_logs() as logs:
        scene.teller.tell(SHOWN)
        scene.teller.tell(SHOWN)
    assert [(line["event"], line["log_level"]) for line in logs] == [("this key must not vote any more", "error")]
    assert "som recover" in logs[0]["todo"]
    assert scene.value("som_alarms_total", kind="forgotten_vote") == 2
    scene.teller.begin(NAMES)
    assert "view 9" in scene.teller.silenced
    assert "som recover" in scene.teller.silenced


def test_other_alarms_silence_nobody() -> None:
    """Goal: only K15 does. Method: a refusal of the signer, which stands above what was asked."""
    scene = Scene()
    with capture_logs() as logs:
        scene.teller.tell(Alarm(AlarmKind.REFUSED, "not above its mark"))
    assert (scene.teller.silenced, scene.value("som_alarms_total", kind="refused")) == ("", 1)
    assert [line["log_level"] for line in logs] == ["warning"]


def test_repairs_count_what_was_asked_and_what_came_of_it() -> None:
    """Goal: requests and pieces. Method: three certificates asked for; one of them comes twice, one comes that nobody asked for."""
    scene = Scene()
    scene.teller.asked(Kind.NULLIFY, (4, 5))
    scene.teller.asked(Kind.NOTARIZE, (4,))
    for view in (4, 4, 6):
        scene.teller.arrived(Vote.nullify(Epoch(0), View(view)))
    scene.teller.arrived(Vote(Kind.FINALIZE, Epoch(0), View(4), View(3), BlockId(bytes(32))))
    assert scene.value("som_repair_requests_total", kind="certificate") == 3
    assert scene.value("som_repair_pieces_total", kind="certificate") == 1


def test_what_never_comes_is_not_waited_for_for_ever() -> None:
    """Goal: bounded. Method: one certificate more than is remembered; the first is forgotten, the last is not."""
    scene = Scene()
    scene.teller.asked(Kind.NULLIFY, range(ASKED_MAX + 1))
    scene.teller.arrived(Vote.nullify(Epoch(0), View(0)))
    assert scene.value("som_repair_pieces_total", kind="certificate") == 0
    scene.teller.arrived(Vote.nullify(Epoch(0), View(ASKED_MAX)))
    assert scene.value("som_repair_pieces_total", kind="certificate") == 1
