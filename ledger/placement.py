"""In which authenticated tree a record lives (section 6): a participant's, the assets' or governance's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import BrokenState
from ledger.grants import GrantRecord
from ledger.holds import Hold
from ledger.names import OPERATOR, servicer_of
from ledger.participants import KeyOwner
from ledger.proposals import Proposal

if TYPE_CHECKING:
    from ledger.state import Record

ASSETS = "A"
GOVERNANCE = "G"
_OF_PARTICIPANT = ("balance", "account", "refs", "total")
_OF_GOVERNANCE = ("participant", "validator", "epoch", "param", "viewkey")
_ACCOUNT_KEYSET_SLASHES = 3
"""`keyset/PARTICIPANT/LOCAL/NAME`; a participant's has two."""


def tree_of(key: str, record: Record) -> str:
    """Tree in which a record lives: a participant's handle, "A" or "G". For a removed record give the record as it was."""
    kind, _, rest = key.partition("/")
    if kind in _OF_PARTICIPANT:
        return rest.partition("/")[0]
    if kind in _OF_GOVERNANCE:
        return GOVERNANCE
    if kind == "asset":
        return ASSETS
    if kind == "keyset":
        return rest.partition("/")[0] if key.count("/") == _ACCOUNT_KEYSET_SLASHES else GOVERNANCE
    match record:
        case Hold():
            return servicer_of(record.source)
        case GrantRecord(grant=grant):
            return servicer_of(grant.scope.account) or grant.scope.participant or GOVERNANCE
        case Proposal():
            return servicer_of(record.proposer)
        case KeyOwner():
            return OPERATOR if "/" in record.owner else GOVERNANCE
        case _:
            raise BrokenState(f"{key} belongs to no tree")
