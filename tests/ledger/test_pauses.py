"""Pauses (L22): what they stop and what never, by a quorum or by one guardian, and that a guardian's pause ends (invariant 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.errors import OK
from ledger.orders import OrderRecord
from ledger.transactions.bodies import GrantEnd, GrantPut, Issue, KeysetPut, OrderPut, Redeem, Settle, Void
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, BY_ROOT
from tests.ledger.order_cast import QUORUM, SEIZERS, TREASURY, arrest, lift, order, put, seize
from tests.ledger.world import (
    ALICE,
    BOB,
    DAY_MS,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    TILL,
    World,
    grant,
    hold,
    keyset,
    pay,
    signers,
)

if TYPE_CHECKING:
    from ledger.orders import Allowed, OrderScope

OPERATOR = signers("operator/ops")


def pause(
    scope: OrderScope, subject: str = "", *, name: str = "pause", until: int = 0, allow: tuple[Allowed, ...] = ("holds", "redeem")
) -> OrderPut:
    """Body of a pause that a quorum of the operator makes."""
    return order("pause", subject, name=name, scope=scope, asset="", until=until, allow=allow, by="operator")


def guard(world: World, scope: OrderScope, subject: str = "", *, name: str, until: int) -> int:
    """Pause as one guardian; return the code."""
    return world.do(order("pause", subject, name=name, scope=scope, asset="", until=until), by=TREASURY, sender="treasury").code


def test_l22_a_pause_stops_issue_pay_and_hold_and_nothing_else() -> None:
    """Goal: settle, void, orders, votes, keys and redemption go on. Method: everything under a pause of the ledger."""
    world = World(money=1_000)
    held = world.must(hold(ALICE, BOB, 50, until=world.time_ms + HOUR_MS, settle_by="bank-b"), by=ALICE_SIGNS, sender=ALICE)
    put(world, pause("ledger"), QUORUM)
    assert world.do(pay((MAIN_A, MAIN_B, 1)), by=BANK_A, sender="bank-a").code == 131
    assert world.do(hold(ALICE, BOB, 1, until=world.time_ms + HOUR_MS), by=ALICE_SIGNS, sender=ALICE).code == 131
    assert world.do(Issue("KGS", MAIN_A, 1, "x", None), by=BY_ROOT).code == 131
    assert world.do(Redeem("KGS", MAIN_B, 1, "x", None), by=BANK_B, sender="bank-b").code == OK
    assert world.do(Settle(held.tx_id, 10, b""), by=BANK_B, sender="bank-b").code == OK
    assert world.do(Void(held.tx_id), by=BANK_B, sender="bank-b").code == OK
    put(world, arrest(ALICE, 10))
    world.must(seize(ALICE, 10), by=[*OPERATOR, *SEIZERS])
    fifth = signers("bank-b/ops", 6)[5]
    assert world.do(KeysetPut("bank-b", keyset("bank-b", "ops", start=5)), by=[*BANK_B, fifth], sender="bank-b").code == OK
    world.must(lift("pause"), by=QUORUM)
    assert world.do(pay((MAIN_A, MAIN_B, 1)), by=BANK_A, sender="bank-a").code == OK


def test_l22_a_pause_reaches_what_its_scope_says() -> None:
    """Goal: asset, participant and ledger. Method: pause one participant, either side; one asset, and an order on it in one participant."""
    world = World(money=1_000)
    put(world, pause("participant", "bank-b"), QUORUM)
    assert [world.do(pay((MAIN_A, to, 1)), by=BANK_A, sender="bank-a").code for to in (MAIN_B, TILL)] == [131, OK]
    assert world.do(pay((BOB, MAIN_A, 1)), by=BANK_B, sender="bank-b").code == 131
    world.must(lift("pause"), by=QUORUM)
    put(world, pause("asset", "KGS", name="asset"), QUORUM)
    legs = pay((MAIN_A, TILL, 1), (MAIN_A, MAIN_B, 1), mode="each")
    outcome = world.do(legs, by=BANK_A, sender="bank-a")
    assert (outcome.code, outcome.codes, world.balance(TILL)) == (131, (131, 131), (1_001, 0))


def test_l22_funds_are_judged_before_a_pause() -> None:
    """Goal: the order of checks. Method: too little and paused, at once and leg by leg."""
    world = World(money=10)
    put(world, pause("ledger"), QUORUM)
    assert world.do(pay((MAIN_A, MAIN_B, 11)), by=BANK_A, sender="bank-a").code == 150
    outcome = world.do(pay((MAIN_A, MAIN_B, 11), (MAIN_A, MAIN_B, 1), mode="each"), by=BANK_A, sender="bank-a")
    assert outcome.codes == (150, 131)


def test_l22_only_a_quorum_stops_redemption_and_only_by_naming_it() -> None:
    """Goal: L18. Method: a quorum's pause that leaves redeem out of what it allows; a guardian cannot."""
    world = World(money=100)
    put(world, pause("asset", "KGS", allow=("holds",)), QUORUM)
    assert world.do(Redeem("KGS", MAIN_B, 1, "x", None), by=BANK_B, sender="bank-b").code == 131
    world.must(lift("pause"), by=QUORUM)
    assert world.do(Redeem("KGS", MAIN_B, 1, "x", None), by=BANK_B, sender="bank-b").code == OK
    body = order("pause", "KGS", scope="asset", asset="", allow=("holds",), until=world.time_ms + HOUR_MS)
    assert world.do(body, by=TREASURY, sender="treasury").code == 182


def test_l22_one_guardian_pauses_for_a_day_at_most_and_not_again_for_a_week() -> None:
    """Goal: a pause that ends by itself. Method: too long, without end, a day; again at once, after six days, after seven."""
    world = World(money=100)
    assert guard(world, "ledger", name="1", until=0) == 182
    assert guard(world, "ledger", name="1", until=world.time_ms + DAY_MS + 1) == 182
    until = world.time_ms + DAY_MS
    assert guard(world, "ledger", name="1", until=until) == OK
    assert world.do(pay((MAIN_A, MAIN_B, 1)), by=BANK_A, sender="bank-a").code == 131
    world.time_ms = until
    assert world.do(pay((MAIN_A, MAIN_B, 1)), by=BANK_A, sender="bank-a").code == OK
    assert guard(world, "ledger", name="2", until=world.time_ms + HOUR_MS) == 182
    assert guard(world, "asset", "KGS", name="3", until=world.time_ms + HOUR_MS) == OK
    world.time_ms = until + 7 * DAY_MS - 1
    assert guard(world, "ledger", name="4", until=world.time_ms + HOUR_MS) == 182
    world.time_ms = until + 7 * DAY_MS
    assert guard(world, "ledger", name="5", until=world.time_ms + HOUR_MS) == OK


def test_l22_lifting_a_guardian_s_pause_early_does_not_shorten_the_week() -> None:
    """Goal: no pause after pause by lifting. Method: pause, lift, pause again; a quorum can at any time."""
    world = World(money=100)
    assert guard(world, "ledger", name="1", until=world.time_ms + HOUR_MS) == OK
    world.must(lift("1"), by=TREASURY, sender="treasury")
    assert guard(world, "ledger", name="2", until=world.time_ms + HOUR_MS) == 182
    put(world, pause("ledger", name="3"), QUORUM)


def test_l22_a_quorum_is_not_taken_for_the_guardian_who_is_first_by_id() -> None:
    """Goal: which grant is used. Method: a guardian's grant to the same participant whose id sorts first; the quorum pauses without end."""
    world = World(money=100)
    world.must(GrantPut(grant("a-guard", "order.pause", "operator")), by=BY_ROOT)
    put(world, pause("ledger"), QUORUM)
    record = world.state.get("order/pause")
    assert isinstance(record, OrderRecord)
    assert (record.cooled_ms, record.need is None) == (0, False)


def test_l22_two_guardians_do_not_pause_by_turns() -> None:
    """Goal: the same scope, whoever guards. Method: a second guardian right after the first."""
    world = World(money=100)
    world.must(GrantPut(grant("guard-b", "order.pause", "bank-b")), by=BY_ROOT)
    until = world.time_ms + HOUR_MS
    assert guard(world, "ledger", name="1", until=until) == OK
    world.time_ms = until
    body = replace(order("pause", "", name="2", scope="ledger", asset="").order, by="bank-b", until=until + HOUR_MS)
    assert world.do(OrderPut(body), by=BANK_B, sender="bank-b").code == 182


def test_l22_a_guardian_whose_grant_has_ended_pauses_nothing() -> None:
    """Goal: ended grants authorise nothing. Method: end it; what it paused before stays until its end."""
    world = World(money=100)
    assert guard(world, "asset", "KGS", name="1", until=world.time_ms + HOUR_MS) == OK
    world.must(GrantEnd("guard"), by=BY_ROOT)
    assert world.do(pay((MAIN_A, MAIN_B, 1)), by=BANK_A, sender="bank-a").code == 131
    assert guard(world, "ledger", name="2", until=world.time_ms + HOUR_MS) == 112
