"""Whole runs on a small network in memory: the protocol is seen to finalise, and the situations that each rule was made for to resolve."""

from __future__ import annotations

import pytest

from consensus.types import Timing
from tests.consensus.network import Network


def test_idle_chain_beats_and_sleeps() -> None:
    """Goal: K18. Method: 30 s without work: one empty final block per heartbeat, equal chains."""
    network = Network()
    network.run(30_500)
    assert network.heights() == [6] * 4
    assert network.same_chain()


@pytest.mark.parametrize("size", [4, 5, 6, 7])
def test_payments_become_final_in_three_delays(size: int) -> None:
    """Goal: a block takes 2 message delays, finality 3. Method: one payment on an idle network with delays of 5 ms."""
    network = Network(size)
    network.run(100)
    network.pay()
    network.run(3 * 5 + 5)
    assert network.heights() == [1] * size


def test_busy_chain_finalizes_every_view() -> None:
    """Goal: no view is lost without faults. Method: 200 blocks under load: as many views as blocks, no alarm."""
    network = Network()
    for _ in range(200):
        network.pay(3)
        network.run(25)
    assert min(network.heights()) >= 190
    assert network.same_chain()
    assert all(view - height <= 2 for view, height in zip(network.views(), network.heights(), strict=True))
    assert [node.alarms for node in network.nodes] == [[], [], [], []]


def test_one_dead_validator_costs_its_views_only() -> None:
    """Goal: liveness with f crashed. Method: one of four is off under load for 20 s; it comes back and catches up."""
    network = Network()
    network.run(50)
    network.nodes[3].crash()
    for _ in range(200):
        network.pay()
        network.run(100)
    before = network.heights()
    assert min(before[:3]) >= 40
    network.nodes[3].boot()
    network.run(6_000)
    assert network.heights()[3] >= max(before)
    assert network.same_chain()


def test_all_crash_at_once() -> None:
    """Goal: K13, K14. Method: power fails everywhere in the middle of work, ten times; payments go on each time."""
    network = Network()
    for outage in range(10):
        network.pay(2)
        network.run(7 + outage)
        for node in network.nodes:
            node.crash()
        network.run(200)
        for node in network.nodes:
            node.boot()
        before = max(network.heights())
        network.pay()
        network.run(6_000)
        assert min(network.heights()) > before
    assert network.same_chain()


def test_all_crash_after_nullify() -> None:
    """Goal: K13: else q validators that crash after journaling nullify are dead for ever. Method: votes of view 1 reach nobody."""
    network = Network()
    network.linked = lambda _sender, _receiver: False
    network.pay()
    network.run(1_000)
    assert network.views() == [1] * 4
    for node in network.nodes:
        node.crash()
    network.run(10)
    network.linked = lambda _sender, _receiver: True
    for node in network.nodes:
        node.boot()
    network.run(10)
    assert network.views() == [2] * 4
    network.pay()
    network.run(1_000)
    assert min(network.heights()) >= 1


def test_two_against_two_heals() -> None:
    """Goal: K9, K19. Method: no quorum on either side for 20 s, then one; finality within five maximal timeouts."""
    network = Network()
    network.pay()
    network.run(30)
    network.linked = lambda sender, receiver: (sender < 2) == (receiver < 2)
    network.pay()
    network.run(20_000)
    before = max(network.heights())
    network.linked = lambda _sender, _receiver: True
    network.run(5 * Timing().timeout_ms_max)
    assert min(network.heights()) > before
    assert network.same_chain()


def test_a_notarization_that_only_one_saw_is_repaired() -> None:
    """Goal: K9, K19. Method: notarize votes of one view reach only validator 0; another validator crashes; the rest must join it."""
    network = Network()
    network.pay()
    network.run(6)
    network.linked = lambda _sender, receiver: receiver == 0
    network.run(100)
    network.nodes[3].crash()
    network.linked = lambda _sender, _receiver: True
    network.run(10_000)
    assert min(network.heights()[:3]) >= 1
    assert network.same_chain()


def test_far_behind_catches_up_by_ranges() -> None:
    """Goal: K20. Method: one validator is cut off for 300 blocks."""
    network = Network()
    network.linked = lambda sender, receiver: 3 not in (sender, receiver)
    for _ in range(400):
        network.pay()
        network.run(100)
    assert network.heights()[3] == 0
    assert min(network.heights()[:3]) >= 100
    network.linked = lambda _sender, _receiver: True
    network.run(8_000)
    assert network.heights()[3] >= network.heights()[0] - 1
    assert network.same_chain()


def test_the_same_run_twice_is_the_same() -> None:
    """Goal: determinism. Method: the same script twice: every journal equal, record by record."""
    journals = []
    for _ in range(2):
        network = Network()
        for step in range(60):
            network.pay()
            if step == 20:
                network.nodes[2].crash()
            if step == 40:
                network.nodes[2].boot()
            network.run(40)
        journals.append([node.journal for node in network.nodes])
    assert journals[0] == journals[1]
