"""`python -m tests.mutants [PATTERN]`: break each rule on purpose, in a copy of the tree, and see that the suite catches it.

Before any mutant, all the tests that are named run once on the unbroken copy: a test that fails anyway catches nothing. Tests that do not
end in time catch nothing either, unless the mutant says that it hangs by design: a slow machine is no proof.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "devnet-data*"
)
SECONDS_MAX = 300
"""For the tests of one mutant."""
FIRST_SECONDS_MAX = 3_600
"""For all the tests that are named, on the unbroken copy."""
SAID_MAX = 4_000
"""Characters of a failure on the unbroken copy that are shown."""
JOBS = 2
CAUGHT, SURVIVED, STALE, TIMED_OUT = "caught", "SURVIVED", "STALE", "TIMED OUT"
FAILED, NOT_ENDED = 1, -1
"""Exit codes: pytest's where a test failed, and ours where the tests did not end in time."""


def all_mutants() -> list[Mutant]:
    """Return the mutants of every list in this folder, in order of file and place."""
    found: list[Mutant] = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in ("__init__", "__main__", "mutant"):
            found.extend(importlib.import_module(f"tests.mutants.{path.stem}").MUTANTS)
    return found


def run_tests(tree: Path, tests: tuple[str, ...], seconds: float = SECONDS_MAX, workers: int = 0) -> tuple[int, str]:
    """Run the tests in a copy of the tree; return pytest's exit code, or NOT_ENDED, and the end of what it said."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-n",
        str(workers),
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "--timeout=0",
        *tests,
    ]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=seconds, check=False, text=True)
    except subprocess.TimeoutExpired:
        return NOT_ENDED, ""
    return done.returncode, done.stdout[-SAID_MAX:]


def outcome_of(code: int, *, hangs: bool) -> str:
    """Say what an exit code means for a mutant: tests that do not end have caught only a bug that makes them hang by design."""
    if code == FAILED or (code == NOT_ENDED and hangs):
        return CAUGHT
    if code == NOT_ENDED:
        return TIMED_OUT
    return SURVIVED if code == 0 else f"{STALE} (pytest {code})"


def try_mutant(tree: Path, mutant: Mutant) -> str:
    """Break the copy, run, mend it again."""
    path = tree / mutant.file
    whole = path.read_text() if path.is_file() else ""
    if whole.count(mutant.find) != 1 or mutant.find == mutant.replace:
        return STALE
    path.write_text(whole.replace(mutant.find, mutant.replace))
    try:
        code, _ = run_tests(tree, mutant.tests)
    finally:
        path.write_text(whole)
    return outcome_of(code, hangs=mutant.hangs)


def _line(mutant: Mutant, outcome: str) -> str:
    return f"{outcome:10} {mutant.rule:6} {mutant.name}\n"


def report(mutants: list[Mutant], outcomes: list[str]) -> int:
    """Print again which were not caught, and the sum; return the exit code."""
    for mutant, outcome in zip(mutants, outcomes, strict=True):
        if outcome != CAUGHT:
            sys.stdout.write(_line(mutant, outcome))
    missed = sum(outcome != CAUGHT for outcome in outcomes)
    rules = sorted({mutant.rule for mutant in mutants}, key=lambda rule: (rule[:1], int("".join(filter(str.isdigit, rule)) or 0)))
    slow = sum(outcome == TIMED_OUT for outcome in outcomes)
    sys.stdout.write(f"{len(mutants)} mutants of {len(rules)} rules ({', '.join(rules)}): {len(mutants) - missed} caught, {missed} not")
    sys.stdout.write(f", of which {slow} did not end in {SECONDS_MAX} s\n" if slow else "\n")
    return 1 if missed or not mutants else 0


def main() -> int:
    """Run the mutants whose rule or name fits the pattern."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="", help="only mutants whose `rule name` has this regular expression in it")
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"copies that are tried side by side ({JOBS})")
    options = parser.parse_args()
    jobs: int = options.jobs
    mutants = [mutant for mutant in all_mutants() if re.search(options.pattern, f"{mutant.rule} {mutant.name}")]
    if not mutants:  # without a test's name pytest would run every test there is
        sys.stderr.write(f"mutants: none has {options.pattern!r} in its rule and name\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="som-mutants-") as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for job in range(jobs):
            trees.put(Path(shutil.copytree(ROOT, Path(folder) / f"tree{job}", ignore=LEFT_OUT)))
        named = tuple(sorted({test for mutant in mutants for test in mutant.tests}))
        first = trees.get()
        code, said = run_tests(first, named, FIRST_SECONDS_MAX, jobs)
        if code:
            sys.stderr.write(f"{said}\nmutants: the tests they name fail (pytest {code}) on the unbroken tree: mend those first\n")
            return 2
        trees.put(first)

        def attempt(mutant: Mutant) -> str:
            tree = trees.get()
            try:
                outcome = try_mutant(tree, mutant)
            finally:
                trees.put(tree)
            sys.stdout.write(_line(mutant, outcome))
            sys.stdout.flush()
            return outcome

        with ThreadPoolExecutor(jobs) as pool:
            return report(mutants, list(pool.map(attempt, mutants)))


if __name__ == "__main__":
    raise SystemExit(main())
