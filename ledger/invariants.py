"""What must hold after every transaction (L12), in one place: from deltas on what it touched; and whole sums, for the start and tests.

None of this repeats a check of a transaction type: it looks at the state before and after, and at the entries that the receipt will show.
A broken invariant is our own fault: the transaction is refused with 900 and the node alarms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Account, Balance, Total
from ledger.assets import Asset
from ledger.errors import InvariantBroken
from ledger.grant_rules import conflict_of
from ledger.grants import GrantRecord
from ledger.holds import Hold
from ledger.money import NOTHING
from ledger.names import CONTRA, contra_of
from ledger.types import AMOUNT_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ledger.blocks import Entry
    from ledger.state import Overlay, Record

ZERO = (0, 0)
HOLDS_MAX = 256
Pair = tuple[int, int]
"""Posted and held, in minor units."""


def check_transaction(overlay: Overlay, mark: int, entries: Sequence[Entry], type_: str) -> None:
    """Check what one transaction has written since a mark.

    Raises
    ------
    InvariantBroken
        1 (sums, supply), 2 (only issue and redeem change supply), 3 (0 <= held <= posted; held is the sum of open holds) or 15 (duties)
        would not hold, or the entries are not what the balances did.

    Source: ledger/README.md, L12 and section 7.
    """
    shown: dict[str, Pair] = {}
    for entry in entries:
        key = f"balance/{entry.account}/{entry.asset}"
        posted, held = shown.get(key, ZERO)
        shown[key] = (posted + entry.posted, held + entry.held)
    sums: dict[str, int] = {}
    reserved: dict[str, int] = {}
    rest: list[tuple[str, Record | None]] = []
    for key, before in overlay.writes_since(mark).items():
        if not key.startswith("balance/"):
            rest.append((key, before))
            continue
        old = before if isinstance(before, Balance) else NOTHING
        after = overlay.get(key)
        new = after if isinstance(after, Balance) else NOTHING
        posted, held = new.posted - old.posted, new.held - old.held
        if shown.pop(key, ZERO) != (posted, held):
            raise InvariantBroken(invariant=1, detail=f"{key} changed by {posted} and {held}, its entries say otherwise")
        if not 0 <= new.held <= new.posted <= AMOUNT_MAX or "/contra:" in key:
            _check_contra(key, new)
            _check_supply_change(overlay, key, type_)
        asset = key.rpartition("/")[2]
        sums[asset] = sums.get(asset, 0) + posted
        if held:
            reserved[key] = held
    if any(change != ZERO for change in shown.values()):
        raise InvariantBroken(invariant=1, detail="entries say that a balance changed which did not")
    if any(sums.values()):
        raise InvariantBroken(invariant=1, detail="the sum of posted is not zero")
    if rest or reserved:
        _check_rest(overlay, rest, reserved, type_)


def _check_contra(key: str, new: Balance) -> None:
    local = key.split("/", 3)[2]
    if not local.startswith(CONTRA) or new.held or not -AMOUNT_MAX <= new.posted <= 0:
        raise InvariantBroken(invariant=3, detail=f"{key} would have {new.posted} posted and {new.held} held")


def _check_supply_change(overlay: Overlay, key: str, type_: str) -> None:
    code = key.rpartition("/")[2]
    if type_ not in ("issue", "redeem"):
        raise InvariantBroken(invariant=2, detail=f"{type_} would change the supply of {code}")
    asset = overlay.get("asset/" + code)
    if not isinstance(asset, Asset):
        raise InvariantBroken(invariant=1, detail=f"there is no asset {code}")
    check_asset(overlay, asset)


def _check_rest(overlay: Overlay, rest: Iterable[tuple[str, Record | None]], reserved: dict[str, int], type_: str) -> None:
    open_holds: dict[str, int] = {}
    counted: dict[str, int] = {}
    for key, before in rest:
        after = overlay.get(key)
        kind = key.partition("/")[0]
        if kind == "hold":
            _check_hold(before, after, reserved, open_holds)
        elif kind == "account":
            _check_account(key, before, after, counted)
        elif kind == "asset" and isinstance(after, Asset):
            if isinstance(before, Asset) and before.supply != after.supply and type_ not in ("issue", "redeem"):
                raise InvariantBroken(invariant=2, detail=f"{type_} would change the supply of {after.policy.code}")
            check_asset(overlay, after)
        elif isinstance(after, GrantRecord):
            _check_grant(overlay, after)
    if any(reserved.values()):
        raise InvariantBroken(invariant=3, detail="held is not the sum of the open holds")
    if {key: count for key, count in open_holds.items() if count} != {key: count for key, count in counted.items() if count}:
        raise InvariantBroken(invariant=3, detail="an account's number of holds is not that of its open holds")


def _check_hold(before: Record | None, after: Record | None, reserved: dict[str, int], open_holds: dict[str, int]) -> None:
    """Take a hold's change off what its source's held balance changed by."""
    for hold, sign in ((before, -1), (after, 1)):
        if isinstance(hold, Hold):
            key = f"balance/{hold.source}/{hold.asset}"
            reserved[key] = reserved.get(key, 0) - sign * (hold.left + hold.fee_left)
            open_holds[hold.source] = open_holds.get(hold.source, 0) + sign
    if isinstance(after, Hold) and not (0 < after.left <= after.amount and after.fee_left >= 0):
        raise InvariantBroken(invariant=4, detail=f"hold {after.id.hex()} would have {after.left} of {after.amount} left")
    if isinstance(before, Hold) and isinstance(after, Hold) and after.left > before.left:
        raise InvariantBroken(invariant=4, detail=f"hold {after.id.hex()} would grow")


def _check_account(key: str, before: Record | None, after: Record | None, counted: dict[str, int]) -> None:
    if not isinstance(after, Account):
        raise InvariantBroken(invariant=3, detail=f"{key} would be gone")
    if not 0 <= after.holds <= HOLDS_MAX:
        raise InvariantBroken(invariant=3, detail=f"{after.id} would have {after.holds} open holds")
    old = before.holds if isinstance(before, Account) else 0
    counted[after.id] = after.holds - old


def check_asset(overlay: Overlay, asset: Asset) -> None:
    """Compare an asset's totals with each other, with its cap and with its contra account (invariant 1).

    Raises
    ------
    InvariantBroken
        They do not fit.
    """
    policy = asset.policy
    record = overlay.get(f"balance/{contra_of(policy.issuer, policy.code)}/{policy.code}")
    contra = record.posted if isinstance(record, Balance) else 0
    highest = AMOUNT_MAX if policy.cap is None else policy.cap
    if asset.supply != -contra or asset.supply != asset.issued - asset.redeemed:
        raise InvariantBroken(invariant=1, detail=f"supply of {policy.code} is {asset.supply}, its contra account says {-contra}")
    if not 0 <= asset.supply <= highest or not 0 <= asset.redeemed <= asset.issued <= AMOUNT_MAX:
        raise InvariantBroken(invariant=1, detail=f"supply of {policy.code} would be {asset.supply}, at most {highest} is allowed")


def _check_grant(overlay: Overlay, record: GrantRecord) -> None:
    conflict = conflict_of(overlay, record.grant)
    if conflict is not None:
        raise InvariantBroken(invariant=15, detail=str(conflict))
    if record.grant.quota is not None and not 0 <= record.used <= record.grant.quota.amount:
        raise InvariantBroken(invariant=15, detail=f"grant {record.grant.id} would have used {record.used}")


def check_whole(records: Mapping[str, Record]) -> None:
    """Check the sums over a whole state: at start, and in tests after every step.

    Raises
    ------
    InvariantBroken
        1, 3 or the totals per participant do not hold.
    """
    posted: dict[str, int] = {}
    held: dict[str, int] = {}
    holds: dict[str, int] = {}
    totals: dict[str, Pair] = {}
    for key, record in records.items():
        if isinstance(record, Balance):
            _, participant, _, asset = key.split("/")
            if not 0 <= record.held <= record.posted <= AMOUNT_MAX:
                _check_contra(key, record)
            posted[asset] = posted.get(asset, 0) + record.posted
            held[key] = held.get(key, 0) + record.held
            place = f"total/{participant}/{asset}"
            sums = totals.get(place, ZERO)
            totals[place] = (sums[0] + record.posted, sums[1] + record.held)
        elif isinstance(record, Hold):
            place = f"balance/{record.source}/{record.asset}"
            held[place] = held.get(place, 0) - record.left - record.fee_left
            holds[record.source] = holds.get(record.source, 0) + 1
    if any(posted.values()):
        raise InvariantBroken(invariant=1, detail="the sum of posted is not zero")
    if any(held.values()):
        raise InvariantBroken(invariant=3, detail="held is not the sum of the open holds")
    _check_whole_counts(records, holds, totals)


def _check_whole_counts(records: Mapping[str, Record], holds: Mapping[str, int], totals: Mapping[str, Pair]) -> None:
    kept = {key: (record.posted, record.held) for key, record in records.items() if isinstance(record, Total)}
    if {key: pair for key, pair in kept.items() if pair != ZERO} != {key: pair for key, pair in totals.items() if pair != ZERO}:
        raise InvariantBroken(invariant=1, detail="totals per participant are not the sums of its accounts")
    for record in records.values():
        if isinstance(record, Account) and record.holds != holds.get(record.id, 0):
            raise InvariantBroken(invariant=3, detail=f"{record.id} has {holds.get(record.id, 0)} open holds, not {record.holds}")
        if isinstance(record, Asset):
            contra = records.get(f"balance/{contra_of(record.policy.issuer, record.policy.code)}/{record.policy.code}", NOTHING)
            if not isinstance(contra, Balance) or record.supply != -contra.posted:
                raise InvariantBroken(invariant=1, detail=f"supply of {record.policy.code} is not its contra account's")
