"""The tables of `ledger/README.md`, and its matrix of types and codes: what is marked there by hand."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent
README = FOLDER.parents[1] / "ledger" / "README.md"


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table under a heading."""
    section = README.read_text().split(f"## {heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    if table is None:
        raise ValueError(f"no table under {heading}")
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.group().splitlines()[2:]]


def marked() -> dict[str, list[int]]:
    """Ordered refusals that a type can meet, as the matrix says; those that can never stand in a block are shared by all types."""
    return {name.strip("`"): [int(code) for code in codes.split()] for name, codes in rows("Types and their refusals")}
