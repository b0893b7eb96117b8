"""Rules of orders: blocks, arrests, seizures, and every way round them (L11, L16, L27, L30, L31)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.errors import OK, QuorumNotMet
from ledger.indexes import derive_indexes
from ledger.orders import ACTIVE, OrderRecord
from ledger.state import Overlay
from ledger.transactions import begin_block
from ledger.transactions.bodies import AccountSet, AssetPut, GrantEnd, GrantPut, Issue, Pay, Redeem, Settle, Void
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, BY_ROOT, PAY_FEE
from tests.ledger.order_cast import LATER_BASIS, QUORUM, SEIZERS, TREASURY, arrest, lift, order, put, seize
from tests.ledger.world import ALICE, BOB, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, TILL, World, grant, hold, keyset, make_genesis, pay, signers

OPERATOR = signers("operator/ops")


def record_of(world: World, name: str = "case-1") -> OrderRecord:
    """Order as the state has it."""
    record = world.state.get(f"order/{name}")
    assert isinstance(record, OrderRecord)
    return record


def spend(world: World, amount: int, *, debit: str = ALICE, credit: str = MAIN_B) -> int:
    """Pay out of an account; return the code."""
    by = ALICE_SIGNS if debit == ALICE else signers(f"{debit.partition('/')[0]}/ops")
    return world.do(pay((debit, credit, amount)), by=by, sender=ALICE if debit == ALICE else debit.partition("/")[0]).code


def test_l31_an_arrest_covers_a_part_and_catches_what_comes_later() -> None:
    """Goal: arrested = min(arrests, posted - held). Method: arrest more than there is, spend, be paid, spend again."""
    world = World(money=100)
    put(world, arrest(ALICE, 150))
    assert spend(world, 1) == 151
    assert spend(world, 200, debit=MAIN_A) == 150
    world.must(pay((MAIN_A, ALICE, 80)), by=BANK_A, sender="bank-a")
    assert spend(world, 31) == 151
    assert spend(world, 181) == 150
    assert spend(world, 30) == OK
    assert world.balance(ALICE) == (150, 0)


def test_l31_arrests_add_up_and_lifting_one_leaves_the_other() -> None:
    """Goal: invariant 13. Method: two arrests; lift one; the other still covers its amount."""
    world = World(money=100)
    put(world, arrest(ALICE, 40))
    put(world, arrest(ALICE, 30, name="case-2"))
    assert spend(world, 31) == 151
    world.must(lift(), by=TREASURY, sender="treasury")
    assert spend(world, 71) == 151
    assert spend(world, 70) == OK
    assert record_of(world, "case-2").status == "active"


def test_l11_a_seizure_pays_the_beneficiary_and_burns_nothing() -> None:
    """Goal: L11. Method: seize in two parts; supply stays, the beneficiary has it, the arrest shrinks and is served."""
    world = World(money=1_000)
    supply = getattr(world.state.get("asset/KGS"), "supply", None)
    put(world, arrest(ALICE, 500))
    world.must(seize(ALICE, 200), by=[*OPERATOR, *SEIZERS])
    assert (world.balance(ALICE), world.balance(TILL)) == ((800, 0), (1_200, 0))
    assert (record_of(world).seized, record_of(world).status) == (200, "active")
    assert spend(world, 501) == 151
    assert world.do(seize(ALICE, 301), by=[*OPERATOR, *SEIZERS]).code == 181
    world.must(seize(ALICE, 300), by=[*OPERATOR, *SEIZERS])
    assert record_of(world).status == "served"
    assert spend(world, 500) == OK
    assert getattr(world.state.get("asset/KGS"), "supply", None) == supply
    assert world.do(seize(ALICE, 1), by=[*OPERATOR, *SEIZERS]).code == 180


def test_l11_nothing_is_seized_from_its_own_beneficiary() -> None:
    """Goal: a seizure moves value; found by the simulation as a 900. Method: an arrest on a bank, whose beneficiary is an account of it."""
    world = World(money=100)
    put(world, order("arrest", "bank-a", scope="participant", seize_to=MAIN_A))
    assert world.do(seize(MAIN_A, 10), by=[*OPERATOR, *SEIZERS]).code == 182
    assert world.do(seize(ALICE, 10), by=[*OPERATOR, *SEIZERS]).code == OK


def test_l31_precedence_is_rank_then_height_then_index() -> None:
    """Goal: who comes first is paid first. Method: three arrests, two in one block, one by a grant of better rank that is made last."""
    world = World(money=100)
    appeal = replace(grant("appeal", "order.arrest", "treasury"), rank=0)
    world.must(GrantPut(appeal), by=BY_ROOT)
    for name in ("arrest",):
        found = world.state.records[f"grant/{name}"]
        world.state.records[f"grant/{name}"] = replace(found, grant=replace(getattr(found, "grant"), rank=1))  # noqa: B009  # a grant record
    world.must(GrantEnd("appeal"), by=BY_ROOT)
    first, second = (world.sign(arrest(ALICE, 60, name=name), by=TREASURY, sender="treasury") for name in ("z-first", "a-second"))
    assert [outcome.code for outcome in world.block(first, second)] == [OK, OK]
    assert (record_of(world, "z-first").index, record_of(world, "a-second").index) == (0, 1)
    assert world.do(seize(ALICE, 41, name="a-second"), by=[*OPERATOR, *SEIZERS]).code == 181
    world.must(GrantPut(appeal), by=BY_ROOT)
    put(world, arrest(ALICE, 30, name="of-appeal"))
    assert record_of(world, "of-appeal").rank == 0
    assert world.do(seize(ALICE, 11, name="a-second"), by=[*OPERATOR, *SEIZERS]).code == 181
    assert world.do(seize(ALICE, 61, name="z-first"), by=[*OPERATOR, *SEIZERS]).code == 181
    world.must(seize(ALICE, 60, name="z-first"), by=[*OPERATOR, *SEIZERS])
    world.must(seize(ALICE, 10, name="a-second"), by=[*OPERATOR, *SEIZERS])
    world.must(seize(ALICE, 30, name="of-appeal"), by=[*OPERATOR, *SEIZERS])


def test_l31_a_block_that_comes_after_the_arrest_does_not_stop_the_seizure() -> None:
    """Goal: nobody hinders a court by a freeze of its own. Method: arrest, then freeze, then seize."""
    world = World(money=100)
    put(world, arrest(ALICE, 60))
    put(world, order("debit", ALICE, name="freeze"))
    world.must(seize(ALICE, 60), by=[*OPERATOR, *SEIZERS])


def test_l31_netting_does_not_free_arrested_value() -> None:
    """Goal: L16, funds of an arrested account are checked gross. Method: a payment that nets to zero, and one that nets to a gain."""
    world = World(money=100)
    put(world, arrest(ALICE, None))
    both_ways = pay((ALICE, MAIN_B, 50), (MAIN_B, ALICE, 50))
    by = [*BANK_B, *ALICE_SIGNS]
    outcome = world.do(both_ways, by=by, sender="bank-b")
    assert (outcome.code, outcome.failed_leg) == (151, 0)
    assert world.do(pay((MAIN_B, ALICE, 90), (ALICE, MAIN_A, 50)), by=by, sender="bank-b").code == 151


def test_l16_a_lower_code_elsewhere_wins_over_an_arrest() -> None:
    """Goal: the lowest code, then the lowest leg. Method: an arrested account and, later in the order of ids, one without funds."""
    world = World(money=100)
    put(world, arrest(ALICE, None))
    legs = pay((ALICE, MAIN_B, 50), (BOB, MAIN_A, 101))
    outcome = world.do(legs, by=[*BANK_B, *ALICE_SIGNS], sender="bank-b")
    assert (outcome.code, outcome.failed_leg) == (150, 1)


def test_l31_each_leg_by_itself_meets_the_arrest() -> None:
    """Goal: mode each is no way round. Method: legs within and beyond what is free; a leg that was refused leaves nothing behind."""
    world = World(money=100)
    put(world, arrest(ALICE, 60))
    outcome = world.do(pay((ALICE, MAIN_B, 30), (ALICE, MAIN_B, 30), (ALICE, MAIN_B, 10), mode="each"), by=ALICE_SIGNS, sender=ALICE)
    assert (outcome.code, outcome.codes) == (OK, (OK, 151, OK))
    assert world.balance(ALICE) == (60, 0)


def test_l31_a_hold_reserves_free_value_only_and_its_void_on_a_later_day_frees_none() -> None:
    """Goal: holds are no way round. Method: a hold before the arrest keeps its value; void it days later; all of it is arrested."""
    world = World(money=100)
    found = world.must(
        hold(ALICE, BOB, 80, until=world.time_ms + 9 * DAY_MS, settle_by="bank-b", void_by="bank-a"), by=ALICE_SIGNS, sender=ALICE
    )
    put(world, arrest(ALICE, 100))
    assert spend(world, 1) == 151
    assert world.do(hold(ALICE, BOB, 1, until=world.time_ms + HOUR_MS), by=ALICE_SIGNS, sender=ALICE).code == 151
    world.time_ms += 3 * DAY_MS
    assert world.do(Settle(found.tx_id, 10, b""), by=BANK_B, sender="bank-b").code == OK
    world.must(Void(found.tx_id), by=BANK_A, sender="bank-a")
    assert world.balance(ALICE) == (90, 0)
    assert spend(world, 1) == 151


def test_l31_holds_that_lapse_at_once_free_nothing_that_is_arrested() -> None:
    """Goal: a sweep that is far behind is no way round. Method: more holds than a block sweeps; each check sees all of it arrested."""
    world = World(make_genesis(params={"sweep_max": 3}), money=1_000)
    until = world.time_ms + HOUR_MS
    for _ in range(20):
        world.must(hold(ALICE, BOB, 50, until=until), by=ALICE_SIGNS, sender=ALICE)
    put(world, arrest(ALICE, None))
    world.time_ms = until + 1
    overlay, context = Overlay(world.state), world.context()
    begin_block(overlay, context)
    assert overlay.due_left
    assert spend(world, 1) == 151
    assert spend(world, 1_000) == 151
    assert world.balance(ALICE)[0] == 1_000


@pytest.mark.parametrize("mode", ["debit", "both"])
def test_l16_a_blocked_account_pays_nothing_by_any_type(mode: str) -> None:
    """Goal: invariant 12. Method: pay, a netted pay, hold, redeem; then the same out of an account of the blocked participant."""
    world = World(money=100)
    put(world, order(mode, ALICE))  # type: ignore[arg-type]  # both are modes
    assert spend(world, 1) == 152
    assert world.do(pay((MAIN_B, ALICE, 50), (ALICE, MAIN_B, 1)), by=[*BANK_B, *ALICE_SIGNS], sender="bank-b").code == 152
    assert world.do(hold(ALICE, BOB, 1, until=world.time_ms + HOUR_MS), by=ALICE_SIGNS, sender=ALICE).code == 152
    assert world.do(Redeem("KGS", ALICE, 1, "x", None), by=ALICE_SIGNS, sender=ALICE).code == 152
    put(world, order(mode, "bank-b", name="bank", scope="participant", asset=""))  # type: ignore[arg-type]  # as above
    assert [spend(world, 1, debit=account, credit=MAIN_A) for account in (MAIN_B, BOB)] == [152, 152]
    assert spend(world, 1, debit=MAIN_A, credit=TILL) == OK


def test_l16_a_frozen_account_cannot_receive() -> None:
    """Goal: USDKG's hole. Method: pay, hold, issue and settle to it; the fee account of an asset alone is always paid."""
    world = World(money=100)
    held = world.must(hold(MAIN_A, BOB, 10, until=world.time_ms + HOUR_MS, settle_by="bank-b"), by=BANK_A, sender="bank-a")
    put(world, order("both", BOB))
    assert spend(world, 1, debit=MAIN_A, credit=BOB) == 153
    assert world.do(hold(MAIN_A, BOB, 1, until=world.time_ms + HOUR_MS), by=BANK_A, sender="bank-a").code == 153
    assert world.do(Issue("KGS", BOB, 1, "x", None), by=BY_ROOT).code == 153
    assert world.do(Settle(held.tx_id, 1, b""), by=BANK_B, sender="bank-b").code == 153
    world.must(lift(), by=TREASURY, sender="treasury")
    assert world.do(Settle(held.tx_id, 1, b""), by=BANK_B, sender="bank-b").code == OK


def test_l30_an_order_put_later_stops_an_earlier_hold_only_where_it_does_not_allow_holds() -> None:
    """Goal: L30. Method: one hold; blocks and arrests with and without `holds`, each lifted again."""
    world = World(money=100)
    held = world.must(hold(ALICE, BOB, 50, until=world.time_ms + HOUR_MS, settle_by="bank-b"), by=ALICE_SIGNS, sender=ALICE)
    bodies = [
        (order("debit", ALICE, name="1"), 152),
        (order("debit", ALICE, name="2", allow=("holds",)), OK),
        (order("arrest", ALICE, name="3", allow=()), 151),
        (order("arrest", ALICE, name="4"), OK),
        (order("credit", BOB, name="5"), 153),
        (order("credit", BOB, name="6", allow=("holds",)), OK),
    ]
    for body, code in bodies:
        put(world, body)
        assert world.do(Settle(held.tx_id, 1, b""), by=BANK_B, sender="bank-b").code == code
        world.must(lift(body.order.id), by=TREASURY, sender="treasury")


def test_l30_what_an_order_allows_passes_and_nothing_that_only_looks_like_it() -> None:
    """Goal: tax, fee and redeem. Method: a block that allows each; the purpose of a tax alone does not make one."""
    world = World(make_genesis(), money=1_000)
    put(world, order("debit", ALICE, allow=("fee", "redeem", "tax")))

    def taxed(credit: str, purpose: str = "TAXS") -> int:
        body = Pay(pay((ALICE, credit, 5)).legs, "atomic", purpose, None, "", None, None)
        return world.do(body, by=ALICE_SIGNS, sender=ALICE).code

    assert taxed(TILL) == OK
    assert taxed(MAIN_B) == 152
    assert taxed(TILL, "GOODS") == 152
    assert spend(world, 5, credit="operator/fee:KGS") == OK
    assert world.do(Redeem("KGS", ALICE, 5, "x", None), by=ALICE_SIGNS, sender=ALICE).code == OK
    assert spend(world, 5) == 152


def test_l16_what_a_block_allows_is_paid_from_what_was_there() -> None:
    """Goal: gross funds under a debit block. Method: a tax larger than the balance, paid in the same breath as it is funded."""
    world = World(money=10)
    put(world, order("debit", ALICE, allow=("tax",)))
    legs = pay((MAIN_B, ALICE, 10), (ALICE, TILL, 15)).legs
    outcome = world.do(Pay(legs, "atomic", "TAXS", None, "", None, None), by=[*BANK_B, *ALICE_SIGNS], sender="bank-b")
    assert (outcome.code, outcome.failed_leg) == (150, 1)


def test_l16_fees_are_paid_whatever_stands_on_the_account_that_takes_them() -> None:
    """Goal: a block on the issuer stops no payment of others. Method: block all credits of the operator; pay with a fee."""
    world = World(money=100)
    found = world.state.records["asset/KGS"]
    world.state.records["asset/KGS"] = replace(found, policy=replace(getattr(found, "policy"), fees=(PAY_FEE,)))  # noqa: B009  # an asset
    put(world, order("credit", "operator", scope="participant", asset=""))
    leg = replace(pay((MAIN_A, MAIN_B, 10)).legs[0], fee=3)
    assert world.do(pay(leg), by=BANK_A, sender="bank-a").code == OK


def test_l27_only_the_maker_or_whom_its_grant_names_lifts_an_order() -> None:
    """Goal: the operator is not above a court. Method: operator, bank and user try; then the maker; then one named in lifted_by."""
    world = World(money=100)
    put(world, order("both", ALICE))
    for by, sender in ((OPERATOR, "operator"), (BANK_A, "bank-a"), (ALICE_SIGNS, ALICE)):
        assert world.do(lift(), by=by, sender=sender).code == 182
    world.must(lift(), by=TREASURY, sender="treasury")
    record = record_of(world)
    assert (record.status, record.ended_by, record.ended_basis) == ("lifted", "treasury", LATER_BASIS)
    world.must(GrantEnd("freeze"), by=BY_ROOT)
    world.must(GrantPut(replace(grant("freeze", "order.freeze", "treasury"), lifted_by=("bank-b",))), by=BY_ROOT)
    put(world, order("both", ALICE, name="case-2"))
    world.must(GrantEnd("freeze"), by=BY_ROOT)
    assert world.do(lift("case-2"), by=OPERATOR).code == 182
    world.must(lift("case-2"), by=BANK_B, sender="bank-b")
    assert record_of(world, "case-2").ended_by == "bank-b"


def test_l27_what_a_quorum_made_its_maker_alone_does_not_lift() -> None:
    """Goal: one key does not undo what two keysets did. Method: a pause by quorum; the maker's ops alone; then the quorum."""
    world = World(money=100)
    put(world, order("pause", "", scope="ledger", asset="", by="operator"), QUORUM)
    with pytest.raises(QuorumNotMet):
        world.do(lift(), by=OPERATOR)
    world.must(lift(), by=QUORUM)


def test_l27_nothing_else_lifts_an_order() -> None:
    """Goal: no silent lifting. Method: end its grant, suspend its maker, close the account, take the power out of the policy."""
    world = World(money=100)
    put(world, order("both", ALICE))
    world.must(GrantEnd("freeze"), by=BY_ROOT)
    assert spend(world, 1) == 152
    policy = getattr(world.state.get("asset/KGS"), "policy")  # noqa: B009  # an asset
    assert world.do(AssetPut(replace(policy, powers=("pause", "seize"))), by=BY_ROOT).code == 133
    world.open("bank-a/empty", own=keyset("bank-a/empty", "user"))
    world.must(GrantPut(grant("freeze", "order.freeze", "treasury")), by=BY_ROOT)
    put(world, order("both", "bank-a/empty", name="case-2"))
    closing = AccountSet("bank-a/empty", "closed", None)
    assert world.do(closing, by=BANK_A, sender="bank-a").code == 126
    world.must(lift("case-2"), by=TREASURY, sender="treasury")
    world.must(closing, by=BANK_A, sender="bank-a")


def test_l19_an_order_past_its_end_is_void_at_once_and_swept_later() -> None:
    """Goal: no reservation is shown after expiry. Method: an order with an end; pay before the sweep comes to it, see it swept."""
    world = World(make_genesis(params={"sweep_max": 3}), money=100)
    until = world.time_ms + HOUR_MS
    for number in range(3):
        world.must(hold(MAIN_A, BOB, 1, until=until - 1), by=BANK_A, sender="bank-a")
        put(world, order("both", ALICE, name=f"case-{number}", until=until))
    world.time_ms = until
    assert spend(world, 1) == OK
    assert record_of(world, "case-2").status == "active"
    assert world.do(lift("case-2"), by=TREASURY, sender="treasury").code == 180
    for _ in range(4):
        world.block()
    assert {record_of(world, f"case-{number}").status for number in range(3)} == {"lapsed"}
    assert world.state.get(ACTIVE) is None


def test_l31_lapsed_orders_take_no_room() -> None:
    """Goal: at most 32 active orders on a subject, of which lapsed ones are none.

    Method: fill the room, let it lapse, fill it again in one block, whose sweep takes three of the old ones only.
    """
    world = World(make_genesis(params={"sweep_max": 3}), money=100)
    until = world.time_ms + HOUR_MS
    bodies = [world.sign(order("debit", ALICE, name=f"n{number}", until=until), by=TREASURY, sender="treasury") for number in range(33)]
    assert [outcome.code for outcome in world.block(*bodies)] == [OK] * 32 + [127]
    world.time_ms = until
    fresh = [world.sign(order("debit", ALICE, name=f"fresh{number}"), by=TREASURY, sender="treasury") for number in range(33)]
    assert [outcome.code for outcome in world.block(*fresh)] == [OK] * 32 + [127]
    assert spend(world, 1) == 152


def test_l19_the_indexes_of_orders_follow_from_the_records() -> None:
    """Goal: they are rebuilt on load. Method: orders of every scope, some ended; derive (World compares after every block as well)."""
    world = World(money=100)
    put(world, order("debit", ALICE))
    put(world, order("both", "bank-b", name="2", scope="participant"))
    put(world, order("pause", "KGS", name="3", scope="asset", asset="", until=world.time_ms + HOUR_MS))
    world.must(lift("2"), by=TREASURY, sender="treasury")
    derived = derive_indexes(world.state.hashed().items())
    assert [key for key in sorted(derived) if key.startswith(("~active", "~ordered", "~guarded"))] == [
        ACTIVE,
        f"{ACTIVE}/account/{ALICE}",
        f"{ACTIVE}/asset/KGS",
        f"{ACTIVE}~wide",
        f"~guarded/asset/KGS/{record_of(world, '3').cooled_ms:015}/3",
        f"~ordered/account/{ALICE}/case-1",
        "~ordered/asset/KGS/3",
    ]
    assert getattr(derived[ACTIVE], "count", 0) == 2
