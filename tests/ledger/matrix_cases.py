"""Pairs of type and code that no other table of cases reaches: wraps under orders, what lapsed unswept, counts; see `cases.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.grants import GrantRecord
from ledger.holds import Hold
from ledger.indexes import MARK
from ledger.transactions.bodies import Approve, GrantPut, Issue, Redeem, Settle, Void
from ledger.types import AMOUNT_MAX
from tests.ledger.backing_world import TREASURY, WRAPPED, BackedWorld
from tests.ledger.breaks import Break, edited, parameter
from tests.ledger.cast import BANK_A, BANK_B, BY_ROOT, Case, placed_hold
from tests.ledger.order_cast import arrest, order, ordered
from tests.ledger.people_cases import COMPLIANCE, held_for_dave, spent
from tests.ledger.voting_cases import proposing
from tests.ledger.world import MAIN_A, MAIN_B, START_MS, TILL, grant, pay

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.world import World

GRANTS_MOST = 4_096


def wrapped(world: World) -> Body:
    """Wrap soms of bank-a."""
    BackedWorld.of(world)
    return Issue(WRAPPED, MAIN_A, 100, "deposit", MAIN_A)


def unwrapped(world: World) -> Body:
    """Unwrap for bank-b what bank-a has wrapped."""
    backed = BackedWorld.of(world)
    if backed.wrap(100):
        raise AssertionError
    return Redeem(WRAPPED, MAIN_A, 60, "payout", MAIN_B)


def unswept(world: World, body: Body) -> Body:
    """Let every hold have lapsed without a sweep: its index says that it has not."""
    for key, record in list(world.state.records.items()):
        if isinstance(record, Hold):
            edited(key, until=START_MS)(world, body)
    return body


def crowded(world: World, body: Body) -> Body:
    """Give as many grants of one permission as are looked through."""
    for number in range(GRANTS_MOST):
        made = grant(f"z{number}", "tier", "treasury")
        world.state.records[f"grant/{made.id}"] = GrantRecord(made, "root", "", 0)
        world.state.records[f"~grants/tier/{made.id}"] = MARK
    return body


def proposed(world: World, content: Body) -> Approve:
    """Let bank-b propose what it alone decides, and vote for it."""
    found = world.must(proposing(content), by=BANK_B, sender="bank-b").tx_id
    return Approve(found, "bank-b/ops", "yes")


def settling(world: World) -> Body:
    """Settle by a vote."""
    return proposed(world, Settle(placed_hold(world), 100, b""))


def paying(world: World) -> Body:
    """Pay with two legs by a vote."""
    return proposed(world, pay((MAIN_B, MAIN_A, 5), (MAIN_B, TILL, 5)))


def released(world: World, body: Body) -> Body:
    """Let the bank of the payer have voided every hold."""
    for record in list(world.state.records.values()):
        if isinstance(record, Hold):
            world.must(Void(record.id), by=BANK_A, sender="bank-a")
    return body


MATRIX = (
    Case(
        "issue, a wrap under orders",
        wrapped,
        [*TREASURY, *BANK_A],
        (
            Break("value that is not arrested", 151, ordered(arrest(MAIN_A, None))),
            Break("no block on who pays", 152, ordered(order("debit", MAIN_A))),
        ),
        "treasury",
    ),
    Case(
        "redeem, an unwrap under orders",
        unwrapped,
        BANK_A,
        (Break("no block on who is paid out", 153, ordered(order("credit", MAIN_B))),),
        "bank-a",
    ),
    Case(
        "settle, while the sweep is behind",
        lambda world: Settle(placed_hold(world), 100, b""),
        BANK_B,
        (Break("a hold that has not lapsed", 171, unswept),),
        "bank-b",
    ),
    Case(
        "void, while the sweep is behind",
        lambda world: Void(placed_hold(world)),
        BANK_A,
        (Break("a hold that has not lapsed", 171, unswept),),
        "bank-a",
    ),
    Case(
        "grant.put, one of very many",
        lambda _world: GrantPut(grant("one-more", "tier", "treasury")),
        BY_ROOT,
        (Break("room for grants of a permission", 127, crowded),),
    ),
    Case(
        "approve, a settlement",
        settling,
        BANK_B,
        (Break("a hold that is still there", 170, released),),
        "bank-b",
    ),
    Case(
        "approve, a payment",
        paying,
        BANK_B,
        (Break("legs that are not too many by now", 142, parameter("legs_max", 1)),),
        "bank-b",
    ),
    Case(
        "hold, at the end of what can be counted",
        held_for_dave,  # type: ignore[arg-type]
        [*BANK_A, *COMPLIANCE],
        (Break("18 digits of a month", 140, spent(0, AMOUNT_MAX)),),
        "bank-a",
    ),
)
