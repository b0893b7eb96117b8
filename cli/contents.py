"""What a transaction would do, in words: shown to whoever is asked to sign it, made from the very bytes that are signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from cli.times import time_text
from ledger.transactions.bodies import Approve, Body, HoldBody, Issue, Pay, Propose, Redeem
from ledger.transactions.proposals import content_of

if TYPE_CHECKING:
    from cli.output import Json
    from cli.session import Session

LEGS_SHOWN = 20
AMOUNTS = frozenset(
    ("posted", "held", "amount", "left", "fee", "fee_left", "supply", "issued", "redeemed", "cap", "used", "min", "max", "fixed")
)
"""Fields in minor units: text in JSON, whose numbers have 53 bits where L1 needs 60."""


def describe(session: Session, body: Body) -> list[tuple[str, str]]:
    """Lines for people: amounts in major units where money moves, every field where it does not."""
    match body:
        case Pay(legs=legs, mode=mode):
            shown = [("pays", f"{leg.debit} -> {leg.credit}  {session.units.text(leg.amount, leg.asset)}") for leg in legs[:LEGS_SHOWN]]
            more = [("", f"and {len(legs) - LEGS_SHOWN} more legs (--json shows all)")] if len(legs) > LEGS_SHOWN else []
            fees = [("fee", session.units.text(leg.fee, leg.asset)) for leg in legs[:LEGS_SHOWN] if leg.fee]
            return [*shown, *more, *fees, ("mode", mode), *([("memo", body.memo)] if body.memo else [])]
        case Issue(to=to, amount=amount, asset=asset):
            return [("issues", f"{session.units.text(amount, asset)} to {to}"), ("basis", body.basis)]
        case Redeem(source=source, amount=amount, asset=asset):
            return [("redeems", f"{session.units.text(amount, asset)} from {source}"), ("payout", body.payout_ref)]
        case HoldBody(source=source, target=target, amount=amount, asset=asset):
            return [("reserves", f"{session.units.text(amount, asset)} on {source} for {target}"), ("", _text(body))]
        case Propose(type=type_, content=content, not_before=start, until=until):
            times = [*([("not before", time_text(start))] if start else []), ("open until", time_text(until))]
            return [("proposes", type_), *describe(session, content_of(type_, content)), *times]
        case Approve(proposal=proposal, keyset=keyset, vote=vote):
            return [("votes", f"{vote}, as {keyset}, on proposal {proposal.hex()}")]
        case _:
            return [("content", _text(body))]


def readable(value: object) -> Json:
    """JSON of a record or body: fields by name, bytes as hex, amounts as text."""
    match value:
        case Struct():
            fields = {name: readable(getattr(value, name)) for name in value.__struct_fields__}
            return {name: str(field) if name in AMOUNTS and isinstance(field, int) else field for name, field in fields.items()}
        case tuple() | list():
            return [readable(each) for each in value]
        case bytes():
            return value.hex()
        case str() | int() | None:
            return value
        case _:
            raise AssertionError(f"a body holds a {type(value).__name__}")


def _text(body: Body) -> str:
    return msgspec.json.encode(readable(body)).decode()
