"""`som asset`: define, alter and show what may be issued."""

from typing import Annotated, Literal

import msgspec
import typer

from cli.amounts import format_amount, parse_amount
from cli.command import command
from cli.faults import Misuse
from cli.limits import LIMIT_FORM, limit_lines, limits_of, patterns_of, travel_min_of
from cli.output import print_fields, print_json, print_table
from cli.parties import OPS, sender_keyset
from cli.policies import asset_or_none, find_asset, rules_of
from cli.sending import How, send
from cli.session import Session
from cli.terms import known_policy, policy_fields
from ledger.assets import FeeRule, Policy
from ledger.transactions.bodies import AssetPut
from node.api.structs import AssetBody, Assets

app = typer.Typer(help="Assets: a policy each, and what was issued under it.", no_args_is_help=True)

CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="Such as KGS.")]
NO_CAP = "none"
FEE_FORM = "TYPE:DEBIT_KIND:CREDIT_KIND:FIXED:BPS:MIN:MAX"
ISO_MAX = 8


@command(app, "put")
def put(
    session: Session,
    code: CodeArgument,
    how: How,
    *,
    issuer: Annotated[str, typer.Option("--issuer", help="Participant that issues it.")] = "",
    decimals: Annotated[int | None, typer.Option("--decimals", min=0, max=ISO_MAX, help="Digits after the point.")] = None,
    cap: Annotated[str, typer.Option("--cap", metavar="AMOUNT", help="Highest supply in major units, or none.")] = "",
    fee: Annotated[
        list[str] | None,
        typer.Option("--fee", metavar="RULE", help=f"{FEE_FORM}, amounts in major units, an empty kind fits all; replaces all rules."),
    ] = None,
    fixed: Annotated[list[str] | None, typer.Option("--fixed", help="cap, fees or powers: never changes once there is a supply.")] = None,
    power: Annotated[
        list[str] | None, typer.Option("--power", help="freeze, pause or seize: what orders may do in it; only added.")
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="RULE", help=f"{LIMIT_FORM}, amounts in major units, an empty one is no limit; replaces all."),
    ] = None,
    receive: Annotated[
        list[str] | None, typer.Option("--receive", metavar="PATTERN", help="Who may be paid, such as mcc:82*; repeat; none for everybody.")
    ] = None,
    travel_min: Annotated[str, typer.Option("--travel-min", metavar="AMOUNT", help="Travel data from this amount on; none: never.")] = "",
    terms: Annotated[str, typer.Option("--terms", metavar="FILE", help="JSON: reserve, queued, expires.")] = "",
    publish: Annotated[
        Literal["", "block", "day"],
        typer.Option("--publish", help="day: figures are shown with the closing of a day only; block: at once."),
    ] = "",
) -> None:
    """Define an asset, or change what is named of one that exists. The issuer's `ops` and grant `root` sign."""
    old = asset_or_none(session, code)
    if old is None and (decimals is None or not issuer):
        raise Misuse(f"{code} would be new: say who issues it with --issuer and how many digits it has with --decimals")
    digits = decimals if decimals is not None else (old.decimals if old else 0)
    more = _more(session, code, terms)
    policy = _policy(
        (
            code,
            digits,
            issuer or (old.issuer if old else ""),
            more["reserve"],
            _cap(cap, old, code, digits),
            limits_of(limit, old, (code, digits)),
            _rules(fee, old, code, digits),
            more["queued"],
            patterns_of(receive, old),
            more["expires"],
            tuple(sorted({*(power or ()), *(old.powers if old else ())})),
            publish or (old.publish if old else "block"),
            tuple(sorted(set(fixed))) if fixed is not None else (old.fixed if old else ()),
            travel_min_of(travel_min, old, (code, digits)),
        )
    )
    sender = session.sender(policy.issuer)
    send(session, AssetPut(policy), sender=sender, needed=(sender_keyset(session, sender), (policy.issuer, OPS)), how=how)


@command(app, "show")
def show(session: Session, code: CodeArgument) -> None:
    """Show an asset's policy and its supply."""
    found = find_asset(session, code)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return

    def text(amount: str | None) -> str:
        return "not published yet" if amount is None else f"{format_amount(int(amount), found.decimals)} {code}"

    print_fields(
        [
            ("asset", found.code),
            ("issuer", found.issuer),
            ("reserve", found.reserve),
            ("decimals", str(found.decimals)),
            ("cap", text(found.cap) if found.cap is not None else NO_CAP),
            ("supply", text(found.supply)),
            ("issued", text(found.issued)),
            ("redeemed", text(found.redeemed)),
            ("state", found.state),
            *([("published", f"once a day; figures of {found.figures_of or 'no closing yet'}")] if found.publish == "day" else []),
            *[("fee", _rule_text(session, each, code)) for each in rules_of(found)],
            *limit_lines(found),
            *([("fixed", ", ".join(found.fixed))] if found.fixed else []),
            *([("powers", ", ".join(found.powers))] if found.powers else []),
            ("as of block", str(found.as_of)),
        ]
    )


@command(app, "list")
def list_(session: Session) -> None:
    """List all assets."""
    found = session.client.get("/v1/assets", Assets)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    rows = [[each.code, each.issuer, each.reserve, _supply(each), each.state] for each in found.assets]
    print_table(["asset", "issuer", "reserve", "supply>", "state"], rows)


def _supply(found: AssetBody) -> str:
    return "not published yet" if found.supply is None else format_amount(int(found.supply), found.decimals)


def _more(session: Session, code: str, terms: str) -> dict[str, object]:
    """Fields without an option of their own: those of the file, else as they are, else empty."""
    known = known_policy(session, code)
    nothing: dict[str, object] = {"reserve": "sovereign", "queued": 0, "expires": None}
    before = nothing if known is None else {name: msgspec.to_builtins(getattr(known, name)) for name in nothing}
    return {**before, **(policy_fields(terms) if terms else {})}


def _policy(fields: tuple[object, ...]) -> Policy:
    try:
        return msgspec.convert(fields, Policy)
    except msgspec.ValidationError as error:
        raise Misuse(f"that is no policy of an asset: {error}") from None


def _cap(text: str, old: AssetBody | None, code: str, decimals: int) -> int | None:
    if text == NO_CAP:
        return None
    if text:
        return parse_amount(text, asset=code, decimals=decimals)
    return int(old.cap) if old is not None and old.cap is not None else None


def _rules(texts: list[str] | None, old: AssetBody | None, code: str, decimals: int) -> tuple[FeeRule, ...]:
    if texts is not None:
        return tuple(_rule(text, code, decimals) for text in texts if text != NO_CAP)
    return rules_of(old) if old is not None else ()


def _rule(text: str, code: str, decimals: int) -> FeeRule:
    parts = text.split(":")
    if len(parts) != len(FeeRule.__struct_fields__):
        raise Misuse(f"{text!r} is not a fee rule: write {FEE_FORM}, or none for no fees at all")
    type_, debit, credit, fixed, bps, low, high = parts

    def minor(amount: str) -> int:
        return 0 if not amount.strip("0.") else parse_amount(amount, asset=code, decimals=decimals)

    try:
        return msgspec.convert((type_, debit, credit, minor(fixed), int(bps or "0"), minor(low), minor(high)), FeeRule)
    except (ValueError, msgspec.ValidationError) as error:
        raise Misuse(f"{text!r} is not a fee rule: {error}") from None


def _rule_text(session: Session, rule: FeeRule, code: str) -> str:
    low, high, fixed = (session.units.text(amount, code) for amount in (rule.min, rule.max, rule.fixed))
    return f"{rule.type}, {rule.debit_kind or 'any'} to {rule.credit_kind or 'any'}: {fixed} + {rule.bps} bps, from {low} to {high}"
