"""Bodies of `/v1/assets/{code}/reserve`: amounts and quantities are text."""

from __future__ import annotations

from msgspec import Struct

from node.api.parts import Whole


class ItemBody(Struct, frozen=True):
    """An item, as its attestor last said."""

    id: str
    type: str
    quantity: str
    attestor: str
    as_of: Whole
    valid_until: Whole
    """0: it does not say."""
    doc_hash: str
    standard: str


class FeedBody(Struct, frozen=True):
    """A price, as it counts now."""

    name: str
    base: str
    quote: str
    price: str
    """Lower median, with `decimals` digits after the point left out; 0: too few sources have reported lately."""
    decimals: Whole
    sources: tuple[str, ...]


class RouteBody(Struct, frozen=True):
    """A supply abroad."""

    id: str
    supply: str | None
    """Minor units as it counts now; None: too few have seen it lately."""
    sources: tuple[str, ...]


class LockerBody(Struct, frozen=True):
    """Where the asset is locked on another chain."""

    name: str
    chain: str
    contract: str
    """Hex."""
    amount: str | None
    """Minor units locked there as it counts now; None: too few have seen it lately."""
    sources: tuple[str, ...]


class ReserveBody(Struct, frozen=True):
    """What stands behind an asset now."""

    code: str
    kind: str
    supply: str | None
    """None: it is published once a day, and was not yet."""
    foreign: str
    """Last seen abroad, minor units."""
    eligible: str
    market: str
    """The same without haircuts."""
    ratio_bps: Whole
    coverage_bps: Whole | None
    """Market value to everything that circulates, rounded down; None: nothing circulates."""
    state: str
    short_since: Whole
    """Block time since which more circulates than `market`; 0: it does not."""
    missing: str
    """What has to be said again before anything can be issued; empty: nothing."""
    vault: str
    """Account in which the reserve is locked; empty: none."""
    locked: str
    """Asset that is locked there."""
    items: tuple[ItemBody, ...]
    feeds: tuple[FeedBody, ...]
    routes: tuple[RouteBody, ...]
    policy: str
    """Canonical MessagePack of the whole policy, hex: what asset.put takes."""
    as_of: Whole
    lockers: tuple[LockerBody, ...] = ()
    figures_of: str = ""
    """Date whose closing opened supply and state, of an asset that is published once a day; empty: they are as of now."""
