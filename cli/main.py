"""The command line's one edge: runs a command, turns every expected failure into one sentence and an exit code."""

import sys
from functools import cache
from typing import TYPE_CHECKING

import typer
from typer.exceptions import Abort, Exit, TyperException
from typer.main import get_command

from cli.command import RootOptions
from cli.faults import CommandFault
from cli.nouns import Root
from cli.output import print_problem
from ledger.errors import LedgerError
from ledger.genesis import GenesisError
from node.config import ConfigError
from node.fatal import Fatal
from node.keystore import KeystoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typer._click.core import Command

USAGE = 2

app = typer.Typer(
    name="som",
    cls=Root,
    help="Som Ledger: money of a central bank on a ledger that its validators sign.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.callback()(RootOptions())


@cache
def _command() -> "Command":
    """`som` as click has it, made once in a process."""
    return get_command(app)


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run one command; return its exit code: 0 done, 1 refused, 2 used wrongly, 3 no node reached."""
    try:
        outcome = _command().main(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="som", standalone_mode=False)
    except CommandFault as fault:
        print_problem(str(fault))
        return fault.exit_code
    except (LedgerError, GenesisError, KeystoreError, ConfigError) as error:
        print_problem(str(error))
        return 1
    except Fatal as error:
        print_problem(str(error))
        return error.exit_code
    except TyperException as error:
        print_problem(f"{error.format_message()} (som COMMAND --help shows what a command takes)")
        return USAGE
    except Exit as end:
        return end.exit_code
    except (Abort, KeyboardInterrupt, EOFError):
        print_problem("stopped by you: nothing more was done")
        return 130
    except BrokenPipeError:
        return 0
    return outcome if isinstance(outcome, int) else 0
