"""A bank fails and another one takes its accounts over (L29): who signs, who waits, what does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.errors import OK, BrokenState, QuorumNotMet
from ledger.grants import GrantRecord
from ledger.names import servicer_of
from ledger.orders import Order
from ledger.participants import Participant
from ledger.state import Overlay
from ledger.succession import CHAIN_MAX, servicer_now
from ledger.transactions import apply_transaction, begin_block
from ledger.transactions.bodies import AccountOpen, AccountSet, Approve, GrantPut, KeysetPut, OrderPut, ParticipantPut, Redeem, Settle, Void
from tests.benchmarks.succession import block, ledger_of, payments, succession
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, BY_ROOT, OPERATOR
from tests.ledger.people import BASIC, CAROL_A, CAROL_A2, CAROL_B, DAVE_B, alter, peopled
from tests.ledger.voting_cases import proposing
from tests.ledger.world import ALICE, BOB, HOUR_MS, MAIN_A, MAIN_B, TILL, World, grant, hold, keyset, pay, signers, verified

if TYPE_CHECKING:
    from ledger.state import Record

TREASURY = signers("treasury/ops")


def put(world: World, bank: str, status: str, successor: str = "") -> int:
    """Set status and successor of a participant; return the code."""
    record = world.state.get(f"participant/{bank}")
    assert isinstance(record, Participant)
    return world.do(ParticipantPut(replace(record, status=status, successor=successor)), by=OPERATOR).code


def fallen(status: str = "suspended", successor: str = "bank-a", *, money: int = 10_000) -> World:
    """Return a world in which bank-b has failed; bank-a services its accounts unless told otherwise."""
    world = World(money=money)
    assert put(world, "bank-b", status, successor) == OK
    return world


def pays(world: World, source: str, by: str) -> int:
    """Pay out of an account that `ops` of a participant signs for, sent by the operator; 111 where it is not the one needed."""
    target = MAIN_A if source != MAIN_A else TILL
    try:
        return world.do(pay((source, target, 1)), by=[*OPERATOR, *signers(f"{by}/ops")]).code
    except QuorumNotMet:
        return 111


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_l29_the_successor_signs_from_the_next_transaction_on(status: str) -> None:
    """Goal: customers can pay. Method: who can sign for the bank's accounts before, without successor, with one; in one block."""
    world = World(money=10_000)
    assert (pays(world, MAIN_B, "bank-b"), pays(world, MAIN_B, "bank-a")) == (OK, 111)
    assert put(world, "bank-b", "suspended") == OK
    assert (pays(world, MAIN_B, "bank-b"), pays(world, MAIN_B, "bank-a")) == (121, 121)
    record = world.state.get("participant/bank-b")
    assert isinstance(record, Participant)
    succession = world.sign(ParticipantPut(replace(record, status=status, successor="bank-a")), by=OPERATOR)
    first = world.sign(pay((MAIN_B, MAIN_A, 5)), by=BANK_A, sender="bank-a")
    assert [outcome.code for outcome in world.block(succession, first)] == [OK, OK]
    assert (pays(world, MAIN_B, "bank-b"), pays(world, MAIN_B, "bank-a"), pays(world, MAIN_B, "treasury")) == (111, OK, 111)


def test_l29_succession_is_one_record() -> None:
    """Goal: no id, hold or order changes. Method: a bank with accounts, a hold and an order; what the transaction writes."""
    world = World(money=10_000)
    world.must(hold(BOB, MAIN_A, 300, until=world.time_ms + HOUR_MS), by=[*BANK_B], sender="bank-b")
    overlay, context = Overlay(world.state), world.context()
    begin_block(overlay, context)
    record = world.state.get("participant/bank-b")
    assert isinstance(record, Participant)
    body = ParticipantPut(replace(record, status="closed", successor="bank-a"))
    assert apply_transaction(overlay, world.sign(body, by=OPERATOR), context, verified).code == OK
    written = {key for key in overlay.changes if not key.startswith(("refs/", "~"))}
    assert written == {"participant/bank-b"}
    assert servicer_of(BOB) == "bank-b"
    assert servicer_now(overlay, BOB) == "bank-a"


def test_l29_a_bank_with_100_000_accounts_is_succeeded_in_one_block() -> None:
    """Goal: issue 4, acceptance 5. Method: the benchmark's block with all roots, which checks every leaf; then the successor pays."""
    ledger = ledger_of(100_000)
    succession(ledger)
    result, _ = block(ledger, payments(ledger, "bank-a", 10, "after"))
    assert len(result.receipts) == 10


def test_l23_the_successor_sees_why_an_account_of_the_failed_refused() -> None:
    """Goal: only the servicer knows. Method: a blocked account of bank-b, debited by its successor and by a stranger's payment to it."""
    world = fallen()
    order = Order("case", "operator", bytes(32), "account", MAIN_B, "", "both", None, (), "", 0, open=False)
    world.must(GrantPut(grant("freeze-any", "order.freeze", "operator")), by=BY_ROOT)
    world.must(OrderPut(order), by=OPERATOR)
    debited = world.do(pay((MAIN_B, MAIN_A, 1)), by=BANK_A, sender="bank-a")
    credited = world.do(pay((TILL, MAIN_B, 1)), by=TREASURY, sender="treasury")
    assert [(outcome.code, outcome.knows) for outcome in (debited, credited)] == [(152, ("bank-b", "bank-a")), (153, ("bank-b", "bank-a"))]
    assert world.do(pay((MAIN_A, TILL, 10**9)), by=BANK_A, sender="bank-a").knows == ()


def test_l29_the_suspended_sign_nothing_and_their_users_still_pay() -> None:
    """Goal: L29's second half. Method: bank-a fails; its `ops` send nothing, alice pays by herself, her neighbours are paid."""
    world = World(money=10_000)
    assert put(world, "bank-a", "suspended", "bank-b") == OK
    with pytest.raises(QuorumNotMet):
        world.do(pay((MAIN_A, MAIN_B, 1)), by=BANK_A, sender="bank-a")
    assert world.do(pay((ALICE, BOB, 1)), by=ALICE_SIGNS, sender=ALICE).code in (OK, 143)
    assert world.do(pay((MAIN_B, MAIN_A, 1)), by=BANK_B, sender="bank-b").code == OK
    with pytest.raises(QuorumNotMet):
        world.do(pay((ALICE, BOB, 1)), by=BANK_B, sender="bank-b")


def test_l29_a_successor_that_fails_is_succeeded_and_a_chain_is_followed() -> None:
    """Goal: chains. Method: b by a, a by the treasury: both banks' accounts are the treasury's; a comes back, and has them again."""
    world = fallen()
    assert put(world, "bank-a", "suspended") == OK
    assert (pays(world, MAIN_B, "bank-a"), pays(world, MAIN_B, "treasury")) == (121, 121)
    assert put(world, "bank-a", "suspended", "treasury") == OK
    assert (pays(world, MAIN_B, "treasury"), pays(world, MAIN_A, "treasury")) == (OK, OK)
    assert put(world, "bank-a", "active") == OK
    assert (pays(world, MAIN_B, "treasury"), pays(world, MAIN_B, "bank-a"), pays(world, MAIN_A, "bank-a")) == (111, OK, OK)
    assert put(world, "bank-b", "active") == OK
    assert (pays(world, MAIN_B, "bank-a"), pays(world, MAIN_B, "bank-b")) == (111, OK)


def test_l29_no_circle_comes_about() -> None:
    """Goal: every account has one servicer. Method: each way to close a circle is refused; a state with one is our own fault."""
    world = fallen()
    assert put(world, "bank-a", "suspended", "bank-b") == 121
    assert put(world, "bank-a", "suspended", "treasury") == OK
    assert put(world, "treasury", "suspended", "bank-a") in (112, 121)
    assert put(world, "bank-b", "closed", "treasury") == OK
    assert put(world, "bank-b", "closed", "bank-a") == 121
    records: dict[str, Record] = {}
    for bank, other in (("x1", "x2"), ("x2", "x1")):
        records[f"participant/{bank}"] = Participant(bank, "bank", bank, "", "", "KG", "closed", other, (), (), ())
    world.state.records.update(records)
    with pytest.raises(BrokenState):
        servicer_now(world.state, "x1/account")
    assert world.context().parameters.participants_max <= CHAIN_MAX


def test_l29_the_successor_does_all_that_a_servicer_does() -> None:
    """Goal: one question, asked everywhere. Method: hold, settle, void, redeem, keysets, classes and closing, by bank-a for bank-b."""
    world = fallen()
    body = hold(BOB, MAIN_A, 300, until=world.time_ms + HOUR_MS, settle_by="bank-b", void_by="bank-b")
    placed = [world.must(body, by=BANK_A, sender="bank-a").tx_id for _ in range(2)]
    assert world.do(Settle(placed[0], 300, b""), by=BANK_A, sender="bank-a").code == OK
    assert world.do(Void(placed[1]), by=BANK_A, sender="bank-a").code == OK
    assert world.do(Redeem("KGS", MAIN_B, 10, "", None), by=BANK_A, sender="bank-a").code == OK
    own = keyset(BOB, "user")
    assert world.do(KeysetPut(BOB, own), by=[*BANK_A, *signers(f"{BOB}/user")], sender="bank-a").code == OK
    assert world.do(AccountSet(BOB, "", None, ("school",)), by=BANK_A, sender="bank-a").code == OK
    assert world.do(AccountSet(BOB, "closing", None), by=BANK_A, sender="bank-a").code == OK
    assert world.do(AccountOpen("bank-b/new", "wallet", b"", None, ()), by=BANK_A, sender="bank-a").code == 121


def test_l29_grants_of_the_failed_are_not_handed_on() -> None:
    """Goal: authority is never inherited. Method: a grant `register` to bank-b; after the succession nobody uses it."""
    world = World(money=10_000)
    world.must(GrantPut(grant("second", "register", "bank-b")), by=BY_ROOT)
    assert isinstance(world.state.get("grant/second"), GrantRecord)
    assert put(world, "bank-b", "suspended", "treasury") == OK
    record = world.state.get("participant/bank-a")
    assert isinstance(record, Participant)
    with pytest.raises(QuorumNotMet):
        world.do(ParticipantPut(replace(record, name="Renamed")), by=TREASURY, sender="treasury")


def test_l26_the_successor_votes_and_the_failed_one_does_not() -> None:
    """Goal: the same check by votes. Method: a pay out of bank-b's account, proposed by the successor and carried out by its vote."""
    world = fallen()
    found = world.must(proposing(pay((MAIN_B, MAIN_A, 7))), by=BANK_A, sender="bank-a").tx_id
    assert world.do(Approve(found, "bank-b/ops", "yes"), by=[*OPERATOR, *BANK_B]).code == 121
    before = world.balance(MAIN_B)[0]
    assert world.do(Approve(found, "bank-a/ops", "yes"), by=BANK_A, sender="bank-a").code == OK
    assert world.balance(MAIN_B)[0] == before - 7


def test_l29_what_a_customer_may_not_have_goes_to_the_successor() -> None:
    """Goal: L30 after a succession. Method: settle more than carol's tier allows her; the excess lands on bank-a's settlement account."""
    world = peopled()
    assert put(world, "bank-b", "suspended", "bank-a") == OK
    whole = BASIC.balance_max or 0
    body = hold(MAIN_A, CAROL_B, whole + 600, until=world.time_ms + HOUR_MS, settle_by="bank-a")
    placed = world.must(body, by=BANK_A, sender="bank-a").tx_id
    before = {account: world.balance(account)[0] for account in (MAIN_A, MAIN_B, CAROL_B)}
    room = whole - sum(world.balance(account)[0] for account in (CAROL_A, CAROL_A2, CAROL_B))
    assert world.do(Settle(placed, whole + 600, b""), by=BANK_A, sender="bank-a").code == OK
    assert world.balance(CAROL_B)[0] == before[CAROL_B] + room
    assert world.balance(MAIN_A)[0] == before[MAIN_A] - room
    assert world.balance(MAIN_B)[0] == before[MAIN_B]


def test_l29_customers_of_one_servicer_need_no_travel_data() -> None:
    """Goal: the travel rule is between participants that service. Method: carol to dave before and after one bank services both."""
    world = peopled()
    alter(world, travel_min=100, limits=())
    world.must(pay((MAIN_A, CAROL_A, 500)), by=BANK_A, sender="bank-a")
    assert world.do(pay((CAROL_A, DAVE_B, 200)), by=BANK_A, sender="bank-a").code == 157
    assert put(world, "bank-b", "suspended", "bank-a") == OK
    assert world.do(pay((CAROL_A, DAVE_B, 200)), by=BANK_A, sender="bank-a").code == OK
    assert put(world, "bank-b", "suspended", "treasury") == OK
    assert world.do(pay((CAROL_A, DAVE_B, 200)), by=BANK_A, sender="bank-a").code == 157
