"""How a function becomes a command: it gets a `Session`, and its command the options that all commands share, before or after its name.

The functions of the noun files state their own arguments with `typer`, return nothing, and raise `CommandFault` or the ledger's errors. One
with a parameter of type `How` makes a transaction, and its command gets the options of sending. Those files do without
`from __future__ import annotations`: typer reads the annotations.
"""

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from cli.sending import How
from cli.session import Choices, Session
from cli.times import parse_length, parse_point

F = TypeVar("F", bound=Callable[..., None])

_COMMON_PANEL = "Options of every command"
_SENDING_PANEL = "Options of every transaction"


def common_options(
    *,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Profile (TOML).", rich_help_panel=_COMMON_PANEL)] = None,
    node: Annotated[list[str] | None, typer.Option("--node", metavar="URL", help="Node to talk to.", rich_help_panel=_COMMON_PANEL)] = None,
    keystore: Annotated[
        Path | None, typer.Option("--keystore", metavar="DIR", help="Folder of keys.", rich_help_panel=_COMMON_PANEL)
    ] = None,
    sender: Annotated[str, typer.Option("--as", metavar="PARTICIPANT", help="Who sends.", rich_help_panel=_COMMON_PANEL)] = "",
    passphrase_file: Annotated[
        Path | None, typer.Option("--passphrase-file", metavar="FILE", help="Passphrase of the keys.", rich_help_panel=_COMMON_PANEL)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.", rich_help_panel=_COMMON_PANEL)] = False,
) -> Choices:
    """Options that every command takes."""
    return Choices(config, tuple(node or ()), keystore, sender, passphrase_file, json)


def sending_options(
    *,
    ref: Annotated[
        str, typer.Option("--ref", metavar="R", help="Your reference, 1 to 35 characters.", rich_help_panel=_SENDING_PANEL)
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is final.", rich_help_panel=_SENDING_PANEL)] = False,
    renew: Annotated[bool, typer.Option("--renew", help="Sign an expired --ref anew.", rich_help_panel=_SENDING_PANEL)] = False,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Write it to a file, send nothing.", rich_help_panel=_SENDING_PANEL)
    ] = None,
    sign: Annotated[
        list[str] | None, typer.Option("--sign", metavar="OWNER/KEYSET", help="A further keyset signs.", rich_help_panel=_SENDING_PANEL)
    ] = None,
    valid_for: Annotated[
        str, typer.Option("--valid-for", metavar="TIME", help="How long it may wait, such as 30m.", rich_help_panel=_SENDING_PANEL)
    ] = "",
    propose: Annotated[
        bool, typer.Option("--propose", help="Open a proposal for it: votes carry it out.", rich_help_panel=_SENDING_PANEL)
    ] = False,
    not_before: Annotated[
        str, typer.Option("--not-before", metavar="TIME", help="Votes carry a proposal out from then on.", rich_help_panel=_SENDING_PANEL)
    ] = "",
    propose_until: Annotated[
        str,
        typer.Option("--propose-until", metavar="TIME", help="A proposal lapses then; else in a week.", rich_help_panel=_SENDING_PANEL),
    ] = "",
) -> How:
    """Options that every command takes that makes a transaction."""
    return How(
        ref=ref,
        wait=wait,
        renew=renew,
        export=export,
        sign=tuple(sign or ()),
        valid_ms=parse_length(valid_for) if valid_for else None,
        propose=propose,
        not_before=parse_point(not_before) if not_before else 0,
        until=parse_point(propose_until) if propose_until else None,
    )


_COMMON = inspect.signature(common_options).parameters
_SENDING = inspect.signature(sending_options).parameters
_CHOOSE: Callable[..., Choices] = common_options
_HOW: Callable[..., How] = sending_options


def command(app: typer.Typer, name: str) -> Callable[[F], F]:
    """Register a function as the command `name` of an app. Its parameters of type `Session` and `How` are filled in here."""

    def register(function: F) -> F:
        app.command(name)(_Runner(function))
        return function

    return register


class _Shown:
    """What typer reads of a callable: name, help and parameters, the context among them."""

    def __init__(self, name: str, text: str | None, parameters: Iterable[inspect.Parameter]) -> None:
        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        shown = [*(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters), context]
        self.__name__ = name
        self.__doc__ = text
        self.__signature__ = inspect.Signature(shown)
        self.__annotations__ = {each.name: each.annotation for each in shown}


class _Runner(_Shown):
    """A command: its own arguments, the options of sending if it sends, the common options."""

    def __init__(self, function: Callable[..., None]) -> None:
        stated = inspect.signature(function).parameters.values()
        self.function = function
        self.filled = {each.annotation: each.name for each in stated if each.annotation in {Session, How}}
        own = [each for each in stated if each.annotation not in self.filled]
        sending = _SENDING.values() if How in self.filled else ()
        super().__init__(function.__name__, function.__doc__, [*own, *sending, *_COMMON.values()])

    def __call__(self, context: typer.Context, **given: object) -> None:
        """Run the command on a session with the options before and after its name."""
        choices = merge(context.find_root().obj, _CHOOSE(**{name: given.pop(name) for name in _COMMON}))
        if How in self.filled:
            given[self.filled[How]] = _HOW(**{name: given.pop(name) for name in _SENDING})
        given[self.filled[Session]] = Session(choices)
        self.function(**given)


class RootOptions(_Shown):
    """The common options where they stand before the command: kept for it in the context."""

    def __init__(self) -> None:
        super().__init__("som", None, _COMMON.values())

    def __call__(self, context: typer.Context, **given: object) -> None:
        """Keep the options for the command that follows."""
        context.obj = _CHOOSE(**given)


def merge(before: Choices | None, after: Choices) -> Choices:
    """Options given before the name of the command, overruled by those after it."""
    if before is None:
        return after
    return Choices(
        config=after.config or before.config,
        nodes=after.nodes or before.nodes,
        keystore=after.keystore or before.keystore,
        sender=after.sender or before.sender,
        passphrase_file=after.passphrase_file or before.passphrase_file,
        json=after.json or before.json,
    )
