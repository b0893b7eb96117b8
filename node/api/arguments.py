"""What may stand in path and query of a request: patterns, bounds, words, and the checked values that a handler gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from node.api.errors import BadQuery

VALUE_LENGTH_MAX: Final = 140
"""Longest value of a path part or query key, in characters."""


@dataclass(frozen=True, slots=True)
class Text:
    """A value that fits a pattern in full. `like` completes the sentence "... must be"."""

    pattern: str
    like: str

    def check(self, name: str, value: str) -> str | int:
        """Return the value, or refuse it in one sentence."""
        if len(value) > VALUE_LENGTH_MAX or re.fullmatch(self.pattern, value, re.ASCII) is None:
            raise BadQuery(f"`{name}` must be {self.like}")
        return value

    @property
    def schema(self) -> dict[str, object]:
        """JSON Schema."""
        return {"type": "string", "pattern": f"^(?:{self.pattern})$", "maxLength": VALUE_LENGTH_MAX}


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number within bounds, both included."""

    low: int
    high: int

    def check(self, name: str, value: str) -> str | int:
        """Return the number, or refuse it in one sentence."""
        if re.fullmatch(r"[0-9]{1,19}", value, re.ASCII) is None or not self.low <= int(value) <= self.high:
            raise BadQuery(f"`{name}` must be a whole number from {self.low} to {self.high}")
        return int(value)

    @property
    def schema(self) -> dict[str, object]:
        """JSON Schema."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, name: str, value: str) -> str | int:
        """Return the word, or refuse it in one sentence."""
        if value not in self.words:
            raise BadQuery(f"`{name}` must be {' or '.join(self.words)}")
        return value

    @property
    def schema(self) -> dict[str, object]:
        """JSON Schema."""
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Key:
    """A query key."""

    value: Text | Number | OneOf
    about: str
    required: bool = False


class Arguments:
    """Path and query of one request, checked."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, str | int]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """Return the value of a key, as text."""
        return str(self._values.get(name, default))

    def number(self, name: str, default: int) -> int:
        """Return the value of a `Number` key."""
        return int(self._values.get(name, default))

    def has(self, name: str) -> bool:
        """Whether the client gave it."""
        return name in self._values


PARTICIPANT: Final = Text(r"[a-z][a-z0-9-]{1,15}", "a participant id: a small letter, then 1 to 15 of a-z, 0-9, -")
LOCAL: Final = Text(r"[A-Za-z0-9:._\-]{1,32}", "the part of an account id after the slash: 1 to 32 of A-Z, a-z, 0-9, : . _ -")
ACCOUNT: Final = Text(r"[a-z][a-z0-9-]{1,15}/[A-Za-z0-9:._\-]{1,32}", "an account id: participant/local")
OWNER: Final = Text(r"[a-z][a-z0-9-]{1,15}(/[A-Za-z0-9:._\-]{1,32})?", "a participant id or an account id")
ASSET: Final = Text(r"[A-Z][A-Z0-9.]{1,15}", "an asset code: a capital letter, then 1 to 15 of A-Z, 0-9, .")
GRANT: Final = Text(r"[A-Za-z0-9:._\-]{1,64}", "a grant id: 1 to 64 of A-Z, a-z, 0-9, : . _ -")
HOLDER: Final = Text(r"[0-9a-f]{32}", "32 lower-case hex digits")
SUBJECT: Final = Text(r"[A-Za-z0-9:._/\-]{1,64}", "an account, participant or asset, or a holder in hex")
HASH: Final = Text(r"[0-9a-f]{64}", "64 lower-case hex digits")
CURSOR: Final = Text(r"[0-9]{1,18}\.[0-9]{1,9}\.[0-9]{1,9}", "the `next` of the page before")
POSITION: Final = Text(r"[0-9]{1,18}\.[0-9]{1,9}", "height.index, as in the id of an event")
REF: Final = Text(r"[^\x00-\x1f\x7f]{1,35}", "1 to 35 characters")
DATE: Final = Text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date such as 2026-11-21")
EPOCH: Final = Text(r"[0-9]{1,9}|latest", "the number of an epoch or `latest`")
HEIGHT: Final = Text(r"[0-9]{1,18}|latest", "a height or `latest`")
REASON: Final = Text(r"[^\x00-\x1f\x7f]{1,140}", "why, in 1 to 140 characters")
YES: Final = OneOf(("0", "1"))
