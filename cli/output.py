"""How results reach the terminal: for people as aligned text, for programs (`--json`) as one JSON document on standard output."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import msgspec

Json = str | int | bool | None | Sequence["Json"] | Mapping[str, "Json"]
"""What a result is made of. Amounts are strings in it, hashes lower-case hex, as in the HTTP API."""


def print_json(value: Json) -> None:
    """One document, indented, with a line end."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_line(text: str) -> None:
    """One line for people."""
    sys.stdout.write(text + "\n")


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Names and values, one pair a line, values aligned."""
    width = max((len(name) for name, _ in fields), default=0)
    for name, value in fields:
        print_line(f"{name.ljust(width)}  {value}".rstrip())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for people, columns as wide as their widest cell. A column whose head ends in `>` is aligned to the right."""
    heads = [column.removesuffix(">") for column in columns]
    widths = [max(len(head), *(len(row[place]) for row in rows)) if rows else len(head) for place, head in enumerate(heads)]
    for row in (heads, ["-" * width for width in widths], *rows):
        cells = (
            cell.rjust(width) if column.endswith(">") else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        )
        print_line("  ".join(cells).rstrip())


def print_problem(text: str) -> None:
    """Print the one sentence on standard error."""
    sys.stderr.write(f"som: {' '.join(text.split())}\n")
