"""Form of orders, and of what a grant says about the orders made under it: what must be so on any state. Refused as MALFORMED (100)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ledger.errors import Malformed
from ledger.keysets import check_sorted
from ledger.names import check_account_id, check_asset_code, check_grant_id, check_participant_id
from ledger.transactions.bodies import OrderLift, OrderPut, Seize
from ledger.transactions.bridge_forms import check_route_id

if TYPE_CHECKING:
    from ledger.grants import Grant
    from ledger.orders import Order
    from ledger.transactions.bodies import Body

_HOLDER = re.compile(r"[0-9a-f]{32}")
MODES = {
    "account": ("debit", "credit", "both", "arrest"),
    "holder": ("debit", "credit", "both", "arrest"),
    "participant": ("debit", "credit", "both", "arrest", "pause"),
    "asset": ("pause",),
    "bridge": ("pause",),
    "ledger": ("pause",),
}
"""What an order may do to each scope. Whoever may freeze shall not get around the limits of a pause by freezing everything (L22)."""


def check_order_form(body: Body) -> bool:
    """Check the types of orders; False where the body is of another type.

    Raises
    ------
    Malformed
        A name is none, the mode does not go with the scope, or a field is set that belongs to another mode.
    """
    match body:
        case OrderPut(order=order):
            check_order(order)
        case OrderLift():
            check_grant_id(body.id)
        case Seize():
            check_grant_id(body.order)
            check_account_id(body.account)
            check_asset_code(body.asset)
        case _:
            return False
    return True


def check_order(order: Order) -> None:
    """Refuse an order that could mean nothing, or two things.

    Raises
    ------
    Malformed
        As above.
    """
    check_grant_id(order.id)
    check_participant_id(order.by)
    _check_subject(order)
    if order.asset:
        check_asset_code(order.asset)
    if order.mode not in MODES[order.scope]:
        raise Malformed(reason=f"an order of scope {order.scope} cannot be of mode {order.mode}")
    if order.scope in ("asset", "bridge") and order.asset:
        raise Malformed(reason=f"the asset of an order of scope {order.scope} is that of its subject")
    check_sorted(order.allow, f"what order {order.id} allows")
    if order.mode == "arrest":
        _check_arrest(order)
        return
    if order.amount is not None or order.seize_to:
        raise Malformed(reason="an amount, and an account that a seizure pays, belong to an arrest")
    if order.mode == "pause" and "holds" not in order.allow:
        raise Malformed(reason="a pause never stops what was held before: it allows holds")


def _check_arrest(order: Order) -> None:
    if any(word != "holds" for word in order.allow):
        raise Malformed(reason="arrested value leaves by seizure only: an arrest allows nothing but holds")
    if order.amount is not None and (order.scope != "account" or not order.asset):
        raise Malformed(reason="an amount needs the scope account and an asset")
    if order.seize_to:
        check_account_id(order.seize_to)
        if order.seize_to == order.subject:
            raise Malformed(reason=f"a seizure from {order.subject} to itself")


def _check_subject(order: Order) -> None:
    subject = order.subject
    match order.scope:
        case "account":
            check_account_id(subject)
        case "participant":
            check_participant_id(subject)
        case "asset":
            check_asset_code(subject)
        case "bridge":
            check_route_id(subject)
        case "holder":
            if _HOLDER.fullmatch(subject) is None:
                raise Malformed(reason=f"{subject!r} is no holder: 32 characters of lower-case hex")
        case "ledger":
            if subject:
                raise Malformed(reason="an order on the ledger names no subject")


def check_order_terms(grant: Grant) -> None:
    """Refuse a rank, or who may lift, on a grant that orders nothing; and names of lifters that are none or not sorted.

    Raises
    ------
    Malformed
        As above.
    """
    if not grant.permission.startswith("order."):
        if grant.lifted_by or grant.rank:
            raise Malformed(reason=f"grant {grant.id} orders nothing: it names nobody who lifts, and has no rank")
        return
    check_sorted(grant.lifted_by, f"who lifts what grant {grant.id} orders")
    for name in grant.lifted_by:
        check_participant_id(name)
