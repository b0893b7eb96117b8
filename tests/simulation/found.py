"""Seeds that once failed, one file each in `seeds/`, written by `python -m tests.simulation`; the suite runs them again.

A seed means the same run only as long as the simulator draws the same numbers: the rule test that `what` names is what keeps the fault
from coming back. Whoever mends a fault completes `what` and commits the file.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import NamedTuple

SEEDS = Path(__file__).parent / "seeds"


class Found(NamedTuple):
    """A run that failed."""

    validators: int
    liars: int
    seed: int
    signatures: str
    epochs_per_mille: int
    failure: str
    what: str
    relay_ms: int = 0

    @property
    def name(self) -> str:
        """Of the file."""
        return f"{self.validators}-{self.seed}"


def read_found(folder: Path = SEEDS) -> tuple[Found, ...]:
    """Return all that were written down, in the order of their files' names."""
    return tuple(Found(**tomllib.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.toml")))


def write_found(found: Found, folder: Path = SEEDS) -> Path:
    """Write a failing seed down; what was written about it before stays."""
    path = folder / f"{found.name}.toml"
    if not path.exists():
        folder.mkdir(exist_ok=True)
        # A JSON string is a TOML basic string, and a JSON number a TOML one.
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in found._asdict().items())
        path.write_text("".join(lines), encoding="utf-8")
    return path
