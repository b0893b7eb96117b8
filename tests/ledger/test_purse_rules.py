"""Rules of the offline purse: receipts that a device has signed draw on one hold (L8, L17, L18, L19, L30)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.accounts import Account
from ledger.canonical import encode
from ledger.conditions import COUNTER_BYTES_MAX, COUNTERS_MAX, Device, Purse, PurseReceipt, is_used, purse_message, used_counters, with_used
from ledger.errors import OK, InvariantBroken, Malformed, QuorumNotMet
from ledger.execute import signatures_of
from ledger.holders import Spent
from ledger.invariants import check_transaction
from ledger.keys import public_key_of, sign
from ledger.state import Overlay
from ledger.transactions.bodies import Settle, Void
from tests.ledger.backing_world import LUNCH, BackedWorld
from tests.ledger.cast import SMALL_ORDER
from tests.ledger.condition_world import (
    ALICE_SIGNS,
    BANK_A,
    BANK_B,
    CAFE,
    DEVICE_KEY,
    DEVICE_SEED,
    EATERIES,
    GRACE_MS,
    KIOSK,
    TREASURY,
    VALID_MS,
    bring_in,
    kept,
    load,
    open_merchants,
    place,
    purse,
    purse_of,
    receipt,
)
from tests.ledger.people import CAROL_A, CAROL_B, DAVE_B, GHOST_A, peopled
from tests.ledger.purpose_world import KIOSK as KIOSK_OF_MEALS
from tests.ledger.purpose_world import PUPIL, SHOP, serve
from tests.ledger.world import ALICE, BOB, DAY_MS, FEE_OF_HOLDS, MAIN_A, MAIN_B, World, make_genesis, pay, seed_of

FEES = "operator/fee:KGS"
OTHER_SEED = seed_of("another", "device")


def test_l8_receipts_draw_on_the_purse_in_any_order_each_once() -> None:
    """Goal: payees come when they have a network. Method: counters 5, 1023, 0, each twice; see what is left and what was seen."""
    world = World(money=100)
    found = load(world)
    for counter, amount in ((5, 20), (1_023, 30), (0, 10)):
        assert bring_in(world, found, counter, amount) == OK
        assert bring_in(world, found, counter, amount) == 172
        assert bring_in(world, found, counter, amount + 1) == 172
    assert (world.balance(ALICE), world.balance(BOB)) == ((40, 40), (160, 0))
    assert used_counters(purse_of(world, found).used) == [0, 5, 1_023]


def test_l8_receipts_never_draw_more_than_the_purse_holds() -> None:
    """Goal: whatever a device signs. Method: 60 and 50 of 100: the second is refused, 40 empties it, and then it is gone."""
    world = World(money=200)
    found = load(world)
    assert [bring_in(world, found, counter, amount) for counter, amount in ((0, 60), (1, 50), (2, 40), (1, 50))] == [OK, 173, OK, 170]
    assert (world.balance(ALICE), world.balance(BOB)) == ((100, 0), (300, 0))


def test_l8_a_refused_receipt_may_come_again() -> None:
    """Goal: a counter is used when value has moved. Method: bob's account is closing; the same receipt goes once it is open."""
    world = World(money=100)
    found = load(world)
    account = world.state.get(f"account/{BOB}")
    assert isinstance(account, Account)
    world.state.records[f"account/{BOB}"] = replace(account, status="closing")
    assert bring_in(world, found, 0, 10) == 123
    world.state.records[f"account/{BOB}"] = account
    assert bring_in(world, found, 0, 10) == OK


def test_l8_a_receipt_covers_chain_hold_counter_payee_and_amount() -> None:
    """Goal: a receipt says one thing. Method: sign another chain, hold, counter, payee, amount, or by another device."""
    world = World(money=100)
    found, other = load(world, 50), load(world, 50)
    signed = (
        purse_message(bytes(32), found, 0, BOB, 10),
        purse_message(world.chain, other, 0, BOB, 10),
        purse_message(world.chain, found, 1, BOB, 10),
        purse_message(world.chain, found, 0, MAIN_B, 10),
        purse_message(world.chain, found, 0, BOB, 11),
        b"som/sig/1" + purse_message(world.chain, found, 0, BOB, 10)[11:],
    )
    for message in signed:
        body = Settle(found, 10, PurseReceipt(0, BOB, sign(DEVICE_SEED, message)))
        assert world.do(body, by=BANK_B, sender="bank-b").code == 172
    forged = receipt(world, found, 0, 10, seed=OTHER_SEED)
    assert world.do(Settle(found, 10, forged), by=BANK_B, sender="bank-b").code == 172
    assert bring_in(world, found, 0, 10) == OK


def test_l8_anybody_brings_a_receipt_in_for_its_payee() -> None:
    """Goal: who pays whom is in the receipt. Method: the treasury brings in what bob was paid."""
    world = World(money=100)
    found = load(world)
    body = Settle(found, 10, receipt(world, found, 7, 10))
    assert world.do(body, by=TREASURY, sender="treasury").code == OK
    assert world.balance(BOB) == (110, 0)


def test_l8_a_purse_asks_for_a_receipt() -> None:
    """Goal: nothing else opens it. Method: nothing, and bytes; by everybody who could have a say."""
    world = World(money=100)
    found = load(world)
    for witness in (b"", DEVICE_KEY):
        assert world.do(Settle(found, 10, witness), by=BANK_A, sender="bank-a").code == 172


def test_l8_counters_are_below_1024() -> None:
    """Goal: what a purse has seen is bounded. Method: counter 1,024 is no transaction."""
    world = World(money=100)
    found = load(world)
    with pytest.raises(Malformed):
        bring_in(world, found, COUNTERS_MAX, 1)


def test_l8_a_purse_for_a_class_pays_that_class_and_one_for_an_account_that_account() -> None:
    """Goal: money for meals, offline. Method: an eatery, one that its bank alone calls so, its own account; then a fixed payee."""
    world = World(money=200)
    open_merchants(world)
    found = load(world, target=EATERIES)
    assert [bring_in(world, found, 0, 10, payee) for payee in (KIOSK, BOB, ALICE, CAFE)] == [172, 172, 172, OK]
    fixed = load(world, target=BOB)
    assert [bring_in(world, fixed, 0, 10, payee) for payee in (MAIN_B, BOB)] == [172, OK]


def test_l8_a_purse_does_not_pay_its_own_account() -> None:
    """Goal: no movement within one account. Method: a purse for everybody pays its owner."""
    world = World(money=100)
    assert bring_in(world, load(world), 0, 10, ALICE) == 172


def test_l19_receipts_are_taken_through_the_grace_and_no_longer() -> None:
    """Goal: who was paid on the last day has time to come. Method: the last moment of the grace, and the next one."""
    world = World(money=100)
    found = load(world)
    until = kept(world, found).until
    assert until == world.time_ms - 1_000 + VALID_MS + GRACE_MS
    world.time_ms = until - 1
    assert bring_in(world, found, 0, 10) == OK
    world.time_ms = until
    assert bring_in(world, found, 1, 10) == 170
    assert world.balance(ALICE) == (90, 0)


def test_l8_a_lost_purse_is_revoked_and_honours_receipts_for_its_grace() -> None:
    """Goal: a payee who was offline when the loss was reported is paid. Method: revoke; settle in the grace; after it the rest is free."""
    world = World(money=100)
    found = load(world)
    with pytest.raises(QuorumNotMet):
        world.do(Void(found), by=ALICE_SIGNS, sender=ALICE)
    reported = world.time_ms
    outcome = world.do(Void(found), by=BANK_A, sender="bank-a")
    assert (outcome.code, outcome.entries) == (OK, ())
    assert world.balance(ALICE) == (100, 100)
    assert (kept(world, found).until, purse_of(world, found).revoked) == (reported + GRACE_MS, reported)
    assert bring_in(world, found, 0, 10) == OK
    assert world.do(Void(found), by=BANK_A, sender="bank-a").code == 172
    world.time_ms = reported + GRACE_MS - 1
    assert bring_in(world, found, 1, 10) == OK
    world.time_ms = reported + GRACE_MS
    assert bring_in(world, found, 2, 10) == 170
    assert (world.balance(ALICE), world.balance(BOB)) == ((80, 0), (120, 0))


def test_l8_revoking_a_purse_never_lengthens_it() -> None:
    """Goal: a report of loss is no extension. Method: revoke an hour before the end."""
    world = World(money=100)
    found = load(world)
    until = kept(world, found).until
    world.time_ms = until - 3_600_000
    world.must(Void(found), by=BANK_A, sender="bank-a")
    assert kept(world, found).until == until


def test_l8_a_purse_that_is_over_cannot_be_loaded() -> None:
    """Goal: no payee would take it. Method: a validity that ends now, with a grace that is ahead."""
    world = World(money=100)
    body = purse(world)
    condition = Device(DEVICE_KEY, world.time_ms, GRACE_MS)
    over = replace(body, condition=condition, until=condition.valid_to + GRACE_MS)
    assert world.do(over, by=ALICE_SIGNS, sender=ALICE).code == 171
    with pytest.raises(Malformed):
        world.do(replace(over, condition=Device(DEVICE_KEY, over.until, 0)), by=ALICE_SIGNS, sender=ALICE)


def test_l5_the_key_of_a_device_is_usable_and_has_no_other_role() -> None:
    """Goal: what is carried about signs receipts alone. Method: a key of small order, and alice's own."""
    world = World(money=100)
    body = purse(world)
    assert isinstance(body.condition, Device)
    for key in (SMALL_ORDER, public_key_of(seed_of(ALICE, "user"))):
        assert world.do(replace(body, condition=replace(body.condition, key=key)), by=ALICE_SIGNS, sender=ALICE).code == 128


def test_l17_receipts_take_the_fee_in_parts() -> None:
    """Goal: rounding happens once. Method: 1.5 % of 333 in three receipts; the fee of a class is that of a wallet."""
    world = World(make_genesis(fees=(FEE_OF_HOLDS,)))
    world.issue(ALICE, 400)
    found = load(world, 333, fee=4)
    taken = []
    for counter, amount in ((2, 100), (0, 100), (1, 133)):
        assert bring_in(world, found, counter, amount) == OK
        taken.append(world.balance(FEES)[0])
    assert taken == [1, 3, 4]
    assert world.balance(ALICE) == (63, 0)


def test_l18_a_purse_counts_when_it_is_loaded_and_not_when_it_pays() -> None:
    """Goal: no way round a limit. Method: carol may spend 2,000 a day, 1,000 at once: load three times; pay and load on another day."""
    world = peopled()
    world.must(pay((MAIN_A, CAROL_A, 4_000)), by=BANK_A, sender="bank-a")
    first = load(world, 1_000, source=CAROL_A)
    load(world, 900, source=CAROL_A)
    assert world.do(purse(world, 101, source=CAROL_A), by=BANK_A, sender="bank-a").code == 156
    assert world.do(purse(world, 1_001, source=CAROL_A), by=BANK_A, sender="bank-a").code == 155
    world.time_ms += DAY_MS
    assert bring_in(world, first, 0, 1_000, MAIN_B) == OK
    assert world.do(purse(world, 1_000, source=CAROL_A), by=BANK_A, sender="bank-a").code == OK


def test_l18_a_purse_of_an_anonymous_wallet_has_its_limits() -> None:
    """Goal: as any hold. Method: 100 at once, 200 a day for each wallet."""
    world = peopled()
    world.must(pay((MAIN_A, GHOST_A, 400)), by=BANK_A, sender="bank-a")
    codes = [world.do(purse(world, amount, source=GHOST_A), by=BANK_A, sender="bank-a").code for amount in (101, 100, 100, 1)]
    assert codes == [155, OK, OK, 156]


def test_l18_what_a_purse_did_not_spend_is_given_back_while_its_month_is_open() -> None:
    """Goal: L18 for expiry. Method: revoke after a receipt; at the end of the grace the rest is taken off the month."""
    world = peopled()
    world.must(pay((MAIN_A, CAROL_A, 1_000)), by=BANK_A, sender="bank-a")
    found = load(world, 900, source=CAROL_A)
    assert bring_in(world, found, 0, 300, MAIN_B) == OK
    world.must(Void(found), by=BANK_A, sender="bank-a")
    assert kept(world, found).window
    key = next(key for key in world.state.records if key.startswith("limit/") and getattr(world.state.records[key], "month_out", 0) == 900)
    world.time_ms += GRACE_MS
    world.block()
    record = world.state.get(key)
    assert isinstance(record, Spent)
    assert record.month_out == 300


def test_l30_a_receipt_is_paid_whatever_limit_its_payee_has() -> None:
    """Goal: goods were handed over. Method: carol at bank-b may have 5,000 and has 4,900: 200 more come, 100 go to her bank."""
    world = peopled()
    world.must(pay((MAIN_B, CAROL_B, 4_900)), by=BANK_B, sender="bank-b")
    before = world.balance(MAIN_B)[0]
    found = load(world, 500, source=MAIN_A)
    assert bring_in(world, found, 0, 200, CAROL_B) == OK
    assert (world.balance(CAROL_B)[0], world.balance(MAIN_B)[0] - before) == (5_000, 100)
    assert bring_in(world, found, 1, 200, DAVE_B) == OK
    assert world.balance(DAVE_B)[0] == 200


def test_purpose_money_in_a_purse_buys_meals_alone_and_is_paid_out() -> None:
    """Goal: school meals without a network. Method: a pupil's purse for caterers; one that the Treasury knows, one that it does not."""
    world = serve(BackedWorld(money=1_000), 300)
    body = replace(purse(world, 200, target="mcc:8211", source=PUPIL), asset=LUNCH)
    condition = body.condition
    assert isinstance(condition, Device)
    short = replace(condition, valid_to=world.time_ms + DAY_MS)
    found = place(world, replace(body, condition=short, until=short.valid_to + GRACE_MS))
    supply = world.balance(f"treasury/contra:{LUNCH}", LUNCH)[0]
    assert [bring_in(world, found, 0, 50, payee) for payee in (KIOSK_OF_MEALS, BOB, SHOP)] == [172, 172, OK]
    assert (world.balance(SHOP), world.balance(SHOP, LUNCH)) == ((50, 0), (0, 0))
    assert world.balance(f"treasury/contra:{LUNCH}", LUNCH)[0] == supply + 50


def test_m5_the_signature_of_a_device_counts_in_a_block() -> None:
    """Goal: a block's work is bounded. Method: count the signatures of a receipt's settle, and of a plain one."""
    world = World(money=100)
    found = load(world)
    assert signatures_of(world.sign(Settle(found, 10, receipt(world, found, 0, 10)), by=BANK_B, sender="bank-b")) == 2
    assert signatures_of(world.sign(Settle(found, 10, b""), by=BANK_B, sender="bank-b")) == 1


def test_invariant_04_a_purse_forgets_no_counter() -> None:
    """Goal: on the post-state. Method: a counter lost, one too many, one without payment, a key changed, an end moved without report."""
    world = World(money=100)
    found = load(world)
    assert bring_in(world, found, 9, 10) == OK
    record, purse_ = kept(world, found), purse_of(world, found)
    bad = (
        replace(record, condition=replace(purse_, used=b"")),
        replace(record, condition=replace(purse_, used=b"\x01\x02")),
        replace(record, condition=replace(purse_, key=bytes(32))),
        replace(record, until=record.until - 1),
        replace(record, until=record.until + 1, condition=replace(purse_, revoked=5)),
        replace(record, condition="none"),
    )
    for changed in bad:
        overlay = Overlay(world.state)
        overlay.put(f"hold/{found.hex()}", changed)
        with pytest.raises(InvariantBroken):
            check_transaction(overlay, 0, (), "settle")


@given(st.lists(st.integers(0, COUNTERS_MAX - 1), max_size=60))
def test_used_counters_are_a_set_with_one_encoding(counters: list[int]) -> None:
    """Goal: the same counters are the same bytes, in whatever order they came. Method: compare with a set, forwards and backwards."""
    used = back = b""
    for counter, other in zip(counters, reversed(counters), strict=True):
        used, back = with_used(used, counter), with_used(back, other)
    assert used == back
    assert used_counters(used) == sorted(set(counters))
    assert all(is_used(used, counter) == (counter in counters) for counter in range(COUNTERS_MAX))
    assert len(used) <= COUNTER_BYTES_MAX
    assert not used or used[-1]


def test_a_full_purse_keeps_128_bytes_of_counters() -> None:
    """Goal: the record stays small. Method: the bytes of a purse that has seen nothing, and everything."""
    world = World(money=100)
    found = load(world)
    record = kept(world, found)
    full = replace(record, condition=Purse(DEVICE_KEY, 1, 1, b"\xff" * COUNTER_BYTES_MAX, 1))
    assert (len(encode(record)), len(encode(full))) == (143, 259)
    assert place(world, purse(world, 1, source=MAIN_A)) != found
