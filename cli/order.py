"""`som order`: restrict, relax, seize, and see what is in force."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.client import NotThere
from cli.command import command
from cli.faults import Misuse, Refusal
from cli.output import print_fields, print_json, print_table
from cli.parties import sender_keyset
from cli.sending import How, send
from cli.session import Session
from cli.times import parse_point, time_text
from ledger.names import check_grant_id
from ledger.orders import Allowed, Order, OrderMode, OrderScope
from ledger.transactions.bodies import OrderLift, OrderPut, Seize
from node.api.order_structs import OrderBody, OrdersBody

app = typer.Typer(help="Orders: blocks, arrests and pauses, by whoever has a grant for them.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ORDER", help="Its id, chosen by who makes it, such as the number of a court's file.")]
ScopeArgument = Annotated[OrderScope, typer.Argument(metavar="SCOPE", help="account, holder, participant, asset, bridge or ledger.")]
SubjectArgument = Annotated[str, typer.Argument(metavar="SUBJECT", help="Its id; left out for the ledger.")]
BasisOption = Annotated[str, typer.Option("--basis", metavar="FILE|HASH", help="The document it rests on, or its SHA-256 in hex.")]
USUAL: dict[str, tuple[Allowed, ...]] = {"arrest": ("holds",), "pause": ("holds", "redeem")}
"""What an order allows where nothing is said (L30)."""
NOTHING = "nothing"
BASIS_BYTES_MAX = 256 * 1_048_576
"""A file that is larger is none that a court has signed, and is not read into memory."""
_HASH = re.compile(r"[0-9a-f]{64}")


@command(app, "put")
def put(
    session: Session,
    order: IdArgument,
    mode: Annotated[OrderMode, typer.Argument(metavar="MODE", help="debit, credit, both, arrest or pause.")],
    scope: ScopeArgument,
    how: How,
    subject: SubjectArgument = "",
    *,
    basis: BasisOption,
    by: Annotated[str, typer.Option("--by", metavar="PARTICIPANT", help="Who makes it; else the sender.")] = "",
    asset: Annotated[str, typer.Option("--asset", help="Only in this asset; else in every asset.")] = "",
    amount: Annotated[str, typer.Option("--amount", help="Arrest this much of --asset on an account; else all.")] = "",
    allow: Annotated[list[str] | None, typer.Option("--allow", help="fee, holds, redeem, return, tax or nothing; repeat.")] = None,
    seize_to: Annotated[str, typer.Option("--seize-to", metavar="ACCOUNT", help="Whom a seizure on this arrest pays.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="It ends then: a time, or a length such as 7d.")] = "",
    is_open: Annotated[bool, typer.Option("--open", help="The user of the account may be told.")] = False,
) -> None:
    """Restrict SUBJECT. The quorum of a grant `order.freeze`, `order.arrest` or `order.pause` signs."""
    sender = session.sender()
    if amount and not asset:
        raise Misuse("an amount is one of an asset: name it with --asset")
    body = OrderPut(
        Order(
            id=order,
            by=by or sender,
            basis_hash=hash_of(basis),
            scope=scope,
            subject=subject,
            asset=asset,
            mode=mode,
            amount=session.units.parse(amount, asset) if amount else None,
            allow=_allowed(mode, allow),
            seize_to=seize_to,
            until=parse_point(until) if until else 0,
            open=is_open,
        )
    )
    send(session, body, sender=sender, needed=(sender_keyset(session, sender),), how=how)


@command(app, "lift")
def lift(session: Session, order: IdArgument, how: How, *, basis: BasisOption) -> None:
    """Lift an order: its maker with the quorum that made it, or a participant that its grant names, does."""
    sender = session.sender()
    check_grant_id(order)
    send(session, OrderLift(order, hash_of(basis)), sender=sender, needed=(sender_keyset(session, sender),), how=how)


@command(app, "seize")
def seize(
    session: Session,
    order: IdArgument,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Where the arrested value is.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Major units, such as 12.50.")],
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="Code of the asset.")],
    how: How,
) -> None:
    """Move AMOUNT of ASSET, arrested on ACCOUNT, to the beneficiary that the order names. The quorum of a grant `order.seize` signs."""
    sender = session.sender()
    body = Seize(order=order, account=account, asset=asset, amount=session.units.parse(amount, asset))
    send(session, body, sender=sender, needed=(sender_keyset(session, sender),), how=how)


@command(app, "show")
def show(session: Session, order: IdArgument) -> None:
    """Show an order, in force or over."""
    check_grant_id(order)
    try:
        found = session.client.get(f"/v1/orders/{order}", OrderBody)
    except NotThere:
        raise Refusal(f"there is no order {order} on this node") from None
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    units = session.units
    taken = found.seized if found.seized != "0" else ""
    print_fields(
        [
            ("order", found.id),
            ("status", f"{found.status}{f', by {found.ended_by}' if found.ended_by else ''}"),
            ("made by", found.by),
            ("mode", found.mode),
            ("on", _subject(found)),
            ("asset", found.asset or "every asset"),
            *([("amount", units.text(found.amount, found.asset))] if found.amount is not None else []),
            *([("seized", units.text(taken, found.asset) if found.asset else f"{taken} minor units")] if taken else []),
            ("allows", ", ".join(found.allow) or NOTHING),
            *([("seized for", found.seize_to)] if found.seize_to else []),
            ("until", time_text(found.until) if found.until else "it is lifted"),
            ("basis", found.basis_hash),
            *([("lifted on", found.ended_basis)] if found.ended_basis else []),
            ("precedence", f"rank {found.rank}, block {found.height}, place {found.index}"),
            ("lifted by", _lifters(found)),
            ("as of block", str(found.as_of)),
        ]
    )


@command(app, "list")
def list_(session: Session, scope: ScopeArgument, subject: SubjectArgument = "") -> None:
    """List the orders in force on one subject, by precedence."""
    query = {"scope": str(scope), **({"subject": subject} if subject else {})}
    found = session.client.get("/v1/orders", OrdersBody, query)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    rows = [
        [
            each.id,
            each.mode,
            each.by,
            session.units.text(each.amount, each.asset) if each.amount is not None else each.asset or "every asset",
            time_text(each.until) if each.until else "lifted",
        ]
        for each in found.orders
    ]
    print_table(["order", "mode", "by", "covers", "until"], rows)


def hash_of(basis: str) -> bytes:
    """SHA-256 of a document: given in hex, or made from the file.

    Raises
    ------
    Misuse
        It is neither 64 hex characters nor a file that can be read.
    """
    if _HASH.fullmatch(basis):
        return bytes.fromhex(basis)
    path = Path(basis)
    try:
        if path.stat().st_size > BASIS_BYTES_MAX:
            raise Misuse(f"{basis} has more than {BASIS_BYTES_MAX} bytes: give its SHA-256 instead")
        return sha256(path.read_bytes()).digest()
    except OSError as error:
        raise Misuse(f"--basis {basis!r} is neither 64 hex characters nor a file that can be read: {error.strerror}") from None


def _allowed(mode: OrderMode, given: list[str] | None) -> tuple[Allowed, ...]:
    if given is None:
        return USUAL.get(mode, ())
    try:
        return msgspec.convert(tuple(sorted({each for each in given if each != NOTHING})), tuple[Allowed, ...])
    except msgspec.ValidationError:
        raise Misuse(f"--allow takes fee, holds, redeem, return, tax or nothing, not {', '.join(given)}") from None


def _subject(found: OrderBody) -> str:
    return f"{found.scope} {found.subject}".strip()


def _lifters(found: OrderBody) -> str:
    maker = f"{found.need.m} of {', '.join(found.need.of)}" if found.need else f"{found.by}/ops"
    return ", or ".join([maker, *(f"{each}/ops" for each in found.lifted_by)])
