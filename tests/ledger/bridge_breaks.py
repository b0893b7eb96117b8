"""What can be missing of a route, for its cases; see `breaks.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.bridges import route_key
from ledger.grants import Quota
from ledger.transactions.bodies import Attest
from tests.ledger.breaks import both, edited
from tests.ledger.bridge_world import (
    LIMITS,
    ROUTE,
)
from tests.ledger.order_cast import order, ordered
from tests.ledger.world import HOUR_MS, START_MS

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.breaks import Change
    from tests.ledger.world import World

KEY = route_key(ROUTE)
PAUSED = ordered(order("pause", ROUTE, scope="bridge", asset="", name="pause", until=START_MS + HOUR_MS))


def route(inner: str = "", **fields: object) -> Change:
    """Change fields of the route, or of a struct in it."""
    return edited(KEY, inner, **fields)


def limit(**fields: object) -> Change:
    """Change limits of the route."""
    return route("terms", limits=replace(LIMITS, **fields))


def term(**fields: object) -> Change:
    """Ask for other terms."""

    def change(_world: World, body: Body) -> Body:
        return replace(body, terms=replace(getattr(body, "terms"), **fields))  # noqa: B009  # only bridge.set has terms

    return change


def said(**fields: object) -> Change:
    """Say something else of the same kind."""

    def change(_world: World, body: Body) -> Body:
        if isinstance(body, Attest):
            value = replace(body.attestation.value, **fields)  # type: ignore[type-var]
            return Attest(replace(body.attestation, value=value))
        return replace(body, fact=replace(getattr(body, "fact"), **fields))  # noqa: B009

    return change


def no_quota(name: str) -> Change:
    """Let the quota of a grant be used up."""
    return both(edited(f"grant/{name}", used=1), edited(f"grant/{name}", "grant", quota=Quota(1, "once")))
