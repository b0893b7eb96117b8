"""`som node run`, `som init`: a node's process, and the keys and folder it starts with."""

from pathlib import Path
from typing import Annotated

import typer

from cli.command import command
from cli.session import Session

app = typer.Typer(help="A node of the network: validator or peer, as its configuration says.", no_args_is_help=True)
