"""Measures gas on a real node: `python -m tests.bridge.contracts.gas` writes bridge/contracts/gas.json anew."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bridge.anvil import Anvil
from tests.bridge.contracts.world import ALICE, BOB, HOME, World
from tests.bridge.keys import keys

FILE = Path(__file__).resolve().parents[3] / "bridge/contracts/gas.json"


def measure() -> dict[str, int]:
    """Return gas by what was done; each in its own block, so nothing is warm that would not be."""
    with Anvil(56) as node:
        found = small(node)
        found |= large(node)
    return found


def small(node: Anvil) -> dict[str, int]:
    """Four attestors, three signatures."""
    world = World(chain=node)
    found = {"first checkpoint, 3 signatures": world.carry(world.checkpoint()).gas}
    found["checkpoint, 3 signatures"] = world.carry(world.checkpoint(ledger_height=11, lock_count=6)).gas
    found["first mint ever, 3 signatures"] = world.mint(nonce=1, ledger_height=12).gas
    bob, totals = bytes.fromhex(BOB[2:]), {"ledger_height": 13, "cumulative_locked": 2_000_000}
    found["mint to a new holder, raising the bound, 3 signatures"] = world.mint(nonce=2, recipient=bob, **totals).gas
    found["mint to a holder, raising the bound, 3 signatures"] = world.mint(nonce=3, **{**totals, "ledger_height": 14}).gas
    found["mint to a holder, 3 signatures"] = world.mint(nonce=4, **{**totals, "ledger_height": 14}).gas
    carol = bytes.fromhex("c4" * 20)
    found["mint to a new holder, first of 256 nonces, raising the bound, 3 signatures"] = world.mint(
        nonce=256, recipient=carol, **{**totals, "ledger_height": 15}
    ).gas
    world.token.send(ALICE, "approve", world.bridge.address, 10**9)
    found["first burn"] = world.bridge.send(ALICE, "burn", 100, HOME).gas
    found["burn"] = world.bridge.send(ALICE, "burn", 100, HOME).gas
    found["transfer to a holder"] = world.token.send(ALICE, "transfer", bob, 5).gas
    world.chain.wait(3600)
    found["rotation to 7, 3 signatures"] = world.carry(world.rotation(keys(7, first=100))).gas
    return found


def large(node: Anvil) -> dict[str, int]:
    """Thirty-one attestors, twenty-one signatures."""
    world = World(attestors=keys(31), chain=node)
    found = {"first checkpoint, 21 signatures": world.carry(world.checkpoint()).gas}
    found["checkpoint, 21 signatures"] = world.carry(world.checkpoint(ledger_height=11, lock_count=6)).gas
    world.mint(nonce=1, ledger_height=12)
    bob = bytes.fromhex(BOB[2:])
    found["mint to a new holder, raising the bound, 21 signatures"] = world.mint(nonce=2, recipient=bob, ledger_height=13).gas
    world.chain.wait(3600)
    found["rotation to 34, 21 signatures"] = world.carry(world.rotation(keys(34, first=100))).gas
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(measure(), indent=1) + "\n")
    sys.stdout.write(FILE.read_text())
