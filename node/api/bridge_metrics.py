"""What `/metrics` says of bridges: totals of every route, and the one number that must never be negative (B1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from ledger.bridge_limits import vault_total
from node.api.bridges import context_of, headroom_of, pause_of, routes_of, sightings_of

if TYPE_CHECKING:
    from ledger.bridges import BridgeRoute
    from ledger.parameters import BlockContext
    from ledger.state import StateReader


def bridge_series(state: StateReader, height: int, time_ms: int) -> bytes:
    """Text of the series of all routes as of a block; without routes names and explanations alone."""
    registry = CollectorRegistry()
    amounts = Gauge("som_bridge_minor_units", "Totals of a route, in minor units", ["route", "total"], registry=registry)
    flowing = Gauge("som_bridge_open", "Whether a route takes locks (out) and releases (in)", ["route", "way"], registry=registry)
    context = context_of(state, height, time_ms)
    for route in routes_of(state):
        for name, value in totals_of(state, route, context).items():
            amounts.labels(route.id, name).set(value)
        free = pause_of(state, route, time_ms) is None
        flowing.labels(route.id, "out").set(float(free and route.status in ("active", "paused_in")))
        flowing.labels(route.id, "in").set(float(free and route.status in ("active", "paused_out", "retired")))
    return generate_latest(registry)


def totals_of(state: StateReader, route: BridgeRoute, context: BlockContext) -> dict[str, int]:
    """Totals by name; what attestors see there is the upper median of their newest words, and `surplus` the vault less that supply."""
    totals = {
        "locked": route.locked,
        "refunded": route.refunded,
        "released": route.released,
        "minted": route.minted,
        "burned": route.burned,
        "vault": vault_total(route),
        "headroom": headroom_of(route, context),
    }
    seen = sorted(each.supply for _, each in sightings_of(state, route))
    if seen:
        totals["supply_seen"] = seen[len(seen) // 2]
        totals["surplus"] = totals["vault"] - totals["supply_seen"]
    return totals
