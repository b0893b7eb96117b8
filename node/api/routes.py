"""A route as data: method, path, what may stand in path and query, what comes back. Router, checks and `/openapi.json` read the same."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from node.api.errors import BadQuery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import msgspec
    from aiohttp import web

    from node.api.service import Service

VALUE_LENGTH_MAX: Final = 128
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


Handler = "Callable[[Service, web.Request, Arguments], Awaitable[web.StreamResponse]]"


@dataclass(frozen=True, slots=True)
class Answer:
    """One documented answer: a struct, or another media type."""

    about: str
    body: type[msgspec.Struct] | None = None
    media: str = ""
    """Where it is no struct: its media type."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation."""

    method: str
    path: str
    handler: Callable[[Service, web.Request, Arguments], Awaitable[web.StreamResponse]]
    about: str
    answers: Mapping[int, Answer]
    errors: tuple[int, ...] = ()
    """Statuses that carry an ErrorBody, besides 400."""
    parts: Mapping[str, Text | Number] = field(default_factory=dict)
    """Path parameters."""
    keys: Mapping[str, Key] = field(default_factory=dict)
    """Query parameters."""
    takes: type[msgspec.Struct] | None = None
    """Struct of the JSON body."""

    def read(self, request: web.Request) -> Arguments:
        """Check path and query: every part and key known, given once and within its pattern.

        Raises
        ------
        BadQuery
            One sentence that names the first fault.
        """
        values: dict[str, str | int] = {}
        for name, part in self.parts.items():
            values[name] = part.check(name, request.match_info[name])
        for name, text in request.query.items():
            key = self.keys.get(name)
            if key is None:
                known = f"; it takes {', '.join(f'`{known}`' for known in self.keys)}" if self.keys else ""
                raise BadQuery(f"{self.path} takes no query key `{name[:32]}`{known}")
            if name in values:
                raise BadQuery(f"`{name}` is given twice")
            values[name] = key.value.check(name, text)
        for name, key in self.keys.items():
            if key.required and name not in values:
                raise BadQuery(f"`{name}` is missing: {key.about}")
        return Arguments(values)


PARTICIPANT: Final = Text(r"[a-z][a-z0-9-]{1,15}", "a participant id: a small letter, then 1 to 15 of a-z, 0-9, -")
LOCAL: Final = Text(r"[A-Za-z0-9:._\-]{1,32}", "the part of an account id after the slash: 1 to 32 of A-Z, a-z, 0-9, : . _ -")
ACCOUNT: Final = Text(r"[a-z][a-z0-9-]{1,15}/[A-Za-z0-9:._\-]{1,32}", "an account id: participant/local")
OWNER: Final = Text(r"[a-z][a-z0-9-]{1,15}(/[A-Za-z0-9:._\-]{1,32})?", "a participant id or an account id")
ASSET: Final = Text(r"[A-Z][A-Z0-9.]{1,15}", "an asset code: a capital letter, then 1 to 15 of A-Z, 0-9, .")
GRANT: Final = Text(r"[A-Za-z0-9:._\-]{1,64}", "a grant id: 1 to 64 of A-Z, a-z, 0-9, : . _ -")
HASH: Final = Text(r"[0-9a-f]{64}", "64 lower-case hex digits")
CURSOR: Final = Text(r"[0-9]{1,18}\.[0-9]{1,9}\.[0-9]{1,9}", "the `next` of the page before")
POSITION: Final = Text(r"[0-9]{1,18}\.[0-9]{1,9}", "height.index, as in the id of an event")
REF: Final = Text(r"[^\x00-\x1f\x7f]{1,35}", "1 to 35 characters")
HEIGHT: Final = Text(r"[0-9]{1,18}|latest", "a height or `latest`")
YES: Final = OneOf(("0", "1"))
