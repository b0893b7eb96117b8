"""Cases of holds with a condition, for `cases.py`: locks, arbiters, classes of accounts, purses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.conditions import Payee
from ledger.transactions.bodies import HoldBody, Settle, Void
from ledger.types import AMOUNT_MAX
from tests.ledger.breaks import Break, asked, balance, both, edited
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, OPERATOR, SMALL_ORDER, Case
from tests.ledger.condition_world import (
    CAFE,
    EATERIES,
    GRACE_MS,
    SECRET,
    TREASURY,
    bring_in,
    escrow,
    load,
    locked,
    open_merchants,
    place,
    purse,
    receipt,
)
from tests.ledger.world import ALICE, BOB, HOUR_MS, START_MS, World, hold

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body


def shown_lock(world: World) -> Settle:
    """Lock, and show the secret."""
    return Settle(place(world, locked(world)), 80, SECRET)


def decided(world: World) -> Settle:
    """Put money into escrow, and settle a part."""
    return Settle(place(world, escrow(world)), 30, b"")


def class_hold(world: World) -> HoldBody:
    """Hold for any eatery."""
    open_merchants(world)
    return replace(hold(ALICE, BOB, 90, until=world.time_ms + HOUR_MS), target=EATERIES, settle_by="bank-a", void_by="bank-a")


def named(world: World) -> Settle:
    """Hold for any eatery, and name one."""
    return Settle(place(world, class_hold(world)), 40, Payee(CAFE))


def brought_in(world: World) -> Settle:
    """Load a purse, pay with it twice, and bring in the second receipt."""
    open_merchants(world)
    found = load(world, target=EATERIES)
    if bring_in(world, found, 3, 5, CAFE):
        raise AssertionError
    return Settle(found, 40, receipt(world, found, 4, 40, CAFE))


def revoked(world: World) -> Void:
    """Load a purse that is lost."""
    return Void(load(world))


def revoked_before(world: World, body: Body) -> Body:
    """Report the loss once more."""
    world.must(body, by=BANK_A, sender="bank-a")
    return body


CONDITIONS = (
    Case(
        "hold with an arbiter",
        escrow,
        [*OPERATOR, *ALICE_SIGNS],
        (Break("an arbiter", 120, asked("condition", by="bank-x")), Break("an arbiter's account", 122, asked("condition", by="bank-b/x"))),
    ),
    Case(
        "hold for a class",
        class_hold,
        [*OPERATOR, *ALICE_SIGNS],
        (
            Break("source", 122, asked(source="bank-a/nobody")),
            Break("open source", 123, edited(f"account/{ALICE}", status="closed")),
            Break("the fee", 143, asked(fee=1)),
            Break("funds", 150, balance(ALICE, 89)),
        ),
    ),
    Case(
        "hold of a purse",
        purse,
        [*OPERATOR, *ALICE_SIGNS],
        (
            Break("a validity to come", 171, both(asked("condition", valid_to=START_MS), asked(until=START_MS + GRACE_MS))),
            Break("a usable key", 128, asked("condition", key=SMALL_ORDER)),
        ),
    ),
    Case(
        "settle a lock",
        shown_lock,
        TREASURY,
        (
            Break("the secret", 172, asked(witness=b"no secret")),
            Break("a secret", 172, asked(witness=Payee(BOB))),
            Break("the whole", 173, asked(amount=79)),
            Break("open target", 123, edited(f"account/{BOB}", status="closing")),
        ),
        "treasury",
        voted=False,
    ),
    Case(
        "settle with an arbiter",
        decided,
        [*BANK_B, *TREASURY],
        (
            Break("active arbiter", 121, edited("participant/treasury", status="suspended"), [*BANK_B]),
            Break("no witness", 172, asked(witness=b"x")),
        ),
        "bank-b",
    ),
    Case(
        "settle for one of a class",
        named,
        BANK_A,
        (
            Break("a payee", 122, asked(witness=Payee("bank-b/nobody"))),
            Break("named", 172, asked(witness=b"")),
            Break("of people", 124, asked(witness=Payee("operator/contra:KGS"))),
            Break("of the class", 172, asked(witness=Payee(BOB))),
            Break("vouched for", 172, edited(f"account/{CAFE}", classes=("mcc:5812",))),
            Break("whom the asset is for", 132, edited("asset/KGS", "policy", receive=("school",))),
            Break("18 digits", 140, balance(CAFE, AMOUNT_MAX - 39)),
        ),
        "bank-a",
    ),
    Case(
        "settle a receipt",
        brought_in,
        TREASURY,
        (
            Break("a receipt", 172, asked(witness=Payee(CAFE))),
            Break("its payee", 172, asked("witness", payee=BOB)),
            Break("its amount", 172, asked(amount=41)),
            Break("its counter", 172, asked("witness", counter=5)),
            Break("a new counter", 172, asked("witness", counter=3)),
        ),
        "treasury",
        voted=False,
    ),
    Case("void of a purse", revoked, BANK_A, (Break("not revoked before", 172, revoked_before),), "bank-a"),
)
