"""Limits of people, rule by rule (L16, L18, L30): one limit over all banks, and the ways round it that must fail."""

from __future__ import annotations

from msgspec.structs import replace

from ledger.assets import FeeRule
from ledger.errors import OK
from ledger.fees import fee_of
from ledger.holders import ANONYMOUS, Limit, PseudonymAt, Spent
from ledger.parameters import parameter_records
from ledger.transactions.bodies import AccountOpen, HolderPut, Issue, Leg, Pay, Redeem, Settle, Void
from tests.ledger.people import (
    BANK_A,
    BANK_B,
    BASIC,
    CAROL,
    CAROL_A,
    CAROL_A2,
    CAROL_B,
    COUNTED,
    DAVE,
    DAVE_B,
    FULL,
    GHOST_A,
    GHOST_B,
    LIMITS,
    NAMELESS,
    OPERATOR,
    alter,
    open_wallet,
    peopled,
    pseudonym,
    register,
    settle_in,
)
from tests.ledger.world import BOARD, BOB, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, MINUTE_MS, START_MS, World, hold, pay, signers

BANKS = [*BANK_A, *BANK_B]
MIDNIGHT = 6 * HOUR_MS + 53 * MINUTE_MS + 20_000
"""From the world's first moment to the end of its business date; see `test_l02_a_window_ends_at_midnight_in_bishkek`."""


def code(world: World, *legs: tuple[str, str, int], mode: str = "atomic") -> int:
    """Return the code of a payment that both banks sign as far as they must."""
    banks = dict.fromkeys(leg[0].partition("/")[0] for leg in legs)
    sender = next(iter(banks))
    return world.do(pay(*legs, mode=mode), by=[each for bank in banks for each in signers(f"{bank}/ops")], sender=sender).code


def given(world: World, account: str, amount: int) -> None:
    """Pay somebody out of its bank's till; it has to succeed."""
    till = MAIN_A if account.startswith("bank-a") else MAIN_B
    assert code(world, (till, account, amount)) == OK


def spent(world: World, holder: bytes = CAROL) -> Spent:
    """Return what a holder's limits are measured by."""
    record = world.state.get(f"limit/{holder.hex()}/KGS")
    assert isinstance(record, Spent)
    return record


def rich(*, limits: tuple[Limit, ...] = LIMITS) -> World:
    """Return a world in which carol has 2,000 at each bank and dave 2,000."""
    world = peopled(limits=limits)
    for account in (CAROL_A, CAROL_B, DAVE_B):
        given(world, account, 2_000)
    return world


def test_l16_one_balance_limit_over_all_banks() -> None:
    """Goal: many wallets at several banks are one holder. Method: fill one wallet, then the others, up to the limit and above it."""
    world = peopled()
    given(world, CAROL_A, 3_000)
    given(world, CAROL_A2, 1_000)
    assert code(world, (MAIN_B, CAROL_B, 1_001)) == 154
    assert code(world, (MAIN_B, CAROL_B, 1_000)) == OK
    assert spent(world).total == 5_000
    assert code(world, (MAIN_A, CAROL_A, 1)) == 154


def test_l16_the_balance_is_judged_on_the_net() -> None:
    """Goal: netting is neither punished nor a way round. Method: 5,600 in and 600 out are 5,000; the 600 count as spent."""
    world = peopled()
    assert code(world, (MAIN_A, CAROL_A, 5_600), (CAROL_A, MAIN_B, 600)) == OK
    assert (spent(world).total, spent(world).day_out) == (5_000, 600)
    assert code(world, (MAIN_A, CAROL_A, 1_001), (CAROL_B, MAIN_A, 1), (CAROL_A, MAIN_B, 1_000)) == 150


def test_l16_the_transaction_limit_is_gross_and_over_all_wallets() -> None:
    """Goal: splitting into legs or wallets does not help. Method: 600 from each bank in one transaction, netted or not."""
    world = rich()
    assert code(world, (CAROL_A, MAIN_A, 600), (CAROL_B, MAIN_B, 401)) == 155
    assert code(world, (CAROL_A, MAIN_A, 600), (MAIN_A, CAROL_A, 600), (CAROL_B, MAIN_B, 401)) == 155
    assert code(world, (CAROL_A, DAVE_B, 600), (DAVE_B, CAROL_A, 600), (CAROL_A, DAVE_B, 401)) == 155
    assert code(world, (CAROL_A, MAIN_A, 600), (CAROL_B, MAIN_B, 400)) == OK


def test_l16_the_lowest_leg_is_named() -> None:
    """Goal: a client finds the payment. Method: two holders are too high; the order of legs changes the leg, not the code."""
    world = rich(limits=(BASIC, replace(FULL, tx_max=10), NAMELESS))
    for legs, leg in (
        (((MAIN_A, MAIN_B, 1), (DAVE_B, MAIN_B, 11), (CAROL_A, MAIN_A, 1_001)), 1),
        (((CAROL_A, MAIN_A, 1_001), (DAVE_B, MAIN_B, 11)), 0),
    ):
        outcome = world.do(pay(*legs), by=BANKS, sender="bank-a")
        assert (outcome.code, outcome.failed_leg) == (155, leg)


def test_l16_each_check_runs_over_all_legs_before_the_next() -> None:
    """Goal: the order of section 5. Method: leg 0 breaks the window, leg 1 the transaction, leg 2 the balance: 154, then 155, then 156."""
    world = rich(limits=(BASIC, Limit("full", 2_000, 100, 50, None, anonymous=False), NAMELESS))
    legs = [(DAVE_B, MAIN_A, 60), (CAROL_A, MAIN_A, 1_001), (MAIN_B, CAROL_B, 2_500)]
    assert code(world, *legs) == 154
    assert code(world, *legs[:2]) == 155
    assert code(world, *legs[:1]) == 156


def test_l16_day_and_month_in_mode_each_and_by_many_transactions() -> None:
    """Goal: splitting into transactions does not help. Method: spend the day in parts, then the month, over both banks."""
    world = rich()
    assert code(world, (CAROL_A, MAIN_A, 1_000)) == OK
    assert code(world, (CAROL_B, MAIN_B, 1_000)) == OK
    assert code(world, (CAROL_B, MAIN_B, 1)) == 156
    world.time_ms += DAY_MS
    assert code(world, (CAROL_A, MAIN_A, 600)) == OK
    assert code(world, (CAROL_B, MAIN_A, 401)) == 156
    assert code(world, (CAROL_A, MAIN_A, 400)) == OK
    world.time_ms += 20 * DAY_MS
    assert code(world, (CAROL_B, MAIN_B, 1_000)) == OK
    assert spent(world).month_out == 1_000


def test_l16_mode_each_goes_on_with_the_sum_of_the_transaction() -> None:
    """Goal: `each` is no way round the transaction's limit. Method: three legs; the second would exceed it, the third fits."""
    world = rich()
    outcome = world.do(pay((CAROL_A, MAIN_A, 600), (CAROL_A, MAIN_A, 401), (CAROL_A, MAIN_A, 400), mode="each"), by=BANK_A, sender="bank-a")
    assert (outcome.code, outcome.codes) == (OK, (0, 155, 0))
    assert spent(world).day_out == 1_000
    assert world.balance(CAROL_A) == (1_000, 0)


def test_l16_a_leg_that_is_refused_later_is_not_counted() -> None:
    """Goal: only what moves is spent. Method: in mode each a leg to a wallet nobody knows is refused after its window was counted."""
    world = rich()
    outcome = world.do(pay((CAROL_B, BOB, 900), (CAROL_B, MAIN_B, 1_000), mode="each"), by=BANK_B, sender="bank-b")
    assert (outcome.code, outcome.codes) == (OK, (132, 0))
    assert (spent(world).day_out, spent(world).total) == (1_000, 3_000)


def test_l16_legs_between_wallets_of_one_holder_do_not_count() -> None:
    """Goal: moving one's own money is not spending it. Method: more than every limit, between banks."""
    world = rich()
    assert code(world, (CAROL_A, CAROL_A2, 1_900), (CAROL_B, CAROL_A, 2_000)) == OK
    assert (spent(world).total, spent(world).day_out) == (4_000, 0)


def test_l02_a_window_ends_at_midnight_in_bishkek() -> None:
    """Goal: business dates. Method: spend the day at 23:59:59 and 00:00:00, UTC+6."""
    world = rich()
    assert (START_MS + 6 * HOUR_MS) % DAY_MS == DAY_MS - MIDNIGHT
    world.time_ms = START_MS + MIDNIGHT - 1_000
    assert code(world, (CAROL_A, MAIN_A, 1_000)) == OK
    world.time_ms = START_MS + MIDNIGHT - 1
    assert code(world, (CAROL_B, MAIN_B, 1_000)) == OK
    world.time_ms = START_MS + MIDNIGHT - 1
    assert code(world, (CAROL_A, MAIN_A, 1)) == 156
    world.time_ms = START_MS + MIDNIGHT
    assert code(world, (CAROL_A, MAIN_A, 1_000)) == OK


def test_l16_fees_count_with_the_debit() -> None:
    """Goal: gross is what leaves. Method: a fee of 10 lifts 991 above 1,000."""
    world = rich()
    rule = FeeRule("pay", "wallet", "", 10, 0, 0, 10)
    alter(world, fees=(rule,))
    for amount, expected in ((991, 155), (990, OK)):
        legs = (Leg(CAROL_A, MAIN_A, "KGS", amount, fee_of(rule, amount), ""),)
        assert world.do(Pay(legs, "atomic", "", None, "", None, None), by=BANK_A, sender="bank-a").code == expected
    assert (spent(world).day_out, spent(world).total) == (1_000, 3_000)


def test_l16_tiers_that_no_policy_lists_are_not_eligible() -> None:
    """Goal: 132 for a gone, an ended and a missing tier, in both directions; redeem stays open."""
    world = rich()
    register(world, CAROL, "gone")
    assert code(world, (CAROL_A, MAIN_A, 1)) == 132
    assert code(world, (MAIN_A, CAROL_A, 1)) == 132
    assert world.do(Issue("KGS", CAROL_A, 1, "", None), by=[*OPERATOR, *BOARD]).code == 132
    world.must(Redeem("KGS", CAROL_A, 1_500, "out", None), by=BANK_A, sender="bank-a")
    register(world, CAROL, "basic", world.time_ms + HOUR_MS)
    assert code(world, (CAROL_A, MAIN_A, 1)) == OK
    world.time_ms += HOUR_MS
    assert code(world, (CAROL_A, MAIN_A, 1)) == 132
    assert code(world, (MAIN_B, BOB, 1)) == 132


def test_l16_legal_persons_and_institutions_have_no_limits() -> None:
    """Goal: a merchant is no citizen. Method: tier "" pays and receives what a tier may not."""
    world = rich()
    register(world, DAVE, "")
    assert code(world, (MAIN_B, DAVE_B, 5_500)) == OK
    assert code(world, (DAVE_B, MAIN_B, 7_500)) == OK
    assert spent(world, DAVE).day_out == 7_500


def test_l16_limits_that_come_later_measure_what_was_there() -> None:
    """Goal: limits can be set at any time. Method: hold and spend without limits, then set them; above them only down."""
    world = World(money=10_000)
    settle_in(world)
    given(world, CAROL_A, 8_000)
    assert code(world, (CAROL_A, MAIN_A, 1_999)) == OK
    alter(world, limits=LIMITS)
    assert code(world, (CAROL_A, MAIN_A, 2)) == 156
    assert code(world, (MAIN_B, CAROL_B, 1)) == 154
    assert code(world, (CAROL_A, MAIN_A, 1)) == OK
    assert code(world, (MAIN_B, CAROL_B, 1)) == 154
    assert spent(world).total == 6_000


def test_l16_issue_does_not_lift_a_holder_above_its_limit() -> None:
    """Goal: 154 by every path. Method: issue to wallets at both banks."""
    world = peopled()
    world.issue(CAROL_A, 5_000)
    assert world.do(Issue("KGS", CAROL_B, 1, "", None), by=[*OPERATOR, *BOARD]).code == 154


def test_l18_redeem_counts_in_no_window() -> None:
    """Goal: the way out is never a matter of limits. Method: redeem more than a transaction, a day and a month allow."""
    world = peopled(limits=(replace(BASIC, balance_max=None), FULL, NAMELESS))
    given(world, CAROL_A, 9_000)
    world.must(Redeem("KGS", CAROL_A, 9_000, "out", None), by=BANK_A, sender="bank-a")
    assert (spent(world).total, spent(world).day_out) == (0, 0)


def placed(world: World, source: str, target: str, amount: int, *, days: int = 3) -> bytes:
    """Place a hold that both banks may settle and void."""
    body = hold(source, target, amount, until=world.time_ms + days * DAY_MS, settle_by="bank-b", void_by="bank-a")
    return world.must(body, by=BANK_A, sender="bank-a").tx_id


def test_l18_a_hold_counts_when_made_and_not_again() -> None:
    """Goal: no way round by reserving. Method: hold the day's limit; a payment is 156, the settle is not counted again."""
    world = rich()
    found = [placed(world, CAROL_A, MAIN_B, 1_000), placed(world, CAROL_A, MAIN_B, 1_000)]
    assert code(world, (CAROL_B, MAIN_B, 1)) == 156
    assert spent(world).total == 4_000
    world.must(Settle(found[0], 1_000, b""), by=BANK_B, sender="bank-b")
    assert (spent(world).day_out, spent(world).total) == (2_000, 3_000)


def test_l18_void_gives_back_the_same_day() -> None:
    """Goal: what was not spent comes back. Method: settle a part of a hold, void the rest, spend it again."""
    world = rich()
    found = placed(world, CAROL_A, MAIN_B, 1_000)
    world.must(Settle(found, 300, b""), by=BANK_B, sender="bank-b")
    world.must(Void(found), by=BANK_A, sender="bank-a")
    assert (spent(world).day_out, spent(world).month_out) == (300, 300)


def test_l18_void_on_a_later_day_gives_back_no_room_in_that_day() -> None:
    """Goal: limits cannot be saved up. Method: hold today, void tomorrow: tomorrow's day has its own limit, the month its room again."""
    world = rich()
    found = placed(world, CAROL_A, MAIN_B, 1_000)
    world.time_ms += DAY_MS
    assert code(world, (CAROL_B, MAIN_B, 900)) == OK
    world.must(Void(found), by=BANK_A, sender="bank-a")
    assert (spent(world).day_out, spent(world).month_out) == (900, 900)
    found = placed(world, CAROL_A, MAIN_B, 1_000, days=40)
    world.time_ms += 20 * DAY_MS
    assert code(world, (CAROL_B, MAIN_B, 10)) == OK
    world.must(Void(found), by=BANK_A, sender="bank-a")
    assert (spent(world).day_out, spent(world).month_out) == (10, 10)


def test_l18_expiry_gives_back_as_void_does() -> None:
    """Goal: the sweep knows windows. Method: a hold of an hour lapses within its day, another one after it."""
    world = rich()
    for wait, left in ((HOUR_MS, 0), (DAY_MS, 0)):
        body = hold(CAROL_A, MAIN_B, 700, until=world.time_ms + wait, settle_by="bank-b", void_by="bank-a")
        world.must(body, by=BANK_A, sender="bank-a")
        assert spent(world).day_out == 700
        world.time_ms += wait
        world.block()
        assert spent(world).month_out == left
    assert spent(world).day_out == 700, "that day is over; nobody counts it any more"
    assert code(world, (CAROL_A, MAIN_B, 1_000)) == OK


def test_l18_a_hold_between_wallets_of_one_holder_does_not_count() -> None:
    """Goal: one's own money. Method: hold 1,900 for the other wallet, settle and void it."""
    world = rich()
    found = placed(world, CAROL_A, CAROL_B, 1_900)
    assert spent(world).day_out == 0
    world.must(Settle(found, 900, b""), by=BANK_B, sender="bank-b")
    world.must(Void(found), by=BANK_A, sender="bank-a")
    assert (spent(world).total, spent(world).day_out, spent(world).month_out) == (4_000, 0, 0)


def test_l30_a_settle_brings_the_excess_to_the_servicer() -> None:
    """Goal: never refused by the target's limit. Method: a hold of 3,000 for one who may get 1,000 more."""
    world = rich()
    found = placed(world, MAIN_A, CAROL_B, 3_000)
    till = world.balance(MAIN_B)[0]
    tx = world.sign(Settle(found, 3_000, b""), by=BANK_B, sender="bank-b")
    (outcome,) = world.block(tx)
    assert outcome.code == OK
    assert [(entry.account, entry.posted) for entry in outcome.entries] == [(MAIN_A, -3_000), (CAROL_B, 1_000), (MAIN_B, 2_000)]
    assert world.balance(MAIN_B)[0] == till + 2_000
    assert spent(world).total == 5_000


def test_l30_a_target_that_no_tier_covers_gets_nothing() -> None:
    """Goal: 132 does not stop a settle either. Method: the target's tier ends after the hold; all of it goes to its servicer."""
    world = rich()
    found = placed(world, MAIN_A, CAROL_B, 100)
    register(world, CAROL, "gone")
    tx = world.sign(Settle(found, 100, b""), by=BANK_B, sender="bank-b")
    (outcome,) = world.block(tx)
    assert [(entry.account, entry.posted) for entry in outcome.entries] == [(MAIN_A, -100), (CAROL_B, 0), (MAIN_B, 100)]


def test_l30_ones_own_hold_is_no_excess() -> None:
    """Goal: the net counts. Method: somebody at the limit settles from one own wallet to another."""
    world = rich()
    given(world, CAROL_A, 1_000)
    found = placed(world, CAROL_A, CAROL_B, 2_500)
    tx = world.sign(Settle(found, 2_500, b""), by=BANK_B, sender="bank-b")
    (outcome,) = world.block(tx)
    assert [(entry.account, entry.posted) for entry in outcome.entries] == [(CAROL_A, -2_500), (CAROL_B, 2_500)]


def test_l18_anonymous_wallets_are_limited_each_and_in_number() -> None:
    """Goal: many anonymous wallets are no way round. Method: limits of one; then as many as the grant's quota allows."""
    world = peopled()
    assert code(world, (MAIN_A, GHOST_A, 501)) == 154
    given(world, GHOST_A, 500)
    given(world, GHOST_B, 500)
    assert code(world, (GHOST_A, MAIN_A, 101)) == 155
    assert code(world, (GHOST_A, MAIN_A, 100)) == OK
    assert code(world, (GHOST_A, GHOST_B, 100)) == 154
    assert code(world, (GHOST_A, MAIN_B, 100)) == OK
    assert code(world, (GHOST_A, MAIN_B, 1)) == 156
    assert world.state.get(f"limit/{GHOST_A}/KGS") == Spent(300, "2026-11-18", 200, "2026-11", 200)
    for number in range(1, COUNTED):
        open_wallet(world, f"bank-a/ghost.{number}")
    one_more = AccountOpen("bank-a/ghost.9", "wallet", b"", None, (ANONYMOUS,))
    assert world.do(one_more, by=BANK_A, sender="bank-a").code == 113


def test_l18_anonymous_wallets_need_a_tier_for_them() -> None:
    """Goal: an asset decides. Method: a policy without an anonymous tier."""
    world = peopled(limits=(BASIC, FULL))
    assert code(world, (MAIN_A, GHOST_A, 1)) == 132


def test_l16_a_tier_changes_and_a_pseudonym_never_moves() -> None:
    """Goal: limits never begin anew by another name. Method: raise carol's tier, lower it again, and try her pseudonym for dave."""
    world = peopled()
    given(world, CAROL_A, 5_000)
    register(world, CAROL, "full")
    assert code(world, (MAIN_B, CAROL_B, 2_000)) == OK
    register(world, CAROL, "basic")
    assert code(world, (MAIN_B, CAROL_B, 1)) == 154
    stolen = HolderPut(DAVE, "full", 0, (PseudonymAt("bank-a", pseudonym(CAROL, "bank-a")),))
    assert world.do(stolen, by=OPERATOR).code == 125


def test_l16_a_limit_holds_within_a_block() -> None:
    """Goal: what one bank's payment spends, another bank's sees at once. Method: three payments of two banks in one block."""
    world = rich()
    first = world.sign(pay((CAROL_A, MAIN_A, 1_000)), by=BANK_A, sender="bank-a")
    second = world.sign(pay((CAROL_B, MAIN_B, 1_000)), by=BANK_B, sender="bank-b")
    third = world.sign(pay((CAROL_B, MAIN_B, 1)), by=BANK_B, sender="bank-b")
    assert [outcome.code for outcome in world.block(first, second, third)] == [OK, OK, 156]


def test_l19_a_hold_that_counts_in_a_window_is_swept_by_the_smallest_sweep() -> None:
    """Goal: nothing outlives its sweep. Method: four leaves where a block sweeps three; one hold goes per block."""
    world = rich()
    world.state.records.update(parameter_records({"sweep_max": 3}))
    found = [placed(world, CAROL_A, MAIN_B, 100), placed(world, CAROL_A, MAIN_B, 200)]
    world.time_ms += 3 * DAY_MS
    for left in (1, 0):
        world.block()
        assert sum(world.state.get(f"hold/{each.hex()}") is not None for each in found) == left
    assert (world.balance(CAROL_A), spent(world).month_out) == ((2_000, 0), 0)
