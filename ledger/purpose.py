"""Purpose money (section 5): what a merchant is paid in it is redeemed in the same transaction, out of the vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.assets import vault_of
from ledger.blocks import Entry
from ledger.classes import MERCHANT, VOUCHED_BY, covered
from ledger.errors import BrokenState
from ledger.names import contra_of

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.assets import Policy


def pays_out(policy: Policy, credit: Account) -> bool:
    """Whether a payment in this asset to this account is redeemed in the same transaction: purpose money that reaches a merchant."""
    if not policy.receive or vault_of(policy) is None:
        return False
    vouched = VOUCHED_BY + policy.issuer
    return any(name.startswith(MERCHANT) and name.endswith(vouched) and covered(policy.receive, name) for name in credit.classes)


def paid_in(policy: Policy, credit: Account) -> str:
    """Asset in which an account is paid: what is locked, where the payment is redeemed at once."""
    vault = vault_of(policy) if pays_out(policy, credit) else None
    return policy.code if vault is None else vault[1]


def payout(policy: Policy, credit: str, amount: int, leg: int) -> list[Entry]:
    """Entries that follow a debit of purpose money: it leaves circulation, and the vault pays the merchant."""
    vault = vault_of(policy)
    if vault is None:
        raise BrokenState(f"{policy.code} has no vault")
    account, locked = vault
    return [
        Entry(contra_of(policy.issuer, policy.code), policy.code, amount, 0, leg),
        Entry(account, locked, -amount, 0, leg),
        Entry(credit, locked, amount, 0, leg),
    ]
