"""Fees (L17): the issuer's rule decides, the sender quotes, the debtor pays on top of the amount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import FeeMismatch

if TYPE_CHECKING:
    from ledger.accounts import AccountKind
    from ledger.assets import FeeRule, FeeType, Policy

BPS = 10_000
"""Basis points in one."""


def fee_rule(policy: Policy, type_: FeeType, debit: AccountKind, credit: AccountKind) -> FeeRule | None:
    """First rule of an asset that fits a movement; None: no fee."""
    for rule in policy.fees:
        if rule.type == type_ and rule.debit_kind in ("", debit) and rule.credit_kind in ("", credit):
            return rule
    return None


def fee_of(rule: FeeRule | None, amount: int) -> int:
    """Fee in minor units: rounded down once, so rounding never creates value (invariant 7); it never falls as the amount grows."""
    if rule is None or amount == 0:
        return 0
    return min(rule.max, max(rule.min, rule.fixed + amount * rule.bps // BPS))


def check_fee(rule: FeeRule | None, amount: int, quoted: int) -> None:
    """Refuse a quote that is not the rule's fee.

    Raises
    ------
    FeeMismatch
        The rule has changed since the sender asked, or the sender never did.
    """
    expected = fee_of(rule, amount)
    if quoted != expected:
        raise FeeMismatch(expected=expected, quoted=quoted)
