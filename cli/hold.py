"""`som hold`: reserve value, settle it in parts, let it go."""

from typing import Annotated, Literal

import msgspec
import typer

from cli.client import NotThere
from cli.command import command
from cli.faults import Misuse, Refusal
from cli.output import print_fields, print_json
from cli.parties import debtor_keyset, default_sender, find_account, look_up, sender_keyset
from cli.policies import quote_fee
from cli.sending import How, send
from cli.session import Session
from cli.times import parse_point, time_text
from ledger.names import check_owner, servicer_of
from ledger.transactions.bodies import HoldBody, Settle, Void
from node.api.hold_structs import HoldDetail

app = typer.Typer(help="Holds: value reserved for a target until a time.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="HOLD", help="Its id: the transaction that placed it, 64 hex characters.")]
HEX_ID = 64


@command(app, "place")
def place(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="FROM", help="Account on which the value is reserved.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Account for which it is reserved.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Major units, such as 12.50.")],
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="Code of the asset.")],
    how: How,
    *,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="It lapses then: a time, or a length such as 7d.")] = "7d",
    settle_by: Annotated[str, typer.Option("--settle-by", help="Who settles; else the servicer of TO.")] = "",
    void_by: Annotated[str, typer.Option("--void-by", help="Who may let it go; else who settles.")] = "",
    kind: Annotated[Literal["authorisation", "escrow"], typer.Option("--kind", help="What it is.")] = "authorisation",
) -> None:
    """Reserve AMOUNT of ASSET on FROM for TO. Its id is that of the transaction."""
    if source == target:
        raise Misuse(f"a hold on {source} for itself makes no sense: name two accounts")
    minor = session.units.parse(amount, asset)
    debtor, creditor = find_account(session, source), look_up(session, target)
    settler = settle_by or servicer_of(target)
    body = HoldBody(
        source=source,
        target=target,
        asset=asset,
        amount=minor,
        fee=quote_fee(session, asset, "hold", minor, (debtor, creditor)),
        until=parse_point(until),
        settle_by=settler,
        void_by=void_by or settler,
        condition="none",
        kind=kind,
    )
    for owner in (body.settle_by, body.void_by):
        check_owner(owner)
    sender = session.sender(default_sender(debtor))
    send(session, body, sender=sender, needed=(sender_keyset(session, sender), debtor_keyset(debtor)), how=how)


@command(app, "settle")
def settle(
    session: Session,
    hold: IdArgument,
    how: How,
    amount: Annotated[str, typer.Argument(metavar="[AMOUNT]", help="Major units; else all that is left.")] = "",
) -> None:
    """Move part or all of what is left of a hold to its target."""
    found = _find(session, hold)
    minor = session.units.parse(amount, found.asset) if amount else int(found.left)
    sender = session.sender(found.settle_by)
    needed = (sender_keyset(session, sender), sender_keyset(session, found.settle_by))
    send(session, Settle(hold=bytes.fromhex(hold), amount=minor, witness=b""), sender=sender, needed=needed, how=how)


@command(app, "void")
def void(session: Session, hold: IdArgument, how: How) -> None:
    """Let a hold go: what is left of it is available to its account again."""
    found = _find(session, hold)
    sender = session.sender(found.void_by)
    needed = (sender_keyset(session, sender), sender_keyset(session, found.void_by))
    send(session, Void(hold=bytes.fromhex(hold)), sender=sender, needed=needed, how=how)


@command(app, "show")
def show(session: Session, hold: IdArgument) -> None:
    """Show an open hold."""
    found = _find(session, hold)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    print_fields(
        [
            ("hold", found.id),
            ("kind", found.kind),
            ("on", found.source),
            ("for", found.target),
            ("amount", session.units.text(found.amount, found.asset)),
            ("left", session.units.text(found.left, found.asset)),
            ("fee left", session.units.text(found.fee_left, found.asset)),
            ("until", time_text(found.until)),
            ("settled by", found.settle_by),
            ("let go by", found.void_by),
            ("as of block", str(found.as_of)),
        ]
    )


def _find(session: Session, hold: str) -> HoldDetail:
    check_hex_id(hold)
    try:
        return session.client.get(f"/v1/holds/{hold}", HoldDetail)
    except NotThere:
        raise Refusal(f"there is no open hold {hold}: it was settled in full, let go, has lapsed, or was never placed") from None


def check_hex_id(text: str) -> None:
    """Refuse what is no id of a transaction."""
    if len(text) != HEX_ID or not set(text) <= set("0123456789abcdef"):
        raise Misuse(f"{text!r} is not an id: 64 characters of 0-9 and a-f are one")
