"""The cases of what backs an asset: facts, issues against them, wraps and unwraps; see `cases.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import Policy
from ledger.attestations import Attestation
from ledger.grants import Quota
from ledger.indexes import index_keys
from ledger.reserves import ITEMS_MAX, Item, Reserve
from ledger.state import Mark
from ledger.transactions.bodies import AssetPut, Attest, Issue, Redeem
from tests.ledger.backing_world import (
    AUDITOR,
    CODE,
    ISSUERS,
    NO_DOCUMENT,
    OBSERVER,
    TREASURY,
    USD,
    WRAPPED,
    BackedWorld,
    gold_policy,
    vault_policy,
    with_reserve,
)
from tests.ledger.breaks import Break, asked, balance, both, edited, gone, no_grant
from tests.ledger.cast import BANK_A, BANK_B, BY_ROOT, CONTRA, OPERATOR, Case
from tests.ledger.world import BOB, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, START_MS, TILL

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.backing_world import Kind
    from tests.ledger.breaks import Change
    from tests.ledger.world import World

NAMES = {"reserve": "gold", "price": "XAU-USD", "foreign": "tron"}
ITEM = Item("vault-7", CODE, "gold", 7, START_MS, 0, NO_DOCUMENT, "", AUDITOR, START_MS)


def fact(kind: Kind, value: int, by: str) -> Attest:
    """Make a fact that was not said before, of the moment at which the network begins."""
    about = f"{CODE}:{NAMES[kind]}"
    return Attest(Attestation("vault-7" if kind == "reserve" else about, kind, about, value, START_MS, 0, NO_DOCUMENT, "", by))


def say(kind: Kind, value: int, by: str) -> Case:
    """Make the case of a fact that can be said."""

    def make(world: World) -> Body:
        BackedWorld.of(world)
        return fact(kind, value, by)

    breaks = (
        Break("participant", 120, asked("attestation", by="bank-x")),
        Break("active participant", 121, edited(f"participant/{by}", status="suspended")),
        Break("asset", 130, subject("GOLD", kind)),
        Break("an attested reserve", 124, subject("KGS", kind)),
        Break("a reserve that is not locked", 124, subject(WRAPPED, kind)),
        Break("what the policy names", 182, named("nothing")),
        Break("a date that has come", 172, asked("attestation", as_of=START_MS + DAY_MS)),
        Break("an end that is to come", 172, asked("attestation", as_of=START_MS - 2, valid_until=START_MS - 1)),
    )
    return Case(f"attest, {kind}", make, [*OPERATOR, *(BANK_B if by == "bank-b" else BANK_A)], (*breaks, *OF_KIND[kind]))


def subject(asset: str, kind: Kind) -> Change:
    """Say it of another asset."""
    other = f"{asset}:gold"
    return asked("attestation", subject=other) if kind == "reserve" else asked("attestation", subject=other, id=other)


def named(name: str) -> Change:
    """Say it of what the policy does not name."""

    def change(_world: World, body: Body) -> Body:
        if not isinstance(body, Attest):
            raise TypeError
        said = replace(body.attestation, subject=f"{CODE}:{name}")
        return Attest(said if said.kind == "reserve" else replace(said, id=said.subject))

    return change


def put(key: str, item: Item) -> Change:
    """Put an item that somebody has attested before."""

    def change(world: World, body: Body) -> Body:
        world.state.records[key] = item
        for index in index_keys(key, item):
            world.state.records[index] = Mark()
        return body

    return change


def full_of_items(world: World, body: Body) -> Body:
    """Let as many items be there as may be."""
    for number in range(ITEMS_MAX):
        put(f"item/bar-{number}", replace(ITEM, id=f"bar-{number}"))(world, body)
    return body


def reserve(code: str, **fields: object) -> Change:
    """Change fields of the reserve in an asset's policy."""

    def change(world: World, body: Body) -> Body:
        asset = BackedWorld.asset(world, code)  # type: ignore[arg-type]
        world.state.records[f"asset/{code}"] = replace(asset, policy=with_reserve(asset.policy, **fields))
        return body

    return change


def no_quota(name: str) -> Change:
    """Let the quota of a grant be used up."""
    return both(edited(f"grant/{name}", used=1), edited(f"grant/{name}", "grant", quota=Quota(1, "once")))


OF_KIND: dict[Kind, tuple[Break, ...]] = {
    "reserve": (
        Break("grant attest.reserve", 112, no_grant("audit-USDKG", "attest.reserve")),
        Break("a grant to who says it", 112, edited("grant/audit-USDKG", "grant", to="bank-a")),
        Break("its quota", 113, no_quota("audit-USDKG")),
        Break("an item of its own", 125, put("item/vault-7", replace(ITEM, asset="KGS"))),
        Break("a later date than before", 172, put("item/vault-7", ITEM)),
        Break("room for items", 127, full_of_items),
    ),
    "price": (
        Break("grant attest.price", 112, no_grant("price-USDKG-bank-a", "attest.price")),
        Break("its quota", 113, no_quota("price-USDKG-bank-a")),
        Break("a source of the feed", 182, reserve(CODE, feeds=(replace(gold_policy().reserve.feeds[0], sources=("bank-b",)),))),  # type: ignore[union-attr]
    ),
    "foreign": (
        Break("grant attest.foreign", 112, no_grant("observe-USDKG", "attest.foreign")),
        Break("its quota", 113, no_quota("observe-USDKG")),
    ),
}


def issued(world: World) -> Issue:
    """Say everything that an issue needs."""
    BackedWorld.of(world).ready()
    return Issue(CODE, TILL, 45_269_999 * USD, "order 7", None)


def redeemed(world: World) -> Redeem:
    """Issue something that can be redeemed."""
    backed = BackedWorld.of(world).ready()
    if backed.mint(500):
        raise AssertionError
    return Redeem(CODE, TILL, 500, "payout 7", None)


def wrapped(world: World) -> Issue:
    """Make a wrap that can be done."""
    BackedWorld.of(world)
    return Issue(WRAPPED, BOB, 500, "deposit 7", MAIN_A)


def unwrapped(world: World) -> Redeem:
    """Wrap something that can be unwrapped."""
    backed = BackedWorld.of(world)
    if backed.wrap(500):
        raise AssertionError
    return Redeem(WRAPPED, MAIN_A, 400, "payout 7", MAIN_B)


def vault_again(world: World) -> AssetPut:
    """Alter an asset that is locked soms, once there is some of it."""
    unwrapped(world)
    return AssetPut(replace(vault_policy(), cap=500))


def locked(code: str) -> Reserve:
    """Make a reserve that is another asset."""
    return Reserve("vault", code, 10_000, (), (), ())


def copied(code: str, name: str) -> Change:
    """Let there be another asset like one that there is."""

    def change(world: World, body: Body) -> Body:
        asset = world.state.records[f"asset/{code}"]
        world.state.records[f"asset/{name}"] = replace(asset, policy=replace(_policy(asset), code=name))
        return body

    return change


def never_issued(world: World, body: Body) -> Body:
    """Ask for other decimals of the som, of which nothing was issued yet."""
    edited("asset/KGS", issued=0)(world, body)
    som = world.state.records["asset/KGS"]
    return AssetPut(replace(_policy(som), decimals=3))


def _policy(asset: object) -> Policy:
    policy = getattr(asset, "policy", None)
    if not isinstance(policy, Policy):
        raise TypeError
    return policy


BACKING = (
    say("reserve", 7, AUDITOR),
    say("price", 7, "bank-a"),
    say("foreign", 7, OBSERVER),
    Case(
        "issue, attested",
        issued,
        ISSUERS,
        (
            Break("cover", 161, asked(amount=45_270_000 * USD)),
            Break("cover at the ratio", 161, reserve(CODE, ratio_bps=10_001)),
            Break("an item", 162, gone("item/vault-7", "~items/USDKG/vault-7")),
            Break("a fresh item", 162, edited("item/vault-7", as_of=START_MS - 31 * DAY_MS)),
            Break("an item that has not ended", 162, edited("item/vault-7", valid_until=START_MS)),
            Break("an auditor with a grant", 162, no_grant("audit-USDKG", "attest.reserve")),
            Break("an observation", 162, gone("observed/USDKG:tron/bank-a")),
            Break("a fresh observation", 162, edited("observed/USDKG:tron/bank-a", as_of=START_MS - HOUR_MS)),
            Break("two of three prices", 163, both(gone("feed/USDKG:XAU-USD/bank-a"), gone("feed/USDKG:XAU-USD/bank-b"))),
            Break("no vault", 164, asked(source=MAIN_A), [*ISSUERS, *BANK_A]),
        ),
        "treasury",
    ),
    Case("redeem, attested", redeemed, TREASURY, (Break("no vault", 164, asked(to=MAIN_A)),), "treasury"),
    Case(
        "issue, a wrap",
        wrapped,
        [*TREASURY, *BANK_A],
        (
            Break("who pays", 122, asked(source="bank-a/nobody")),
            Break("who pays is open", 123, edited(f"account/{MAIN_A}", status="closed")),
            Break("who pays is of people", 124, asked(source=CONTRA)),
            Break("an active servicer", 121, edited("participant/bank-a", status="suspended")),
            Break("funds", 150, balance(MAIN_A, 499)),
            Break("who pays at all", 164, asked(source=None), TREASURY),
        ),
        "treasury",
    ),
    Case(
        "redeem, an unwrap",
        unwrapped,
        [*OPERATOR, *BANK_A],
        (
            Break("who is paid", 122, asked(to="bank-b/nobody")),
            Break("who is paid is open", 123, edited(f"account/{MAIN_B}", status="closing")),
            Break("who is paid is of people", 124, asked(to=CONTRA)),
            Break("who is paid at all", 164, asked(to=None)),
        ),
    ),
    Case(
        "asset.put, attested",
        lambda _world: AssetPut(gold_policy()),
        [*BY_ROOT, *TREASURY],
        (),
    ),
    Case(
        "asset.put, a vault",
        lambda _world: AssetPut(vault_policy()),
        [*BY_ROOT, *TREASURY],
        (
            Break("asset to lock", 130, asked("policy", reserve=locked("GOLD"))),
            Break("its decimals", 164, asked("policy", decimals=3)),
        ),
    ),
    Case(
        "asset.put, a vault with supply",
        vault_again,
        [*BY_ROOT, *TREASURY],
        (
            Break("a kind that stays", 133, asked("policy", reserve="sovereign")),
            Break("a vault that stays", 133, both(copied("KGS", "KGX"), asked("policy", reserve=locked("KGX")))),
            Break("decimals of what it locks", 164, never_issued, BY_ROOT),
            Break("an asset that does not stand on this one", 164, edited("asset/KGS", "policy", reserve=locked(WRAPPED))),
        ),
    ),
)
