"""Every loss that bridge.md, section 6, names has a test of its own on each side that it has here: the contract, and the ledger."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
SIDES = ("contracts/test_incidents.py", "test_incidents_at_home.py")
INCIDENTS = (
    "ronin_2022",
    "ronin_2024",
    "wormhole_2022",
    "nomad_2022",
    "poly_2021",
    "harmony_2022",
    "multichain_2023",
    "bnb_token_hub_2022",
    "messina_2026",
    "usdc_18_decimals_on_bnb_chain",
    "hyperbridge_and_verus_2026",
    "gravity",
)
"""Those of section 6, of section 1 (forged proofs) and of B3 (fields that nobody signed)."""


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("incident", INCIDENTS)
def test_every_incident_has_a_test_that_is_named_after_it(incident: str, side: str) -> None:
    """Goal: acceptance 3. Method: look for exactly one test that begins with its name, and says what happened there."""
    found = re.findall(rf'^def test_{incident}(?:_\w+)?\([^)]*\) -> None:\n    """(\w)', (FOLDER / side).read_text(), re.MULTILINE)
    assert len(found) == 1


@pytest.mark.parametrize("side", SIDES)
def test_no_test_of_incidents_is_of_another_one(side: str) -> None:
    """Goal: the list is whole. Method: every test of both files is of an incident in it."""
    for name in re.findall(r"^def test_(\w+)", (FOLDER / side).read_text(), re.MULTILINE):
        assert any(name.startswith(incident) for incident in INCIDENTS), name
