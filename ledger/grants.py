"""Grants: authority (L10, L25). Stored under `grant/ID` in the tree of the scope's participant, else in governance."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.accounts import CLASSES_MAX
from ledger.types import Amount, AmountOrZero, ClassText, Text16, Text64, TimeMs

Permission = Literal[
    "root",
    "register",
    "tier",
    "wallet",
    "debit",
    "issue",
    "redeem.approve",
    "attest.reserve",
    "attest.price",
    "attest.foreign",
    "attest.bridge",
    "order.freeze",
    "order.arrest",
    "order.seize",
    "order.pause",
    "bridge",
    "audit.read",
]
"""Those that exist now. `audit.read` authorises no transaction: it lets somebody look people up at a node of the operator."""
DEBIT: Permission = "debit"
"""What somebody may take from one account (`ledger.debits`)."""
APPROVE: Permission = "redeem.approve"
"""Who settles queued redemptions of one asset, instead of its issuer's `ops`."""

Rank = Annotated[int, Meta(ge=0, le=9)]
"""Of the authority behind an order: a court of appeal may go before a bailiff."""


class Scope(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a grant is limited to; an empty field does not limit."""

    asset: Text16
    participant: Text16
    account: Text64
    classes: Annotated[tuple[ClassText, ...], Meta(max_length=CLASSES_MAX)]
    """Of `wallet`: patterns of the classes that it may give to accounts, sorted."""


class Quota(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How much may be done under a grant. `day` and `month` are business dates in Asia/Bishkek (L2)."""

    amount: Amount
    per: Literal["once", "day", "month"]


class Need(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """At least m of these keysets must agree, each by its own m (L25)."""

    m: Annotated[int, Meta(ge=1, le=32)]
    of: Annotated[tuple[Text64, ...], Meta(min_length=1, max_length=32)]
    """`participant/keyset`, sorted, unique."""


class Grant(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Authority given to a participant. Without `need`: one keyset `ops` of `to`."""

    id: Text64
    to: Text16
    permission: Permission
    scope: Scope
    quota: Quota | None
    need: Need | None
    lifted_by: Annotated[tuple[Text16, ...], Meta(max_length=8)]
    """Of `order.*`: participants that may lift what was ordered under it, beside its maker; sorted (L27)."""
    not_before: TimeMs
    """`from` of the catalogue."""
    until: TimeMs
    """0: no end."""
    rank: Rank
    """Of `order.*`: where its orders stand among others, 0 first (L31); 0 for every other permission."""


class GrantRecord(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A grant in force, who gave it, and what is used of its quota in the current window."""

    grant: Grant
    giver: Text16
    """"root" for grants given by the root quorum, else a participant id."""
    window: Annotated[str, Meta(max_length=10)]
    """"", "2026-11-21" or "2026-11": the window `used` counts in."""
    used: AmountOrZero
