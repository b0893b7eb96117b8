"""Sets of runs: so many transactions over all scenes, on some processes, and what they met."""

from __future__ import annotations

import random
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TYPE_CHECKING, NamedTuple

from tests.ledger.matrix import marked
from tests.simulation_ledger.scenes import SCENES

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

CHECK_EVERY = 50
"""Blocks between two checks of the whole state of a `World`; the scene of everything compares every record after every block."""
LONG = 100_000
"""Transactions from which on a set of runs must have met every code that the matrix marks."""


class Run(NamedTuple):
    """One scene from one seed."""

    scene: str
    seed: str
    length: int


class Outcome(NamedTuple):
    """What a run met, and how it failed, if it did."""

    run: Run
    seen: Counter[tuple[str, int]]
    failure: str


def plan(transactions: int, seed: int) -> list[Run]:
    """Share so many transactions out over the scenes, one run of each scene after the other."""
    shares = sum(kind.share for kind in SCENES)
    runs: list[tuple[int, Run]] = []
    for kind in SCENES:
        left = -(-transactions * kind.share // shares)
        for number in range(-(-left // kind.length)):
            length = min(kind.length, left - number * kind.length)
            runs.append((number * kind.length * shares // kind.share, Run(kind.name, f"{seed}/{number}", length)))
    return [run for _, run in sorted(runs)]


def play(run: Run) -> Outcome:
    """Play a run to its end, or to the first difference."""
    kind = next(kind for kind in SCENES if kind.name == run.scene)
    choose = random.Random(f"{run.scene} {run.seed}")  # noqa: S311  # a replayable choice of commands, not a secret
    scene = kind.make()
    scene.world.check_every = CHECK_EVERY
    try:
        while scene.world.seen.total() < run.length:
            scene.carry_out(choose)
    except (AssertionError, LookupError, TypeError, ValueError, ArithmeticError):
        return Outcome(run, scene.world.seen, traceback.format_exc(limit=-4))
    return Outcome(run, scene.world.seen, "")


def outcomes(runs: list[Run], jobs: int) -> Iterator[Outcome]:
    """Play runs, in any order."""
    if jobs <= 1:
        yield from map(play, runs)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(play, run) for run in runs]):
            yield done.result()


def missed(seen: Counter[tuple[str, int]]) -> list[int]:
    """Codes that the matrix marks for some type and that no transaction had."""
    met = {code for _, code in seen}
    return sorted({code for codes in marked().values() for code in codes} - met)


def table(seen: Counter[tuple[str, int]]) -> str:
    """Say how often each type had each code."""
    types = sorted({type_ for type_, _ in seen})
    lines = []
    for type_ in types:
        codes = " ".join(f"{code}:{number}" for (name, code), number in sorted(seen.items()) if name == type_)
        never = [code for code in marked().get(type_, []) if (type_, code) not in seen]
        lines.append(f"{type_:16} {codes}" + (f"   marked, not met here: {' '.join(map(str, never))}" if never else ""))
    return "\n".join(lines)
