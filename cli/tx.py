"""`som tx`: what became of a transaction, and one envelope signed by several people on several machines: file in, file out."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.client import NotThere
from cli.command import command
from cli.contents import describe, readable
from cli.explain import explain
from cli.faults import Misuse, Refusal
from cli.hold_terms import check_hex_id
from cli.outbox import read_transaction, write_transaction
from cli.output import Json, print_fields, print_json
from cli.parties import OPS
from cli.proof import CheckpointOption, SaveOption, VerifyOption, verify_transaction_of
from cli.receipts import receipt_rows
from cli.sending import How, open_outbox, print_exported, report, submit
from cli.session import Session
from cli.signing import KeysetName, brought_by, sign_here, wanted_keysets
from cli.times import now_ms, time_text
from ledger.codec import decode_transaction
from ledger.errors import WrongChain
from ledger.transactions.bodies import Body, Transaction
from node.api.structs import TransactionBody

app = typer.Typer(help="Transactions: their fate, and signing one together.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Transaction file, as --export writes it.")]


@command(app, "show")
def show(
    session: Session,
    tx_id: Annotated[str, typer.Argument(metavar="[ID]", help="64 hex characters; or name it by --ref.")] = "",
    *,
    ref: Annotated[str, typer.Option("--ref", metavar="R", help="Its reference instead; its sender is that of --as or the profile.")] = "",
    verify: VerifyOption = False,
    save: SaveOption = None,
    checkpoint: CheckpointOption = "",
) -> None:
    """Show what became of a transaction; with --verify the receipt is checked against the validators' signatures here."""
    if bool(tx_id) == bool(ref):
        raise Misuse("name one transaction: by its ID, or by --ref with --as")
    if ref:
        tx_id = _by_ref(session, ref)
    check_hex_id(tx_id)
    if verify or save is not None or checkpoint:
        verify_transaction_of(session, tx_id, save=save, checkpoint=checkpoint)
        return
    try:
        found = session.client.get(f"/v1/transactions/{tx_id}", TransactionBody)
    except NotThere:
        _show_kept(session, tx_id)
        return
    body = _body_of(found)
    if session.json:
        built: dict[str, Json] = msgspec.to_builtins(found)
        print_json(built | ({"content": readable(body)} if body is not None else {}))
        return
    print_fields(
        [
            ("transaction", found.tx_id),
            ("status", found.status),
            ("type", found.type),
            *(describe(session, body) if body is not None else []),
            ("reference", f"{found.sender} {found.ref}"),
            ("valid until", time_text(found.valid_until)),
            *([("time", time_text(found.time_ms))] if found.time_ms else []),
            *receipt_rows(session, found.receipt),
            *[
                ("returned by", f"{each.tx_id}, {session.units.text(each.amount, each.asset)}, block {each.height}")
                for each in found.returns
            ],
            *([("why", explain(found.receipt.code))] if found.receipt is not None and found.receipt.code else []),
        ]
    )


@command(app, "export")
def export(
    session: Session,
    tx_id: Annotated[str, typer.Argument(metavar="ID", help="64 hex characters.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
) -> None:
    """Write a transaction that was sent from here, or that the node has, to a file with all its signatures."""
    check_hex_id(tx_id)
    transaction = open_outbox(session).by_id(tx_id) or _from_node(session, tx_id)
    write_transaction(file, transaction)
    print_exported(session, transaction, file)


@command(app, "sign")
def sign(
    session: Session,
    file: FileArgument,
    *,
    with_: Annotated[
        list[str] | None,
        typer.Option("--sign", metavar="OWNER/KEYSET", help="Keyset that you sign for; else the sender's and the profile's."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write here; else back to FILE.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after showing what is signed.")] = False,
) -> None:
    """Read a transaction, show what it would do, add your signatures, write it again."""
    transaction = _checked(session, read_transaction(file))
    keysets = wanted_keysets(session, transaction.body, () if with_ else _usual(transaction), with_ or ())
    if not session.json:
        print_fields(_content(session, transaction))
    if not yes and not typer.confirm("Sign this?", err=True):
        raise Refusal("not signed: nothing was written")
    raw = sign_here(session, _envelope(transaction), keysets, brought=brought_by(session, transaction.body), partly=transaction.signatures)
    signed = decode_transaction(raw)
    write_transaction(output or file, signed)
    print_exported(session, signed, output or file)


@command(app, "submit")
def submit_(
    session: Session,
    file: FileArgument,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is final.")] = False,
) -> None:
    """Send a transaction file as it is. Sending it twice does no harm: it takes effect once."""
    transaction = _checked(session, read_transaction(file))
    if transaction.valid_until < now_ms():
        raise Refusal(
            f"{file} expired at {time_text(transaction.valid_until)}: it has to be made and signed anew, with a longer --valid-for"
        )
    open_outbox(session).keep(transaction)
    report(session, transaction, submit(session, transaction, How(wait=wait)))


def _body_of(found: TransactionBody) -> Body | None:
    """Return what a transaction says, from the bytes whose hash is its id; None where the node does not show them."""
    transaction = decode_transaction(bytes.fromhex(found.raw)) if found.raw else None
    return transaction.body if transaction is not None and transaction.tx_id.hex() == found.tx_id else None


def _by_ref(session: Session, ref: str) -> str:
    sender = session.sender()
    try:
        return session.client.get("/v1/transactions", TransactionBody, {"from": sender, "ref": ref}).tx_id
    except NotThere:
        raise Refusal(f"{sender} has no transaction with reference {ref} on this node") from None


def _show_kept(session: Session, tx_id: str) -> None:
    kept = open_outbox(session).by_id(tx_id) if session.profile.genesis else None
    if kept is None:
        raise Refusal(f"this node knows no transaction {tx_id}, and it was not sent from here")
    late = now_ms() > kept.valid_until
    status = "unknown to the node; " + (
        "expired by this clock, it can never take effect" if late else "send the same bytes again with --ref"
    )
    fields = [
        ("transaction", tx_id),
        ("status", status),
        ("reference", f"{kept.sender} {kept.ref}"),
        ("valid until", time_text(kept.valid_until)),
    ]
    if session.json:
        print_json({"tx_id": tx_id, "status": "expired" if late else "unknown", "from": kept.sender, "ref": kept.ref})
    else:
        print_fields(fields)


def _from_node(session: Session, tx_id: str) -> Transaction:
    try:
        found = session.client.get(f"/v1/transactions/{tx_id}", TransactionBody)
    except NotThere:
        raise Refusal(f"neither the outbox nor the node knows {tx_id}") from None
    transaction = decode_transaction(bytes.fromhex(found.raw))
    if transaction.tx_id.hex() != tx_id:
        raise Refusal("the node gave another transaction than the one asked for: ask another node")
    return transaction


def _checked(session: Session, transaction: Transaction) -> Transaction:
    if transaction.chain != session.chain:
        raise WrongChain(found=transaction.chain.hex(), expected=session.chain.hex())
    return transaction


def _usual(transaction: Transaction) -> list[KeysetName]:
    return [(transaction.sender, OPS)] if "/" not in transaction.sender else []


def _envelope(transaction: Transaction) -> bytes:
    """Envelope of a canonical transaction: what lies between the array's head and its signatures."""
    return transaction.raw[1 : -len(msgspec.msgpack.encode(transaction.signatures))]


def _content(session: Session, transaction: Transaction) -> list[tuple[str, str]]:
    return [
        ("transaction", transaction.tx_id.hex()),
        ("type", transaction.type),
        ("from", f"{transaction.sender}, reference {transaction.ref}"),
        ("valid until", time_text(transaction.valid_until)),
        *describe(session, transaction.body),
        ("signed by", ", ".join(f"{each.participant}/{each.keyset}" for each in transaction.signatures) or "nobody yet"),
    ]
