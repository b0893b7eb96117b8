"""`som closing`: business dates that are over, and what everybody had then (L2)."""

from typing import Annotated

import msgspec
import typer

from cli.client import NotThere
from cli.command import command
from cli.faults import Distrust, Misuse, Refusal
from cli.output import print_fields, print_json, print_line, print_table
from cli.proof import AtOption, CheckpointOption, VerifyOption, verify_leaf
from cli.session import Session
from cli.times import time_text
from ledger.closings import Closing, closing_key
from ledger.dates import NEVER_MS, read_date
from ledger.names import check_participant_id
from node.api.closing_structs import ClosingBody, ClosingsPage

app = typer.Typer(help="Closings: what everybody had when a business date was over.", no_args_is_help=True)

PAGE = 400


@command(app, "list")
def list_(
    session: Session,
    *,
    cursor: Annotated[str, typer.Option("--after", metavar="DATE", help="Where the last page ended.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=PAGE, help="Dates of one page.")] = PAGE,
) -> None:
    """List the business dates that are over, oldest first, and the one that counts now."""
    query = {"limit": str(limit)} | ({"after": _date(cursor)} if cursor else {})
    page = session.client.get("/v1/closings", ClosingsPage, query)
    if session.json:
        print_json(msgspec.to_builtins(page))
        return
    print_table(
        ["date", "first block>", "last block>", "next"], [[each.date, str(each.first), str(each.last), each.next] for each in page.closings]
    )
    if page.next:
        print_line(f"more: --after {page.next}")
    elif page.open is not None:
        ends = "never" if page.open.ends_ms >= NEVER_MS else time_text(page.open.ends_ms)
        print_line(f"open: {page.open.date} since block {page.open.first}, ends {ends}")


@command(app, "show")
def show(
    session: Session,
    date: Annotated[str, typer.Argument(metavar="DATE", help="Such as 2026-11-21; of a date without blocks the closing before it holds.")],
    *,
    participant: Annotated[str, typer.Option("--participant", metavar="ID", help="Only this participant; needed to verify.")] = "",
    verify: VerifyOption = False,
    at: AtOption = None,
    checkpoint: CheckpointOption = "",
) -> None:
    """Show what every participant had at the end of a date; with --verify one participant's, as the validators have signed it."""
    checked = verify or at is not None or bool(checkpoint)
    if checked and not participant:
        raise Misuse("a closing is proven by participant: add --participant ID")
    if participant:
        check_participant_id(participant)
    query = {"participant": participant} if participant else {}
    try:
        found = session.client.get(f"/v1/closings/{_date(date)}", ClosingBody, query | ({"proof": "1"} if checked else {}))
    except NotThere as error:
        raise Refusal(str(error)) from None
    if checked:
        _check(session, found, participant, at=at, checkpoint=checkpoint)
    if session.json:
        print_json({"proven": checked, **msgspec.to_builtins(found)})
        return
    _print(session, found, "yes, signed by the validators" if checked else "")


def _check(session: Session, found: ClosingBody, participant: str, *, at: int | None, checkpoint: str) -> None:
    """Refuse what the validators have not signed: another date, other figures, or a date of which there is a closing of its own."""
    _, record = verify_leaf(session, found.proof, closing_key(participant, found.closed), at=at, checkpoint=checkpoint)
    if not isinstance(record, Closing) or not found.closed <= found.date < record.next:
        raise Distrust(f"the closing of {found.closed} is not the one that holds on {found.date}: do not believe this node")
    (shown,) = found.participants
    said = {each.asset: (int(each.posted), int(each.held)) for each in shown.totals if (int(each.posted), int(each.held)) != (0, 0)}
    supplies = {each.asset: int(each.supply) for each in shown.supplies}
    same = said == {each.asset: (each.posted, each.held) for each in record.totals}
    same = same and supplies == {each.asset: each.supply for each in record.supplies}
    same = same and all(int(each.own) == int(each.posted) + supplies.get(each.asset, 0) for each in shown.totals)
    if not same or (found.next, found.first, found.last) != (record.next, record.first, record.last):
        raise Distrust(f"what the node says of {found.closed} is not what its proof shows: do not believe this node")


def _print(session: Session, found: ClosingBody, proven: str) -> None:
    print_fields(
        [
            ("date", found.date),
            *([("closing of", f"{found.closed}: no block has a date after it before {found.next}")] if found.closed != found.date else []),
            ("blocks", f"{found.first} to {found.last}"),
            *([("proven", proven)] if proven else []),
        ]
    )
    text = session.units.text
    rows = [
        [each.participant, total.asset, text(total.own, total.asset), text(total.held, total.asset)]
        for each in found.participants
        for total in each.totals
    ]
    print_table(["participant", "asset", "had>", "of it held>"], rows)
    supplies = [[each.asset, one.participant, text(each.supply, each.asset)] for one in found.participants for each in one.supplies]
    if supplies:
        print_table(["asset", "issuer", "supply>"], supplies)


def _date(text: str) -> str:
    try:
        read_date(text)
    except ValueError as error:
        raise Misuse(str(error)) from None
    return text
