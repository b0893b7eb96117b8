"""Orders (L22, L27, L30, L31): legal and safety measures as records, and which of them are active on a subject.

An order is stored under `order/ID`, in the tree that its scope names, and stays there when it is over: its status says how it ended. Only
active orders stand in indexes: `~ordered/SCOPE/SUBJECT/ID`, and the derived counts `~active` (all) and `~active/SCOPE/SUBJECT`, which let a
payment see with one lookup that nothing concerns it. Nobody who is shown an account's record can tell whether orders are on it (L23).
Not here: what an order does to a movement (`ledger.restraints`), who may make one (`ledger.transactions.orders`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from ledger.grants import Need, Rank
from ledger.types import U32, U63, Amount, AmountOrZero, Hash32, Text16, Text64, TimeMs

if TYPE_CHECKING:
    from ledger.grants import Permission

OrderScope = Literal["account", "holder", "participant", "asset", "bridge", "ledger"]
"""What an order is on."""
OrderMode = Literal["debit", "credit", "both", "arrest", "pause"]
OrderStatus = Literal["active", "lifted", "served", "lapsed"]
Allowed = Literal["fee", "holds", "redeem", "return", "tax"]
"""What an order lets pass; see `ledger.restraints`."""
ORDERS_MAX = 32
"""Active orders on one subject (L31)."""
LIFTERS_MAX = 8
TAX_PURPOSE = "TAXS"
"""ISO 20022 external purpose code of a tax payment."""

PERMISSION_OF: dict[OrderMode, Permission] = {
    "debit": "order.freeze",
    "credit": "order.freeze",
    "both": "order.freeze",
    "arrest": "order.arrest",
    "pause": "order.pause",
}


class Order(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A measure, as the participant that makes it says it."""

    id: Text64
    """`[A-Za-z0-9:._-]{1,64}`, chosen by the maker and never used again: the number of the court's file, say."""
    by: Text16
    """Participant that makes it and may lift it (L27)."""
    basis_hash: Hash32
    """SHA-256 of the document it rests on."""
    scope: OrderScope
    subject: Text64
    """Account id, participant id, asset code, route, or holder in lower-case hex; empty for the ledger."""
    asset: Text16
    """Only in this asset; empty: in every asset."""
    mode: OrderMode
    amount: Amount | None
    """Of an arrest on one account in one asset, minor units; None: in full."""
    allow: Annotated[tuple[Allowed, ...], Meta(max_length=5)]
    """What passes all the same; sorted, unique."""
    seize_to: Text64
    """Account that a seizure on this arrest pays; empty: it cannot be seized on (L11)."""
    until: TimeMs
    """Void for every read and check from this block time on; 0: until it is lifted."""
    open: bool
    """Whether the account's user may be told (L23)."""


class OrderRecord(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An order as made, what it has in force of its grant, and how it ended."""

    order: Order
    rank: Rank
    """Of the grant; precedence is (rank, height, index), lowest first (L31)."""
    height: U63
    index: U32
    """Place in its block."""
    time_ms: TimeMs
    """Time of its block."""
    need: Need | None
    """Of the grant: the maker's quorum lifts it; None: keyset `ops` of `by`."""
    lifted_by: Annotated[tuple[Text16, ...], Meta(max_length=LIFTERS_MAX)]
    """Of the grant: participants that may lift it, too (L27)."""
    cooled_ms: TimeMs
    """Pause by one guardian: the same scope cannot be paused by one guardian again before (L22). 0: any other order."""
    seized: AmountOrZero
    """Minor units that seizures on it have moved."""
    status: OrderStatus
    """`served`: its whole amount was seized. `lapsed`: swept; before the sweep `until` says so alone."""
    ended_by: Text16
    """Participant that lifted it; empty: nobody."""
    ended_basis: Hash32 | None
    """SHA-256 of the document that the lifting rests on."""


def order_key(order_id: str) -> str:
    """Storage key of an order."""
    return f"order/{order_id}"


ACTIVE = "~active"
"""Index key of the number of all active orders; there is none where no order is active."""
HOLDERS, WIDE = f"{ACTIVE}~holders", f"{ACTIVE}~wide"
"""Of those on holders; and of those on participants, assets and the ledger, which an account's own number does not show."""


@lru_cache(maxsize=65_536)
def active_key(scope: OrderScope, subject: str) -> str:
    """Index key of the number of active orders on a subject."""
    return f"{ACTIVE}/{scope}/{subject}"


def ordered_keys(scope: OrderScope, subject: str) -> tuple[str, str]:
    """First and last index key of the active orders on a subject."""
    start = f"~ordered/{scope}/{subject}/"
    return start, start + "~"


def guarded_keys(scope: OrderScope, subject: str, after_ms: int) -> tuple[str, str]:
    """First and last index key of pauses by one guardian on a subject that are not yet cooled after a time."""
    start = f"~guarded/{scope}/{subject}/"
    return f"{start}{after_ms + 1:015}", start + "~"


def order_indexes(record: OrderRecord) -> tuple[str, ...]:
    """Index keys of an order beside its due key."""
    order = record.order
    keys = [ordered_keys(order.scope, order.subject)[0] + order.id] if record.status == "active" else []
    if record.cooled_ms:
        keys.append(f"~guarded/{order.scope}/{order.subject}/{record.cooled_ms:015}/{order.id}")
    return tuple(keys)


def count_keys(record: OrderRecord) -> tuple[str, ...]:
    """Index keys of the counts that an active order is in; none where it is over."""
    if record.status != "active":
        return ()
    scope = record.order.scope
    kept = () if scope == "account" else (HOLDERS,) if scope == "holder" else (WIDE,)
    return (ACTIVE, active_key(scope, record.order.subject), *kept)


def precedence(record: OrderRecord) -> tuple[int, int, int]:
    """Order of precedence, lowest first (L31)."""
    return record.rank, record.height, record.index


def remaining(record: OrderRecord) -> int | None:
    """Minor units that an arrest still covers; None: all there is."""
    return None if record.order.amount is None else record.order.amount - record.seized
