"""A network of real nodes on this machine, for developers: play money only. `python -m devnet` without a verb is `up`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from devnet import orders
from devnet.control import ControlFault
from devnet.day import DayFailed
from devnet.network import NotADevnet, NotReady
from devnet.ports import NoFreePorts
from devnet.processes import NodeFailed
from devnet.up import run
from ledger.genesis import GenesisError
from node.config import ConfigError
from node.keystore import KeystoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

USAGE = 2
SECONDS_MAX = 600
RATE_MAX = 2_000
"""More than one process can sign beside the nodes; `make bench` measures what fits."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence."""

    def error(self, message: str) -> NoReturn:
        """Write it; end with exit code 2."""
        self.exit(USAGE, f"devnet: {message} ({self.prog} --help shows what it takes)\n")


def up(options: argparse.Namespace) -> None:
    """Start a network and stay with it."""
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(run(options))


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers within bounds, both included."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"{text[:32]!r} is not a whole number from {low} to {high}")
        return int(text)

    return read


def parser() -> Parser:
    """Return the parser of all verbs."""
    found = Parser(prog="som devnet", description=__doc__)
    verbs = found.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, about: str, act: Callable[[argparse.Namespace], None]) -> Parser:
        made = verbs.add_parser(name, help=about, description=about)
        made.set_defaults(act=act)
        made.add_argument("--data", type=Path, default=Path("devnet-data"), metavar="DIR", help="data folder (devnet-data)")
        if name != "up":
            made.add_argument("--json", action="store_true", help="one JSON document")
        return made

    start = verb("up", "start a network, or the one in the data folder again; it stays up until Ctrl-C or `down`", up)
    start.add_argument("--validators", type=whole(4, 16), default=4, help="number of validators, 4 to 16 (4)")
    start.add_argument("--peers", type=whole(0, 16), default=2, help="number of bank peers, 0 to 16 (2)")
    start.add_argument("--port-base", type=whole(1_024, 65_000), default=8_800, help="first port; the next free run from here (8800)")
    day = start.add_mutually_exclusive_group()
    day.add_argument("--exit-after-demo", action="store_true", help="stop after the demonstration day, with exit code 0")
    day.add_argument("--no-demo", action="store_true", help="no demonstration day")
    start.add_argument("--bridge", action="store_true", help="public chains beside it (anvil), bridges to them, attestors and a relayer")
    verb("down", "end the running network", orders.down)
    verb("status", "state, process, addresses and height of every node", orders.status)
    verb("reset", "remove the data folder of a network that does not run", orders.reset)
    for name, about in (
        ("kill", "SIGKILL nodes; they stay dead until `resume`"),
        ("pause", "SIGSTOP nodes"),
        ("resume", "let paused nodes go on, start killed ones again"),
    ):
        verb(name, about, orders.fault).add_argument("nodes", nargs="+", metavar="NODE", help="such as validator-3")
    split = verb(
        "partition", "cut nodes off from all others, or from those after --from; they run on, and cuts add up until `heal`", orders.cut
    )
    split.add_argument("nodes", nargs="+", metavar="NODE", help="such as validator-2 validator-3")
    split.add_argument("--from", dest="others", nargs="+", default=[], metavar="NODE", help="the other side (all other nodes)")
    whole_again = verb("heal", "end all cuts, or those of the nodes named", orders.heal)
    whole_again.add_argument("nodes", nargs="*", metavar="NODE", help="such as validator-2")
    adding = verb("add-validator", "make a node that follows; som validator add and ready give it a vote", orders.add_validator)
    adding.add_argument("nodes", nargs="+", metavar="NAME", help="such as validator-4")
    paying = verb("load", "payments at a steady rate, and what became of them", orders.load)
    paying.add_argument("--seconds", type=whole(1, SECONDS_MAX), default=10, help=f"how long, 1 to {SECONDS_MAX} (10)")
    paying.add_argument("--rate", type=whole(1, RATE_MAX), default=100, help=f"payments per second, 1 to {RATE_MAX} (100)")
    return found


def main(given: Sequence[str]) -> int:
    """Carry out one verb; return the exit code: 0 done, 1 refused, 2 used wrongly, 3 no devnet runs."""
    starting = not given or (given[0].startswith("-") and given[0] not in ("-h", "--help"))
    options = parser().parse_args(["up", *given] if starting else given)
    try:
        options.act(options)
    except ControlFault as fault:
        return complain(fault, fault.exit_code)
    except (ConfigError, DayFailed, GenesisError, KeystoreError, NodeFailed, NoFreePorts, NotADevnet, NotReady, OSError) as error:
        return complain(error, 1)
    except KeyboardInterrupt:
        return 130
    return 0


def complain(problem: Exception, code: int) -> int:
    """Write the one sentence; return the exit code."""
    sys.stderr.write(f"devnet: {' '.join(str(problem).split())}\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
