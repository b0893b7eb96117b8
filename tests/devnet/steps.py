"""Where the time of a block goes on a wide network, step by step, from the debug logs of all validators: they share one machine's clock.

What a line of the table counts is beyond the delay of the line itself: what code, disk, kernel and waiting for a core took. On a machine
with fewer cores than validators the hops hold most of it, since all of them act on the same message at the same moment.
"""

from __future__ import annotations

import statistics
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FIRST_VIEWS = 20
"""Views left out: connections and caches are still cold."""
NOTARIZE, FINALIZE = "cast NOTARIZE", "cast FINALIZE"

Times = dict[int, dict[str, float]]
"""View -> step -> Unix time, ms."""


class Line(Struct):
    """What is looked at of a log line; other events have other fields under these names, and are passed over."""

    event: str
    timestamp: datetime
    view: int
    kind: str
    leader: int = -1


def read_steps(log: Path) -> tuple[Times, dict[int, int]]:
    """Return when one validator did what in each view, and who led it. Lines that are cut or of another kind are passed over."""
    times: Times = {}
    leaders: dict[int, int] = {}
    for text in log.read_bytes().splitlines():
        try:
            line = msgspec.json.decode(text, type=Line)
        except msgspec.MsgspecError:
            continue
        at_ms = line.timestamp.timestamp() * 1_000
        if line.event == "milestone":
            times.setdefault(line.view, {}).setdefault(line.kind, at_ms)
            leaders[line.view] = line.leader
        elif line.event == "cast":
            times.setdefault(line.view, {}).setdefault(f"cast {line.kind}", at_ms)
    return times, leaders


def table(logs: Sequence[Path], delay_ms: float) -> dict[str, str]:
    """Median and ninth decile of each step, in the order of the steps."""
    nodes = [read_steps(log) for log in logs]
    times = [found for found, _ in nodes]
    leaders = {view: leader for _, found in nodes for view, leader in found.items()}
    samples: dict[str, list[float]] = {}
    for view, leader in sorted(leaders.items())[FIRST_VIEWS:]:
        here = [found.get(view, {}) for found in times]
        for step, spent_ms in _steps(here, leader, delay_ms):
            samples.setdefault(step, []).append(spent_ms)
    return {step: _told(spent) for step, spent in samples.items()}


def proposal_to_final(logs: Sequence[Path]) -> list[float]:
    """Median ms at each validator from the leader's block being built, when there is something to propose, to its being final."""
    nodes = [read_steps(log) for log in logs]
    leaders = {view: leader for _, found in nodes for view, leader in found.items()}
    spent_ms: list[list[float]] = [[] for _ in nodes]
    for view, leader in sorted(leaders.items())[FIRST_VIEWS:]:
        built = nodes[leader][0].get(view, {}).get("certified")
        for (times, _), spent in zip(nodes, spent_ms, strict=True):
            if built is not None and "final" in times.get(view, {}):
                spent.append(times[view]["final"] - built)
    return [round(statistics.median(spent), 1) for spent in spent_ms if spent]


def _steps(here: Sequence[Mapping[str, float]], leader: int, delay_ms: float) -> Iterator[tuple[str, float]]:
    """Yield the steps of one view; none where some validator lacks one, as after a loss or a view given up."""
    needed = {"entered", "proposed", "certified", "notarized", "final", NOTARIZE, FINALIZE}
    if any(not needed <= seen.keys() for seen in here):
        return
    quorum = len(here) - (len(here) - 1) // 3
    first = here[leader]
    yield "1 leader: view entered to block built", first["certified"] - first["entered"]
    yield "2 leader: built to sent (records, mark, vote)", first[NOTARIZE] - first["certified"]
    for index, seen in enumerate(here):
        if index != leader:
            yield "3 hop: proposal", seen["proposed"] - first[NOTARIZE] - delay_ms
            yield "4 voter: body and judging", seen["certified"] - max(seen["proposed"], seen["entered"])
            yield "5 voter: judged to sent (records, mark, vote)", seen[NOTARIZE] - seen["certified"]
        yield "6 hop: a quorum's notarize votes", seen["notarized"] - _quorum_here(here, index, NOTARIZE, delay_ms, quorum)
        yield "7 notarized to finalize sent (records, mark, vote)", seen[FINALIZE] - max(seen["notarized"], seen["certified"])
        yield "8 hop: a quorum's finalize votes, block final", seen["final"] - _quorum_here(here, index, FINALIZE, delay_ms, quorum)
        yield "all: built to final, the delays included", seen["final"] - first["certified"]


def _quorum_here(here: Sequence[Mapping[str, float]], index: int, step: str, delay_ms: float, quorum: int) -> float:
    """When the last vote that a quorum needs could be at a validator."""
    arrivals = sorted(seen[step] + (0 if other == index else delay_ms) for other, seen in enumerate(here))
    return arrivals[quorum - 1]


def _told(spent: Sequence[float]) -> str:
    cuts = statistics.quantiles(spent, n=10) if len(spent) > 1 else [*spent] * 9
    return f"p50 {cuts[4]:.1f}, p90 {cuts[8]:.1f} ms"
