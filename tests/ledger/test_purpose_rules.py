"""Purpose money and queued redemption (L18, L19, L21): what merchants get, and what becomes of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.errors import OK, Malformed, QuorumNotMet, Unorderable
from ledger.grants import Need, Quota, Scope
from ledger.holds import Hold
from ledger.indexes import derive_indexes
from ledger.orders import Order
from ledger.reserves import Expiry
from ledger.transactions.bodies import (
    AccountOpen,
    AccountSet,
    AssetPut,
    GrantEnd,
    GrantPut,
    HoldBody,
    Issue,
    OrderPut,
    Redeem,
    Settle,
    Void,
)
from tests.ledger.backing_world import CODE, LUNCH, TREASURY, USD, BackedWorld
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.purpose_world import (
    ENDS_MS,
    KIOSK,
    MEAL_VAULT,
    OTHER_PUPIL,
    PUPIL,
    SHOP,
    eat,
    lunch_policy,
    meals,
    queued_policy,
    serve,
)
from tests.ledger.world import DAY_MS, HOUR_MS, MAIN_A, MAIN_B, TILL, grant, make_genesis, signers

BANK_A = [*OPERATOR, *signers("bank-a/ops")]


def lunch(world: BackedWorld) -> tuple[int, int]:
    """Return supply and what lies in the vault; they are the same."""
    return world.asset(LUNCH).supply, world.balance(MEAL_VAULT)[0]


@pytest.mark.parametrize("mode", ["atomic", "each"])
def test_l21_a_meal_is_redeemed_when_it_is_paid(mode: str) -> None:
    """Goal: a payment to an eligible merchant is redeemed in the same transaction. Method: two legs in either mode; add up both sides."""
    world = serve(BackedWorld(), 1_000)
    outcome = world.do(meals((PUPIL, SHOP, 300), (OTHER_PUPIL, SHOP, 200), mode=mode), by=BANK_A)
    assert outcome.code == OK
    assert (world.balance(SHOP), world.balance(SHOP, LUNCH)) == ((500, 0), (0, 0))
    assert (world.balance(PUPIL, LUNCH)[0], world.balance(OTHER_PUPIL, LUNCH)[0]) == (700, 800)
    assert lunch(world) == (1_500, 1_500)
    assert world.asset(LUNCH).redeemed == 500


def test_l21_one_leg_that_fails_redeems_nothing() -> None:
    """Goal: mode each leaves no trace of a refused leg. Method: one leg without funds, one to a caterer nobody vouched for, one good."""
    world = serve(BackedWorld(), 1_000)
    body = meals((PUPIL, SHOP, 1_001), (PUPIL, KIOSK, 1), (PUPIL, SHOP, 10), mode="each")
    assert world.do(body, by=BANK_A).codes == (150, 132, OK)
    assert (lunch(world), world.balance(SHOP)) == ((1_990, 1_990), (10, 0))


def test_l25_only_who_the_treasury_vouched_for_is_paid() -> None:
    """Goal: a bank cannot make merchants. Method: pay the kiosk that its bank calls a caterer, another pupil, a settlement account."""
    world = serve(BackedWorld(), 1_000)
    assert [eat(world, 1, credit=each) for each in (KIOSK, OTHER_PUPIL, MAIN_B)] == [132, 132, 132]
    assert eat(world, 1) == OK


def test_l25_who_may_have_meals_is_no_merchant_by_a_banks_word() -> None:
    """Goal: a bank cannot have meals paid out. Method: a school may have them, and its bank calls it a caterer, too: it gets meals."""
    world = serve(BackedWorld(), 1_000)
    school = "bank-b/school-4"
    world.must(AccountOpen(school, "wallet", b"", None, ("mcc:8211", "school")), by=signers("bank-b/ops"), sender="bank-b")
    assert eat(world, 100, credit=school) == 132
    world.define(replace(lunch_policy(), receive=("mcc:8211", "school")))
    assert eat(world, 100, credit=school) == OK
    assert (world.balance(school, LUNCH), world.balance(school)) == ((100, 0), (0, 0))
    assert lunch(world) == (2_000, 2_000)


def test_l21_the_treasury_takes_meals_back_as_they_are() -> None:
    """Goal: what goes back to the issuer stays what it is. Method: a pupil returns meals to the Treasury, which gives them to another."""
    world = serve(BackedWorld(), 1_000)
    assert eat(world, 100, credit=TILL) == OK
    assert (world.balance(TILL, LUNCH)[0], lunch(world)) == (100, (2_000, 2_000))


def test_l08_a_hold_for_a_meal_is_paid_out_of_the_vault() -> None:
    """Goal: settle does what pay does. Method: hold, settle in two parts, void the rest."""
    world = serve(BackedWorld(), 1_000)
    body = HoldBody(PUPIL, SHOP, LUNCH, 300, 0, world.time_ms + HOUR_MS, SHOP, SHOP, "none", "authorisation")
    found = world.must(body, by=BANK_A).tx_id
    by = [*OPERATOR, *signers("bank-b/ops")]
    assert [world.do(Settle(found, amount, b""), by=by).code for amount in (100, 150)] == [OK, OK]
    assert world.do(Void(found), by=by).code == OK
    assert (world.balance(SHOP), world.balance(PUPIL, LUNCH), lunch(world)) == ((250, 0), (750, 0), (1_750, 1_750))


def test_l19_a_hold_ends_before_what_it_holds() -> None:
    """Goal: nothing is held when the asset ends. Method: a hold until that very moment, and one a millisecond before it."""
    world = serve(BackedWorld(), 1_000)
    made = [HoldBody(PUPIL, SHOP, LUNCH, 1, 0, until, SHOP, SHOP, "none", "authorisation") for until in (ENDS_MS, ENDS_MS - 1)]
    assert [world.do(body, by=BANK_A).code for body in made] == [171, OK]


def test_l19_from_its_end_on_only_the_sweep_moves_it() -> None:
    """Goal: the unspent rest returns to its budget line. Method: let the time come, a hold open; try every type; look everywhere."""
    world = serve(BackedWorld(), 1_000)
    world.must(HoldBody(PUPIL, SHOP, LUNCH, 300, 0, ENDS_MS - 1, SHOP, SHOP, "none", "authorisation"), by=BANK_A)
    assert eat(world, 200) == OK
    soms = world.balance(TILL)[0]
    world.time_ms = ENDS_MS
    assert eat(world, 1) == 123
    assert world.balance(TILL) == (soms + 1_800, 0)
    assert (lunch(world), world.asset(LUNCH).state) == ((0, 0), "expired")
    assert all(world.balance(name, LUNCH) == (0, 0) for name in (PUPIL, OTHER_PUPIL, TILL))
    assert (world.asset(LUNCH).redeemed, world.asset(LUNCH).issued) == (2_000, 2_000)
    codes = [
        world.wrap(1, source=TILL, to=TILL, code=LUNCH),
        world.do(Redeem(LUNCH, PUPIL, 1, "", MAIN_A), by=BANK_A).code,
        world.do(HoldBody(PUPIL, SHOP, LUNCH, 1, 0, world.time_ms + 1, SHOP, SHOP, "none", "escrow"), by=BANK_A).code,
    ]
    assert codes == [123, 123, 123]
    assert [key for key in world.state.records if key.startswith("~due/")] == []


@settings(max_examples=25)
@given(pupils=st.integers(1, 12), room=st.integers(3, 9), gap=st.integers(0, 40))
def test_l19_the_sweep_of_an_ended_asset_is_bounded(pupils: int, room: int, gap: int) -> None:
    """Goal: at most sweep_max leaves a block, whatever there is. Method: many wallets, some empty ones before and after; count blocks."""
    world = serve(BackedWorld(make_genesis(params={"sweep_max": room})))
    assert world.wrap(pupils * 10, source=TILL, to=TILL, code=LUNCH) == OK
    for number in range(pupils):
        name = f"bank-a/q-{number * gap % 97:03}-{number}"
        world.open(name, "wallet")
        world.must(meals((TILL, name, 10)), by=TREASURY, sender="treasury")
    world.time_ms = ENDS_MS
    blocks = 0
    while world.asset(LUNCH).state != "expired":
        world.block()
        emptied = [entry for entry in world.swept if entry.asset == LUNCH and entry.posted < 0]
        assert len(emptied) * 2 < room
        assert sum(entry.posted for entry in world.swept) == 0
        blocks += 1
        assert blocks <= pupils + 2
    assert (lunch(world), world.balance(TILL)) == ((0, 0), (10_000, 0))
    assert derive_indexes(world.state.hashed().items()).keys() == {key for key in world.state.records if key[0] == "~"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"budget_line": "treasury/none"}, 122),
        ({"budget_line": "bank-b/bob"}, 124),
        ({"budget_line": MEAL_VAULT}, 124),
        ({"at": 1}, 172),
        ({}, OK),
    ],
    ids=str,
)
def test_l09_a_budget_line_can_take_what_is_left(fields: dict[str, object], code: int) -> None:
    """Goal: the sweep cannot fail. Method: a line that is none, of people, the vault itself; an end that is past."""
    world = serve(BackedWorld())
    policy = lunch_policy()
    assert policy.expires is not None
    body = AssetPut(replace(policy, expires=replace(policy.expires, **fields)))
    assert world.do(body, by=[*BY_ROOT, *TREASURY]).code == code


def test_l09_a_budget_line_stays_open_until_the_rest_has_come() -> None:
    """Goal: nothing swept is lost. Method: close the line of an asset that ends, before and after its end."""
    world = serve(BackedWorld(money=0))
    line = "treasury/meals"
    world.open(line)
    world.define(lunch_policy(budget_line=line))
    assert world.do(AccountSet(line, "closed", None), by=TREASURY, sender="treasury").code == 126
    world.time_ms = ENDS_MS
    world.block()
    assert world.do(AccountSet(line, "closed", None), by=TREASURY, sender="treasury").code == OK


def test_l17_the_end_of_purpose_money_never_changes() -> None:
    """Goal: what was given until a date is good until that date. Method: move the end after an issue."""
    world = serve(BackedWorld(), 10)
    body = AssetPut(lunch_policy(at=ENDS_MS + 1))
    assert world.do(body, by=[*BY_ROOT, *TREASURY]).code == 133


def test_l16_a_block_on_a_caterers_soms_stops_meals_too() -> None:
    """Goal: an order on what is really credited counts. Method: block credits in soms on the shop; pay it, settle to it."""
    world = serve(BackedWorld(), 1_000)
    world.must(GrantPut(grant("freeze-2", "order.freeze", "operator")), by=BY_ROOT)
    order = Order("case-1", "operator", bytes(range(32)), "account", SHOP, "KGS", "credit", None, (), "", 0, open=False)
    world.must(OrderPut(order), by=OPERATOR)
    assert eat(world, 1) == 153


def redeem(world: BackedWorld, amount: int) -> bytes:
    """Ask for a redemption and return the id of its hold."""
    return world.must(Redeem(CODE, TILL, amount, "bank account 7", None), by=[*OPERATOR, *TREASURY]).tx_id


def queue() -> BackedWorld:
    """Make a network whose redemptions of USDKG wait for the issuer."""
    world = BackedWorld(policy=queued_policy()).ready()
    if world.mint(1_000 * USD):
        raise AssertionError
    return world


def test_l18_a_queued_redemption_is_a_hold_that_the_issuer_settles() -> None:
    """Goal: the supply falls when the issuer has paid out. Method: queue, settle in two parts, look at the supply after each."""
    world = queue()
    found = redeem(world, 400 * USD)
    hold = world.state.get(f"hold/{found.hex()}")
    assert isinstance(hold, Hold)
    assert (hold.kind, hold.target, hold.settle_by, hold.void_by) == ("queue", "treasury/contra:USDKG", "treasury", "treasury")
    assert (world.asset().supply, world.balance(TILL, CODE)) == (1_000 * USD, (1_000 * USD, 400 * USD))
    for part, left in ((150, 850), (250, 600)):
        assert world.do(Settle(found, part * USD, b""), by=TREASURY, sender="treasury").code == OK
        assert world.asset().supply == left * USD
    assert (world.balance(TILL, CODE), world.asset().redeemed) == ((600 * USD, 0), 400 * USD)


def test_l19_a_queued_redemption_lapses_and_is_free_again() -> None:
    """Goal: an issuer that does not pay keeps nothing. Method: let the day pass; settle in vain."""
    world = queue()
    found = redeem(world, 400 * USD)
    world.time_ms += DAY_MS
    assert world.do(Settle(found, 1, b""), by=TREASURY, sender="treasury").code == 170
    assert (world.balance(TILL, CODE), world.asset().supply) == ((1_000 * USD, 0), 1_000 * USD)


def test_l18_a_queue_is_refused_by_no_backing() -> None:
    """Goal: L18 for queues. Method: everything is stale; queue and settle; what is queued cannot be spent twice."""
    world = queue()
    world.time_ms += 300 * DAY_MS
    found = redeem(world, 1_000 * USD)
    assert world.do(Redeem(CODE, TILL, 1, "", None), by=[*OPERATOR, *TREASURY]).code == 150
    assert world.do(Settle(found, 1_000 * USD, b""), by=TREASURY, sender="treasury").code == OK
    assert world.asset().supply == 0


@settings(max_examples=30)
@given(
    given_out=st.lists(st.integers(1, 300), min_size=1, max_size=4),
    eaten=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 400)), max_size=8),
)
def test_invariant_08_every_som_of_the_school_is_somewhere(given_out: list[int], eaten: list[tuple[int, int]]) -> None:
    """Goal: 8 and the way of the rest. Method: any meals by any pupils; what caterers got and what came back is what was locked."""
    world = serve(BackedWorld())
    total = sum(given_out)
    assert world.wrap(total, source=TILL, to=TILL, code=LUNCH) == OK
    left = dict.fromkeys(range(4), 0)
    for number, amount in enumerate(given_out):
        world.open(f"bank-a/p-{number}", "wallet")
        world.must(meals((TILL, f"bank-a/p-{number}", amount)), by=TREASURY, sender="treasury")
        left[number] = amount
    paid = 0
    for number, amount in eaten:
        if number < len(given_out):
            code = eat(world, amount, debit=f"bank-a/p-{number}")
            assert code == (OK if amount <= left[number] else 150)
            left[number] -= amount if code == OK else 0
            paid += amount if code == OK else 0
        assert lunch(world) == (total - paid, total - paid)
    world.time_ms = ENDS_MS
    world.block()
    assert (world.balance(SHOP)[0], world.balance(TILL)[0]) == (paid, 10_000 - paid)
    assert Expiry(ENDS_MS, TILL) == world.asset(LUNCH).policy.expires
    assert world.do(Issue(LUNCH, TILL, 1, "", TILL), by=TREASURY, sender="treasury").code == 123


PAIR = Need(2, ("bank-a/ops", "bank-b/ops", "treasury/treasury"))


def test_l25_who_approves_redemptions_alone_decides() -> None:
    """Goal: an issuer can put several people there. Method: the issuer names them; it alone settles nothing any more, two of three do."""
    world = queue()
    found = redeem(world, 400 * USD)
    approvers = grant("payouts", "redeem.approve", "bank-a", asset=CODE, need=PAIR)
    world.must(GrantPut(approvers), by=TREASURY, sender="treasury")
    body = Settle(found, 150 * USD, b"")
    both = [*OPERATOR, *signers("bank-a/ops"), *signers("bank-b/ops")]
    for by in ([*OPERATOR, *TREASURY], both[:2], [*both[:2], *TREASURY]):
        with pytest.raises(QuorumNotMet):
            world.do(body, by=by)
    with pytest.raises(Malformed, match="not needed"):
        world.do(body, by=[*both, *TREASURY])
    assert world.do(body, by=both).code == OK
    assert (world.asset().supply, world.balance(TILL, CODE)) == (850 * USD, (850 * USD, 250 * USD))
    world.must(GrantEnd("payouts"), by=signers("bank-a/ops"), sender="bank-a")
    assert world.do(Settle(found, 50 * USD, b""), by=TREASURY, sender="treasury").code == OK


def test_l25_approval_counts_where_it_fits_while_it_is_active() -> None:
    """Goal: scope, time and quota as of any grant. Method: over another bank's accounts; later; of less; of another asset's queue."""
    world = queue()
    elsewhere = grant("of-bank-b", "redeem.approve", "bank-b", asset=CODE, participant="bank-b")
    other = replace(queued_policy(), code="USDKX")
    world.define(other)
    for each in (elsewhere, grant("of-others", "redeem.approve", "bank-b", asset="USDKX")):
        world.must(GrantPut(each), by=TREASURY, sender="treasury")
    found = redeem(world, 400 * USD)
    assert world.do(Settle(found, 100, b""), by=TREASURY, sender="treasury").code == OK, "neither is over the accounts of the Treasury"
    plain = grant("here", "redeem.approve", "bank-b", quota=Quota(200, "day"))
    here = replace(plain, scope=Scope(CODE, "", TILL, ()), until=world.time_ms + HOUR_MS)
    world.must(GrantPut(here), by=TREASURY, sender="treasury")
    by = [*OPERATOR, *signers("bank-b/ops")]
    assert [world.do(Settle(found, amount, b""), by=by).code for amount in (150, 51, 50)] == [OK, 113, OK]
    world.time_ms += HOUR_MS
    assert world.do(Settle(found, 100, b""), by=TREASURY, sender="treasury").code == OK, "it has lapsed"


def test_l25_approval_is_good_for_nothing_else() -> None:
    """Goal: redeem.approve settles queued redemptions. Method: another hold of the asset, a void, an issue; over all assets."""
    world = queue()
    world.must(GrantPut(grant("payouts", "redeem.approve", "bank-b", asset=CODE)), by=TREASURY, sender="treasury")
    by = [*OPERATOR, *signers("bank-b/ops")]
    escrow = world.must(
        HoldBody(TILL, MAIN_A, CODE, 100, 0, world.time_ms + HOUR_MS, "treasury", "treasury", "none", "escrow"), by=[*OPERATOR, *TREASURY]
    ).tx_id
    for body in (Settle(escrow, 50, b""), Void(redeem(world, 5)), Issue(CODE, TILL, 1, "", None)):
        with pytest.raises(QuorumNotMet):
            world.do(body, by=by)
    assert world.do(Settle(escrow, 50, b""), by=TREASURY, sender="treasury").code == OK
    with pytest.raises(Malformed, match="it names it"):
        world.do(GrantPut(grant("payouts-2", "redeem.approve", "bank-b")), by=BY_ROOT)


def test_l19_an_approved_queue_lapses_when_nobody_settles() -> None:
    """Goal: as before. Method: name approvers, let the day pass."""
    world = queue()
    world.must(GrantPut(grant("payouts", "redeem.approve", "bank-b", asset=CODE)), by=TREASURY, sender="treasury")
    found = redeem(world, 400 * USD)
    world.time_ms += DAY_MS
    assert world.do(Settle(found, 1, b""), by=[*OPERATOR, *signers("bank-b/ops")]).code == 170
    assert (world.balance(TILL, CODE), world.asset().supply) == ((1_000 * USD, 0), 1_000 * USD)


@settings(max_examples=25)
@given(
    steps=st.lists(st.tuples(st.booleans(), st.sets(st.sampled_from(("bank-a", "bank-b", "treasury"))), st.integers(1, 400)), max_size=12),
    need=st.integers(1, 2),
)
def test_invariant_16_a_queued_redemption_is_settled_by_who_may_alone(steps: list[tuple[bool, set[str], int]], need: int) -> None:
    """Goal: 16 of queues. Method: give and end the grant at any time, anybody settles; a model says who may, and what is left."""
    world = queue()
    found, left, given_now = redeem(world, 1_000), 1_000, False
    members = ("bank-a/ops", "bank-b/ops")
    approvers = grant("payouts", "redeem.approve", "bank-a", asset=CODE, need=Need(need, members))
    for toggles, who, amount in steps:
        if toggles:
            world.must(GrantEnd("payouts") if given_now else GrantPut(approvers), by=BY_ROOT)
            given_now = not given_now
        banks = who & {"bank-a", "bank-b"}
        may = len(banks) >= need and "treasury" not in who if given_now else who == {"treasury"}
        by = [*OPERATOR, *(key for name in sorted(who) for key in signers(f"{name}/ops"))]
        try:
            code = world.do(Settle(found, amount, b""), by=by).code
        except Unorderable:
            code = 111
        assert code == (170 if not left and code != 111 else 111 if not may else OK if amount <= left else 173)
        left -= amount if code == OK else 0
        assert world.balance(TILL, CODE)[1] == left
