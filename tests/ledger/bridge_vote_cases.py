"""The cases of what attestors say of a route, and of what is paid out of it; see `cases.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.holders import Limit
from ledger.transactions.bodies import Attest
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeIn
from tests.ledger.breaks import Break, asked, both, edited, no_grant
from tests.ledger.bridge_world import (
    BIG_DELAY_MS,
    BLOCK_HASH,
    ROUTE,
    TOKEN,
    BridgedWorld,
    attestors_of,
    burn_of,
    fact_of,
    sighting,
    signature,
)
from tests.ledger.cast import BANK_A, BANK_B, BY_ROOT, CONTRA, OPERATOR, Case
from tests.ledger.order_cast import order, ordered
from tests.ledger.people import CAROL_A, alter, settle_in
from tests.ledger.people import LIMITS as TIERS
from tests.ledger.world import HOUR_MS, MAIN_A, MAIN_B, START_MS

if TYPE_CHECKING:
    from ledger.bridges import Burn, Expiry, Mint
    from ledger.transactions.bodies import Body
    from tests.ledger.world import World

from tests.ledger.bridge_breaks import PAUSED, no_quota, route, said
from tests.ledger.bridge_cases import rotated


def locked(world: World) -> BridgedWorld:
    """Let there be a lock."""
    bridged = BridgedWorld.of(world)
    bridged.locked(500)
    return bridged


def witnessed(fact: Burn | Expiry | Mint) -> Body:
    """Let bank-b say it."""
    return BridgeIn(ROUTE, "bank-b", fact)


def by_two(world: World, fact: Burn | Expiry | Mint) -> Body:
    """Let two others say it before: the next one decides."""
    bridged = BridgedWorld.__new__(BridgedWorld)
    bridged.__dict__ = world.__dict__
    if bridged.agree(fact, ("operator", "treasury")) != [0, 0]:
        raise AssertionError
    return witnessed(fact)


def burned(world: World) -> Body:
    """Let a burn be there that two have seen."""
    locked(world)
    return by_two(world, burn_of(1, 100, 100))


def expired(world: World) -> Body:
    """Let a lock be there whose end two have seen."""
    return by_two(world, fact_of(locked(world).lock_of(1), "expiry"))


def minted(world: World) -> Body:
    """Let a lock be there whose mint two have seen."""
    return by_two(world, fact_of(locked(world).lock_of(1)))


def closed_refund(world: World) -> Body:
    """Let a lock expire whose account takes nothing; then it does again."""
    bridged = locked(world)
    edited(f"account/{MAIN_A}", status="closing")(world, BridgeClaim(ROUTE, "refund", 1, None))
    bridged.agree(fact_of(bridged.lock_of(1), "expiry"))
    edited(f"account/{MAIN_A}", status="open")(world, BridgeClaim(ROUTE, "refund", 1, None))
    return BridgeClaim(ROUTE, "refund", 1, None)


def waiting(world: World) -> Body:
    """Let a big burn have waited."""
    bridged = BridgedWorld.of(world)
    bridged.locked(3_500)
    bridged.agree(burn_of(1, 3_200, 3_200))
    return edited(f"release/{ROUTE}/1", not_before_ms=START_MS)(world, BridgeClaim(ROUTE, "release", 1, None))


def suspended(world: World) -> Body:
    """Let a burn be there for nobody that is known."""
    bridged = locked(world)
    bridged.agree(burn_of(1, 200, 200, "bank-x/nobody"))
    return BridgeClaim(ROUTE, "suspense", 1, MAIN_B)


def purse(world: World, body: Body) -> Body:
    """Let a wallet of a person be the owner, that may have one unit less."""
    settle_in(world)
    alter(world, limits=(Limit("basic", 199, None, None, None, anonymous=False), *TIERS[1:]))
    return replace(body, to=CAROL_A)


WITNESSING = (
    Case(
        "bridge.in, burn",
        burned,
        [*OPERATOR, *BANK_B],
        (
            Break("attestor", 120, asked(by="bank-x")),
            Break("active attestor", 121, edited("participant/bank-b", status="suspended")),
            Break("an attestor of this route", 182, route(attestors=attestors_of("bank-a", "operator", "treasury"))),
            Break("route", 172, asked(route="other")),
            Break("an enforced route", 124, route("terms", mode="observed")),
            Break("a route that has begun", 123, route(status="proposed")),
            Break("no pause of the route", 131, PAUSED),
            Break("a route that is open inwards", 131, route(status="paused_in")),
            Break("a burn that was not seen", 190, edited(f"release/{ROUTE}/1", state="waiting")),
            Break("the route's id", 191, said(route_id=BLOCK_HASH)),
            Break("the chain", 191, said(chain_id=1)),
            Break("the contract", 191, said(contract=TOKEN)),
            Break("a nonce that is near", 191, said(nonce=65)),
        ),
    ),
    Case(
        "bridge.in, expiry",
        expired,
        [*OPERATOR, *BANK_B],
        (
            Break("a lock that is open", 190, edited(f"lock/{ROUTE}/1", state="minted")),
            Break("lock", 191, said(nonce=2)),
            Break("its id", 191, said(lock_id=BLOCK_HASH)),
            Break("its deadline", 191, said(deadline=1, block_time=2)),
        ),
    ),
    Case(
        "bridge.in, mint",
        minted,
        [*OPERATOR, *BANK_B],
        (
            Break("a lock that was not minted", 190, edited(f"lock/{ROUTE}/1", state="minted")),
            Break("its recipient", 191, said(recipient=TOKEN)),
            Break("its amount", 191, said(amount=501)),
        ),
    ),
)

CLAIMING = (
    Case(
        "bridge.claim, refund",
        closed_refund,
        BANK_B,
        (
            Break("route", 172, asked(route="other")),
            Break("an enforced route", 124, route("terms", mode="observed")),
            Break("no pause of the route", 131, PAUSED),
            Break("who is paid takes it", 123, edited(f"account/{MAIN_A}", status="closed")),
            Break("credits", 153, ordered(order("credit", MAIN_A))),
            Break("a deadline that has passed", 172, edited(f"lock/{ROUTE}/1", state="locked")),
            Break("a lock that was not paid back", 190, edited(f"lock/{ROUTE}/1", state="refunded")),
            Break("lock", 191, asked(nonce=2)),
        ),
        "bank-b",
    ),
    Case(
        "bridge.claim, release",
        waiting,
        BANK_B,
        (
            Break("its time", 172, edited(f"release/{ROUTE}/1", not_before_ms=START_MS + 3 * BIG_DELAY_MS)),
            Break("a burn that waits", 190, edited(f"release/{ROUTE}/1", state="released")),
            Break("burn", 191, asked(nonce=2)),
            Break("room within the limits", 192, route(in_full_ms=START_MS + 3 * BIG_DELAY_MS)),
        ),
        "bank-b",
    ),
    Case(
        "bridge.claim, suspense",
        suspended,
        [*OPERATOR, *BANK_B],
        (
            Break("owner", 122, asked(to="bank-b/nobody")),
            Break("an owner of people", 124, asked(to=CONTRA)),
            Break("an active servicer", 121, both(asked(to=MAIN_A), edited("participant/bank-a", status="suspended"))),
            Break("an owner that may be paid", 153, ordered(order("credit", MAIN_B))),
            Break("room for the owner", 154, purse, [*OPERATOR, *BANK_A, *BANK_B]),
            Break("an owner that is eligible", 132, edited("asset/KGS", "policy", receive=("school",))),
            Break("something in suspense", 190, edited(f"release/{ROUTE}/1", state="released")),
        ),
        "bank-b",
    ),
)


def signed(world: World) -> Body:
    """Let the route be there, and sign a checkpoint."""
    BridgedWorld.of(world)
    return signature("bank-b", START_MS)


def signed_mint(world: World) -> Body:
    """Let there be a lock, and sign its mint."""
    locked(world)
    return signature("bank-b", START_MS, what="mint", number=1)


def signed_rotation(world: World) -> Body:
    """Let there be a second set, and sign it."""
    world.must(rotated(world), by=BY_ROOT)
    return signature("bank-b", START_MS, what="rotate", number=2)


def watched(world: World) -> Body:
    """Let the route be there, and say what one saw."""
    BridgedWorld.of(world)
    return sighting("bank-b", START_MS, 100)


def seen_before(world: World, body: Body) -> Body:
    """Let the same block have been named before."""
    world.must(sighting("bank-b", START_MS - 1, 100), by=[*OPERATOR, *BANK_B])
    return body


def plain(_world: World, body: Body) -> Body:
    """Say a supply without a block."""
    if not isinstance(body, Attest):
        raise TypeError
    return Attest(replace(body.attestation, value=7))


SAYING = (
    Case(
        "attest, bridge",
        signed,
        [*OPERATOR, *BANK_B],
        (
            Break("participant", 120, asked("attestation", by="bank-x")),
            Break("active participant", 121, edited("participant/bank-b", status="suspended")),
            Break("asset", 130, asked("attestation", subject=f"GOLD:{ROUTE}", id=f"GOLD:{ROUTE}")),
            Break("route", 172, asked("attestation", subject="KGS:other", id="KGS:other")),
            Break("grant attest.bridge", 112, no_grant("sign-bank-b", "attest.bridge")),
            Break("its quota", 113, no_quota("sign-bank-b")),
            Break("a set that it is in", 182, said(epoch=2)),
            Break("a date that has come", 172, asked("attestation", as_of=START_MS + HOUR_MS)),
            Break("a height that has come", 172, said(number=1_000)),
        ),
    ),
    Case(
        "attest, bridge, a mint",
        signed_mint,
        [*OPERATOR, *BANK_B],
        (
            Break("lock", 191, said(number=2)),
            Break("a lock that need not wait", 172, edited(f"lock/{ROUTE}/1", sign_from_ms=START_MS + HOUR_MS)),
        ),
    ),
    Case(
        "attest, bridge, a rotation",
        signed_rotation,
        [*OPERATOR, *BANK_B],
        (Break("the epoch before", 191, said(epoch=2)),),
    ),
    Case(
        "attest, foreign, a route",
        watched,
        [*OPERATOR, *BANK_B],
        (
            Break("grant attest.foreign", 112, no_grant("watch-bank-b", "attest.foreign")),
            Break("its quota", 113, no_quota("watch-bank-b")),
            Break("an attestor of this route", 182, route(attestors=attestors_of("bank-a", "operator", "treasury"))),
            Break("a common block", 172, said(block=101)),
            Break("a block that is later", 172, seen_before),
            Break("a block at all", 124, plain),
        ),
    ),
)

WITNESSED: tuple[Case, ...] = (*WITNESSING, *CLAIMING, *SAYING)
