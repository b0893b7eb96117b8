"""`som doctor`: what is wrong with nodes and what to do about it, each in one sentence.

Nodes are asked over their client APIs; with `--config` the machine of one of them is looked at, too, whether the node runs or not. Nothing
is changed. What is a finding is in `cli.doctor_node`, `cli.doctor_network` and `cli.doctor_machine`, which are pure.
"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.doctor_ask import ask_nodes
from cli.doctor_facts import Answering, Asked, MachineFacts
from cli.doctor_machine import machine_findings
from cli.doctor_network import network_findings
from cli.findings import Finding, is_healthy, merged
from cli.output import Json, print_json, print_line
from cli.profile import check_url
from cli.session import Choices, Session
from ledger.genesis import chain_id

WRONG = 1
UNREACHABLE = 3


def register(root: typer.Typer) -> None:
    """Add the command to the root."""
    root.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    *,
    node: Annotated[list[str] | None, typer.Option("--node", metavar="URL", help="Node to ask; the profile's where none is given.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Configuration (TOML) of a node on this machine: looks at it, too.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say what is wrong and what to do: clock, disk, keys, peers, lag. Exit code 0: nothing; 1: something; 3: no node answers."""
    before = context.find_root().obj or Choices()
    machine = _look(config) if config is not None else None
    urls = _addresses(Session(before), tuple(node or before.nodes), machine)
    asked = ask_nodes(urls)
    findings = examine(asked, machine, _expected_chain(Session(before), machine))
    if json or before.json:
        print_json(_document(asked, machine, findings))
    else:
        _print(asked, findings)
    raise typer.Exit(exit_code(asked, findings))


def examine(asked: tuple[Asked, ...], machine: MachineFacts | None, chain: str) -> tuple[Finding, ...]:
    """Everything that the facts say, worst first. `chain`: the one that is expected, hex; empty: none is."""
    local = machine_findings(machine, asked) if machine is not None else ()
    return merged((*local, *network_findings(asked, machine, chain)))


def exit_code(asked: tuple[Asked, ...], findings: tuple[Finding, ...]) -> int:
    """3 where nodes were asked and none answers, else 1 where anything is wrong, else 0."""
    if asked and not any(isinstance(each, Answering) for each in asked):
        return UNREACHABLE
    return 0 if is_healthy(findings) else WRONG


def _look(config: Path) -> MachineFacts:
    from cli.doctor_look import look  # noqa: PLC0415 - LMDB would slow the start of every other command

    return look(config)


def _addresses(session: Session, given: tuple[str, ...], machine: MachineFacts | None) -> tuple[str, ...]:
    """Whom to ask: those given; with a configuration its own node first; else those of the profile."""
    for url in given:
        check_url(url)
    own = (machine.url,) if machine is not None and machine.url else ()
    if not given and machine is None:
        given = tuple(session.profile.nodes)
    return tuple(dict.fromkeys(url.rstrip("/") for url in (*own, *given)))


def _expected_chain(session: Session, machine: MachineFacts | None) -> str:
    """Chain of the node's own genesis document, else of the profile's; empty: none is named."""
    if machine is not None:
        return machine.chain
    if session.profile.chain:
        return session.profile.chain
    return chain_id(session.genesis).hex() if session.profile.genesis else ""


def _document(asked: tuple[Asked, ...], machine: MachineFacts | None, findings: tuple[Finding, ...]) -> Json:
    document: Json = {
        "healthy": is_healthy(findings) and any(isinstance(each, Answering) for each in asked),
        "nodes": [_node(each) for each in asked],
        "machine": None if machine is None else msgspec.to_builtins(machine),
        "findings": msgspec.to_builtins(findings),
    }
    return document


def _node(each: Asked) -> Json:
    if not isinstance(each, Answering):
        return {"url": each.url, "reached": False, "why": each.why}
    status, consensus = each.status, each.consensus
    return {
        "url": each.url,
        "reached": True,
        "node": status.node,
        "role": status.role,
        "version": status.version,
        "height": status.height,
        "epoch": consensus.epoch,
        "view": consensus.view,
        "waits_for": consensus.waits_for,
        "peers": status.peers,
        "clock_apart_ms": max(0, consensus.time_ms - each.answered_ms, each.asked_ms - consensus.time_ms),
    }


def _print(asked: tuple[Asked, ...], findings: tuple[Finding, ...]) -> None:
    for each in findings:
        others = [name for name in each.seen_by if name != each.about]
        seen = f" (seen by {', '.join(others)})" if others else ""
        print_line(f"{each.level.upper()}: {each.about} {each.says}{seen}.")
        print_line(f"  {each.todo}.")
    answering = [each for each in asked if isinstance(each, Answering)]
    for one in answering:
        consensus = one.consensus
        print_line(
            f"{one.name}: height {one.status.height}, epoch {consensus.epoch}, view {consensus.view}, waits for {consensus.waits_for} "
            f"({consensus.waiting_ms / 1_000:.1f} s)"
        )
    wrong = sum(1 for each in findings if each.level != "note")
    if wrong or not answering:
        print_line(f"{wrong} finding{'' if wrong == 1 else 's'}, {len(answering)} of {len(asked)} nodes answer")
    else:
        print_line(f"nothing is wrong with {len(answering)} node{'' if len(answering) == 1 else 's'}")
