"""`som pay`, `som issue`, `som redeem`: money moves, comes and goes."""

from typing import Annotated
from uuid import UUID, uuid4

import msgspec
import typer

from cli.command import command
from cli.faults import Misuse
from cli.parties import debit_parties, debtor_keyset, default_sender, find_account, look_up, sender_keyset
from cli.policies import find_asset, quote_fee
from cli.sending import How, send
from cli.session import Session
from ledger.names import check_participant_id
from ledger.transactions.bodies import Issue, Leg, Pay, Redeem, ReturnOf
from ledger.travel import COMPLIANCE, Travel

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="participant/local, such as bank-a/main.")]
AmountArgument = Annotated[str, typer.Argument(metavar="AMOUNT", help="Major units, such as 12.50.")]
TRAVEL_FORM = "PARTICIPANT:STANDARD:HASH"
NEW = "new"
HASH_BYTES = 32
AssetArgument = Annotated[str, typer.Argument(metavar="ASSET", help="Code of the asset, such as KGS.")]


def register(app: typer.Typer) -> None:
    """Add the three commands to the root: they are verbs without a noun."""
    command(app, "pay")(pay)
    command(app, "issue")(issue)
    command(app, "redeem")(redeem)


def pay(
    session: Session,
    debit: Annotated[str, typer.Argument(metavar="FROM", help="Account that pays.")],
    credit: Annotated[str, typer.Argument(metavar="TO", help="Account that is paid.")],
    amount: AmountArgument,
    asset: AssetArgument,
    how: How,
    *,
    memo: Annotated[str, typer.Option("--memo", help="Text for the payee, at most 140 characters.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="Purpose code, at most 35 characters.")] = "",
    reference: Annotated[
        str, typer.Option("--reference", help="Of the payee, at most 35 characters, such as the number of a deposit or invoice.")
    ] = "",
    fee: Annotated[str, typer.Option("--fee", metavar="AMOUNT", help="Fee you agree to; else the asset's rule now.")] = "",
    uetr: Annotated[
        str, typer.Option("--uetr", metavar="UUID", help="End-to-end reference; with one the payment can be returned; or new.")
    ] = "",
    return_of: Annotated[str, typer.Option("--return-of", metavar="TX_ID", help="Send back what this payment with a UETR brought.")] = "",
    travel: Annotated[
        list[str] | None,
        typer.Option("--travel", metavar=TRAVEL_FORM, help="Travel data that PARTICIPANT has, by its SHA-256; its compliance signs."),
    ] = None,
    under: Annotated[str, typer.Option("--under", metavar="GRANT", help="Grant `debit` that stands for the agreement of FROM.")] = "",
) -> None:
    """Pay AMOUNT of ASSET from one account to another."""
    if debit == credit:
        raise Misuse(f"{debit} cannot pay itself: name two accounts")
    minor = session.units.parse(amount, asset)
    debtor, creditor = find_account(session, debit), look_up(session, credit)
    quoted = session.units.parse(fee, asset) if fee and fee.strip("0.") else 0
    if not fee:
        quoted = quote_fee(session, asset, "pay", minor, (debtor, creditor))
    usual, debiting = debit_parties(session, debtor, under)
    sender = session.sender(usual)
    leg = Leg(debit=debit, credit=credit, asset=asset, amount=minor, fee=quoted, reference=reference)
    data = tuple(sorted((_travel(text) for text in travel or ()), key=lambda each: each.participant))
    body = Pay(
        legs=(leg,),
        mode="atomic",
        purpose=purpose,
        uetr=_uetr(uetr),
        memo=memo,
        travel=data or None,
        return_of=ReturnOf(_hash(return_of), 0) if return_of else None,
    )
    agreeing = [(each.participant, COMPLIANCE) for each in data]
    send(session, body, sender=sender, needed=(sender_keyset(session, sender), *debiting, *agreeing), how=how)


def issue(
    session: Session,
    to: Annotated[str, typer.Argument(metavar="TO", help="Account that gets the new money.")],
    amount: AmountArgument,
    asset: AssetArgument,
    how: How,
    *,
    basis: Annotated[str, typer.Option("--basis", help="Why: a decision or document, at most 140 characters.")] = "",
    paid_by: Annotated[str, typer.Option("--from", metavar="ACCOUNT", help="Of a vault asset: who pays the reserve, and signs.")] = "",
) -> None:
    """Issue AMOUNT of ASSET under a grant `issue`; every keyset of its quorum must sign (--sign, or `sign` in the profile)."""
    minor = session.units.parse(amount, asset)
    look_up(session, to)
    sender = session.sender(find_asset(session, asset).issuer)
    body = Issue(asset=asset, to=to, amount=minor, basis=basis, source=paid_by or None)
    payer = (debtor_keyset(find_account(session, paid_by)),) if paid_by else ()
    send(session, body, sender=sender, needed=(sender_keyset(session, sender), *payer), how=how)


def redeem(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="FROM", help="Account that gives the money back.")],
    amount: AmountArgument,
    asset: AssetArgument,
    how: How,
    *,
    payout_ref: Annotated[str, typer.Option("--payout-ref", help="Where the payout goes, at most 140 characters.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="ACCOUNT", help="Of a vault asset: who is paid out of the vault.")] = "",
) -> None:
    """Give AMOUNT of ASSET back to its issuer; the supply falls."""
    minor = session.units.parse(amount, asset)
    debtor = find_account(session, source)
    sender = session.sender(default_sender(debtor))
    body = Redeem(asset=asset, source=source, amount=minor, payout_ref=payout_ref, to=to or None)
    send(session, body, sender=sender, needed=(sender_keyset(session, sender), debtor_keyset(debtor)), how=how)


def _uetr(text: str) -> bytes | None:
    """Bytes of a UETR: an UUID, or `new` for a random one."""
    if not text:
        return None
    try:
        return (uuid4() if text == NEW else UUID(text)).bytes
    except ValueError:
        raise Misuse(f"{text!r} is no UETR: write a UUID, or new for a random one") from None


def _hash(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != HASH_BYTES:
        raise Misuse(f"{text!r} is not {HASH_BYTES} bytes in hex")
    return found


def _travel(text: str) -> Travel:
    participant, _, rest = text.partition(":")
    standard, _, digest = rest.partition(":")
    check_participant_id(participant)
    try:
        return msgspec.convert((participant, standard, _hash(digest)), Travel)
    except msgspec.ValidationError:
        raise Misuse(f"{text!r} is no travel data: write {TRAVEL_FORM}, such as bank-b:IVMS101:...") from None
