"""The gas that bridge/contracts/README.md publishes, on a real node."""

from __future__ import annotations

import json

from tests.bridge.contracts.gas import FILE, measure

TOLERANCE = 0.002
"""Zero bytes of an address or a signature are cheaper: a few hundred gas of a hundred thousand."""
MINT_GAS_MAX = 145_000
"""The goal of section 4 for a mint with three signatures, all rules in."""


def test_gas_is_as_published() -> None:
    """Goal: no change makes a mint dearer unnoticed. Method: measure anew and compare with the snapshot."""
    published = json.loads(FILE.read_text())
    found = measure()
    assert found.keys() == published.keys()
    far = {name: (gas, published[name]) for name, gas in found.items() if abs(gas - published[name]) > TOLERANCE * published[name]}
    assert far == {}
    assert found["mint to a new holder, raising the bound, 3 signatures"] <= MINT_GAS_MAX
