"""The cases of types that move or reserve value; see `cases.py`."""

from __future__ import annotations

from ledger.grants import Quota, Scope
from ledger.transactions.bodies import (
    Issue,
    Pay,
    Redeem,
    Settle,
    Void,
)
from ledger.types import AMOUNT_MAX
from tests.ledger.breaks import Break, asked, balance, both, edited, leg, no_grant, parameter
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, BY_ROOT, CONTRA, LATER, LEGS, MONEY, OPERATOR, PAY_FEE, Case, placed_hold
from tests.ledger.world import (
    ALICE,
    BOB,
    DAY_MS,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    START_MS,
    hold,
)

FLOW = (
    Case(
        "issue",
        lambda _world: Issue("KGS", MAIN_A, 500, "order 7", None),
        BY_ROOT,
        (
            Break("account", 122, asked(to="bank-a/nobody")),
            Break("asset", 130, asked(asset="GOLD")),
            Break("open account", 123, edited(f"account/{MAIN_A}", status="closing")),
            Break("an account of people", 124, asked(to=CONTRA)),
            Break(
                "active issuer",
                121,
                both(edited("participant/treasury", status="suspended"), edited("asset/KGS", "policy", issuer="treasury")),
            ),
            Break("grant issue", 112, no_grant("issue-kgs", "issue")),
            Break("its begin", 112, edited("grant/issue-kgs", "grant", not_before=LATER)),
            Break("its end", 112, edited("grant/issue-kgs", "grant", until=START_MS)),
            Break("its asset", 112, edited("grant/issue-kgs", "grant", scope=Scope("GOLD", "", "", ()))),
            Break("its participant", 112, edited("grant/issue-kgs", "grant", scope=Scope("KGS", "bank-b", "", ()))),
            Break("its account", 112, edited("grant/issue-kgs", "grant", scope=Scope("KGS", "", MAIN_B, ()))),
            Break("its quota", 113, edited("grant/issue-kgs", "grant", quota=Quota(499, "month"))),
            Break("cap", 160, edited("asset/KGS", "policy", cap=5 * MONEY + 499)),
            Break("18 digits of the account", 140, balance(MAIN_A, AMOUNT_MAX - 499)),
            Break("18 digits of all issued", 140, edited("asset/KGS", issued=AMOUNT_MAX - 499)),
        ),
    ),
    Case(
        "redeem",
        lambda _world: Redeem("KGS", MAIN_B, 500, "payout 7", None),
        [*OPERATOR, *BANK_B],
        (
            Break("account", 122, asked(source="bank-b/nobody")),
            Break("asset", 130, asked(asset="GOLD")),
            Break("open account", 123, edited(f"account/{MAIN_B}", status="closed")),
            Break("an account of people", 124, asked(source=CONTRA)),
            Break("active servicer", 121, edited("participant/bank-b", status="suspended")),
            Break("funds", 150, balance(MAIN_B, 499)),
            Break("funds that are not held", 150, balance(MAIN_B, MONEY, MONEY - 499)),
        ),
    ),
    Case(
        "pay",
        lambda _world: Pay(LEGS, "atomic", "test", None, "", None, None),
        [*BANK_A, *BANK_B, *ALICE_SIGNS],
        (
            Break("debtor's account", 122, leg(0, debit="bank-a/nobody")),
            Break("creditor's account", 122, leg(1, credit="bank-a/nobody")),
            Break("asset", 130, leg(2, asset="GOLD")),
            Break("active servicer of a debtor", 121, edited("participant/bank-b", status="suspended")),
            Break("debtor's account open", 123, edited(f"account/{BOB}", status="closed")),
            Break("creditor's account open", 123, edited(f"account/{MAIN_B}", status="closing")),
            Break("an account of people debited", 124, leg(0, debit=CONTRA)),
            Break("an account of people credited", 124, leg(0, credit=CONTRA)),
            Break("legs within the limit", 142, parameter("legs_max", 2)),
            Break("the fee", 143, leg(1, fee=1)),
            Break("the fee of the rule", 143, edited("asset/KGS", "policy", fees=(PAY_FEE,))),
            Break("funds", 150, balance(MAIN_A, 99)),
            Break("net funds", 150, balance(BOB, 99)),
            Break("funds that are not held", 150, balance(ALICE, 300, 201)),
            Break("18 digits", 140, balance(MAIN_B, AMOUNT_MAX - 299)),
        ),
        "bank-a",
    ),
    Case(
        "hold",
        lambda world: hold(ALICE, BOB, 300, until=world.time_ms + HOUR_MS, settle_by="bank-b", void_by=BOB),
        [*OPERATOR, *ALICE_SIGNS],
        (
            Break("source", 122, asked(source="bank-a/nobody")),
            Break("target", 122, asked(target="bank-b/nobody")),
            Break("who settles", 120, asked(settle_by="bank-x")),
            Break("who voids", 122, asked(void_by="bank-b/nobody")),
            Break("asset", 130, asked(asset="GOLD")),
            Break("open source", 123, edited(f"account/{ALICE}", status="closed")),
            Break("open target", 123, edited(f"account/{BOB}", status="closing")),
            Break("a source of people", 124, asked(source=CONTRA)),
            Break("a target of people", 124, asked(target=CONTRA)),
            Break("the fee", 143, asked(fee=1)),
            Break("funds", 150, balance(ALICE, 299)),
            Break("room for holds", 127, both(parameter("holds_per_account_max", 1), edited(f"account/{ALICE}", holds=1))),
            Break("a time to come", 171, asked(until=START_MS)),
            Break("a time not too far", 171, asked(until=START_MS + 500 * DAY_MS)),
        ),
    ),
    Case(
        "hold on an account of a bank",
        lambda world: hold(MAIN_B, BOB, 300, until=world.time_ms + HOUR_MS),
        [*OPERATOR, *BANK_B],
        (Break("active servicer", 121, edited("participant/bank-b", status="suspended")),),
    ),
    Case(
        "settle",
        lambda world: Settle(placed_hold(world), 200, b""),
        [*OPERATOR, *BANK_B],
        (
            Break("hold", 170, asked(hold=bytes(32))),
            Break("active party", 121, edited("participant/bank-b", status="suspended")),
            Break("open target", 123, edited(f"account/{BOB}", status="closed")),
            Break("so much left", 173, asked(amount=301)),
            Break("18 digits", 140, balance(BOB, AMOUNT_MAX - 199)),
        ),
    ),
    Case(
        "void",
        lambda world: Void(placed_hold(world)),
        [*OPERATOR, *BANK_A],
        (
            Break("hold", 170, asked(hold=bytes(32))),
            Break("active party", 121, edited("participant/bank-a", status="suspended")),
        ),
    ),
)
