"""`som bridge`: routes to public chains, quotes, locks, where a transfer is, and claims."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from cli.addresses import address_text, parse_address
from cli.bridge_terms import read_route
from cli.client import NotThere
from cli.command import command
from cli.faults import Misuse, Refusal
from cli.output import print_fields, print_json, print_table
from cli.parties import debtor_keyset, default_sender, find_account, sender_keyset
from cli.sending import How, check_body, send
from cli.session import Session
from cli.times import time_text
from ledger.bridges import RouteStatus
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeOut, BridgeSet
from ledger.transactions.bridge_forms import check_route_id
from node.api.bridge_structs import (
    BridgeAttestation,
    BridgeRouteBody,
    BridgeRoutes,
    Contradictions,
    LockBody,
    QuoteBody,
    ReleaseBody,
    Transfers,
)
from node.api.order_structs import OrdersBody

app = typer.Typer(help="Bridges: value locked here and minted on a public chain, and back.", no_args_is_help=True)

RouteArgument = Annotated[str, typer.Argument(metavar="ROUTE", help="Id of the route, such as kgst-bsc-1.")]
SECOND_MS = 1_000
HASH_DIGITS = 64


@command(app, "routes")
def routes(session: Session) -> None:
    """List the routes: what is locked, what is in flight, and what one lock may be now."""
    found = session.client.get("/v1/bridge/routes", BridgeRoutes)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    units, rows = session.units, []
    for each in found.routes:
        flow = [units.text(amount, each.asset) for amount in (each.vault, each.in_flight, each.headroom)]
        rows.append([each.id, each.asset, f"{each.kind} {each.chain_id}", each.mode, each.status, *flow])
    print_table(["route", "asset", "chain", "mode", "status", "vault>", "in flight>", "one lock at most>"], rows)


@command(app, "show")
def show(session: Session, route: RouteArgument) -> None:
    """Show a route: totals of both sides, limits, what pauses it, attestors, what each last saw, and who contradicts."""
    found = find_route(session, route)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return

    def text(amount: str) -> str:
        return session.units.text(amount, found.asset)

    print_fields(
        [
            ("route", f"{found.id}, {found.asset} on {found.kind} chain {found.chain_id}, {found.mode}"),
            ("status", f"{found.status}{f': {found.reason}' if found.reason else ''}"),
            *_pauses(session, route),
            ("id there", found.route_id),
            *([("bridge", address_text(bytes.fromhex(found.bridge), found.kind))] if found.bridge else []),
            *([("token", address_text(bytes.fromhex(found.token), found.kind))] if found.token else []),
            ("locked, refunded, released", f"{text(found.locked)}, {text(found.refunded)}, {text(found.released)}"),
            ("minted, burned", f"{text(found.minted)}, {text(found.burned)}, as attestors agreed"),
            ("in the vault", f"{text(found.vault)}, of it {text(found.opening)} opening supply"),
            ("in flight, parked", f"{text(found.in_flight)}, {text(found.parked)}"),
            ("one lock", f"{text(found.limits.min)} to {text(found.headroom)} now"),
            ("a day", f"{text(found.limits.day_out)} out, {text(found.limits.day_in)} in"),
            ("waits", f"from {text(found.limits.big_amount)} on, {found.limits.big_delay_ms // 60_000} minutes"),
            ("attestors", f"{found.threshold} of {len(found.attestors)} agree, epoch {found.epoch}"),
            ("as of block", str(found.as_of)),
        ]
    )
    seen = {each.participant: each for each in found.seen}
    rows = []
    for each in found.attestors:
        last = seen.get(each.participant)
        saw = [text(last.supply), str(last.block), time_text(last.as_of)] if last else ["", "", "never"]
        rows.append([each.participant, address_text(bytes.fromhex(each.address), "EVM"), *saw])
    print_table(["attestor", "key", "supply seen>", "block>", "as of"], rows)
    liars = session.client.get(f"/v1/bridge/routes/{route}/contradictions", Contradictions).contradictions
    if liars:
        ways = {1: "not what the others say"}
        told = [[each.participant, f"{each.what} {each.number}", ways.get(len(each.said), "two things")] for each in liars]
        print_table(["contradicts", "about", "said"], told)


@command(app, "put")
def put(
    session: Session,
    route: RouteArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON: terms and attestors; see `cli/README.md`.")],
    how: How,
    *,
    only: Annotated[Literal["", "terms", "attestors"], typer.Option("--only", help="Change only these of a route that there is.")] = "",
    immediate: Annotated[bool, typer.Option("--immediate", help="The attestors before stop counting at once.")] = False,
    source: Annotated[str, typer.Option("--from", metavar="ACCOUNT", help="Who pays the opening supply into the vault.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
) -> None:
    """Define ROUTE, or change its limits or attestors. The quorum of a grant `bridge` signs; `set ROUTE active` opens a new one."""
    terms, attestors = read_route(session, file)
    body = BridgeSet(
        id=route,
        terms=None if only == "attestors" else terms,
        status="",
        attestors=None if only == "terms" else attestors,
        immediate=immediate,
        source=source or None,
        reason=reason,
    )
    _send_set(session, body, how)


@command(app, "set")
def set_status(
    session: Session,
    route: RouteArgument,
    status: Annotated[RouteStatus, typer.Argument(metavar="STATUS", help="active, paused_out, paused_in, halted or retired.")],
    how: How,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="ACCOUNT", help="Retire what never began: who gets its opening supply back.")] = "",
) -> None:
    """Open, pause, halt or retire ROUTE: by a grant `bridge`; to halt it a guardian or f + 1 attestors will do."""
    _send_set(session, BridgeSet(route, None, status, None, immediate=False, source=to or None, reason=reason), how)


@command(app, "quote")
def quote(session: Session, route: RouteArgument, amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Major units.")]) -> None:
    """Say what a lock of AMOUNT would meet now: whether it passes, from when it is signed, until when it is minted or refunded."""
    found = find_route(session, route)
    minor = session.units.parse(amount, found.asset)
    told = session.client.get(f"/v1/bridge/routes/{route}/quote", QuoteBody, {"amount": str(minor)})
    if session.json:
        print_json(msgspec.to_builtins(told))
        return
    if told.code:
        raise Refusal(f"{told.code}: {told.reason}")
    print_fields(
        [
            ("would lock", session.units.text(minor, found.asset)),
            ("signed from", time_text(told.sign_from)),
            ("minted by", f"{time_text(told.deadline * SECOND_MS)}, else refunded"),
        ]
    )


@command(app, "lock")
def lock(
    session: Session,
    source: Annotated[str, typer.Argument(metavar="FROM", help="Account that is debited; a refund goes back there.")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Major units, such as 12.50.")],
    route: RouteArgument,
    recipient: Annotated[str, typer.Argument(metavar="RECIPIENT", help="Address on the other chain; its checksum is checked.")],
    how: How,
) -> None:
    """Lock AMOUNT for RECIPIENT on the other chain. Anyone can mint it there once attestors have signed (`som bridge status`)."""
    found = find_route(session, route)
    debtor = find_account(session, source)
    address = parse_address(recipient, found.kind)
    body = BridgeOut(found.asset, source, session.units.parse(amount, found.asset), route, address)
    check_body(body)
    sender = session.sender(default_sender(debtor))
    send(session, body, sender=sender, needed=(sender_keyset(session, sender), debtor_keyset(debtor)), how=how)


@command(app, "status")
def status(
    session: Session,
    given: Annotated[str, typer.Argument(metavar="HASH", help="Our transaction, the lock's id, or a transaction of the other chain.")],
) -> None:
    """Say where a transfer is, by one hash of either side."""
    digits = given.removeprefix("0x").lower()
    if len(digits) != HASH_DIGITS or any(digit not in "0123456789abcdef" for digit in digits):
        raise Misuse(f"{given!r} is no hash: 64 hex digits")
    try:
        found = session.client.get(f"/v1/bridge/transfers/{digits}", Transfers)
    except NotThere as missing:
        raise Refusal(str(missing)) from None
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    for each in found.locks:
        print_fields(lock_rows(session, each))
    for release in found.releases:
        print_fields(release_rows(session, release))


@command(app, "claim")
def claim(
    session: Session,
    kind: Annotated[Literal["refund", "release", "suspense"], typer.Argument(metavar="KIND", help="refund, release or suspense.")],
    route: RouteArgument,
    nonce: Annotated[int, typer.Argument(metavar="NONCE", help="Of the lock, else of the burn.", min=1)],
    how: How,
    *,
    to: Annotated[str, typer.Option("--to", metavar="ACCOUNT", help="Suspense: whose it is; its owner and the operator sign.")] = "",
) -> None:
    """Pay out what waits: anyone claims a refund or a release, the owner with the operator what lies in suspense."""
    if bool(to) != (kind == "suspense"):
        raise Misuse("--to says whose it is that lies in suspense, and nothing else")
    check_route_id(route)
    sender = session.sender()
    owner = (debtor_keyset(find_account(session, to)), ("operator", "ops")) if to else ()
    send(session, BridgeClaim(route, kind, nonce, to or None), sender=sender, needed=(sender_keyset(session, sender), *owner), how=how)


@command(app, "attestation")
def attestation(
    session: Session,
    route: RouteArgument,
    *,
    what: Annotated[Literal["checkpoint", "mint", "rotate", "reserve"], typer.Option("--what", help="What was signed.")] = "checkpoint",
    number: Annotated[int, typer.Option("--number", help="Height, nonce or new epoch; 0: the newest.", min=0)] = 0,
) -> None:
    """Show what attestors signed for the other chain: whoever has enough signatures can carry it there."""
    check_route_id(route)
    query = {"what": what, **({"number": str(number)} if number else {})}
    try:
        found = session.client.get(f"/v1/bridge/routes/{route}/attestation", BridgeAttestation, query)
    except NotThere as missing:
        raise Refusal(str(missing)) from None
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    enough = "enough" if len(found.signatures) >= found.needed else f"{found.needed} are needed"
    print_fields([("signed", f"{found.what} {found.number}, epoch {found.epoch}"), ("digest", found.digest), ("signatures", enough)])
    print_table(["attestor", "key", "signature"], [[each.participant, each.address, each.signature] for each in found.signatures])


def _pauses(session: Session, route: str) -> list[tuple[str, str]]:
    """Say which orders pause a route, and until when."""
    found = session.client.get("/v1/orders", OrdersBody, {"scope": "bridge", "subject": route})
    until = {each.id: time_text(each.until) if each.until else "it is lifted" for each in found.orders}
    return [("paused", f"by order {each.id} of {each.by} until {until[each.id]}") for each in found.orders]


def find_route(session: Session, route: str) -> BridgeRouteBody:
    """Route as the node has it; raises `Refusal` where there is none."""
    check_route_id(route)
    try:
        return session.client.get(f"/v1/bridge/routes/{route}", BridgeRouteBody)
    except NotThere:
        raise Refusal(f"there is no route {route}: `som bridge routes` shows those there are") from None


def lock_rows(session: Session, found: LockBody) -> list[tuple[str, str]]:
    """Say where a lock is, and what comes next."""
    deadline = time_text(found.deadline * SECOND_MS)
    after = {
        "locked": f"signed from {time_text(found.sign_from)} on; minted by {deadline}, else refunded",
        "minted": f"minted by {found.foreign_tx}",
        "expired": f"not minted in time: `som bridge claim refund {found.route} {found.nonce}` pays {found.refund_to}",
        "refunded": f"paid back to {found.refund_to}",
    }
    kind = find_route(session, found.route).kind
    return [
        ("lock", f"{found.nonce} on {found.route}, id {found.lock_id}"),
        ("amount", session.units.text(found.amount, found.asset)),
        ("for", address_text(bytes.fromhex(found.recipient), kind)),
        ("state", f"{found.state}: {after[found.state]}"),
        *([("attestors say", ", ".join(found.votes))] if found.votes else []),
    ]


def release_rows(session: Session, found: ReleaseBody) -> list[tuple[str, str]]:
    """Say where a burn is, and what comes next."""
    claim_it = f"`som bridge claim {{}} {found.route} {found.nonce}`"
    after = {
        "observing": f"{len(found.votes)} attestors have told of it, not enough say the same",
        "agreed": "attestors agree; a burn before it was not observed yet",
        "waiting": f"from {time_text(found.not_before)} on anyone pays it by {claim_it.format('release')}",
        "released": f"paid to {found.account}",
        "suspense": f"nobody could be paid: its owner and the operator claim it by {claim_it.format('suspense')} --to ACCOUNT",
    }
    amount = [("amount", session.units.text(found.amount, found.asset))] if found.amount else []
    return [("burn", f"{found.nonce} on {found.route}, {found.tx_hash}"), *amount, ("state", f"{found.state}: {after[found.state]}")]


def _send_set(session: Session, body: BridgeSet, how: How) -> None:
    check_body(body)
    sender = session.sender()
    payer = (debtor_keyset(find_account(session, body.source)),) if body.source is not None and body.status != "retired" else ()
    send(session, body, sender=sender, needed=(sender_keyset(session, sender), *payer), how=how)
