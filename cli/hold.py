"""`som hold`: reserve value, settle it in parts, let it go."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from cli.command import command
from cli.faults import Misuse
from cli.hold_terms import Shown, Terms, condition_of, condition_rows, find_hold, settling_of
from cli.output import print_fields, print_json
from cli.parties import approving_keysets, debit_parties, find_account, look_up, sender_keyset
from cli.policies import quote_fee
from cli.sending import How, check_body, send
from cli.session import Session
from cli.times import parse_point, time_text
from ledger.conditions import Arbiter, Condition, Device, HashLock
from ledger.names import servicer_of
from ledger.transactions.bodies import HoldBody, Settle, Void
from ledger.transactions.hold_forms import check_hold

if TYPE_CHECKING:
    from cli.signing import KeysetName

app = typer.Typer(help="Holds: value reserved for a target until a time.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="HOLD", help="Its id: the transaction that placed it, 64 hex characters.")]


@command(app, "place")
def place(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="FROM", help="Account on which the value is reserved.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Account for which it is reserved.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Major units, such as 12.50.")],
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="Code of the asset.")],
    how: How,
    *,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="It lapses then: a time, or a length such as 7d.")] = "",
    settle_by: Annotated[str, typer.Option("--settle-by", help="Who settles; else the servicer of TO, of a class that of FROM.")] = "",
    void_by: Annotated[str, typer.Option("--void-by", help="Who may let it go; else the side that relies on it (`som hold show`).")] = "",
    kind: Annotated[Literal["authorisation", "escrow", ""], typer.Option("--kind", help="What it is; else what its condition says.")] = "",
    digest: Annotated[str, typer.Option("--hash", metavar="HEX", help="Whoever shows the secret of this SHA-256 settles.")] = "",
    secret: Annotated[Path | None, typer.Option("--secret", metavar="FILE", help="The same, by the secret; made if FILE is new.")] = None,
    arbiter: Annotated[str, typer.Option("--arbiter", metavar="WHO", help="Participant or account that agrees to a settle.")] = "",
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="Purse: receipts of this key (name or hex) draw on it.")] = "",
    valid_to: Annotated[str, typer.Option("--valid-to", metavar="TIME", help="The purse pays until then.")] = "30d",
    grace: Annotated[str, typer.Option("--grace", metavar="LENGTH", help="How long after that receipts are taken.")] = "7d",
    under: Annotated[str, typer.Option("--under", metavar="GRANT", help="Grant `debit` that stands for the agreement of FROM.")] = "",
) -> None:
    """Reserve AMOUNT of ASSET on FROM for TO: an account, a class such as mcc:58*, of a purse also '*'. Its id is the transaction's."""
    if source == target:
        raise Misuse(f"a hold on {source} for itself makes no sense: name two accounts")
    terms = Terms(digest, secret, arbiter, device, valid_to, grace)
    minor = session.units.parse(amount, asset)
    debtor, creditor = find_account(session, source), look_up(session, target) if "/" in target else None
    condition = condition_of(session, terms)
    if isinstance(condition, Device) and until:
        raise Misuse("a purse is held until the end of its validity and its grace: leave --until out")
    settler = settle_by or ("" if isinstance(condition, HashLock | Device) else servicer_of(target if "/" in target else source))
    body = HoldBody(
        source=source,
        target=target,
        asset=asset,
        amount=minor,
        fee=quote_fee(session, asset, "hold", minor, (debtor, creditor), unknown="" if "/" in target else "wallet"),
        until=condition.valid_to + condition.grace if isinstance(condition, Device) else parse_point(until or "7d"),
        settle_by=settler,
        void_by=void_by or _default_void_by(condition, settler, (source, target)),
        condition=condition,
        kind="offline" if isinstance(condition, Device) else kind or ("authorisation" if condition == "none" else "escrow"),
    )
    check_body(body)
    check_hold(body)
    usual, debiting = debit_parties(session, debtor, under)
    sender = session.sender(usual)
    send(session, body, sender=sender, needed=(sender_keyset(session, sender), *debiting), how=how)


@command(app, "settle")
def settle(
    session: Session,
    how: How,
    hold: Annotated[str, typer.Argument(metavar="[HOLD]", help="Its id; a receipt names it.")] = "",
    amount: Annotated[str, typer.Argument(metavar="[AMOUNT]", help="Major units; else all that is left, or what the receipt says.")] = "",
    *,
    witness: Annotated[str, typer.Option("--witness", metavar="HEX", help="Secret of a hash lock.")] = "",
    secret: Annotated[Path | None, typer.Option("--secret", metavar="FILE", help="The same, in a file.")] = None,
    payee: Annotated[str, typer.Option("--payee", metavar="ACCOUNT", help="Of a hold for a class: who is paid.")] = "",
    receipt: Annotated[Path | None, typer.Option("--receipt", metavar="FILE", help="Receipt of a purse (`som purse pay`).")] = None,
    under: Annotated[str, typer.Option("--under", metavar="GRANT", help="Of a queued redemption: a grant redeem.approve.")] = "",
) -> None:
    """Move part or all of what is left of a hold to its target, showing what its condition asks for."""
    said = settling_of(hold, Shown(witness, secret, payee, receipt))
    if said.amount is not None:
        if amount:
            raise Misuse("the receipt says the amount: leave AMOUNT out")
        sender = session.sender(servicer_of(said.payee))
        parties: tuple[str, ...] = (sender,)
        agreeing: tuple[KeysetName, ...] = ()
        minor = said.amount
    else:
        found = find_hold(session, hold)
        minor = session.units.parse(amount, found.asset) if amount else int(found.left)
        approving = approving_keysets(session, found.asset, found.source, under) if found.kind == "queue" else None
        sender = session.sender(approving[0] if approving else found.settle_by or servicer_of(found.target))
        parties = (sender,) if approving else (sender, *filter(None, (found.settle_by, found.arbiter)))
        agreeing = approving[1] if approving else ()
    needed = (*(sender_keyset(session, party) for party in dict.fromkeys(parties)), *agreeing)
    send(session, Settle(hold=bytes.fromhex(said.hold), amount=minor, witness=said.witness), sender=sender, needed=needed, how=how)


@command(app, "void")
def void(session: Session, hold: IdArgument, how: How) -> None:
    """Let a hold go: what is left of it is available to its account again. Of a purse: report its loss, so that it ends after its grace."""
    found = find_hold(session, hold)
    sender = session.sender(found.void_by)
    needed = (sender_keyset(session, sender), sender_keyset(session, found.void_by))
    send(session, Void(hold=bytes.fromhex(hold)), sender=sender, needed=needed, how=how)


@command(app, "show")
def show(session: Session, hold: IdArgument) -> None:
    """Show an open hold."""
    found = find_hold(session, hold)
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
            ("condition", found.condition),
            *condition_rows(found),
            ("settled by", found.settle_by or "whoever shows what the condition asks for"),
            ("let go by", found.void_by),
            ("as of block", str(found.as_of)),
        ]
    )


def _default_void_by(condition: Condition, settler: str, accounts: tuple[str, str]) -> str:
    """Say who lets a hold go where nobody is named: whoever its other side relies on."""
    source, target = accounts
    match condition:
        case Arbiter(by=by):
            return by
        case HashLock():
            return servicer_of(target)
        case Device():
            return servicer_of(source)
        case "none":
            return settler
