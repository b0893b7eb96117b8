"""`/v1/assets/{code}/reserve`: what stands behind an asset at the time of the newest final block, by the ledger's own arithmetic (L20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.assets import Asset, backing_of, vault_of
from ledger.backing import Moment, Worth, worth_of
from ledger.canonical import encode
from ledger.fees import BPS
from ledger.money import balance_of
from ledger.parameters import BlockContext, load_parameters
from ledger.state import Overlay
from node.api.answers import answer
from node.api.publication import shown
from node.api.reserve_structs import FeedBody, ItemBody, LockerBody, ReserveBody, RouteBody
from node.api.service import missing

if TYPE_CHECKING:
    from aiohttp import web

    from ledger.reserves import Item, Reserve
    from ledger.state import StateReader
    from node.api.arguments import Arguments
    from node.api.service import Service

UNKNOWN_CHAIN = bytes(32)
"""What is asked here does not depend on the chain."""


async def show(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/assets/{code}/reserve`."""
    code = arguments.text("code")
    asset = service.record(f"asset/{code}", Asset)
    if asset is None:
        raise missing(130, f"asset {code} does not exist; GET /v1/assets lists them")
    return answer(request, reserve_body(service.reads.state, asset, service.height, service.reads.tip.facts.time_ms))


def reserve_body(state: StateReader, asset: Asset, height: int, time_ms: int) -> ReserveBody:
    """Return what stands behind an asset at a block time; of one that is published once a day against the supply of its last closing."""
    overlay, policy = Overlay(state), asset.policy
    figures, date = shown(state, asset)
    supply = 0 if figures is None else figures.supply
    reserve, vault = backing_of(policy), vault_of(policy)
    context = BlockContext(UNKNOWN_CHAIN, 0, height, 0, time_ms, load_parameters(state))
    if vault is not None and figures is asset:
        free = balance_of(overlay, *vault)
        worth = Worth(free.posted - free.held, free.posted - free.held, 0)
    elif reserve is not None and vault is None:
        worth = worth_of(overlay, policy, reserve, context)
    else:
        worth = Worth(supply, supply, 0)
    moment = Moment(overlay, policy.code, time_ms=time_ms, observe_ms=context.parameters.observe_max_age_ms)
    circulating = supply + worth.foreign
    return ReserveBody(
        code=policy.code,
        kind="sovereign" if reserve is None else reserve.kind,
        supply=None if figures is None else str(supply),
        foreign=str(worth.foreign),
        eligible=str(worth.eligible),
        market=str(worth.market),
        ratio_bps=BPS if reserve is None else reserve.ratio_bps,
        coverage_bps=worth.market * BPS // circulating if circulating and figures is not None else None,
        state="open" if figures is None else figures.state,
        short_since=0 if figures is None else figures.short_since,
        missing=worth.unseen or worth.stale or worth.unpriced,
        vault="" if vault is None else vault[0],
        locked="" if vault is None else vault[1],
        items=tuple(_item(each) for each in moment.items()),
        feeds=() if reserve is None else _feeds(moment, reserve),
        routes=() if reserve is None else _routes(moment, reserve),
        lockers=() if reserve is None else _lockers(moment, reserve),
        policy=encode(policy).hex(),
        as_of=height,
        figures_of=date,
    )


def _item(item: Item) -> ItemBody:
    return ItemBody(item.id, item.type, str(item.quantity), item.attestor, item.as_of, item.valid_until, item.doc_hash.hex(), item.standard)


def _feeds(moment: Moment, reserve: Reserve) -> tuple[FeedBody, ...]:
    reporting = moment.attestors("attest.price")
    return tuple(
        FeedBody(each.name, each.base, each.quote, str(moment.price(each, reporting)), each.decimals, each.sources)
        for each in reserve.feeds
    )


def _routes(moment: Moment, reserve: Reserve) -> tuple[RouteBody, ...]:
    observing = moment.attestors("attest.foreign")
    found = ((each, moment.supply_on(each, observing)[1]) for each in reserve.routes)
    return tuple(RouteBody(each.id, None if supply is None else str(supply), each.sources) for each, supply in found)


def _lockers(moment: Moment, reserve: Reserve) -> tuple[LockerBody, ...]:
    observing = moment.attestors("attest.foreign")
    found = ((each, moment.locked_in(each, observing)) for each in reserve.lockers)
    return tuple(
        LockerBody(each.name, each.chain, each.contract.hex(), None if amount is None else str(amount), each.sources)
        for each, amount in found
    )
