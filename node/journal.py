"""The journal: append-only segments in which a validator writes down what it promises, before it promises it (K12).

A folder of files `00000001.log`, ... of at most 64 MiB, each of one epoch, laid out and read back by `segments.py`. A segment is made
under the name `.new`, synced, renamed, and its folder synced, before anything else is written to it: a `.log` file always has a good
first record. The current one is longer than its records: zeros lie ahead of them, and are cut when it is full.

It does not know what records mean, except how long each is needed (`records.reach`). Nothing is durable before `sync`.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.fatal import Fatal
from node.files import ignore_seconds
from node.records import Entry, RecordKind, reach
from node.segments import (
    FIRST_BYTES,
    HEAD_BYTES,
    RECORD_BYTES_MAX,
    JournalCorrupt,
    Segment,
    first_record,
    frame,
    read_first,
    read_records,
    refuse_if_synced,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consensus.types import BlockFacts
    from node.files import File, Files

SEGMENT_BYTES_MAX = 64 * 1_048_576
"""Large enough that dropping is rare, small enough to be read at once at start."""
AHEAD_BYTES = 1_048_576
"""Zeros written ahead of the records: a sync that need not make a new file length durable, too, costs a twentieth (0.1 ms instead of
2.3 ms where it was measured). They are no record, so recovery takes them for the end."""
BUFFER_BYTES_MAX = 1_048_576
"""Appended bytes kept in memory before they are written; they become durable only by `sync` in any case."""

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


@dataclass(slots=True)
class _Needed:
    """Until when a segment is needed: the largest of its records' reaches."""

    segment: Segment
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
        self._allocated = 0
        """Length of the current file: written records, then zeros."""
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._newest: tuple[tuple[int, int], list[tuple[int, Entry]]] = ((0, 0), [])
        """The highest (epoch, view) voted in, and the votes there with the number of the segment that holds each."""
        self._broken = False
        self.watch: Callable[[float], None] = ignore_seconds
        """Hears how long each sync took, in seconds."""

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
    def open(
        cls, files: Files, folder: Path, epoch: int | None, segment_bytes_max: int = SEGMENT_BYTES_MAX
    ) -> tuple[Journal, tuple[Entry, ...]]:
        """Recover a journal and return its records in the order they were appended, all of them durable.

        With an epoch, it goes on in a segment of it; with None, in the epoch it was in.

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
        if epoch is not None and journal.epoch > epoch:
            raise JournalCorrupt(path=journal._path(numbers[-1]), offset=0, reason=f"it is of an epoch after {epoch}")
        if epoch is not None and journal.epoch < epoch:
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
        size = HEAD_BYTES + length
        current = self._written + self._buffered
        if current + size > self._limit and current > FIRST_BYTES:
            self._rotate(self._segments[-1].segment.epoch)
        self._put(frame(entry, self._synced, self._segments[-1].segment.seed))
        self._note(entry, self._segments[-1])
        if self._buffered > BUFFER_BYTES_MAX:
            self._write()

    def sync(self) -> None:
        """Make every appended record durable: one write that is synced, none where nothing is new.

        Raises
        ------
        StorageFailed
            The disk refused. The journal is broken from here on (K12: never retried).
        """
        self._check()
        if self._synced == self._written and not self._buffer:
            return
        began = time.perf_counter()
        if self._synced == self._written:
            self._write(synced=True)
        else:
            self._write()
            self._broken = True
            self._open_file().sync()
            self._broken = False
        self._synced = self._written
        self.watch(time.perf_counter() - began)

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
    def epoch(self) -> int:
        """Epoch of the current segment."""
        return self._segments[-1].segment.epoch

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

    def _write(self, *, synced: bool = False) -> None:
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        end = self._written + len(data)
        ahead = b""
        if end > self._allocated:
            ahead = bytes(max(0, min(AHEAD_BYTES, self._limit - end)))
            self._allocated = end + len(ahead)
        self._broken = True
        write = self._open_file().write_synced if synced else self._open_file().write_at
        write(self._written, data + ahead)
        self._broken = False
        self._written = end
        self._buffer.clear()
        self._buffered = 0

    def _rotate(self, epoch: int) -> None:
        """Sync the current segment and cut its zeros before the next exists: only the last one can have a torn tail."""
        self.sync()
        number = self._segments[-1].segment.number
        self._broken = True
        self._open_file().close()
        self._files.truncate(self._path(number), self._written)
        self._start_segment(number + 1, epoch)

    def _start_segment(self, number: int, epoch: int) -> None:
        seed = int.from_bytes(self._files.noise(4), "big")
        path = self._path(number)
        hidden = path.with_suffix(".new")
        first = first_record(Segment(number, epoch, seed))
        self._broken = True
        if self._files.exists(hidden):
            self._files.unlink(hidden)  # a crash came before it got its name: nothing was ever in it
        file = self._files.create(hidden)
        file.write_at(0, first)
        file.sync()
        self._files.rename(hidden, path)
        self._files.sync_folder(self._folder)
        self._broken = False
        self._file, self._written, self._synced, self._allocated = file, len(first), len(first), len(first)
        self._segments.append(_Needed(Segment(number, epoch, seed)))

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
        segment = read_first(data, path, number)
        entries, good = read_records(data, segment.seed)
        length = len(data)
        if number != last and good < length:
            raise JournalCorrupt(path=path, offset=good, reason="a record is damaged in a segment that was complete")
        if data.count(0, good) < length - good:
            refuse_if_synced(data, good, segment.seed, path)
            self._files.truncate(path, good)
            length = good
        needed = _Needed(segment)
        self._segments.append(needed)
        for entry in entries:
            self._note(entry, needed)
        if number == last:
            # What a killed process wrote but did not sync may be in the page cache only: it is acted on from now, so it is synced first.
            self._file = self._files.open(path)
            self._file.sync()
            self._files.sync_folder(self._folder)
            self._written, self._synced, self._allocated = good, good, length
        return entries
