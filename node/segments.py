"""One segment of the journal as bytes: how records stand in it, what of it can be read back, and when it is damaged (K12).

    length u32 | crc32 u32 | synced length when written u64 | kind u8 | payload        (big-endian)

`length` counts the payload. The crc covers everything but itself and starts from the segment's own unpredictable seed, so that
bytes inside a transaction cannot pass for records. The first record, kind 0, holds format, epoch, number and that seed.

Recovery. What follows the last good record of the last segment was never synced, so never acted on: it is cut. A good record *after* a
bad one means either that unsynced writes reached the disk out of order (cut, too) or that the disk damaged what it had confirmed: any
record that says "this much was synced when I was written" and means the bad one proves the second, and the node refuses to start.
Nothing else is repaired. Pure: no file is touched here.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from node.fatal import Fatal
from node.records import Entry, RecordKind

if TYPE_CHECKING:
    from pathlib import Path

RECORD_BYTES_MAX = 8 * 1_048_576
"""Payload of one record: a block has at most 1 MiB of body, a certificate of 31 validators 2 KiB."""

_HEAD = Struct(">IIQB")
_CHECKED = Struct(">IQB")
_FIRST = Struct(">16sIQI")
_FORMAT = b"som/journal/2".ljust(16, b"\0")
_FIRST_KIND = 0
HEAD_BYTES = _HEAD.size
FIRST_BYTES = _HEAD.size + _FIRST.size
_MAYBE_HEAD = re.compile(rb"(?=\x00[\x00-\x80].{6}\x00{4}[\x00-\x08].{3}[\x01-\x05])", re.DOTALL)
"""Places where a record may begin: lengths and synced lengths within their limits, a known kind. The crc decides."""


class JournalCorrupt(Fatal):
    """The disk lost or changed what it had confirmed as synced, or a segment is missing."""

    exit_code = 27

    def __init__(self, *, path: Path, offset: int, reason: str) -> None:
        super().__init__(
            f"the journal is damaged: {path} at byte {offset}: {reason}. What this key promised may be lost, so it must not vote on this "
            "journal: check the disk, move the journal folder away, leave the signer's mark where it is, and start again; "
            "the mark's votes are then cast again and everything else is fetched from the other validators"
        )
        self.path, self.offset = path, offset


class Segment(NamedTuple):
    """What the first record of a segment says."""

    number: int
    epoch: int
    seed: int
    """Where every crc of the segment starts from."""


def frame(entry: Entry, synced: int, seed: int) -> bytes:
    """Lay out a record; `synced` is how much of the segment is durable now."""
    kind, payload = entry
    checked = _CHECKED.pack(len(payload), synced, kind)
    return _HEAD.pack(len(payload), crc32(payload, crc32(checked, seed)), synced, kind) + payload


def first_record(segment: Segment) -> bytes:
    """Lay out the record that a segment begins with."""
    payload = _FIRST.pack(_FORMAT, segment.epoch, segment.number, segment.seed)
    checked = _CHECKED.pack(len(payload), 0, _FIRST_KIND)
    return _HEAD.pack(len(payload), crc32(payload, crc32(checked)), 0, _FIRST_KIND) + payload


def read_first(data: bytes, path: Path, number: int) -> Segment:
    """Read the first record of the segment with this number.

    Raises
    ------
    JournalCorrupt
        It is not there as it was written.
    """
    if len(data) >= FIRST_BYTES:
        form, epoch, named, seed = _FIRST.unpack_from(data, _HEAD.size)
        segment = Segment(named, epoch, seed)
        if form == _FORMAT and named == number and data[:FIRST_BYTES] == first_record(segment):
            return segment
    raise JournalCorrupt(path=path, offset=0, reason="its first record is damaged, or it is not a journal of this format")


def _read_at(data: bytes, offset: int, seed: int) -> tuple[Entry, int, int] | None:
    """Return the record at `offset`, the synced length it names and where it ends; None where there is no good one."""
    if offset + _HEAD.size > len(data):
        return None
    length, crc, synced, kind = _HEAD.unpack_from(data, offset)
    end = offset + _HEAD.size + length
    if length > RECORD_BYTES_MAX or end > len(data) or synced > offset or not RecordKind.BODY <= kind <= RecordKind.VOTE:
        return None
    payload = data[offset + _HEAD.size : end]
    if crc32(payload, crc32(_CHECKED.pack(length, synced, kind), seed)) != crc:
        return None
    return Entry(RecordKind(kind), payload), synced, end


def read_records(data: bytes, seed: int) -> tuple[list[Entry], int]:
    """Read records up to the first that is not good; return them and where that is."""
    entries: list[Entry] = []
    offset = FIRST_BYTES
    while (found := _read_at(data, offset, seed)) is not None:
        entry, _, offset = found
        entries.append(entry)
    return entries, offset


def refuse_if_synced(data: bytes, bad: int, seed: int, path: Path) -> None:
    """Refuse where a good record after `bad` shows that `bad` had been synced: then a promise may have been lost.

    Raises
    ------
    JournalCorrupt
        One does.
    """
    for match in _MAYBE_HEAD.finditer(data, bad + 1, len(data.rstrip(b"\0"))):
        found = _read_at(data, match.start(), seed)
        if found is not None and found[1] > bad:
            raise JournalCorrupt(path=path, offset=bad, reason="a record that had been synced is damaged")
