"""`som devnet`: hands everything after its name to `python -m devnet`, which this package does not import."""

import os
import sys

import typer

HELP = "A network of real nodes on this machine, for developers: up, down, status, reset, kill, pause, resume, partition, heal, load."
AS_IS = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(root: typer.Typer) -> None:
    """Add the command to the root. Its own help is that of the devnet."""
    root.command("devnet", help=HELP, context_settings=AS_IS, add_help_option=False)(devnet)


def devnet(context: typer.Context) -> None:
    """Become the devnet: terminal, signals and exit code are its own from here on."""
    arguments = context.args or ["--help"]
    root = context.find_root().obj
    if root is not None and root.json and "--json" not in arguments:
        arguments = [*arguments, "--json"]
    os.execv(sys.executable, [sys.executable, "-m", "devnet", *arguments])  # noqa: S606 - no shell is wanted
