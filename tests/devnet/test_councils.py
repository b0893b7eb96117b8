"""The short forms of `tests.devnet.councils` and of the ordeal `image`; with a fair share of two cores half a minute each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.devnet.councils import PAUSE_SECONDS_MAX, councils
from tests.devnet.ordeals import HEALED_SECONDS_MAX, undergo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.nightly
@pytest.mark.network
@pytest.mark.timeout(600)
async def test_k22_four_five_four_validators_by_commands_under_payments(tmp_path: Path) -> None:
    """Goal: changing the validators is nothing that a payer sees. Method: the commands of the README on real processes."""
    found = await councils(tmp_path, (4, 5, 4))
    assert (found.lost, found.epoch) == (0, 2)
    assert found.sent > 500
    assert found.pause <= PAUSE_SECONDS_MAX + found.stall, found.text


@pytest.mark.nightly
@pytest.mark.network
@pytest.mark.timeout(600)
async def test_k15_an_old_image_of_a_disk_never_votes(tmp_path: Path) -> None:
    """Goal: K15 on a real disk. Method: put an old data folder back; the node notices, follows, refuses to start, and is recovered."""
    assert await undergo(tmp_path / "net", "image", 0.0) <= HEALED_SECONDS_MAX
