"""Attestors that lie, or whose chain does, up to f: the others go on, and it is said who and why (B6, B9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge import relayer
from bridge.attestor import Stalled
from bridge.errors import ProvidersDiffer
from bridge.watcher import Later
from ledger.bridges import Word
from ledger.transactions.bodies import GrantPut
from tests.bridge.whole import ALICE, Whole, steps
from tests.ledger.bridge_world import WITNESSES
from tests.ledger.cast import BY_ROOT
from tests.ledger.world import MAIN_A, grant

if TYPE_CHECKING:
    from pathlib import Path

THREE = WITNESSES[:3]


@pytest.fixture
def whole(tmp_path: Path) -> Whole:
    """Make a route; nobody runs yet."""
    return Whole(tmp_path)


def test_b6_providers_that_differ_stop_this_attestor_and_no_other(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: it neither tells nor signs until they agree again. Method: its calls differ; three others complete a transfer; they agree."""
    steps(whole, WITNESSES)
    whole.lock(500)

    def differ(*_: object) -> None:
        raise ProvidersDiffer(what="a call", urls=("https://one", "https://two"))

    with monkeypatch.context() as patched:
        patched.setattr(whole.there["bank-a"], "state", differ)
        said = len(whole.here["bank-a"].codes)
        with pytest.raises(ProvidersDiffer, match="stops until they agree again"):
            whole.attestor("bank-a").step()
        steps(whole, WITNESSES)
        assert len(whole.here["bank-a"].codes) == said
        assert whole.contract("cumulativeMinted") == 500
    whole.burn(100)
    steps(whole, WITNESSES)
    assert whole.ledger.route.released == 100
    assert len(whole.here["bank-a"].signatures("mint", 1)) == 3
    assert len(whole.here["bank-a"].codes) > said


def test_a_pause_of_a_stalled_chain_is_lifted_when_it_finalises_again(whole: Whole) -> None:
    """Goal: the route goes on by itself, before its hour is over. Method: the chain stands still for two hours, then has a new block."""
    whole.ledger.must(GrantPut(grant("pause-bank-a", "order.pause", "bank-a", asset="KGS")), by=BY_ROOT)
    whole.lock(500)
    steps(whole)
    whole.chain.wait(whole.chain.newest.time + 7_200 - whole.chain.now)
    for _ in range(3):
        with pytest.raises(Stalled, match=r"has not finalised for 720[0-2] s"):
            whole.attestor("bank-a").step()
        whole.chain.wait(1)
    assert whole.ledger.lock(20, MAIN_A, bytes.fromhex(ALICE[2:])) == 131
    whole.later(1)
    whole.attestor("bank-a").step()
    assert whole.ledger.lock(20, MAIN_A, bytes.fromhex(ALICE[2:])) == 0


def test_b9_an_attestor_that_equivocates_is_named_and_counted_once(whole: Whole) -> None:
    """Goal: one liar of four changes nothing, and all see who it is. Method: treasury signs two other mints of a lock."""
    whole.lock(500)
    for number in (1, 2):
        forged = bytes([number] * 32)
        assert whole.here["treasury"].sign(Word("mint", 1, 1, forged, whole.keys[3].sign(forged))) == 0
    steps(whole)
    assert whole.contract("cumulativeMinted") == 500
    assert len(whole.here["bank-a"].signatures("mint", 1)) == 3
    whole.attestor("bank-a").step()
    assert whole.shown[-1].contradictions == ("treasury contradicts itself or the others: mint 1",)


def test_locks_that_are_late_keep_no_other_waiting(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a relayer is not held up. Method: more late locks than it tries in a step, which nobody refunds yet, before a good one."""
    monkeypatch.setattr(relayer, "MESSAGES_STEP", 2)
    for _ in range(4):
        whole.lock(20)
    for name in THREE:
        whole.attestor(name).step()
        monkeypatch.setattr(whole.here[name], "tell", lambda _: 131)
    whole.later(90_000)
    whole.lock(30)
    for name in THREE:
        with pytest.raises(Later):
            whole.attestor(name).step()
    assert [(each.number, each.outcome) for each in whole.relayer.step() if each.what == "mint"] == [(5, "mined")]
    assert whole.contract("cumulativeMinted") == 30


def test_mints_that_are_not_final_yet_keep_no_other_waiting(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: slow finality does not hold a relayer up. Method: more mints that are not final than it tries in a step, then another."""
    monkeypatch.setattr(relayer, "MESSAGES_STEP", 2)
    for there in whole.there.values():
        there.held_back = 9
    for _ in range(5):
        whole.lock(20)
        for name in THREE:
            whole.attestor(name).step()
        whole.relayer.step()
    assert whole.contract("cumulativeMinted") == 100
