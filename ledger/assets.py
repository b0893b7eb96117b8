"""Assets: a policy each, and what has been issued under it. Stored under `asset/CODE` in the assets tree."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.accounts import CLASSES_MAX
from ledger.holders import Limit
from ledger.types import AmountOrZero, AssetText, ClassText, Text16

Power = Literal["freeze", "pause", "seize"]
FeeType = Literal["pay", "hold"]


class FeeRule(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """L17: fee(a) = min(max, max(min, fixed + floor(a * bps / 10000))) for legs that fit; a kind of "" fits every kind."""

    type: FeeType
    debit_kind: Text16
    credit_kind: Text16
    fixed: AmountOrZero
    bps: Annotated[int, Meta(ge=0, le=10_000)]
    min: AmountOrZero
    max: AmountOrZero


class Policy(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the issuer decides. Fields of later rules (expires) must be empty; publish must be "block"."""

    code: AssetText
    decimals: Annotated[int, Meta(ge=0, le=8)]
    issuer: Text16
    reserve: Literal["sovereign"]
    """The other kinds of L9 come with the rules of money."""
    cap: AmountOrZero | None
    """Highest supply in minor units; None: none."""
    limits: Annotated[tuple[Limit, ...], Meta(max_length=16)]
    """One per tier, sorted by tier; empty: no limits. A tier that is not here may not have the asset."""
    fees: Annotated[tuple[FeeRule, ...], Meta(max_length=16)]
    queued: Literal[0]
    receive: Annotated[tuple[ClassText, ...], Meta(max_length=CLASSES_MAX)]
    """Patterns of classes that may be paid in the asset, sorted; empty: every account may."""
    expires: None
    powers: Annotated[tuple[Power, ...], Meta(max_length=3)]
    """What orders may do in it, sorted: without `freeze` it is neither blocked nor arrested. None is ever taken away: that would lift
    orders silently (L27)."""
    publish: Literal["block"]
    fixed: Annotated[tuple[Literal["cap", "fees", "powers"], ...], Meta(max_length=3)]
    """Names of further fields that never change once supply > 0, sorted, unique."""
    travel_min: AmountOrZero = 0
    """From this amount on, in minor units, a payment between customers of different participants needs travel data; 0: never."""


class Asset(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The policy and the running totals. supply = issued - redeemed = -(contra posted)."""

    policy: Policy
    supply: AmountOrZero
    issued: AmountOrZero
    """Cumulative minor units."""
    redeemed: AmountOrZero
    state: Literal["open"]
    """Pauses and backing come later."""
