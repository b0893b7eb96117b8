"""Merging of states that nothing can tell apart: the coarsest partition under which equal states have equal outputs and equal successors.

Two states of a validator are merged iff every sequence of events, from either, makes it cast the same votes in the same order (Moore,
"Gedanken-experiments on sequential machines", 1956). Nothing is assumed of the environment, so nothing is lost in any environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.exhaustive.local import Automaton


@dataclass(frozen=True, slots=True)
class Merged:
    """Automata of several validators over one set of classes: states of two validators that behave alike have one number."""

    starts: tuple[int, ...]
    """First state of each validator."""
    outputs: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]
    """Class and event to class."""
    states: int
    """How many there were before merging."""


def merge(automata: list[Automaton]) -> Merged:
    """Merge the states of all automata together."""
    outputs: list[int] = []
    steps: list[list[int]] = []
    starts: list[int] = []
    for automaton in automata:
        base = len(outputs)
        starts.append(base)
        outputs += automaton.outputs
        steps += [[base + after for after in row] for row in automaton.steps]
    classes = _numbered(outputs)
    count = len(set(classes))
    while True:
        refined = _numbered([(classes[state], *[classes[after] for after in row]) for state, row in enumerate(steps)])
        found = len(set(refined))
        if found == count:
            break
        classes, count = refined, found
    first = {number: state for state, number in reversed(list(enumerate(classes)))}
    return Merged(
        starts=tuple(classes[start] for start in starts),
        outputs=tuple(outputs[first[number]] for number in range(count)),
        steps=tuple(tuple(classes[after] for after in steps[first[number]]) for number in range(count)),
        states=len(outputs),
    )


def _numbered(keys: list[int] | list[tuple[int, ...]]) -> list[int]:
    """Give equal keys equal numbers, in the order they come."""
    numbers: dict[object, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]
