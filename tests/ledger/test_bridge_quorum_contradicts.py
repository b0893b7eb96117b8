"""A quorum of attestors that contradicts itself halts its route; it is no fault of the ledger (B1, B5, invariant 10)."""

from __future__ import annotations

from ledger.errors import OK
from tests.ledger.bridge_world import VAULT, BridgedWorld, burn_of, fact_of
from tests.ledger.order_cast import order, put
from tests.ledger.world import MAIN_B


def test_b5_an_expiry_beside_burns_that_it_leaves_no_room_for_halts_the_route() -> None:
    """Goal: neither 900 nor a refund. Method: 600 of 1,000 are burned, the second burn waits; then a lock of 500 is told as expired."""
    world = BridgedWorld()
    lock = world.locked(500)
    world.locked(500)
    world.limit(bucket=5_000, day_in=1, big_amount=3_000)
    assert world.agree(burn_of(1, 1, 1)) == [OK] * 3
    assert world.agree(burn_of(2, 599, 600)) == [OK] * 3
    assert (world.route.burned, world.route.released) == (600, 1)
    assert world.agree(fact_of(lock, "expiry")) == [OK] * 3
    assert (world.route.status, world.route.refunded, world.lock_of(1).state) == ("halted", 0, "locked")
    assert world.route.reason == "lock 1 is told as expired: 500 could be left there, 600 were burned"
    assert world.balance(VAULT) == (999, 0)
    assert world.tell(fact_of(lock, "expiry"), "treasury") == 131


def test_b5_an_expiry_that_leaves_room_for_all_burns_is_a_refund() -> None:
    """Goal: the last minor unit. Method: the same with 500 burned of 1,000; the route goes on."""
    world = BridgedWorld()
    lock = world.locked(500)
    world.locked(500)
    world.limit(bucket=5_000, day_in=1, big_amount=3_000)
    world.agree(burn_of(1, 1, 1))
    world.agree(burn_of(2, 499, 500))
    assert world.agree(fact_of(lock, "expiry")) == [OK] * 3
    assert (world.route.status, world.route.refunded, world.lock_of(1).state) == ("active", 500, "refunded")


def test_b5_a_refund_is_not_claimed_beside_burns_that_it_leaves_no_room_for() -> None:
    """Goal: 191, not 900. Method: a lock expires unpaid, all that was locked is told as burned, the refund is claimed."""
    world = BridgedWorld()
    lock = world.locked(500, MAIN_B)
    put(world, order("credit", MAIN_B, until=world.time_ms + 60_000))
    world.agree(fact_of(lock, "expiry"))
    world.limit(bucket=5_000, day_in=1, big_amount=400)
    assert world.agree(burn_of(1, 500, 500)) == [OK] * 3
    assert (world.lock_of(1).state, world.route.burned, world.route.released) == ("expired", 500, 0)
    world.time_ms += 60_000
    assert world.claim("refund", 1, sender="bank-a") == 191
    assert world.balance(VAULT) == (500, 0)
