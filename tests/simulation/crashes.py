"""Power lost at every step of a short history: before every effect, operation on a disk and single message (consensus.md section 9).

The history has healthy views, one that is given up, the end of an epoch and a second epoch. It is played once to count its steps, and then
once for each step: there power is lost, by the node whose step it is or by all at once, each disk keeps, drops or tears what was not
synced, all start again, and the network must go on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from consensus import effects as fx
from tests.simulation import messages as ms
from tests.simulation.scene import Scene
from tests.simulation.validator import PowerLost, Validator
from tests.simulation.world import FAULTS, Fork

if TYPE_CHECKING:
    from collections.abc import Iterable

FOUR = (0, 1, 2, 3)
LENGTH = 3
"""Heights of the first epoch."""
HEIGHT = 5
"""The history ends here."""
SILENT = (1, 2)
"""Epoch and view of the leader whom nobody hears: the view is given up."""
DOWN_MS = 50
RECOVERY_MS = 60_000


class Scope(Enum):
    """Who loses power."""

    ONE = "one"
    ALL = "all"


class Stepped(Validator):
    """A node whose steps the scene counts."""

    def step(self, what: str) -> None:
        """Lose power where the scene says so."""
        world = self.world
        if isinstance(world, History):
            world.stepped(self, what)


class History(Scene):
    """The history, up to the step at which power is lost."""

    def __init__(self, seed: int, fatal: int, scope: Scope) -> None:
        self.steps = 0
        self.label = ""
        """What was about to happen at the fatal step."""
        self._fatal, self._scope = fatal, scope
        super().__init__(4, sets=(FOUR, FOUR), lengths=(LENGTH,), seed=seed)
        self.drops = self._silences

    def make_node(self, index: int) -> Validator:
        """Make a node that counts."""
        return Stepped(self, index)

    def _silences(self, sender: int, _to: int, message: ms.Message) -> bool:
        """Lose what the leader of one view says, for as long as the others are in it."""
        node = self.honest[sender]
        if node.voter is None or type(message) is ms.StatusMessage or (node.epoch, node.replica.view) != SILENT:
            return False
        return node.committee.set.leader(node.epoch, node.replica.view) == node.me

    def stepped(self, node: Stepped, what: str) -> None:
        """Count a step, and lose power at the fatal one."""
        self.steps += 1
        if self.steps != self._fatal:
            return
        self.label = label_of(node, what)
        if self._scope is Scope.ALL:
            for other in self.honest:
                if other is not node and other.up:
                    other.lose_power()
        raise PowerLost

    def play_out(self) -> bool:
        """Play it; after the loss of power go on until all is well again. Return whether power was lost at all."""
        self.start()
        self.play_until(lambda: self.counts.crashes > 0 or min(self.heights.values(), default=0) >= HEIGHT, RECOVERY_MS)
        if not self.counts.crashes:
            return False
        self.play(DOWN_MS)
        self.start()
        self.go_on(3, RECOVERY_MS)
        return True


def label_of(node: Validator, what: str) -> str:
    """Name a step: the effect, the votes it casts, the operation within it."""
    doing = node.doing
    votes = "+".join(vote.kind.name.lower() for vote in doing.votes) if isinstance(doing, fx.Cast) else ""
    return f"{type(doing).__name__}{f'({votes})' if votes else ''}: {what}"


@dataclass(slots=True)
class Sweep:
    """What a sweep over steps met."""

    states: int = 0
    labels: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """Return the table."""
        return [f"{count:7} {label}" for label, count in sorted(self.labels.items())] + [f"{self.states:7} states"]


def count_steps(seed: int) -> int:
    """Play the history without loss of power and count its steps."""
    history = History(seed, 0, Scope.ONE)
    history.play_out()
    return history.steps


def sweep(seed: int, scopes: Iterable[Scope], every: int = 1, offset: int = 0) -> Sweep:
    """Lose power at every step, or at every so-many-th, of the history.

    Raises
    ------
    AssertionError
        One of them was not recovered from; the sentence names it.
    """
    done = Sweep()
    steps = count_steps(seed)
    for scope in scopes:
        for fatal in range(1 + offset, steps + 1, every):
            history = History(seed, fatal, scope)
            try:
                is_lost = history.play_out()
            except (*FAULTS, Fork) as error:
                raise AssertionError(f"seed {seed}, power lost by {scope.value} at step {fatal} ({history.label}): {error}") from error
            if is_lost:
                done.states += 1
                done.labels[history.label] += 1
    return done
