"""What is wrong with several nodes together: who does not answer, and on what those that do answer disagree. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.doctor_facts import Answering, Silent
from cli.doctor_node import node_findings
from cli.findings import THE_NETWORK, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cli.doctor_facts import Asked, MachineFacts

APART = 1_000
"""Heights between nodes that are asked within a few seconds of each other: 50 blocks a second for 20 s."""


def network_findings(asked: Sequence[Asked], machine: MachineFacts | None, chain: str) -> Iterator[Finding]:
    """Everything that the nodes' answers say. `chain`: the one that is expected, hex; empty: none is."""
    answering = [each for each in asked if isinstance(each, Answering)]
    names = known_names(answering, machine)
    for each in asked:
        if isinstance(each, Silent) and (machine is None or each.url != machine.url):
            yield silence(each, each.url)
    yield from _chains(answering, chain)
    yield from _forks(answering)
    yield from _versions(answering)
    yield from _behind(answering)
    for node in answering:
        yield from node_findings(node, names)


def silence(node: Silent, about: str) -> Finding:
    """Say that a node does not answer."""
    todo = "look whether it runs and whether its address is right; on its own machine som doctor --config FILE says more"
    return Finding("node-unreachable", "wrong", about, f"does not answer ({node.why})", todo)


def known_names(answering: Sequence[Answering], machine: MachineFacts | None) -> dict[str, str]:
    """Names by node key, hex: as configurations call the nodes, first of all each its own."""
    names = dict(machine.names) if machine is not None else {}
    for node in answering:
        for entry in node.validators.validators:
            if entry.index == node.consensus.index:
                names[entry.node_key] = node.name
    return names


def _chains(nodes: Sequence[Answering], chain: str) -> Iterator[Finding]:
    expected = chain or next((node.status.chain for node in nodes), "")
    for node in nodes:
        if node.status.chain != expected:
            whose = "the genesis document that you trust" if chain else f"{nodes[0].name}'s"
            says = f"is on chain {node.status.chain[:16]}, which is not that of {whose} ({expected[:16]})"
            yield Finding("other-chain", "wrong", node.name, says, "talk to another node, or compare the genesis documents")


def _forks(nodes: Sequence[Answering]) -> Iterator[Finding]:
    """Tell of two final blocks at one height: the one thing that must never be."""
    seen: dict[tuple[str, int], Answering] = {}
    for node in nodes:
        first = seen.setdefault((node.status.chain, node.status.height), node)
        if first.status.final_block != node.status.final_block:
            yield Finding(
                "fork",
                "wrong",
                THE_NETWORK,
                f"has two final blocks at height {node.status.height}: {first.name} and {node.name} disagree",
                "stop paying out on what is final since then, keep both data folders, call all operators",
                (first.name, node.name),
            )


def _versions(nodes: Sequence[Answering]) -> Iterator[Finding]:
    versions = sorted({node.status.version for node in nodes})
    if len(versions) > 1:
        which = ", ".join(f"{node.name} {node.status.version}" for node in nodes)
        yield Finding("versions", "note", THE_NETWORK, f"runs several versions: {which}", "finish the upgrade")


def _behind(nodes: Sequence[Answering]) -> Iterator[Finding]:
    newest: Mapping[str, int] = {
        node.status.chain: max(each.status.height for each in nodes if each.status.chain == node.status.chain) for node in nodes
    }
    for node in nodes:
        behind = newest[node.status.chain] - node.status.height
        if behind > APART:
            says = f"is {behind} blocks behind, at height {node.status.height}"
            todo = "wait if it catches up; else look at its peers, its disk and its log"
            yield Finding("node-behind", "warning", node.name, says, todo)
