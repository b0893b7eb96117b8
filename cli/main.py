"""The command line's one edge: assembles the nouns, runs a command, turns every expected failure into one sentence and an exit code."""

import sys
from functools import cache
from typing import TYPE_CHECKING

import typer
from typer.exceptions import Abort, Exit, TyperException
from typer.main import get_command

from cli import (
    account,
    asset,
    asset_profile,
    audit,
    backup,
    bridge_doctor,
    closing,
    devnet,
    doctor,
    epoch,
    genesis,
    grant,
    hold,
    holder,
    keys,
    keyset,
    node,
    order,
    param,
    participant,
    pay,
    proof,
    proposal,
    purse,
    recover,
    reserve,
    status,
    tx,
    validator,
)
from cli.command import RootOptions
from cli.faults import CommandFault
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
    help="Som Ledger: money of a central bank on a ledger that its validators sign.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.callback()(RootOptions())
for name, noun in (
    ("keys", keys.app),
    ("node", node.app),
    ("backup", backup.app),
    ("genesis", genesis.app),
    ("participant", participant.app),
    ("keyset", keyset.app),
    ("account", account.app),
    ("audit", audit.app),
    ("bridge", bridge_doctor.app),
    ("closing", closing.app),
    ("asset", asset.app),
    ("profile", asset_profile.app),
    ("grant", grant.app),
    ("hold", hold.app),
    ("purse", purse.app),
    ("holder", holder.app),
    ("order", order.app),
    ("reserve", reserve.app),
    ("proposal", proposal.app),
    ("validator", validator.app),
    ("param", param.app),
    ("epoch", epoch.app),
    ("tx", tx.app),
    ("proof", proof.app),
):
    app.add_typer(noun, name=name)
node.register(app)
recover.register(app)
devnet.register(app)
pay.register(app)
status.register(app)
doctor.register(app)


@cache
def _command() -> "Command":
    """Every noun and verb as click has them: a tenth of a second to make, so once in a process."""
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
