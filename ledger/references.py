"""References (L14): a client's own name for a transaction takes effect once.

`(from, ref)` is remembered until the minute of `valid_until` is past; after that the transaction itself has expired. Buckets by that
minute are append-only lists, dropped whole, so forgetting costs one leaf however many references there were.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from ledger.errors import BrokenState, Duplicate, RefConflict, TooManyRefs
from ledger.indexes import MARK, bucket_key, live_key
from ledger.names import servicer_of
from ledger.parameters import MINUTE_MS
from ledger.state import Count, Refs, UsedRef

if TYPE_CHECKING:
    from ledger.parameters import BlockContext
    from ledger.state import Overlay
    from ledger.transactions.bodies import Transaction

NOTHING_YET = Refs(0, bytes(32))
_PAGE = 4_096
"""Buckets dropped per scan."""


def minute_of(valid_until: int) -> int:
    """Bucket of a reference: minutes since 1970."""
    return valid_until // MINUTE_MS


def is_remembered(used: UsedRef, time_ms: int) -> bool:
    """Whether a used reference still counts at a block time."""
    return time_ms < (used.minute + 1) * MINUTE_MS


def check_ref(overlay: Overlay, tx: Transaction, context: BlockContext) -> None:
    """Refuse a reference that is in use.

    Raises
    ------
    Duplicate
        This very transaction has been ordered.
    RefConflict
        Another transaction has the reference.
    TooManyRefs
        The participant has `refs_per_participant_max` live references.

    Source: ledger/README.md, L14.
    """
    used = overlay.used_ref(tx.ref_id)
    if used is not None and is_remembered(used, context.time_ms):
        error = Duplicate if used.tx_id == tx.tx_id else RefConflict
        raise error(sender=tx.sender, ref=tx.ref)
    participant = servicer_of(tx.sender)
    live, most = live_refs(overlay, participant), context.parameters.refs_per_participant_max
    if live >= most:
        raise TooManyRefs(participant=participant, live=live, most=most)


def live_refs(overlay: Overlay, participant: str) -> int:
    """Count the live references of a participant and its accounts, those of the block under way included."""
    record = overlay.get(live_key(participant))
    fresh = overlay.fresh_refs.get(participant, 0)
    return record.count + fresh if isinstance(record, Count) else fresh


def use_ref(overlay: Overlay, tx: Transaction) -> None:
    """Remember the reference of a transaction that the block contains, refused or not; `write_refs` puts it on record."""
    overlay.use_ref(tx.ref_id, tx.sender, UsedRef(tx.tx_id, minute_of(tx.valid_until)))


def write_refs(overlay: Overlay, height: int) -> None:
    """Write what a block has used, once, at its end: each list goes on by its references in the order of the block."""
    now = height.to_bytes(8, "big")
    lists: dict[tuple[str, int], Refs] = {}
    for (ref_id, used), sender in zip(overlay.used.items(), overlay.senders, strict=True):
        place = (sender, used.minute)
        bucket = lists.get(place) or _list_of(overlay, *place)
        lists[place] = Refs(bucket.count + 1, sha256(b"som/refs/1" + bucket.running + ref_id + used.tx_id + now).digest())
    for (sender, minute), bucket in lists.items():
        overlay.put(f"refs/{sender}/{minute}", bucket)
    for participant, fresh in overlay.fresh_refs.items():
        if fresh:
            overlay.put(live_key(participant), Count(live_refs(overlay, participant)))
    overlay.fresh_refs.clear()


def _list_of(overlay: Overlay, sender: str, minute: int) -> Refs:
    """List of a sender's references of a minute, begun where there is none."""
    bucket = overlay.get(f"refs/{sender}/{minute}")
    if isinstance(bucket, Refs):
        return bucket
    overlay.put(bucket_key(minute, sender), MARK)
    return NOTHING_YET


def drop_past_refs(overlay: Overlay, time_ms: int) -> None:
    """Drop the buckets of minutes that are past, whole: the transactions in them have expired (L14)."""
    start, end = "~refs/", bucket_key(time_ms // MINUTE_MS, "")
    while indexes := overlay.scan(start, end, _PAGE):
        for index in indexes:
            _, minute, sender = index.split("/", 2)
            key = f"refs/{sender}/{int(minute)}"
            bucket = overlay.get(key)
            if not isinstance(bucket, Refs):
                raise BrokenState(f"{index} points at no bucket")
            participant = servicer_of(sender)
            left = live_refs(overlay, participant) - bucket.count
            overlay.put(live_key(participant), Count(left) if left else None)
            overlay.put(key, None)
            overlay.put(index, None)
