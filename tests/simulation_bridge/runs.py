"""Sets of histories: one seed after another, on some processes, and what they met."""

from __future__ import annotations

import shutil
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from bridge.errors import BridgeError
from ledger.errors import LedgerError
from tests.simulation_bridge.course import LENGTH, Outcome, memory_folder, play
from tests.simulation_bridge.raw import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOGETHER = 25
"""Histories that a process plays before it answers."""
WANTED = (
    "locked",
    "locked, and waits",
    "minted",
    "burned",
    "moved there",
    "released",
    "waited",
    "claimed what waited",
    "released into suspense",
    "claimed out of suspense",
    "refunded",
    "refunded, its mint under way",
    "checkpoint taken",
    "rotated",
    "rotated at once",
    "set carried",
    "reorganised: a burn was taken away",
    "reorganised: a mint was taken away",
    "stopped: the chain broke its word",
    "killed: attestor",
    "killed: relayer",
    "lost there",
    "lost here",
    "answer lost here",
    "late here: in time",
    "late here: too late",
    "repeated there: refused",
    "repeated here: refused",
    "forged there: refused",
    "signed what is false",
    "lied of a burn",
    "lied of a mint",
    "lied of an expiry",
    "refused there: DeadlinePassed",
    "refused there: EpochUnknown",
    "refused there: NonceUsed",
    "lock refused: 192",
    "set halted",
    "set paused_in",
    "set paused_out",
    "switched there",
    "nodes disturbed",
    "finality stood still",
    "a deadline came and went",
    "tried again: Stalled",
)
"""What a long set of histories must have met, else it has shown less than it says."""
LONG = 2_000
"""Histories from which on a set must have met everything."""


class Sum:
    """What a set of histories met."""

    def __init__(self) -> None:
        self.histories = 0
        self.times: Counter[str] = Counter()
        self.in_histories: Counter[str] = Counter()
        self.failed: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Add one history."""
        self.histories += 1
        self.times.update(outcome.counts)
        self.in_histories.update(name for name, number in outcome.counts.items() if number)
        if outcome.failure:
            self.failed.append(outcome)

    def missed(self) -> list[str]:
        """Name what was to be met and was not."""
        return [name for name in WANTED if not self.times[name]]

    def table(self) -> str:
        """Say how often, and in how many histories, each thing happened."""
        names = sorted((name for name, number in self.times.items() if number), key=lambda name: (name not in WANTED, name))
        lines = [f"{self.times[name]:>10,} times in {self.in_histories[name]:>7,} histories  {name}" for name in names]
        return "\n".join(lines)


def play_safely(seed: int, length: int = LENGTH) -> Outcome:
    """Play a history in a folder of its own; what ends it otherwise than by a broken promise is a failure, too."""
    folder = Path(mkdtemp(prefix="som-bridge-", dir=memory_folder()))
    try:
        return play(seed, folder, length)
    except (AssertionError, LookupError, TypeError, ValueError, ArithmeticError, OSError, BridgeError, LedgerError, Violation):
        return Outcome(seed, Counter(), traceback.format_exc(limit=-6), ())
    finally:
        shutil.rmtree(folder)


def play_some(seeds: range, length: int = LENGTH) -> list[Outcome]:
    """Play several histories."""
    return [play_safely(seed, length) for seed in seeds]


def outcomes(seeds: range, jobs: int, length: int = LENGTH) -> Iterator[Outcome]:
    """Play histories, in any order."""
    parts = [seeds[at : at + TOGETHER] for at in range(0, len(seeds), TOGETHER)]
    yield from _one_by_one(parts, length) if jobs <= 1 else _side_by_side(parts, jobs, length)


def _one_by_one(parts: Iterable[range], length: int) -> Iterator[Outcome]:
    for part in parts:
        for seed in part:
            yield play_safely(seed, length)


def _side_by_side(parts: Iterable[range], jobs: int, length: int) -> Iterator[Outcome]:
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(play_some, part, length) for part in parts]):
            yield from done.result()
