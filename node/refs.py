"""The references that are still remembered (L14), in memory: found by name, dropped by the minute of `valid_until`.

At full rate an hour of them is millions, so each costs two integers of 64 bytes, a dict slot and a place in a list: under 200 bytes.
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
DROPPED_MAX: Final = 4_000
"""References dropped per block: twice what a full one adds."""
_COUNT_BYTES: Final = 4
_SHARDS: Final = 256
_NAME_SHIFT: Final = 8 * (HASH_BYTES - 1)
"""Bits below the first byte of a name."""
_MINUTE_BITS: Final = 40
_MINUTE: Final = 2**_MINUTE_BITS - 1


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
    """Which references are used, and by which transaction. Whether one still counts is the ledger's question (the block's time decides).

    One search, however many minutes are remembered: up to 1,440 where transactions live for a day. Split by the first byte of the name, so
    that no table is ever so large that its growth stops the node for more than a moment.
    """

    __slots__ = ("_ended", "_minutes", "_shards", "_since")

    def __init__(self) -> None:
        self._shards: tuple[dict[int, int], ...] = tuple({} for _ in range(_SHARDS))
        """Name -> the transaction that uses it and the minute, as one number."""
        self._minutes: dict[int, list[int]] = {}
        """Minute -> names used until then."""
        self._ended: list[tuple[int, list[int]]] = []
        """Minutes that are past, and names of them that still take room here."""
        self._since = 0
        """The first minute that is remembered."""

    def __len__(self) -> int:
        """How many take room here, those of past minutes that are still to go included."""
        return sum(map(len, self._shards))

    def find(self, ref_id: bytes) -> UsedRef | None:
        """Use of a reference (32 bytes), None where it is not remembered; of several the one that is remembered longest."""
        use = self._shards[ref_id[0]].get(int.from_bytes(ref_id, "big"))
        if use is None or use & _MINUTE < self._since:
            return None
        return UsedRef((use >> _MINUTE_BITS).to_bytes(HASH_BYTES, "big"), use & _MINUTE)

    def add(self, used: Mapping[bytes, UsedRef]) -> None:
        """Remember what a block has used, by ref_id."""
        shards, minutes, number = self._shards, self._minutes, int.from_bytes
        for ref_id, use in used.items():
            minute = use.minute
            name, value = number(ref_id, "big"), number(use.tx_id, "big") << _MINUTE_BITS | minute
            shard = shards[ref_id[0]]
            known = shard.setdefault(name, value)
            if known is not value and known & _MINUTE <= minute:
                shard[name] = value
            if minute in minutes:
                minutes[minute].append(name)
            else:
                minutes[minute] = [name]

    def add_stored(self, minute: int, entries: bytes) -> None:
        """Remember entries of one block as they lie in the store, 64 bytes each."""
        cuts = range(0, len(entries), ENTRY_BYTES)
        self.add({entries[at : at + HASH_BYTES]: UsedRef(entries[at + HASH_BYTES : at + ENTRY_BYTES], minute) for at in cuts})

    def drop_before(self, time_ms: int) -> None:
        """Forget the minutes that have ended at this block time: remembered iff time < (minute + 1) * 60,000.

        What they held goes in steps, twice as fast as a full block can add to it: a minute may hold hundreds of thousands.
        """
        self._since = time_ms // MINUTE_MS
        for minute in [minute for minute in self._minutes if minute < self._since]:
            self._ended.append((minute, self._minutes.pop(minute)))
        left = DROPPED_MAX
        while self._ended and left:
            minute, names = self._ended[-1]
            gone = names[-left:]
            del names[-left:]
            left -= len(gone)
            for name in gone:
                shard = self._shards[name >> _NAME_SHIFT]
                use = shard.get(name)
                if use is not None and use & _MINUTE == minute:
                    del shard[name]
            if not names:
                self._ended.pop()
