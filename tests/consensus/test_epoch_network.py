"""K22 on a small network: epochs end under load, idle, with losses, crashes and other committees, and never fork or stop."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest

from consensus.effects import CertificateRecord, MilestoneKind
from consensus.events import CertificateReceived, Event, ProposalReceived, VoteReceived
from consensus.types import Kind, Timing
from tests.consensus.network import Network


def load(network: Network, steps: int, step_ms: int = 25) -> None:
    """Pay now and then."""
    for _ in range(steps):
        network.pay(3)
        network.run(step_ms)


def settle(network: Network, payments: int = 3) -> None:
    """Let everybody come together: no faults any more."""
    network.linked = lambda _sender, _receiver: True
    network.passes = lambda _receiver, _event: True
    for _ in range(payments):
        network.pay()
        network.run(6_000)


def views_of_ends(network: Network) -> dict[tuple[int, bytes], set[int]]:
    """Return in which views each block was notarized, by epoch and block, those with several only."""
    found: dict[tuple[int, bytes], set[int]] = defaultdict(set)
    for node in network.nodes:
        for record in node.journal:
            if isinstance(record, CertificateRecord) and record.certificate.subject.kind is Kind.NOTARIZE:
                subject = record.certificate.subject
                found[subject.epoch, subject.block_id].add(subject.view)
    return {key: views for key, views in found.items() if len(views) > 1}


def assert_sound(network: Network) -> None:
    """One chain, one end for each epoch, views from 1 in each, no alarm."""
    assert network.same_chain()
    longest = max((node.final for node in network.nodes), key=len)
    for before, facts in pairwise(longest):
        assert facts.parent == before.block_id
        assert facts.epoch == before.epoch + before.boundary
        assert facts.boundary == (facts.height % network.epoch_length == 0)
        assert facts.view > (0 if before.boundary else before.view)
    assert all(node.alarms == [] for node in network.nodes)


def test_k22_a_busy_chain_crosses_epochs_without_a_pause() -> None:
    """Goal: an end costs a few delays. Method: 200 steps of load, epochs of 10 heights: as many blocks as without epochs, nearly."""
    network = Network(epoch_length=10)
    load(network, 200)
    assert min(network.heights()) >= 170
    assert min(network.epochs()) >= 17
    assert_sound(network)
    pauses = [later.time_ms - earlier.time_ms for earlier, later in pairwise(network.nodes[0].final)]
    assert max(pauses[1:]) <= 60


def test_k22_an_idle_chain_crosses_epochs() -> None:
    """Goal: K18: the end is pursued, idle or not. Method: 60 s without work, epochs of 4: a block per heartbeat, the end final at once."""
    network = Network(epoch_length=4)
    network.run(60_500)
    assert min(network.heights()) == 12
    assert network.epochs() == [3] * 4
    assert_sound(network)


def test_k22_committees_change_whole() -> None:
    """Goal: 4 -> 5 -> 4: one joins, one leaves. Method: load over three epochs, all nodes have the chain, only the committee votes."""
    network = Network(5, epoch_length=20, committees=((0, 1, 2, 3), (4, 0, 1, 2, 3), (4, 3, 2, 1)))
    load(network, 120)
    assert network.epochs() == [max(network.epochs())] * 5
    assert max(network.epochs()) >= 3
    assert_sound(network)
    assert [node.me for node in network.nodes] == [None, 3, 2, 1, 0]
    assert max(network.heights()) - min(network.heights()) <= 3
    proposers = {(facts.epoch, network.committee(facts.epoch)[facts.proposer]) for facts in network.nodes[1].final[1:]}
    assert {number for epoch, number in proposers if epoch == 1} == {0, 1, 2, 3, 4}
    assert {number for epoch, number in proposers if epoch == 2} == {1, 2, 3, 4}


def test_k22_the_end_is_certified_in_several_views() -> None:
    """Goal: no finalize vote gets through for 2 s: the end is notarized view after view, then final in one of them, once."""
    network = Network(epoch_length=5)
    load(network, 2)

    def no_finalize(_receiver: int, event: Event) -> bool:
        return not (
            (isinstance(event, VoteReceived) and event.signed.vote.kind is Kind.FINALIZE)
            or (isinstance(event, CertificateReceived) and event.certificate.subject.kind is Kind.FINALIZE)
        )

    network.passes = no_finalize
    load(network, 80)
    assert network.epochs() == [0] * 4
    several = views_of_ends(network)
    assert len(several) == 1
    assert max(map(len, several.values())) >= 20
    settle(network)
    assert min(network.epochs()) >= 1
    assert_sound(network)


def test_k22_one_validator_misses_the_end() -> None:
    """Goal: who is still in the old epoch is shown its end. Method: one is cut off around an end; then across three epochs."""
    network = Network(epoch_length=20)
    load(network, 15)
    network.linked = lambda sender, receiver: 2 not in (sender, receiver)
    load(network, 12, 100)
    assert network.epochs() == [1, 1, 0, 1]
    settle(network)
    assert len(set(network.epochs())) == 1
    network.linked = lambda sender, receiver: 1 not in (sender, receiver)
    load(network, 160, 100)
    assert max(network.epochs()) - network.epochs()[1] >= 2
    settle(network)
    assert len(set(network.epochs())) == 1
    assert_sound(network)
    assert max(network.heights()) - min(network.heights()) <= 1


def test_k22_an_end_that_was_nullified_gives_way() -> None:
    """Goal: an end that nobody saw costs its view. Method: proposals of every first end are lost: the next leader makes another."""
    network = Network(epoch_length=5)
    lost: dict[int, bytes] = {}

    def lose(_receiver: int, event: Event) -> bool:
        if isinstance(event, ProposalReceived) and event.proposal.facts.boundary:
            facts = event.proposal.facts
            return lost.setdefault(facts.epoch, facts.block_id) != facts.block_id
        return True

    network.passes = lose
    for _ in range(40):
        network.pay()
        network.run(100)
    settle(network)
    assert min(network.epochs()) >= 3
    assert_sound(network)
    finals = {facts.block_id for facts in network.nodes[0].final}
    assert lost
    assert not finals & set(lost.values())


def test_k22_the_end_is_notarized_for_one_and_nullified_by_the_others() -> None:
    """Goal: K9 at the end of an epoch. Method: votes for the first end reach one only, what it sends nobody; then all heals."""
    network = Network(epoch_length=5)
    seen: set[int] = set()

    def one_sided(_receiver: int, event: Event) -> bool:
        if isinstance(event, ProposalReceived) and event.proposal.facts.boundary:
            seen.add(event.proposal.facts.view)
        return True

    network.passes = one_sided
    while not seen:
        network.pay()
        network.run(1)
    network.linked = lambda _sender, receiver: receiver == 0
    network.run(1_000)
    network.linked = lambda sender, _receiver: sender != 0
    network.run(3_000)
    settle(network)
    assert min(network.epochs()) >= 1
    assert_sound(network)


@pytest.mark.parametrize("size", [4, 7])
def test_k22_all_crash_at_the_end_and_start_again(size: int) -> None:
    """Goal: K13, K14 at every moment of an end. Method: power fails everywhere at each of 30 moments around it; payments go on after."""
    network = Network(size, epoch_length=6)
    for outage in range(30):
        while network.nodes[0].final[-1].height % 6 != 4:
            network.pay()
            network.run(10)
        network.pay(2)
        network.run(15 + outage)
        for node in network.nodes:
            node.crash()
        network.run(200)
        for node in network.nodes:
            node.boot()
        before = max(network.heights())
        network.pay()
        network.run(6_000)
        assert min(network.heights()) > before, f"outage {outage}"
    assert min(network.epochs()) >= 20
    assert_sound(network)


def test_k22_half_crash_at_the_end() -> None:
    """Goal: no quorum in either epoch for a while. Method: one alone has the end final; it and another are off; they come back."""
    network = Network(epoch_length=6)

    def final_for_one(receiver: int, event: Event) -> bool:
        votes = isinstance(event, VoteReceived) and event.signed.vote.kind is Kind.FINALIZE
        certified = isinstance(event, CertificateReceived) and event.certificate.subject.kind is Kind.FINALIZE
        return receiver == 1 or not (votes or certified)

    network.passes = final_for_one
    while network.epochs()[1] == 0:
        network.pay()
        network.run(1)
    assert network.epochs() == [0, 1, 0, 0]
    network.nodes[1].crash()
    network.nodes[2].crash()
    network.run(10)
    network.passes = lambda _receiver, _event: True
    network.run(20_000)
    assert network.epochs() == [0, 1, 0, 0]
    network.nodes[1].boot()
    network.nodes[2].boot()
    settle(network)
    assert min(network.epochs()) >= 1
    assert_sound(network)


def test_k17_a_dead_leader_costs_no_timeout() -> None:
    """Goal: K17: silence of one, seen by the others, is not waited for. Method: one of four dies; its views are given up at once, later."""
    network = Network(timing=Timing())
    load(network, 20)
    network.nodes[3].crash()
    load(network, 80, 100)
    causes = [mark.cause.value for mark in network.nodes[0].milestones if mark.kind is MilestoneKind.GAVE_UP]
    assert causes[0] == "leader_silent"
    assert causes[-1] == "inactive"
    before = min(network.heights()[:3])
    load(network, 100, 25)
    assert min(network.heights()[:3]) - before >= 70
    network.nodes[3].boot()
    settle(network)
    load(network, 40)
    assert network.heights()[3] >= max(network.heights()) - 1
    late = [mark for mark in network.nodes[0].milestones[-60:] if mark.kind is MilestoneKind.GAVE_UP]
    assert late == [], "and none once it is back"


def test_k17_nobody_is_skipped_on_an_idle_chain() -> None:
    """Goal: K17: statuses every 2 s are enough to be there. Method: two idle minutes: no view given up."""
    network = Network()
    network.run(120_000)
    assert all(mark.kind is not MilestoneKind.GAVE_UP for node in network.nodes for mark in node.milestones)
