"""How far one process has come: a small file that is replaced whole, so whatever kills the process, the next one reads the old or new one.

Losing it does no harm but work: the ledger takes each fact once, contracts each message once, and an attestor's marks (`bridge.marks`),
which must not be lost, are elsewhere.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from bridge.errors import BridgeError

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
BYTES_MAX = 1 << 20


class CursorBroken(BridgeError):
    """The file of a cursor cannot be read or written."""

    def __init__(self, *, path: str, reason: str) -> None:
        super().__init__(f"the cursor {path} cannot be used: {reason}; without it the process begins anew, which does no harm but work")
        self.path, self.reason = path, reason


class CursorFile(Generic[T]):
    """A struct of one type in a file."""

    def __init__(self, path: Path, type_: type[T]) -> None:
        self._path, self._type = path, type_

    def load(self) -> T | None:
        """Return what was saved last; None where nothing was.

        Raises
        ------
        CursorBroken
            The file is there and cannot be read: somebody changed it, or it is of another version.
        """
        try:
            with self._path.open("rb") as file:
                data = file.read(BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CursorBroken(path=str(self._path), reason=error.strerror or "it cannot be read") from None
        try:
            return msgspec.json.decode(data, type=self._type)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise CursorBroken(path=str(self._path), reason=f"it is damaged ({error})") from None

    def save(self, value: T) -> None:
        """Replace the file; durable before this returns.

        Raises
        ------
        CursorBroken
            It cannot be written.
        """
        draft = self._path.with_name(f".{self._path.name}.new")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(msgspec.json.encode(value))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise CursorBroken(path=str(self._path), reason=error.strerror or "it cannot be written") from None
