"""What a second terminal asks of a devnet: status, faults, load, its end; and taking away the folder of one that does not run."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from rich.console import Console
from rich.table import Table

from devnet.client import Client, Refused
from devnet.control import NodeLine, Refusal, Request, ask, owned
from devnet.network import Network, Plan, has_devnet_genesis
from devnet.output import PLAIN_COLUMNS
from devnet.paced import pay_steadily

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

HEIGHT_SECONDS_MAX = 2


class NodeStanding(NodeLine, frozen=True):
    """How one node stands, and its newest final height; None where it does not answer."""

    height: int | None = None


def status(options: argparse.Namespace) -> None:
    """Show every node: state, process, addresses, height."""
    answer = ask(options.data, Request("status"))
    lines = asyncio.run(_heights(answer.nodes))
    if options.json:
        beside = {"beside": msgspec.to_builtins(answer.beside)} if answer.beside else {}
        _print_json({"pid": answer.pid, "nodes": msgspec.to_builtins(lines), **beside})
        return
    table = Table(title=f"devnet on {options.data}, process {answer.pid}", title_justify="left")
    split = any(line.cut_from for line in lines)
    for column in ("node", "role", "state", "client API", "peer protocol", "pid", "height", *(["cut off from"] if split else [])):
        table.add_column(column)
    for line in lines:
        height = "-" if line.height is None else str(line.height)
        cells = (line.name, line.role, line.state, line.api_url, line.peer_url, str(line.pid or "-"), height)
        table.add_row(*cells, *([", ".join(line.cut_from) or "-"] if split else []))
    for each in answer.beside:
        table.add_row(each.name, each.role, each.state, each.url or "-", "-", str(each.pid or "-"), "-", *(["-"] if split else []))
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=PLAIN_COLUMNS)).print(table)


def fault(options: argparse.Namespace) -> None:
    """Kill, pause or resume nodes."""
    answer = ask(options.data, Request(options.verb, tuple(options.nodes)))
    touched = [line for line in answer.nodes if line.name in options.nodes]
    beside = [line for line in answer.beside if line.name in options.nodes]
    if options.json:
        _print_json({"nodes": msgspec.to_builtins(touched), **({"beside": msgspec.to_builtins(beside)} if beside else {})})
        return
    for name, state in [(line.name, line.state) for line in touched] + [(each.name, each.state) for each in beside]:
        sys.stdout.write(f"{name} is {state}\n")


def cut(options: argparse.Namespace) -> None:
    """Cut nodes off from others."""
    _show_cuts(options, ask(options.data, Request("partition", tuple(options.nodes), tuple(options.others))).nodes)


def heal(options: argparse.Namespace) -> None:
    """End cuts."""
    _show_cuts(options, ask(options.data, Request("heal", tuple(options.nodes))).nodes)


def _show_cuts(options: argparse.Namespace, lines: tuple[NodeLine, ...]) -> None:
    if options.json:
        _print_json({"nodes": msgspec.to_builtins(lines)})
        return
    for line in lines:
        if line.cut_from:
            sys.stdout.write(f"{line.name} is cut off from {', '.join(line.cut_from)}\n")
    if not any(line.cut_from for line in lines):
        sys.stdout.write("no node is cut off from another\n")


def add_validator(options: argparse.Namespace) -> None:
    """Make and start nodes that follow, and say how they become validators."""
    answer = ask(options.data, Request("add-validator", tuple(options.nodes)))
    touched = [line for line in answer.nodes if line.name in options.nodes]
    if options.json:
        _print_json({"nodes": msgspec.to_builtins(touched)})
        return
    opener = next((line.name for line in answer.nodes if line.role == "validator" and line.name not in options.nodes), "NODE")
    for line in touched:
        config = options.data / line.name / "node.toml"
        sys.stdout.write(
            f"{line.name} is {line.state} at {line.api_url} and follows. To give it a vote from the next epoch on:\n"
            f"  som validator add operator --node-config {config} --box-key-file {options.data / opener / 'box.key'} --wait\n"
            f"  som validator ready {config} --wait\n"
            "  som epoch end --wait\n"
        )


def down(options: argparse.Namespace) -> None:
    """End the devnet and wait until it is gone."""
    answer = ask(options.data, Request("down"))
    if options.json:
        _print_json({"pid": answer.pid, "nodes": []})
    else:
        sys.stdout.write(f"the devnet on {options.data} is down\n")


def load(options: argparse.Namespace) -> None:
    """Send payments at a steady rate through the validators that run, and say what became of them.

    Raises
    ------
    Refusal
        Nothing became final.
    """
    answer = ask(options.data, Request("status"))
    urls = [line.api_url for line in answer.nodes if (line.role, line.state) == ("validator", "running")]
    if not urls:
        raise Refusal("no validator runs: som devnet resume starts one again")
    network = Network(Plan(options.data))
    report = asyncio.run(pay_steadily(network, urls, seconds=options.seconds, rate=options.rate))
    if options.json:
        _print_json(msgspec.to_builtins(report))
    else:
        sys.stdout.write(
            f"{report.sent} payments in {options.seconds} s: {report.final} final, {report.refused} refused, {report.unknown} unknown; "
            f"finality p50 {report.p50_ms:.1f} ms, p99 {report.p99_ms:.1f} ms\n"
        )
    if not report.final:
        raise Refusal("no payment became final: does a quorum of validators run? (som devnet status)")


def reset(options: argparse.Namespace) -> None:
    """Take away the data folder of a devnet that does not run: keys, chain, everything.

    Raises
    ------
    Refusal
        It runs, or the folder is not one that a devnet made.
    """
    folder: Path = options.data
    if not _is_devnet(folder):
        raise Refusal(f"{folder} is not the data folder of a devnet (genesis.json of a devnet and som.toml): nothing was removed")
    with owned(folder):
        shutil.rmtree(folder)
    if options.json:
        _print_json({"removed": str(folder)})
    else:
        sys.stdout.write(f"{folder} is removed\n")


def _is_devnet(folder: Path) -> bool:
    return not folder.is_symlink() and (folder / "som.toml").is_file() and has_devnet_genesis(folder)


async def _heights(lines: tuple[NodeLine, ...]) -> list[NodeStanding]:
    return list(await asyncio.gather(*(_height(line) for line in lines)))


async def _height(line: NodeLine) -> NodeStanding:
    height = None
    if line.state == "running":
        try:
            async with asyncio.timeout(HEIGHT_SECONDS_MAX), Client(line.api_url) as client:
                height = (await client.status()).height
        except (aiohttp.ClientError, TimeoutError, Refused):
            height = None
    return NodeStanding(**msgspec.structs.asdict(line), height=height)


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
