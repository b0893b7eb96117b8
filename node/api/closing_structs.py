"""Bodies of `/v1/closings`; see `node.api.structs`."""

from __future__ import annotations

from msgspec import Struct

from node.api.parts import MinorUnits, Whole


class OpenDayBody(Struct, frozen=True):
    """The business date that counts now."""

    date: str
    first: Whole
    """Height of its first block."""
    opened_ms: Whole
    ends_ms: Whole
    """The first block at or after this time closes it."""


class ClosedDateBody(Struct, frozen=True):
    """A business date that is over."""

    date: str
    next: str
    """The business date after it: there was no block on a date in between."""
    first: Whole
    last: Whole
    """Heights of its first and last block."""


class ClosingsPage(Struct, frozen=True):
    """Closed dates, oldest first."""

    open: OpenDayBody | None
    """None: there is no block yet."""
    closings: tuple[ClosedDateBody, ...]
    next: str
    """`after` of the next page; empty: this is the last one."""
    as_of: Whole


class ClosedTotalBody(Struct, frozen=True):
    """What a participant's accounts had of one asset together."""

    asset: str
    posted: str
    """Minor units; of an issuer its contra account is in it, so it may be negative."""
    held: MinorUnits
    own: str
    """Posted without the contra account, so what it had itself: of an issuer posted + supply."""


class ClosedSupplyBody(Struct, frozen=True):
    """Supply of an asset, by its issuer's closing."""

    asset: str
    supply: MinorUnits


class ParticipantClosingBody(Struct, frozen=True):
    """What one participant had."""

    participant: str
    totals: tuple[ClosedTotalBody, ...]
    supplies: tuple[ClosedSupplyBody, ...]


class ClosingBody(Struct, frozen=True):
    """What everybody had at the end of a date."""

    date: str
    """As asked."""
    closed: str
    """The business date whose closing holds: the newest at or before it. There was no block on a date after it and before `next`."""
    next: str
    first: Whole
    last: Whole
    participants: tuple[ParticipantClosingBody, ...]
    """By id; who came later is not among them."""
    as_of: Whole
    proof: str = ""
    """Base64; of the one participant that was asked for: its leaf `closing/PARTICIPANT/CLOSED`."""
