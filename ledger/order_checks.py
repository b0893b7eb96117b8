"""What must hold of orders after every transaction (L12, invariants 12, 13, 16 and 17), from what it has written and its entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.errors import InvariantBroken
from ledger.money import balance_of
from ledger.names import FEE
from ledger.orders import ORDERS_MAX, OrderRecord, precedence
from ledger.parameters import DAY_MS
from ledger.restraints import Restraints, arrested

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ledger.blocks import Entry
    from ledger.orders import Allowed
    from ledger.state import Overlay, Record

GUARDIAN_MS_MAX = DAY_MS
"""The longest pause by one guardian that any network may allow (L22)."""
SEIZE = "seize"
_MAY: dict[str, tuple[Allowed, ...]] = {"pay": ("fee", "return", "tax"), "redeem": ("redeem",), "settle": ("holds", "redeem")}
"""Type -> what an order can have allowed of it."""


def check_restrained(
    overlay: Overlay, entries: Sequence[Entry], writes: Mapping[str, tuple[Record | None, Record | None]], type_: str, time_ms: int
) -> None:
    """Check that no order was got around: neither a block nor an arrest.

    Raises
    ------
    InvariantBroken
        12 (posted fell under a debit block, or rose under a credit block) or 13 (arrested value left otherwise than by seizure).
    """
    restraints = Restraints(overlay, time_ms)
    seized_on = _seized_on(writes, entries) if type_ == SEIZE else None
    free: dict[tuple[str, str], tuple[int, int]] = {}
    for entry in entries:
        if entry.posted:
            _check_block(restraints, entry, type_, seized_on)
        place = (entry.account, entry.asset)
        change, gained = free.get(place, (0, 0))
        more = entry.posted - entry.held
        free[place] = (change + more, gained + max(0, more))
    for (account, asset), (change, gained) in free.items():
        arrests = [each for each in restraints.on_account(account) if each.order.mode == "arrest" and restraints.covers(each, asset)]
        if seized_on is not None:
            arrests = [each for each in arrests if precedence(each) < precedence(seized_on)]
        balance = balance_of(overlay, account, asset)
        now = balance.posted - balance.held
        if arrests and now < min(arrested(arrests), now - change + gained):
            raise InvariantBroken(invariant=13, detail=f"{type_} would take arrested {asset} from {account}")


def check_order_change(before: Record | None, after: Record | None, type_: str) -> None:
    """Check that an order changed as its own types change it, and in nothing but how far it has come.

    Raises
    ------
    InvariantBroken
        12 (an order would be gone, or be relaxed by another type), 13 (seizures beyond its amount) or 17 (it would change in what it
        says, or a guardian's pause would not end).
    """
    if not isinstance(after, OrderRecord):
        raise InvariantBroken(invariant=12, detail="an order would be gone")
    order = after.order
    if order.amount is not None and not 0 <= after.seized <= order.amount:
        raise InvariantBroken(invariant=13, detail=f"seizures on order {order.id} would take {after.seized}")
    if after.cooled_ms and not 0 < order.until <= after.time_ms + GUARDIAN_MS_MAX:
        raise InvariantBroken(invariant=17, detail=f"pause {order.id} by one guardian would not end")
    if not isinstance(before, OrderRecord):
        if after.status != "active" or after.seized or type_ != "order.put":
            raise InvariantBroken(invariant=12, detail=f"order {order.id} would not begin as one")
        return
    was = replace(after, status=before.status, seized=before.seized, ended_by=before.ended_by, ended_basis=before.ended_basis)
    if was != before:
        raise InvariantBroken(invariant=17, detail=f"order {order.id} would change in what it says")
    if before.status != "active" or not _may_become(before, after, type_):
        raise InvariantBroken(invariant=12, detail=f"{type_} would make {after.status} of {before.status} order {order.id}")


class WholeOrders:
    """Counts of active orders over a whole state, one record at a time."""

    def __init__(self) -> None:
        self._active: dict[tuple[str, str], int] = {}

    def add(self, record: OrderRecord) -> None:
        """Take one order."""
        if record.status == "active":
            subject = (record.order.scope, record.order.subject)
            self._active[subject] = self._active.get(subject, 0) + 1

    def check(self) -> None:
        """Check the counts, once every order was added.

        Raises
        ------
        InvariantBroken
            13: a subject has more than may be looked through.
        """
        for (scope, subject), count in self._active.items():
            if count > ORDERS_MAX:
                raise InvariantBroken(invariant=13, detail=f"{count} active orders on {scope} {subject}")


def _may_become(before: OrderRecord, after: OrderRecord, type_: str) -> bool:
    lifted = (after.ended_by, after.ended_basis)
    match type_:
        case "order.lift":
            return after.status == "lifted" and after.seized == before.seized and all(lifted)
        case "seize":
            ends = after.seized == after.order.amount
            return after.status == ("served" if ends else "active") and after.seized > before.seized and not any(lifted)
        case "order.put":
            return after.status == "lapsed" and after.seized == before.seized and before.order.until != 0 and not any(lifted)
        case _:
            return False


def _seized_on(writes: Mapping[str, tuple[Record | None, Record | None]], entries: Iterable[Entry]) -> OrderRecord:
    """Order of a seizure; what it says to have taken is what its beneficiary got (L11)."""
    for before, after in writes.values():
        if isinstance(before, OrderRecord) and isinstance(after, OrderRecord):
            got = sum(entry.posted for entry in entries if entry.account == before.order.seize_to)
            if got != after.seized - before.seized:
                raise InvariantBroken(invariant=13, detail=f"order {before.order.id} would say another amount than its beneficiary got")
            return before
    raise InvariantBroken(invariant=16, detail="a seizure would rest on no order")


def _check_block(restraints: Restraints, entry: Entry, type_: str, seized_on: OrderRecord | None) -> None:
    side = "debit" if entry.posted < 0 else "credit"
    if side == "credit" and entry.account.partition("/")[2].startswith(FEE):
        return
    for record in restraints.on_account(entry.account):
        if record.order.mode not in (side, "both") or not restraints.covers(record, entry.asset):
            continue
        goes_before = side == "debit" and seized_on is not None and precedence(seized_on) < precedence(record)
        if not goes_before and not any(word in record.order.allow for word in _MAY.get(type_, ())):
            raise InvariantBroken(invariant=12, detail=f"{type_} would get around order {record.order.id} on {entry.account}")
