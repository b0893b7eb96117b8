"""Which line of a TOML text says what: so an error in what people wrote can be found by them (`ledger.json_lines` does it for JSON).

Paths are written as msgspec writes them: `$.grants[0].need[1]`. The text is one that `tomllib` has accepted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|\#[^\n]*|\n|[\[\]{}=,.]|[^\s\[\]{}=,."\'#]+', re.DOTALL
)
_LINE_END = "\n"
DEPTH_MAX = 32
"""Arrays within arrays; what lies deeper has the line of what is around it."""

Token = tuple[str, int]
"""A word of the text and its line."""


def lines_of_toml(text: str) -> dict[str, int]:
    """Line (from 1) of every table and value of a well-formed TOML text, by its path."""
    return _Reader(text).read()


def _tokens(text: str) -> Iterator[Token]:
    line, read = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", read, found.start())
        read = found.start()
        if not found.group().startswith("#"):
            yield found.group(), line


class _Reader:
    """Goes through the words of one text, once."""

    def __init__(self, text: str) -> None:
        self.tokens = [*_tokens(text), (_LINE_END, 0)]
        self.at = 0
        self.lines: dict[str, int] = {"$": 1}
        self.counts: dict[str, int] = {}
        """Path of an array of tables -> how many it has so far."""

    def read(self) -> dict[str, int]:
        """Take statement after statement."""
        table = "$"
        while self.at < len(self.tokens):
            word, line = self.tokens[self.at]
            if word == _LINE_END:
                self.at += 1
            elif word == "[":
                table = self._header(line)
            else:
                self._pair(table)
        return self.lines

    def _header(self, line: int) -> str:
        """Path of the table that a header opens."""
        self.at += 1
        many = self.tokens[self.at][0] == "["
        self.at += many
        names = self._names("]")
        self.at += 1 + many
        path = "$"
        for place, name in enumerate(names):
            path = f"{path}.{name}"
            if many and place == len(names) - 1:
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:
                self.lines.setdefault(path, line)
                path = f"{path}[{self.counts[path] - 1}]"
        self.lines.setdefault(path, line)
        return path

    def _names(self, end: str) -> list[str]:
        """Parts of a dotted key; stops before `end`."""
        names = []
        while self._before(end):
            word = self.tokens[self.at][0]
            self.at += 1
            if word != ".":
                names.append(word.strip("\"'"))
        return names

    def _before(self, end: str) -> bool:
        """Whether `end` is still to come: a text never ends within a value, unless this reader took one for another."""
        return self.at < len(self.tokens) - 1 and self.tokens[self.at][0] != end

    def _pair(self, table: str) -> None:
        """Take `key = value`; the line of a value is that of its key."""
        line = self.tokens[self.at][1]
        path = ".".join((table, *self._names("=")))
        self.lines.setdefault(path, line)
        self.at += 1
        self._value(path, 0)

    def _value(self, path: str, depth: int) -> None:
        word, line = self.tokens[min(self.at, len(self.tokens) - 1)]
        if word == "[" and depth < DEPTH_MAX:
            self._array(path, depth)
        elif word == "{" and depth < DEPTH_MAX:
            self.at += 1
            self._inline(path)
        else:
            self.lines.setdefault(path, line)
            self._skip()

    def _array(self, path: str, depth: int) -> None:
        self.at += 1
        index = 0
        while self._before("]"):
            word = self.tokens[self.at][0]
            if word in {",", _LINE_END}:
                index += word == ","
                self.at += 1
                continue
            self.lines[f"{path}[{index}]"] = self.tokens[self.at][1]
            self._value(f"{path}[{index}]", depth + 1)
        self.at += 1

    def _inline(self, path: str) -> None:
        while self._before("}"):
            if self.tokens[self.at][0] in {",", _LINE_END}:
                self.at += 1
            else:
                self._pair(path)
        self.at += 1

    def _skip(self) -> None:
        """Pass a plain value, also one in several words such as 1.5 or a date; and a container that lies too deep."""
        depth, began = 0, self.at
        while self.at < len(self.tokens) - 1:
            word = self.tokens[self.at][0]
            if depth == 0 and word in {",", "]", "}", _LINE_END} and self.at > began:
                return
            depth += (word in {"[", "{"}) - (word in {"]", "}"})
            self.at += 1
