"""One figure and how it is shown: a table for people, `bench.json` for programs."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value beside its goal."""

    name: str
    value: float
    unit: str
    goal: str
    share_of_limit: float | None = None
    """Of the signature limit measured in the same run."""
    details: dict[str, float] = field(default_factory=dict)


def machine() -> dict[str, str | int]:
    """Facts about the machine that a figure means nothing without."""
    model = next((line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next((int(line.split()[1]) // 1024 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "cpu": model,
        "cores": os.cpu_count() or 1,
        "memory_mib": memory,
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def show(figures: Sequence[Figure], limit: float, verify_us: float) -> None:
    """Print the table."""
    console = Console(highlight=False)
    facts = machine()
    console.print(f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_mib']} MiB, Python {facts['python']}, Linux {facts['kernel']}")
    console.print(f"limit: {limit:,.0f} signed transactions/s for four validators ({verify_us:.1f} us per verification, all cores busy)")
    table = Table()
    for column in ("figure", "value", "goal", "share of limit"):
        table.add_column(column)
    for figure in figures:
        share = f"{figure.share_of_limit:.1%}" if figure.share_of_limit is not None else ""
        table.add_row(figure.name, f"{figure.value:,.2f} {figure.unit}", figure.goal, share)
    console.print(table)
    for figure in figures:
        if figure.details:
            console.print(f"{figure.name}: " + ", ".join(f"{name} {value:,.2f}" for name, value in figure.details.items()))


def write(path: Path, figures: Sequence[Figure], limit: float, verify_us: float) -> None:
    """Write `bench.json`."""
    document = {"machine": machine(), "limit_tx_per_s": limit, "verify_us": verify_us, "figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(document, indent=2) + "\n")
