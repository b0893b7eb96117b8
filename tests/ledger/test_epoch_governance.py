"""param.set, view keys and the form of what governs epochs (K22, L28)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.epochs import (
    Epoch,
    ViewKey,
    planned_view_key_of,
    view_key_of,
)
from ledger.errors import OK, Malformed
from ledger.genesis import view_key_hash
from ledger.parameters import Parameters, load_parameters
from ledger.state import Overlay
from ledger.transactions import apply_transaction, begin_block, end_block
from ledger.transactions.bodies import Attest, ParamSet, ValidatorsSet
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.epoch_world import (
    LENGTH,
    NEW,
    OLD,
    OTHER_KEY,
    attest,
    box_of,
    current,
    first_set,
    hash_in_force,
    joined,
    pass_boundary,
    plan,
    register,
    said,
    seal,
    sealed,
    small_world,
)
from tests.ledger.world import MAIN_A, MAIN_B, VIEW_KEY, World, make_genesis, pay, signers, verified

if TYPE_CHECKING:
    from ledger.state import Record
    from ledger.transactions.bodies import Body

HELD, COMING = sealed("operator"), sealed("operator", key=OTHER_KEY)


def test_k22_the_end_of_an_epoch_may_move_forward() -> None:
    """Goal: an order ends an epoch sooner, ten heights ahead at least. Method: move it twice; the next epoch has its full length."""
    world = World(make_genesis(params={"epoch_length": 100}))
    world.must(ParamSet("epoch_end", 50, 0), by=BY_ROOT)
    assert world.do(ParamSet("epoch_end", 50, 0), by=BY_ROOT).code == 172
    assert world.do(ParamSet("epoch_end", world.height + 10, 0), by=BY_ROOT).code == 172
    world.must(ParamSet("epoch_end", world.height + 11, 0), by=BY_ROOT)
    assert current(world).end == world.height + 10
    end = current(world).end
    assert pass_boundary(world) == Epoch(1, end, end + 100, first_set(world), 0)


def test_k22_parameters_of_consensus_change_at_the_boundary_only() -> None:
    """Goal: a timer or a length never changes within an epoch. Method: ask for the next block, and for a height in the next epoch."""
    world = small_world()
    world.must(ParamSet("heartbeat_ms", 700, 0), by=BY_ROOT)
    world.must(ParamSet("epoch_length", 20, LENGTH + 5), by=BY_ROOT)
    world.must(ParamSet("epoch_length", 30, LENGTH + 1), by=BY_ROOT)
    assert load_parameters(world.state).heartbeat_ms == Parameters().heartbeat_ms
    epoch = pass_boundary(world)
    assert load_parameters(world.state).heartbeat_ms == 700
    assert epoch.end == LENGTH + 30
    world.must(ParamSet("epoch_length", 40, epoch.end + 2), by=BY_ROOT)
    assert pass_boundary(world).end == epoch.end + 30
    assert pass_boundary(world).end == epoch.end + 30 + 40


def test_a_parameter_takes_its_value_at_the_height_asked_for() -> None:
    """Goal: everybody can prepare. Method: three heights: at once, past, ahead; the newest word on it replaces what was planned."""
    world = small_world(100)
    world.must(ParamSet("legs_max", 500, 0), by=BY_ROOT)
    assert load_parameters(world.state).legs_max == 500
    world.must(ParamSet("legs_max", 501, 1), by=BY_ROOT)
    assert load_parameters(world.state).legs_max == 501
    world.must(ParamSet("assets_max", 9, world.height + 2), by=BY_ROOT)
    assert load_parameters(world.state).assets_max == 9
    at = world.height + 5
    world.must(ParamSet("legs_max", 502, at), by=BY_ROOT)
    world.must(ParamSet("sweep_max", 77, at + 1), by=BY_ROOT)
    while world.height + 1 < at:
        assert load_parameters(world.state).legs_max == 501
        world.block()
    assert load_parameters(world.state).legs_max == 502
    assert load_parameters(world.state).sweep_max == 500
    world.block()
    assert load_parameters(world.state).sweep_max == 77
    world.must(ParamSet("legs_max", 10, world.height + 9), by=BY_ROOT)
    world.must(ParamSet("legs_max", 1_000, 0), by=BY_ROOT)
    for _ in range(12):
        world.block()
    assert load_parameters(world.state).legs_max == 1_000
    assert world.state.get("param/legs_max") is None
    assert world.state.get("param/next") is None


def test_l28_a_view_key_changes_at_a_boundary_if_everybody_has_a_copy() -> None:
    """Goal: no validator is left blind. Method: plan a key without a copy for the validators' participant, then add it."""
    world = small_world(20)
    register(world, "bank-a")
    seal(world, "bank-a", key=OTHER_KEY)
    assert hash_in_force(world) == view_key_hash(VIEW_KEY)
    assert pass_boundary(world).view_key == 0
    seal(world, "operator", key=OTHER_KEY)
    planned = planned_view_key_of(world.state)
    assert planned == sealed("bank-a", "operator", key=OTHER_KEY)
    assert pass_boundary(world).view_key == 1
    assert view_key_of(world.state, 1) == planned
    assert view_key_of(world.state, 0).hash == view_key_hash(VIEW_KEY)
    assert planned_view_key_of(world.state) is None
    assert hash_in_force(world) == view_key_hash(OTHER_KEY)
    assert pass_boundary(world).view_key == 1


def test_l28_copies_of_the_view_key_in_force_come_at_once() -> None:
    """Goal: a newcomer can open its box before it is ready. Method: one more copy, one that replaces another; the key stays."""
    world = small_world()
    register(world, "bank-a")
    before = view_key_of(world.state, 0)
    seal(world, "bank-a")
    assert view_key_of(world.state, 0).copies == tuple(sorted((*before.copies, (box_of("bank-a"), bytes(range(80))))))
    world.must(ParamSet("view_key", ViewKey(before.hash, ((box_of("bank-a"), bytes(80)),)), 0), by=BY_ROOT)
    assert dict(view_key_of(world.state, 0).copies)[box_of("bank-a")] == bytes(80)
    assert planned_view_key_of(world.state) is None


def test_l28_another_planned_view_key_replaces_the_first() -> None:
    """Goal: at most one is planned. Method: plan two; the second comes."""
    world = small_world()
    seal(world, "operator", key=b"x" * 32)
    seal(world, "operator", key=OTHER_KEY)
    assert pass_boundary(world).view_key == 1
    assert hash_in_force(world) == view_key_hash(OTHER_KEY)


def test_l28_a_newcomer_is_ready_for_the_view_key_that_comes_with_it() -> None:
    """Goal: a set that could judge nothing never begins. Method: the word names the old key; then the planned one by number and hash."""
    world = small_world(30)
    validators = joined(world)
    seal(world, "operator", "bank-a", key=OTHER_KEY)
    epoch = pass_boundary(world)
    assert (epoch.validators, epoch.view_key) == (first_set(world), 1)
    assert attest(world, NEW, key=VIEW_KEY, number=0).code == 172
    assert attest(world, NEW, key=OTHER_KEY, number=1).code == OK
    epoch = pass_boundary(world)
    assert (epoch.validators, epoch.view_key) == (validators, 1)


def test_l28_a_word_for_the_planned_view_key_counts_before_it_is_in_force() -> None:
    """Goal: set and view key may change together. Method: plan both, attest for the planned key, pass one boundary."""
    world = small_world(30)
    register(world, "bank-a")
    seal(world, "operator", "bank-a", key=OTHER_KEY)
    plan(world, *first_set(world), NEW)
    assert attest(world, NEW, key=OTHER_KEY, number=1).code == OK
    epoch = pass_boundary(world)
    assert (len(epoch.validators), epoch.view_key) == (5, 1)


def test_a_trial_network_keeps_the_size_that_its_genesis_allowed() -> None:
    """Goal: fewer than four validators for a devnet only, and not fewer than it began with. Method: three, then two, then four."""
    genesis = make_genesis(params={"epoch_length": LENGTH})
    world = World(replace(genesis, devnet=True, validators=genesis.validators[:3]))
    assert world.do(ValidatorsSet(first_set(world)[:2], 1), by=BY_ROOT).code == 128
    plan(world, *first_set(world)[::-1])
    assert pass_boundary(world).validators == first_set(world)[::-1]


MALFORMED: dict[str, Body] = {
    "an unknown parameter": ParamSet("magic", 1, 0),
    "a value below its range": ParamSet("epoch_length", 9, 0),
    "a value above its range": ParamSet("epoch_length", 1_000_001, 0),
    "a number for a view key": ParamSet("view_key", 1, 0),
    "a view key for a number": ParamSet("legs_max", sealed("operator"), 0),
    "a view key at a height": ParamSet("view_key", sealed("operator"), 9),
    "an end at a height": ParamSet("epoch_end", 100, 9),
    "copies that are not sorted": ParamSet("view_key", ViewKey(HELD.hash, HELD.copies * 2), 0),
    "no validators": ValidatorsSet((), 1),
    "too many validators": ValidatorsSet(OLD * 65, 1),
    "a validator twice": ValidatorsSet((*OLD, OLD[0]), 1),
    "a node key twice": ValidatorsSet((*OLD, replace(NEW, node_key=OLD[0].node_key)), 1),
    "a consensus key that is a node key, too": ValidatorsSet((*OLD, replace(NEW, consensus_key=OLD[0].node_key)), 1),
    "no address": ValidatorsSet((*OLD, replace(NEW, endpoint="node.example")), 1),
    "an address with a path": ValidatorsSet((*OLD, replace(NEW, endpoint="http://a/b")), 1),
    "no participant id": ValidatorsSet((*OLD, replace(NEW, participant="Bank A")), 1),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_k22_form(what: str) -> None:
    """Goal: no block holds such a body. Method: decode each."""
    world = small_world()
    with pytest.raises(Malformed):
        world.sign(MALFORMED[what], by=BY_ROOT)


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "x"},
        {"id": "other"},
        {"kind": "reserve"},
        {"standard": "ISAE 3000"},
        {"by": "Bank"},
        {"subject": "AA" * 32, "id": "AA" * 32},
    ],
)
def test_k22_form_of_a_word(fields: dict[str, str]) -> None:
    """Goal: other kinds are refused until their rules come. Method: decode a word with one field wrong."""
    world = small_world()
    word = said(world, NEW)
    with pytest.raises(Malformed):
        world.sign(Attest(replace(word.attestation, **fields)), by=OPERATOR)


def test_k22_a_block_reads_two_records_for_epochs_whatever_it_holds() -> None:
    """Goal: nothing per transaction. Method: count reads of governance in an empty block and in one of forty payments."""
    world = small_world(1_000)
    world.issue(MAIN_A, 1_000)
    reads: list[str] = []
    whole = world.state.get

    def noted(key: str) -> Record | None:
        reads.append(key)
        return whole(key)

    world.state.get = noted  # type: ignore[method-assign]  # a reader that counts
    payments = [world.sign(pay((MAIN_A, MAIN_B, 1)), by=signers("bank-a/ops"), sender="bank-a") for _ in range(40)]
    for transactions in ([], payments):
        overlay, context = Overlay(world.state), world.context()
        begin_block(overlay, context)
        reads.clear()
        for tx in transactions:
            assert apply_transaction(overlay, tx, context, verified).code == OK
        before = [key for key in reads if key.partition("/")[0] in ("epoch", "viewkey", "validator", "param")]
        reads.clear()
        end_block(overlay, context)
        assert before == []
        assert [key for key in reads if key.partition("/")[0] in ("epoch", "viewkey", "validator", "param")] == ["epoch/0", "param/next"]
