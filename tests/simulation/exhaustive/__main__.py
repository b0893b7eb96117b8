"""`python -m tests.simulation.exhaustive`: explore the whole scope and print what was found, and what was merged on the way.

Exit codes: 0 every frontier ran empty and nothing is wrong; 1 a fault, the first of its exploration; 3 something that must be reachable was
not reached.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from tests.simulation.exhaustive.scope import scope_of
from tests.simulation.exhaustive.search import explore

if TYPE_CHECKING:
    from tests.simulation.exhaustive.search import Found

LIARS = (0, 1, 2)
"""Leads neither view; leads view 1; leads view 2."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.exhaustive", description=__doc__)
    parser.add_argument("--liars", nargs="+", type=int, choices=LIARS, default=list(LIARS), help="leads neither view, view 1, view 2")
    parser.add_argument("--views", type=int, choices=(1, 2), default=2, help="1: view 1 alone; 2: also the first proposal of view 2")
    parser.add_argument("--later", action="store_true", help="also certificates and finalize votes of view 2 (minutes to hours)")
    return parser.parse_args()


def report(found: Found, seconds: float) -> list[str]:
    """Return what an exploration came to, as lines."""
    scope = found.scope
    lies = "one of two blocks invalid" if scope.broken else "two valid blocks"
    rows: list[tuple[str, object]] = [
        ("states of single validators", found.local_states),
        ("  reached again by other objects, all steps compared", found.compared),
        ("  merged into", found.merged_states),
        ("pairs of validators exchanged for each other", ", ".join(f"{a} and {b}" for a, b in found.symmetric) or "none"),
        ("global states", found.states),
        ("global steps (one cast each)", found.steps),
        ("certificates that can come to be", ", ".join(sorted(found.certified))),
        ("frontier", "not empty: stopped at a fault" if found.fault else "empty"),
        ("fault", found.fault or "none"),
        ("seconds", f"{seconds:.0f}"),
    ]
    title = f"n = 4, validator {scope.liar} lies ({lies}), views 1 to {scope.views}"
    return [title, *(f"  {name:56} {value}" for name, value in rows)]


def main() -> int:
    """Do what the command line says."""
    given, worst, states = arguments(), 0, 0
    for liar in given.liars:
        for broken in (False, True) if liar else (False,):
            begun = time.monotonic()
            found = explore(scope_of(liar, given.views, later=given.later, broken=broken))
            states += found.states
            for line in report(found, time.monotonic() - begun):
                sys.stdout.write(line + "\n")
            sys.stdout.flush()
            worst = max(worst, 1 if found.fault else 3 if found.missed() else 0)
            for name in found.missed():
                sys.stdout.write(f"  never reached: {name}\n")
    sys.stdout.write(f"{states} global states\n")
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
