"""The cases of orders, and what orders do to the types that move or reserve value; see `cases.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.grants import Quota, Scope
from ledger.holders import Holder, Limit, holder_key
from ledger.transactions.bodies import Issue, OrderLift, OrderPut, Pay, Redeem, Seize, Settle
from ledger.types import AMOUNT_MAX
from tests.ledger.breaks import Break, asked, balance, both, edited, no_grant, parameter
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, BY_ROOT, CONTRA, LATER, LEGS, MONEY, Case, placed_hold
from tests.ledger.order_cast import OPERATOR, QUORUM, SEIZERS, TREASURY, arrest, lift, order, ordered, put, seize
from tests.ledger.people import CAROL_A, LIMITS, alter, settle_in
from tests.ledger.world import ALICE, BOB, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, START_MS, TILL, hold

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.world import World

HOLDER = bytes(range(16))
ON_ALICE = order("debit", ALICE, name="other")


def arrested(world: World) -> Seize:
    """Arrest half of what alice has, and seize a part of it."""
    put(world, arrest(ALICE, MONEY // 2))
    return seize(ALICE, 300)


def made(world: World) -> OrderLift:
    """Make an order that can be lifted."""
    put(world, order("both", ALICE))
    return lift()


def made_by_quorum(world: World) -> OrderLift:
    """Let a quorum make a pause that can be lifted."""
    put(world, order("pause", "", scope="ledger", asset="", by="operator"), QUORUM)
    return lift()


def to_a_wallet(world: World, body: Body) -> Body:
    """Let the beneficiary be a wallet whose holder may have one unit less than is seized."""
    settle_in(world)
    alter(world, limits=(Limit("basic", 299, None, None, None, anonymous=False), *LIMITS[1:]))
    return edited("order/case-1", "order", seize_to=CAROL_A)(world, body)


def known_holder(world: World) -> OrderPut:
    """Order on a person that the registry knows."""
    world.state.records[holder_key(HOLDER)] = Holder(HOLDER, "", 0, 0)
    return order("debit", HOLDER.hex(), scope="holder")


def paused_whole(world: World, body: Body) -> Body:
    """Pause by a quorum, redemption too."""
    put(world, order("pause", "", scope="ledger", asset="", allow=("holds",), by="operator"), QUORUM)
    return body


PUTTING = (
    Case(
        "order.put",
        lambda _world: order("debit", ALICE),
        [*OPERATOR, *TREASURY],
        (
            Break("maker", 120, asked("order", by="bank-x")),
            Break("active maker", 121, edited("participant/treasury", status="suspended")),
            Break("account", 122, asked("order", subject="bank-a/nobody")),
            Break("an account of people", 124, asked("order", subject=CONTRA)),
            Break("a free id", 125, ordered(order("credit", BOB))),
            Break("asset", 130, asked("order", asset="GOLD")),
            Break("grant to freeze", 112, no_grant("freeze", "order.freeze")),
            Break("a grant to the maker", 112, asked("order", by="bank-b")),
            Break(
                "a grant for all assets",
                112,
                both(edited("grant/freeze", "grant", scope=Scope("KGS", "", "", ())), asked("order", asset="")),
            ),
            Break("its participant", 112, edited("grant/freeze", "grant", scope=Scope("", "bank-b", "", ()))),
            Break("its begin", 112, edited("grant/freeze", "grant", not_before=LATER)),
            Break("its quota", 113, both(edited("grant/freeze", used=1), edited("grant/freeze", "grant", quota=Quota(1, "once")))),
            Break("room for orders", 127, both(parameter("orders_per_subject_max", 1), ordered(ON_ALICE))),
            Break("an end to come", 180, asked("order", until=START_MS)),
            Break("power to freeze", 182, edited("asset/KGS", "policy", powers=("pause", "seize"))),
        ),
    ),
    Case(
        "order.put, arrest",
        lambda _world: arrest(ALICE, 500),
        [*OPERATOR, *TREASURY],
        (
            Break("beneficiary", 122, asked("order", seize_to="bank-a/nobody")),
            Break("an open beneficiary", 123, edited(f"account/{TILL}", status="closing")),
            Break("a beneficiary of people", 124, asked("order", seize_to=CONTRA)),
            Break("grant to arrest", 112, no_grant("arrest", "order.arrest")),
        ),
    ),
    Case(
        "order.put, participant",
        lambda _world: order("both", "bank-b", scope="participant", asset=""),
        [*OPERATOR, *TREASURY],
        (Break("participant", 120, asked("order", subject="bank-x")),),
    ),
    Case("order.put, holder", known_holder, [*OPERATOR, *TREASURY], (Break("holder", 122, asked("order", subject="00" * 16)),)),
    Case(
        "order.put, pause by one guardian",
        lambda world: order("pause", "KGS", scope="asset", asset="", until=world.time_ms + HOUR_MS),
        [*OPERATOR, *TREASURY],
        (
            Break("asset", 130, asked("order", subject="GOLD")),
            Break("power to pause", 182, edited("asset/KGS", "policy", powers=("freeze", "seize"))),
            Break("an end", 182, asked("order", until=0)),
            Break("an end within a day", 182, asked("order", until=START_MS + 2 * DAY_MS)),
            Break("redemption goes on", 182, asked("order", allow=("holds",))),
            Break(
                "no such pause lately", 182, ordered(order("pause", "KGS", scope="asset", asset="", name="other", until=LATER - 9 * DAY_MS))
            ),
        ),
    ),
    Case("order.put, pause by a quorum", lambda _world: order("pause", "KGS", scope="asset", asset="", by="operator"), QUORUM, ()),
)

ENDING = (
    Case(
        "order.lift by its maker",
        made,
        TREASURY,
        (
            Break("order", 180, asked(id="other")),
            Break("an order that has not lapsed", 180, edited("order/case-1", "order", until=START_MS)),
            Break("an order that was not lifted", 180, edited("order/case-1", status="lifted")),
            Break("its maker", 182, edited("order/case-1", "order", by="bank-b")),
        ),
        "treasury",
    ),
    Case("order.lift by the quorum that made it", made_by_quorum, QUORUM, ()),
    Case(
        "seize",
        arrested,
        [*OPERATOR, *SEIZERS],
        (
            Break("account", 122, asked(account="bank-a/nobody")),
            Break("an open beneficiary", 123, edited(f"account/{TILL}", status="closed")),
            Break("an account of people", 124, asked(account=CONTRA)),
            Break("asset", 130, asked(asset="GOLD")),
            Break("18 digits", 140, balance(TILL, AMOUNT_MAX - 299)),
            Break("grant to seize", 112, no_grant("seize", "order.seize")),
            Break("a grant to the maker", 112, edited("grant/seize", "grant", to="operator")),
            Break("its quota", 113, both(edited("grant/seize", used=1), edited("grant/seize", "grant", quota=Quota(1, "once")))),
            Break("order", 180, asked(order="other")),
            Break("an order that has not lapsed", 180, edited("order/case-1", "order", until=START_MS)),
            Break("so much arrested", 181, asked(amount=MONEY // 2 + 1)),
            Break("so much there", 181, balance(ALICE, 299)),
            Break("so much not held", 181, balance(ALICE, MONEY, MONEY - 299)),
            Break(
                "so much that was not arrested before",
                181,
                both(ordered(arrest(ALICE, None, name="first")), edited("order/first", height=1)),
            ),
            Break("an arrest on the account", 182, asked(account=BOB)),
            Break("an arrest in the asset", 182, edited("order/case-1", "order", asset="GOLD")),
            Break("an order that names a beneficiary", 182, edited("order/case-1", "order", seize_to="")),
            Break("power to seize", 182, edited("asset/KGS", "policy", powers=("freeze", "pause"))),
            Break("room for the beneficiary", 154, to_a_wallet),
            Break("no block that goes before", 152, both(ordered(ON_ALICE), edited("order/other", height=1))),
            Break("a beneficiary that may be paid", 153, ordered(order("credit", TILL, name="other"))),
        ),
    ),
)

PAUSED = ordered(order("pause", "KGS", scope="asset", asset="", name="pause", until=START_MS + HOUR_MS))

STOPPED = (
    Case(
        "pay under orders",
        lambda _world: Pay(LEGS, "atomic", "test", None, "", None, None),
        [*BANK_A, *BANK_B, *ALICE_SIGNS],
        (
            Break("no pause of the asset", 131, PAUSED),
            Break("nothing arrested", 151, ordered(arrest(MAIN_A, MONEY - 99))),
            Break("gross funds beside an arrest", 150, both(ordered(arrest(BOB, 1)), balance(BOB, 150))),
            Break("debits", 152, ordered(order("debit", ALICE))),
            Break("debits of the participant", 152, ordered(order("both", "bank-b", scope="participant"))),
            Break("credits", 153, ordered(order("credit", MAIN_B))),
        ),
        "bank-a",
    ),
    Case(
        "hold under orders",
        lambda world: hold(ALICE, BOB, 300, until=world.time_ms + HOUR_MS),
        [*OPERATOR, *ALICE_SIGNS],
        (
            Break("no pause", 131, PAUSED),
            Break("nothing arrested", 151, ordered(arrest(ALICE, MONEY - 299))),
            Break("debits", 152, ordered(order("debit", ALICE))),
            Break("credits of the target", 153, ordered(order("credit", BOB))),
        ),
    ),
    Case(
        "settle under orders",
        lambda world: Settle(placed_hold(world), 200, b""),
        [*OPERATOR, *BANK_B],
        (
            Break("an arrest that allows holds", 151, ordered(order("arrest", ALICE, allow=()))),
            Break("a block that allows holds", 152, ordered(order("debit", ALICE))),
            Break("a target that may be paid", 153, ordered(order("credit", BOB))),
        ),
    ),
    Case(
        "issue under orders",
        lambda _world: Issue("KGS", MAIN_A, 500, "order 7", None),
        BY_ROOT,
        (Break("no pause", 131, PAUSED), Break("credits", 153, ordered(order("credit", MAIN_A)))),
    ),
    Case(
        "redeem under orders",
        lambda _world: Redeem("KGS", MAIN_B, 500, "payout 7", None),
        [*OPERATOR, *BANK_B],
        (
            Break("no pause that names it", 131, paused_whole),
            Break("nothing arrested", 151, ordered(arrest(MAIN_B, MONEY - 499))),
            Break("debits", 152, ordered(order("both", MAIN_B))),
        ),
    ),
)


ORDERS: tuple[Case, ...] = (*PUTTING, *ENDING, *STOPPED)
