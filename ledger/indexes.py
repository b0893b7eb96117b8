"""Derived index keys: what they say follows from the records alone, so they are rebuilt on load and never hashed (section 6).

Writers of records that are indexed go through `put_indexed`, so no index can be forgotten.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from ledger.accounts import Account, Total
from ledger.assets import Asset
from ledger.attestations import Accusation, evidence_index
from ledger.bridges import BridgeRoute, Lock, Release, foreign_index, lock_index, routes_index
from ledger.closings import Closing, closings_index, totals_index
from ledger.grants import DEBIT, GrantRecord
from ledger.holders import Pseudonym, Returnable
from ledger.holds import Hold
from ledger.keys import tagged
from ledger.names import servicer_of
from ledger.orders import OrderRecord, count_keys, order_indexes
from ledger.participants import KeysetRecord
from ledger.proposals import Proposal, open_keys
from ledger.reserves import Item, items_index
from ledger.state import Count, Mark, Refs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.state import Overlay, Record

MARK = Mark()
RESTRAINED = "~restrained/"
"""First index key of the assets that have ended and of which orders keep a rest."""
RECEIVING = ("settlement", "wallet", "clearing")
"""Kinds of accounts that value may come to over a bridge."""
RECIPIENT_BYTES = 28


def due_key(until: int, key: str) -> str:
    """Index key under which a record lapses; in order of (until, id)."""
    return f"~due/{until:015}/{key}"


def bucket_key(minute: int, sender: str) -> str:
    """Index key of a bucket of references, by the minute that drops it."""
    return f"~refs/{minute:012}/{sender}"


@lru_cache(maxsize=4_096)
def live_key(participant: str) -> str:
    """Index key of the number of live references of a participant and its accounts."""
    return f"~live/{participant}"


def index_keys(key: str, record: Record | None) -> tuple[str, ...]:
    """Index keys that a record stands under."""
    match record:
        case Hold():
            return due_key(record.until, key), f"~held/{record.source}/{key[5:]}"
        case GrantRecord(grant=grant):
            on_account = grant.permission == DEBIT
            listed = f"~debits/{grant.scope.account}/{grant.id}" if on_account else f"~grants/{grant.permission}/{grant.id}"
            return (listed, due_key(grant.until, key)) if grant.until else (listed,)
        case Proposal():
            return due_key(record.until, key), open_keys(servicer_of(record.proposer))[0] + record.id.hex()
        case OrderRecord(order=order):
            lapses = (due_key(order.until, key),) if order.until and record.status == "active" else ()
            return (*order_indexes(record), *lapses)
        case Account():
            return _account_keys(record)
        case Refs():
            _, sender, minute = _split_refs(key)
            return (bucket_key(minute, sender),)
        case _:
            return _more_keys(key, record)


def _more_keys(key: str, record: Record | None) -> tuple[str, ...]:
    """Index keys of what the rules about backing, about people and about business days keep."""
    match record:
        case Asset():
            return _asset_keys(key, record)
        case Item():
            return (items_index(record.asset, record.id),) if record.quantity else ()
        case Pseudonym():
            return (f"~pseudonyms/{record.holder.hex()}/{key.removeprefix('pseudonym/')}",)
        case Returnable():
            return (due_key(record.until, key),)
        case Total() | Closing():
            return (totals_index(key),) if isinstance(record, Total) else closings_index(key)
        case KeysetRecord(waiting=waiting) if waiting is not None and not waiting.objected:
            return (due_key(waiting.due, key),)
        case Accusation():
            return (evidence_index(record.by, record.height, key.removeprefix("evidence/")),)
        case _:
            return _bridge_keys(record)


def _bridge_keys(record: Record | None) -> tuple[str, ...]:
    """Index keys by which a transfer is found from the other chain: its own id there, or a transaction of that chain."""
    match record:
        case BridgeRoute(id=route, terms=terms):
            return (routes_index(terms.route_id) + route,)
        case Lock(route=route, nonce=nonce):
            place = f"{route}/{nonce}"
            minted = (f"{foreign_index(record.foreign_tx)}lock/{place}",) if record.foreign_tx else ()
            return (lock_index(record.lock_id) + place, *minted)
        case Release(route=route, nonce=nonce, burn=burn) if burn is not None:
            return (f"{foreign_index(burn.tx_hash)}release/{route}/{nonce}",)
        case _:
            return ()


def _account_keys(account: Account) -> tuple[str, ...]:
    listed = f"~accounts/{account.id}"
    if account.kind not in RECEIVING:
        return (listed,)
    named = recipient_index(recipient_of(account.id)) + account.id
    if account.kind == "settlement":
        return listed, f"~settlements/{account.id}", named
    if account.pseudonym:
        participant, _, local = account.id.partition("/")
        return listed, f"~wallets/{participant}/{account.pseudonym.hex()}/{local}", named
    return listed, named


@lru_cache(maxsize=4_096)
def recipient_of(account_id: str) -> bytes:
    """First 28 bytes of an account's `ledgerRecipient`; the four after them are a checksum that the bridge contract has checked (B13)."""
    return tagged(b"som/ref/1", account_id.encode())[:RECIPIENT_BYTES]


def recipient_index(recipient: bytes) -> str:
    """Begin of the index key of the account that a `ledgerRecipient` names."""
    return f"~recipients/{recipient[:RECIPIENT_BYTES].hex()}/"


def account_of_recipient(overlay: Overlay, recipient: bytes) -> str:
    """Account that a `ledgerRecipient` (32 bytes) names; empty: none that is known."""
    start = recipient_index(recipient)
    return next((index.removeprefix(start) for index in overlay.scan(start, start + "~", 1)), "")


def _asset_keys(key: str, asset: Asset) -> tuple[str, ...]:
    listed, expires = f"~assets/{asset.policy.code}", asset.policy.expires
    if asset.state == "restrained":
        return listed, RESTRAINED + asset.policy.code
    if expires is None or asset.state == "expired":
        return (listed,)
    # A sweep that is under way has passed over what orders keep, as one that has ended has: both come back when an order is over.
    passed = (RESTRAINED + asset.policy.code,) if asset.swept else ()
    return (listed, due_key(expires.at, key), *passed)


def put_indexed(overlay: Overlay, key: str, record: Record | None) -> None:
    """Write a record, or remove it with None, and move its index keys along."""
    before = overlay.get(key)
    old, new = index_keys(key, before), index_keys(key, record)
    overlay.put(key, record)
    if old == new:
        return
    for gone in old:
        if gone not in new:
            overlay.put(gone, None)
    for come in new:
        if come not in old:
            overlay.put(come, MARK)
    if isinstance(before, OrderRecord) or isinstance(record, OrderRecord):
        _recount(overlay, before, record)


def _recount(overlay: Overlay, before: Record | None, after: Record | None) -> None:
    """Keep the derived numbers of active orders."""
    change: dict[str, int] = {}
    for order, sign in ((before, -1), (after, 1)):
        for key in count_keys(order) if isinstance(order, OrderRecord) else ():
            change[key] = change.get(key, 0) + sign
    for key, more in change.items():
        known = overlay.get(key)
        count = (known.count if isinstance(known, Count) else 0) + more
        overlay.put(key, Count(count) if count else None)


def derive_indexes(records: Iterable[tuple[str, Record]]) -> dict[str, Record]:
    """Every index record of a whole state, from its hashed records: what a node rebuilds on load."""
    indexes: dict[str, Record] = {}
    counts: dict[str, int] = {}
    for key, record in records:
        for index in index_keys(key, record):
            indexes[index] = MARK
        if isinstance(record, Refs):
            participant = servicer_of(_split_refs(key)[1])
            counts[live_key(participant)] = counts.get(live_key(participant), 0) + record.count
        elif isinstance(record, OrderRecord):
            for counted in count_keys(record):
                counts[counted] = counts.get(counted, 0) + 1
    for index, count in counts.items():
        indexes[index] = Count(count)
    return indexes


def _split_refs(key: str) -> tuple[str, str, int]:
    """`refs/FROM/MINUTE` -> kind, FROM (which may hold a slash), minute."""
    kind, _, rest = key.partition("/")
    sender, _, minute = rest.rpartition("/")
    return kind, sender, int(minute)
