"""The journal: append-only segments in which a validator writes down what it promises, before it promises it (K12).

A folder of files `00000001.log`, ... of at most 64 MiB, each of one epoch. A file is a row of records::

    length u32 | crc32 u32 | synced length when written u64 | kind u8 | payload        (big-endian)

`length` counts the payload. The crc covers everything but itself and starts from the segment's own unpredictable seed, so that
bytes inside a transaction cannot pass for records. The first record of a segment, kind 0, holds format, epoch, number and that seed.
A segment is made under the name `.new`, synced, renamed, and its folder synced, before anything else is written to it: a `.log` file
always has a good first record.

Recovery. What follows the last good record of the last segment was never synced, so never acted on: it is cut. A good record *after* a
bad one means either that unsynced writes reached the disk out of order (cut, too) or that the disk damaged what it had confirmed: any
record that says "this much was synced when I was written" and means the bad one proves the second, and the node refuses to start.
Nothing else is repaired.

It does not know what records mean, except how long each is needed (`records.reach`). Nothing is durable before `sync`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from node.fatal import Fatal
from node.records import Entry, RecordKind, reach

if TYPE_CHECKING:
    from pathlib import Path

    from consensus.types import BlockFacts
    from node.files import File, Files

SEGMENT_BYTES_MAX = 64 * 1_048_576
"""Large enough that dropping is rare, small enough to be read at once at start."""
RECORD_BYTES_MAX = 8 * 1_048_576
"""Payload of one record: a block has at most 1 MiB of body, a certificate of 31 validators 2 KiB."""
BUFFER_BYTES_MAX = 1_048_576
"""Appended bytes kept in memory before they are written; they become durable only by `sync` in any case."""

_HEAD = Struct(">IIQB")
_CHECKED = Struct(">IQB")
_FIRST = Struct(">16sIQI")
_FORMAT = b"som/journal/1".ljust(16, b"\0")
_FIRST_KIND = 0
_FIRST_BYTES = _HEAD.size + _FIRST.size
_MAYBE_HEAD = re.compile(rb"(?=\x00[\x00-\x80].{6}\x00{4}[\x00-\x08].{3}[\x01-\x05])", re.DOTALL)
"""Places where a record may begin: lengths and synced lengths within their limits, a known kind. The crc decides."""
_NAME = re.compile(r"(\d{8})\.log")


class JournalMissing(Fatal):
    """There is no journal in the folder."""

    exit_code = 25

    def __init__(self, *, folder: Path) -> None:
        super().__init__(
            f"no journal in {folder}: a node makes one only with `som init` before genesis; if it was lost, see K15 in the manual"
        )
        self.folder = folder


class JournalExists(Fatal):
    """A journal was to be made where one is."""

    exit_code = 26

    def __init__(self, *, folder: Path) -> None:
        super().__init__(f"{folder} holds a journal already: start the node on it, or name another data folder")
        self.folder = folder


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


class _Segment(NamedTuple):
    """What a finished or current segment holds."""

    number: int
    epoch: int
    seed: int


@dataclass(slots=True)
class _Needed:
    """Until when a segment is needed: the largest of its records' reaches."""

    segment: _Segment
    height: int = 0
    position: tuple[int, int] = (0, 0)


class Journal:
    """One validator's journal, open for appending. After a failure every call fails: nobody knows what the disk holds."""

    def __init__(self, files: Files, folder: Path, segment_bytes_max: int) -> None:
        self._files, self._folder, self._limit = files, folder, segment_bytes_max
        self._segments: list[_Needed] = []
        self._file: File | None = None
        self._written = 0
        """Bytes of the current segment handed to the file."""
        self._synced = 0
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._newest: tuple[tuple[int, int], list[tuple[int, Entry]]] = ((0, 0), [])
        """The highest (epoch, view) voted in, and the votes there with the number of the segment that holds each."""
        self._broken = False

    @classmethod
    def create(cls, files: Files, folder: Path, epoch: int, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> Journal:
        """Make an empty journal: `som init`, or a lost journal under a mark that is there (K15).

        Raises
        ------
        JournalExists
            There is one.
        StorageFailed
            The disk refused.
        """
        if cls.exists(files, folder):
            raise JournalExists(folder=folder)
        files.make_folder(folder)
        journal = cls(files, folder, segment_bytes_max)
        journal._start_segment(1, epoch)
        return journal

    @staticmethod
    def exists(files: Files, folder: Path) -> bool:
        """Whether the folder holds a segment."""
        return any(_NAME.fullmatch(name) for name in files.names(folder))

    @classmethod
    def open(cls, files: Files, folder: Path, epoch: int, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> tuple[Journal, tuple[Entry, ...]]:
        """Recover a journal and return its records in the order they were appended, all of them durable.

        Raises
        ------
        JournalMissing
            There is none.
        JournalCorrupt
            Synced records are damaged, or a segment in the middle is missing.
        StorageFailed
            The disk refused.
        """
        journal = cls(files, folder, segment_bytes_max)
        numbers = [int(match[1]) for name in files.names(folder) if (match := _NAME.fullmatch(name))]
        if not numbers:
            raise JournalMissing(folder=folder)
        if numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise JournalCorrupt(path=folder, offset=0, reason=f"segments are missing between {numbers[0]} and {numbers[-1]}")
        entries: list[Entry] = []
        for number in numbers:
            entries.extend(journal._recover(number, numbers[-1]))
        if journal._segments[-1].segment.epoch > epoch:
            raise JournalCorrupt(path=journal._path(numbers[-1]), offset=0, reason=f"it is of an epoch after {epoch}")
        if journal._segments[-1].segment.epoch < epoch:
            journal.begin_epoch(epoch)
        return journal, tuple(entries)

    def append(self, entry: Entry) -> None:
        """Add a record; it is durable after the next `sync`.

        Raises
        ------
        AssertionError
            The payload is larger than `RECORD_BYTES_MAX`: our own fault.
        StorageFailed
            The disk refused.
        """
        self._check()
        length = len(entry.payload)
        if length > RECORD_BYTES_MAX:
            raise AssertionError(f"a record of {length} bytes")
        size = _HEAD.size + length
        current = self._written + self._buffered
        if current + size > self._limit and current > _FIRST_BYTES:
            self._rotate(self._segments[-1].segment.epoch)
        self._put(_frame(entry, self._synced, self._segments[-1].segment.seed))
        self._note(entry, self._segments[-1])
        if self._buffered > BUFFER_BYTES_MAX:
            self._write()

    def sync(self) -> None:
        """Make every appended record durable: one write and one fdatasync, none where nothing is new.

        Raises
        ------
        StorageFailed
            The disk refused. The journal is broken from here on (K12: never retried).
        """
        self._check()
        self._write()
        if self._synced == self._written:
            return
        self._broken = True
        self._open_file().sync()
        self._broken = False
        self._synced = self._written

    def begin_epoch(self, epoch: int) -> None:
        """Start a new segment for a new epoch: none holds two."""
        self._check()
        self._rotate(epoch)

    def drop_below(self, committed: BlockFacts) -> int:
        """Remove the oldest segments of which nothing is needed once `committed` is in the store; return how many.

        A segment goes when its blocks are at or below the committed height, and its votes and certificates at or below that block's view.
        The newest own votes are copied forward first: they are what the signer's mark is compared with (K15).
        """
        self._check()
        position = (committed.epoch, committed.view)
        gone: list[_Needed] = []
        for needed in self._segments[:-1]:
            if needed.height > committed.height or needed.position > position:
                break
            gone.append(needed)
        if not gone:
            return 0
        last = gone[-1].segment.number
        copied = [entry for number, entry in self._newest[1] if number <= last]
        for entry in copied:
            self.append(entry)
        self.sync()
        for needed in gone:
            self._segments.remove(needed)
            self._files.unlink(self._path(needed.segment.number))
            self._files.sync_folder(self._folder)
        return len(gone)

    @property
    def segments(self) -> int:
        """How many segments there are, the current one included."""
        return len(self._segments)

    def close(self) -> None:
        """Close the file. What was not synced may be lost; nothing was promised on it."""
        if self._file is not None:
            self._file.close()
        self._file, self._broken = None, True

    def _check(self) -> None:
        if self._broken:
            raise AssertionError("the journal is closed or broken: the node should have stopped")

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08}.log"

    def _open_file(self) -> File:
        if self._file is None:
            raise AssertionError("no current segment")
        return self._file

    def _put(self, data: bytes) -> None:
        self._buffer.append(data)
        self._buffered += len(data)

    def _write(self) -> None:
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        self._broken = True
        self._open_file().write_at(self._written, data)
        self._broken = False
        self._written += len(data)
        self._buffer.clear()
        self._buffered = 0

    def _rotate(self, epoch: int) -> None:
        """Sync the current segment before the next exists: only the last one can have a torn tail."""
        self.sync()
        number = self._segments[-1].segment.number
        self._open_file().close()
        self._start_segment(number + 1, epoch)

    def _start_segment(self, number: int, epoch: int) -> None:
        seed = int.from_bytes(self._files.noise(4), "big")
        path = self._path(number)
        hidden = path.with_suffix(".new")
        first = _first(_Segment(number, epoch, seed))
        self._broken = True
        if self._files.exists(hidden):
            self._files.unlink(hidden)  # a crash came before it got its name: nothing was ever in it
        file = self._files.create(hidden)
        file.write_at(0, first)
        file.sync()
        self._files.rename(hidden, path)
        self._files.sync_folder(self._folder)
        self._broken = False
        self._file, self._written, self._synced = file, len(first), len(first)
        self._segments.append(_Needed(_Segment(number, epoch, seed)))

    def _note(self, entry: Entry, needed: _Needed) -> None:
        """Remember how long the segment is needed, and whether this is the newest own vote."""
        height, position = reach(entry)
        needed.height = max(needed.height, height)
        needed.position = max(needed.position, position)
        if entry.kind is RecordKind.VOTE and position >= self._newest[0]:
            # Later copies of the same vote (K15's casting again, dropping) stand nearer to the end: they replace the earlier ones.
            kept = [held for held in self._newest[1] if held[1] != entry] if position == self._newest[0] else []
            self._newest = (position, [*kept, (needed.segment.number, entry)])

    def _recover(self, number: int, last: int) -> list[Entry]:
        path = self._path(number)
        data = self._files.read(path)
        segment = _read_first(data, path, number)
        entries, good = _read_records(data, segment.seed)
        if good < len(data):
            if number != last:
                raise JournalCorrupt(path=path, offset=good, reason="a record is damaged in a segment that was complete")
            _refuse_if_synced(data, good, segment.seed, path)
            self._files.truncate(path, good)
        needed = _Needed(segment)
        self._segments.append(needed)
        for entry in entries:
            self._note(entry, needed)
        if number == last:
            # What a killed process wrote but did not sync may be in the page cache only: it is acted on from now, so it is synced first.
            self._file = self._files.open(path)
            self._file.sync()
            self._files.sync_folder(self._folder)
            self._written = self._synced = good
        return entries


def _frame(entry: Entry, synced: int, seed: int) -> bytes:
    kind, payload = entry
    checked = _CHECKED.pack(len(payload), synced, kind)
    return _HEAD.pack(len(payload), crc32(payload, crc32(checked, seed)), synced, kind) + payload


def _first(segment: _Segment) -> bytes:
    payload = _FIRST.pack(_FORMAT, segment.epoch, segment.number, segment.seed)
    checked = _CHECKED.pack(len(payload), 0, _FIRST_KIND)
    return _HEAD.pack(len(payload), crc32(payload, crc32(checked)), 0, _FIRST_KIND) + payload


def _read_first(data: bytes, path: Path, number: int) -> _Segment:
    if len(data) >= _FIRST_BYTES:
        form, epoch, named, seed = _FIRST.unpack_from(data, _HEAD.size)
        segment = _Segment(named, epoch, seed)
        if form == _FORMAT and named == number and data[:_FIRST_BYTES] == _first(segment):
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


def _read_records(data: bytes, seed: int) -> tuple[list[Entry], int]:
    """Read records up to the first that is not good; return them and where that is."""
    entries: list[Entry] = []
    offset = _FIRST_BYTES
    while (found := _read_at(data, offset, seed)) is not None:
        entry, _, offset = found
        entries.append(entry)
    return entries, offset


def _refuse_if_synced(data: bytes, bad: int, seed: int, path: Path) -> None:
    """Refuse where a good record after `bad` shows that `bad` had been synced: then a promise may have been lost."""
    for match in _MAYBE_HEAD.finditer(data, bad + 1):
        found = _read_at(data, match.start(), seed)
        if found is not None and found[1] > bad:
            raise JournalCorrupt(path=path, offset=bad, reason="a record that had been synced is damaged")
