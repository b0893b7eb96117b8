"""`som param`: the limits and times that a network agrees on."""

from typing import Annotated

import msgspec
import typer

from cli.command import command
from cli.faults import Misuse
from cli.output import print_json, print_table
from cli.parties import sender_keyset
from cli.sending import How, send
from cli.session import Session
from ledger.parameters import check_parameter, is_parameter
from ledger.transactions.bodies import ParamSet
from node.api.epoch_structs import ParameterBody, Parameters

app = typer.Typer(help="Parameters of the network.", no_args_is_help=True)


@command(app, "list")
def list_(session: Session) -> None:
    """List all parameters with their ranges, and values that are planned."""
    found = session.client.get("/v1/parameters", Parameters)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    rows = [
        [
            each.key,
            str(each.value),
            str(each.default),
            f"{each.low} to {each.high}",
            "epoch" if each.at_boundary else "block",
            _planned(each),
        ]
        for each in found.parameters
    ]
    print_table(["parameter", "value>", "default>", "range", "changes with the", "planned"], rows)


@command(app, "set")
def set_(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Such as lifetime_ms_max, or holiday:2026-12-31; som param list names all.")],
    value: Annotated[int, typer.Argument(metavar="VALUE", min=0, help="Whole number within its range.")],
    how: How,
    *,
    at_height: Annotated[int, typer.Option("--at-height", metavar="HEIGHT", min=0, help="The first block that has it; else the next.")] = 0,
) -> None:
    """Set a parameter; those of consensus change with the epoch. The quorum of `root` signs (--sign, or `sign` in the profile)."""
    if not is_parameter(key):
        raise Misuse(f"no parameter is called {key!r}: som param list names all (the end of an epoch: som epoch end)")
    try:
        check_parameter(key, value)
    except ValueError as error:
        raise Misuse(str(error)) from None
    sender = session.sender("operator")
    send(session, ParamSet(key, value, at_height), sender=sender, needed=(sender_keyset(session, sender),), how=how)


def _planned(each: ParameterBody) -> str:
    if each.planned is None:
        return ""
    return f"{each.planned.value} from height {each.planned.at_height}" if each.planned.at_height else f"{each.planned.value}"
