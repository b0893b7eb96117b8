"""Rules of conditions of holds: hash locks, arbiters, classes of accounts (L8, L15, L18, L22, L30)."""

from __future__ import annotations

from hashlib import sha256

import pytest
from msgspec.structs import replace

from ledger.accounts import Account
from ledger.canonical import encode
from ledger.conditions import ANYONE, Arbiter, Device, HashLock, Payee
from ledger.errors import OK, InvariantBroken, Malformed, QuorumNotMet
from ledger.hold_checks import check_terms
from ledger.invariants import check_transaction
from ledger.orders import Order
from ledger.outcomes import entries_by_participant
from ledger.state import Overlay
from ledger.transactions import who_sees_all
from ledger.transactions.bodies import HoldBody, OrderPut, Settle, Void
from tests.ledger.condition_world import (
    ALICE_SIGNS,
    BANK_A,
    BANK_B,
    CAFE,
    EATERIES,
    KIOSK,
    LOCK,
    SECRET,
    TREASURY,
    escrow,
    kept,
    locked,
    open_merchants,
    place,
    purse,
    show,
)
from tests.ledger.people import alter
from tests.ledger.world import ALICE, BOB, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, World, hold, make_genesis, pay, signers

OPERATOR = signers("operator/ops")
COMPLIANCE = signers("bank-b/compliance")


# --- sha256 ------------------------------------------------------------------------------------------------------------


def test_l8_whoever_shows_the_secret_settles_a_hash_lock_for_its_target() -> None:
    """Goal: the secret alone moves the money, and to the target alone. Method: a stranger shows a wrong secret, then the right one."""
    world = World(money=100)
    found = place(world, locked(world))
    assert show(world, found, 80, b"another secret") == 172
    assert show(world, found, 80, b"") == 172
    assert world.balance(ALICE) == (100, 80)
    assert show(world, found, 80) == OK
    assert (world.balance(ALICE), world.balance(BOB)) == ((20, 0), (180, 0))
    assert show(world, found, 80) == 170


def test_l8_a_hash_lock_is_settled_whole() -> None:
    """Goal: as anyone may settle, nobody can break it into a thousand parts. Method: settle 79 and 81 of 80."""
    world = World(money=100)
    found = place(world, locked(world))
    assert [show(world, found, amount) for amount in (79, 81, 80)] == [173, 173, OK]


def test_l8_only_who_voids_lets_a_hash_lock_go_before_its_end() -> None:
    """Goal: the payer cannot take back what the payee relies on. Method: the payer and a stranger try, then the payee's bank."""
    world = World(money=100)
    found = place(world, locked(world))
    for by, sender in ((ALICE_SIGNS, ALICE), (TREASURY, "treasury")):
        with pytest.raises(QuorumNotMet):
            world.do(Void(found), by=by, sender=sender)
    assert world.do(Void(found), by=BANK_B, sender="bank-b").code == OK
    assert world.balance(ALICE) == (100, 0)


def test_l8_a_witness_has_at_most_64_bytes() -> None:
    """Goal: the limit of the specification. Method: a secret of 64 bytes settles, one of 65 is no transaction."""
    world = World(money=100)
    longest = bytes(range(64))
    found = place(world, replace(locked(world), condition=HashLock(sha256(longest).digest())))
    with pytest.raises(Malformed):
        world.do(Settle(found, 80, longest + b"x"), by=BANK_B, sender="bank-b")
    assert show(world, found, 80, longest) == OK


def test_l8_locks_on_two_ledgers_open_with_one_secret() -> None:
    """Goal: an exchange across ledgers. Method: alice locks here, bob there, later end here; her claim there shows him the secret."""
    here, there = World(make_genesis(params={"return_days": 7}), money=100), World(money=100)
    assert here.chain != there.chain
    long, short = here.time_ms + 2 * DAY_MS, there.time_ms + DAY_MS
    first = place(here, locked(here, until=long))
    second = there.must(HoldBody(BOB, ALICE, "KGS", 50, 0, short, "", ALICE, LOCK, "escrow"), by=[*BANK_B], sender="bank-b").tx_id
    claim = there.must(Settle(second, 50, SECRET), by=ALICE_SIGNS, sender=ALICE)
    assert isinstance(claim.body, Settle)
    shown = claim.body.witness
    assert isinstance(shown, bytes)
    assert here.do(Settle(first, 80, shown), by=BANK_B, sender="bank-b").code == OK
    assert (here.balance(ALICE), here.balance(BOB)) == ((20, 0), (180, 0))
    assert (there.balance(ALICE), there.balance(BOB)) == ((150, 0), (50, 0))


def test_l19_locks_on_two_ledgers_return_when_nobody_shows_the_secret() -> None:
    """Goal: no side is left without both. Method: both locks lapse; the secret comes too late on each."""
    worlds = [World(make_genesis(params={"return_days": 7}), money=100), World(money=100)]
    for world in worlds:
        until = world.time_ms + HOUR_MS
        found = place(world, locked(world, until=until))
        world.time_ms = until
        assert show(world, found, 80) == 170
        assert (world.balance(ALICE), world.balance(BOB)) == ((100, 0), (100, 0))


# --- arbiter -----------------------------------------------------------------------------------------------------------


def test_l8_an_arbiter_agrees_to_a_settle() -> None:
    """Goal: neither side moves escrowed money alone. Method: the payee's bank alone, the arbiter alone, both, in parts."""
    world = World(money=100)
    found = place(world, escrow(world))
    for by, sender in ((BANK_B, "bank-b"), (TREASURY, "treasury")):
        with pytest.raises(QuorumNotMet):
            world.do(Settle(found, 30, b""), by=by, sender=sender)
    assert world.do(Settle(found, 30, b""), by=[*BANK_B, *TREASURY], sender="bank-b").code == OK
    assert world.do(Settle(found, 30, SECRET), by=[*BANK_B, *TREASURY], sender="bank-b").code == 172
    assert (world.balance(ALICE), world.balance(BOB)) == ((70, 50), (130, 0))


def test_l8_an_arbiter_decides_for_either_side_where_it_voids() -> None:
    """Goal: the loser cannot stand in the way. Method: the arbiter settles and voids both; then it gives a part back."""
    world = World(money=100)
    found = place(world, escrow(world, settle_by="treasury"))
    assert world.do(Settle(found, 30, b""), by=TREASURY, sender="treasury").code == OK
    with pytest.raises(QuorumNotMet):
        world.do(Void(found), by=ALICE_SIGNS, sender=ALICE)
    assert world.do(Void(found), by=TREASURY, sender="treasury").code == OK
    assert (world.balance(ALICE), world.balance(BOB)) == ((70, 0), (130, 0))


def test_l8_an_account_with_a_keyset_is_an_arbiter() -> None:
    """Goal: a person decides. Method: bob's money for a settlement account, alice is the arbiter."""
    world = World(money=100)
    body = HoldBody(BOB, MAIN_A, "KGS", 60, 0, world.time_ms + HOUR_MS, "bank-a", "bank-a", Arbiter(ALICE), "escrow")
    found = place(world, body)
    with pytest.raises(QuorumNotMet):
        world.do(Settle(found, 60, b""), by=BANK_A, sender="bank-a")
    assert world.do(Settle(found, 60, b""), by=[*BANK_A, *ALICE_SIGNS], sender="bank-a").code == OK


# --- classes -----------------------------------------------------------------------------------------------------------


def for_eateries(world: World, amount: int = 90) -> HoldBody:
    """Hold alice's money for whichever eatery her bank names."""
    return replace(hold(ALICE, BOB, amount, until=world.time_ms + HOUR_MS), target=EATERIES, settle_by="bank-a", void_by="bank-a")


def name(world: World, found: bytes, amount: int, payee: str = CAFE) -> int:
    """Settle for a payee that alice's bank names."""
    return world.do(Settle(found, amount, Payee(payee)), by=BANK_A, sender="bank-a").code


def test_l8_a_hold_for_a_class_pays_any_account_of_it_and_no_other() -> None:
    """Goal: the payer fixes for whom, not whom. Method: one of the class, one its bank calls so, one of no class, nobody, its own."""
    world = World(money=100)
    open_merchants(world)
    found = place(world, for_eateries(world))
    assert [name(world, found, 10, payee) for payee in (KIOSK, BOB, ALICE, "bank-b/nobody")] == [172, 172, 172, 122]
    assert world.do(Settle(found, 10, b""), by=BANK_A, sender="bank-a").code == 172
    assert world.balance(ALICE) == (100, 90)
    assert [name(world, found, amount) for amount in (40, 51, 50)] == [OK, 173, OK]
    assert world.balance(CAFE) == (90, 0)


def test_l8_a_payee_is_named_where_the_hold_is_for_a_class_alone() -> None:
    """Goal: one way to say it. Method: name the target of a plain hold, and of a lock."""
    world = World(money=100)
    plain = place(world, hold(ALICE, BOB, 10, until=world.time_ms + HOUR_MS, settle_by="bank-b"))
    lock = place(world, locked(world, amount=10))
    for found in (plain, lock):
        assert world.do(Settle(found, 10, Payee(BOB)), by=BANK_B, sender="bank-b").code == 172


def test_l21_a_hold_for_a_class_pays_no_account_of_an_asset() -> None:
    """Goal: contra and vault accounts take part in issue and redeem only. Method: a purse names the contra account."""
    world = World(money=100)
    account = world.state.get("account/operator/contra:KGS")
    assert isinstance(account, Account)
    world.state.records["account/operator/contra:KGS"] = replace(account, classes=("mcc:5812@operator",))
    assert name(world, place(world, for_eateries(world)), 10, "operator/contra:KGS") == 124


def test_travel_rule_of_a_hold_for_a_class_is_judged_when_the_payee_is_known() -> None:
    """Goal: a class is no way round it. Method: settle less than the amount, then as much, without and with compliance."""
    world = World(money=100)
    open_merchants(world)
    alter(world, travel_min=50)
    found = place(world, for_eateries(world))
    assert name(world, found, 10) == OK
    with pytest.raises(QuorumNotMet):
        name(world, found, 50)
    assert world.do(Settle(found, 50, Payee(CAFE)), by=[*BANK_A, *COMPLIANCE], sender="bank-a").code == OK


def test_l25_a_hold_for_a_class_pays_nobody_whom_the_asset_is_not_for() -> None:
    """Goal: `receive` holds by any path. Method: the asset is for schools from now on; an eatery is 132."""
    world = World(money=100)
    open_merchants(world)
    found = place(world, for_eateries(world))
    alter(world, receive=("school",))
    assert name(world, found, 10) == 132


# --- all conditions ----------------------------------------------------------------------------------------------------


BAD_FORMS = (
    ("a lock that somebody settles", {"settle_by": "bank-b", "condition": LOCK}),
    ("a lock for a class", {"settle_by": "", "condition": LOCK, "target": "school"}),
    ("nobody settles", {"settle_by": ""}),
    ("nobody settles with an arbiter", {"settle_by": "", "condition": Arbiter("treasury")}),
    ("nobody voids", {"void_by": ""}),
    ("an arbiter that is nobody", {"condition": Arbiter("")}),
    ("a class that is none", {"target": "School"}),
    ("every account without a purse", {"target": ANYONE}),
    ("offline without a device", {"kind": "offline"}),
)


@pytest.mark.parametrize(("what", "fields"), BAD_FORMS, ids=[what for what, _ in BAD_FORMS])
def test_form_of_conditions(what: str, fields: dict[str, object]) -> None:
    """Goal: a field that says nothing true is refused. Method: change a plain hold."""
    world = World(money=100)
    body = hold(ALICE, BOB, 10, until=world.time_ms + HOUR_MS, settle_by="bank-b")
    with pytest.raises(Malformed):
        world.do(replace(body, **fields), by=ALICE_SIGNS, sender=ALICE)
    assert what


BAD_PURSES = ({"kind": "escrow"}, {"until": 1}, {"settle_by": "bank-a"})


@pytest.mark.parametrize("fields", BAD_PURSES)
def test_form_of_purses(fields: dict[str, object]) -> None:
    """Goal: as above. Method: change a purse."""
    world = World(money=100)
    with pytest.raises(Malformed):
        world.do(replace(purse(world), **fields), by=ALICE_SIGNS, sender=ALICE)


def test_l8_a_purse_is_held_to_the_end_of_its_grace() -> None:
    """Goal: neither too short for payees nor longer than was said. Method: without grace, a moment less, a moment more."""
    world = World(money=100)
    body = purse(world)
    assert isinstance(body.condition, Device)
    for until in (body.condition.valid_to, body.until - 1, body.until + 1):
        with pytest.raises(Malformed):
            world.do(replace(body, until=until), by=ALICE_SIGNS, sender=ALICE)


def test_l22_a_pause_stops_no_settle() -> None:
    """Goal: what was promised is paid. Method: pause the asset; show the secret; a new lock is refused."""
    world = World(money=100)
    found = place(world, locked(world))
    until = world.time_ms + HOUR_MS
    order = Order("p-1", "treasury", bytes(32), "asset", "KGS", "", "pause", None, ("holds", "redeem"), "", until, open=False)
    world.must(OrderPut(order), by=TREASURY, sender="treasury")
    assert world.do(locked(world, amount=5), by=ALICE_SIGNS, sender=ALICE).code == 131
    assert show(world, found, 80) == OK


def test_l8_whoever_has_a_say_in_a_hold_is_told_of_it() -> None:
    """Goal: who settles or decides must know. Method: who sees the whole of an escrow; and of a plain payment nothing has changed."""
    world = World(money=100)
    tx = world.sign(escrow(world), by=ALICE_SIGNS, sender=ALICE)
    (outcome,) = world.block(tx)
    assert sorted(who_sees_all(tx, outcome, entries_by_participant(outcome.entries))) == ["bank-a", "bank-b", "treasury"]
    tx = world.sign(pay((MAIN_B, BOB, 1)), by=BANK_B, sender="bank-b")
    (outcome,) = world.block(tx)
    assert sorted(who_sees_all(tx, outcome, entries_by_participant(outcome.entries))) == ["bank-b"]


def test_a_plain_hold_is_as_long_as_it_was() -> None:
    """Goal: holds without condition pay nothing for those that have one. Method: the bytes of record and body."""
    world = World(money=100)
    plain = kept(world, place(world, hold(ALICE, BOB, 10, until=world.time_ms + HOUR_MS, settle_by="bank-b")))
    assert encode("none") in encode(plain)
    assert len(encode(plain)) == 114
    assert encode(Settle(bytes(32), 5, b""))[-2:] == b"\xc4\x00"


def test_invariant_04_the_terms_of_a_hold_never_change() -> None:
    """Goal: invariant 4 on the post-state. Method: another target, a later or earlier end, another condition, another amount."""
    world = World(money=100)
    found = place(world, locked(world))
    record = kept(world, found)
    bad = (
        {"target": MAIN_B},
        {"until": record.until + 1},
        {"until": record.until - 1},
        {"condition": "none"},
        {"condition": HashLock(bytes(32))},
        {"void_by": "bank-a"},
        {"amount": 81},
    )
    for fields in bad:
        overlay = Overlay(world.state)
        overlay.put(f"hold/{found.hex()}", replace(record, **fields))
        with pytest.raises(InvariantBroken):
            check_transaction(overlay, 0, (), "settle")
    check_terms(record, replace(record, left=10))
