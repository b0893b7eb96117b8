"""Where the time of a block goes, from logs whose times are known."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.devnet.steps import FIRST_VIEWS, proposal_to_final, table

if TYPE_CHECKING:
    from pathlib import Path

DELAY_MS = 20
VALIDATORS = 4
STEPS_MS = {
    "1 leader: view entered to block built": 2.0,
    "2 leader: built to sent (records, mark, vote)": 3.0,
    "3 hop: proposal": 1.0,
    "4 voter: body and judging": 4.0,
    "5 voter: judged to sent (records, mark, vote)": 5.0,
    "6 hop: a quorum's notarize votes": 1.5,
    "7 notarized to finalize sent (records, mark, vote)": 6.0,
    "8 hop: a quorum's finalize votes, block final": 2.5,
}


def write(path: Path, index: int, views: int) -> None:
    """Write the log of a validator: every view lasts 200 ms and every step as long as `STEPS_MS` says."""
    build, sent, hop, judge, vote, notarize, finalize, final = STEPS_MS.values()
    lines = ["no JSON", json.dumps({"event": "milestone", "kind": "final"}), json.dumps({"event": "cast", "view": {}, "kind": 1})]
    for view in range(1, views + 1):
        leads = index == view % VALIDATORS
        built, proposed = build, build + sent
        arrived = proposed + DELAY_MS + hop
        voted = arrived + judge + vote
        # Of a quorum of three the last vote is another voter's everywhere.
        notarized = voted + DELAY_MS + notarize
        finalized = notarized + finalize
        at = {
            "entered": 0.0,
            "proposed": proposed if leads else arrived,
            "certified": built if leads else arrived + judge,
            "NOTARIZE": proposed if leads else voted,
            "notarized": notarized,
            "FINALIZE": finalized,
            "final": finalized + DELAY_MS + final,
        }
        for kind, ms in at.items():
            stamp = datetime.fromtimestamp(1_800_000_000 + view / 5 + ms / 1_000, UTC).isoformat().replace("+00:00", "Z")
            lines.append(
                json.dumps(
                    {"event": "cast" if kind.isupper() else "milestone", "kind": kind, "view": view, "leader": view % 4, "timestamp": stamp}
                )
            )
    path.write_text("\n".join(lines))


def test_steps_of_known_length_are_told_as_they_are(tmp_path: Path) -> None:
    """Goal: no step is counted twice or left out. Method: logs made from steps of known length."""
    logs = [tmp_path / f"{index}.log" for index in range(VALIDATORS)]
    for index, log in enumerate(logs):
        write(log, index, FIRST_VIEWS + 8)
    told = table(logs, DELAY_MS)
    whole = sum(STEPS_MS.values()) - STEPS_MS["1 leader: view entered to block built"] + 3 * DELAY_MS
    assert {step: text.split(",")[0] for step, text in told.items()} == {
        step: f"p50 {ms:.1f}" for step, ms in (STEPS_MS | {"all: built to final, the delays included": whole}).items()
    }


def test_from_proposal_to_final_is_told_by_each_validators_own_log(tmp_path: Path) -> None:
    """Goal: the goal's figure, from when there is something to propose. Method: logs made from steps of known length; one misses views."""
    logs = [tmp_path / f"{index}.log" for index in range(VALIDATORS)]
    for index, log in enumerate(logs):
        write(log, index, FIRST_VIEWS + (8 if index else 4))
    whole = sum(STEPS_MS.values()) - STEPS_MS["1 leader: view entered to block built"] + 3 * DELAY_MS
    assert proposal_to_final(logs) == [whole] * VALIDATORS


def test_a_view_that_one_validator_gave_up_is_left_out(tmp_path: Path) -> None:
    """Goal: losses do not bend the figures. Method: one log ends early; only views that all have are told."""
    logs = [tmp_path / f"{index}.log" for index in range(VALIDATORS)]
    for index, log in enumerate(logs):
        write(log, index, FIRST_VIEWS + (8 if index else 0))
    assert table(logs, DELAY_MS) == {}
