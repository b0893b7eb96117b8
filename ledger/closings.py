"""Closings: what each participant had when a business date was over, and what is made public then (L2, `publish`).

`day/open` (governance) is the date that counts now. `closing/PARTICIPANT/DATE`, in the participant's own tree, has its totals as of the
last block of DATE. `published/ASSET/DATE` (assets) opens the leaf of an asset that is published once a day. When they are written:
`ledger.days`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ledger.assets import Asset
from ledger.errors import InvariantBroken
from ledger.types import U63, AmountOrZero, AmountSigned, AssetText

ASSETS_MAX = 1_024
"""That a network may have: a closing with as many totals and supplies still is a leaf of less than 65,536 bytes."""
OPEN_DAY_KEY = "day/open"

DateText = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class BusinessDay(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`day/open`: the business date of the newest block."""

    date: DateText
    first: U63
    """Height of its first block."""
    opened_ms: U63
    """Time of that block."""
    ends_ms: U63
    """The first block at or after this time begins another date."""


class ClosedTotal(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What a participant's accounts had of one asset together, contra included."""

    asset: AssetText
    posted: AmountSigned
    held: AmountOrZero


class ClosedSupply(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Supply of an asset that the participant issues: with it, its own total says what it has itself."""

    asset: AssetText
    supply: AmountOrZero


class Closing(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`closing/PARTICIPANT/DATE`: written once, by the first block after DATE, and never again."""

    next: DateText
    """The business date that began then: no block has a date in between."""
    first: U63
    """Heights of the first and the last block of DATE."""
    last: U63
    totals: Annotated[tuple[ClosedTotal, ...], Meta(max_length=ASSETS_MAX)]
    """By asset, only what is not zero."""
    supplies: Annotated[tuple[ClosedSupply, ...], Meta(max_length=ASSETS_MAX)]
    """By asset, only what is not zero."""


class Published(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`published/ASSET/DATE`: the record `asset/ASSET` as it was after the last block of DATE."""

    next: DateText
    last: U63
    asset: Asset


def closing_key(participant: str, date: str) -> str:
    """Storage key of a participant's closing."""
    return f"closing/{participant}/{date}"


def published_key(asset: str, date: str) -> str:
    """Storage key of an asset's published record."""
    return f"published/{asset}/{date}"


def closings_index(key: str) -> tuple[str, ...]:
    """Index keys of a closing: the operator's, which there is for every date that was closed, lists the date."""
    _, participant, date = key.split("/")
    return (f"~closings/{date}",) if participant == "operator" else ()


def totals_index(key: str) -> str:
    """Index key of a total, so that a closing finds those of a participant."""
    return "~totals/" + key.removeprefix("total/")


class WholeClosings:
    """Sums over all closings of a state: of each date and asset, what all participants had together is nothing (invariant 1)."""

    def __init__(self) -> None:
        self._posted: dict[tuple[str, str], int] = {}

    def add(self, key: str, closing: Closing) -> None:
        """Take one closing."""
        date = key.rpartition("/")[2]
        for total in closing.totals:
            place = (date, total.asset)
            now = self._posted.get(place, 0) + total.posted
            if now:
                self._posted[place] = now
            else:
                self._posted.pop(place, None)

    def check(self) -> None:
        """Check the sums, once everything was added.

        Raises
        ------
        InvariantBroken
            1: what was closed does not add up.
        """
        if self._posted:
            date, asset = min(self._posted)
            raise InvariantBroken(invariant=1, detail=f"the closings of {date} do not add up to zero {asset}")


def is_published_daily(record: object) -> bool:
    """Whether a record is of an asset whose leaf is hidden until the business date is over."""
    return isinstance(record, Asset) and record.policy.publish == "day"
