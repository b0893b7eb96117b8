"""The cases of purpose money and of queued redemption; see `cases.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.grants import Need, Quota, Scope
from ledger.reserves import Expiry
from ledger.transactions.bodies import AccountSet, AssetPut, GrantPut, HoldBody, Issue, Redeem, Settle
from tests.ledger.backing_world import CODE, LUNCH, TREASURY, BackedWorld
from tests.ledger.breaks import Break, asked, both, edited, parameter
from tests.ledger.cast import BANK_A, BANK_B, BY_ROOT, OPERATOR, Case
from tests.ledger.purpose_world import ENDS_MS, PUPIL, SHOP, lunch_policy, meals, queued_policy, serve
from tests.ledger.world import BOB, MAIN_B, START_MS, TILL, grant

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.breaks import Change
    from tests.ledger.world import World

LINE = "treasury/meals"
APPROVERS = grant("payouts", "redeem.approve", "treasury", asset=CODE, need=Need(2, ("bank-a/ops", "bank-b/ops", "treasury/treasury")))
ENDED = edited(f"asset/{LUNCH}", "policy", expires=Expiry(START_MS, TILL))


def served(world: World) -> BackedWorld:
    """Give a pupil something to eat with."""
    return serve(BackedWorld.of(world), 1_000)


def eaten(world: World) -> Body:
    """Make a meal that can be paid."""
    served(world)
    return meals((PUPIL, SHOP, 300))


def kept(world: World) -> Body:
    """Make a hold for a meal."""
    served(world)
    return HoldBody(PUPIL, SHOP, LUNCH, 300, 0, ENDS_MS - 1, SHOP, SHOP, "none", "authorisation")


def locked(world: World) -> Body:
    """Make more of the school meals."""
    served(world)
    return Issue(LUNCH, TILL, 10, "budget", TILL)


def given_back(world: World) -> Body:
    """Redeem school meals before their end."""
    served(world)
    return Redeem(LUNCH, PUPIL, 10, "", MAIN_B)


def defined(world: World) -> Body:
    """Define the school meals."""
    BackedWorld.of(world)
    return AssetPut(lunch_policy())


def line_of_nothing(world: World) -> Body:
    """Open a budget line of an asset that does not end."""
    BackedWorld.of(world).open(LINE)
    return AccountSet(LINE, "closed", None)


def its_line(world: World, body: Body) -> Body:
    """Let an asset end there."""
    BackedWorld.define(world, lunch_policy(budget_line=LINE))  # type: ignore[arg-type]
    return body


def queued(world: World) -> Body:
    """Make a redemption that waits for the issuer."""
    backed = BackedWorld.of(world)
    backed.define(queued_policy())
    if backed.ready().mint(500):
        raise AssertionError
    return Redeem(CODE, TILL, 400, "account 7", None)


def approved(world: World) -> Body:
    """Let the issuer name who settles its redemptions, and make one to settle."""
    body = queued(world)
    backed = BackedWorld.__new__(BackedWorld)
    backed.__dict__ = world.__dict__
    backed.must(GrantPut(APPROVERS), by=TREASURY, sender="treasury")
    found = backed.must(body, by=TREASURY, sender="treasury").tx_id
    return Settle(found, 150, b"")


def approving(world: World) -> Body:
    """Let the issuer name who settles its redemptions."""
    BackedWorld.of(world)
    return GrantPut(APPROVERS)


def settled(world: World) -> Body:
    """Make a redemption that its issuer settles."""
    found = world.must(queued(world), by=TREASURY, sender="treasury").tx_id
    return Settle(found, 150, b"")


def line(name: str) -> Change:
    """Let the rest go elsewhere."""
    return asked("policy", expires=Expiry(ENDS_MS, name))


PURPOSE = (
    Case(
        "pay, purpose money",
        eaten,
        BANK_A,
        (
            Break("a merchant", 132, edited(f"account/{SHOP}", classes=("school",))),
            Break("a merchant that the issuer knows", 132, edited(f"account/{SHOP}", classes=("mcc:8211@bank-b",))),
            Break("an end that is to come", 123, ENDED),
        ),
        "bank-a",
    ),
    Case(
        "hold, purpose money",
        kept,
        BANK_A,
        (Break("an end after the hold", 171, asked(until=ENDS_MS)), Break("an end", 123, ENDED)),
        "bank-a",
    ),
    Case("issue, purpose money", locked, TREASURY, (Break("an end that is to come", 123, ENDED),), "treasury"),
    Case("redeem, purpose money", given_back, BANK_A, (Break("an end that is to come", 123, ENDED),), "bank-a"),
    Case(
        "asset.put, purpose money",
        defined,
        [*BY_ROOT, *TREASURY],
        (
            Break("a budget line", 122, line("treasury/none")),
            Break("an open budget line", 123, both(edited(f"account/{TILL}", status="closing"), line(TILL))),
            Break("a budget line of an institution", 124, line(BOB)),
            Break("an end that is to come", 172, asked("policy", expires=Expiry(START_MS, TILL))),
        ),
    ),
    Case("account.set, closed budget line", line_of_nothing, TREASURY, (Break("no rest to come", 126, its_line),), "treasury"),
    Case(
        "redeem, queued",
        queued,
        TREASURY,
        (Break("room for holds", 127, both(parameter("holds_per_account_max", 1), edited(f"account/{TILL}", holds=1))),),
        "treasury",
    ),
    Case(
        "settle, queued",
        settled,
        [*OPERATOR, *TREASURY],
        (Break("an issuer that can act", 121, edited("participant/treasury", status="suspended")),),
    ),
    Case(
        "settle, queued and approved",
        approved,
        [*OPERATOR, *BANK_A, *BANK_B],
        (
            Break("its quota", 113, edited("grant/payouts", "grant", quota=Quota(149, "once"))),
            Break("more than its issuer", 111, asked(), [*OPERATOR, *TREASURY]),
        ),
    ),
    Case(
        "grant.put, who settles redemptions",
        approving,
        TREASURY,
        (Break("asset", 130, asked("grant", scope=Scope("GOLD", "", "", ()))),),
        "treasury",
    ),
)
