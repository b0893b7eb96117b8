"""Purpose money that ends under orders (L11, L19, L31; invariants 12 and 13): what an order keeps, no sweep takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.errors import OK
from ledger.indexes import derive_indexes
from ledger.transactions.bodies import Seize
from tests.ledger.backing_world import LUNCH, BackedWorld
from tests.ledger.order_cast import OPERATOR, SEIZERS, TREASURY, arrest, lift, order, put
from tests.ledger.purpose_world import ENDS_MS, MEAL_VAULT, OTHER_PUPIL, PUPIL, lunch_policy, serve
from tests.ledger.world import DAY_MS, MAIN_A, MAIN_B, MINUTE_MS, TILL, make_genesis

if TYPE_CHECKING:
    from ledger.transactions.bodies import OrderPut

GIVEN = 1_000
"""Minor units of each of two pupils."""


def ending(*orders: OrderPut) -> BackedWorld:
    """Give two pupils school meals, make orders, and let the first block after the end pass."""
    world = ended(*orders)
    world.block()
    return world


def ended(*orders: OrderPut, params: dict[str, int] | None = None) -> BackedWorld:
    """Give two pupils school meals, make orders, and let the end come."""
    world = serve(BackedWorld(make_genesis(params=params)), GIVEN)
    world.define(replace(lunch_policy(), powers=("freeze", "seize")))
    for each in orders:
        put(world, each)
    world.time_ms = ENDS_MS
    return world


def in_meals(body: OrderPut) -> OrderPut:
    """Return the order as one on school meals."""
    return replace(body, order=replace(body.order, asset=LUNCH))


def seized(world: BackedWorld, amount: int) -> int:
    """Seize school meals of the first pupil; return the code."""
    return world.do(Seize("case-1", PUPIL, LUNCH, amount), by=[*OPERATOR, *SEIZERS]).code


def left(world: BackedWorld) -> tuple[int, int, int, str]:
    """Return what the pupils have, the supply, and how far the sweep is."""
    asset = world.asset(LUNCH)
    return world.balance(PUPIL, LUNCH)[0], world.balance(OTHER_PUPIL, LUNCH)[0], asset.supply, asset.state


def test_invariant_13_the_sweep_leaves_what_is_arrested_until_the_order_is_over() -> None:
    """Goal: value does not escape an arrest by its end. Method: arrest a part; after the end look, wait idly, lift, look again."""
    world = ending(in_meals(arrest(PUPIL, 600, seize_to=MAIN_B)))
    soms = world.balance(TILL)[0]
    assert left(world) == (600, 0, 600, "restrained")
    assert world.balance(MEAL_VAULT) == (600, 0)
    world.block()
    assert (world.swept, [key for key in world.state.records if key.startswith("~due/")]) == ((), [])
    world.must(lift(), by=TREASURY, sender="treasury")
    world.block()
    assert left(world) == (0, 0, 0, "expired")
    assert world.balance(TILL)[0] == soms + 600
    assert derive_indexes(world.state.hashed().items()).keys() == {key for key in world.state.records if key[0] == "~"}


def test_l19_a_sweep_under_way_comes_back_for_what_an_order_kept() -> None:
    """Goal: nothing is left behind, which stopped the chain (found by the simulation). Method: lift while the sweep is between."""
    world = ended(in_meals(arrest(PUPIL, GIVEN, seize_to=MAIN_B)), params={"sweep_max": 3})
    world.block()
    assert left(world) == (GIVEN, 0, GIVEN, "open")
    assert world.asset(LUNCH).swept >= PUPIL
    world.must(lift(), by=TREASURY, sender="treasury")
    assert left(world) == (GIVEN, 0, GIVEN, "open")
    for _ in range(4):
        world.block()
    assert left(world) == (0, 0, 0, "expired")


def test_l11_a_seizure_after_the_end_pays_what_is_locked_to_whom_the_order_names() -> None:
    """Goal: the beneficiary gets what the budget line would have got. Method: seize in two parts, then more than there is."""
    world = ending(in_meals(arrest(PUPIL, 600, seize_to=MAIN_B)))
    before = world.balance(MAIN_B)[0]
    assert [seized(world, amount) for amount in (200, 401, 400)] == [OK, 181, OK]
    assert world.balance(MAIN_B) == (before + 600, 0)
    assert world.balance(MAIN_B, LUNCH) == (0, 0)
    assert (world.balance(MEAL_VAULT), world.asset(LUNCH).redeemed) == ((0, 0), 2 * GIVEN)
    world.block()
    assert left(world) == (0, 0, 0, "expired")


def test_l11_before_the_end_the_beneficiary_gets_school_meals() -> None:
    """Goal: a seizure moves what there is. Method: seize before the end; at the end it returns to the budget line like the rest."""
    world = serve(BackedWorld(), GIVEN)
    world.define(replace(lunch_policy(), powers=("freeze", "seize")))
    put(world, in_meals(arrest(PUPIL, 600, seize_to=MAIN_B)))
    assert seized(world, 600) == OK
    assert world.balance(MAIN_B, LUNCH) == (600, 0)
    world.time_ms = ENDS_MS
    world.block()
    assert left(world) == (0, 0, 0, "expired")


@pytest.mark.parametrize("mode", ["debit", "both"])
def test_invariant_12_the_sweep_takes_nothing_from_a_blocked_account(mode: str) -> None:
    """Goal: posted never falls under a debit block. Method: block one pupil until a day after the end; the order lapses by itself."""
    until = ENDS_MS + DAY_MS
    world = ending(in_meals(order("debit" if mode == "debit" else "both", PUPIL, until=until)))
    assert left(world) == (GIVEN, 0, GIVEN, "restrained")
    world.time_ms = until
    world.block()
    world.block()
    assert left(world) == (0, 0, 0, "expired")


def test_invariant_12_a_budget_line_that_may_not_be_paid_stops_the_sweep() -> None:
    """Goal: posted never rises under a credit block. Method: block soms of the budget line; nothing moves until it is lifted."""
    world = ending(order("credit", TILL))
    assert left(world) == (GIVEN, GIVEN, 2 * GIVEN, "restrained")
    world.must(lift(), by=TREASURY, sender="treasury")
    world.block()
    assert left(world) == (0, 0, 0, "expired")


def test_l31_an_arrest_that_comes_while_the_sweep_is_under_way_keeps_what_is_left() -> None:
    """Goal: an order counts from its block on. Method: a sweep of one account a block; arrest the second pupil in the first block."""
    world = ended(params={"sweep_max": 3})
    put(world, in_meals(order("arrest", OTHER_PUPIL, seize_to=MAIN_A)))
    assert left(world) == (0, GIVEN, GIVEN, "open")
    for _ in range(3):
        world.block()
    assert left(world) == (0, GIVEN, GIVEN, "restrained")


def test_l31_two_arrests_keep_both_amounts_and_lifting_one_leaves_the_other() -> None:
    """Goal: invariant 13, of an asset that has ended. Method: 300 and 400 arrested; lift one, then the other."""
    world = ending(in_meals(arrest(PUPIL, 300)), in_meals(arrest(PUPIL, 400, name="case-2")))
    assert left(world) == (700, 0, 700, "restrained")
    world.must(lift(), by=TREASURY, sender="treasury")
    world.block()
    assert left(world) == (400, 0, 400, "restrained")
    world.must(lift("case-2"), by=TREASURY, sender="treasury")
    world.time_ms += MINUTE_MS
    world.block()
    assert left(world) == (0, 0, 0, "expired")


def test_invariant_12_a_credit_block_on_a_pupil_keeps_nothing() -> None:
    """Goal: an order restricts what it says. Method: block what comes in; what goes out at the end is not that."""
    assert left(ending(in_meals(order("credit", PUPIL)))) == (0, 0, 0, "expired")
