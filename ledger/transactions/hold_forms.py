"""Form of holds: which fields a condition asks for. Whatever is refused here is MALFORMED (100)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.classes import check_pattern
from ledger.conditions import ANYONE, Arbiter, Device, HashLock, Payee, PurseReceipt
from ledger.errors import Malformed
from ledger.names import check_account_id, check_asset_code, check_owner

if TYPE_CHECKING:
    from ledger.transactions.bodies import HoldBody, Settle


def check_hold(body: HoldBody) -> None:
    """Refuse a hold whose names are none, or that has a field which its condition gives no meaning.

    Raises
    ------
    Malformed
        See `ledger/README.md`, holds.
    """
    check_asset_code(body.asset)
    check_account_id(body.source)
    _check_target(body)
    check_owner(body.void_by)
    condition = body.condition
    if isinstance(condition, HashLock | Device):
        if body.settle_by:
            raise Malformed(reason="whoever shows what the condition asks for settles: settle_by stays empty")
    else:
        check_owner(body.settle_by)
    if isinstance(condition, Arbiter):
        check_owner(condition.by)
    if isinstance(condition, Device) != (body.kind == "offline"):
        raise Malformed(reason="a hold is of kind offline where a device draws on it, and only there")
    if isinstance(condition, Device) and body.until != condition.valid_to + condition.grace:
        raise Malformed(reason="a purse is held until the end of its validity and its grace")


def check_settle(body: Settle) -> None:
    """Refuse a witness whose payee is no account.

    Raises
    ------
    Malformed
        It is none.
    """
    match body.witness:
        case Payee(account=account):
            check_account_id(account)
        case PurseReceipt(payee=payee):
            check_account_id(payee)
        case _:
            pass


def _check_target(body: HoldBody) -> None:
    """Allow another account, or a class of them; every account to a purse alone, whose device names each payee."""
    target = body.target
    if "/" in target:
        check_account_id(target)
        if target == body.source:
            raise Malformed(reason=f"{target} is debited and credited by one movement")
    elif isinstance(body.condition, HashLock):
        raise Malformed(reason="the target of a hash lock is an account: anyone may settle it")
    elif target != ANYONE:
        check_pattern(target)
    elif not isinstance(body.condition, Device):
        raise Malformed(reason="only a purse is for every account")
