"""`python -m tests.simulation.villains`: f of n villains of each kind, many seeds, a hundred views; prints a table.

Exit codes: 0 agreement, progress, and evidence exactly where it is due; 1 anything else.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.simulation.villains.kinds import KINDS, play
from tests.simulation.villains.stage import VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.villains.stage import Played

SIZES = (4, 7, 10, 31)
SEEDS = 20

Task = tuple[str, int, int, int]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.villains", description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=list(KINDS), help="default: all")
    parser.add_argument("--validators", nargs="+", type=int, default=list(SIZES), help="n, each at least 4")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of each kind and size")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--views", type=int, default=VIEWS, help="how many must pass and be final")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args()


def played(tasks: list[Task], jobs: int) -> Iterator[Played]:
    """Play all, in order; on several processes the order of outcomes is the same."""
    if jobs == 1:
        for task in tasks:
            yield play(*task)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(play, *zip(*tasks, strict=True))


def row(kind: str, validators: int, outcomes: list[Played]) -> str:
    """Return a line of the table."""
    runs = len(outcomes)
    views = sum(outcome.views for outcome in outcomes)
    heights = sum(outcome.height for outcome in outcomes)
    accused = sum(outcome.accused for outcome in outcomes)
    virtual = sum(outcome.virtual_ms for outcome in outcomes) // runs
    failed = sum(bool(outcome.failure) for outcome in outcomes)
    return f"{kind:20}{validators:4}{runs:6}{failed:8}{views:8}{heights:9}{accused:10}{virtual:12}"


def main() -> int:
    """Do what the command line says."""
    given, begun, failed = arguments(), time.monotonic(), 0
    seeds = range(given.seed, given.seed + given.seeds)
    tasks = [(kind, size, seed, given.views) for size in given.validators for kind in given.kinds for seed in seeds]
    sys.stdout.write(f"{'villain':20}{'n':>4}{'runs':>6}{'failed':>8}{'views':>8}{'heights':>9}{'accused':>10}{'virtual ms':>12}\n")
    for (kind, validators), group in groupby(played(tasks, given.jobs), key=lambda outcome: (outcome.kind, outcome.validators)):
        outcomes = list(group)
        sys.stdout.write(row(kind, validators, outcomes) + "\n")
        for outcome in outcomes:
            if outcome.failure:
                failed += 1
                sys.stdout.write(f"  seed {outcome.seed}: {outcome.failure}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(tasks)} runs, {failed} failures, {time.monotonic() - begun:.0f} seconds\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
