"""Short forms of `python -m tests.devnet.late_peer` and `python -m tests.devnet.flood`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.devnet.flood import flood
from tests.devnet.late_peer import late_peer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(240)
async def test_a_late_peer_catches_up_over_the_peer_protocol(tmp_path: Path) -> None:
    """Goal: K20. Method: a peer is started after 150 blocks, under load; its roots are everybody's."""
    missed, _ = await late_peer(tmp_path / "net", 150)
    assert missed >= 150


@pytest.mark.timeout(240)
async def test_a_flooding_peer_stops_nobody(tmp_path: Path) -> None:
    """Goal: a flood costs the flooder. Method: payments at a steady rate go on being final while a listed peer floods a validator."""
    _, during_ms, sent = await flood(tmp_path / "net", 6_000, 3.0)
    assert sent > 0
    assert during_ms < 2_000
