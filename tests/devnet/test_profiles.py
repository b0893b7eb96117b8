"""Every ready-made profile on real nodes (issue 4, acceptance 1). One devnet for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from devnet.network import Network, Plan
from tests.devnet.profile_desk import Desk, make_network
from tests.devnet.profile_lives import LIVES

if TYPE_CHECKING:
    from pathlib import Path

PORT_BASE = 16_600


@pytest.mark.network
@pytest.mark.timeout(600)
async def test_every_asset_of_the_region_lives_on_a_live_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: each column of section 8 is configuration. Method: apply its profile and live its life, by commands to real nodes."""
    monkeypatch.chdir(tmp_path)
    made = make_network(tmp_path / "devnet-data", PORT_BASE)
    desk = Desk(tmp_path, made.profile)
    async with Network(Plan(data=tmp_path / "devnet-data", validators=4, peers=0)):
        for life in LIVES:
            await asyncio.to_thread(life, desk)
