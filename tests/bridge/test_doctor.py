"""The doctor of the bridge's processes: a healthy one has nothing wrong, and what keeps another from its work is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from bridge.doctor import Patient, examine
from bridge.errors import ChainUnreachable, ProvidersDiffer
from ledger.bridges import Word
from tests.bridge.whole import There, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.doctor import Looked
    from ledger.bridges import BridgeRoute


@pytest.fixture
def whole(tmp_path: Path) -> Whole:
    """Make a route; nobody runs."""
    return Whole(tmp_path)


def look(whole: Whole, late: int = 1, **changes: object) -> dict[str, Looked]:
    """Examine bank-a's process, by what was looked at."""
    patient = replace(Patient("bank-a", whole.keys[0].address, 0, 3_600), **changes)
    there = whole.there["bank-a"]
    found = examine(patient, whole.here["bank-a"], lambda _: there, whole.here["bank-a"].newest().at.time_ms // 1_000 + late)
    return {each.what: each for each in found}


def test_a_healthy_process_has_nothing_wrong(whole: Whole) -> None:
    """Goal: every line is good; a relayer is asked for no set. Method: both."""
    assert all(each.good for each in look(whole).values()), look(whole)
    assert set(look(whole)) - set(look(whole, participant="")) == {"attestor"}


def test_each_fault_is_named(whole: Whole) -> None:
    """Goal: what is wrong, and what to do. Method: one fault after another."""
    assert "none of this route" in wrong(look(whole, participant="bank-x"), "attestor")
    assert "have bridge.set name this key" in wrong(look(whole, address=bytes(20)), "attestor")
    assert "set the clock" in wrong(look(whole, late=31), "clock")
    assert "has not finalised" in wrong(look(whole, late=9_000), "chain")
    assert "final is" in wrong(look(whole, first_block=10**9), "first block")
    whole.ledger.status("halted")
    assert "nothing is signed" in wrong(look(whole), "route")
    whole.ledger.status("active")
    whole.contracts.bridge.send("0x" + "a2" * 20, "pauseMint")
    assert "mintPaused" in wrong(look(whole), "switches there")


def test_a_silent_side_is_named(whole: Whole) -> None:
    """Goal: as far as one side can be asked without the other. Method: a chain that nobody answers for."""

    def dead(_: BridgeRoute) -> There:
        raise ChainUnreachable(url="http://there", reason="no answer")

    patient = Patient("bank-a", whole.keys[0].address, 0, 3_600)
    found = {each.what: each for each in examine(patient, whole.here["bank-a"], dead, 0)}
    assert "see `urls`" in wrong(found, "chain")
    assert found["attestor"].good


def wrong(found: dict[str, Looked], what: str) -> str:
    """Return what is said of a thing that is wrong."""
    assert not found[what].good
    return found[what].says


def test_who_contradicts_and_which_provider_differs_are_named(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: an operator sees why nothing moves, and who lies. Method: two mints signed by one; events that two nodes tell otherwise."""
    whole.lock(500)
    assert look(whole)["others"].good
    for number in (1, 2):
        whole.here["treasury"].sign(Word("mint", 1, 1, bytes([number] * 32), b"\x51" * 65))
    assert "treasury (mint 1) contradict" in wrong(look(whole), "others")

    def differ(*_: object) -> None:
        raise ProvidersDiffer(what="the events of blocks 0 to 1", urls=("https://one", "https://two"))

    monkeypatch.setattr(whole.there["bank-a"], "events", differ)
    assert "https://one and https://two differ on the events of blocks 0 to 1" in wrong(look(whole), "chain")
