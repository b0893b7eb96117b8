"""A route as data: method, path, what may stand in path and query, what comes back. Router, checks and `/openapi.json` read the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.api.arguments import Arguments
from node.api.errors import BadQuery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import msgspec
    from aiohttp import web

    from node.api.arguments import Key, Number, Text
    from node.api.service import Service


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
