"""Cases of standing authority, for `cases.py`: a grant `debit`, and what is paid and held under it."""

from __future__ import annotations

from msgspec.structs import replace

from ledger.grants import Quota, Scope
from ledger.transactions.bodies import GrantEnd, GrantPut, HoldBody, Pay
from tests.ledger.breaks import Break, asked, balance, edited
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, CONTRA, OPERATOR, Case
from tests.ledger.world import ALICE, BOB, HOUR_MS, MAIN_A, MAIN_B, START_MS, World, grant, hold, pay

QUOTA = Quota(300, "month")


def mandate(account: str = MAIN_A) -> GrantPut:
    """Let bank-b take 300 a month."""
    made = grant("rent", "debit", "bank-b", asset="KGS", quota=QUOTA)
    return GrantPut(replace(made, scope=Scope("KGS", "", account, ())))


def taken(world: World) -> Pay:
    """Give the grant, and take."""
    world.must(mandate(), by=BANK_A, sender="bank-a")
    return pay((MAIN_A, BOB, 300))


def kept_back(world: World) -> HoldBody:
    """Give the grant, and hold."""
    world.must(mandate(), by=BANK_A, sender="bank-a")
    return hold(MAIN_A, BOB, 300, until=world.time_ms + HOUR_MS, settle_by="bank-b")


def taken_back(world: World) -> GrantEnd:
    """Give the grant, and end it."""
    world.must(mandate(ALICE), by=ALICE_SIGNS, sender=ALICE)
    return GrantEnd("rent")


DEBITS = (
    Case(
        "grant.put to debit an account",
        lambda _world: mandate(),
        BANK_A,
        (
            Break("account", 122, asked("grant", scope=Scope("KGS", "", "bank-a/nobody", ()))),
            Break("asset", 130, asked("grant", scope=Scope("GOLD", "", MAIN_A, ()))),
            Break("payee's participant", 120, asked("grant", scope=Scope("KGS", "bank-x", MAIN_A, ()))),
            Break("open account", 123, edited(f"account/{MAIN_A}", status="closed")),
            Break("an account of people", 124, asked("grant", scope=Scope("KGS", "", CONTRA, ())), [*BANK_A, *OPERATOR]),
            Break("an end that is to come", 114, asked("grant", until=START_MS)),
        ),
        "bank-a",
    ),
    Case(
        "grant.put to debit an account of a bank",
        lambda _world: mandate(MAIN_B),
        [*OPERATOR, *BANK_B],
        (Break("active servicer", 121, edited("participant/bank-b", status="suspended")),),
    ),
    Case(
        "pay under a grant to debit",
        taken,
        BANK_B,
        (
            Break("its quota", 113, edited("grant/rent", "grant", quota=Quota(299, "month"))),
            Break("its asset", 111, edited("grant/rent", "grant", scope=Scope("GOLD", "", MAIN_A, ()))),
            Break("its account", 111, edited("grant/rent", "grant", scope=Scope("KGS", "", ALICE, ()))),
            Break("its payee's participant", 111, edited("grant/rent", "grant", scope=Scope("KGS", "bank-a", MAIN_A, ()))),
            Break("its begin", 111, edited("grant/rent", "grant", not_before=START_MS + HOUR_MS)),
            Break("its end", 111, edited("grant/rent", "grant", until=START_MS)),
            Break("its holder", 111, edited("grant/rent", "grant", to="treasury")),
            Break("active servicer", 121, edited("participant/bank-a", status="suspended")),
            Break("funds", 150, balance(MAIN_A, 299)),
        ),
        "bank-b",
        voted=False,
    ),
    Case(
        "hold under a grant to debit",
        kept_back,
        BANK_B,
        (Break("its quota", 113, edited("grant/rent", "grant", quota=Quota(299, "month"))),),
        "bank-b",
        voted=False,
    ),
    Case("grant.end by who is debited", taken_back, ALICE_SIGNS, (), ALICE),
)
