"""The references that are still remembered (L14), in memory: by minute of `valid_until`, dropped a minute at a time.

At full rate an hour of them is millions, so each costs two integers of 64 bytes and a dict slot: under 200 bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ledger.parameters import MINUTE_MS
from ledger.state import UsedRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HASH_BYTES: Final = 32
ENTRY_BYTES: Final = 2 * HASH_BYTES
"""One reference as stored: ref_id, tx_id."""
_COUNT_BYTES: Final = 4


class StoredRefs(NamedTuple):
    """References of one minute that one block used, in the order of the block: `count u32 | entries | senders, a line each`.

    The senders are kept for snapshots: with them the running hash of each `refs/FROM/MINUTE` can be computed again.
    """

    entries: bytes
    """`ENTRY_BYTES` for each."""
    senders: Sequence[str]


def pack_refs(entries: Sequence[bytes], senders: Sequence[str]) -> bytes:
    """Bytes of the references that a block used, one sender for each entry."""
    return b"".join((len(entries).to_bytes(_COUNT_BYTES, "big"), *entries, "\n".join(senders).encode()))


def unpack_refs(value: bytes) -> StoredRefs:
    """Undo `pack_refs`.

    Raises
    ------
    ValueError
        The bytes are not what `pack_refs` makes.
    """
    count = int.from_bytes(value[:_COUNT_BYTES], "big")
    end = _COUNT_BYTES + count * ENTRY_BYTES
    if not count or len(value) <= end:
        raise ValueError("a list of references is cut short")
    senders = value[end:].decode().split("\n")
    if len(senders) != count:
        raise ValueError(f"{count} references by {len(senders)} senders")
    return StoredRefs(value[_COUNT_BYTES:end], senders)


def entries_of(value: bytes) -> bytes:
    """Entries alone, without a look at who sent them: at start there are millions."""
    return value[_COUNT_BYTES : _COUNT_BYTES + int.from_bytes(value[:_COUNT_BYTES], "big") * ENTRY_BYTES]


class RememberedRefs:
    """Which references are used, and by which transaction. Whether one still counts is the ledger's question (the block's time decides)."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[int, dict[int, int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))

    def find(self, ref_id: bytes) -> UsedRef | None:
        """Use of a reference, None where it is not remembered; of several the one that is remembered longest."""
        name = int.from_bytes(ref_id, "big")
        latest = -1
        for minute, bucket in self._buckets.items():
            if name in bucket and minute > latest:
                latest = minute
        if latest < 0:
            return None
        return UsedRef(self._buckets[latest][name].to_bytes(HASH_BYTES, "big"), latest)

    def add(self, used: Mapping[bytes, UsedRef]) -> None:
        """Remember what a block has used, by ref_id."""
        buckets = self._buckets
        number = int.from_bytes
        for ref_id, use in used.items():
            minute = use.minute
            bucket = buckets.get(minute)
            if bucket is None:
                bucket = buckets[minute] = {}
            bucket[number(ref_id, "big")] = number(use.tx_id, "big")

    def add_stored(self, minute: int, entries: bytes) -> None:
        """Remember entries as they lie in the store, 64 bytes each."""
        bucket = self._buckets.setdefault(minute, {})
        number = int.from_bytes
        for at in range(0, len(entries), ENTRY_BYTES):
            bucket[number(entries[at : at + HASH_BYTES], "big")] = number(entries[at + HASH_BYTES : at + ENTRY_BYTES], "big")

    def drop_before(self, time_ms: int) -> None:
        """Forget the minutes that have ended at this block time: remembered iff time < (minute + 1) * 60,000."""
        ended = [minute for minute in self._buckets if (minute + 1) * MINUTE_MS <= time_ms]
        for minute in ended:
            del self._buckets[minute]
