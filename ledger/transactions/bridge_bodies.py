"""Bodies of the bridge's types (21, 22, 25, 26). `ledger.transactions.bodies` lists them with all others."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.bridges import Attestors, Burn, Expiry, Mint, Opaque, RouteStatus, RouteTerms, RouteText
from ledger.types import AccountText, Amount, AssetText, Text16, Text140


class BridgeOut(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Lock value for the other chain (type 21): from -> vault of the route."""

    asset: AssetText
    source: AccountText
    """`from` of the catalogue; a refund goes back there."""
    amount: Amount
    route: RouteText
    recipient: Opaque
    """On the other chain: EVM 20 bytes, TVM 21 bytes that begin with 0x41."""


class BridgeIn(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What one attestor saw on the other chain (type 22); executed once a threshold says the same."""

    route: RouteText
    by: Text16
    fact: Burn | Expiry | Mint


class BridgeSet(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Define, limit, pause, rotate, halt or retire a route (type 25). Empty status, None: as it is; something must be set."""

    id: RouteText
    terms: RouteTerms | None
    status: Literal["", RouteStatus]
    attestors: Attestors | None
    immediate: bool
    """Of a rotation: the set before stops counting at once."""
    source: AccountText | None
    """Who pays the opening supply of a new route into its vault; None where there is none."""
    reason: Text140


class BridgeClaim(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Pay out (type 26): the refund of an expired lock, a release that waited, or what went into suspense."""

    route: RouteText
    kind: Literal["refund", "release", "suspense"]
    nonce: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    """Of the lock, else of the burn."""
    to: AccountText | None
    """Suspense: whose it is, as its owner and the operator agree. Else None: it is known."""


BridgeBody = BridgeOut | BridgeIn | BridgeSet | BridgeClaim
BRIDGE_TYPES: dict[str, type[BridgeBody]] = {
    "bridge.out": BridgeOut,
    "bridge.in": BridgeIn,
    "bridge.set": BridgeSet,
    "bridge.claim": BridgeClaim,
}
