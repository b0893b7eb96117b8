"""Bodies of `/v1/orders`: amounts are text, hashes lower-case hex."""

from __future__ import annotations

from msgspec import Struct

from node.api.parts import NeedBody, Whole


class OrderBody(Struct, frozen=True):
    """An order, in force or over."""

    id: str
    by: str
    scope: str
    subject: str
    """Account, participant, asset, or holder in hex; empty: the ledger."""
    asset: str
    """Empty: every asset."""
    mode: str
    amount: str | None
    """Of an arrest: minor units; None: in full."""
    seized: str
    """Minor units that seizures on it have moved."""
    allow: tuple[str, ...]
    seize_to: str
    until: Whole
    """0: until it is lifted."""
    open: bool
    status: str
    """active, lifted, served or lapsed; one past `until` is lapsed whether or not it was swept."""
    basis_hash: str
    rank: Whole
    height: Whole
    index: Whole
    """Precedence is (rank, height, index), lowest first."""
    time_ms: Whole
    need: NeedBody | None
    """Quorum that made it and lifts it; None: `ops` of `by`."""
    lifted_by: tuple[str, ...]
    ended_by: str
    ended_basis: str
    """Hash of the document that the lifting rests on; empty: it was not lifted."""
    as_of: Whole


class OrdersBody(Struct, frozen=True):
    """Orders in force on one subject, by precedence."""

    orders: tuple[OrderBody, ...]
    as_of: Whole
