"""Ways round an order that must fail: other assets, other banks, returns, wallets opened later (L16, L30, L31, invariants 12 and 13)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.errors import OK
from ledger.transactions.bodies import Leg, Pay, Redeem, ReturnOf, Settle
from tests.ledger.backing_world import CODE, BackedWorld, gold_policy
from tests.ledger.cast import BANK_A, BANK_B
from tests.ledger.order_cast import QUORUM, SEIZERS, TREASURY, arrest, lift, order, put, seize
from tests.ledger.people import CAROL, CAROL_A, CAROL_B, DAVE_B, open_wallet, peopled
from tests.ledger.people_cases import UETR
from tests.ledger.world import DAY_MS, MAIN_A, MAIN_B, TILL, World, pay, signers

OPERATOR = signers("operator/ops")


def back(world: World, tx_id: bytes, amount: int) -> int:
    """Return a payment of bank-a's main account to that of bank-b; return the code."""
    leg = Leg(MAIN_B, MAIN_A, "KGS", amount, 0, "")
    return world.do(Pay((leg,), "atomic", "", None, "", None, ReturnOf(tx_id, 0)), by=BANK_B, sender="bank-b").code


def test_l31_a_wrap_takes_no_arrested_value_and_no_blocked_account_wraps() -> None:
    """Goal: value does not slip into another asset. Method: wrap soms that are arrested, blocked, paused; wrap what is free."""
    world = BackedWorld(money=1_000)
    put(world, arrest(MAIN_A, 900, seize_to=TILL))
    assert world.wrap(101) == 151
    assert world.wrap(100) == OK
    world.must(lift(), by=TREASURY, sender="treasury")
    put(world, order("debit", MAIN_A, name="2"))
    assert world.wrap(1) == 152
    world.must(lift("2"), by=TREASURY, sender="treasury")
    put(world, order("pause", "KGS", name="3", scope="asset", asset="", by="operator"), QUORUM)
    assert world.wrap(1) == 131
    assert world.unwrap(40) == OK


def test_l16_an_unwrap_does_not_pay_an_account_that_may_not_be_paid() -> None:
    """Goal: a frozen account cannot receive, by any door. Method: wrap, block the target in soms, unwrap to it and to another."""
    world = BackedWorld(money=1_000)
    assert world.wrap(100) == OK
    put(world, order("credit", MAIN_B))
    assert world.unwrap(50) == 153
    assert world.unwrap(50, to=TILL) == OK


def test_l31_an_order_on_a_holder_reaches_every_wallet_at_every_bank_now_and_later() -> None:
    """Goal: scope holder. Method: carol banks at two banks and opens a third wallet; dave is not concerned; seize at one bank."""
    world = peopled()
    for account in (CAROL_A, CAROL_B, DAVE_B):
        world.must(pay((MAIN_A, account, 300)), by=BANK_A, sender="bank-a")
    put(world, order("arrest", CAROL.hex(), scope="holder", seize_to=TILL))
    assert world.do(pay((CAROL_A, MAIN_A, 1)), by=BANK_A, sender="bank-a").code == 151
    assert world.do(pay((CAROL_B, MAIN_B, 1)), by=BANK_B, sender="bank-b").code == 151
    assert world.do(pay((CAROL_A, CAROL_B, 1)), by=BANK_A, sender="bank-a").code == 151
    assert world.do(pay((DAVE_B, MAIN_B, 1)), by=BANK_B, sender="bank-b").code == OK
    open_wallet(world, "bank-b/carol.9", CAROL)
    world.must(pay((MAIN_B, "bank-b/carol.9", 20)), by=BANK_B, sender="bank-b")
    assert world.do(pay(("bank-b/carol.9", MAIN_B, 1)), by=BANK_B, sender="bank-b").code == 151
    assert world.do(seize(DAVE_B, 1), by=[*OPERATOR, *SEIZERS]).code == 182
    world.must(seize(CAROL_B, 300), by=[*OPERATOR, *SEIZERS])
    assert world.balance(CAROL_B) == (0, 0)
    world.must(lift(), by=TREASURY, sender="treasury")
    assert world.do(pay((CAROL_A, MAIN_A, 1)), by=BANK_A, sender="bank-a").code == OK


@pytest.mark.parametrize(
    ("allow", "code"),
    [((), 152), (("holds",), 152), (("return",), OK)],
)
def test_l30_a_return_is_a_payment_unless_the_order_allows_it(allow: tuple[str, ...], code: int) -> None:
    """Goal: returns are no way round. Method: pay, block who was paid, return; then again under an arrest."""
    world = World(money=1_000)
    paid = world.must(Pay((Leg(MAIN_A, MAIN_B, "KGS", 100, 0, ""),), "atomic", "", UETR, "", None, None), by=BANK_A, sender="bank-a")
    put(world, order("debit", MAIN_B, allow=allow))
    assert back(world, paid.tx_id, 40) == code
    world.must(lift(), by=TREASURY, sender="treasury")
    put(world, arrest(MAIN_B, None, name="2"))
    assert back(world, paid.tx_id, 40) == 151


def test_l30_what_comes_back_reaches_a_blocked_account_where_the_order_allows_it() -> None:
    """Goal: the credit side of a return. Method: block credits of who paid, with and without `return`."""
    world = World(money=1_000)
    paid = world.must(Pay((Leg(MAIN_A, MAIN_B, "KGS", 100, 0, ""),), "atomic", "", UETR, "", None, None), by=BANK_A, sender="bank-a")
    put(world, order("both", MAIN_A, allow=("return",)))
    assert back(world, paid.tx_id, 40) == OK
    world.must(lift(), by=TREASURY, sender="treasury")
    put(world, order("both", MAIN_A, name="2"))
    assert back(world, paid.tx_id, 40) == 153


def test_l30_a_queued_redemption_is_settled_where_the_order_allows_to_redeem() -> None:
    """Goal: L18, who may redeem is paid out. Method: queue, then block with `redeem` and without; queue again under each."""
    world = BackedWorld(policy=replace(gold_policy(), queued=DAY_MS, powers=("freeze",))).ready()
    assert world.mint(100) == OK
    queued = world.must(Redeem(CODE, TILL, 40, "", None), by=[*OPERATOR, *TREASURY]).tx_id
    put(world, order("debit", TILL, name="1", asset=CODE, allow=("redeem",)))
    assert world.burn(10).code == OK
    assert world.do(Settle(queued, 10, b""), by=TREASURY, sender="treasury").code == OK
    world.must(lift("1"), by=TREASURY, sender="treasury")
    put(world, order("debit", TILL, name="2", asset=CODE))
    assert world.burn(10).code == 152
    assert world.do(Settle(queued, 10, b""), by=TREASURY, sender="treasury").code == 152
    assert world.asset().supply == 90
