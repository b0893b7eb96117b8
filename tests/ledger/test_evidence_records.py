"""attest of kind evidence: what a validator's participant has shown of a double vote stays on record, bounded, and proves itself."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.attestations import ACCUSATIONS_MAX, Accusation, Attestation, Sighting
from ledger.errors import OK, InvariantBroken, Malformed
from ledger.indexes import derive_indexes
from ledger.invariants import check_transaction
from ledger.placement import GOVERNANCE, tree_of
from ledger.state import Overlay
from ledger.transactions.bodies import Attest
from tests.ledger.cast import OPERATOR
from tests.ledger.epoch_world import validator
from tests.ledger.world import World

KEY = validator("operator", 2).consensus_key


def file_of(number: int) -> bytes:
    """Hash of a file."""
    return sha256(b"%d" % number).digest()


def shown(world: World, number: int = 1, key: bytes = KEY) -> Attestation:
    """Make what is said of a file now."""
    return Attestation(key.hex(), "evidence", key.hex(), 0, world.time_ms, 0, file_of(number), "", "operator")


def show(world: World, said: Attestation) -> int:
    """Let the operator, which validates, say it; return the code."""
    return world.do(Attest(said), by=OPERATOR).code


def records(world: World) -> dict[str, Accusation]:
    """Return what is on record, by key."""
    return {key: record for key, record in world.state.records.items() if isinstance(record, Accusation)}


def test_evidence_is_a_record_of_governance_and_nothing_else() -> None:
    """Goal: who showed which file against whom, and no other effect. Method: every record before and after."""
    world = World()
    before = {key: each for key, each in world.state.records.items() if not key.startswith(("refs/", "~", "day/"))}
    at = world.time_ms
    assert show(world, shown(world)) == OK
    after = {key: each for key, each in world.state.records.items() if not key.startswith(("refs/", "~", "day/"))}
    place = f"evidence/{file_of(1).hex()}"
    new = {key: each for key, each in after.items() if before.get(key) != each}
    assert new == {place: Accusation(KEY, "operator", at, world.height, at)}
    assert tree_of(place, after[place]) == GOVERNANCE
    assert show(world, shown(world, key=validator("operator", 1).consensus_key)) == 125, "a file proves one thing, once"


def test_a_key_that_left_the_set_can_still_be_accused() -> None:
    """Goal: K15, old keys stay in the registry. Method: the registry alone knows the key."""
    world = World()
    left = validator("bank-b").consensus_key
    assert show(world, shown(world, key=left)) == 172
    world.state.records[f"key/{left.hex()}"] = world.state.records[f"key/{KEY.hex()}"]
    assert show(world, shown(world, key=left)) == OK


@pytest.mark.parametrize(
    "fields",
    [
        {"value": 1},
        {"value": Sighting(1, 0, 0, 1, bytes(range(32)))},
        {"valid_until": 10**13},
        {"standard": "by eye"},
        {"doc_hash": bytes(32)},
        {"id": "other"},
        {"subject": "xx", "id": "xx"},
        {"subject": KEY.hex().upper(), "id": KEY.hex().upper()},
    ],
    ids=str,
)
def test_form_of_evidence(fields: dict[str, object]) -> None:
    """Goal: 100 on any state. Method: one thing wrong, each."""
    world = World()
    with pytest.raises(Malformed):
        show(world, replace(shown(world), **fields))


@settings(max_examples=10)
@given(more=st.integers(1, 5), together=st.booleans())
def test_the_newest_64_of_a_participant_stay(more: int, *, together: bool) -> None:
    """Goal: bounded, whoever shows however much. Method: show more; in a block each, or the last ones in one block; compare with a list."""
    world = World()
    numbers = list(range(ACCUSATIONS_MAX + more))
    for number in numbers[:ACCUSATIONS_MAX]:
        assert show(world, shown(world, number)) == OK
    txs = [world.sign(Attest(shown(world, number)), by=OPERATOR) for number in numbers[ACCUSATIONS_MAX:]]
    if together:
        assert [each.code for each in world.block(*txs)] == [OK] * more
    else:
        assert [world.block(tx)[0].code for tx in txs] == [OK] * more
    assert sorted(records(world)) == sorted(f"evidence/{file_of(number).hex()}" for number in numbers[more:])
    assert derive_indexes(world.state.hashed().items()).keys() == {key for key in world.state.records if key[0] == "~"}


def test_what_was_shown_is_never_changed() -> None:
    """Goal: L12. Method: change a record by hand; only its end is allowed."""
    world = World()
    assert show(world, shown(world)) == OK
    key = f"evidence/{file_of(1).hex()}"
    overlay = Overlay(world.state)
    mark = overlay.mark()
    overlay.put(key, replace(records(world)[key], by="bank-a"))
    with pytest.raises(InvariantBroken, match="stays what it was"):
        check_transaction(overlay, mark, (), "attest")
