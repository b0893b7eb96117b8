"""What a live bridge must endure; each is a command, too: `python -m tests.devnet.bridge_ordeals`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.devnet.bridge_clone import stranger
from tests.devnet.bridge_faulty import faulty
from tests.devnet.bridge_ordeals import SEED, TIMES, kills
from tests.devnet.bridge_watch import watched

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
async def test_fifty_processes_killed(tmp_path: Path) -> None:
    """Goal: SIGKILL of any process at any point loses and doubles nothing. Method: fifty, money both ways, refunds and mints; raw logs."""
    assert "50 kills" in await kills(tmp_path, 19_820, TIMES, SEED)


@pytest.mark.nightly
@pytest.mark.timeout(1_200)
async def test_a_liar_among_providers_and_a_chain_that_stands_still(tmp_path: Path) -> None:
    """Goal: B6. Method: an attestor's second node hides a burn; then no block comes. Others go on; the route is paused, and goes on."""
    assert "the others release" in await watched(tmp_path, 20_200)


@pytest.mark.nightly
@pytest.mark.timeout(1_200)
async def test_one_of_four_silent_slow_or_a_liar(tmp_path: Path) -> None:
    """Goal: f of 3f + 1. Method: each fault in turn; transfers complete, each once; who contradicts itself is named, and alarmed."""
    assert "counted nowhere" in await faulty(tmp_path, 20_240)


@pytest.mark.nightly
@pytest.mark.timeout(1_200)
async def test_a_stranger_with_a_clone(tmp_path: Path) -> None:
    """Goal: anybody can check. Method: a fresh clone, no node; the proof as it is, then each field altered."""
    assert "true for the real one" in await stranger(tmp_path, 20_600)
