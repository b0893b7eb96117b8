"""Invariants 8, 9, 11 and 24 of backing, over random histories of facts, issues, wraps and redemptions (acceptance 2)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.accounts import Balance
from ledger.assets import attested_of
from ledger.backing import Worth, worth_of
from ledger.backing_checks import check_asset_change, check_fact, check_vault, check_vault_account
from ledger.errors import OK, InvariantBroken
from ledger.invariants import check_whole
from ledger.reserves import Item, Terms
from ledger.state import Overlay
from tests.ledger.backing_world import (
    AUDITOR,
    GOLD,
    NO_DOCUMENT,
    OBSERVER,
    PRICE,
    SOURCES,
    USD,
    VAULT,
    WRAPPED,
    XAU,
    BackedWorld,
    gold_policy,
    vault_policy,
    with_reserve,
)
from tests.ledger.world import DAY_MS, HOUR_MS, MAIN_A, TILL
from tests.naive_backing import Gold, Locked, Vouched

CASH = Terms("cash", "", 500, 6_000, 2 * DAY_MS)
SOMS = 1_000
OUNCE = 311_034_768


@dataclass(frozen=True)
class Do:
    """One thing that happens: who it is about, and how much."""

    what: Literal["vouch gold", "vouch cash", "price", "observe", "issue", "redeem", "wrap", "unwrap", "wait"]
    which: int
    amount: int


doings = st.one_of(
    st.builds(Do, st.just("vouch gold"), st.integers(0, 2), st.integers(0, 5 * OUNCE)),
    st.builds(Do, st.just("vouch cash"), st.integers(3, 5), st.integers(0, 10_000 * USD)),
    st.builds(Do, st.just("price"), st.integers(0, 2), st.integers(1, 2 * PRICE)),
    st.builds(Do, st.just("observe"), st.just(0), st.sampled_from((0, 0, 100 * USD, 5_000 * USD))),
    st.builds(Do, st.just("issue"), st.just(0), st.one_of(st.integers(1, 4_000 * USD), st.integers(1, 100))),
    st.builds(Do, st.just("redeem"), st.just(0), st.integers(1, 3_000 * USD)),
    st.builds(Do, st.sampled_from(("wrap", "unwrap")), st.just(0), st.integers(1, 600)),
    st.builds(Do, st.just("wait"), st.just(0), st.sampled_from((1, 50 * 60_000, HOUR_MS, DAY_MS, 31 * DAY_MS))),
)
histories = st.lists(doings, max_size=25)


def begin() -> tuple[BackedWorld, Gold, Locked]:
    """Make the network with gold and cash behind USDKG, and the model of it."""
    world = BackedWorld(money=SOMS, policy=with_reserve(gold_policy(), terms=(CASH, GOLD)))
    model = Gold(
        SOURCES,
        haircut={"gold": Fraction(9, 10), "cash": Fraction(95, 100)},
        share={"gold": Fraction(1), "cash": Fraction(6, 10)},
        age_ms={"gold": 30 * DAY_MS, "cash": 2 * DAY_MS, "price": HOUR_MS, "abroad": HOUR_MS},
        unit=OUNCE,
        price_digits=6,
        digits=6,
    )
    return world, model, Locked(SOMS)


def play(world: BackedWorld, gold: Gold, locked: Locked, do: Do) -> tuple[int, int]:
    """Let it happen on both; return both codes."""
    now = world.time_ms
    match do.what:
        case "vouch gold" | "vouch cash":
            item, name = f"item-{do.which}", do.what[-4:]
            gold.items[item] = Vouched(name, do.amount, now)
            return world.say("reserve", do.amount, by=AUDITOR, name=name, item=item).code, OK
        case "price":
            gold.prices[SOURCES[do.which]] = (do.amount, now)
            return world.say("price", do.amount, by=SOURCES[do.which]).code, OK
        case "observe":
            gold.abroad = (do.amount, now)
            return world.say("foreign", do.amount, by=OBSERVER).code, OK
        case "issue":
            return world.mint(do.amount), gold.issue(do.amount, now)
        case "redeem":
            return world.burn(do.amount).code, gold.redeem(do.amount)
        case "wrap":
            return world.wrap(do.amount), locked.wrap(do.amount)
        case "unwrap":
            return world.unwrap(do.amount, to=MAIN_A), locked.unwrap(do.amount)
        case "wait":
            world.time_ms += do.amount
            return OK, OK


def worth(world: BackedWorld) -> Worth:
    """Return what stands behind USDKG in the next block."""
    policy = world.asset().policy
    reserve = attested_of(policy)
    assert reserve is not None
    return worth_of(Overlay(world.state), policy, reserve, world.context())


@given(history=histories)
def test_invariant_24_the_naive_model_of_backing_agrees(history: list[Do]) -> None:
    """Goal: 24. Method: the same history on the ledger and on dicts: same codes, same supplies, same value."""
    world, gold, locked = begin()
    for do in history:
        found, expected = play(world, gold, locked, do)
        assert found == expected, do
        assert world.asset().supply == gold.supply == world.balance(TILL, "USDKG")[0]
        assert (worth(world).eligible, worth(world).market) == gold.worth(world.time_ms)
        assert (world.balance(MAIN_A)[0], world.balance(MAIN_A, WRAPPED)[0]) == (locked.soms, locked.purse)
        assert world.balance(VAULT)[0] == locked.vault


@given(history=histories)
def test_invariant_08_supply_is_within_the_vault_by_any_path(history: list[Do]) -> None:
    """Goal: 8, L21. Method: after every block of any history, compare by hand."""
    world, gold, locked = begin()
    for do in history:
        play(world, gold, locked, do)
        posted, held = world.balance(VAULT)
        assert world.asset(WRAPPED).supply <= posted - held


@given(history=histories)
def test_invariant_09_after_each_issue_the_supply_is_covered(history: list[Do]) -> None:
    """Goal: 9. Method: after each issue that was accepted, add up the fresh facts by the model; redemption is never refused for them."""
    world, gold, locked = begin()
    for do in history:
        now = world.time_ms
        code, _ = play(world, gold, locked, do)
        if do.what == "issue" and code == OK:
            abroad = gold.abroad
            assert abroad is not None
            assert now < abroad[1] + HOUR_MS
            assert world.asset().supply + abroad[0] <= gold.worth(now)[0]
        if do.what in ("redeem", "unwrap"):
            assert code in (OK, 150)


@given(
    history=histories,
    later=st.sampled_from((1, HOUR_MS, DAY_MS, 31 * DAY_MS)),
    haircut=st.integers(1_000, 10_000),
    lower=st.integers(1, PRICE),
    source=st.sampled_from(SOURCES),
)
def test_invariant_11_later_worse_or_shorter_never_raises_eligible(
    history: list[Do], later: int, haircut: int, lower: int, source: str
) -> None:
    """Goal: 11. Method: on any ledger let time pass, a haircut grow, a price fall, a report go: eligible never rises."""
    world, gold, locked = begin()
    for do in history:
        play(world, gold, locked, do)
    before = worth(world).eligible
    key = f"feed/USDKG:XAU-USD/{source}"
    said = world.state.records.get(key)
    if said is not None:
        world.state.records[key] = replace(said, price=min(lower, getattr(said, "price", 0)))
        assert worth(world).eligible <= before
        del world.state.records[key]
        assert worth(world).eligible <= before
        world.state.records[key] = said
    asset = world.asset()
    terms = (CASH, replace(GOLD, haircut_bps=haircut))
    world.state.records["asset/USDKG"] = replace(asset, policy=with_reserve(asset.policy, terms=terms))
    assert worth(world).eligible <= before
    world.state.records["asset/USDKG"] = asset
    world.time_ms += later
    assert worth(world).eligible <= before


def test_invariant_08_is_checked_on_the_state_alone() -> None:
    """Goal: L12, a vault that has less is found whoever made it so. Method: take value out by hand; see each of the checks."""
    world = BackedWorld()
    assert world.wrap(500) == OK
    world.state.records[f"balance/{VAULT}/KGS"] = Balance(499, 0)
    with pytest.raises(InvariantBroken, match="more than its vault has"):
        check_vault(Overlay(world.state), world.asset(WRAPPED))
    with pytest.raises(InvariantBroken, match="more than its vault has"):
        check_vault_account(Overlay(world.state), VAULT, "KGS")
    with pytest.raises(InvariantBroken, match="no asset's vault"):
        check_vault_account(Overlay(world.state), VAULT, WRAPPED)
    world.state.records[f"balance/{MAIN_A}/KGS"] = Balance(world.balance(MAIN_A)[0] + 1, 0)
    total = world.state.records["total/treasury/KGS"]
    world.state.records["total/treasury/KGS"] = replace(total, posted=getattr(total, "posted", 0) - 1)
    total = world.state.records["total/bank-a/KGS"]
    world.state.records["total/bank-a/KGS"] = replace(total, posted=getattr(total, "posted", 0) + 1)
    with pytest.raises(InvariantBroken, match="a vault has less"):
        check_whole(world.state.hashed())


def test_invariants_of_assets_are_checked_on_the_state_alone() -> None:
    """Goal: L12 for 2, 9 and 17. Method: one change that no type makes, each."""
    world = BackedWorld().ready()
    assert world.mint(500) == OK
    overlay, asset = Overlay(world.state), world.asset()
    for type_ in ("redeem", "pay", "asset.put"):
        with pytest.raises(InvariantBroken, match="change the supply"):
            check_asset_change(overlay, asset, replace(asset, issued=asset.issued + 1), type_)
    with pytest.raises(InvariantBroken, match="change the supply"):
        check_asset_change(overlay, asset, replace(asset, redeemed=1), "hold")
    with pytest.raises(InvariantBroken, match="never changes"):
        check_asset_change(overlay, asset, replace(asset, policy=vault_policy("USDKG")), "asset.put")
    with pytest.raises(InvariantBroken, match="would circulate"):
        check_asset_change(overlay, asset, replace(asset, issued=501, supply=501, eligible=500), "issue")
    item = Item("bars", "USDKG", "gold", 1, 5, 0, NO_DOCUMENT, "", AUDITOR, 5)
    for after in (None, replace(item, asset="USDKX", as_of=6), item):
        with pytest.raises(InvariantBroken):
            check_fact("item/bars", item, after)
    assert XAU.unit == OUNCE
