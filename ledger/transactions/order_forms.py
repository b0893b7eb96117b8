"""Form of orders, and of what a grant says about the orders made under it: what must be so on any state. Refused as MALFORMED (100)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import Malformed
from ledger.keysets import check_sorted
from ledger.names import check_participant_id

if TYPE_CHECKING:
    from ledger.grants import Grant


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
