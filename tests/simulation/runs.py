"""Sets of runs: many seeds on some processes, the sum of what they met, and the least they must have met."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING, NamedTuple

from tests.simulation.counts import Counts
from tests.simulation.world import EPOCHS_PER_MILLE, run_seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.counts import Outcome

REAL_SIGNATURES_EVERY = 50
"""Of so many runs one uses Ed25519 instead of the table: 100 of 5,000. The trace is the same either way."""
FINALIZATIONS_MIN = 10
"""A run, on average: shorter runs meet too few views to go wrong in."""
DOUBLE_PER_CENT_MIN = 10
LONELY_PER_CENT_MIN = 5
RUNS_FOR_REACH = 100
"""Fewer runs are not held to percentages."""
EPOCHS_PER_CENT_MIN = 20
RUNS_FOR_RARE = 1_000
"""Fewer runs are not held to what is drawn seldom."""


@dataclass(slots=True)
class Sum:
    """A run set so far."""

    with_epochs: bool = True
    """Whether epochs were drawn: then some must have ended."""
    runs: int = 0
    counts: Counts = field(default_factory=Counts)
    double: int = 0
    """Runs with a view both notarized and nullified."""
    lonely: int = 0
    """Runs in which a validator lost power holding a certificate that nobody else held."""
    switched: int = 0
    """Runs in which an epoch ended."""
    failures: list[Outcome] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Add a run."""
        self.runs += 1
        self.counts.add(outcome.counts)
        self.double += outcome.counts.double_views > 0
        self.lonely += outcome.counts.lonely_crashes > 0
        self.switched += outcome.counts.epochs > 0
        self.hashes.append(outcome.trace_hash)
        if outcome.failure:
            self.failures.append(outcome)

    @property
    def trace_hash(self) -> str:
        """Hash over the traces of all runs, in order of seeds."""
        return sha256("".join(self.hashes).encode()).hexdigest()

    def missed(self) -> list[str]:
        """Return which reach counts of consensus.md section 9 were missed, as sentences."""
        runs, counts = max(1, self.runs), self.counts
        wanted = [
            (counts.finalizations >= FINALIZATIONS_MIN * runs, f"{counts.finalizations / runs:.1f} finalizations a run, wanted 10"),
            (counts.crashes > 0, "no crash"),
            (counts.lost_bodies > 0, "no lost body"),
        ]
        if self.runs >= RUNS_FOR_REACH:
            wanted += [
                (counts.equivocations > 0, "no equivocation"),
                (
                    100 * self.double >= DOUBLE_PER_CENT_MIN * runs,
                    f"{self.double} runs with a view both notarized and nullified, wanted 10 %",
                ),
                (
                    100 * self.lonely >= LONELY_PER_CENT_MIN * runs,
                    f"{self.lonely} runs with a certificate lost with its only holder, wanted 5 %",
                ),
            ]
        if self.runs >= RUNS_FOR_RARE:
            wanted += [
                (counts.lost_journals > 0, "no journal lost"),
                (counts.refused_ranges > 0, "no range refused"),
                (counts.skipped_leaders > 0, "no leader skipped (K17)"),
            ]
        return [sentence for is_met, sentence in wanted + self._wanted_of_epochs() if not is_met]

    def _wanted_of_epochs(self) -> list[tuple[bool, str]]:
        counts, runs = self.counts, max(1, self.runs)
        if not self.with_epochs or self.runs < RUNS_FOR_REACH:
            return []
        wanted = [
            (100 * self.switched >= EPOCHS_PER_CENT_MIN * runs, f"{self.switched} runs in which an epoch ended, wanted 20 %"),
            (counts.joined > 0, "nobody began to vote in a later epoch"),
            (counts.left > 0, "nobody left the set"),
            (counts.boundaries_again > 0, "no boundary block proposed again (K22)"),
            (counts.ends_shown > 0, "no end of an epoch shown to one who was still in it"),
            (counts.early_frames > 0, "no frame of the next epoch came early"),
        ]
        return wanted if self.runs < RUNS_FOR_RARE else [*wanted, (counts.slept_over > 0, "nobody slept over an epoch")]

    def lines(self) -> list[str]:
        """Return the table that a run set ends with."""
        runs, counts = max(1, self.runs), self.counts
        rows: list[tuple[str, object]] = [
            ("runs", self.runs),
            ("failures", len(self.failures)),
            ("finalizations a run (at least 10)", f"{counts.finalizations / runs:.1f}"),
            ("runs with a view both notarized and nullified (at least 10 %)", f"{100 * self.double / runs:.1f} %"),
            ("runs with a crash of a certificate's only holder (at least 5 %)", f"{100 * self.lonely / runs:.1f} %"),
            ("crashes", counts.crashes),
            ("equivocations", counts.equivocations),
            ("evidence stored", counts.accusations),
            ("lost journals", counts.lost_journals),
            ("lost bodies", counts.lost_bodies),
            ("bodies that do not hash to their header", counts.wrong_bodies),
            ("blocks with a wrong root", counts.invalid_blocks),
            ("bodies fetched", counts.fetches),
            ("ranges asked for / taken / refused", f"{counts.ranges} / {counts.ranges_taken} / {counts.refused_ranges}"),
            ("runs in which an epoch ended (at least 20 %)", f"{100 * self.switched / runs:.1f} %"),
            ("epochs ended", counts.epochs),
            ("nodes that began to vote / left", f"{counts.joined} / {counts.left}"),
            ("nodes that slept over an epoch", counts.slept_over),
            ("boundary blocks proposed again", counts.boundaries_again),
            ("ends of epochs shown to those behind", counts.ends_shown),
            ("frames of the next epoch / of any other epoch", f"{counts.early_frames} / {counts.other_epoch}"),
            ("leaders skipped", counts.skipped_leaders),
            ("votes refused by the signer", counts.refused),
            ("mean virtual time to recover", f"{counts.recovery_ms // runs} ms"),
            ("events", counts.events),
            ("trace", self.trace_hash[:32]),
        ]
        return [f"{name:66} {value}" for name, value in rows]


def signatures_of(number: int) -> str:
    """Tell which signatures the run with this number in its set uses."""
    return "ed25519" if number % REAL_SIGNATURES_EVERY == 0 else "table"


class Kind(NamedTuple):
    """What all runs of a set have in common."""

    validators: int
    liars: int
    epochs_per_mille: int = EPOCHS_PER_MILLE
    relay_ms: int = 0


def _one(task: tuple[int, Kind, str]) -> Outcome:
    seed, kind, signatures = task
    return run_seed(seed, kind.validators, kind.liars, signatures, kind.epochs_per_mille, kind.relay_ms)


def outcomes(seeds: Iterable[int], kind: Kind, jobs: int = 1) -> Iterator[Outcome]:
    """Run the seeds, in order; on several processes the order of outcomes is the same."""
    tasks = ((seed, kind, signatures_of(number)) for number, seed in enumerate(seeds))
    if jobs == 1:
        yield from map(_one, tasks)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = deque(pool.submit(_one, task) for task in islice(tasks, 8 * jobs))
        while running:
            yield running.popleft().result()
            running.extend(pool.submit(_one, task) for task in islice(tasks, 1))
