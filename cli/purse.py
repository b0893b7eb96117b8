"""`som purse`: a device that pays offline out of a hold (L8). Only `load` and `check` ask a node."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.amounts import format_amount, parse_amount
from cli.client import NotThere
from cli.command import command
from cli.faults import Refusal, Unreachable
from cli.hold_terms import find_hold
from cli.keys import keep_new
from cli.output import Json, print_fields, print_json
from cli.purses import Payment, PurseFile, Slip, is_signed, read_purse, read_receipt, sign_slip, write_purse, write_receipt
from cli.session import Session
from cli.times import now_ms, time_text
from ledger.names import check_account_id
from node.api.hold_structs import HoldDetail
from node.keystore import SEED_BYTES

app = typer.Typer(help="Offline purse: a device signs receipts that draw on one hold; payees bring them in later.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the device's key in this keystore.")]


@command(app, "new")
def new(session: Session, name: NameArgument) -> None:
    """Make a device's key; then `som hold place ... --device NAME`, and `som purse load NAME HOLD`."""
    keep_new(session, name, "", os.urandom(SEED_BYTES))


@command(app, "load")
def load(
    session: Session,
    name: NameArgument,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="Id of the hold that was placed with --device NAME.")],
) -> None:
    """Take over what the ledger says of the hold, so that the device can pay without a network."""
    found, key = find_hold(session, hold), session.keystore.load(name)
    if found.purse is None or found.purse.key != key.public_key:
        raise Refusal(f"hold {hold} is not one that the device {name} draws on: place it with --device {name}")
    path = _path(session, name)
    before = read_purse(path, name) if path.exists() else None
    payments = before.payments if before is not None and before.hold == hold else ()
    seen = tuple(counter for counter in found.purse.used if counter not in {each.counter for each in payments})
    purse = PurseFile(
        format="som/purse/1",
        key=name,
        public_key=key.public_key,
        chain=session.chain.hex(),
        hold=hold,
        target=found.target,
        asset=found.asset,
        decimals=session.units.decimals(found.asset),
        amount=before.amount if before is not None and before.hold == hold else int(found.left),
        valid_to=found.purse.valid_to,
        until=found.until,
        used=seen,
        payments=payments,
    )
    write_purse(path, purse)
    _show(session, name, purse)


@command(app, "pay")
def pay(
    session: Session,
    name: NameArgument,
    payee: Annotated[str, typer.Argument(metavar="PAYEE", help="Account that is paid.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Major units, such as 12.50.")],
    *,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where the receipt goes, for the payee.")],
) -> None:
    """Sign a receipt, offline. It is as good as money: give the file to the payee alone."""
    check_account_id(payee)
    path = _path(session, name)
    purse = read_purse(path, name)
    minor = parse_amount(amount, asset=purse.asset, decimals=purse.decimals)
    if purse.valid_to <= now_ms():
        raise Refusal(f"the purse was valid to {time_text(purse.valid_to)}: no payee takes it any more")
    if minor > purse.left:
        raise Refusal(f"the purse has {format_amount(purse.left, purse.decimals)} {purse.asset} left")
    if "/" in purse.target and payee != purse.target:
        raise Refusal(f"this purse pays {purse.target} alone")
    if output.exists():
        raise Refusal(f"{output} exists already: choose another file")
    counter = purse.next_counter()
    slip = sign_slip(purse, counter, payee, minor, session.open(session.keystore.load(name)))
    write_purse(path, msgspec.structs.replace(purse, payments=(*purse.payments, Payment(counter, payee, minor))))
    write_receipt(output, slip)
    _tell(session, _slip_json(slip), _slip_rows(slip, purse.decimals, output))


@command(app, "show")
def show(session: Session, name: NameArgument) -> None:
    """Show what the device has left and what it has signed, as the device knows it."""
    _show(session, name, read_purse(_path(session, name), name))


@command(app, "check")
def check(session: Session, file: Annotated[Path, typer.Argument(metavar="FILE", help="Receipt that a payer hands over.")]) -> None:
    """Check a receipt before goods are handed over: the signature here, and where a node answers, the hold that it draws on."""
    slip = read_receipt(file)
    if slip.chain != session.chain:
        raise Refusal(f"{file} is a receipt of another ledger")
    if not is_signed(slip):
        raise Refusal(f"{file} was not signed by the device that it names")
    if slip.valid_to <= now_ms():
        raise Refusal(f"the purse was valid to {time_text(slip.valid_to)}: do not take it")
    seen = _compare(session, slip)
    rows = _slip_rows(slip, session.units.decimals(slip.asset), file)
    _tell(
        session,
        {**_slip_json(slip), "hold_seen": seen},
        [*rows, ("hold", "open, with enough left" if seen else "not seen: no node answers")],
    )


def _compare(session: Session, slip: Slip) -> bool:
    """Compare a receipt with the hold; whether a node answered.

    Raises
    ------
    Refusal
        The hold is over, of another device, has less left, or has seen the receipt.
    """
    try:
        found = session.client.get(f"/v1/holds/{slip.hold.hex()}", HoldDetail)
    except Unreachable:
        return False
    except NotThere:
        raise Refusal(f"there is no open hold {slip.hold.hex()}: the purse is empty, lapsed, or was never loaded") from None
    purse = found.purse
    if purse is None or (purse.key, found.asset) != (slip.key.hex(), slip.asset):
        raise Refusal(f"hold {found.id} is not drawn on by the device that signed this")
    if slip.counter in purse.used:
        raise Refusal(f"receipt {slip.counter} of this purse was settled already")
    if slip.amount > int(found.left):
        raise Refusal(f"the purse has {session.units.text(found.left, found.asset)} left, the receipt is over more")
    if purse.revoked:
        raise Refusal(f"the loss of this purse was reported at {time_text(purse.revoked)}: do not take it")
    if "/" in found.target and found.target != slip.payee:
        raise Refusal(f"this purse pays {found.target} alone")
    return True


def _path(session: Session, name: str) -> Path:
    session.keystore.load(name)
    return session.state_folder / "purses" / f"{name}.json"


def _show(session: Session, name: str, purse: PurseFile) -> None:
    text = f"{format_amount(purse.left, purse.decimals)} {purse.asset}"
    rows = [
        ("purse", name),
        ("hold", purse.hold),
        ("for", purse.target),
        ("left", text),
        ("valid to", time_text(purse.valid_to)),
        ("receipts until", time_text(purse.until)),
        *(
            (f"receipt {each.counter}", f"{format_amount(each.amount, purse.decimals)} {purse.asset} to {each.payee}")
            for each in purse.payments
        ),
    ]
    payments: list[Json] = [{"counter": each.counter, "payee": each.payee, "amount": str(each.amount)} for each in purse.payments]
    told: dict[str, Json] = {"purse": name, "hold": purse.hold, "asset": purse.asset, "left": str(purse.left), "payments": payments}
    _tell(session, {**told, "valid_to": purse.valid_to, "until": purse.until}, rows)


def _slip_json(slip: Slip) -> dict[str, Json]:
    told: dict[str, Json] = {"hold": slip.hold.hex(), "counter": slip.counter, "payee": slip.payee, "amount": str(slip.amount)}
    return {**told, "asset": slip.asset, "key": slip.key.hex(), "until": slip.until}


def _slip_rows(slip: Slip, decimals: int, file: Path) -> list[tuple[str, str]]:
    return [
        ("receipt", f"{slip.counter} of hold {slip.hold.hex()}"),
        ("pays", f"{format_amount(slip.amount, decimals)} {slip.asset} to {slip.payee}"),
        ("bring in before", time_text(slip.until)),
        ("file", f"{file} (som hold settle --receipt {file})"),
    ]


def _tell(session: Session, told: dict[str, Json], rows: list[tuple[str, str]]) -> None:
    if session.json:
        print_json(told)
    else:
        print_fields(rows)
