"""Every interleaving of a small scope, the short form; `python -m tests.simulation.exhaustive` is the whole one, and here as nightly.

Also what makes it worth believing: what it merges loses nothing, and it finds faults that are planted.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from consensus import progress, rules, voting
from consensus.state import Missing
from consensus.types import Kind, ValidatorSet, View, Vote
from tests.simulation.exhaustive import local, search
from tests.simulation.exhaustive.local import Validator
from tests.simulation.exhaustive.merge import Merged, merge
from tests.simulation.exhaustive.scope import EPOCH, GENESIS, make, scope_of
from tests.simulation.exhaustive.search import Found, Search, explore

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.state import State, ViewState
    from consensus.types import Proposal
    from tests.simulation.exhaustive.local import Automaton
    from tests.simulation.exhaustive.scope import Scope
    from tests.simulation.exhaustive.search import Global


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("liar", [0, 1, 2])
def test_view_one_in_every_order(liar: int, broken: bool) -> None:  # noqa: FBT001
    """Goal: the lemmas of view 1 hold in every state. Method: all states, whoever lies; the liar's second block valid or not."""
    found = explore(scope_of(liar, 1, broken=broken))
    assert (found.fault, found.missed()) == ("", [])
    assert found.states > 50


def test_first_proposal_of_view_two_in_every_order() -> None:
    """Goal: K3 and K4 hold in every state. Method: all states where nobody leads who lies; the nightly form has the other two."""
    found = explore(scope_of(0, 2))
    assert (found.fault, found.missed()) == ("", [])
    assert found.states > 1_000
    assert found.symmetric == ()


@pytest.mark.nightly
@pytest.mark.parametrize(("liar", "broken"), [(0, False), (1, False), (1, True), (2, False), (2, True)])
@pytest.mark.timeout(1_800)
def test_whole_scope_in_every_order(liar: int, broken: bool) -> None:  # noqa: FBT001
    """Goal: the bar of consensus.md section 9. Method: the command's explorations."""
    found = explore(scope_of(liar, 2, broken=broken))
    assert (found.fault, found.missed()) == ("", [])


# What is merged


class Plain(Search):
    """A search that merges nothing and takes every step on its own."""

    def _canonical(self, state: Global) -> Global:
        return state

    def _find_next(self, local: int, enabled: int) -> tuple[int, ...]:
        return tuple(after for number, after in enumerate(self._merged.steps[local]) if enabled >> number & 1)


def side_by_side(automata: list[Automaton]) -> Merged:
    """Put automata into one table, no two states in one."""
    starts: list[int] = []
    outputs: list[int] = []
    steps: list[tuple[int, ...]] = []
    for automaton in automata:
        base = len(outputs)
        starts.append(base)
        outputs += automaton.outputs
        steps += [tuple(base + after for after in row) for row in automaton.steps]
    return Merged(tuple(starts), tuple(outputs), tuple(steps), len(outputs))


def casts_reached(searching: Search) -> set[tuple[int, ...]]:
    """Return which combinations of votes cast by the honest come about, in any order of equal validators."""
    searching.run()
    return set(searching._faults)


@pytest.mark.parametrize("liar", [0, 2])
def test_merging_loses_nothing(liar: int) -> None:
    """Goal: the same votes can be cast together, merged or not. Method: view 1 with every state, step and validator on its own."""
    scope = scope_of(liar, 1)
    automata = [Validator(scope, me).explore() for me in scope.honest]
    plain = Plain(scope, side_by_side(automata), Found(scope))
    merged = Search(scope, merge(automata), Found(scope))
    every, kept = casts_reached(plain), casts_reached(merged)
    assert plain._found.states > 20 * merged._found.states
    assert kept <= every
    assert {min(swapped(scope, merged, outputs)) for outputs in every} == {min(swapped(scope, merged, outputs)) for outputs in kept}


def swapped(scope: Scope, merged: Search, outputs: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the outputs in both orders of the two like validators."""
    ((first, second),) = merged._found.symmetric
    a, b = scope.honest.index(first), scope.honest.index(second)
    other = list(outputs)
    other[a], other[b] = other[b], other[a]
    return [outputs, tuple(other)]


def test_merging_only_merges_what_acts_alike() -> None:
    """Goal: merged states cast the same in every environment. Method: walk a validator and its merged form side by side, all paths."""
    automaton = Validator(scope_of(1, 1), 0).explore()
    merged = merge([automaton])
    assert len(merged.outputs) < len(automaton.outputs)
    pairs = {(0, merged.starts[0])}
    queue = deque(pairs)
    while queue:
        state, image = queue.popleft()
        assert automaton.outputs[state] == merged.outputs[image]
        for pair in zip(automaton.steps[state], merged.steps[image], strict=True):
            if pair not in pairs:
                pairs.add(pair)
                queue.append(pair)
    assert len(pairs) == len(automaton.outputs)


def test_validators_are_like_only_without_a_part_of_their_own() -> None:
    """Goal: a leader is never exchanged for another. Method: which pairs are taken for one."""
    assert explore(scope_of(1, 1)).symmetric == ((0, 2), (0, 3), (2, 3))
    assert explore(scope_of(2, 1)).symmetric == ((0, 3),)


# Planted faults


def quorum_of_two_f(patch: pytest.MonkeyPatch) -> None:
    """Two quorums meet in the liar."""
    patch.setattr(ValidatorSet, "quorum", property(lambda validators: 2 * validators.faults))


def unguarded(patch: pytest.MonkeyPatch) -> None:
    """Take K21's guard away, which would stop the faults below too."""
    for module in (rules, voting):
        patch.setattr(module, "votes_go_up", lambda *_: True)


def finalize_after_nullify(patch: pytest.MonkeyPatch) -> None:
    """K7 without its guard."""
    unguarded(patch)
    rule = without_own(rules.finalize, Kind.NULLIFY)
    patch.setattr(progress, "finalize", rule)


def nullify_after_finalize(patch: pytest.MonkeyPatch) -> None:
    """K6 without its guard, by a validator that stays in a view after it finalized there: else it has left it (K1)."""
    unguarded(patch)
    patch.setattr(progress, "entered_by", lambda _, view: view.certificates[Kind.FINALIZE] or view.certificates[Kind.NULLIFY])
    patch.setattr(progress, "nullify", without_own(rules.nullify, Kind.FINALIZE))


def notarize_twice(patch: pytest.MonkeyPatch) -> None:
    """K5 without its guard, by a validator that looks at every proposal of its leader."""
    unguarded(patch)
    patch.setattr(progress, "take_proposal", take_any_proposal)
    patch.setattr(progress, "act", act_on_any_proposal)


def without_own(rule: Callable[[State, ViewState], Vote | None], kind: Kind) -> Callable[[State, ViewState], Vote | None]:
    """Return the rule, blind for an own vote of one kind."""

    def blind(state: State, view: ViewState) -> Vote | None:
        held, view.own[kind] = view.own[kind], None
        vote = rule(state, view)
        view.own[kind] = held
        return vote

    return blind


def take_any_proposal(state: State, proposal: Proposal) -> None:
    """Put the newest proposal in place of the first."""
    view = state.at(proposal.vote.vote.view)
    if view.number == state.view:
        view.proposal = proposal


def act_on_any_proposal(state: State) -> None:
    """Consider the proposal at hand, whatever was voted for before."""
    view = state.at(state.view)
    if view.proposal is not None and state.view == 1:
        before = view.own[Kind.NOTARIZE]
        if before is None or before.block_id != view.proposal.facts.block_id:
            view.own[Kind.NOTARIZE] = None
            progress.consider(state, view, view.proposal)
            view.own[Kind.NOTARIZE] = view.own[Kind.NOTARIZE] or before


def parent_without_nullifications(patch: pytest.MonkeyPatch) -> None:
    """K4 without its proof that the views since the parent are over."""
    patch.setattr(progress, "missing_for", lambda *_: Missing((), ()))


PLANTED: list[tuple[Callable[[pytest.MonkeyPatch], None], int, int, str]] = [
    (quorum_of_two_f, 1, 1, r"\(1(, [AB])?\) and .*\(1, [AB]\) can both be certified"),
    (finalize_after_nullify, 0, 1, r"nullification\(1\) and finalization\(1, A\) can both be certified"),
    (nullify_after_finalize, 0, 1, r"nullification\(1\) and finalization\(1, A\) can both be certified"),
    (notarize_twice, 1, 1, r"notarization\(1, A\) and notarization\(1, B\) can both be certified"),
    (parent_without_nullifications, 2, 2, r"finalization\(1, A\) and notarization\(2, C on genesis\) can both be certified"),
]


@pytest.mark.parametrize(("plant", "liar", "views", "fault"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_planted_fault_is_found_in_what_comes_of_it(
    plant: Callable[[pytest.MonkeyPatch], None], liar: int, views: int, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: the search sees a broken lemma. Method: break a rule, with the check of each validator's own votes off."""
    plant(monkeypatch)
    monkeypatch.setattr(local, "check_vote", lambda *_: None)
    scope = scope_of(liar, views)
    if views == 2:
        scope = replace(scope, blocks=scope.blocks[:2])
    assert re.search(fault, explore(scope).fault)


@pytest.mark.parametrize(
    ("plant", "liar", "fault"),
    [
        (finalize_after_nullify, 0, "LocalFault: K6, K7: nullify and finalize in view 1"),
        (nullify_after_finalize, 0, "LocalFault: K6, K7: nullify and finalize in view 1"),
        (notarize_twice, 1, "LocalFault: K5, K6, K7: a second notarize in view 1"),
    ],
)
def test_a_planted_fault_is_found_at_the_vote(
    plant: Callable[[pytest.MonkeyPatch], None], liar: int, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: K5, K6, K7 are checked vote by vote. Method: as above, with that check on."""
    plant(monkeypatch)
    assert explore(scope_of(liar, 1)).fault == fault


def test_a_vote_below_the_newest_is_a_fault() -> None:
    """Goal: K21 is checked vote by vote. Method: a finalize of view 1 after a notarize of view 2."""
    block = make("some", GENESIS, 1)
    with pytest.raises(local.LocalFault, match="K21"):
        local.check_vote({Vote(Kind.NOTARIZE, EPOCH, View(2), View(1), block.facts.block_id)}, block.vote(Kind.FINALIZE))


def test_states_that_act_differently_may_not_be_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a field that matters cannot be left out unnoticed. Method: leave out what is held of a view."""
    monkeypatch.setattr(local, "form_of_view", lambda *_: None)
    assert "two states that were taken for one behave differently" in search.explore(scope_of(1, 1)).fault
