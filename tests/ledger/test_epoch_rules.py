"""Epochs and their boundaries (K22, K15, L28): what is planned, when it takes effect, and what a boundary leaves as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.boundary import next_set
from ledger.epochs import (
    NO_EPOCH_BEGINS,
    Epoch,
    EpochPlan,
    Readiness,
    ViewKey,
    epoch_of,
    is_boundary,
    plan_of,
    set_hash,
    validator_key,
)
from ledger.errors import OK, BrokenState
from ledger.genesis import view_key_hash
from ledger.participants import KeyOwner, Participant
from ledger.transactions.bodies import Attest, ParticipantPut, ValidatorsSet
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.epoch_world import (
    LENGTH,
    NEW,
    OLD,
    OTHER,
    OTHER_KEY,
    attest,
    current,
    first_set,
    joined,
    pass_boundary,
    plan,
    register,
    said,
    seal,
    sealed,
    small_world,
    validator,
)
from tests.ledger.world import VIEW_KEY, signers

if TYPE_CHECKING:
    from ledger.epochs import Validator

HELD, COMING = sealed("operator"), sealed("operator", key=OTHER_KEY)


class Says:
    """Standing as a test wants it."""

    def __init__(self, *, unready: tuple[Validator, ...] = (), blind: tuple[tuple[Validator, ViewKey], ...] = ()) -> None:
        self.unready, self.blind = unready, blind

    def is_ready(self, validator: Validator, _view_key: ViewKey) -> bool:
        """Whether it is not among those that are not."""
        return validator not in self.unready

    def has_copy(self, validator: Validator, view_key: ViewKey) -> bool:
        """Whether it is not among those that lack this key."""
        return (validator, view_key) not in self.blind


NOW = Epoch(3, 30, 40, OLD, 0)
PLAN = EpochPlan(4, (*OLD[:3], NEW), 35)
RULE = {
    "nothing is planned": (None, None, Says(unready=(NEW,)), OLD, HELD),
    "a plan that is due": (PLAN, None, Says(), PLAN.validators, HELD),
    "a plan that was due before": (replace(PLAN, from_epoch=1), None, Says(), PLAN.validators, HELD),
    "a plan for later": (replace(PLAN, from_epoch=5), None, Says(), OLD, HELD),
    "a newcomer that is not ready": (PLAN, None, Says(unready=(NEW,)), OLD, HELD),
    "one of two that is not ready": (EpochPlan(4, (*OLD, NEW, OTHER), 35), None, Says(unready=(OTHER,)), OLD, HELD),
    "who stays need not be ready": (PLAN, None, Says(unready=OLD), PLAN.validators, HELD),
    "who stays needs a copy": (PLAN, None, Says(blind=((OLD[1], HELD),)), OLD, HELD),
    "a newcomer without a copy": (PLAN, None, Says(blind=((NEW, HELD),)), OLD, HELD),
    "who leaves needs none": (PLAN, COMING, Says(blind=((OLD[3], COMING),)), PLAN.validators, COMING),
    "too few": (EpochPlan(4, OLD[:3], 35), None, Says(), OLD, HELD),
    "another order": (EpochPlan(4, OLD[::-1], 35), None, Says(), OLD[::-1], HELD),
    "a view key": (None, COMING, Says(), OLD, COMING),
    "a view key that one lacks": (None, COMING, Says(blind=((OLD[0], COMING),)), OLD, HELD),
    "both": (PLAN, COMING, Says(), PLAN.validators, COMING),
    "a plan that waits, a view key that does not": (PLAN, COMING, Says(unready=(NEW,)), OLD, COMING),
    "a plan that waits for the view key": (PLAN, COMING, Says(blind=((OLD[0], COMING),)), OLD, HELD),
    "the old key does for nobody": (PLAN, COMING, Says(blind=((NEW, COMING), (OLD[0], COMING))), OLD, HELD),
    "no copy of the key in force, and nothing to do about it": (None, None, Says(blind=((OLD[0], HELD),)), OLD, HELD),
}


@pytest.mark.parametrize("name", RULE)
def test_k22_the_rule_of_the_next_set(name: str) -> None:
    """Goal: a set takes effect whole or not at all. Method: the pure rule, one circumstance each."""
    planned_set, planned_key, standing, validators, view_key = RULE[name]
    chosen = next_set(NOW, planned_set, in_force=HELD, planned=planned_key, fewest=4, standing=standing)
    assert (chosen.validators, chosen.view_key) == (validators, view_key)


def test_k22_a_boundary_follows_from_the_parent_state() -> None:
    """Goal: whoever has the parent knows. Method: ask at every height; the block at the end writes the next epoch, no other does."""
    world = small_world()
    for height in range(1, 2 * LENGTH + 1):
        ends = is_boundary(world.state, world.epoch, height)
        assert ends == (height % LENGTH == 0)
        epoch = world.epoch
        world.block()
        assert world.next == (set_hash(epoch + 1, first_set(world)) if ends else NO_EPOCH_BEGINS)
    assert epoch_of(world.state, 1) == Epoch(1, LENGTH, 2 * LENGTH, first_set(world), 0)
    assert epoch_of(world.state, 2).base == 2 * LENGTH
    with pytest.raises(BrokenState):
        is_boundary(world.state, 3, 1)


def test_k22_a_planned_set_takes_effect_whole() -> None:
    """Goal: the new set, its hash, and nothing left of the plan. Method: one validator replaced; look at every record."""
    world = small_world()
    validators = joined(world)
    word = world.state.get(validator_key(NEW.consensus_key))
    assert isinstance(word, Readiness)
    assert word == Readiness("bank-a", NEW.consensus_key, NEW.node_key, world.height - 1, world.height, view_key_hash(VIEW_KEY), 0)
    epoch = pass_boundary(world)
    assert epoch.validators == validators
    assert world.next == set_hash(1, validators)
    assert plan_of(world.state) is None
    assert world.state.get(validator_key(NEW.consensus_key)) == word
    assert world.state.get(validator_key(OLD[3].consensus_key)) is None
    assert pass_boundary(world).validators == validators


def test_k22_a_newcomer_that_is_not_ready_keeps_the_old_set() -> None:
    """Goal: no half set; the next boundary tries again. Method: two newcomers, one silent until the second epoch."""
    world = small_world(30)
    register(world, "bank-a")
    register(world, "bank-b")
    seal(world, "bank-a", "bank-b")
    wanted = (*first_set(world), NEW, OTHER)
    plan(world, *wanted)
    assert attest(world, NEW).code == OK
    assert pass_boundary(world).validators == first_set(world)
    assert world.next == set_hash(1, first_set(world))
    kept = plan_of(world.state)
    assert kept is not None
    assert kept.validators == wanted
    assert attest(world, OTHER).code == OK
    assert pass_boundary(world).validators == wanted


def test_k22_a_plan_for_a_later_epoch_waits() -> None:
    """Goal: the epoch asked for. Method: everybody is ready at once, the plan is for epoch 2."""
    world = small_world()
    register(world, "bank-a")
    seal(world, "bank-a")
    plan(world, *first_set(world), NEW, epoch=2)
    assert attest(world, NEW).code == OK
    assert len(pass_boundary(world).validators) == 4
    assert len(pass_boundary(world).validators) == 5


@pytest.mark.parametrize("what", ["suspended", "no node key", "no box key", "lapsed", "another node key"])
def test_k22_what_makes_a_ready_newcomer_unready(what: str) -> None:
    """Goal: readiness is looked at when it matters. Method: one circumstance changes between the word and the boundary."""
    world = small_world(30)
    joined(world)
    bank = world.state.get("participant/bank-a")
    assert isinstance(bank, Participant)
    if what == "suspended":
        world.must(ParticipantPut(replace(bank, status="suspended")), by=OPERATOR)
    elif what == "no node key":
        world.must(ParticipantPut(replace(bank, node_keys=())), by=OPERATOR)
    elif what == "no box key":
        world.must(ParticipantPut(replace(bank, box_keys=())), by=OPERATOR)
    elif what == "lapsed":
        word = said(world, NEW).attestation
        lapsing = Attest(replace(word, valid_until=world.time_ms + 2_000))
        assert world.do(lapsing, by=signers("bank-a/ops"), sender="bank-a").code == OK
    else:
        plan(world, *first_set(world)[:3], replace(NEW, node_key=validator("bank-a", 1).node_key))
    assert pass_boundary(world).validators == first_set(world)


def test_k22_the_newest_plan_counts_and_the_current_set_withdraws_it() -> None:
    """Goal: at most one plan. Method: plan twice, then the current set; words and keys of who is planned no more are gone."""
    world = small_world(40)
    joined(world)
    register(world, "bank-b")
    plan(world, *first_set(world), OTHER)
    assert world.state.get(validator_key(NEW.consensus_key)) is None
    assert world.state.get(f"key/{NEW.consensus_key.hex()}") is None
    assert world.state.get(f"key/{OTHER.consensus_key.hex()}") == KeyOwner("bank-b", "~consensus")
    plan(world, *first_set(world))
    assert plan_of(world.state) is None
    assert world.state.get(f"key/{OTHER.consensus_key.hex()}") is None
    assert pass_boundary(world).validators == first_set(world)


def test_k22_a_word_stays_with_a_newcomer_that_the_next_plan_names_too() -> None:
    """Goal: who is ready need not say it twice. Method: a second plan with the same newcomer in another place."""
    world = small_world(40)
    joined(world)
    plan(world, NEW, *first_set(world))
    assert pass_boundary(world).validators == (NEW, *first_set(world))


def test_k22_a_node_key_may_change_while_the_consensus_key_stays() -> None:
    """Goal: a node moves to another machine. Method: plan the same consensus keys with another node key; nobody has to be ready."""
    world = small_world()
    register(world, "operator", 5)
    moved = replace(first_set(world)[0], node_key=validator("operator", 4).node_key, endpoint="https://new.example")
    plan(world, moved, *first_set(world)[1:])
    assert pass_boundary(world).validators[0] == moved
    word = world.state.get(validator_key(moved.consensus_key))
    assert isinstance(word, Readiness)
    assert word.node_key == moved.node_key


def test_k15_a_key_that_left_never_joins_again() -> None:
    """Goal: what it voted may be forgotten. Method: leave, plan the key again: 128, also for its own participant; a new key is taken."""
    world = small_world(20)
    joined(world)
    pass_boundary(world)
    left = OLD[3]
    assert world.state.get(f"key/{left.consensus_key.hex()}") == KeyOwner("operator", "~consensus")
    again = (*current(world).validators, left)
    assert world.do(ValidatorsSet(again, 2), by=BY_ROOT).code == 128
    fresh = replace(left, consensus_key=validator("operator", 7).consensus_key)
    assert world.do(ValidatorsSet((*again[:-1], fresh), 2), by=BY_ROOT).code == OK
