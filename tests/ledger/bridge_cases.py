"""The cases of bridge.set and bridge.out; see `cases.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.bridges import Attestor, BridgeRoute, route_key, routes_index
from ledger.holders import Limit
from ledger.reserves import Reserve
from ledger.state import Mark
from ledger.transactions.bridge_bodies import BridgeOut
from tests.ledger.breaks import Break, asked, balance, edited, no_grant, parameter
from tests.ledger.bridge_world import (
    ABROAD,
    LIMITS,
    ROUTE,
    TOKEN,
    WITNESSES,
    BridgedWorld,
    attestors_of,
    defined,
    terms_of,
)
from tests.ledger.cast import BANK_A, BANK_B, BY_ROOT, CONTRA, MONEY, OPERATOR, Case
from tests.ledger.foreign_world import DEEP
from tests.ledger.order_cast import TREASURY, order, ordered
from tests.ledger.people import CAROL_A, alter, settle_in
from tests.ledger.people import LIMITS as TIERS
from tests.ledger.world import HOUR_MS, MAIN_A, MAIN_B, START_MS, TILL

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.breaks import Change
    from tests.ledger.world import World

from tests.ledger.bridge_breaks import PAUSED, limit, no_quota, route, term


def unset(world: World) -> Body:
    """Let there be everything but the route."""
    bridged = BridgedWorld.__new__(BridgedWorld)
    bridged.__dict__ = world.__dict__
    bridged.establish(None)
    return defined()


def with_opening(world: World) -> Body:
    """Define it on a supply of 700 that is out there."""
    unset(world)
    return defined(terms=terms_of(opening=700), source=MAIN_A)


def another_route(world: World, body: Body) -> Body:
    """Let another route have this id on the other chain."""
    terms = terms_of()
    made = BridgeRoute("other", terms, "operator", "active", "", 1, attestors_of(*WITNESSES), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "", 0, 0)
    world.state.records[route_key("other")] = made
    world.state.records[routes_index(terms.route_id) + "other"] = Mark()
    return body


def a_locker(world: World, body: Body) -> Body:
    """Let the asset be locked abroad, where it is called as the route is."""
    edited("asset/KGS", "policy", reserve=Reserve("foreign", "", 10_000, (), (), (), (replace(DEEP, name=ROUTE),)))(world, body)
    return body


def full_of_routes(world: World, body: Body) -> Body:
    """Let as many routes be there as may be."""
    for number in range(256):
        world.state.records[f"~routes/{number:064}/r{number}"] = Mark()
    return body


def changed(world: World) -> Body:
    """Let the route be there, and change a limit."""
    BridgedWorld.of(world)
    return defined(terms=terms_of(limits=replace(LIMITS, day_out=9_000)), attestors=None, status="")


def rotated(world: World) -> Body:
    """Let the route be there for an hour, and rotate its attestors."""
    BridgedWorld.of(world)
    world.time_ms += HOUR_MS
    return defined(terms=None, status="")


def halted(world: World) -> Body:
    """Let the route be there, and halt it."""
    BridgedWorld.of(world)
    return defined(terms=None, attestors=None, status="halted", reason="a block that was final is gone")


def given_back(world: World) -> Body:
    """Let the route be proposed on an opening supply, and end."""
    BridgedWorld.of(world, defined(terms=terms_of(opening=700), status="proposed", source=MAIN_A))
    return defined(terms=None, attestors=None, status="retired", source=MAIN_B)


def lock(world: World) -> Body:
    """Let the route be there, and lock something."""
    BridgedWorld.of(world)
    return BridgeOut("KGS", MAIN_A, 500, ROUTE, ABROAD)


def no_tier(world: World, body: Body) -> Body:
    """Let the asset be for people of a tier only, and lock out of a wallet of nobody."""
    settle_in(world)
    alter(world, limits=TIERS)
    return replace(body, source="bank-b/bob")


def carol(tx: int | None, day: int | None) -> Change:
    """Let the money of a person of a tier be locked, with other limits."""

    def change(world: World, body: Body) -> Body:
        settle_in(world)
        world.issue(CAROL_A, 600)
        alter(world, limits=(Limit("basic", None, tx, day, None, anonymous=False), *TIERS[1:]))
        return replace(body, source=CAROL_A)

    return change


OF_THE_QUORUM = (
    Break("grant bridge", 112, no_grant("bridge", "bridge")),
    Break("its quota", 113, no_quota("bridge")),
)
SETTING = (
    Case(
        "bridge.set, defined",
        unset,
        BY_ROOT,
        (
            *OF_THE_QUORUM,
            Break("attestors", 120, asked(attestors=attestors_of("bank-a", "bank-b", "bank-x", "operator"))),
            Break("active attestors", 121, edited("participant/bank-b", status="suspended")),
            Break("asset", 130, term(asset="GOLD")),
            Break("an asset for everybody", 124, edited("asset/KGS", "policy", receive=("school",))),
            Break("decimals of the asset", 124, term(decimals=3)),
            Break("an id of its own there", 125, another_route),
            Break("an id that no locker has", 125, a_locker),
            Break("room for routes", 127, full_of_routes),
            Break("terms", 172, asked(terms=None)),
            Break("addresses of the contracts", 172, term(token=b"")),
            Break("attestors without keys", 172, term(mode="observed", bridge=b"")),
            Break("who pays an opening", 172, term(opening=700)),
        ),
    ),
    Case(
        "bridge.set, on an opening supply",
        with_opening,
        [*BY_ROOT, *BANK_A],
        (
            Break("who pays", 122, asked(source="bank-a/nobody")),
            Break("who pays is open", 123, edited(f"account/{MAIN_A}", status="closed")),
            Break("who pays is of people", 124, asked(source=CONTRA)),
            Break("an active servicer", 121, edited("participant/bank-a", status="suspended"), BY_ROOT),
            Break("no pause", 131, ordered(order("pause", "KGS", scope="asset", asset="", until=START_MS + HOUR_MS))),
            Break("funds", 150, balance(MAIN_A, 699)),
            Break("debits", 152, ordered(order("debit", MAIN_A))),
        ),
    ),
    Case(
        "bridge.set, limits",
        changed,
        BY_ROOT,
        (
            *OF_THE_QUORUM,
            Break("a route that goes on", 123, route(status="retired")),
            Break("its contract", 133, term(bridge=b"\xb2" * 20)),
            Break("its asset", 133, term(asset="GOLD")),
            Break("no payer", 172, asked(source=MAIN_A), [*BY_ROOT, *BANK_A]),
            Break("a step to be made", 172, asked(status="proposed")),
        ),
    ),
    Case(
        "bridge.set, rotation",
        rotated,
        BY_ROOT,
        (
            Break("an hour since the last one", 172, parameter("attestor_rotation_ms_min", HOUR_MS + 60_000)),
            Break("attestors with keys", 172, asked(attestors=(Attestor(b"", "bank-a"),))),
        ),
    ),
    Case("bridge.set, halt by the quorum", halted, BY_ROOT, ()),
    Case("bridge.set, halt by f + 1 attestors", halted, [*BANK_A, *BANK_B], (), "bank-a"),
    Case(
        "bridge.set, the opening goes back",
        given_back,
        BY_ROOT,
        (
            Break("who is paid", 122, asked(source="bank-b/nobody")),
            Break("who is paid takes it", 123, edited(f"account/{MAIN_B}", status="closing")),
            Break("credits", 153, ordered(order("credit", MAIN_B))),
        ),
    ),
)

LOCKING = (
    Case(
        "bridge.out",
        lock,
        [*OPERATOR, *BANK_A],
        (
            Break("account", 122, asked(source="bank-a/nobody")),
            Break("open account", 123, edited(f"account/{MAIN_A}", status="closed")),
            Break("a route that has begun", 123, route(status="proposed")),
            Break("a route that goes on", 123, route(status="retired")),
            Break("an account of people", 124, asked(source=CONTRA), OPERATOR),
            Break("an active servicer", 121, edited("participant/bank-a", status="suspended")),
            Break("asset", 130, asked(asset="GOLD")),
            Break("the route's asset", 124, route("terms", asset="GOLD")),
            Break("an enforced route", 124, route("terms", mode="observed")),
            Break("an asset for everybody", 124, edited("asset/KGS", "policy", receive=("school",))),
            Break("route", 172, asked(route="other")),
            Break("a recipient of that chain", 172, asked(recipient=b"\x41" + ABROAD)),
            Break("a recipient that is not the token", 172, asked(recipient=TOKEN)),
            Break("no pause", 131, ordered(order("pause", "KGS", scope="asset", asset="", until=START_MS + HOUR_MS))),
            Break("no pause of the route", 131, PAUSED),
            Break("a route that is open", 131, route(status="paused_out")),
            Break("a route that is not halted", 131, route(status="halted")),
            Break("eligibility", 132, no_tier, [*OPERATOR, *BANK_B]),
            Break("funds", 150, balance(MAIN_A, 499)),
            Break("nothing arrested", 151, ordered(order("arrest", MAIN_A, amount=MONEY - 499, seize_to=TILL))),
            Break("debits", 152, ordered(order("debit", MAIN_A))),
            Break("a transaction that is allowed", 155, carol(499, None)),
            Break("a day that is allowed", 156, carol(None, 499)),
            Break("the least", 192, asked(amount=9)),
            Break("the most of one lock", 192, asked(amount=5_001)),
            Break("room in the bucket", 192, limit(bucket=499)),
            Break("room in the day", 192, limit(day_out=499)),
            Break("room in the vault", 192, limit(outstanding=499)),
        ),
    ),
)


def paused(world: World) -> Body:
    """Let the route be there, and pause it as one guardian."""
    BridgedWorld.of(world)
    return order("pause", ROUTE, scope="bridge", asset="", until=START_MS + HOUR_MS)


PAUSING = (Case("order.put, pause of a route", paused, [*OPERATOR, *TREASURY], (Break("route", 172, asked("order", subject="other")),)),)

BRIDGES: tuple[Case, ...] = (*SETTING, *LOCKING, *PAUSING)
