"""Who takes part in the cases of `cases.py` and `flow_cases.py`, and what a case is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.assets import FeeRule, Policy
from ledger.grants import Need
from ledger.participants import Participant
from ledger.transactions.bodies import (
    AccountSet,
    GrantEnd,
    GrantPut,
    Leg,
)
from tests.ledger.world import (
    ALICE,
    BOARD,
    BOB,
    DAY_MS,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    START_MS,
    Signer,
    World,
    grant,
    hold,
    keyset,
    signers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.transactions.bodies import Body
    from tests.ledger.breaks import Break

OPERATOR, BANK_A, BANK_B = signers("operator/ops"), signers("bank-a/ops"), signers("bank-b/ops")
ALICE_SIGNS = signers(f"{ALICE}/user")
MONEY = 10_000
"""Minor units on each account of the world."""
SMALL_ORDER = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
CONTRA, FEES = "operator/contra:KGS", "operator/fee:KGS"
NEW_BANK = Participant("bank-c", "bank", "Bank C", "", "", "KG", "active", "", (), (), ())
POLICY = Policy("GOLD", 4, "operator", "sovereign", 10**12, (), (), 0, (), None, (), "block", ())
PAY_FEE = FeeRule("pay", "", "", 3, 0, 0, 100)


@dataclass(frozen=True)
class Case:
    """A transaction that succeeds as it stands, and what breaks it."""

    name: str
    make: Callable[[World], Body]
    by: list[Signer]
    breaks: tuple[Break, ...]
    sender: str = "operator"
    voted: bool = True
    """Whether who signs has a vote on it, too: not where anybody may do it, and not under a grant to debit."""


def placed_hold(world: World) -> bytes:
    """Place a hold of 300 from alice for bob; the bank of bob settles it, alice's bank voids it."""
    body = hold(ALICE, BOB, 300, until=world.time_ms + HOUR_MS, settle_by="bank-b", void_by="bank-a")
    return world.must(body, by=ALICE_SIGNS, sender=ALICE).tx_id


def known_grant(world: World) -> GrantEnd:
    """Give a grant that can be ended."""
    world.must(GrantPut(grant("extra", "register", "bank-b")), by=[*OPERATOR, *BOARD])
    return GrantEnd("extra")


def emptied_account(world: World) -> AccountSet:
    """Open an account that can be closed."""
    world.open("bank-a/old", own=keyset("bank-a/old", "user"))
    return AccountSet("bank-a/old", "closed", None)


LEGS = (Leg(MAIN_A, BOB, "KGS", 100, 0, "one"), Leg(BOB, ALICE, "KGS", 200, 0, "two"), Leg(ALICE, MAIN_B, "KGS", 300, 0, "three"))
LATER = START_MS + 10 * DAY_MS

KEY_5 = signers("bank-b/ops", 6)[5]
OLD = "bank-a/old"
ROOT_OF_THREE = Need(3, ("operator/board", "operator/ops", "treasury/treasury"))
BY_ROOT = [*OPERATOR, *BOARD]
