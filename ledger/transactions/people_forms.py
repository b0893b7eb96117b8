"""Form of what is about people: holders, classes, limits, returns and travel data. What is refused here is MALFORMED (100)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ledger.classes import check_class, check_pattern
from ledger.errors import Malformed
from ledger.holders import ANONYMOUS, PSEUDONYM_BYTES
from ledger.keysets import check_sorted
from ledger.limits import WALLET
from ledger.names import check_participant_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.assets import Policy
    from ledger.transactions.bodies import AccountOpen, HolderPut, Pay

_TIER = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")


def check_tier(tier: str) -> None:
    """Raise Malformed unless the name is a tier's."""
    if _TIER.fullmatch(tier) is None:
        raise Malformed(reason=f"{tier!r} is no tier")


def check_classes(classes: Sequence[str], what: str) -> None:
    """Refuse classes that are none or not sorted."""
    check_sorted(classes, what)
    for name in classes:
        check_class(name)


def check_patterns(patterns: Sequence[str], what: str) -> None:
    """Refuse patterns of classes that are none or not sorted."""
    check_sorted(patterns, what)
    for pattern in patterns:
        check_pattern(pattern)


def check_limits(policy: Policy) -> None:
    """Refuse limits of a tier that is none, that stands twice, or of two tiers for wallets without holder."""
    check_sorted([limit.tier for limit in policy.limits], f"the tiers of {policy.code}")
    for limit in policy.limits:
        check_tier(limit.tier)
    if sum(limit.anonymous for limit in policy.limits) > 1:
        raise Malformed(reason=f"{policy.code} has two tiers for anonymous wallets")


def check_holder(body: HolderPut) -> None:
    """Refuse a tier or a participant that is none, and pseudonyms that are not sorted."""
    if body.tier:
        check_tier(body.tier)
    check_sorted([f"{each.participant}/{each.pseudonym.hex()}" for each in body.pseudonyms], "the pseudonyms (by participant)")
    for each in body.pseudonyms:
        check_participant_id(each.participant)


def check_person(body: AccountOpen) -> None:
    """Refuse classes that are none, and a person behind anything but a wallet; a wallet is somebody's or anonymous, not both."""
    check_classes(body.classes, f"the classes of {body.id}")
    if len(body.pseudonym) not in (0, PSEUDONYM_BYTES):
        raise Malformed(reason=f"a pseudonym has {PSEUDONYM_BYTES} bytes")
    anonymous = ANONYMOUS in body.classes
    if (body.pseudonym or anonymous) and body.kind != WALLET:
        raise Malformed(reason=f"{body.id} is no wallet, so nobody's person is behind it")
    if body.pseudonym and anonymous:
        raise Malformed(reason=f"{body.id} has a holder, so it is not {ANONYMOUS}")


def check_return_and_travel(body: Pay) -> None:
    """Refuse a return of several legs, one that asks to be returned or carries travel data; and travel data that is not sorted."""
    if body.return_of is not None:
        if len(body.legs) != 1 or body.mode != "atomic":
            raise Malformed(reason="a return goes back on one payment, so it needs exactly one leg, in mode atomic")
        if body.uetr is not None or body.travel is not None:
            raise Malformed(reason="a return needs no UETR and no travel data")
    check_sorted([each.participant for each in body.travel or ()], "the travel data (by participant)")
    for each in body.travel or ():
        check_participant_id(each.participant)
