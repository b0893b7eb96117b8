"""`python -m tests.simulation`: run seeds until something breaks, or show one seed event by event.

Exit codes: 0 as wanted; 1 a fork, no recovery or another failure; 3 a reach count was missed. With more liars than the protocol tolerates a
fork is what is wanted: 0 as soon as one is found, 4 if none is.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.runs import Sum, outcomes
from tests.simulation.world import run_seed, trace_seed

RUNS = 200
RUNS_TO_FORK = 2_000


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--validators", type=int, default=4, help="n, at least 4")
    parser.add_argument("--liars", type=int, default=None, help="colluding liars (default: f); more than f looks for a fork")
    parser.add_argument("--runs", type=int, default=None, help=f"how many seeds (default {RUNS}; {RUNS_TO_FORK} when looking for a fork)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
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
    outcome = (trace_seed if given.trace else run_seed)(seed, given.validators, given.liars)
    for line in outcome.trace:
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"seed {seed}: {outcome.failure or 'agreement and recovery'}\ntrace {outcome.trace_hash}\n{outcome.counts}\n")
    return 1 if outcome.failure else 0


def look_for_fork(given: argparse.Namespace) -> int:
    """Run seeds until one forks: the proof that the simulator can find one."""
    runs = RUNS_TO_FORK if given.runs is None else given.runs
    for number, outcome in enumerate(outcomes(range(given.seed, given.seed + runs), given.validators, given.liars, given.jobs), start=1):
        if outcome.is_fork:
            sys.stdout.write(f"seed {outcome.seed} ({number} runs): {outcome.failure}, as it must be with {given.liars} liars\n")
            return 0
    sys.stdout.write(f"no fork in {runs} runs with {given.liars} liars of {given.validators}: the simulator is too tame\n")
    return 4


def run_set(given: argparse.Namespace) -> int:
    """Run the set, print its table, and say what is missing."""
    runs = RUNS if given.runs is None else given.runs
    total, begun = Sum(), time.monotonic()
    sys.stdout.write(f"{runs} runs from seed {given.seed}: {given.validators} validators, {given.liars} of them liars\n")
    for outcome in outcomes(range(given.seed, given.seed + runs), given.validators, given.liars, given.jobs):
        total.add(outcome)
        if outcome.failure:
            sys.stdout.write(f"seed {outcome.seed}: {outcome.failure}\n")
            sys.stdout.flush()
    for line in total.lines():
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{'seconds':66} {time.monotonic() - begun:.0f}\n")
    missed = total.missed()
    for sentence in missed:
        sys.stdout.write(f"reach missed: {sentence}\n")
    return 1 if total.failures else 3 if missed else 0


def main() -> int:
    """Do what the command line says."""
    given = arguments()
    if given.replay is not None:
        return replay(given.replay, given)
    if given.liars > (given.validators - 1) // 3:
        return look_for_fork(given)
    return run_set(given)


if __name__ == "__main__":
    raise SystemExit(main())
