"""The cases of assets that are locked on other chains: what is seen there, issues against it, redemptions; see `cases.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import Asset
from ledger.bridges import BridgeRoute, route_key
from ledger.grants import Quota
from ledger.indexes import index_keys
from ledger.reserves import Locked, Reserve
from ledger.state import Mark
from ledger.transactions.bodies import AssetPut, Attest, GrantPut, Issue, Redeem
from tests.ledger.backing_world import TREASURY
from tests.ledger.breaks import Break, asked, both, edited, gone, no_grant
from tests.ledger.bridge_world import WITNESSES, attestors_of, terms_of
from tests.ledger.cast import BANK_B, BY_ROOT, OPERATOR, Case
from tests.ledger.foreign_world import CODE, DEEP, SHALLOW, ForeignWorld, foreign_policy
from tests.ledger.world import DAY_MS, MAIN_A, START_MS, TILL, grant, signers

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.breaks import Change
    from tests.ledger.world import World

SEEN = f"locked/{CODE}:{SHALLOW.name}/bank-b"


WATCHED_BY_A = foreign_policy(lockers=(replace(SHALLOW, sources=("bank-a",)),))
no_quota = both(edited("grant/watch-bank-b", used=1), edited("grant/watch-bank-b", "grant", quota=Quota(1, "once")))
two_silent = both(gone(f"locked/{CODE}:{DEEP.name}/bank-a"), gone(f"locked/{CODE}:{DEEP.name}/bank-b"))


def seen(world: World) -> Body:
    """Say what is locked, for the first time."""
    return Attest(ForeignWorld.of_small(world).sight(700, by="bank-b", locker=SHALLOW.name))


def issued(world: World) -> Body:
    """Issue all that is locked."""
    ForeignWorld.of_small(world).lock(300, 200)
    return Issue(CODE, TILL, 500, "order 7", None)


def redeemed(world: World) -> Body:
    """Issue something that can be redeemed."""
    made = ForeignWorld.of_small(world).lock(300, 200)
    if made.mint(500):
        raise AssertionError
    return Redeem(CODE, TILL, 500, "0xabc on ethereum", None)


def altered(world: World) -> Body:
    """Alter the asset, once there is some of it."""
    redeemed(world)
    return AssetPut(foreign_policy())


def watching(world: World) -> Body:
    """Give somebody else a grant to watch."""
    ForeignWorld.of_small(world)
    return GrantPut(grant("watch-2", "attest.foreign", "bank-a", asset=CODE))


def about(name: str) -> Change:
    """Say it of something else."""

    def change(_world: World, body: Body) -> Body:
        if not isinstance(body, Attest):
            raise TypeError
        return Attest(replace(body.attestation, subject=name, id=name))

    return change


def of_kind(kind: str) -> Change:
    """Say something of another kind of it."""

    def change(_world: World, body: Body) -> Body:
        if not isinstance(body, Attest):
            raise TypeError
        return Attest(replace(body.attestation, kind=kind))

    return change


def said_before(world: World, body: Body) -> Body:
    """Let it have been said already."""
    world.state.records[SEEN] = Locked(7, START_MS + DAY_MS, 0, START_MS)
    return body


def a_route(world: World, body: Body) -> Body:
    """Let there be a route that is called as a locker."""
    terms = terms_of()
    world.state.records[route_key(SHALLOW.name)] = BridgeRoute(
        SHALLOW.name, terms, "operator", "active", "", 1, attestors_of(*WITNESSES), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "", 0, 0
    )
    return body


def serves_another(world: World, body: Body) -> Body:
    """Let one of the lockers be another asset's."""
    made = Asset(foreign_policy("WUSX", lockers=(replace(DEEP, name="other"),)), 0, 0, 0, 0, 0, 0, "", "open")
    world.state.records["asset/WUSX"] = made
    for index in index_keys("asset/WUSX", made):
        world.state.records[index] = Mark()
    return body


def lockers(*names: object) -> Change:
    """Ask for other lockers."""
    return asked("policy", reserve=Reserve("foreign", "", 10_000, (), (), (), names))  # type: ignore[arg-type]


def issuer_watches(world: World, body: Body) -> Body:
    """Let the issuer watch over every asset."""
    made = grant("watch-all", "attest.foreign", "treasury")
    edited("grant/watch-bank-a", grant=made)(world, body)
    return body


def bank_issues(world: World, body: Body) -> Body:
    """Let a bank that is to watch issue."""
    edited(f"grant/issue-{CODE}", "grant", to="bank-a")(world, body)
    return body


FOREIGN = (
    Case(
        "attest, foreign of a locker",
        seen,
        [*OPERATOR, *BANK_B],
        (
            Break("participant", 120, asked("attestation", by="bank-x")),
            Break("active participant", 121, edited("participant/bank-b", status="suspended")),
            Break("asset", 130, about("GOLD:tron-vault")),
            Break("a kind that this reserve has", 124, of_kind("price")),
            Break("grant attest.foreign", 112, no_grant("watch-bank-b", "attest.foreign")),
            Break("its quota", 113, no_quota),
            Break("a locker of the asset", 182, about(f"{CODE}:vault")),
            Break(
                "a source of the locker",
                182,
                edited(f"asset/{CODE}", policy=WATCHED_BY_A),
            ),
            Break("a date that has come", 172, asked("attestation", as_of=START_MS + DAY_MS)),
            Break("a later date than before", 172, said_before),
        ),
    ),
    Case(
        "issue, locked abroad",
        issued,
        TREASURY,
        (
            Break("cover", 161, asked(amount=501)),
            Break("a sight of each locker", 162, gone(SEEN)),
            Break("a fresh sight", 162, edited(SEEN, as_of=START_MS - DAY_MS)),
            Break("a sight that has not ended", 162, edited(SEEN, valid_until=START_MS)),
            Break("a source with a grant", 162, no_grant("watch-bank-b", "attest.foreign")),
            Break("half of the sources and one", 162, two_silent),
            Break("no vault", 164, asked(source=MAIN_A), [*TREASURY, *signers("bank-a/ops")]),
        ),
        "treasury",
    ),
    Case("redeem, locked abroad", redeemed, TREASURY, (Break("no vault", 164, asked(to=MAIN_A)),), "treasury"),
    Case(
        "asset.put, locked abroad",
        altered,
        [*BY_ROOT, *TREASURY],
        (
            Break("a name that no route has", 125, a_route),
            Break("lockers of its own", 125, serves_another),
            Break("a place that stays", 133, lockers(replace(DEEP, contract=b"\x01"), SHALLOW)),
            Break("a chain that stays", 133, lockers(replace(DEEP, chain="base"), SHALLOW)),
            Break("a kind that stays", 133, asked("policy", reserve="sovereign")),
            Break("an issuer that does not watch", 115, issuer_watches),
        ),
    ),
    Case("grant.put, who watches", watching, BY_ROOT, (Break("another one than issues", 115, bank_issues),)),
)
