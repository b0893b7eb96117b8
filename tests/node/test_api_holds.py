"""What the API says of a hold's condition: which one, what it asks for, which counters a purse has seen."""

from __future__ import annotations

import msgspec
import pytest

from ledger.holds import Hold
from node.api.convert import hold_detail
from node.api.hold_structs import HoldDetail, PurseBody
from tests.ledger.samples import ARBITER, CONDITIONED, DEVICE, HASH, LOCK, NOW, RECORDS

PLAIN = RECORDS[f"hold/{HASH.hex()}"]


def shown(hold: object) -> HoldDetail:
    """Body as a client reads it."""
    assert isinstance(hold, Hold)
    return msgspec.json.decode(msgspec.json.encode(hold_detail(hold, 7)), type=HoldDetail)


def test_a_purse_shows_its_counters() -> None:
    """Goal: a payee sees what was settled. Method: the record of a purse that was revoked; bits 0, 5 and 23 are set."""
    found = shown(CONDITIONED["record device"])
    assert (found.condition, found.kind, found.target, found.settle_by) == ("device", "offline", "*", "")
    assert found.purse == PurseBody(DEVICE.key.hex(), NOW, 3_600_000, (0, 5, 23), NOW)
    assert (found.hash, found.arbiter) == ("", "")


def test_a_lock_shows_its_hash() -> None:
    """Goal: the other side locks by the same. Method: the record of a lock."""
    found = shown(CONDITIONED["record sha256"])
    assert (found.condition, found.hash, found.purse) == ("sha256", LOCK.digest.hex(), None)


def test_an_arbiter_is_named() -> None:
    """Goal: who signs. Method: the plain record with an arbiter."""
    assert isinstance(PLAIN, Hold)
    found = shown(msgspec.structs.replace(PLAIN, condition=ARBITER))
    assert (found.condition, found.arbiter) == ("arbiter", "operator")


@pytest.mark.parametrize("field", ["hash", "arbiter"])
def test_a_plain_hold_has_none(field: str) -> None:
    """Goal: as before. Method: the plain record."""
    found = shown(PLAIN)
    assert (found.condition, getattr(found, field), found.purse) == ("none", "", None)
