"""Seeds that once failed, one file each in `seeds/`, written by `python -m tests.simulation_ledger`; the suite plays them again.

A seed means the same history only as long as the scene draws the same: the rule test that `what` names is what keeps the fault from coming
back. Whoever mends a fault completes `what` and commits the file.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from tests.simulation_ledger.runs import Outcome, Run

SEEDS = Path(__file__).parent / "seeds"


def read_found(folder: Path = SEEDS) -> tuple[Run, ...]:
    """Return all that were written down, in the order of their files' names."""
    found = (tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml")))
    return tuple(Run(each["scene"], each["seed"], each["length"]) for each in found)


def write_found(outcome: Outcome, folder: Path = SEEDS) -> Path:
    """Write a failing seed down; what was written about it before stays."""
    run = outcome.run
    path = folder / f"{run.scene}-{run.seed.replace('/', '-')}.toml"
    if not path.exists():
        folder.mkdir(exist_ok=True)
        fields = {**run._asdict(), "length": outcome.seen.total() + 1, "failure": outcome.failure, "what": ""}
        # A JSON string is a TOML basic string, and a JSON number a TOML one.
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in fields.items()), encoding="utf-8")
    return path
