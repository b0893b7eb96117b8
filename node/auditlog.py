"""The audit log of a running node, open for appending (`node.audit` says what is in it)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ledger.canonical import encode
from node.audit import AUDIT_BYTES_MAX, FIRST, NAME, AuditError, AuditRecord, read_records, record_hash

if TYPE_CHECKING:
    from pathlib import Path

    from node.audit import Look
    from node.files import File, Files


class AuditLog:
    """The log of one node, open for appending."""

    def __init__(self, files: Files, folder: Path) -> None:
        self._files, self._path = files, folder / NAME
        self._file: File | None = None
        self._lock = asyncio.Lock()
        self._end, self._number, self._previous = 0, 0, FIRST

    async def append(self, look: Look, now_ms: int) -> None:
        """Record a look, durably.

        Raises
        ------
        AuditError
            The log is damaged or full.
        Fatal
            The disk failed.
        """
        async with self._lock:
            await asyncio.to_thread(self._append, look, now_ms)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, look: Look, now_ms: int) -> None:
        file = self._file or self._open()
        found = int(look.found)
        record = AuditRecord(
            self._number + 1, self._previous, now_ms, look.by, look.public_key, look.action, look.subject, look.reason, found
        )
        raw = encode(record)
        data = len(raw).to_bytes(4, "big") + raw
        if self._end + len(data) > AUDIT_BYTES_MAX:
            raise AuditError(f"{self._path} is full: stop the node, move it aside and keep it, start again")
        file.write_at(self._end, data)
        file.sync()
        self._end, self._number, self._previous = self._end + len(data), self._number + 1, record_hash(raw)

    def _open(self) -> File:
        """Open the log, or begin it; cut off what a crash has left of a record."""
        if not self._files.exists(self._path):
            self._file = self._files.create(self._path)
            self._files.sync_folder(self._path.parent)
            return self._file
        data = self._files.read(self._path)
        for record, hash_, end in read_records(data):
            self._number, self._previous, self._end = record.number, hash_, end
        if self._end < len(data):
            self._files.truncate(self._path, self._end)
        self._file = self._files.open(self._path)
        return self._file
