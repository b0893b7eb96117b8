"""What the long run calls flat: five per cent more and 200 bytes per remembered reference, a journal between two rotations."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

import pytest

from devnet.bench.cost import Resident, resident
from tests.devnet.growth import MIB, Growth

if TYPE_CHECKING:
    from pathlib import Path


def growth(second: float, *, mapped: float = 10, journal: float = 16, receipts: int = 0) -> Growth:
    """Two measurements in each half; those of the first are 100 MiB and a journal of 16."""
    own = (90, 100, second, 90)
    memory = [Resident(int(each * MIB), int(mapped * place * MIB)) for place, each in enumerate(own)]
    journals = [int(each * MIB) for each in (16, 2, 2, journal)]
    return Growth(memory, [0, 10, 10, 10 + receipts], journals, [1, 2, 2, 1])


@pytest.mark.parametrize(
    ("measured", "flat"),
    [
        (growth(105), True),
        (growth(105.1), False),
        (growth(123, receipts=100_000), True),
        (growth(125, receipts=100_000), False),
        (growth(100, mapped=1_000), True),
        (growth(100, journal=20), True),
        (growth(100, journal=20.1), False),
    ],
)
def test_what_is_flat(measured: Growth, flat: bool) -> None:  # noqa: FBT001 - a column of the table
    """Goal: the bar of performance.md. Method: each side of it."""
    assert measured.flat is flat
    assert measured.told().endswith(": flat" if flat else ": NOT flat")


def test_what_a_process_holds_is_told_apart_from_the_files_it_maps(tmp_path: Path) -> None:
    """Goal: a figure that says what it is. Method: this process takes 32 MiB, then maps a file of 32 MiB and reads it."""
    path, size = tmp_path / "file", 32 * MIB
    path.write_bytes(bytes(size))
    before = resident(os.getpid())
    taken = bytearray(b"x" * size)
    holding = resident(os.getpid())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[at] for at in range(0, size, mmap.PAGESIZE)) == 0
        mapping = resident(os.getpid())
    assert len(taken) == size
    assert holding.own - before.own >= 0.9 * size
    assert mapping.mapped - holding.mapped >= 0.9 * size
    assert mapping.own - holding.own <= 0.1 * size
