"""All interleavings of three honest validators and a liar, over the merged automata of local.py and merge.py.

A global state is the merged state of each honest validator. Everything else follows from it: a message exists iff its sender cast what is
in it, a certificate can be delivered iff the votes that honest validators cast and the liar's make a quorum, and whatever can be delivered
stays so (messages are lost by never being delivered, and come again by being sent again).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from consensus.types import Kind
from tests.simulation.exhaustive.local import HALTED, LocalFault, Validator
from tests.simulation.exhaustive.merge import merge
from tests.simulation.exhaustive.scope import VALIDATORS, Depth, Lie, What

if TYPE_CHECKING:
    from consensus.types import Vote
    from tests.simulation.exhaustive.merge import Merged
    from tests.simulation.exhaustive.scope import Event, Scope

Global = tuple[int, ...]
"""Merged state of each honest validator, in the order of `Scope.honest`."""


@dataclass(slots=True)
class Found:
    """What an exploration came to."""

    scope: Scope
    local_states: int = 0
    """States of single validators before merging."""
    compared: int = 0
    """Of these so many were reached twice by objects that differ in an unseen field, and did the same."""
    merged_states: int = 0
    states: int = 0
    """Global states reached, up to symmetry."""
    steps: int = 0
    """Global steps looked at."""
    symmetric: tuple[tuple[int, int], ...] = ()
    """Pairs of honest validators that behave alike in every environment of the scope."""
    certified: set[str] = field(default_factory=set)
    """Certificates that can come to be in some state: the search must be able to reach what it is about."""
    casts: set[Global] = field(default_factory=set)
    """Which votes of the honest can be cast together: for each validator, bits."""
    fault: str = ""
    """The first state or step in which something is wrong; empty: the frontier ran empty and nothing is."""

    def missed(self) -> list[str]:
        """Return which certificates can come to be in no state: those on valid blocks, up to the last view, must."""
        scope = self.scope
        wanted = [
            scope.name(vote)
            for vote in scope.votes()
            if (vote.view == 1 or vote.kind is not Kind.FINALIZE or scope.depth is Depth.CERTIFICATES)
            and (vote.kind is Kind.NULLIFY or scope.block(vote.block_id).lie is Lie.NOTHING)
        ]
        return [name for name in wanted if name not in self.certified]


def explore(scope: Scope, validator: type[Validator] = Validator, search: type[Search] | None = None) -> Found:
    """Explore a scope to the end, or to the first fault."""
    found = Found(scope)
    try:
        automata = [validator(scope, me).explore() for me in scope.honest]
    except (LocalFault, AssertionError) as fault:
        found.fault = f"{type(fault).__name__}: {fault}"
        return found
    merged = merge(automata)
    found.local_states, found.merged_states = merged.states, len(merged.outputs)
    found.compared = sum(automaton.compared for automaton in automata)
    (search or Search)(scope, merged, found).run()
    return found


class Search:
    """One exploration of global states."""

    def __init__(self, scope: Scope, merged: Merged, found: Found) -> None:
        self._scope, self._merged, self._found = scope, merged, found
        self._votes, self._events = scope.votes(), scope.events()
        self._number = {vote: number for number, vote in enumerate(self._votes)}
        self._places = {index: place for place, index in enumerate(scope.honest)}
        self._faults: dict[Global, str] = {}
        self._enabled: dict[Global, int] = {}
        self._reach: dict[tuple[int, int], tuple[int, ...]] = {}
        starts = merged.starts
        self._twins = tuple(pair for pair in combinations(range(len(starts)), 2) if starts[pair[0]] == starts[pair[1]])
        found.symmetric = tuple((scope.honest[first], scope.honest[second]) for first, second in self._twins)

    def run(self) -> None:
        """Go through all states, breadth first."""
        start = self._canonical(self._merged.starts)
        seen = {start}
        queue = deque(seen)
        while queue:
            state = queue.popleft()
            outputs = tuple(self._merged.outputs[local] for local in state)
            fault = self._fault(outputs)
            if fault:
                self._found.fault = fault
                break
            enabled = self._enabled_by(outputs)
            for place, local in enumerate(state):
                for after in self._next(local, enabled):
                    self._found.steps += 1
                    reached = self._canonical((*state[:place], after, *state[place + 1 :]))
                    if reached not in seen:
                        seen.add(reached)
                        queue.append(reached)
        self._found.states = len(seen)
        self._found.casts = {swapped for outputs in self._faults for swapped in self._orders(outputs)}

    def _orders(self, outputs: Global) -> set[Global]:
        """Return the outputs with like validators in every order."""
        found, last = {outputs}, 0
        while len(found) > last:
            last = len(found)
            found |= {exchanged(one, pair) for one in found for pair in self._twins}
        return found

    def _canonical(self, state: Global) -> Global:
        """Return the same for states that differ by which of two like validators is in which state."""
        for first, second in self._twins:
            if state[first] > state[second]:
                state = exchanged(state, (first, second))
        return state

    # Steps

    def _next(self, local: int, enabled: int) -> tuple[int, ...]:
        """Return every state in which the validator has just cast something, after any unseen steps before that.

        What it takes in without casting anything shows nowhere, and can as well be taken in later: just before it next casts.
        """
        known = self._reach.get((local, enabled))
        if known is None:
            known = self._reach[(local, enabled)] = self._find_next(local, enabled)
        return known

    def _find_next(self, local: int, enabled: int) -> tuple[int, ...]:
        output = self._merged.outputs[local]
        silent, stack, cast = {local}, [local], dict[int, None]()
        while stack:
            for number, after in enumerate(self._merged.steps[stack.pop()]):
                if not enabled >> number & 1 or after in silent:
                    continue
                if self._merged.outputs[after] != output:
                    cast[after] = None
                else:
                    silent.add(after)
                    stack.append(after)
        return tuple(cast)

    def _enabled_by(self, outputs: Global) -> int:
        """Return which events can happen, as bits: those whose message exists or can be made."""
        bits = self._enabled.get(outputs)
        if bits is None:
            bits = sum(1 << number for number, event in enumerate(self._events) if self._is_possible(event, outputs))
            self._enabled[outputs] = bits
        return bits

    def _is_possible(self, event: Event, outputs: Global) -> bool:
        if event.what in (What.CERTIFICATE, What.VOTES):
            return event.subject is not None and self._is_certifiable(event.subject, outputs)
        if event.what in (What.PROPOSAL, What.HEADER) and event.block is not None:
            block = self._scope.block(event.block)
            proposer = block.facts.proposer
            return self._has_cast(proposer, block.vote(Kind.NOTARIZE), outputs)
        if event.what is What.VOTE and event.subject is not None:
            return self._has_cast(event.number, event.subject, outputs)
        return event.what is not What.RANGE or event.subject is None or self._is_certifiable(event.subject, outputs)

    def _has_cast(self, index: int, vote: Vote, outputs: Global) -> bool:
        """Tell whether a vote exists: a liar's always does."""
        return index in self._scope.liars or bool(outputs[self._places[index]] >> self._number[vote] & 1)

    def _is_certifiable(self, subject: Vote, outputs: Global) -> bool:
        """Tell whether the votes that were cast, and the liars', make a quorum."""
        number = self._number[subject]
        return len(self._scope.liars) + sum(output >> number & 1 for output in outputs) >= VALIDATORS.quorum

    # What must hold

    def _fault(self, outputs: Global) -> str:
        fault = self._faults.get(outputs)
        if fault is None:
            fault = self._faults[outputs] = self._find_fault(outputs)
        return fault

    def _find_fault(self, outputs: Global) -> str:
        if any(output & HALTED for output in outputs):
            return "an honest validator halts"
        certifiable = [vote for vote in self._votes if self._is_certifiable(vote, outputs)]
        for vote in certifiable:
            if vote.kind is not Kind.NULLIFY and self._scope.block(vote.block_id).lie is not Lie.NOTHING:
                return f"{self._scope.name(vote)} can be certified, and the block breaks a rule"
        self._found.certified.update(self._scope.name(vote) for vote in certifiable)
        for first, second in combinations(certifiable, 2):
            if self._scope.excludes(first, second):
                return f"{self._scope.name(first)} and {self._scope.name(second)} can both be certified"
        return ""


class Forks(Search):
    """A search that goes on past broken lemmas, and stops at a fork only: two final blocks, neither the other's ancestor."""

    def _find_fault(self, outputs: Global) -> str:
        finals = [vote for vote in self._votes if vote.kind is Kind.FINALIZE and self._is_certifiable(vote, outputs)]
        for first, second in combinations(finals, 2):
            if self._scope.excludes(first, second):
                return f"fork: {self._scope.name(first)} and {self._scope.name(second)}"
        return ""


def exchanged(state: Global, pair: tuple[int, int]) -> Global:
    """Return the state with two validators in each other's place."""
    swapped = list(state)
    swapped[pair[0]], swapped[pair[1]] = state[pair[1]], state[pair[0]]
    return tuple(swapped)
