"""`som reserve`: say what stands behind an asset, and see it."""

import time
from decimal import Decimal, InvalidOperation
from typing import Annotated

import msgspec
import typer

from cli.amounts import format_amount
from cli.client import NotThere
from cli.command import command
from cli.faults import Misuse, Refusal
from cli.output import print_fields, print_json, print_table
from cli.parties import sender_keyset
from cli.policies import find_asset
from cli.sending import How, send
from cli.session import Session
from cli.times import parse_point, time_text
from ledger.attestations import Attestation
from ledger.names import check_asset_code
from ledger.transactions.bodies import Attest
from ledger.types import AMOUNT_MAX
from node.api.reserve_structs import ReserveBody

app = typer.Typer(help="Reserves: what others attest of an asset, and what it is worth.", no_args_is_help=True)

AssetArgument = Annotated[str, typer.Argument(metavar="ASSET", help="Code of the asset, such as USDKG.")]
ByOption = Annotated[str, typer.Option("--by", metavar="PARTICIPANT", help="Who says so; else the sender.")]
AsOfOption = Annotated[str, typer.Option("--as-of", metavar="TIME", help="When it was found so; else now.")]
UntilOption = Annotated[str, typer.Option("--until", metavar="TIME", help="It counts no longer than this; else as the policy says.")]
BEHIND_MS = 1_000
"""A fact of now is dated this far back: the block that takes it may have a clock that is a little behind."""
HASH_CHARACTERS = 64


@command(app, "attest")
def attest(
    session: Session,
    asset: AssetArgument,
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="Type of the item, as the policy names it, such as gold.")],
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Its id, one for ever and for one asset; a top-up is a new item.")],
    quantity: Annotated[str, typer.Argument(metavar="QUANTITY", help="Whole units of its feed (gold: 10^-7 g); 0: it is gone.")],
    how: How,
    *,
    by: ByOption = "",
    as_of: AsOfOption = "",
    until: UntilOption = "",
    document: Annotated[str, typer.Option("--document", metavar="HASH", help="SHA-256 of the report, 64 hex digits.")] = "",
    standard: Annotated[str, typer.Option("--standard", help="By which it was found, such as ISAE 3000.")] = "",
) -> None:
    """Attest the quantity of an item. The quorum of a grant `attest.reserve` signs."""
    value = _whole(quantity)
    said = ("reserve", f"{asset}:{type_}", item, value)
    _say(session, said, by=by, dates=(as_of, until), proof=(_document(document), standard), how=how)


@command(app, "price")
def price(
    session: Session,
    asset: AssetArgument,
    feed: Annotated[str, typer.Argument(metavar="FEED", help="Name of the feed in the policy, such as XAU-USD.")],
    value: Annotated[str, typer.Argument(metavar="PRICE", help="For one unit of the feed, such as 4160.917242.")],
    how: How,
    *,
    by: ByOption = "",
    as_of: AsOfOption = "",
) -> None:
    """Report a price. The quorum of a grant `attest.price` signs, of a source that the policy names."""
    found = next((each for each in _reserve(session, asset).feeds if each.name == feed), None)
    if found is None:
        raise Refusal(f"{asset} has no feed {feed}: `som reserve show {asset}` names those it has")
    subject = f"{asset}:{feed}"
    _say(session, ("price", subject, subject, _scaled(value, found.decimals)), by=by, dates=(as_of, ""), proof=("", ""), how=how)


@command(app, "observe")
def observe(
    session: Session,
    asset: AssetArgument,
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="Id of the route, or name of the locker, in the policy.")],
    supply: Annotated[str, typer.Argument(metavar="SUPPLY", help="What circulates there, or is locked there, in major units.")],
    how: How,
    *,
    by: ByOption = "",
    as_of: AsOfOption = "",
) -> None:
    """Report the supply on an observed route, or what is locked abroad. A grant `attest.foreign` signs; the policy names the sources."""
    subject = f"{asset}:{route}"
    minor = _scaled(supply, find_asset(session, asset).decimals)
    _say(session, ("foreign", subject, subject, minor), by=by, dates=(as_of, ""), proof=("", ""), how=how)


@command(app, "show")
def show(session: Session, asset: AssetArgument) -> None:
    """Show what stands behind an asset, what it is worth now, and what is missing."""
    found = _reserve(session, asset)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    decimals = find_asset(session, asset).decimals

    def text(amount: str | None) -> str:
        return "not published yet" if amount is None else f"{format_amount(int(amount), decimals)} {asset}"

    coverage = "nothing circulates" if found.coverage_bps is None else f"{found.coverage_bps / 100:.2f} %"
    print_fields(
        [
            ("asset", found.code),
            ("reserve", found.kind),
            *([("vault", f"{found.vault}, of {found.locked}")] if found.vault else []),
            ("supply", text(found.supply)),
            ("abroad", text(found.foreign)),
            ("eligible", text(found.eligible)),
            ("market value", f"{text(found.market)}, {coverage}"),
            ("state", found.state),
            *([("short since", time_text(found.short_since))] if found.short_since else []),
            *([("missing", found.missing)] if found.missing else []),
            *[("price", f"{each.name} {format_amount(int(each.price), each.decimals)}") for each in found.feeds],
            *[("route", f"{each.id} {'not seen lately' if each.supply is None else text(each.supply)}") for each in found.routes],
            *[
                ("locker", f"{each.name} on {each.chain} {'not seen lately' if each.amount is None else text(each.amount)}")
                for each in found.lockers
            ],
            ("as of block", str(found.as_of)),
        ]
    )
    if found.items:
        rows = [[each.id, each.type, each.quantity, each.attestor, time_text(each.as_of)] for each in found.items]
        print_table(["item", "type", "quantity>", "attested by", "as of"], rows)


def _say(
    session: Session,
    said: tuple[str, str, str, int],
    *,
    by: str,
    dates: tuple[str, str],
    proof: tuple[str, str],
    how: How,
) -> None:
    """Send an attestation of (kind, subject, id, value)."""
    kind, subject, name, value = said
    sender = session.sender()
    as_of = parse_point(dates[0]) if dates[0] else time.time_ns() // 1_000_000 - BEHIND_MS
    fields = (name, kind, subject, value, as_of, parse_point(dates[1]) if dates[1] else 0, bytes.fromhex(proof[0]), proof[1], by or sender)
    try:
        attestation = msgspec.convert((*fields[:6], fields[6] or bytes(32), *fields[7:]), Attestation)
    except msgspec.ValidationError as error:
        raise Misuse(f"that is no attestation: {error}") from None
    send(session, Attest(attestation), sender=sender, needed=(sender_keyset(session, sender),), how=how)


def _reserve(session: Session, asset: str) -> ReserveBody:
    check_asset_code(asset)
    try:
        return session.client.get(f"/v1/assets/{asset}/reserve", ReserveBody)
    except NotThere:
        raise Refusal(f"there is no asset {asset}: `som asset list` shows those there are") from None


def _whole(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or int(text[:20]) > AMOUNT_MAX:
        raise Misuse(f"{text!r} is no quantity: write a whole number of at most 18 digits, in the smallest unit")
    return int(text)


def _scaled(text: str, decimals: int) -> int:
    """Whole number of a decimal text with so many digits after the point."""
    try:
        value = Decimal(text).scaleb(decimals)
    except InvalidOperation:
        raise Misuse(f"{text!r} is no number") from None
    if not value.is_finite() or value != value.to_integral_value() or not 0 <= value <= AMOUNT_MAX:
        raise Misuse(f"{text!r} is no number with at most {decimals} digits after the point")
    return int(value)


def _document(text: str) -> str:
    if text and (len(text) != HASH_CHARACTERS or any(digit not in "0123456789abcdef" for digit in text)):
        raise Misuse(f"{text!r} is no SHA-256: 64 lower-case hex digits")
    return text
