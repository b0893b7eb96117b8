"""Seeds that once failed, one file each in `seeds/`, written by `python -m tests.simulation_bridge`; the suite plays them again.

A seed means the same history only as long as histories draw the same: the test that `what` names is what keeps the fault from coming back.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation_bridge.course import Outcome

SEEDS = Path(__file__).parent / "seeds"


def read_found(folder: Path = SEEDS) -> tuple[tuple[int, int], ...]:
    """Return seed and length of all that were written down, in the order of their files' names."""
    found = (tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml")))
    return tuple((each["seed"], each["length"]) for each in found)


def write_found(outcome: Outcome, length: int, folder: Path = SEEDS) -> Path:
    """Write a failing seed down; what was written about it before stays."""
    path = folder / f"{outcome.seed}-{length}.toml"
    if not path.exists():
        folder.mkdir(exist_ok=True)
        fields = {"seed": outcome.seed, "length": length, "failure": outcome.failure, "what": ""}
        # A JSON string is a TOML basic string, and a JSON number a TOML one.
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items()), encoding="utf-8")
    return path
