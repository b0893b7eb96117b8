"""Assets: a policy each, and what has been issued under it. Stored under `asset/CODE` in the assets tree."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.accounts import CLASSES_MAX
from ledger.holders import Limit
from ledger.names import vault_account_of
from ledger.reserves import AGE_MS_MAX, Expiry, Reserve
from ledger.types import AmountOrZero, AssetText, ClassText, Text16, Text64, TimeMs

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
    """What the issuer decides."""

    code: AssetText
    decimals: Annotated[int, Meta(ge=0, le=8)]
    issuer: Text16
    reserve: Literal["sovereign"] | Reserve
    """L9: the central bank's own word, or what the asset is issued against."""
    cap: AmountOrZero | None
    """Highest supply in minor units; None: none."""
    limits: Annotated[tuple[Limit, ...], Meta(max_length=16)]
    """One per tier, sorted by tier; empty: no limits. A tier that is not here may not have the asset."""
    fees: Annotated[tuple[FeeRule, ...], Meta(max_length=16)]
    queued: Annotated[int, Meta(ge=0, le=AGE_MS_MAX)]
    """Milliseconds that the issuer has to settle a redemption, which is a hold until then; 0: it takes effect at once."""
    receive: Annotated[tuple[ClassText, ...], Meta(max_length=CLASSES_MAX)]
    """Patterns of classes that may be paid in the asset, sorted; empty: every account may."""
    expires: Expiry | None
    """Of purpose money, which is locked in a vault."""
    powers: Annotated[tuple[Power, ...], Meta(max_length=3)]
    """What orders may do in it, sorted: without `freeze` it is neither blocked nor arrested. None is ever taken away: that would lift
    orders silently (L27)."""
    publish: Literal["block", "day"]
    """day: the leaf of the asset is hidden, and what it was is published when the business date is over."""
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
    eligible: AmountOrZero
    """Of an attested reserve, in minor units, as of the newest fact, issue or redemption (L20)."""
    market: AmountOrZero
    """The same without haircuts."""
    short_since: TimeMs
    """Block time at which supply and what circulates abroad were first found above `market`; 0: they are not."""
    swept: Text64
    """Kind and id of the last account that the sweep of an expired asset has looked at; empty before."""
    state: Literal["open", "underbacked", "expired", "restrained"]
    """expired: swept to the end, nothing is left of it. restrained: swept to the end, but for what orders keep where it is."""


def new_asset(policy: Policy) -> Asset:
    """Asset of which nothing was ever issued."""
    return Asset(policy, 0, 0, 0, 0, 0, 0, "", "open")


def backing_of(policy: Policy) -> Reserve | None:
    """Return what an asset is issued against; None where it is sovereign."""
    return None if isinstance(policy.reserve, str) else policy.reserve


def attested_of(policy: Policy) -> Reserve | None:
    """Terms of a reserve whose worth others attest, of kind attested or foreign; None where the asset has none."""
    return policy.reserve if isinstance(policy.reserve, Reserve) and policy.reserve.kind != "vault" else None


def is_foreign(policy: Policy) -> bool:
    """Whether the asset is locked on another chain and issued here."""
    return isinstance(policy.reserve, Reserve) and policy.reserve.kind == "foreign"


def vault_of(policy: Policy) -> tuple[str, str] | None:
    """Vault account, and the asset that is locked in it; None where the asset has no vault (L21)."""
    reserve = policy.reserve
    if isinstance(reserve, str) or reserve.kind != "vault":
        return None
    return vault_account_of(policy.issuer, policy.code), reserve.vault
