"""`python -m tests.simulation`: run seeds until something breaks, or show one seed event by event.

Exit codes: 0 as wanted; 1 a fork, no recovery or another failure; 3 a reach count was missed. With more liars than the protocol tolerates a
fork is what is wanted: 0 as soon as one is found, 4 if none is. A seed that fails is written to `tests/simulation/seeds/`, which the suite
runs again.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import count
from typing import TYPE_CHECKING

from tests.simulation.found import Found, write_found
from tests.simulation.runs import Kind, Sum, outcomes, signatures_of
from tests.simulation.world import EPOCHS_PER_MILLE, run_seed, trace_seed

if TYPE_CHECKING:
    from tests.simulation.counts import Outcome

RUNS = 200
RUNS_TO_FORK = 2_000
PROGRESS_SECONDS = 5.0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--validators", type=int, default=4, help="n of the first epoch, at least 4")
    parser.add_argument("--liars", type=int, default=None, help="colluding liars (default: f); more than f looks for a fork")
    parser.add_argument("--runs", type=int, default=None, help=f"how many seeds (default {RUNS}; {RUNS_TO_FORK} when looking for a fork)")
    parser.add_argument("--minutes", type=float, default=None, help="stop after so long, or after --runs if that is earlier")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--epochs", type=int, default=EPOCHS_PER_MILLE, help="of so many runs in 1,000 the validator set changes")
    parser.add_argument("--relay-ms", type=int, default=0, help="certificates wait so long, and needless ones go, as in the node: 30")
    parser.add_argument("--replay", type=int, default=None, metavar="SEED", help="run this seed alone")
    parser.add_argument("--trace", action="store_true", help="with --replay: print every event")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    if given.validators < 4:
        parser.error("--validators must be at least 4")
    if given.liars is None:
        given.liars = (given.validators - 1) // 3
    if not 0 <= given.liars < given.validators:
        parser.error("--liars must be below --validators")
    return given


def replay(seed: int, given: argparse.Namespace) -> int:
    """Run one seed and say how it ended."""
    run = trace_seed if given.trace else run_seed
    outcome = run(seed, given.validators, given.liars, "table", given.epochs, given.relay_ms)
    for line in outcome.trace:
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"seed {seed}: {outcome.failure or 'agreement and recovery'}\ntrace {outcome.trace_hash}\n{outcome.counts}\n")
    return 1 if outcome.failure else 0


def look_for_fork(given: argparse.Namespace, kind: Kind) -> int:
    """Run seeds until one forks: the proof that the simulator can find one."""
    runs = RUNS_TO_FORK if given.runs is None else given.runs
    for number, outcome in enumerate(outcomes(range(given.seed, given.seed + runs), kind, given.jobs), start=1):
        if outcome.is_fork:
            sys.stdout.write(f"seed {outcome.seed} ({number} runs): {outcome.failure}, as it must be with {given.liars} liars\n")
            return 0
    sys.stdout.write(f"no fork in {runs} runs with {given.liars} liars of {given.validators}: the simulator is too tame\n")
    return 4


class Progress:
    """A line on stderr every few seconds: runs, failures, rate, what is left."""

    def __init__(self, runs: int | None, minutes: float | None) -> None:
        self._runs, self._seconds = runs, None if minutes is None else 60 * minutes
        self._begun = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begun

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._seconds is not None and self.seconds >= self._seconds

    def tell(self, total: Sum) -> None:
        """Write the line, if it is time."""
        if time.monotonic() < self._told + PROGRESS_SECONDS:
            return
        self._told = time.monotonic()
        rate = total.runs / self.seconds
        lefts = [] if self._runs is None else [(self._runs - total.runs) / rate]
        lefts += [] if self._seconds is None else [self._seconds - self.seconds]
        wanted = "" if self._runs is None else f" of {self._runs}"
        left = f", {min(lefts) / 60:.1f} min left" if lefts else ""
        sys.stderr.write(f"{total.runs}{wanted} runs, {len(total.failures)} failures, {rate:.1f} runs/s{left}\n")
        sys.stderr.flush()


def write_down(outcome: Outcome, kind: Kind, number: int) -> None:
    """Say that a seed failed, and keep it."""
    signatures = signatures_of(number)
    found = Found(kind.validators, kind.liars, outcome.seed, signatures, kind.epochs_per_mille, outcome.failure, "", kind.relay_ms)
    path = write_found(found)
    sys.stdout.write(f"seed {outcome.seed}: {outcome.failure}\n  written to {path}\n")
    sys.stdout.flush()


def run_set(given: argparse.Namespace, kind: Kind) -> int:
    """Run the set, print its table, and say what is missing."""
    runs = RUNS if given.runs is None and given.minutes is None else given.runs
    total, progress = Sum(with_epochs=given.epochs > 0), Progress(runs, given.minutes)
    wanted = f"{runs} runs" if runs is not None else f"{given.minutes:g} minutes"
    sys.stdout.write(f"{wanted} from seed {given.seed}: {given.validators} validators, {given.liars} of them liars\n")
    sys.stdout.flush()
    seeds = count(given.seed) if runs is None else iter(range(given.seed, given.seed + runs))
    for number, outcome in enumerate(outcomes(seeds, kind, given.jobs)):
        total.add(outcome)
        if outcome.failure:
            write_down(outcome, kind, number)
        progress.tell(total)
        if progress.is_over:
            break
    missed = total.missed()
    for line in (*total.lines(), f"{'seconds':66} {progress.seconds:.0f}", *(f"reach missed: {sentence}" for sentence in missed)):
        sys.stdout.write(line + "\n")
    return 1 if total.failures else 3 if missed else 0


def main() -> int:
    """Do what the command line says."""
    given = arguments()
    kind = Kind(given.validators, given.liars, given.epochs, given.relay_ms)
    if given.replay is not None:
        return replay(given.replay, given)
    if given.liars > (given.validators - 1) // 3:
        return look_for_fork(given, kind)
    return run_set(given, kind)


if __name__ == "__main__":
    raise SystemExit(main())
