"""What a genesis document may say of assets beyond the digital som, and of people: reserves, tiers, purpose and ends, holders.

These members need not stand in a document; where one stands, all of its own do. There are no facts and no balances: attestations and money
come by transactions.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.accounts import CLASSES_MAX
from ledger.holders import PSEUDONYMS_MAX, Limit, TierText
from ledger.reserves import (
    AGE_MS_MAX,
    CONTRACT_BYTES_MAX,
    LOCKERS_MAX,
    RATIO_MAX_BPS,
    AgeMs,
    Bps,
    Expiry,
    Feed,
    Locker,
    Reserve,
    Route,
    Sources,
    Terms,
)
from ledger.types import AccountText, ClassText, Text16, Text64, TimeMs

Decimal = Annotated[str, Meta(pattern="^(0|[1-9][0-9]{0,17})$")]
"""An amount in minor units."""
Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class GenesisTerms(Struct, frozen=True, forbid_unknown_fields=True):
    """On which terms a type of item backs the asset; see `ledger.reserves.Terms`."""

    type: Text16
    feed: Text16
    haircut_bps: Bps
    share_max_bps: Annotated[int, Meta(ge=1, le=10_000)]
    max_age_ms: AgeMs


class GenesisFeed(Struct, frozen=True, forbid_unknown_fields=True):
    """A price; see `ledger.reserves.Feed`."""

    name: Text16
    base: Text16
    quote: Text16
    unit: Decimal
    decimals: Annotated[int, Meta(ge=0, le=18)]
    sources: Sources
    max_age_ms: AgeMs


class GenesisRoute(Struct, frozen=True, forbid_unknown_fields=True):
    """A chain that is only observed; see `ledger.reserves.Route`."""

    id: Text64
    sources: Sources


class GenesisLocker(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the asset is locked on another chain; see `ledger.reserves.Locker`."""

    name: Text16
    chain: Text16
    contract: Annotated[str, Meta(pattern=f"^([0-9a-f]{{2}}){{1,{CONTRACT_BYTES_MAX}}}$")]
    sources: Sources
    max_age_ms: AgeMs


class GenesisReserve(Struct, frozen=True, forbid_unknown_fields=True):
    """What an asset is issued against; see `ledger.reserves.Reserve`. The asset that a vault locks stands before this one."""

    kind: Literal["attested", "vault", "foreign"]
    vault: Text16
    ratio_bps: Annotated[int, Meta(ge=10_000, le=RATIO_MAX_BPS)]
    terms: Annotated[tuple[GenesisTerms, ...], Meta(max_length=16)]
    feeds: Annotated[tuple[GenesisFeed, ...], Meta(max_length=8)]
    routes: Annotated[tuple[GenesisRoute, ...], Meta(max_length=8)]
    lockers: Annotated[tuple[GenesisLocker, ...], Meta(max_length=LOCKERS_MAX)] | UnsetType = UNSET
    """Kind foreign only."""


class GenesisLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """What a tier may have and spend; null: no limit."""

    tier: TierText
    balance_max: Decimal | None
    tx_max: Decimal | None
    day_out_max: Decimal | None
    month_out_max: Decimal | None
    anonymous: bool


class GenesisExpiry(Struct, frozen=True, forbid_unknown_fields=True):
    """When purpose money ends, and where the rest goes."""

    at: TimeMs
    budget_line: AccountText


class GenesisPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """The rest of a policy; see `ledger.assets.Policy`."""

    limits: Annotated[tuple[GenesisLimit, ...], Meta(max_length=16)]
    queued: Annotated[int, Meta(ge=0, le=AGE_MS_MAX)]
    receive: Annotated[tuple[ClassText, ...], Meta(max_length=CLASSES_MAX)]
    expires: GenesisExpiry | None
    publish: Literal["block", "day"]
    travel_min: Decimal


NOTHING_MORE = GenesisPolicy((), 0, (), None, "block", "0")
"""Of an asset whose document says no more."""


class GenesisPseudonym(Struct, frozen=True, forbid_unknown_fields=True):
    """By which name a participant knows a person."""

    participant: Text16
    pseudonym: Hex16


class GenesisHolder(Struct, frozen=True, forbid_unknown_fields=True):
    """A person that is registered from the start, as by holder.put."""

    id: Hex16
    tier: TierText
    """Empty: a legal person."""
    valid_until: TimeMs
    """0: no end."""
    pseudonyms: Annotated[tuple[GenesisPseudonym, ...], Meta(max_length=PSEUDONYMS_MAX)]


def reserve_of(document: GenesisReserve) -> Reserve:
    """Return the reserve as a policy has it."""
    terms = tuple(Terms(each.type, each.feed, each.haircut_bps, each.share_max_bps, each.max_age_ms) for each in document.terms)
    feeds = tuple(
        Feed(each.name, each.base, each.quote, int(each.unit), each.decimals, each.sources, each.max_age_ms) for each in document.feeds
    )
    routes = tuple(Route(each.id, each.sources) for each in document.routes)
    lockers = tuple(
        Locker(each.name, each.chain, bytes.fromhex(each.contract), each.sources, each.max_age_ms)
        for each in (() if isinstance(document.lockers, UnsetType) else document.lockers)
    )
    return Reserve(document.kind, document.vault, document.ratio_bps, terms, feeds, routes, lockers)


def limits_of(document: GenesisPolicy) -> tuple[Limit, ...]:
    """Return the limits as a policy has them."""
    return tuple(
        Limit(
            each.tier,
            _amount(each.balance_max),
            _amount(each.tx_max),
            _amount(each.day_out_max),
            _amount(each.month_out_max),
            anonymous=each.anonymous,
        )
        for each in document.limits
    )


def expiry_of(document: GenesisPolicy) -> Expiry | None:
    """Return when it ends, as a policy has it."""
    return None if document.expires is None else Expiry(document.expires.at, document.expires.budget_line)


def _amount(text: str | None) -> int | None:
    return None if text is None else int(text)
