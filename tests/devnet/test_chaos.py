"""The short form of `python -m tests.devnet.chaos`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.devnet.chaos import chaos

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(240)
async def test_what_was_seen_final_stays_final(tmp_path: Path) -> None:
    """Goal: a receipt is a promise. Method: two validators killed under load, then all four at once; nobody repairs anything."""
    witness = await chaos(tmp_path / "net", kills=2, blackouts=1, seed=7)
    assert len(witness.receipts) > 100
    assert len(witness.recoveries) == 4
