"""`python -m tests.simulation.exhaustive`: explore the whole scope and print what was found, and what was merged on the way.

--power lets every validator lose power at any moment, as often as it likes; --check compares with what is merged or left out; --two-liars
must find a fork.

Exit codes: 0 every frontier ran empty and nothing is wrong; 1 a fault, the first of its exploration; 3 something that must be reachable was
not reached; 4 two liars, and no fork; 5 what was merged or left out shows something.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.simulation.exhaustive.finer import Finer, exact_is_alike, mishaps, single_votes
from tests.simulation.exhaustive.power import Mortal, with_power_lost
from tests.simulation.exhaustive.scope import Depth, Lie, scope_of
from tests.simulation.exhaustive.search import Forks, explore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.exhaustive.scope import Event, Scope
    from tests.simulation.exhaustive.search import Found

LIARS = (0, 1, 2)
"""Leads neither view; leads view 1; leads view 2."""
TWO_LIARS = (0, 1)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.exhaustive", description=__doc__)
    parser.add_argument("--liars", nargs="+", type=int, choices=LIARS, default=list(LIARS), help="leads neither view, view 1, view 2")
    parser.add_argument("--views", type=int, choices=(1, 2), default=2, help="1: view 1 alone; 2: also the first proposal of view 2")
    parser.add_argument("--later", action="store_true", help="also certificates and finalize votes of view 2 (hours)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--power", action="store_true", help="with losses of power at any moment")
    what.add_argument("--check", action="store_true", help="compare with a search that merges less and leaves less out")
    what.add_argument("--two-liars", action="store_true", help="more than f: must find a fork")
    return parser.parse_args()


def scopes(given: argparse.Namespace) -> Iterator[Scope]:
    """Return what is to be explored, one after the other."""
    depth = Depth.CERTIFICATES if given.later else Depth.PROPOSAL
    for liar in given.liars:
        for lie in lies_of(liar, given.views):
            yield scope_of((liar,), given.views, lie, depth)


def lies_of(liar: int, views: int) -> tuple[Lie, ...]:
    """Return what can be the matter with this liar's second block: one that leads no view makes none."""
    if not 1 <= liar <= views:
        return (Lie.NOTHING,)
    return (Lie.NOTHING, Lie.BROKEN) if liar == 1 else tuple(Lie)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def title(scope: Scope) -> str:
    """Name a scope."""
    liars = " and ".join(map(str, scope.liars))
    return f"n = 4, liar {liars} ({scope.lie.value}), views 1 to {scope.views}, the last one up to its {scope.depth.value}"


def report(found: Found, seconds: float) -> list[str]:
    """Return what an exploration came to, as lines."""
    rows: list[tuple[str, object]] = [
        ("states of single validators", found.local_states),
        ("  reached again by other objects, all steps compared", found.compared),
        ("  merged into", found.merged_states),
        ("pairs of validators exchanged for each other", ", ".join(f"{a} and {b}" for a, b in found.symmetric) or "none"),
        ("global states", found.states),
        ("global steps (one cast each)", found.steps),
        ("combinations of votes cast by the honest", len(found.casts)),
        ("certificates that can come to be", ", ".join(sorted(found.certified))),
        ("frontier", "not empty: stopped at a fault" if found.fault else "empty"),
        ("fault", found.fault or "none"),
        ("seconds", f"{seconds:.0f}"),
    ]
    return [title(found.scope), *(f"  {name:56} {value}" for name, value in rows)]


def search_all(given: argparse.Namespace) -> int:
    """Explore every scope; return the exit code."""
    worst = states = 0
    for scope in scopes(given):
        begun = time.monotonic()
        found = explore(with_power_lost(scope), Mortal) if given.power else explore(scope)
        states += found.states
        for line in report(found, time.monotonic() - begun):
            say(line)
        for name in found.missed():
            say(f"  never reached: {name}")
        worst = max(worst, 1 if found.fault else 3 if found.missed() else 0)
    say(f"{states} global states")
    return worst


def check_all(given: argparse.Namespace) -> int:
    """Compare with what is merged and left out; return the exit code. Single votes are compared in view 1 of an honest leader only."""
    is_alike = True
    for scope in scopes(given):
        say(title(scope))
        for me in scope.honest:
            begun = time.monotonic()
            alike = exact_is_alike(scope, me)
            is_alike = is_alike and bool(alike)
            verdict = f"act as {alike.kept}" if alike else f"do NOT act as {alike.kept}"
            say(f"  validator {me}: {alike.exact} states, every field counted, {verdict} [{time.monotonic() - begun:.0f} s]")
        is_alike = is_finer_alike(scope, "mishaps and ranges", mishaps(scope)) and is_alike
        if scope.views == 1 and 1 not in scope.liars:
            is_alike = is_finer_alike(scope, "votes one by one", single_votes(scope)) and is_alike
    return 0 if is_alike else 5


def is_finer_alike(scope: Scope, name: str, more: tuple[Event, ...]) -> bool:
    """Explore with more events, say what that came to, and whether the honest can cast the same votes together."""
    begun, kept = time.monotonic(), explore(scope)
    finer = explore(replace(scope, more=more), Finer)
    is_alike = finer.casts == kept.casts and not finer.fault
    verdict = "the same" if is_alike else f"NOT the same {finer.fault}"
    seconds = time.monotonic() - begun
    say(f"  {name}: {finer.local_states} states, {len(finer.casts)} combinations of votes cast, {verdict} [{seconds:.0f} s]")
    return is_alike


def look_for_fork() -> int:
    """Explore view 1 with two liars, past broken lemmas; return the exit code."""
    found = explore(scope_of(TWO_LIARS, 1), search=Forks)
    say(f"{title(found.scope)}: {found.fault or 'no fork'} ({found.states} states)")
    return 0 if found.fault.startswith("fork") else 4


def main() -> int:
    """Do what the command line says."""
    given = arguments()
    if given.two_liars:
        return look_for_fork()
    return check_all(given) if given.check else search_all(given)


if __name__ == "__main__":
    raise SystemExit(main())
