"""What is found wrong: one sentence each, what to do about it, and how bad it is. Findings of several nodes about one thing become one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["wrong", "warning", "note"]
"""Something does not work; it works and should be looked at; nothing is wrong, but worth knowing."""
LEVELS: tuple[Level, ...] = ("wrong", "warning", "note")
THE_NETWORK = "the network"
"""What a finding is about that is not one node's."""


class Finding(Struct, frozen=True):
    """One thing that was found."""

    code: str
    """Stable name of the kind of finding, for programs; cli/README.md lists them."""
    level: Level
    about: str
    """A node, a validator, or the network."""
    says: str
    """What is wrong: a sentence that goes on from `about`, without its full stop."""
    todo: str
    """What to do, likewise."""
    seen_by: tuple[str, ...] = ()
    """Nodes that say so; empty: found here."""


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the worst first; of findings of one kind about one thing the first worst one, with all who saw it."""
    found: dict[tuple[str, str], Finding] = {}
    for each in findings:
        key = (each.code, each.about)
        known = found.get(key)
        if known is None:
            found[key] = each
            continue
        worse = min(known, each, key=lambda one: LEVELS.index(one.level))
        found[key] = msgspec.structs.replace(worse, seen_by=tuple(dict.fromkeys((*known.seen_by, *each.seen_by))))
    return tuple(sorted(found.values(), key=lambda one: LEVELS.index(one.level)))


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong, notes aside."""
    return all(each.level == "note" for each in findings)


def two_parts(sentence: str) -> tuple[str, str]:
    """Split a sentence of this program, which says what is wrong and, after its last semicolon, what to do."""
    says, _, todo = sentence.rpartition("; ")
    return (says, todo) if says else (sentence, "see the log of the node")
