"""`/v1/orders`: legal and safety measures, as the nodes with the full view have them.

Who may see an order stands in L23: who made it, the servicer of its subject, the operator and auditors. This listener knows no clients yet
(see the README beside): it belongs to one of these, and is bound to loopback unless told otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.lapsing import has_lapsed
from ledger.orders import ORDERS_MAX, OrderRecord, order_key, ordered_keys, precedence
from node.api.answers import answer
from node.api.errors import NotFound
from node.api.order_structs import OrderBody, OrdersBody
from node.api.parts import NeedBody

if TYPE_CHECKING:
    from aiohttp import web

    from ledger.orders import OrderScope
    from node.api.arguments import Arguments
    from node.api.service import Service

SCOPES: dict[str, OrderScope] = {each: each for each in ("account", "holder", "participant", "asset", "bridge", "ledger")}


async def show(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/orders/{id}`: also one that is over."""
    name = arguments.text("id")
    record = service.record(order_key(name), OrderRecord)
    if record is None:
        raise NotFound(f"there is no order {name}")
    return answer(request, order_body(record, service.height, service.reads.tip.facts.time_ms))


async def on_subject(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/orders?scope=&subject=`: those in force, at most 32 by the parameter `orders_per_subject_max`."""
    start, end = ordered_keys(SCOPES[arguments.text("scope")], arguments.text("subject"))
    names = service.reads.state.scan(start, end, ORDERS_MAX)
    records = (service.record(order_key(name.removeprefix(start)), OrderRecord) for name in names)
    active = sorted(
        (each for each in records if each and not has_lapsed(each.order.until, service.reads.tip.facts.time_ms)), key=precedence
    )
    return answer(
        request, OrdersBody(tuple(order_body(each, service.height, service.reads.tip.facts.time_ms) for each in active), service.height)
    )


def order_body(record: OrderRecord, as_of: int, time_ms: int) -> OrderBody:
    """Order as clients see it at a block time: nothing is shown as in force after its end (L19)."""
    order = record.order
    over = record.status == "active" and has_lapsed(order.until, time_ms)
    return OrderBody(
        id=order.id,
        by=order.by,
        scope=order.scope,
        subject=order.subject,
        asset=order.asset,
        mode=order.mode,
        amount=None if order.amount is None else str(order.amount),
        seized=str(record.seized),
        allow=order.allow,
        seize_to=order.seize_to,
        until=order.until,
        open=order.open,
        status="lapsed" if over else record.status,
        basis_hash=order.basis_hash.hex(),
        rank=record.rank,
        height=record.height,
        index=record.index,
        time_ms=record.time_ms,
        need=None if record.need is None else NeedBody(record.need.m, record.need.of),
        lifted_by=record.lifted_by,
        ended_by=record.ended_by,
        ended_basis="" if record.ended_basis is None else record.ended_basis.hex(),
        as_of=as_of,
    )
