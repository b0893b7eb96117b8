"""`GET /v1/transactions`: what became of a transaction, by its id or by its sender's reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.codec import ref_id_of
from ledger.transactions.bodies import Pay
from node.api.answers import answer
from node.api.convert import final_body, waiting_body
from node.api.errors import NotFound
from node.api.parts import ReturnBody
from node.api.structs import TransactionBody

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aiohttp import web

    from node.api.arguments import Arguments
    from node.api.backend import FinalTransaction
    from node.api.service import Service


async def show(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/transactions/{tx_id}`."""
    tx_id = bytes.fromhex(arguments.text("tx_id"))
    found = service.reads.transaction(tx_id)
    if found is not None:
        return _show_final(service, request, arguments, found)
    waiting = service.pool.find(tx_id)
    if waiting is not None:
        return answer(request, waiting_body(waiting, service.reads.tip.facts.time_ms))
    if arguments.has("valid_until") and service.reads.tip.facts.time_ms > arguments.number("valid_until", 0):
        return answer(request, TransactionBody(tx_id=tx_id.hex(), status="expired", valid_until=arguments.number("valid_until", 0)))
    raise NotFound(f"this node knows no transaction {tx_id.hex()}; it was not sent here, or has expired: add valid_until=MS to be told")


async def show_by_ref(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/transactions?from=&ref=`: what a client asks before it sends anew under a reference (L14)."""
    sender, ref = arguments.text("from"), arguments.text("ref")
    ref_id = ref_id_of(sender, ref)
    found = service.reads.transaction_by_ref(ref_id)
    if found is not None:
        return _show_final(service, request, arguments, found)
    waiting = service.pool.find_ref(ref_id)
    if waiting is not None:
        return answer(request, waiting_body(waiting, service.reads.tip.facts.time_ms))
    raise NotFound(f"this node knows no transaction of {sender} under reference {ref}")


def _show_final(service: Service, request: web.Request, arguments: Arguments, found: FinalTransaction) -> web.Response:
    proof = service.reads.prove_transaction(found.transaction.tx_id) if arguments.text("proof") == "1" else b""
    body = final_body(found, proof)
    pay = found.transaction.body
    if isinstance(pay, Pay):
        returned = pay.return_of.tx_id.hex() if pay.return_of is not None else None
        body = replace(body, return_of=returned, returns=tuple(_returns(service.reads.returns(found.transaction.tx_id))))
    return answer(request, body)


def _returns(found: Sequence[FinalTransaction]) -> Iterator[ReturnBody]:
    for each in found:
        pay = each.transaction.body
        if isinstance(pay, Pay):
            yield ReturnBody(each.transaction.tx_id.hex(), each.receipt.height, pay.legs[0].asset, str(pay.legs[0].amount))
