"""Standing authority (L25): under a grant `debit` its holder's agreement stands for that of whoever signs an account's debits.

Direct debit, rent, a subscription: one account, one asset, one payee's participant if it is limited to one, a quota a month. It covers pay
and hold. Whoever signs the account's debits gives it, and nobody else: not even root, which would otherwise take without an order (L27).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import BrokenState, NoGrant, QuorumNotMet
from ledger.grant_rules import Wanted, charge_quota, fits, grant_key, is_active, use_first
from ledger.grants import DEBIT, GrantRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.authority import Signers
    from ledger.state import Overlay

DEBITS_PER_ACCOUNT_MAX = 64
"""Grants `debit` on one account: each is looked at when its owner has not signed."""


def debits_of(overlay: Overlay, account: str) -> Iterator[GrantRecord]:
    """Grants `debit` on an account, by id, those that have lapsed but are not yet swept included."""
    start = f"~debits/{account}/"
    for index in overlay.scan(start, start + "~", DEBITS_PER_ACCOUNT_MAX):
        record = overlay.get(grant_key(index.removeprefix(start)))
        if not isinstance(record, GrantRecord):
            raise BrokenState(f"{index} points at no grant")
        yield record


def need_mandate(overlay: Overlay, signers: Signers, wanted: tuple[str, str, str], time_ms: int) -> str:
    """Find the grant under which an account is debited without its owner: the first by id whose need is met; return its id.

    `wanted`: the account, the asset, and the participant that opened the payee's account (empty: not known).

    Raises
    ------
    QuorumNotMet
        There is none, or none is met: the owner's agreement is missing as before.

    Source: ledger/README.md, L25.
    """
    account, asset, payee = wanted
    asked = Wanted(DEBIT, asset=asset, participant=payee, account=account)
    active = [record for record in debits_of(overlay, account) if is_active(record.grant, time_ms)]
    try:
        return use_first([record for record in active if fits(record.grant, asked)], signers, asked).grant.id
    except NoGrant:
        raise QuorumNotMet(needed=f"whoever signs the debits of {account}") from None


def charge_mandate(overlay: Overlay, grant_id: str, amount: int, time_ms: int) -> None:
    """Count a debit with its fee against the quota of its grant.

    Raises
    ------
    QuotaExceeded
        Less is left in this window.
    """
    record = overlay.get(grant_key(grant_id))
    if not isinstance(record, GrantRecord):
        raise BrokenState(f"grant {grant_id} was found and is not there")
    charge_quota(overlay, record, amount, time_ms)
