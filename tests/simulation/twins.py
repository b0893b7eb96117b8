"""`python -m tests.simulation.twins`: one key in two nodes, both honest code with disks of their own, while the network splits and heals.

After Bano and others, "Twins: BFT systems made robust" (2021): f of n keys have a twin; in each phase of a case every node, each twin for
itself, is in one of two or three groups that do not hear each other; then all hear all. There must be no fork, no evidence against an
honest key, and ten more heights final everywhere after the healing.

A twin that is shown a vote of its key that it did not cast falls silent (K15); in half of the cases statuses do not show it, so that twins
go on contradicting each other until a certificate does.

Exit codes: 0 as wanted; 1 a failure; 3 twins that never contradicted each other, or were never silenced.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from tests.simulation import messages as ms
from tests.simulation.plan import START_MS
from tests.simulation.validator import Validator, with_newest
from tests.simulation.villains.stage import Stage
from tests.simulation.villains.villain import Due, Villain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consensus.types import BlockFacts
    from tests.simulation.splitmix import SplitMix64

CASES = 200
HEIGHTS_AFTER_HEALING = 10
PHASES = (2, 5)
PHASE_MS = (150, 1_800)
SIZES = (4, 4, 4, 7)
"""Validators of a case, by its number."""

Place = tuple[int, int]
"""Index of the key, and which of the two nodes: 0 for an honest one."""


@dataclass(frozen=True, slots=True)
class Case:
    """How a case ended."""

    seed: int
    validators: int
    failure: str
    """Empty: no fork, ten more heights."""
    height: int
    accused: int
    """Keys that were found out to have contradicted themselves."""
    silenced: int
    """Nodes that noticed their twin."""
    virtual_ms: int


class Twin(Validator):
    """One of the two nodes of a key."""

    def __init__(self, stage: TwinStage, index: int, side: int) -> None:
        self._stage, self.side = stage, side
        super().__init__(stage, index)

    def send(self, to: int, message: ms.Message) -> None:
        """Send to whom it hears."""
        self.step("send")
        self._stage.send_as((self.index, self.side), to, message)


class Twins(Villain):
    """The nodes of all doubled keys."""

    evidence = Due.ALLOWED

    def __init__(self, stage: TwinStage, liars: tuple[int, ...], random: SplitMix64) -> None:
        self._twin_stage = stage
        super().__init__(stage, liars, random)
        self.nodes = {(index, 0): puppet for index, puppet in self.puppets.items()}
        self.nodes |= {(index, 1): Twin(stage, index, 1) for index in liars}
        self.is_shown = random.chance(500)
        """Whether statuses show a twin what its key signed."""

    def make_puppet(self, index: int) -> Validator:
        """Make the first node of a key."""
        return Twin(self._twin_stage, index, 0)

    def wake(self, view: int, epoch: int = 0) -> None:
        """Start both nodes of every key."""
        if (epoch, view) == (0, 1):
            for node in self.nodes.values():
                node.start()


class TwinStage(Stage):
    """One case."""

    mind: Twins

    def __init__(self, validators: int, seed: int) -> None:
        self._groups: dict[Place, int] = {}
        self._is_healed = False
        self._target = 0
        super().__init__(Twins, validators, seed)

    def schedule(self) -> None:
        """Start all, split a few times, heal."""
        super().schedule()
        end_ms = START_MS
        for _ in range(self.random.between(*PHASES)):
            self.at(end_ms, self._split)
            end_ms += self.random.between(*PHASE_MS)
        self.at(end_ms, self._heal)

    def _places(self) -> list[Place]:
        return [(validator.index, 0) for validator in self.honest] + list(self.mind.nodes)

    def _split(self) -> None:
        """Put every node into a group; twins most often into different ones."""
        groups = self.random.between(2, 3)
        self._groups = {place: self.random.below(groups) for place in self._places()}
        for index in self.mind.indices:
            if self.random.chance(700):
                self._groups[(index, 1)] = (self._groups[(index, 0)] + 1) % groups

    def _heal(self) -> None:
        """From now on everybody hears everybody."""
        self._groups.clear()
        self._is_healed = True
        self._target = max(self.chain) + HEIGHTS_AFTER_HEALING
        for one in self.honest:
            for other in range(self.plan.validators):
                one.connected(other)
        for node in self.mind.nodes.values():
            for validator in self.honest:
                node.connected(validator.index)

    # Links

    def send(self, sender: int, to: int, message: ms.Message) -> None:
        """Put a message of an honest validator on a link."""
        self.send_as((sender, 0), to, message)

    def send_as(self, sender: Place, to: int, message: ms.Message) -> None:
        """Put a message on the links to the nodes of a key that are in the sender's group."""
        if to < len(self.honest):
            if self._hears(sender, (to, 0)):
                self.pass_on(sender[0], to, message)
            return
        for side in (0, 1):
            if self._hears(sender, (to, side)):
                delay_ms = self.random.between(*self.plan.delay_ms)
                self.at(self.now + delay_ms, self._hand_over, sender[0], (to, side), message)

    def _hears(self, one: Place, other: Place) -> bool:
        return self._groups.get(one) == self._groups.get(other)

    def _hand_over(self, sender: int, place: Place, message: ms.Message) -> None:
        if type(message) is ms.StatusMessage and not self.mind.is_shown:
            message = ms.StatusMessage(with_newest(message.status, None))
        self.mind.nodes[place].deliver(sender, message)

    # The end

    def is_far_enough(self, facts: BlockFacts) -> bool:
        """Tell whether a final block is ten heights beyond what was final when the network healed."""
        return self._is_healed and facts.height >= self._target


def play_case(seed: int) -> Case:
    """Run one case."""
    validators = SIZES[seed % len(SIZES)]
    stage = TwinStage(validators, seed)
    played = stage.play(seed)
    silenced = sum(node.voter is not None and node.replica.silenced for node in stage.mind.nodes.values())
    return Case(seed, validators, played.failure, played.height, played.accused, silenced, played.virtual_ms)


def cases(seeds: range, jobs: int) -> Iterator[Case]:
    """Run cases, in order."""
    if jobs == 1:
        yield from map(play_case, seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(play_case, seeds, chunksize=5)


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.twins", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="how many seeds")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    begun, ended = time.monotonic(), list[Case]()
    for case in cases(range(given.seed, given.seed + given.cases), given.jobs):
        ended.append(case)
        if case.failure:
            sys.stdout.write(f"seed {case.seed} (n = {case.validators}): {case.failure}\n")
    failed = sum(bool(case.failure) for case in ended)
    accused, silenced = sum(case.accused > 0 for case in ended), sum(case.silenced > 0 for case in ended)
    rows = [
        ("cases", len(ended)),
        ("failures", failed),
        ("cases with evidence against a doubled key", accused),
        ("cases in which a node noticed its twin and fell silent", silenced),
        ("final heights a case", sum(case.height for case in ended) // max(1, len(ended))),
        ("mean virtual ms", sum(case.virtual_ms for case in ended) // max(1, len(ended))),
        ("seconds", int(time.monotonic() - begun)),
    ]
    for name, value in rows:
        sys.stdout.write(f"{name:60}{value:>10}\n")
    return 1 if failed else 0 if accused and silenced else 3


if __name__ == "__main__":
    raise SystemExit(main())
