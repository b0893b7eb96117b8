"""Returns, travel data and classes of accounts, rule by rule (L18, L25): and the ways round them that must fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.classes import accepts, check_class, check_pattern, matches
from ledger.errors import OK, Malformed, QuorumNotMet
from ledger.grants import Scope
from ledger.holders import Limit, PseudonymAt, Returnable
from ledger.parameters import parameter_records
from ledger.transactions.bodies import AccountOpen, AccountSet, AssetPut, GrantPut, HolderPut, Issue, Leg, Pay, Redeem, ReturnOf, Settle
from ledger.travel import Travel
from tests.ledger.backing_world import WRAPPED, vault_policy
from tests.ledger.cast import POLICY
from tests.ledger.people import (
    BANK_A,
    BANK_B,
    BASIC,
    CAROL,
    CAROL_A,
    CAROL_A2,
    CAROL_B,
    DAVE_B,
    FULL,
    LIMITS,
    NAMELESS,
    OPERATOR,
    alter,
    changed_policy,
    peopled,
    pseudonym,
    settle_in,
)
from tests.ledger.people_cases import TRAVEL, UETR
from tests.ledger.test_people_rules import code, given, rich, spent
from tests.ledger.world import BOARD, BOB, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, TILL, World, grant, hold, pay, signers

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.outcomes import Outcome

TREASURY, COMPLIANCE = signers("treasury/ops"), signers("bank-b/compliance")
SHOP = "bank-b/shop"
DAYS = 30


def payment(debit: str, credit: str, amount: int, *, uetr: bytes | None = None, of: ReturnOf | None = None, travel: bool = False) -> Pay:
    """One leg."""
    return Pay((Leg(debit, credit, "KGS", amount, 0, ""),), "atomic", "", uetr, "", (TRAVEL,) if travel else None, of)


def paid(world: World, debit: str, credit: str, amount: int) -> ReturnOf:
    """Pay with a UETR, so it can be returned."""
    bank = debit.partition("/")[0]
    return ReturnOf(world.must(payment(debit, credit, amount, uetr=UETR), by=signers(f"{bank}/ops"), sender=bank).tx_id, 0)


def returned(world: World, debit: str, credit: str, amount: int, of: ReturnOf) -> int:
    """Return the code of a return."""
    bank = debit.partition("/")[0]
    return world.do(payment(debit, credit, amount, of=of), by=signers(f"{bank}/ops"), sender=bank).code


def test_l18_a_return_counts_in_no_window() -> None:
    """Goal: money finds its way back. Method: carol has spent her day; she returns 900 of a payment all the same, outside it."""
    world = rich()
    of = paid(world, DAVE_B, CAROL_A, 900)
    assert code(world, (CAROL_A, MAIN_A, 1_000)) == OK
    assert code(world, (CAROL_B, MAIN_B, 1_000)) == OK
    assert code(world, (CAROL_A, DAVE_B, 900)) == 156
    assert returned(world, CAROL_A, DAVE_B, 900, of) == OK
    assert spent(world).day_out == 2_000


def test_l18_returns_are_no_way_round_a_limit() -> None:
    """Goal: all returns of a payment never exceed it. Method: return in parts and too much; the payer's own window stays used."""
    world = rich()
    of = paid(world, CAROL_A, DAVE_B, 1_000)
    assert [returned(world, DAVE_B, CAROL_A, amount, of) for amount in (600, 401, 400, 1)] == [OK, 172, OK, 172]
    assert spent(world).day_out == 1_000
    record = world.state.get(f"return/{of.tx_id.hex()}/0")
    assert isinstance(record, Returnable)
    assert (record.amount, record.returned) == (1_000, 1_000)


def test_l18_a_return_keeps_the_balance_limit() -> None:
    """Goal: invariant 14 by the path of a return. Method: the payer is full when the money comes back."""
    world = rich()
    of = paid(world, CAROL_A, DAVE_B, 500)
    given(world, CAROL_B, 1_500)
    assert returned(world, DAVE_B, CAROL_A, 1, of) == 154


def test_l18_a_return_reverses_its_payment_and_no_other() -> None:
    """Goal: matched by id, not by amount. Method: other parties, an unknown id, a payment without UETR, one that was refused, a return."""
    world = rich()
    of = paid(world, CAROL_A, DAVE_B, 500)
    assert returned(world, DAVE_B, CAROL_B, 500, of) == 172
    assert returned(world, CAROL_A, DAVE_B, 500, of) == 172
    assert returned(world, DAVE_B, CAROL_A, 500, ReturnOf(bytes(32), 0)) == 172
    assert returned(world, DAVE_B, CAROL_A, 500, ReturnOf(of.tx_id, 1)) == 172
    plain = world.must(payment(CAROL_A, DAVE_B, 100), by=BANK_A, sender="bank-a")
    assert returned(world, DAVE_B, CAROL_A, 100, ReturnOf(plain.tx_id, 0)) == 172
    refused = world.sign(payment(CAROL_A, DAVE_B, 9_000, uetr=UETR), by=BANK_A, sender="bank-a")
    assert world.block(refused)[0].code == 150
    assert returned(world, DAVE_B, CAROL_A, 100, ReturnOf(refused.tx_id, 0)) == 172
    back = world.must(payment(DAVE_B, CAROL_A, 100, of=of), by=BANK_B, sender="bank-b")
    assert returned(world, CAROL_A, DAVE_B, 100, ReturnOf(back.tx_id, 0)) == 172


def test_l18_a_return_has_thirty_days() -> None:
    """Goal: return_days; and the record goes when due. Method: the last moment, then the sweep."""
    world = rich()
    until = world.time_ms + DAYS * DAY_MS
    of = paid(world, CAROL_A, DAVE_B, 500)
    world.time_ms = until - 1
    assert returned(world, DAVE_B, CAROL_A, 1, of) == OK
    world.time_ms = until
    assert returned(world, DAVE_B, CAROL_A, 1, of) == 172
    assert [key for key in world.state.records if "return/" in key] == []


def test_l18_a_return_that_waits_for_its_sweep_is_too_old() -> None:
    """Goal: no check sees what has lapsed. Method: more payments become too old than one block sweeps."""
    world = rich()
    found = [paid(world, CAROL_A, DAVE_B, 10) for _ in range(4)]
    world.state.records.update(parameter_records({"sweep_max": 3}))
    world.time_ms += DAYS * DAY_MS
    assert returned(world, DAVE_B, CAROL_A, 1, found[3]) == 172
    assert len([key for key in world.state.records if key.startswith("return/")]) == 1


def test_l18_a_return_in_mode_each_or_of_two_legs_is_malformed() -> None:
    """Goal: form. Method: everything a return cannot be."""
    world = rich()
    of = ReturnOf(bytes(32), 0)
    good = payment(DAVE_B, CAROL_A, 1, of=of)
    for bad in (
        replace(good, mode="each"),
        replace(good, legs=(*good.legs, Leg(DAVE_B, CAROL_A, "KGS", 2, 0, ""))),
        replace(good, uetr=UETR),
        replace(good, travel=(TRAVEL,)),
    ):
        with pytest.raises(Malformed):
            world.sign(bad, by=BANK_B, sender="bank-b")


def test_l18_returns_of_a_payment_by_mode_each() -> None:
    """Goal: the record follows the leg. Method: one leg in mode each with a UETR, once refused, once moved."""
    world = rich()
    for amount, expected in ((3_000, 172), (500, OK)):
        body = replace(payment(CAROL_A, DAVE_B, amount, uetr=UETR), mode="each")
        tx = world.sign(body, by=BANK_A, sender="bank-a")
        world.block(tx)
        assert returned(world, DAVE_B, CAROL_A, 100, ReturnOf(tx.tx_id, 0)) == expected


def travelling(world: World, body: Pay, by: list[tuple[str, str, bytes]]) -> Outcome:
    """Carry out a payment of bank-a's."""
    return world.do(body, by=[*BANK_A, *by], sender="bank-a")


def far(**fields: object) -> World:
    """Return a world with a travel rule from 700 on, and no limits."""
    world = rich(limits=())
    alter(world, travel_min=700, **fields)
    return world


def test_travel_data_is_needed_between_customers_of_different_participants_only() -> None:
    """Goal: who it is for. Method: within a bank, own account, a till on either side, and below the amount: no data."""
    world = far()
    given(world, CAROL_A, 4_000)
    for debit, credit, amount in ((CAROL_A, BOB, 699), (CAROL_A, MAIN_B, 700), (MAIN_A, DAVE_B, 700), (CAROL_A, CAROL_B, 700)):
        assert travelling(world, payment(debit, credit, amount), []).code == OK
    assert travelling(world, payment(CAROL_A, BOB, 700), []).code == 157
    assert travelling(world, payment(CAROL_A, BOB, 700, travel=True), COMPLIANCE).code == OK


def test_travel_parts_are_added_up() -> None:
    """Goal: splitting into legs or wallets does not help. Method: two wallets of carol's pay two parts to dave, in either mode."""
    world = far()
    given(world, CAROL_A2, 1_000)
    legs = ((CAROL_A, DAVE_B, 350), (CAROL_A2, DAVE_B, 350))
    assert travelling(world, pay(*legs), []).code == 157
    assert travelling(world, pay(*legs, mode="each"), []).codes == (157, 157)
    assert travelling(world, replace(pay(*legs, mode="each"), travel=(TRAVEL,)), COMPLIANCE).codes == (0, 0)
    assert travelling(world, pay((CAROL_A, DAVE_B, 350), (CAROL_A, BOB, 350)), []).code == OK


def test_travel_data_that_nothing_needs_is_refused() -> None:
    """Goal: no compliance signature for nothing. Method: data for another participant, and for a payment below the amount."""
    world = far()
    assert travelling(world, payment(CAROL_A, DAVE_B, 699, travel=True), COMPLIANCE).code == 158
    other = Travel("treasury", "IVMS101", TRAVEL.digest)
    with pytest.raises(QuorumNotMet):
        travelling(world, replace(payment(CAROL_A, DAVE_B, 700), travel=(TRAVEL, other)), COMPLIANCE)


def test_travel_data_must_be_agreed_to() -> None:
    """Goal: 111 without the creditor's compliance. Method: leave its signature out, or let ops sign."""
    world = far()
    for by in ([], BANK_B):
        with pytest.raises(QuorumNotMet):
            travelling(world, payment(CAROL_A, DAVE_B, 700, travel=True), by)


def test_travel_rule_holds_for_holds_too() -> None:
    """Goal: a hold is no way round. Method: hold and settle as much, without and with the target's compliance."""
    world = far()
    body = hold(CAROL_A, DAVE_B, 700, until=world.time_ms + HOUR_MS, settle_by="bank-b", void_by="bank-a")
    with pytest.raises(QuorumNotMet):
        world.do(body, by=BANK_A, sender="bank-a")
    found = world.must(body, by=[*BANK_A, *COMPLIANCE], sender="bank-a").tx_id
    world.must(Settle(found, 700, b""), by=BANK_B, sender="bank-b")
    world.must(replace(body, amount=699, until=world.time_ms + HOUR_MS), by=BANK_A, sender="bank-a")


def test_travel_data_comes_after_limits_and_before_eligibility() -> None:
    """Goal: the order of section 5. Method: a payment that breaks all three, one thing mended at a time."""
    world = rich()
    alter(world, travel_min=700)
    body = payment(CAROL_A, BOB, 1_001)
    assert travelling(world, body, []).code == 155
    body = payment(CAROL_A, BOB, 1_000)
    assert travelling(world, body, []).code == 157
    assert travelling(world, replace(body, travel=(TRAVEL,)), COMPLIANCE).code == 132


def test_l25_classes_and_patterns() -> None:
    """Goal: one grammar. Method: what is a class, what is a pattern, what covers what."""
    for name in ("school", "mcc:8211", "mcc:8211@treasury", "region:KG-GO"):
        check_class(name)
    for name in ("", "Mcc:8211", "mcc:", "mcc:8211@", "mcc:8*", "a b", "mcc:8211@Treasury", "@treasury"):
        with pytest.raises(Malformed):
            check_class(name)
    for pattern in ("school", "mcc:8211", "mcc:82*", "mcc:*", "scho*"):
        check_pattern(pattern)
    for pattern in ("", "*", "mcc:", "mcc:8211@treasury", "mcc:8*1"):
        with pytest.raises(Malformed):
            check_pattern(pattern)
    assert matches("mcc:82*", "mcc:8211@treasury")
    assert matches("mcc:8211", "mcc:8211@treasury")
    assert not matches("mcc:8211", "mcc:82110")
    assert not matches("school", "school:1")


def opened_shop(world: World, *classes: str, by: list[tuple[str, str, bytes]]) -> int:
    """Return the code of opening a shop's wallet at bank-b."""
    return world.do(AccountOpen(SHOP, "wallet", b"", None, classes), by=[*BANK_B, *by], sender="bank-b").code


def test_l25_a_bank_cannot_award_merchant_classes_to_itself() -> None:
    """Goal: the issuer vouches, whenever the class was given. Method: a class of the bank's own, before and after; then the issuer's."""
    world = World(money=10_000)
    assert opened_shop(world, "mcc:8211", by=[]) == OK
    alter(world, receive=("mcc:8211",))
    assert code(world, (MAIN_A, SHOP, 1)) == 132
    with pytest.raises(QuorumNotMet):
        world.do(AccountSet(SHOP, "", None, ("mcc:8211@operator",)), by=BANK_B, sender="bank-b")
    vouched = AccountSet(SHOP, "", None, ("mcc:8211@treasury",))
    assert world.do(vouched, by=[*BANK_B, *TREASURY], sender="bank-b").code == OK
    assert code(world, (MAIN_A, SHOP, 1)) == 132
    world.must(AccountSet(SHOP, "", None, ("mcc:8211@operator",)), by=[*BANK_B, *OPERATOR], sender="bank-b")
    assert code(world, (MAIN_A, SHOP, 1)) == OK
    world.must(AccountSet(SHOP, "", None, ()), by=BANK_B, sender="bank-b")
    assert code(world, (MAIN_A, SHOP, 1)) == 132


def test_l25_other_classes_are_the_servicers_word() -> None:
    """Goal: what the grant allows. Method: a grant for schools; other classes are 112, at opening and later."""
    world = World(money=10_000)
    alter(world, receive=("school*",))
    narrow = replace(grant("wallet-bank-b-schools", "wallet", "bank-b", participant="bank-b"), scope=Scope("", "bank-b", "", ("school*",)))
    world.must(GrantPut(narrow), by=[*OPERATOR, *BOARD])
    del world.state.records["grant/wallet-bank-b"]
    del world.state.records["~grants/wallet/wallet-bank-b"]
    assert opened_shop(world, "clinic", by=[]) == 112
    assert opened_shop(world, "school:7", by=[]) == OK
    assert code(world, (MAIN_A, SHOP, 1)) == OK
    assert world.do(AccountSet(SHOP, "", None, ("clinic", "school:7")), by=BANK_B, sender="bank-b").code == 112
    assert world.do(AccountSet(SHOP, "", None, ("school:7",)), by=BANK_B, sender="bank-b").code == OK


def test_l25_who_may_receive_in_pay_and_hold_but_not_in_a_return_or_from_the_issuer() -> None:
    """Goal: `receive` and its exemptions. Method: each way to be credited."""
    world = World(money=10_000)
    opened_shop(world, "school", by=[])
    of = paid(world, MAIN_A, SHOP, 100)
    alter(world, receive=("school",))
    assert code(world, (MAIN_A, SHOP, 100)) == OK
    assert code(world, (MAIN_A, MAIN_B, 100)) == 132
    body = hold(MAIN_A, MAIN_B, 10, until=world.time_ms + HOUR_MS)
    assert world.do(body, by=BANK_A, sender="bank-a").code == 132
    assert world.do(replace(body, target=SHOP, settle_by="bank-b", void_by="bank-b"), by=BANK_A, sender="bank-a").code == OK
    assert returned(world, SHOP, MAIN_A, 100, of) == OK
    world.open("operator/main")
    assert code(world, (MAIN_A, "operator/main", 50)) == OK
    assert world.do(pay(("operator/main", MAIN_A, 50)), by=OPERATOR).code == OK
    world.must(Issue("KGS", MAIN_B, 10, "", None), by=[*OPERATOR, *BOARD])
    world.must(Redeem("KGS", MAIN_B, 10, "", None), by=BANK_B, sender="bank-b")
    shop = world.state.get("account/" + SHOP)
    assert accepts(changed_policy(world), shop)  # type: ignore[arg-type]


def test_l24_only_wallets_have_people_behind_them() -> None:
    """Goal: form. Method: everything that account.open and holder.put cannot say."""
    world = World()
    settle_in(world)
    mine = pseudonym(CAROL, "bank-a")
    good = AccountOpen("bank-a/new", "wallet", mine, None, ())
    for bad in (
        replace(good, kind="settlement"),
        replace(good, pseudonym=mine[:8]),
        replace(good, classes=("anonymous",)),
        replace(good, kind="clearing", pseudonym=b"", classes=("anonymous",)),
        replace(good, classes=("b", "a")),
        HolderPut(CAROL, "Basic", 0, ()),
        HolderPut(CAROL, "basic", 0, (PseudonymAt("bank-b", mine), PseudonymAt("bank-a", mine))),
        AccountSet("bank-a/new", "", None),
        AssetPut(replace(POLICY, limits=(FULL, BASIC))),
        AssetPut(replace(POLICY, limits=(replace(BASIC, anonymous=True), NAMELESS))),
        AssetPut(replace(POLICY, limits=(Limit("", None, None, None, None, anonymous=False),))),
        AssetPut(replace(POLICY, receive=("b", "a"))),
        GrantPut(replace(grant("x", "issue", "bank-a", asset="KGS"), scope=Scope("KGS", "", "", ("mcc:*",)))),
    ):
        with pytest.raises(Malformed):
            world.sign(bad, by=OPERATOR)


def test_l18_an_anonymous_wallet_stays_so() -> None:
    """Goal: limits never begin anew. Method: give and take the class later; move anonymous money, close and reopen."""
    world = peopled()
    assert LIMITS[2].anonymous
    given(world, "bank-a/ghost", 100)
    assert code(world, ("bank-a/ghost", MAIN_A, 100)) == OK
    assert world.do(AccountSet("bank-a/ghost", "", None, ("shop",)), by=BANK_A, sender="bank-a").code == 133
    for status in ("closed", "open"):
        world.must(AccountSet("bank-a/ghost", status, None), by=BANK_A, sender="bank-a")
    assert world.state.get("limit/bank-a/ghost/KGS").day_out == 100  # type: ignore[union-attr]
    assert world.do(AccountSet(BOB, "", None, ("anonymous",)), by=BANK_B, sender="bank-b").code == 133


def test_l16_two_currencies_have_limits_of_their_own() -> None:
    """Goal: per asset. Method: spend the day in one asset; the other is free; TILL has no limits at all."""
    world = rich()
    assert code(world, (CAROL_A, MAIN_A, 1_000)) == OK
    assert code(world, (CAROL_B, MAIN_B, 1_000)) == OK
    assert code(world, (TILL, MAIN_B, 9_000)) == OK
    found: Account = world.state.get("account/" + CAROL_A)  # type: ignore[assignment]
    assert found.pseudonym == pseudonym(CAROL, "bank-a")
    world.must(AssetPut(replace(POLICY, issuer="operator")), by=[*OPERATOR, *BOARD])
    world.must(GrantPut(grant("issue-gold", "issue", "operator", asset="GOLD")), by=[*OPERATOR, *BOARD])
    world.must(Issue("GOLD", CAROL_A, 5_000, "", None), by=OPERATOR)
    gold = Pay((Leg(CAROL_A, MAIN_A, "GOLD", 5_000, 0, ""),), "atomic", "", None, "", None, None)
    assert world.do(gold, by=BANK_A, sender="bank-a").code == OK
    assert spent(world).day_out == 2_000


def wrapping(world: World) -> None:
    """Define KGST, which is issued against locked KGS, and who may issue it."""
    world.must(AssetPut(vault_policy()), by=[*OPERATOR, *BOARD, *TREASURY])
    world.must(GrantPut(grant("issue-kgst", "issue", "treasury", asset=WRAPPED)), by=[*OPERATOR, *BOARD])


def wrapped(world: World, source: str, to: str, amount: int) -> int:
    """Return the code of a wrap."""
    return world.do(Issue(WRAPPED, to, amount, "", source), by=[*OPERATOR, *TREASURY, *signers(f"{source.partition('/')[0]}/ops")]).code


def test_l18_a_wrap_is_a_payment_of_what_it_locks() -> None:
    """Goal: wrapping is no way round. Method: wrap more than a transaction, a day; and with a tier that is not listed."""
    world = rich()
    wrapping(world)
    assert wrapped(world, CAROL_A, CAROL_A, 1_001) == 155
    assert [wrapped(world, account, CAROL_A2, 1_000) for account in (CAROL_A, CAROL_B, CAROL_B)] == [OK, OK, 156]
    assert (spent(world).total, spent(world).day_out) == (2_000, 2_000)
    assert code(world, (CAROL_A, MAIN_A, 1)) == 156
    world.time_ms += DAY_MS
    world.must(HolderPut(CAROL, "gone", 0, ()), by=OPERATOR)
    assert wrapped(world, CAROL_A, CAROL_A, 1) == 132
    assert wrapped(world, BOB, BOB, 1) == 132


def test_l18_an_unwrap_brings_the_excess_to_the_servicer() -> None:
    """Goal: redeem is never refused by a limit, and lifts nobody above it. Method: unwrap 2,000 for one who may get 500 more."""
    world = rich()
    wrapping(world)
    given(world, CAROL_A, 500)
    assert wrapped(world, MAIN_B, CAROL_B, 2_000) == OK
    till = world.balance(MAIN_B)[0]
    world.must(Redeem(WRAPPED, CAROL_B, 2_000, "", CAROL_B), by=BANK_B, sender="bank-b")
    assert spent(world).total == 5_000
    assert world.balance(MAIN_B)[0] == till + 1_500
    assert spent(world).day_out == 0
