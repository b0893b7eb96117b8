"""`python -m tests.simulation_ledger`: random histories of all types on the ledger and on the naive models, until they differ.

Exit codes: 0 no difference; 1 a difference, its seed is written to `tests/simulation_ledger/seeds/`, which the suite plays again; 3 a code
that the matrix of `ledger/README.md` marks was never met (in runs of at least 100,000 transactions).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation_ledger.found import write_found
from tests.simulation_ledger.runs import LONG, Run, missed, outcomes, plan, play, table
from tests.simulation_ledger.scenes import SCENES

TRANSACTIONS = 20_000
PROGRESS_SECONDS = 5.0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation_ledger", description=__doc__)
    parser.add_argument("--transactions", type=int, default=TRANSACTIONS, help=f"over all scenes (default {TRANSACTIONS})")
    parser.add_argument("--seed", type=int, default=1, help="the same seed plays the same histories")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--scene", choices=[kind.name for kind in SCENES], help="this scene alone")
    parser.add_argument("--replay", metavar="SEED", help="with --scene: play this seed alone, as the file of a failure names it")
    given = parser.parse_args()
    if given.replay is not None and given.scene is None:
        parser.error("--replay needs --scene")
    return given


def replay(given: argparse.Namespace) -> int:
    """Play one seed and say how it ended."""
    outcome = play(Run(given.scene, given.replay, given.transactions))
    sys.stdout.write(f"{table(outcome.seen)}\n{outcome.failure or 'no difference'}\n")
    return 1 if outcome.failure else 0


def main() -> int:
    """Play all scenes and sum up."""
    given = arguments()
    if given.replay is not None:
        return replay(given)
    runs = [run for run in plan(given.transactions, given.seed) if given.scene in (None, run.scene)]
    seen: Counter[tuple[str, int]] = Counter()
    failures, begun = 0, time.monotonic()
    shown = begun
    for outcome in outcomes(runs, given.jobs):
        seen.update(outcome.seen)
        if outcome.failure:
            failures += 1
            sys.stdout.write(f"{outcome.run}: {write_found(outcome)}\n{outcome.failure}\n")
        if time.monotonic() - shown >= PROGRESS_SECONDS:
            shown = time.monotonic()
            sys.stdout.write(f"{seen.total():,} transactions, {failures} differences, {shown - begun:.0f} s\n")
            sys.stdout.flush()
    took = time.monotonic() - begun
    sys.stdout.write(f"{table(seen)}\n{seen.total():,} transactions, {failures} differences, {took:.0f} s\n")
    never = missed(seen)
    if never:
        sys.stdout.write(f"codes that were never met: {' '.join(map(str, never))}\n")
    if failures:
        return 1
    return 3 if never and given.transactions >= LONG and given.scene is None else 0


if __name__ == "__main__":
    sys.exit(main())
