"""One deliberate bug."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule broken on purpose: `find` (exactly once in `file`) becomes `replace`, and one of `tests` must fail."""

    rule: str
    """Rule that is broken, e.g. "K7" or "L16"."""
    name: str
    """What the bug does, in words joined by underscores."""
    file: str
    """Path in the repository."""
    find: str
    replace: str
    tests: tuple[str, ...]
    """Pytest node ids, of which at least one fails on the mutant."""
    hangs: bool = False
    """Whether the bug makes its tests hang by design; else tests that do not end in time have caught nothing."""
