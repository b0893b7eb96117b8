"""`som holder`: who has which tier, and by which pseudonym a participant knows the person."""

import secrets
from typing import Annotated

import msgspec
import typer

from cli.asking import ask_signed
from cli.client import NotThere
from cli.command import command
from cli.faults import Misuse, Refusal
from cli.output import print_fields, print_json, print_line, print_table
from cli.parties import OPS, sender_keyset
from cli.sending import How, send
from cli.session import Session
from cli.times import parse_point, time_text
from ledger.holders import PSEUDONYM_BYTES, PseudonymAt
from ledger.names import OPERATOR, check_participant_id
from ledger.transactions.bodies import HolderPut
from ledger.transactions.people_forms import check_tier
from node.api.holder_structs import GivenPseudonym, HolderBody

app = typer.Typer(help="Holders: the people behind wallets, their tiers, and what their limits are measured by.", no_args_is_help=True)

IdArgument = Annotated[
    str, typer.Argument(metavar="HOLDER", help="16 bytes in hex, of the operator's registry; `som holder new` makes one.")
]
LEGAL = "legal"
PSEUDONYM_FORM = "PARTICIPANT[:HEX]"


@command(app, "new")
def new(session: Session) -> None:
    """Make a random id for a person whom the registry does not know yet."""
    made = secrets.token_hex(PSEUDONYM_BYTES)
    if session.json:
        print_json({"holder": made})
        return
    print_line(made)


@command(app, "put")
def put(
    session: Session,
    holder: IdArgument,
    how: How,
    *,
    tier: Annotated[str, typer.Option("--tier", help=f"The person's tier; {LEGAL} for a legal person, which has no limits.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="The tier ends then; else never.")] = "",
    pseudonym: Annotated[
        list[str] | None,
        typer.Option(
            "--pseudonym", metavar=PSEUDONYM_FORM, help="Let a participant know the person by this name, random where none is said."
        ),
    ] = None,
) -> None:
    """Register a person: set the tier, add pseudonyms. The quorum of a grant `tier` signs.

    Give each participant its own pseudonym, by a safe way: with it the participant opens the person's wallets.
    """
    if tier != LEGAL:
        check_tier(tier)
    known = sorted((_pseudonym(text) for text in pseudonym or []), key=lambda each: f"{each.participant}/{each.pseudonym.hex()}")
    body = HolderPut(
        holder=parse_id(holder), tier="" if tier == LEGAL else tier, valid_until=parse_point(until) if until else 0, pseudonyms=tuple(known)
    )
    sender = session.sender(OPERATOR)
    send(session, body, sender=sender, needed=(sender_keyset(session, sender),), how=how)


@command(app, "find")
def find(
    session: Session,
    holder: IdArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the audit log of the node that answers.")],
    keyset: Annotated[str, typer.Option("--keyset", metavar="NAME", help="Keyset that asks.")] = OPS,
) -> None:
    """Look a person up over all participants: for the operator, and for whom a grant audit.read names. Ask a node of the operator.

    The request is signed by a key of the keyset (--as PARTICIPANT), and recorded before it is answered.
    """
    member = (session.sender(OPERATOR), keyset)
    try:
        found = ask_signed(session, f"/v1/holders/{parse_id(holder).hex()}", HolderBody, member=member, query={"reason": reason})
    except NotThere:
        raise Refusal(f"there is no holder {holder}: `som holder put` registers them") from None
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    print_fields(
        [
            ("holder", found.id),
            ("tier", found.tier or "none: a legal person, which has no limits"),
            ("until", time_text(found.valid_until) if found.valid_until else "no end"),
            ("as of block", str(found.as_of)),
        ]
    )
    print_table(
        ["participant", "pseudonym", "wallets"], [[each.participant, each.pseudonym, ", ".join(each.wallets)] for each in found.pseudonyms]
    )
    rows = []
    for each in found.spent:
        total, day, month = (session.units.text(int(amount), each.asset) for amount in (each.total, each.day_out, each.month_out))
        rows.append([total, f"{day} on {each.day}" if each.day else day, f"{month} in {each.month}" if each.month else month])
    print_table(["has>", "spent in the day", "spent in the month"], rows)


@command(app, "pseudonym")
def pseudonym_(session: Session, holder: IdArgument) -> None:
    """Ask a node of the operator by which pseudonym this participant is to know a person; `ops` of --as PARTICIPANT signs the request.

    It is the same one whenever it is asked for. Wallets can be opened with it once the operator has registered it.
    """
    participant = session.sender()
    body = msgspec.json.encode({"holder": parse_id(holder).hex()})
    found = ask_signed(session, "/v1/holders", GivenPseudonym, member=(participant, OPS), body=body)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    wait = f"not yet: the operator registers it (som holder put {holder} --pseudonym {participant}:{found.pseudonym})"
    print_fields([("participant", participant), ("pseudonym", found.pseudonym), ("registered", "yes" if found.registered else wait)])


def parse_id(text: str) -> bytes:
    """Return the 16 bytes of a holder or a pseudonym; raises `Misuse` where the text is none."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != PSEUDONYM_BYTES:
        raise Misuse(f"{text!r} is not {PSEUDONYM_BYTES} bytes in hex")
    return found


def _pseudonym(text: str) -> PseudonymAt:
    participant, _, name = text.partition(":")
    check_participant_id(participant)
    return PseudonymAt(participant, parse_id(name) if name else secrets.token_bytes(PSEUDONYM_BYTES))
