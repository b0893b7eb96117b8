"""The nouns and verbs of `som`, each loaded when it is first asked for: a command starts without all the others' modules and options."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

if TYPE_CHECKING:
    from typer._click.core import Command

VERBS = {
    "init": "node",
    "recover": "recover",
    "devnet": "devnet",
    "pay": "pay",
    "issue": "pay",
    "redeem": "pay",
    "status": "status",
    "doctor": "doctor",
}
"""Verb without a noun -> module whose `register` adds it."""
NOUNS = {
    "keys": "keys",
    "node": "node",
    "backup": "backup",
    "genesis": "genesis",
    "participant": "participant",
    "keyset": "keyset",
    "account": "account",
    "audit": "audit",
    "bridge": "bridge_doctor",
    "closing": "closing",
    "asset": "asset",
    "profile": "asset_profile",
    "grant": "grant",
    "hold": "hold",
    "purse": "purse",
    "holder": "holder",
    "order": "order",
    "reserve": "reserve",
    "proposal": "proposal",
    "validator": "validator",
    "param": "param",
    "epoch": "epoch",
    "tx": "tx",
    "proof": "proof",
}
"""Noun -> module whose `app` it is. Help lists verbs and nouns in this order."""


class Catalogue(MutableMapping[str, "Command"]):
    """Name -> command, made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Command] = {}

    def __getitem__(self, name: str) -> "Command":
        """Load the command's module."""
        if name not in self._made:
            self._made[name] = _make(name)
        return self._made[name]

    def __setitem__(self, name: str, command: "Command") -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*VERBS, *NOUNS))

    def __len__(self) -> int:
        return len(VERBS) + len(NOUNS)


class Root(TyperGroup):
    """`som` itself."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - whatever typer gives
        super().__init__(**settings)
        self.commands = Catalogue()


def _make(name: str) -> "Command":
    part = typer.Typer(rich_markup_mode="rich", add_completion=False)
    if name in VERBS:
        import_module(f"cli.{VERBS[name]}").register(part)
    else:
        part.add_typer(import_module(f"cli.{NOUNS[name]}").app, name=name)  # KeyError: there is no such command
    return get_group(part).commands[name]
