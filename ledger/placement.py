"""In which authenticated tree a record lives (section 6): a participant's, the assets' or governance's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.bridges import Lock, Release
from ledger.errors import BrokenState
from ledger.grants import GrantRecord
from ledger.holders import Returnable
from ledger.holds import Hold
from ledger.names import OPERATOR, servicer_of
from ledger.orders import OrderRecord
from ledger.participants import KeyOwner
from ledger.proposals import Proposal

if TYPE_CHECKING:
    from ledger.orders import Order
    from ledger.state import Record

ASSETS = "A"
GOVERNANCE = "G"
_OF_PARTICIPANT = ("balance", "account", "refs", "total", "closing")
_FIXED = {
    **dict.fromkeys(("participant", "validator", "epoch", "param", "viewkey", "day", "evidence"), GOVERNANCE),
    **dict.fromkeys(("holder", "pseudonym"), OPERATOR),
    **dict.fromkeys(("asset", "item", "feed", "observed", "locked", "published", "route", "rotation", "signed", "attestor"), ASSETS),
}
"""Kinds whose records all live in one tree."""
_ELSE_OF = {"keyset": GOVERNANCE, "limit": OPERATOR}
"""Kinds that an account may have, `KIND/PARTICIPANT/LOCAL/NAME`, and where those of others live, `KIND/OWNER/NAME`."""
_ACCOUNTS_OWN = 3
"""Slashes in the key of an account's own."""


def tree_of(key: str, record: Record) -> str:
    """Tree in which a record lives: a participant's handle, "A" or "G". For a removed record give the record as it was."""
    kind, _, rest = key.partition("/")
    if kind in _OF_PARTICIPANT:
        return rest.partition("/")[0]
    fixed = _FIXED.get(kind)
    if fixed is not None:
        return fixed
    if kind in _ELSE_OF:
        return rest.partition("/")[0] if key.count("/") == _ACCOUNTS_OWN else _ELSE_OF[kind]
    return _tree_of_record(key, record)


def _tree_of_record(key: str, record: Record) -> str:
    match record:
        case Hold():
            return servicer_of(record.source)
        case GrantRecord(grant=grant):
            return servicer_of(grant.scope.account) or grant.scope.participant or GOVERNANCE
        case Proposal():
            return servicer_of(record.proposer)
        case Returnable():
            return servicer_of(record.credit)
        case Lock() | Release():
            return servicer_of(record.vault)
        case OrderRecord(order=order):
            return _tree_of_order(order)
        case KeyOwner():
            return OPERATOR if "/" in record.owner else GOVERNANCE
        case _:
            raise BrokenState(f"{key} belongs to no tree")


def _tree_of_order(order: Order) -> str:
    """Tree of who services what the order is on; a person's is the operator's, an asset's or route's is public."""
    if order.scope in ("account", "participant"):
        return servicer_of(order.subject)
    return {"holder": OPERATOR, "asset": ASSETS, "bridge": ASSETS}.get(order.scope, GOVERNANCE)
