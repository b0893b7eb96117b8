"""References (L14): a client's own name for a transaction takes effect once.

`(from, ref)` is remembered until the minute of `valid_until` is past; after that the transaction itself has expired. Buckets by that
minute are append-only lists, dropped whole, so forgetting costs one leaf however many references there were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import BrokenState, Duplicate, RefConflict, TooManyRefs
from ledger.indexes import MARK, bucket_key, live_key
from ledger.keys import tagged
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
    """Count the live references of a participant and its accounts."""
    record = overlay.get(live_key(participant))
    return record.count if isinstance(record, Count) else 0


def use_ref(overlay: Overlay, tx: Transaction, height: int) -> None:
    """Remember the reference of a transaction that the block contains, refused or not."""
    minute = minute_of(tx.valid_until)
    key = f"refs/{tx.sender}/{minute}"
    bucket = overlay.get(key)
    if not isinstance(bucket, Refs):
        bucket = NOTHING_YET
        overlay.put(bucket_key(minute, tx.sender), MARK)
    running = tagged(b"som/refs/1", bucket.running, tx.ref_id, tx.tx_id, height.to_bytes(8, "big"))
    overlay.put(key, Refs(bucket.count + 1, running))
    participant = servicer_of(tx.sender)
    overlay.put(live_key(participant), Count(live_refs(overlay, participant) + 1))
    overlay.use_ref(tx.ref_id, UsedRef(tx.tx_id, minute))


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
