"""A served network per test, with money in two banks' accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.network import Network
from tests.cli.server import serving
from tests.cli.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Network]:
    """Return a network whose bank-a and bank-b hold 1,000.00 KGS each."""
    world = World(tmp_path / "net")
    with serving() as served:
        found = Network(world, served, capsys)
        for bank in ("bank-a", "bank-b"):
            found.good("issue", f"{bank}/main", "1000.00", "KGS", "--basis", "test")
        served.asked.clear()
        yield found
