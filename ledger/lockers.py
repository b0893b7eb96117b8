"""Where an asset that is issued here is locked on other chains (L9): one locker serves one asset, and its name means one place for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.assets import Asset, is_foreign
from ledger.bridges import route_key
from ledger.errors import Exists, FixedField
from ledger.grant_rules import ASSETS_SCAN, conflict_of, grants_of
from ledger.reserves import locked_key

if TYPE_CHECKING:
    from ledger.assets import Policy
    from ledger.errors import ConflictOfDuty
    from ledger.reserves import Locker
    from ledger.state import Overlay


def lockers_of(policy: Policy) -> tuple[Locker, ...]:
    """Return where the asset is locked on other chains; nothing where its reserve is of another kind."""
    return () if isinstance(policy.reserve, str) else policy.reserve.lockers


def place_of(locker: Locker) -> tuple[str, bytes]:
    """Return chain and contract: what a number that is reported of a locker is about."""
    return locker.chain, locker.contract


def check_lockers(overlay: Overlay, policy: Policy) -> None:
    """Refuse a locker that has the name of a route, and one that locks for another asset already: it would count twice.

    Raises
    ------
    Exists
        See above.

    Source: ledger/README.md, L9.
    """
    lockers = lockers_of(policy)
    if not lockers:
        return
    for locker in lockers:
        if overlay.get(route_key(locker.name)) is not None:
            raise Exists(subject=f"route {locker.name}")
    mine = {place_of(locker): locker.name for locker in lockers}
    for index in overlay.scan("~assets/", "~assets/~", ASSETS_SCAN):
        record = overlay.get("asset/" + index.removeprefix("~assets/"))
        if not isinstance(record, Asset) or record.policy.code == policy.code:
            continue
        for other in lockers_of(record.policy):
            if place_of(other) in mine:
                raise Exists(subject=f"locker {mine[place_of(other)]}: as {other.name} of {record.policy.code} it")


def forget_lockers(overlay: Overlay, old: Policy, new: Policy) -> None:
    """Forget what was reported of lockers and by sources that are gone; refuse a locker that is another place than the one of its name was.

    Raises
    ------
    FixedField
        Its chain or contract would change: old reports would be read as what nobody said.
    """
    kept = {locker.name: locker for locker in lockers_of(new)}
    for locker in lockers_of(old):
        now = kept.get(locker.name)
        if now is not None and place_of(now) != place_of(locker):
            raise FixedField(field=f"locker {locker.name}", subject=f"asset {old.code}")
        sources = () if now is None else now.sources
        for source in locker.sources:
            key = locked_key(old.code, locker.name, source)
            if source not in sources and overlay.get(key) is not None:
                overlay.put(key, None)


def duties_conflict(overlay: Overlay, policy: Policy) -> ConflictOfDuty | None:
    """Whether somebody both issues an asset that is locked abroad and says how much is locked there (L10)."""
    if not is_foreign(policy):
        return None
    for record in grants_of(overlay, "issue"):
        if record.grant.scope.asset in ("", policy.code):
            conflict = conflict_of(overlay, record.grant)
            if conflict is not None:
                return conflict
    return None
