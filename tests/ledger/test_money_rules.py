"""Rules of money: amounts, legs, fees, the contra account (L1, L7, L16, L17, L21)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.accounts import Account, Balance
from ledger.assets import Asset, FeeRule
from ledger.blocks import Entry
from ledger.errors import OK, InvariantBroken, Malformed
from ledger.fees import fee_of, fee_rule
from ledger.invariants import check_transaction
from ledger.money import post
from ledger.state import Overlay
from ledger.transactions import apply_transaction, check_form
from ledger.transactions.bodies import HoldBody, Issue, Leg, Pay, Redeem
from ledger.types import AMOUNT_MAX
from tests.ledger.world import (
    ALICE,
    BOARD,
    BOB,
    FEE_PER_CENT,
    MAIN_A,
    MAIN_B,
    TILL,
    MemoryState,
    World,
    make_genesis,
    pay,
    signers,
    verified,
)

CONTRA, FEES = "operator/contra:KGS", "operator/fee:KGS"
BANK_A, BANK_B, ALICE_SIGNS = signers("bank-a/ops"), signers("bank-b/ops"), signers(f"{ALICE}/user")
EVERYBODY = [*BANK_A, *BANK_B, *ALICE_SIGNS]


def test_l7_money_comes_from_the_contra_account_and_goes_back() -> None:
    """Goal: the contra balance is the supply. Method: issue, redeem; read both."""
    world = World()
    world.issue(MAIN_A, 700)
    world.must(Redeem("KGS", MAIN_A, 300, "", None), by=BANK_A, sender="bank-a")
    asset = world.state.get("asset/KGS")
    assert isinstance(asset, Asset)
    assert (asset.supply, asset.issued, asset.redeemed) == (400, 700, 300)
    assert world.balance(CONTRA) == (-400, 0)
    assert world.balance(MAIN_A) == (400, 0)


@pytest.mark.parametrize("body", [pay((MAIN_A, MAIN_A, 5)), HoldBody(MAIN_A, MAIN_A, "KGS", 5, 0, 9, "bank-a", "bank-a", "none", "escrow")])
def test_l7_a_movement_within_one_account_is_malformed(body: Pay | HoldBody) -> None:
    """Goal: a self-payment never mints, because it does not exist. Method: check its form."""
    with pytest.raises(Malformed):
        check_form("", body)


def test_l7_a_self_payment_would_move_nothing() -> None:
    """Goal: even past form, net amounts decide. Method: post both entries of a movement within one account."""
    overlay = Overlay(MemoryState({f"balance/{MAIN_A}/KGS": Balance(10, 0)}))
    post(overlay, (Entry(MAIN_A, "KGS", -7, 0, 0), Entry(MAIN_A, "KGS", 7, 0, 0)))
    assert overlay.get(f"balance/{MAIN_A}/KGS") == Balance(10, 0)


def test_l7_all_or_nothing() -> None:
    """Goal: an atomic pay with one bad leg moves nothing. Method: the second of three legs lacks funds."""
    world = World(money=100)
    outcome = world.do(pay((MAIN_A, TILL, 50), (MAIN_B, TILL, 101), (ALICE, TILL, 50)), by=EVERYBODY, sender="bank-a")
    assert (outcome.code, outcome.failed_leg, outcome.entries) == (150, 1, ())
    assert [world.balance(name)[0] for name in (MAIN_A, MAIN_B, ALICE, TILL)] == [100, 100, 100, 100]


def test_l16_funds_are_checked_on_the_net_whatever_the_order() -> None:
    """Goal: the order of legs has no meaning in an atomic pay. Method: bob pays out what he gets, before and after he gets it."""
    for legs in (((BOB, ALICE, 150), (MAIN_A, BOB, 60)), ((MAIN_A, BOB, 60), (BOB, ALICE, 150))):
        world = World(money=100)
        assert world.do(pay(*legs), by=[*BANK_A, *BANK_B], sender="bank-a").code == OK
        assert (world.balance(BOB), world.balance(ALICE)) == ((10, 0), (250, 0))


def test_l16_in_mode_each_legs_run_in_order() -> None:
    """Goal: each leg is all or nothing, in order. Method: bob spends before and after he is paid."""
    world = World(money=100)
    outcome = world.do(pay((BOB, ALICE, 150), (MAIN_A, BOB, 60), (BOB, ALICE, 150), mode="each"), by=[*BANK_A, *BANK_B], sender="bank-a")
    assert (outcome.code, outcome.codes, outcome.failed_leg) == (OK, (150, OK, OK), None)
    assert (world.balance(BOB), world.balance(ALICE)) == ((10, 0), (250, 0))


def test_l16_in_mode_each_every_kind_of_failure_has_its_code() -> None:
    """Goal: one code per leg. Method: a missing account, a closed one, a wrong fee, no funds, and one leg that moves."""
    world = World(money=100)
    world.state.records[f"account/{TILL}"] = replace(_account(world, TILL), status="closing")
    legs = (
        ("bank-a/nobody", MAIN_B, 1),
        (MAIN_A, TILL, 1),
        Leg(MAIN_A, MAIN_B, "KGS", 1, 7, ""),
        (MAIN_A, MAIN_B, 101),
        (MAIN_A, MAIN_B, 99),
        (MAIN_A, CONTRA, 1),
    )
    outcome = world.do(pay(*legs, mode="each"), by=BANK_A, sender="bank-a")
    assert outcome.codes == (122, 123, 143, 150, OK, 124)
    assert [entry.leg for entry in outcome.entries] == [4, 4]


def test_l16_mode_each_fails_as_its_first_leg_where_none_moves() -> None:
    """Goal: the code is that of leg 0. Method: two legs fail for different reasons."""
    world = World(money=100)
    outcome = world.do(pay((MAIN_A, MAIN_B, 101), ("bank-a/nobody", MAIN_B, 1), mode="each"), by=BANK_A, sender="bank-a")
    assert (outcome.code, outcome.failed_leg, outcome.codes, outcome.entries) == (150, 0, (150, 122), ())


def test_l16_each_check_runs_over_all_legs_before_the_next() -> None:
    """Goal: a missing account of the last leg wins over the funds of the first. Method: break checks of different stages on purpose."""
    world = World(money=100)
    body = pay((MAIN_A, MAIN_B, 101), Leg(MAIN_A, MAIN_B, "KGS", 1, 7, ""), (MAIN_A, CONTRA, 1), (MAIN_A, "bank-b/nobody", 1))
    expected = [(122, 3), (124, 2), (143, 1), (150, 0)]
    for count, (code, leg) in enumerate(expected):
        outcome = world.do(replace(body, legs=body.legs[: 4 - count]), by=BANK_A, sender="bank-a")
        assert (outcome.code, outcome.failed_leg) == (code, leg)


def test_l16_the_lowest_code_wins_then_the_lowest_leg() -> None:
    """Goal: one code for all nodes. Method: two failures of one check in the wrong order, then twice the same failure."""
    world = World(money=100)
    outcome = world.do(pay(Leg(MAIN_A, MAIN_B, "GOLD", 1, 0, ""), (MAIN_A, "bank-b/nobody", 1)), by=BANK_A, sender="bank-a")
    assert (outcome.code, outcome.failed_leg) == (122, 1)
    outcome = world.do(pay((MAIN_A, MAIN_B, 1), (MAIN_A, "bank-b/y", 1), (MAIN_A, "bank-b/x", 1)), by=BANK_A, sender="bank-a")
    assert (outcome.code, outcome.failed_leg) == (122, 1)


def test_l16_accounts_are_checked_in_the_order_of_their_ids() -> None:
    """Goal: which account is short is the same for all. Method: two are; the leg of the smaller id is named, whatever its place."""
    world = World(money=100)
    outcome = world.do(pay((MAIN_B, TILL, 101), (ALICE, TILL, 101)), by=EVERYBODY[1:], sender="bank-b")
    assert (outcome.code, outcome.failed_leg) == (150, 1)
    assert ALICE in outcome.detail


def test_l1_a_balance_stays_within_18_digits() -> None:
    """Goal: 140. Method: an account at the limit gets 1 more, in a pay, and by netting does not."""
    world = World(money=100)
    world.state.records[f"balance/{MAIN_B}/KGS"] = Balance(AMOUNT_MAX, 0)
    overlay = Overlay(world.state)
    with pytest.raises(Exception, match="18 digits"):
        post(overlay, (Entry(MAIN_A, "KGS", -1, 0, 0), Entry(MAIN_B, "KGS", 1, 0, 0)))
    assert overlay.changes == {}
    post(
        overlay,
        (Entry(MAIN_A, "KGS", -1, 0, 0), Entry(MAIN_B, "KGS", 1, 0, 0), Entry(MAIN_B, "KGS", -1, 0, 1), Entry(TILL, "KGS", 1, 0, 1)),
    )
    assert overlay.get(f"balance/{MAIN_B}/KGS") == Balance(AMOUNT_MAX, 0)


def test_l1_issue_reaches_the_limit_and_no_further() -> None:
    """Goal: supply and cumulative totals stay within 18 digits. Method: issue all that is possible in two steps, then 1."""
    world = World(make_genesis(grants=None))
    record = world.state.records["grant/issue-kgs"]
    world.state.records["grant/issue-kgs"] = replace(record, grant=replace(record.grant, quota=None))  # type: ignore[union-attr]
    world.issue(MAIN_A, AMOUNT_MAX - 5)
    world.issue(MAIN_B, 5)
    assert world.balance(CONTRA) == (-AMOUNT_MAX, 0)
    by = [*signers("operator/ops"), *BOARD]
    assert world.do(Issue("KGS", TILL, 1, "", None), by=by).code == 140
    world.must(Redeem("KGS", MAIN_A, 10, "", None), by=BANK_A, sender="bank-a")
    assert world.do(Issue("KGS", TILL, 1, "", None), by=by).code == 140, "all ever issued is a total, too"


RULE = FeeRule("pay", "wallet", "", 5, 100, 10, 1_000)


@pytest.mark.parametrize(
    ("amount", "fee"), [(0, 0), (1, 10), (499, 10), (500, 10), (600, 11), (699, 11), (700, 12), (99_500, 1_000), (10**17, 1_000)]
)
def test_l17_the_fee_formula(amount: int, fee: int) -> None:
    """Goal: min(max, max(min, fixed + floor(a * bps / 10000))), 0 for 0. Method: both ends and the steps between."""
    assert fee_of(RULE, amount) == fee


def test_l17_the_first_rule_that_fits_decides() -> None:
    """Goal: L17. Method: rules by type and kinds, from special to general."""
    special = FeeRule("pay", "wallet", "settlement", 1, 0, 0, 9)
    general = FeeRule("pay", "", "", 2, 0, 0, 9)
    policy = replace(_asset(World()).policy, fees=(special, general))
    assert fee_rule(policy, "pay", "wallet", "settlement") is special
    assert fee_rule(policy, "pay", "wallet", "wallet") is general
    assert fee_rule(policy, "hold", "wallet", "wallet") is None


def test_l17_the_debtor_pays_the_fee_on_top_to_the_issuer() -> None:
    """Goal: L17. Method: alice pays 600 and has just enough for the fee; one less is 150, another quote 143."""
    world = World(make_genesis(fees=(FEE_PER_CENT,)))
    world.issue(ALICE, 611)
    leg = Leg(ALICE, MAIN_B, "KGS", 600, 11, "")
    assert world.do(pay(replace(leg, fee=10)), by=ALICE_SIGNS, sender=ALICE).code == 143
    assert world.do(pay(replace(leg, fee=0)), by=ALICE_SIGNS, sender=ALICE).code == 143
    outcome = world.do(pay(leg), by=ALICE_SIGNS, sender=ALICE)
    assert outcome.code == OK
    assert [(entry.account, entry.posted) for entry in outcome.entries] == [(ALICE, -611), (MAIN_B, 600), (FEES, 11)]
    world.issue(ALICE, 610)
    assert world.do(pay(leg), by=ALICE_SIGNS, sender=ALICE).code == 150


def test_l17_the_issuer_spends_its_fees() -> None:
    """Goal: fees are money like any other. Method: the operator pays out of the fee account."""
    world = World(make_genesis(fees=(FEE_PER_CENT,)))
    world.issue(ALICE, 611)
    world.must(pay(Leg(ALICE, MAIN_B, "KGS", 600, 11, "")), by=ALICE_SIGNS, sender=ALICE)
    assert world.do(pay((FEES, MAIN_A, 11)), by=signers("operator/ops")).code == OK


@given(
    amounts=st.lists(st.integers(1, 10**6), min_size=1, max_size=6),
    rule=st.builds(
        FeeRule,
        st.just("pay"),
        st.just(""),
        st.just(""),
        st.integers(0, 100),
        st.integers(0, 10_000),
        st.integers(0, 50),
        st.integers(50, 10**6),
    ),
)
def test_l17_a_fee_never_falls_as_the_amount_grows(amounts: list[int], rule: FeeRule) -> None:
    """Goal: a hold settled in parts never takes more than it reserved. Method: fees along growing sums."""
    sums = [sum(amounts[:count]) for count in range(len(amounts) + 1)]
    fees = [fee_of(rule, each) for each in sums]
    assert fees == sorted(fees)


@pytest.mark.parametrize("leg", [(CONTRA, MAIN_A, 1), (MAIN_A, CONTRA, 1)])
def test_l21_contra_takes_part_in_issue_and_redeem_only(leg: tuple[str, str, int]) -> None:
    """Goal: L21. Method: pay from and to it."""
    world = World(money=100)
    assert world.do(pay(leg), by=[*signers("operator/ops"), *BANK_A] if leg[0] == CONTRA else BANK_A, sender="bank-a").code == 124


def test_l12_a_post_state_that_breaks_a_sum_is_refused() -> None:
    """Goal: invariants look at the state, not at the type. Method: entries and balances that do not fit, written past the primitive."""
    key = f"balance/{MAIN_A}/KGS"
    cases = [
        ({key: Balance(11, 0)}, (Entry(MAIN_A, "KGS", 1, 0, 0),)),
        ({key: Balance(11, 0)}, ()),
        ({key: Balance(10, 0)}, (Entry(MAIN_A, "KGS", 1, 0, 0),)),
        ({key: Balance(-1, 0), f"balance/{MAIN_B}/KGS": Balance(11, 0)}, (Entry(MAIN_A, "KGS", -11, 0, 0), Entry(MAIN_B, "KGS", 11, 0, 0))),
        ({key: Balance(10, 3)}, (Entry(MAIN_A, "KGS", 0, 3, 0),)),
        ({key: Balance(10, 11)}, (Entry(MAIN_A, "KGS", 0, 11, 0),)),
    ]
    for writes, entries in cases:
        overlay = Overlay(MemoryState({key: Balance(10, 0)}))
        for name, record in writes.items():
            overlay.put(name, record)
        with pytest.raises(InvariantBroken):
            check_transaction(overlay, 0, entries, "pay")


def test_l12_a_transaction_that_would_break_an_invariant_is_refused_with_900() -> None:
    """Goal: our own faults stop at the post-state. Method: an asset whose totals lie (a corrupt store) is issued; only the ref is used."""
    world = World(money=100)
    world.state.records["asset/KGS"] = replace(_asset(world), supply=501)
    overlay, context = Overlay(world.state), world.context()
    tx = world.sign(Issue("KGS", MAIN_A, 5, "", None), by=[*signers("operator/ops"), *BOARD])
    outcome = apply_transaction(overlay, tx, context, verified)
    assert (outcome.code, outcome.entries) == (900, ())
    assert overlay.used_ref(tx.ref_id) is not None
    assert [key for key in overlay.changes if not key.startswith(("refs/", "~"))] == []


def test_l12_only_issue_and_redeem_change_the_supply() -> None:
    """Goal: invariant 2 in one place. Method: the same right writes under another type."""
    world = World(money=100)
    asset = _asset(world)
    for type_, accepted in (("issue", True), ("pay", False)):
        overlay = Overlay(world.state)
        entries = (Entry(CONTRA, "KGS", -5, 0, 0), Entry(MAIN_A, "KGS", 5, 0, 0))
        post(overlay, entries)
        overlay.put("asset/KGS", replace(asset, supply=asset.supply + 5, issued=asset.issued + 5))
        if accepted:
            check_transaction(overlay, 0, entries, type_)
        else:
            with pytest.raises(InvariantBroken):
                check_transaction(overlay, 0, entries, type_)


def _asset(world: World) -> Asset:
    record = world.state.get("asset/KGS")
    assert isinstance(record, Asset)
    return record


def _account(world: World, name: str) -> Account:
    record = world.state.get(f"account/{name}")
    assert isinstance(record, Account)
    return record
