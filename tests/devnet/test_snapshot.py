"""The short form of `tests.devnet.snapshot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.devnet.snapshot import measure

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.network
async def test_a_validator_without_its_store_and_a_new_peer_begin_at_a_snapshot_under_load(tmp_path: Path) -> None:
    """Goal: K20. Method: real processes under payments; a store removed, a peer that never ran; equal roots at the end."""
    found = await measure(tmp_path / "net", 300)
    assert max(found.validator_seconds, found.peer_seconds) <= 60
