"""`python -m tests.bridge.contracts.fuzz`: many histories of the contract, who did what in them, and what each planted bug is found by."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from random import Random

from tests.bridge.contracts.history import History
from tests.bridge.contracts.raw_events import Violation
from tests.bridge.contracts.test_histories import MUTANTS, REACHED, SEEDS_MAX, STEPS

FOUND_CHARACTERS_MAX = 150


def counts(first: int, runs: int, steps: int) -> Counter[str]:
    """Run histories of the contract as it is; raises Violation with the seed where one breaks a promise."""
    reached: Counter[str] = Counter()
    for seed in range(first, first + runs):
        history = History(Random(seed))  # noqa: S311
        try:
            history.run(steps)
        except Violation as broken:
            raise Violation(f"seed {seed}: {broken}") from None
        reached += history.reached
    return reached


def hunted(code: str, first: int, steps: int) -> str:
    """Return the seed of the first history that exposes a broken contract, and what gave it away; empty where none does."""
    for seed in range(first, first + SEEDS_MAX):
        try:
            History(Random(seed), code).run(steps)  # noqa: S311
        except Violation as found:
            return f"seed {seed}: {str(found)[:FOUND_CHARACTERS_MAX]}"
    return ""


def main() -> int:
    """Print the counts and the planted bugs; exit code 1: a promise broke or a bug was not found, 2: somebody never had a try."""
    parser = argparse.ArgumentParser(prog="python -m tests.bridge.contracts.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="histories of the contract as it is (200)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of each ({STEPS})")
    parser.add_argument("--seed", type=int, default=0, help="of the first one (0)")
    options = parser.parse_args()
    first: int = options.seed
    runs: int = options.runs
    steps: int = options.steps
    try:
        reached = counts(first, runs, steps)
    except Violation as broken:
        sys.stdout.write(f"BROKEN {broken}\n")
        return 1
    sys.stdout.write(f"{runs} histories of {steps} steps, seeds from {first} on: every promise held\n")
    for what, times in sorted(reached.items()):
        sys.stdout.write(f"{times:7}  {what}\n")
    missed = 0
    for path in MUTANTS:
        found = hunted(json.loads(path.read_text())["bytecode"], first, steps)
        missed += not found
        sys.stdout.write(f"{'caught' if found else 'SURVIVED':10} {path.stem:16} {found}\n")
    if missed:
        return 1
    return 2 if any(not reached[each] for each in REACHED) else 0


if __name__ == "__main__":
    raise SystemExit(main())
