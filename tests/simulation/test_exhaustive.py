"""Every interleaving of a small scope, the short form; `python -m tests.simulation.exhaustive` is the whole one, and here as nightly.

Also what makes it worth believing: what it merges loses nothing, and it finds faults that are planted.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from consensus import progress, rules, upkeep, voting
from consensus.state import Missing
from consensus.types import Kind, ValidatorSet, View, Vote
from tests.simulation.exhaustive import local, search
from tests.simulation.exhaustive.finer import Finer, exact_is_alike, mishaps, single_votes
from tests.simulation.exhaustive.local import Validator
from tests.simulation.exhaustive.merge import Merged, merge
from tests.simulation.exhaustive.power import Mortal, with_power_lost
from tests.simulation.exhaustive.scope import EPOCH, GENESIS, Lie, make, scope_of
from tests.simulation.exhaustive.search import Forks, Found, Search, explore

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.effects import VoteRecord
    from consensus.state import State, ViewState
    from consensus.types import Proposal
    from tests.simulation.exhaustive.local import Automaton
    from tests.simulation.exhaustive.search import Global


@cache
def explored(liar: int, views: int, lie: Lie = Lie.NOTHING) -> Found:
    """Explore a scope, once for all tests."""
    return explore(scope_of((liar,), views, lie))


@pytest.mark.parametrize(("liar", "lie"), [(0, Lie.NOTHING), (1, Lie.NOTHING), (1, Lie.BROKEN)])
def test_view_one_in_every_order(liar: int, lie: Lie) -> None:
    """Goal: the lemmas of view 1 hold in every state. Method: all states, whoever lies; the liar's second block sound or not."""
    found = explored(liar, 1, lie)
    assert (found.fault, found.missed()) == ("", [])
    assert found.states > 50


def test_first_proposal_of_view_two_in_every_order() -> None:
    """Goal: K3 and K4 hold in every state. Method: all states where nobody leads who lies; the nightly form has the others."""
    found = explored(0, 2)
    assert (found.fault, found.missed()) == ("", [])
    assert found.states > 1_000
    assert found.symmetric == ()


def test_power_lost_at_any_moment_of_view_one() -> None:
    """Goal: what is on disk is enough. Method: every validator loses power anywhere, any number of times; the same comes about."""
    found = explore(with_power_lost(scope_of((0,), 1)), Mortal)
    assert (found.fault, found.missed()) == ("", [])
    assert found.casts == explored(0, 1).casts


def test_two_liars_fork() -> None:
    """Goal: the search can find a fork. Method: one liar more than the protocol tolerates."""
    assert explore(scope_of((0, 1), 1), search=Forks).fault == "fork: finalization(1, A) and finalization(1, B)"


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("liar", "lie"),
    [(0, Lie.NOTHING), (1, Lie.NOTHING), (1, Lie.BROKEN), (2, Lie.NOTHING), (2, Lie.BROKEN), (2, Lie.MISNAMED)],
)
@pytest.mark.timeout(1_800)
def test_whole_scope_in_every_order(liar: int, lie: Lie) -> None:
    """Goal: the bar of consensus.md section 9. Method: the command's explorations."""
    found = explore(scope_of((liar,), 2, lie))
    assert (found.fault, found.missed()) == ("", [])


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
def test_power_lost_at_any_moment_up_to_view_two() -> None:
    """Goal: what is on disk is enough. Method: the whole scope where nobody leads who lies, power lost anywhere."""
    found = explore(with_power_lost(scope_of((0,), 2)), Mortal)
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


@pytest.mark.parametrize("liar", [0, 2])
def test_merging_like_states_loses_nothing(liar: int) -> None:
    """Goal: the same votes can be cast together, merged or not. Method: view 1 with every state, step and validator on its own."""
    scope = scope_of((liar,), 1)
    automata = [Validator(scope, me).explore() for me in scope.honest]
    plain, merged = Found(scope), Found(scope)
    Plain(scope, side_by_side(automata), plain).run()
    Search(scope, merge(automata), merged).run()
    assert plain.states > 20 * merged.states
    assert plain.casts == merged.casts


def test_merging_only_merges_what_acts_alike() -> None:
    """Goal: merged states cast the same in every environment. Method: walk a validator and its merged form side by side, all paths."""
    automaton = Validator(scope_of((1,), 1), 0).explore()
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
    assert explored(1, 1).symmetric == ((0, 2), (0, 3), (2, 3))
    assert explored(2, 1).symmetric == ((0, 3),)


@pytest.mark.parametrize(("liar", "me"), [(0, 1), (0, 2), (2, 3)])
def test_no_field_counts_that_is_left_out(liar: int, me: int) -> None:
    """Goal: `UNSEEN` and `form_of_view` merge only what acts alike. Method: view 1 with every field counted is the same."""
    alike = exact_is_alike(scope_of((liar,), 1), me)
    assert alike
    assert alike.exact > 2 * alike.kept


@pytest.mark.nightly
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("me", [1, 2, 3])
def test_no_field_counts_that_is_left_out_up_to_view_two(me: int) -> None:
    """Goal: as above. Method: the whole scope where nobody leads who lies."""
    assert exact_is_alike(scope_of((0,), 2), me)


def test_mishaps_show_nothing_new() -> None:
    """Goal: verdicts that come to nothing, failed builds, retries and ranges may be left out. Method: view 1 with them, all states."""
    scope = scope_of((0,), 1)
    found = explore(replace(scope, more=mishaps(scope)), Finer)
    assert (found.fault, found.casts) == ("", explored(0, 1).casts)


@pytest.mark.nightly
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("liar", [0, 2])
def test_votes_one_by_one_show_nothing_new(liar: int) -> None:
    """Goal: it is enough that votes come all at once. Method: view 1 with each vote alone at any time, all states."""
    scope = scope_of((liar,), 1)
    found = explore(replace(scope, more=single_votes(scope)), Finer)
    assert (found.fault, found.casts) == ("", explored(liar, 1).casts)


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
    """Goal: the search sees a broken lemma. Method: break a rule, with the checks of each validator alone off."""
    plant(monkeypatch)
    monkeypatch.setattr(Validator, "_compare", lambda *_: None)
    monkeypatch.setattr(local, "check_vote", lambda *_: None)
    scope = scope_of((liar,), views)
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
    assert explore(scope_of((liar,), 1)).fault == fault


@pytest.mark.parametrize("kind", Kind)
def test_a_forgotten_vote_is_found(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: the search with losses of power sees that a restart forgets. Method: one kind of vote is not taken back from the journal."""
    remember = upkeep._restore_vote

    def forget(state: State, record: VoteRecord) -> None:
        if record.signed.vote.kind is not kind:
            remember(state, record)

    monkeypatch.setattr(upkeep, "_restore_vote", forget)
    fault = explore(with_power_lost(scope_of((0,), 1)), Mortal).fault
    assert fault == f"LocalFault: K5, K6, K7: a second {kind.name.lower()} in view 1"


def test_a_vote_below_the_newest_is_a_fault() -> None:
    """Goal: K21 is checked vote by vote. Method: a finalize of view 1 after a notarize of view 2."""
    block = make("some", GENESIS, 1)
    with pytest.raises(local.LocalFault, match="K21"):
        local.check_vote({Vote(Kind.NOTARIZE, EPOCH, View(2), View(1), block.facts.block_id)}, block.vote(Kind.FINALIZE))


def test_states_that_act_differently_may_not_be_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a field that matters cannot be left out unnoticed. Method: leave out what is held of a view."""
    monkeypatch.setattr(local, "form_of_view", lambda *_: None)
    assert "two states that were taken for one behave differently" in search.explore(scope_of((1,), 1)).fault
