"""`python -m tests.simulation_bridge`: histories of the whole bridge, until a promise is broken (B1, B2); see bridge/README.md.

Exit codes: 0 all promises held; 1 one did not, its seed is written to `tests/simulation_bridge/seeds/`, which the suite plays again; 2 in
a set of at least 2,000 histories something that it is there for never happened.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation_bridge.course import LENGTH
from tests.simulation_bridge.found import write_found
from tests.simulation_bridge.runs import LONG, Sum, outcomes, play_safely

RUNS = 1_000
PROGRESS_SECONDS = 5.0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation_bridge", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"histories (default {RUNS})")
    parser.add_argument("--seed", type=int, default=1, help="of the first history; the next ones follow")
    parser.add_argument("--length", type=int, default=LENGTH, help=f"drawn acts of one history (default {LENGTH})")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--replay", type=int, metavar="SEED", help="play this history alone, and say what happens in it")
    return parser.parse_args()


def replay(seed: int, length: int) -> int:
    """Play one history and tell it."""
    outcome = play_safely(seed, length)
    told = [*outcome.trace, *(f"{number:>6,} {name}" for name, number in sorted(outcome.counts.items()) if number)]
    sys.stdout.write("\n".join([*told, outcome.failure or "all promises held", ""]))
    return 1 if outcome.failure else 0


def main() -> int:
    """Play all histories and sum up."""
    given = arguments()
    if given.replay is not None:
        return replay(given.replay, given.length)
    found = Sum()
    begun = shown = time.monotonic()
    for outcome in outcomes(range(given.seed, given.seed + given.runs), given.jobs, given.length):
        found.add(outcome)
        if outcome.failure:
            sys.stdout.write(f"seed {outcome.seed}: {outcome.failure}\n{write_found(outcome, given.length)}\n")
        if time.monotonic() - shown >= PROGRESS_SECONDS:
            shown = time.monotonic()
            sys.stdout.write(f"{found.histories:,} histories, {len(found.failed)} failed, {shown - begun:.0f} s\n")
            sys.stdout.flush()
    sys.stdout.write(f"{found.table()}\n{found.histories:,} histories, {len(found.failed)} failed, {time.monotonic() - begun:.0f} s\n")
    if found.failed:
        return 1
    missed = found.missed()
    if missed:
        sys.stdout.write(f"never met: {', '.join(missed)}\n")
    return 2 if missed and found.histories >= LONG else 0


if __name__ == "__main__":
    sys.exit(main())
