"""What a transaction would do, in words: shown to whoever is asked to sign it, made from the very bytes that are signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from cli.hold_terms import condition_text
from cli.registry_terms import keyset_lines, participant_lines
from cli.times import time_text
from ledger.transactions.bodies import (
    Approve,
    Body,
    HoldBody,
    HolderPut,
    Issue,
    KeysetPut,
    OrderLift,
    OrderPut,
    ParticipantPut,
    Pay,
    Propose,
    Redeem,
    Seize,
)
from ledger.transactions.proposals import content_of

if TYPE_CHECKING:
    from cli.output import Json
    from cli.session import Session
    from ledger.orders import Order

LEGS_SHOWN = 20
NO_TIER = "none: a legal person, which has no limits"
MONEY = ("posted", "held", "amount", "left", "fee", "fee_left", "seized", "supply", "issued", "redeemed", "returned", "total")
RULES = ("cap", "used", "min", "max", "fixed", "balance_max", "tx_max", "day_out_max", "month_out_max", "travel_min")
BRIDGES = ("cumulative", "opening", "per_lock", "bucket", "day_in", "outstanding", "big_amount", "minted", "burned")
AMOUNTS = frozenset((*MONEY, *RULES, *BRIDGES, "day_out", "month_out"))
"""Fields in minor units: text in JSON, whose numbers have 53 bits where L1 needs 60."""


def describe(session: Session, body: Body) -> list[tuple[str, str]]:
    """Lines for people: amounts in major units where money moves, every field where it does not."""
    match body:
        case Pay(legs=legs, mode=mode):
            shown = [("pays", f"{leg.debit} -> {leg.credit}  {session.units.text(leg.amount, leg.asset)}") for leg in legs[:LEGS_SHOWN]]
            more = [("", f"and {len(legs) - LEGS_SHOWN} more legs (--json shows all)")] if len(legs) > LEGS_SHOWN else []
            fees = [("fee", session.units.text(leg.fee, leg.asset)) for leg in legs[:LEGS_SHOWN] if leg.fee]
            told = [("for payee", leg.reference) for leg in legs[:LEGS_SHOWN] if leg.reference]
            back = [("returns", f"{body.return_of.tx_id.hex()}, leg {body.return_of.leg}")] if body.return_of else []
            travel = [("travel data", f"{each.standard} for {each.participant}: {each.digest.hex()}") for each in body.travel or ()]
            uetr = [("uetr", f"{body.uetr.hex()}, so it can be returned")] if body.uetr else []
            memo = [("memo", body.memo)] if body.memo else []
            return [*shown, *more, *fees, *told, ("mode", mode), *back, *uetr, *travel, *memo]
        case Issue(to=to, amount=amount, asset=asset):
            locked = [("locks", f"as much of its reserve, paid by {body.source}")] if body.source else []
            return [("issues", f"{session.units.text(amount, asset)} to {to}"), *locked, ("basis", body.basis)]
        case Redeem(source=source, amount=amount, asset=asset):
            paid = [("pays", f"as much of its reserve to {body.to}")] if body.to else []
            return [("redeems", f"{session.units.text(amount, asset)} from {source}"), *paid, ("payout", body.payout_ref)]
        case HoldBody(source=source, target=target, amount=amount, asset=asset):
            reserved = f"{session.units.text(amount, asset)} on {source} for {target if '/' in target else f'any account of {target}'}"
            ends = [("until", time_text(body.until)), ("settled by", body.settle_by or "anyone"), ("let go by", body.void_by)]
            return [("reserves", reserved), ("condition", condition_text(body.condition)), *ends, ("", _text(body))]
        case OrderPut() | OrderLift() | Seize():
            return [_order_line(session, body), ("", _text(body))]
        case Propose(type=type_, content=content, not_before=start, until=until):
            times = [*([("not before", time_text(start))] if start else []), ("open until", time_text(until))]
            return [("proposes", type_), *describe(session, content_of(type_, content)), *times]
        case Approve(proposal=proposal, keyset=keyset, vote=vote):
            return [("votes", f"{vote}, as {keyset}, on proposal {proposal.hex()}")]
        case _:
            return _described(body)


def _described(body: Body) -> list[tuple[str, str]]:
    if isinstance(body, KeysetPut):
        return keyset_lines(body)
    if isinstance(body, ParticipantPut):
        return participant_lines(body.participant)
    if not isinstance(body, HolderPut):
        return [("content", _text(body))]
    until = time_text(body.valid_until) if body.valid_until else "no end"
    known = [("pseudonym", f"{each.pseudonym.hex()} at {each.participant}") for each in body.pseudonyms]
    return [("says of holder", body.holder.hex()), ("tier", body.tier or NO_TIER), ("until", until), *known]


def _order_line(session: Session, body: OrderPut | OrderLift | Seize) -> tuple[str, str]:
    match body:
        case OrderPut(order=order):
            return "orders", order_text(session, order)
        case OrderLift(id=order_id, basis_hash=basis):
            return "lifts", f"order {order_id}, on the basis of {basis.hex()}"
        case Seize(order=order_id, account=account, amount=amount, asset=asset):
            return "seizes", f"{session.units.text(amount, asset)} from {account}, on order {order_id}"


def order_text(session: Session, order: Order) -> str:
    """Say what an order does, in a sentence."""
    subject = f"{order.scope} {order.subject}".strip()
    what = {"debit": "no debits of", "credit": "no credits to", "both": "neither debits of nor credits to", "arrest": "an arrest on"}
    amount = f" of {session.units.text(order.amount, order.asset)}" if order.amount is not None else ""
    limits = [
        f"in {order.asset}" if order.asset else "in every asset",
        f"but for {', '.join(order.allow)}" if order.allow else "without exception",
        f"to be seized for {order.seize_to}" if order.seize_to else "",
        f"until {time_text(order.until)}" if order.until else "until it is lifted",
    ]
    return f"{what.get(order.mode, 'a pause of')} {subject}{amount}, {', '.join(filter(None, limits))}"


def readable(value: object) -> Json:
    """JSON of a record or body: fields by name, bytes as hex, amounts as text."""
    match value:
        case Struct():
            tag = value.__struct_config__.tag
            named: dict[str, Json] = {"is": str(tag)} if tag is not None else {}
            fields = {**named, **{name: readable(getattr(value, name)) for name in value.__struct_fields__}}
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
