"""`som account`: open, close, rekey, show."""

from typing import Annotated, Literal

import msgspec
import typer

from cli.command import command
from cli.faults import Misuse
from cli.holder import parse_id
from cli.keyset import KeyOption, MOption, NotAfterOption, make_keyset
from cli.output import print_fields, print_json, print_line, print_table
from cli.parties import OPS, find_account, sender_keyset
from cli.proof import AtOption, CheckpointOption, SaveOption, VerifyOption, verify_account
from cli.sending import How, send
from cli.session import Session
from ledger.classes import check_class, vouchers_of
from ledger.names import check_account_id, servicer_of
from ledger.transactions.bodies import AccountOpen, AccountSet
from node.api.structs import AccountBody, HistoryPage

app = typer.Typer(help="Accounts: where value sits.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="participant/local, such as bank-a/main.")]
KeysetOption = Annotated[str, typer.Option("--keyset", metavar="NAME", help="Name of the account's own keyset.")]
ClassOption = Annotated[
    list[str] | None, typer.Option("--class", metavar="CLASS", help="What it is for, such as mcc:8211@treasury; repeat; none for no class.")
]
NO_CLASS = "none"
PAGE = 100


@command(app, "open")
def open_(
    session: Session,
    account: IdArgument,
    how: How,
    *,
    kind: Annotated[Literal["settlement", "wallet", "vault", "clearing"], typer.Option("--kind", help="What it is for.")] = "wallet",
    keyset: KeysetOption = "",
    m: MOption = 1,
    key: KeyOption = None,
    not_after: NotAfterOption = "",
    pseudonym: Annotated[str, typer.Option("--pseudonym", metavar="HEX", help="Of a wallet: whose it is, by `som holder put`.")] = "",
    classes: ClassOption = None,
) -> None:
    """Open an account. With --keyset it gets keys of its own, which sign its debits; else its servicer signs.

    Who vouches for a class (--class mcc:8211@treasury) signs too.
    """
    check_account_id(account)
    sender = session.sender(servicer_of(account))
    brought = make_keyset(session, keyset, m, key or [], not_after) if keyset else None
    named = _classes(classes) or ()
    needed = [sender_keyset(session, sender), (servicer_of(account), OPS), *([(account, keyset)] if keyset else []), *_vouching(named)]
    body = AccountOpen(id=account, kind=kind, pseudonym=parse_id(pseudonym) if pseudonym else b"", keyset=brought, classes=named)
    send(session, body, sender=sender, needed=needed, how=how)


@command(app, "set")
def set_(
    session: Session,
    account: IdArgument,
    how: How,
    *,
    status: Annotated[Literal["", "open", "closing", "closed"], typer.Option("--status", help="New status.")] = "",
    keyset: KeysetOption = "",
    m: MOption = 1,
    key: KeyOption = None,
    not_after: NotAfterOption = "",
    classes: ClassOption = None,
) -> None:
    """Close or reopen an account, replace its keyset or its classes; for a keyset the current one signs too."""
    if not status and not keyset and classes is None:
        raise Misuse("say what to change: --status, --class, or --keyset with --key")
    found = find_account(session, account)
    sender = session.sender(found.servicer)
    brought = make_keyset(session, keyset, m, key or [], not_after) if keyset else None
    needed = [sender_keyset(session, sender), (found.servicer, OPS)]
    if keyset:
        needed += [(account, keyset), *([(account, found.keyset)] if found.keyset else [])]
    named = _classes(classes)
    needed += [each for each in _vouching(named or ()) if each not in needed]
    send(session, AccountSet(id=account, status=status, keyset=brought, classes=named), sender=sender, needed=needed, how=how)


@command(app, "show")
def show(
    session: Session,
    account: IdArgument,
    *,
    verify: VerifyOption = False,
    at: AtOption = None,
    save: SaveOption = None,
    checkpoint: CheckpointOption = "",
) -> None:
    """Show an account's balances; with --verify only what the validators have signed."""
    if verify or at is not None or save is not None or checkpoint:
        verify_account(session, account, at=at, save=save, checkpoint=checkpoint)
        return
    found = find_account(session, account)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    print_account(session, found)


@command(app, "entries")
def entries(
    session: Session,
    account: IdArgument,
    *,
    cursor: Annotated[str, typer.Option("--after", metavar="CURSOR", help="Where the last page ended.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="Lines of one page.")] = PAGE,
) -> None:
    """Show the journal of an account, oldest first."""
    find_account(session, account)
    query = {"limit": str(limit)} | ({"after": cursor} if cursor else {})
    page = session.client.get(f"/v1/accounts/{account}/entries", HistoryPage, query)
    if session.json:
        print_json(msgspec.to_builtins(page))
        return
    rows = [
        [str(each.height), each.asset, session.units.text(each.posted, each.asset), session.units.text(each.held, each.asset), each.tx_id]
        for each in page.entries
    ]
    print_table(["block>", "asset", "posted>", "held>", "transaction"], rows)
    if page.next:
        print_line(f"more: --after {page.next}")


def print_account(session: Session, found: AccountBody) -> None:
    """Account and balances for people."""
    print_fields(
        [
            ("account", found.id),
            ("kind", found.kind),
            ("status", found.status),
            ("signs for it", f"its own keyset {found.keyset}" if found.keyset else f"{found.servicer}/{OPS}"),
            *([("holder", f"pseudonym {found.pseudonym}")] if found.pseudonym else []),
            *([("classes", ", ".join(found.classes))] if found.classes else []),
            ("open holds", str(found.holds)),
            ("as of block", str(found.as_of)),
        ]
    )
    rows = [[session.units.text(amount, each.asset) for amount in (each.posted, each.held, each.available)] for each in found.balances]
    print_table(["posted>", "held>", "available>"], rows)


def _classes(names: list[str] | None) -> tuple[str, ...] | None:
    """Classes as a body carries them; None where none were named."""
    if names is None:
        return None
    found = tuple(sorted({name for name in names if name != NO_CLASS}))
    for name in found:
        check_class(name)
    return found


def _vouching(classes: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(voucher, OPS) for voucher in vouchers_of(classes)]
