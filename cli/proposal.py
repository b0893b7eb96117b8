"""`som proposal`: what waits for its quorum, and votes on it (L26). `--propose` on any other command opens one.

What is voted on is read from the transaction that opened the proposal, whose hash is its id, never from a node's own words.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from cli.client import NotThere
from cli.command import command
from cli.contents import describe, readable
from cli.faults import Misuse, Refusal
from cli.hold_terms import check_hex_id
from cli.outbox import read_transaction
from cli.output import Json, print_fields, print_json, print_table
from cli.parties import OPS, sender_keyset
from cli.sending import How, send
from cli.session import Session
from cli.signing import split_keyset
from cli.times import time_text
from ledger.codec import decode_transaction
from ledger.errors import WrongChain
from ledger.transactions.bodies import Approve, Propose, Transaction
from ledger.transactions.proposals import content_of
from node.api.epoch_structs import ProposalBody, Proposals
from node.api.structs import TransactionBody

app = typer.Typer(help="Proposals: a transaction that votes carry out.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the proposal: that of the transaction that opened it.")]
KeysetOption = Annotated[str, typer.Option("--keyset", metavar="OWNER/KEYSET", help="Who votes; else the `ops` of the sender.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask after showing what is voted on.")]


@command(app, "new")
def new(session: Session, file: Annotated[Path, typer.Argument(metavar="FILE", help="Transaction file of --export.")], how: How) -> None:
    """Propose what a transaction file would do; the file's own signatures do not count. Any command does the same with --propose."""
    transaction = read_transaction(file)
    if transaction.chain != session.chain:
        raise WrongChain(found=transaction.chain.hex(), expected=session.chain.hex())
    sender = session.sender(transaction.sender)
    send(session, transaction.body, sender=sender, needed=(), how=msgspec.structs.replace(how, propose=True))


@command(app, "show")
def show(session: Session, proposal: IdArgument) -> None:
    """Show what is proposed, by whom, and the votes so far."""
    found, body = _find(session, proposal), _opened(session, proposal)
    if session.json:
        built: dict[str, Json] = msgspec.to_builtins(found)
        print_json(built | {"body": readable(content_of(body.type, body.content))})
        return
    print_fields([*_rows(session, found, body), *[("vote", f"{vote.choice}, {vote.keyset}") for vote in found.votes]])


@command(app, "list")
def list_(
    session: Session,
    *,
    participant: Annotated[str, typer.Option("--of", metavar="PARTICIPANT", help="Only what this participant proposed.")] = "",
) -> None:
    """List open proposals."""
    found: list[ProposalBody] = []
    after = ""
    while True:
        query = {"participant": participant} if participant else ({"after": after} if after else {})
        page = session.client.get("/v1/proposals", Proposals, query)
        found += page.proposals
        if not page.next or page.next <= after:
            break
        after = page.next
    if session.json:
        print_json({"proposals": msgspec.to_builtins(found)})
        return
    rows = [
        [each.id, each.proposer, each.type, time_text(each.until), str(sum(vote.choice == "yes" for vote in each.votes))] for each in found
    ]
    print_table(["proposal", "by", "type", "open until", "yes>"], rows)


@command(app, "approve")
def approve(session: Session, proposal: IdArgument, how: How, *, keyset: KeysetOption = "", yes: YesOption = False) -> None:
    """Vote yes. The vote that makes the quorum carries the proposal out: its receipt is that of what was proposed."""
    body = _opened(session, proposal)
    if not session.json:
        print_fields(_rows(session, _find(session, proposal), body))
    if not yes and not typer.confirm("Vote yes on this?", err=True):
        raise Refusal("no vote was given")
    _vote(session, proposal, "yes", keyset, how)


@command(app, "reject")
def reject(session: Session, proposal: IdArgument, how: How, *, keyset: KeysetOption = "") -> None:
    """Vote no. Who voted may change the vote as long as the proposal is open."""
    _vote(session, proposal, "no", keyset, how)


@command(app, "withdraw")
def withdraw(session: Session, proposal: IdArgument, how: How, *, keyset: KeysetOption = "") -> None:
    """Take the own vote back."""
    _vote(session, proposal, "withdraw", keyset, how)


def _vote(session: Session, proposal: str, vote: Literal["yes", "no", "withdraw"], keyset: str, how: How) -> None:
    check_hex_id(proposal)
    if how.propose:
        raise Misuse("a vote is not proposed itself: leave out --propose")
    voter = split_keyset(keyset) if keyset else (session.sender("operator"), OPS)
    sender = session.sender(voter[0])
    body = Approve(bytes.fromhex(proposal), "/".join(voter), vote)
    send(session, body, sender=sender, needed=(sender_keyset(session, sender), voter), how=how)


def _find(session: Session, proposal: str) -> ProposalBody:
    check_hex_id(proposal)
    try:
        return session.client.get(f"/v1/proposals/{proposal}", ProposalBody)
    except NotThere:
        raise Refusal(f"there is no open proposal {proposal}: it was carried out, has lapsed, or was never made") from None


def _opened(session: Session, proposal: str) -> Propose:
    """Return what a proposal carries, from the bytes whose hash is its id.

    Raises
    ------
    Refusal
        The node does not show them, or shows others.
    """
    check_hex_id(proposal)
    try:
        found = session.client.get(f"/v1/transactions/{proposal}", TransactionBody)
    except NotThere:
        raise Refusal(f"there is no proposal {proposal} on this node") from None
    transaction: Transaction | None = decode_transaction(bytes.fromhex(found.raw)) if found.raw else None
    if transaction is None or transaction.tx_id.hex() != proposal or not isinstance(transaction.body, Propose):
        raise Refusal(
            f"the node does not show the transaction that opened {proposal}, so nobody can say what is voted on: ask another node"
        )
    return transaction.body


def _rows(session: Session, found: ProposalBody, body: Propose) -> list[tuple[str, str]]:
    return [("proposal", found.id), ("by", found.proposer), *describe(session, body)]
