"""What an asset is issued against (L9, L20, L21): the terms that stand in its policy, and the facts that others attest.

The policy says what may back the asset and on which terms; it holds no quantity, price or supply. Those are facts, each said by a
participant that does not issue (L10): `item/ID`, `feed/ASSET:FEED/SOURCE`, `observed/ASSET:ROUTE/SOURCE` and
`locked/ASSET:LOCKER/SOURCE`, all in the assets tree. What they are worth together is `ledger.backing`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.types import U63, AccountText, Amount, AmountOrZero, AssetText, Hash32, Text16, Text64, TimeMs

AGE_MS_MAX = 400 * 86_400_000
SOURCES_MAX = 9
ITEMS_MAX = 64
"""Items with a quantity that one asset may have: each issue and each fact adds them up."""
RATIO_MAX_BPS = 1_000_000
LOCKERS_MAX = 8
CONTRACT_BYTES_MAX = 64

AgeMs = Annotated[int, Meta(ge=1, le=AGE_MS_MAX)]
"""Milliseconds after `as_of` from which on a fact counts no more."""
Bps = Annotated[int, Meta(ge=0, le=10_000)]
Sources = Annotated[tuple[Text16, ...], Meta(min_length=1, max_length=SOURCES_MAX)]
"""Participants, sorted, unique, an odd number of them: a median is one of their words."""


class Terms(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """On which terms one type of item backs the asset."""

    type: Text16
    """Such as "gold", "deposit", "bond"."""
    feed: Text16
    """Name of the feed that prices it; empty: a quantity is minor units of the asset."""
    haircut_bps: Bps
    share_max_bps: Annotated[int, Meta(ge=1, le=10_000)]
    """Of the uncapped sum, for all items of the type together; 10,000: no limit."""
    max_age_ms: AgeMs


class Feed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A price that the sources named here report. It belongs to the asset whose policy has it."""

    name: Text16
    base: Text16
    """What is priced, such as XAU."""
    quote: Text16
    """In what; one whole of it is one whole of the asset, such as USD."""
    unit: Amount
    """Quantity that one price is for: gold in 10^-7 g has 311034768, one troy ounce."""
    decimals: Annotated[int, Meta(ge=0, le=18)]
    """Digits of the price after the point."""
    sources: Sources
    max_age_ms: AgeMs


class Route(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An observed route (bridge.md, B10): a chain on which the asset circulates and that this ledger can only watch."""

    id: Text64
    sources: Sources


class Locker(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where the asset is locked on another chain, of one that is issued here against it (L9)."""

    name: Text16
    chain: Text16
    contract: Annotated[bytes, Meta(min_length=1, max_length=CONTRACT_BYTES_MAX)]
    """Address of what locks it there; opaque (L4)."""
    sources: Sources
    max_age_ms: AgeMs


class Reserve(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What an asset that is not sovereign is issued against."""

    kind: Literal["attested", "vault", "foreign"]
    vault: Text16
    """Kind vault: the asset that is locked, unit for unit, in `ISSUER/vault:CODE`; else empty."""
    ratio_bps: Annotated[int, Meta(ge=10_000, le=RATIO_MAX_BPS)]
    """Eligible reserve per supply, at least; kinds vault and foreign: 10,000."""
    terms: Annotated[tuple[Terms, ...], Meta(max_length=16)]
    """By type, sorted; kind attested only, as are feeds (by name) and routes (by id)."""
    feeds: Annotated[tuple[Feed, ...], Meta(max_length=8)]
    routes: Annotated[tuple[Route, ...], Meta(max_length=8)]
    lockers: Annotated[tuple[Locker, ...], Meta(max_length=LOCKERS_MAX)] = ()
    """By name, sorted; kind foreign only, which has at least one."""


class Expiry(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Purpose money ends: from `at` on only the sweep moves it, and what is left in the vault goes to the budget line."""

    at: TimeMs
    budget_line: AccountText


class Item(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`item/ID`: so much of one type is there for one asset, as its attestor last said. A quantity of 0 stays: an id backs one asset."""

    id: Text64
    asset: AssetText
    type: Text16
    quantity: AmountOrZero
    as_of: TimeMs
    valid_until: TimeMs
    """Block time from which on it counts no more; 0: `max_age_ms` of its terms alone decides."""
    doc_hash: Hash32
    standard: Text64
    attestor: Text16
    at: TimeMs
    """Block time at which it was recorded."""


class Report(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`feed/ASSET:FEED/SOURCE`: the newest price of one source."""

    price: Amount
    as_of: TimeMs
    valid_until: TimeMs
    """0: the feed's `max_age_ms` alone decides."""
    at: TimeMs


class Observation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`observed/ASSET:ROUTE/SOURCE`: the newest supply that one source saw on a route, in minor units of the asset."""

    supply: AmountOrZero
    as_of: TimeMs
    valid_until: TimeMs
    """0: the parameter `observe_max_age_ms` alone decides."""
    at: TimeMs
    minted: AmountOrZero = 0
    """Of a route that bridge.set has defined, as are the next three (bridge.md, B10): M of the bridge contract."""
    burned: AmountOrZero = 0
    """B."""
    block: U63 = 0
    """Common block at which it was seen; 0: the source named none."""
    block_hash: Annotated[bytes, Meta(max_length=32)] = b""


class Locked(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`locked/ASSET:LOCKER/SOURCE`: what one source last saw locked there, in minor units of the asset."""

    amount: AmountOrZero
    as_of: TimeMs
    valid_until: TimeMs
    """0: the locker's `max_age_ms` alone decides."""
    at: TimeMs


def item_key(item_id: str) -> str:
    """Storage key of an item."""
    return f"item/{item_id}"


def report_key(asset: str, feed: str, source: str) -> str:
    """Storage key of what a source last said of a price."""
    return f"feed/{asset}:{feed}/{source}"


def observation_key(asset: str, route: str, source: str) -> str:
    """Storage key of what a source last saw on a route."""
    return f"observed/{asset}:{route}/{source}"


def locked_key(asset: str, locker: str, source: str) -> str:
    """Storage key of what a source last saw locked."""
    return f"locked/{asset}:{locker}/{source}"


def items_index(asset: str, item_id: str = "") -> str:
    """Index key of an item of an asset that has a quantity; without an id: what those of the asset begin with."""
    return f"~items/{asset}/{item_id}"
