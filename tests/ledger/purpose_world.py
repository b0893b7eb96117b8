"""School meals on the small network: soms of the Treasury that only caterers may be paid with, and a queue of redemptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.reserves import Expiry
from ledger.transactions.bodies import AccountOpen, GrantPut, Leg, Pay
from tests.ledger.backing_world import LUNCH, TREASURY, BackedWorld, gold_policy, vault_policy
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.world import DAY_MS, START_MS, TILL, grant, signers

if TYPE_CHECKING:
    from ledger.assets import Policy

SHOP, KIOSK, PUPIL, OTHER_PUPIL = "bank-b/shop", "bank-b/kiosk", "bank-a/pupil-1", "bank-a/pupil-2"
"""A caterer that the Treasury has vouched for, one that only its bank says is one, and two wallets."""
MEAL_VAULT = f"treasury/vault:{LUNCH}"
ENDS_MS = START_MS + 10 * DAY_MS
SHOP_CLASS = "mcc:8211@treasury"


def lunch_policy(*, at: int = ENDS_MS, budget_line: str = TILL) -> Policy:
    """School-meal som as its column in section 8 of the specification."""
    return replace(vault_policy(LUNCH, expires=Expiry(at, budget_line)), receive=("mcc:8211",))


def queued_policy() -> Policy:
    """USDKG with redemptions that the issuer has a day to settle."""
    return replace(gold_policy(), queued=DAY_MS)


def serve(world: BackedWorld, amount: int = 0) -> BackedWorld:
    """Define the school meal, open its accounts, and lock so many soms for each of two pupils."""
    world.define(lunch_policy())
    world.must(GrantPut(grant("issue-lunch", "issue", "treasury", asset=LUNCH)), by=BY_ROOT)
    for name in (PUPIL, OTHER_PUPIL):
        world.open(name, "wallet")
    world.must(AccountOpen(SHOP, "wallet", b"", None, (SHOP_CLASS,)), by=[*signers("bank-b/ops"), *TREASURY], sender="bank-b")
    world.must(AccountOpen(KIOSK, "wallet", b"", None, ("mcc:8211",)), by=signers("bank-b/ops"), sender="bank-b")
    if amount:
        if world.wrap(2 * amount, source=TILL, to=TILL, code=LUNCH):
            raise AssertionError
        world.must(meals((TILL, PUPIL, amount), (TILL, OTHER_PUPIL, amount)), by=TREASURY, sender="treasury")
    return world


def meals(*legs: tuple[str, str, int], mode: str = "atomic") -> Pay:
    """Pay body in school meals."""
    made = tuple(Leg(debit, credit, LUNCH, amount, 0, "") for debit, credit, amount in legs)
    return Pay(made, "each" if mode == "each" else "atomic", "meal", None, "", None, None)


def eat(world: BackedWorld, amount: int, *, credit: str = SHOP, debit: str = PUPIL) -> int:
    """Let a pupil pay for a meal; return the code."""
    return world.do(meals((debit, credit, amount)), by=[*OPERATOR, *signers(f"{debit.partition('/')[0]}/ops")]).code
