"""Rules of standing authority: a grant `debit` in place of the debtor's signature (L25, invariants 15 and 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.errors import OK, Malformed, QuorumNotMet
from ledger.genesis import GenesisError, first_records
from ledger.grants import GrantRecord, Need, Quota, Scope
from ledger.outcomes import entries_by_participant
from ledger.participants import Participant
from ledger.transactions import who_sees_all
from ledger.transactions.bodies import GrantEnd, GrantPut, Redeem, Settle
from tests.ledger.people import CAROL_A, CAROL_B, peopled
from tests.ledger.world import (
    ALICE,
    BOARD,
    BOB,
    DAY_MS,
    FEE_OF_HOLDS,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    TILL,
    World,
    first_grants,
    grant,
    hold,
    make_genesis,
    pay,
    signers,
)

if TYPE_CHECKING:
    from ledger.grants import Grant

OPERATOR, BANK_A, BANK_B = signers("operator/ops"), signers("bank-a/ops"), signers("bank-b/ops")
ALICE_SIGNS, TREASURY = signers(f"{ALICE}/user"), signers("treasury/ops")
RENT = "rent"
A_MONTH = Quota(100, "month")


def mandate(account: str = ALICE, *, name: str = RENT, quota: Quota | None = A_MONTH, payee: str = "", to: str = "bank-b") -> Grant:
    """Let bank-b take a hundred a month from alice."""
    return replace(grant(name, "debit", to, asset="KGS", quota=quota), scope=Scope("KGS", payee, account, ()))


def give(world: World, made: Grant, by: list[tuple[str, str, bytes]] | None = None, sender: str = ALICE) -> int:
    """Give it, as alice; return the code."""
    return world.do(GrantPut(made), by=ALICE_SIGNS if by is None else by, sender=sender).code


def take(world: World, amount: int, *, debit: str = ALICE, credit: str = BOB, mode: str = "atomic") -> int:
    """Debit as bank-b; return the code."""
    return world.do(pay((debit, credit, amount), mode=mode), by=BANK_B, sender="bank-b").code


@pytest.fixture
def world() -> World:
    """Return a world in which alice has let bank-b take a hundred a month."""
    made = World(money=1_000)
    assert give(made, mandate()) == OK
    return made


def test_l25_a_grant_debits_in_place_of_the_owner(world: World) -> None:
    """Goal: direct debit. Method: bank-b alone takes from alice, who signed once; without the grant it is 111 as ever."""
    assert take(world, 60) == OK
    assert world.balance(ALICE) == (940, 0)
    with pytest.raises(QuorumNotMet):
        take(world, 1, debit=MAIN_A)
    with pytest.raises(QuorumNotMet):
        world.do(pay((ALICE, BOB, 1)), by=TREASURY, sender="treasury")


@pytest.mark.parametrize("mode", ["atomic", "each"])
def test_l25_a_month_has_its_quota(world: World, mode: str) -> None:
    """Goal: never more than was agreed. Method: 60 and 41 in a month, 40; the next month again; in both modes."""
    assert [take(world, amount, mode=mode) for amount in (60, 41, 40, 1)] == [OK, 113, OK, 113]
    assert world.balance(ALICE) == (900, 0)
    world.time_ms += 31 * DAY_MS
    assert [take(world, amount, mode=mode) for amount in (101, 100)] == [113, OK]


def test_l25_legs_of_one_payment_count_together(world: World) -> None:
    """Goal: no way round a quota. Method: 60 and 41 in one atomic pay, then one by one with a leg that stays behind."""
    assert world.do(pay((ALICE, BOB, 60), (ALICE, MAIN_B, 41)), by=BANK_B, sender="bank-b").code == 113
    outcome = world.do(pay((ALICE, BOB, 60), (ALICE, MAIN_B, 41), mode="each"), by=BANK_B, sender="bank-b")
    assert (outcome.code, outcome.codes) == (OK, (OK, 113))
    assert world.balance(ALICE) == (940, 0)


def test_l25_the_owner_s_own_payments_use_no_quota(world: World) -> None:
    """Goal: who signs needs no grant. Method: alice pays 500 herself, then bank-b takes 100."""
    world.must(pay((ALICE, BOB, 500)), by=ALICE_SIGNS, sender=ALICE)
    assert take(world, 100) == OK


def test_l25_fees_count_in_the_quota() -> None:
    """Goal: the quota is what leaves the account. Method: a hold of 99 with a fee of 1.5 %, then of 98."""
    world = World(make_genesis(fees=(FEE_OF_HOLDS,)))
    world.issue(ALICE, 400)
    assert give(world, mandate()) == OK
    until = world.time_ms + HOUR_MS
    codes = [
        world.do(hold(ALICE, BOB, amount, until=until, fee=1, settle_by="bank-b"), by=BANK_B, sender="bank-b").code for amount in (100, 99)
    ]
    assert codes == [113, OK]


def test_l25_a_standing_authority_places_holds(world: World) -> None:
    """Goal: a deposit for a hotel. Method: bank-b reserves 80 and settles them; the quota was used when it was placed."""
    body = hold(ALICE, BOB, 80, until=world.time_ms + HOUR_MS, settle_by="bank-b")
    found = world.must(body, by=BANK_B, sender="bank-b").tx_id
    assert take(world, 21) == 113
    assert world.do(Settle(found, 80, b""), by=BANK_B, sender="bank-b").code == OK


def test_l25_it_covers_pay_and_hold_alone(world: World) -> None:
    """Goal: value that leaves circulation is the owner's word. Method: redeem under the grant."""
    with pytest.raises(QuorumNotMet):
        world.do(Redeem("KGS", ALICE, 5, "", None), by=BANK_B, sender="bank-b")


def test_l25_it_may_be_limited_to_one_participant_s_accounts() -> None:
    """Goal: rent goes to the landlord's bank. Method: a grant for payees at the treasury."""
    world = World(money=1_000)
    assert give(world, mandate(payee="treasury")) == OK
    with pytest.raises(QuorumNotMet):
        take(world, 10, credit=BOB)
    assert take(world, 10, credit=TILL) == OK


def test_l25_a_quorum_of_its_own(world: World) -> None:
    """Goal: the need of a grant. Method: a second grant that bank-b's compliance must agree to; the first by id that is met is used."""
    assert give(world, mandate(name="a-first", quota=None, to="bank-b"), sender=ALICE) == OK
    made = replace(mandate(MAIN_A, name="two", quota=None), need=Need(2, ("bank-b/compliance", "bank-b/ops")))
    assert give(world, made, BANK_A, "bank-a") == OK
    with pytest.raises(QuorumNotMet):
        take(world, 5, debit=MAIN_A)
    both = [*BANK_B, *signers("bank-b/compliance")]
    assert world.do(pay((MAIN_A, BOB, 5)), by=both, sender="bank-b").code == OK
    assert take(world, 500) == OK, "under a-first, which has no quota"


def test_l25_who_signs_the_debits_gives_it_and_nobody_else() -> None:
    """Goal: not even root takes without an order (L27). Method: root, the servicer of an account with a keyset, then of one without."""
    world = World(money=1_000)
    for by, sender in (([*OPERATOR, *BOARD], "operator"), (BANK_A, "bank-a"), (BANK_B, "bank-b")):
        with pytest.raises(QuorumNotMet):
            give(world, mandate(), by, sender)
    assert give(world, mandate(BOB, to="bank-a"), BANK_B, "bank-b") == OK
    record = world.state.get("grant/rent")
    assert isinstance(record, GrantRecord)
    assert record.giver == "bank-b"


@pytest.mark.parametrize("by", [(ALICE_SIGNS, ALICE), (BANK_A, "bank-a"), (BANK_B, "bank-b"), ([*OPERATOR, *BOARD], "operator")])
def test_l25_owner_servicer_holder_and_root_end_it(world: World, by: tuple[list[tuple[str, str, bytes]], str]) -> None:
    """Goal: a mandate is easily taken back. Method: each ends it; the next debit is 111."""
    assert world.do(GrantEnd(RENT), by=by[0], sender=by[1]).code == OK
    with pytest.raises(QuorumNotMet):
        take(world, 1)


def test_l25_a_stranger_does_not_end_it(world: World) -> None:
    """Goal: as above. Method: the treasury tries."""
    with pytest.raises(QuorumNotMet):
        world.do(GrantEnd(RENT), by=TREASURY, sender="treasury")


def test_l19_it_ends_when_it_lapses() -> None:
    """Goal: as any grant. Method: an hour."""
    world = World(money=1_000)
    assert give(world, replace(mandate(), until=world.time_ms + HOUR_MS)) == OK
    assert take(world, 1) == OK
    world.time_ms += HOUR_MS
    with pytest.raises(QuorumNotMet):
        take(world, 1)


def test_l25_it_begins_when_it_says() -> None:
    """Goal: a mandate for next month is none for this one. Method: an hour ahead, and then."""
    world = World(money=1_000)
    assert give(world, replace(mandate(), not_before=world.time_ms + HOUR_MS)) == OK
    with pytest.raises(QuorumNotMet):
        take(world, 1)
    world.time_ms += HOUR_MS
    assert take(world, 1) == OK


def test_l29_a_suspended_holder_takes_nothing(world: World) -> None:
    """Goal: its keysets sign nothing. Method: suspend bank-b."""
    record = world.state.get("participant/bank-b")
    assert isinstance(record, Participant)
    world.state.records["participant/bank-b"] = replace(record, status="suspended")
    with pytest.raises(QuorumNotMet):
        take(world, 1)


@pytest.mark.parametrize("scope", [Scope("KGS", "", "", ()), Scope("", "", ALICE, ()), Scope("KGS", "bank-b", "", ())])
def test_l25_form_of_a_mandate(scope: Scope) -> None:
    """Goal: one account, one asset. Method: leave each out."""
    with pytest.raises(Malformed):
        give(World(), replace(mandate(), scope=scope))


def test_l16_limits_of_a_holder_hold_for_what_others_take() -> None:
    """Goal: no way round a limit. Method: carol may spend 1,000 at once, 2,000 a day; bank-b takes."""
    world = peopled()
    world.must(pay((MAIN_A, CAROL_A, 4_000)), by=BANK_A, sender="bank-a")
    assert give(world, mandate(CAROL_A, quota=None), BANK_A, "bank-a") == OK
    codes = [take(world, amount, debit=CAROL_A, credit=MAIN_B) for amount in (1_001, 1_000, 1_000, 1)]
    assert codes == [155, OK, OK, 156]
    assert take(world, 500, debit=CAROL_A, credit=CAROL_B) == OK, "her own wallet elsewhere"


def test_the_debtor_s_servicer_sees_it_whole(world: World) -> None:
    """Goal: who is debited knows. Method: who sees all of a direct debit."""
    tx = world.sign(pay((ALICE, BOB, 60)), by=BANK_B, sender="bank-b")
    (outcome,) = world.block(tx)
    assert sorted(who_sees_all(tx, outcome, entries_by_participant(outcome.entries))) == ["bank-a", "bank-b"]


def test_an_account_has_64_mandates_at_most() -> None:
    """Goal: bounded work for each debit. Method: the 65th is 127; on another account it is not."""
    world = World(money=10)
    for number in range(64):
        assert give(world, mandate(name=f"m{number}")) == OK
    assert give(world, mandate(name="more")) == 127
    assert give(world, mandate(BOB, name="more"), BANK_B, "bank-b") == OK


def test_l27_a_genesis_document_gives_no_mandate() -> None:
    """Goal: nobody who signs a document takes from an account that did not. Method: add the grant to the first ones; the line is named."""
    with pytest.raises(GenesisError, match="whoever signs the debits") as refusal:
        first_records(make_genesis(grants=[*first_grants(), mandate()]))
    assert refusal.value.path.startswith("$.grants[")
