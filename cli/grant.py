"""`som grant`: give, end and show authority."""

from typing import Annotated, Literal

import msgspec
import typer

from cli.command import command
from cli.faults import Misuse
from cli.output import print_fields, print_json
from cli.parties import find_grant, sender_keyset
from cli.sending import How, send
from cli.session import Session
from cli.times import parse_point, time_text
from ledger.grants import Grant, Need, Permission, Quota, Scope
from ledger.names import check_grant_id, check_participant_id
from ledger.transactions.bodies import GrantEnd, GrantPut
from node.api.structs import GrantBody

app = typer.Typer(help="Grants: authority, given to a participant, within a scope, a quota and a time.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="Name of the grant, chosen by who gives it.")]


@command(app, "put")
def put(
    session: Session,
    grant: IdArgument,
    to: Annotated[str, typer.Option("--to", metavar="PARTICIPANT", help="Who gets it.")],
    permission: Annotated[Permission, typer.Option("--permission", help="What it allows.")],
    how: How,
    *,
    asset: Annotated[str, typer.Option("--asset", help="Only for this asset.")] = "",
    participant: Annotated[str, typer.Option("--participant", help="Only for this participant.")] = "",
    account: Annotated[str, typer.Option("--account", help="Only for this account.")] = "",
    classes: Annotated[
        list[str] | None, typer.Option("--class", metavar="PATTERN", help="Of `wallet`: only these classes, such as mcc:82*; repeat.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=0, help="At most so many uses, such as wallets opened.")] = 0,
    quota: Annotated[str, typer.Option("--quota", metavar="AMOUNT", help="At most this much of --asset, in major units.")] = "",
    per: Annotated[Literal["once", "day", "month"], typer.Option("--per", help="Window of the quota.")] = "once",
    need: Annotated[list[str] | None, typer.Option("--need", metavar="OWNER/KEYSET", help="A keyset that may agree; repeat.")] = None,
    need_m: Annotated[int, typer.Option("--need-m", min=1, max=32, help="How many of the --need keysets must sign.")] = 1,
    lifted_by: Annotated[list[str] | None, typer.Option("--lifted-by", metavar="PARTICIPANT", help="Of order.*: may lift, too.")] = None,
    rank: Annotated[int, typer.Option("--rank", min=0, max=9, help="Of order.*: its place among others, 0 first.")] = 0,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="Not before; else at once.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Ends then; else never.")] = "",
) -> None:
    """Give authority to a participant. The owner of the scope signs, or the quorum of `root` (--sign, or `sign` in the profile)."""
    check_grant_id(grant)
    check_participant_id(to)
    if quota and not asset:
        raise Misuse("a quota counts amounts of one asset: name it with --asset; --count counts uses")
    if quota and count:
        raise Misuse("a grant has one quota: --quota or --count")
    body = GrantPut(
        Grant(
            id=grant,
            to=to,
            permission=permission,
            scope=Scope(asset=asset, participant=participant, account=account, classes=tuple(sorted(set(classes or ())))),
            quota=Quota(amount=count or session.units.parse(quota, asset), per=per) if quota or count else None,
            need=_need(need, need_m),
            lifted_by=tuple(sorted(set(lifted_by or ()))),
            not_before=parse_point(start) if start else 0,
            until=parse_point(until) if until else 0,
            rank=rank,
        )
    )
    sender = session.sender()
    send(session, body, sender=sender, needed=(sender_keyset(session, sender),), how=how)


@command(app, "end")
def end(session: Session, grant: IdArgument, how: How) -> None:
    """Revoke a grant: who gave it, who holds it, or root signs."""
    check_grant_id(grant)
    sender = session.sender()
    send(session, GrantEnd(grant), sender=sender, needed=(sender_keyset(session, sender),), how=how)


@command(app, "show")
def show(session: Session, grant: IdArgument) -> None:
    """Show a grant in force."""
    found = find_grant(session, grant)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    scope = [f"{name} {', '.join(value) if isinstance(value, tuple) else value}" for name, value in _scope(found).items() if value]
    print_fields(
        [
            ("grant", found.id),
            ("to", found.to),
            ("permission", found.permission),
            ("scope", ", ".join(scope) or "everything"),
            ("quota", _quota(session, found)),
            ("must sign", f"{found.need.m} of {', '.join(found.need.of)}" if found.need else f"{found.to}/ops"),
            *([("lifted by", ", ".join(found.lifted_by))] if found.lifted_by else []),
            *([("rank", str(found.rank))] if found.permission.startswith("order.") else []),
            ("from", time_text(found.not_before) if found.not_before else "at once"),
            ("until", time_text(found.until) if found.until else "no end"),
            ("given by", found.giver),
            ("as of block", str(found.as_of)),
        ]
    )


def _scope(found: GrantBody) -> dict[str, str | tuple[str, ...]]:
    scope = found.scope
    return {"asset": scope.asset, "participant": scope.participant, "account": scope.account, "classes": scope.classes}


def _need(members: list[str] | None, m: int) -> Need | None:
    if not members:
        return None
    if m > len(set(members)):
        raise Misuse(f"--need-m {m} can never be met by {len(set(members))} keysets")
    return Need(m=m, of=tuple(sorted(set(members))))


def _quota(session: Session, found: GrantBody) -> str:
    if found.quota is None:
        return "none"
    asset = found.scope.asset
    if not asset:
        return f"{found.quota.amount} uses per {found.quota.per}, {found.quota.used} used".replace(" per once", " once")
    amount, used = session.units.text(found.quota.amount, asset), session.units.text(found.quota.used, asset)
    return f"{amount} per {found.quota.per}, {used} used" if found.quota.per != "once" else f"{amount} once, {used} used"
