"""Which line of a JSON text says what: so an error in a reviewed document can be found by a person.

Paths are written as msgspec writes them: `$.participants[0].id`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


DEPTH_MAX = 32
"""Containers within containers; what lies deeper has no line of its own. A genesis document has 8."""


class RepeatedKeyError(ValueError):
    """An object of the text has a key twice: readers would differ about which one counts."""

    def __init__(self, path: str, line: int) -> None:
        super().__init__(f"{path} stands twice")
        self.path, self.line = path, line


def lines_of(text: str) -> dict[str, int]:
    """Line (from 1) of every value of a well-formed JSON text, by its path.

    Raises
    ------
    RepeatedKeyError
        An object has a key twice.
    """
    lines: dict[str, int] = {}
    for path, line in _values(text):
        if path in lines:
            raise RepeatedKeyError(path, line)
        lines[path] = line
    return lines


def line_at(text: str, byte: int) -> int:
    """Line (from 1) of a byte of the UTF-8 text."""
    return text.encode()[:byte].count(b"\n") + 1


def nearest_line(lines: dict[str, int], path: str) -> int:
    """Line of a path, or of the nearest value around it; 1 where nothing fits."""
    while path not in lines and path != "$":
        path = path[: max(path.rfind("."), path.rfind("["), 1)]
    return lines.get(path, 1)


class _Container:
    """An object or array that is open while the text is read."""

    __slots__ = ("index", "key", "path")

    def __init__(self, path: str, index: int | None) -> None:
        self.path = path
        self.index = index
        """Place of the next value of an array; None in an object."""
        self.key: str | None = None
        """Key of the next value of an object; None before it is read."""

    def next_path(self) -> str:
        return f"{self.path}[{self.index}]" if self.index is not None else f"{self.path}.{self.key}"


def _values(text: str) -> Iterator[tuple[str, int]]:
    """Each value's path and line, in order."""
    stack: list[_Container] = []
    line, read = 1, 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", read, token.start())
        read = token.start()
        word = token.group()
        inside = stack[-1] if stack else None
        if word in "}]":
            stack.pop()
        elif word == ",":
            if inside is not None and inside.index is not None:
                inside.index += 1
            elif inside is not None:
                inside.key = None
        elif word == ":":
            continue
        elif inside is not None and inside.index is None and inside.key is None:
            inside.key = word[1:-1]
        else:
            path = inside.next_path() if inside is not None else "$"
            yield path, line
            if word in "{[":
                if len(stack) == DEPTH_MAX:
                    return
                stack.append(_Container(path, 0 if word == "[" else None))
