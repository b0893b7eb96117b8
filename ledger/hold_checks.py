"""What must hold of a hold after every transaction (L12): its terms stay, and a purse only fills up (invariant 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.conditions import Purse
from ledger.errors import InvariantBroken

if TYPE_CHECKING:
    from ledger.holds import Hold


def check_terms(before: Hold, after: Hold) -> None:
    """Allow a hold to change in what is left of it, and a purse in the counters that it has seen and once in its end.

    Raises
    ------
    InvariantBroken
        4.
    """
    found, left = after.condition, before.condition
    same = replace(after, left=before.left, fee_left=before.fee_left, until=before.until, condition=left) == before
    if isinstance(left, Purse) and isinstance(found, Purse):
        same = same and replace(found, used=left.used, revoked=left.revoked) == left and _fills_up(before, after, left.used, found.used)
        same = same and (after.until == before.until or (not left.revoked and bool(found.revoked) and after.until < before.until))
    else:
        same = same and found == left and after.until == before.until
    if not same:
        raise InvariantBroken(invariant=4, detail=f"the terms of hold {after.id.hex()} would change")


def _fills_up(before: Hold, after: Hold, old: bytes, new: bytes) -> bool:
    """Whether no counter was forgotten, and one was added exactly where value has left the purse."""
    was, now = int.from_bytes(old, "little"), int.from_bytes(new, "little")
    return was & ~now == 0 and (now & ~was).bit_count() == int(after.left < before.left)
