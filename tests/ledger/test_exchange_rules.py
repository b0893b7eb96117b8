"""Atomic exchange as one pay (L16): payment against payment and delivery against payment, with two assets and two debtors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.errors import OK, QuorumNotMet
from ledger.transactions.bodies import AssetPut, GrantPut, Issue, Leg, Pay
from tests.ledger.cast import BY_ROOT, POLICY
from tests.ledger.order_cast import order, put
from tests.ledger.people import CAROL_A, LIMITS, alter, peopled
from tests.ledger.world import ALICE, BOB, MAIN_A, MAIN_B, World, grant, signers

if TYPE_CHECKING:
    from ledger.orders import OrderMode
    from tests.ledger.world import Signer

OPERATOR, BANK_A, BANK_B = signers("operator/ops"), signers("bank-a/ops"), signers("bank-b/ops")
ALICE_SIGNS, TREASURY = signers(f"{ALICE}/user"), signers("treasury/ops")
BOND = "BOND"


def market(world: World | None = None, *, money: int = 1_000) -> World:
    """Return a world with a second asset, of which bank-b has 500."""
    made = world or World(money=money)
    made.must(AssetPut(replace(POLICY, code=BOND, decimals=0, cap=None, powers=("freeze", "pause", "seize"))), by=BY_ROOT)
    made.must(GrantPut(grant("issue-bond", "issue", "operator", asset=BOND)), by=BY_ROOT)
    made.must(Issue(BOND, MAIN_B, 500, "test", None), by=OPERATOR)
    return made


def swap(buyer: str = MAIN_A, seller: str = MAIN_B, money: int = 300, bonds: int = 20) -> Pay:
    """Deliver bonds against soms."""
    return Pay((Leg(seller, buyer, BOND, bonds, 0, ""), Leg(buyer, seller, "KGS", money, 0, "")), "atomic", "dvp", None, "", None, None)


def holdings(world: World) -> tuple[int, ...]:
    """Soms and bonds of both."""
    return tuple(world.balance(account, asset)[0] for account in (MAIN_A, MAIN_B) for asset in ("KGS", BOND))


def test_l16_both_legs_move_or_none() -> None:
    """Goal: delivery against payment. Method: both sign; the money is short by one, the bonds are, then all is there."""
    world = market()
    both = [*BANK_A, *BANK_B]
    for body in (swap(money=1_001), swap(bonds=501)):
        assert world.do(body, by=both, sender="bank-a").code == 150
        assert holdings(world) == (1_000, 0, 1_000, 500)
    assert world.do(swap(), by=both, sender="bank-a").code == OK
    assert holdings(world) == (700, 20, 1_300, 480)


@pytest.mark.parametrize("by", [BANK_A, BANK_B])
def test_invariant_16_both_debtors_sign(by: list[Signer]) -> None:
    """Goal: nobody is debited by the other side alone. Method: either signature alone."""
    world = market()
    with pytest.raises(QuorumNotMet):
        world.do(swap(), by=by, sender=by[0][0])
    assert holdings(world) == (1_000, 0, 1_000, 500)


def test_l16_an_exchange_between_users_of_two_banks() -> None:
    """Goal: a person with a keyset against a wallet of a bank. Method: alice signs, bob's bank signs."""
    world = market()
    world.must(Pay((Leg(MAIN_B, BOB, BOND, 50, 0, ""),), "atomic", "", None, "", None, None), by=BANK_B, sender="bank-b")
    assert world.do(swap(ALICE, BOB), by=[*ALICE_SIGNS, *BANK_B], sender=ALICE).code == OK
    assert (world.balance(ALICE, BOND), world.balance(BOB)) == ((20, 0), (1_300, 0))


@pytest.mark.parametrize("subject", [MAIN_A, MAIN_B])
@pytest.mark.parametrize(("mode", "code"), [("debit", 152), ("credit", 153)])
def test_l16_an_order_on_either_leg_stops_both(subject: str, mode: OrderMode, code: int) -> None:
    """Goal: no half of an exchange. Method: block each side's debits, then its credits."""
    world = market()
    put(world, order(mode, subject, asset=""))
    assert world.do(swap(), by=[*BANK_A, *BANK_B], sender="bank-a").code == code
    assert holdings(world) == (1_000, 0, 1_000, 500)


def test_l16_a_limit_on_either_leg_stops_both() -> None:
    """Goal: as above. Method: carol buys bonds for more than she may spend at once, then for as much as she may."""
    world = market(peopled())
    alter(world, limits=())
    world.must(Pay((Leg(MAIN_A, CAROL_A, "KGS", 3_000, 0, ""),), "atomic", "", None, "", None, None), by=BANK_A, sender="bank-a")
    alter(world, limits=LIMITS)
    codes = [world.do(swap(CAROL_A, money=money), by=[*BANK_A, *BANK_B], sender="bank-a").code for money in (1_001, 1_000)]
    assert codes == [155, OK]
    assert world.balance(CAROL_A, BOND) == (20, 0)


@given(st.lists(st.tuples(st.integers(1, 600), st.integers(1, 300)), min_size=1, max_size=6))
def test_l16_payment_against_payment_never_leaves_one_side_short(swaps: list[tuple[int, int]]) -> None:
    """Goal: whatever is agreed. Method: swaps of any size: both move or none, and the sums of both assets stay."""
    world = market(money=1_000)
    for money, bonds in swaps:
        before = holdings(world)
        code = world.do(swap(money=money, bonds=bonds), by=[*BANK_A, *BANK_B], sender="bank-b").code
        fits = before[0] >= money and before[3] >= bonds
        assert code == (OK if fits else 150)
        moved = (before[0] - money, before[1] + bonds, before[2] + money, before[3] - bonds)
        assert holdings(world) == (moved if fits else before)
