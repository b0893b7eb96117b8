"""Rules of grants (L10, L25): which one a transaction uses, how its quota counts, and that duties stay apart.

No role is hard-coded: whoever may do something may do it because a grant says so. `root` covers what no other permission covers; it does
not stand in for a grant that is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.assets import Asset, is_foreign
from ledger.authority import OPS
from ledger.classes import covered
from ledger.dates import MONTH_CHARACTERS
from ledger.days import business_date
from ledger.errors import BrokenState, ConflictOfDuty, NoGrant, QuorumNotMet, QuotaExceeded
from ledger.grants import GrantRecord, Permission
from ledger.holders import ANONYMOUS
from ledger.lapsing import has_lapsed
from ledger.names import servicer_of
from ledger.participants import KeysetRecord, Participant
from ledger.recovery import is_suspended

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ledger.authority import Signers
    from ledger.grants import Grant
    from ledger.state import Overlay

GRANTS_PER_PERMISSION_MAX = 4_096
"""Grants of one permission are looked through one by one; four times as many as there may be participants."""
ASSETS_SCAN = 1_024
ISSUING: tuple[Permission, ...] = ("issue",)
ATTESTING: tuple[Permission, ...] = ("attest.reserve", "attest.price")
OBSERVING: tuple[Permission, ...] = ("attest.foreign", "attest.bridge")
"""Who counts what circulates abroad may issue: the count is of what others have issued there (L10 names the other two)."""
LOCKED_ABROAD: Permission = "attest.foreign"
"""Of an asset whose reserve is locked abroad it attests that reserve: who has it does not issue."""


class Wanted(Struct, frozen=True):
    """What a transaction needs a grant for. An empty field is not asked for and fits a grant that does not limit it."""

    permission: Permission
    asset: str = ""
    participant: str = ""
    account: str = ""
    to: str = ""
    """Only a grant to this participant will do; empty: to anyone."""
    classes: tuple[str, ...] = ()
    """Of an account: each must be covered; `anonymous` by a grant with a quota (L18)."""

    def __str__(self) -> str:
        return " ".join(part for part in (self.asset, self.account or self.participant) if part) or "the ledger"


def grant_key(grant_id: str) -> str:
    """Storage key of a grant."""
    return f"grant/{grant_id}"


def grants_of(overlay: Overlay, permission: Permission) -> Iterator[GrantRecord]:
    """All grants of a permission, by id, those that have lapsed but are not yet swept included."""
    start = f"~grants/{permission}/"
    for index in overlay.scan(start, start + "~", GRANTS_PER_PERMISSION_MAX):
        record = overlay.get(grant_key(index.removeprefix(start)))
        if not isinstance(record, GrantRecord):
            raise BrokenState(f"{index} points at no grant")
        yield record


def is_active(grant: Grant, time_ms: int) -> bool:
    """Whether a grant authorises at a block time."""
    return grant.not_before <= time_ms and not has_lapsed(grant.until, time_ms)


def fits(grant: Grant, wanted: Wanted) -> bool:
    """Whether a grant covers what is wanted."""
    scope = grant.scope
    return (
        grant.permission == wanted.permission
        and scope.asset in ("", wanted.asset)
        and scope.participant in ("", wanted.participant)
        and scope.account in ("", wanted.account)
        and wanted.to in ("", grant.to)
        and (not scope.classes or all(covered(scope.classes, name) for name in wanted.classes))
        and (ANONYMOUS not in wanted.classes or grant.quota is not None)
    )


def members_of(grant: Grant) -> tuple[str, ...]:
    """Keysets (`PARTICIPANT/NAME`) that may agree to its use."""
    return grant.need.of if grant.need else (f"{grant.to}/{OPS}",)


def is_met(grant: Grant, signers: Signers) -> bool:
    """Whether enough keysets agree to the use of a grant."""
    needed = grant.need.m if grant.need else 1
    return sum(1 for member in members_of(grant) if signers.agrees(member)) >= needed


def use_grant(overlay: Overlay, signers: Signers, wanted: Wanted, time_ms: int) -> GrantRecord:
    """Find the grant that a transaction uses: of the active ones that fit, the first by id whose need is met (L25).

    Raises
    ------
    QuorumNotMet
        None of those that fit is met.
    NoGrant
        None fits.

    Source: ledger/README.md, L25.
    """
    return use_first(fitting_grants(overlay, wanted, time_ms), signers, wanted)


def fitting_grants(overlay: Overlay, wanted: Wanted, time_ms: int) -> list[GrantRecord]:
    """Active grants that cover what is wanted, by id."""
    active = [record for record in grants_of(overlay, wanted.permission) if is_active(record.grant, time_ms)]
    return [record for record in active if fits(record.grant, wanted)]


def use_first(fitting: Sequence[GrantRecord], signers: Signers, wanted: Wanted) -> GrantRecord:
    """Use the first of the grants that fit whose need is met.

    Raises
    ------
    QuorumNotMet, NoGrant
        As `use_grant`.
    """
    for record in fitting:
        if is_met(record.grant, signers):
            signers.allow(members_of(record.grant))
            return record
    if fitting:
        raise QuorumNotMet(needed=f"the quorum of grant {fitting[0].grant.id}")
    raise NoGrant(permission=wanted.permission, subject=str(wanted))


def charge_quota(overlay: Overlay, record: GrantRecord, amount: int, time_ms: int) -> None:
    """Count a use against the grant's quota: minor units of an issue, 1 of everything else.

    Raises
    ------
    QuotaExceeded
        Less is left in this window.

    Source: ledger/README.md, L25.
    """
    quota = record.grant.quota
    if quota is None:
        return
    today = business_date(overlay, time_ms)
    window = {"once": "", "day": today, "month": today[:MONTH_CHARACTERS]}[quota.per]
    used = record.used if record.window == window else 0
    if used + amount > quota.amount:
        raise QuotaExceeded(grant=record.grant.id, left=quota.amount - used, needed=amount)
    overlay.put(grant_key(record.grant.id), GrantRecord(record.grant, record.giver, window, used + amount))


def holders_of(grant: Grant) -> tuple[str, ...]:
    """Participants that hold a grant or sit in its quorum."""
    return tuple(dict.fromkeys((grant.to, *(servicer_of(member) for member in members_of(grant)))))


def conflict_of(overlay: Overlay, grant: Grant) -> ConflictOfDuty | None:
    """Whether a grant would let one participant both issue an asset and attest for it (L10).

    Grants that begin later count from the day they are given: they become active without a transaction that could be refused.
    """
    attesting = (*ATTESTING, LOCKED_ABROAD)
    opposite = attesting if grant.permission in ISSUING else ISSUING if grant.permission in attesting else ()
    mine = holders_of(grant)
    for permission in opposite:
        for record in grants_of(overlay, permission):
            other = record.grant
            if "" not in (grant.scope.asset, other.scope.asset) and grant.scope.asset != other.scope.asset:
                continue
            shared = next((participant for participant in holders_of(other) if participant in mine), "")
            asset = grant.scope.asset or other.scope.asset
            if shared and (LOCKED_ABROAD not in (grant.permission, permission) or _stands_abroad(overlay, asset)):
                return ConflictOfDuty(participant=shared, asset=asset or "every asset")
    return None


def _stands_abroad(overlay: Overlay, code: str) -> bool:
    """Whether an asset is locked on another chain; without a code: whether any is."""
    codes = [code] if code else [index.removeprefix("~assets/") for index in overlay.scan("~assets/", "~assets/~", ASSETS_SCAN)]
    found = (overlay.get("asset/" + each) for each in codes)
    return any(isinstance(asset, Asset) and is_foreign(asset.policy) for asset in found)


def can_be_met(overlay: Overlay, grant: Grant) -> bool:
    """Whether enough keysets exist and belong to participants that can act."""
    needed = grant.need.m if grant.need else 1
    return sum(1 for member in members_of(grant) if _can_agree(overlay, member)) >= needed


def check_root(overlay: Overlay, time_ms: int) -> None:
    """Refuse what would leave the ledger without a root that can act: nobody could ever mend that.

    Raises
    ------
    NoGrant
        No root grant without scope and end would be left whose need can be met.
    """
    for record in grants_of(overlay, "root"):
        grant = record.grant
        if grant.until == 0 and is_active(grant, time_ms) and fits(grant, Wanted("root")) and can_be_met(overlay, grant):
            return
    raise NoGrant(permission="root", subject="the ledger any more")


def _can_agree(overlay: Overlay, member: str) -> bool:
    participant = overlay.get("participant/" + servicer_of(member))
    if not isinstance(participant, Participant) or participant.status != "active":
        return False
    keyset = overlay.get("keyset/" + member)
    return isinstance(keyset, KeysetRecord) and not is_suspended(keyset)
