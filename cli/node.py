"""`som node run`, `som init`: a node's process, and what it must have before it first starts.

Here `--config` is the node's own configuration, not a profile, so these commands do without the common options.
"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.output import print_fields, print_json
from node.config import load_config
from node.init import init_node

app = typer.Typer(help="A node of the network: validator or peer, as its configuration says.", no_args_is_help=True)

ConfigOption = Annotated[Path, typer.Option("--config", metavar="FILE", help="Configuration of the node (TOML).")]


def register(root: typer.Typer) -> None:
    """Add `som init` to the root."""
    root.command("init")(init)


@app.command("run")
def run(config: ConfigOption) -> None:
    """Run a node until SIGTERM or SIGINT. It ends with its own exit codes (node/README.md)."""
    from node.main import run as run_node  # noqa: PLC0415 - aiohttp and LMDB would triple the start of every other command

    raise typer.Exit(run_node(config))


def init(
    config: ConfigOption,
    *,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Make a node's keys, data folder and (validator) empty memory, once, before genesis. What was lost later is not made anew here."""
    keys = init_node(load_config(config))
    if json:
        print_json(msgspec.to_builtins(keys))
        return
    print_fields(
        [
            *([("consensus key", keys.consensus_key)] if keys.consensus_key else []),
            ("node key", keys.node_key),
            ("box key", keys.box_key),
            ("next", "name these public keys in the plan of the network (som genesis new)"),
        ]
    )
