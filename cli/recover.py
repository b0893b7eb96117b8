"""`som recover`: a new consensus key where a validator's memory is lost (K15)."""

from typing import Annotated

import msgspec
import typer

from cli.node import ConfigOption
from cli.output import print_fields, print_json, print_line
from node.config import load_config
from node.recover import recover_node


def register(root: typer.Typer) -> None:
    """Add `som recover` to the root."""
    root.command("recover")(recover)


def recover(
    config: ConfigOption,
    *,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Make a new consensus key for a validator whose disk or mark is lost; the old one never votes again. Stop the node first."""
    made = recover_node(load_config(config))
    if json:
        print_json(msgspec.to_builtins(made))
        return
    print_fields(
        [
            ("lost", made.reason),
            ("consensus key", f"{made.keys.consensus_key} (new)"),
            ("node key", made.keys.node_key + (" (new)" if made.new_node_key else "")),
            ("box key", made.keys.box_key + (" (new)" if made.new_box_key else "")),
            *(("moved to", path) for path in made.moved),
        ]
    )
    for number, sentence in enumerate(made.next, 1):
        print_line(f"{number}. {sentence}")
