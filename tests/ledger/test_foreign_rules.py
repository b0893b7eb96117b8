"""What is locked on another chain and issued here (L9, L10, L18, L20): medians, silence, duties, names; and a model of it (9, 11, 24)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.assets import attested_of
from ledger.attestations import Attestation, Sighting
from ledger.backing import worth_of
from ledger.backing_checks import check_fact
from ledger.errors import OK, InvariantBroken, Malformed
from ledger.invariants import check_transaction
from ledger.reserves import CONTRACT_BYTES_MAX, Locked, Locker, Reserve, Terms
from ledger.state import Overlay
from ledger.transactions.bodies import AssetPut, GrantEnd, GrantPut
from tests.ledger.backing_world import NO_DOCUMENT, TREASURY, TRON, BackedWorld, gold_policy
from tests.ledger.cast import BY_ROOT
from tests.ledger.foreign_world import CODE, DEEP, SHALLOW, WATCHERS, ForeignWorld, foreign_policy
from tests.ledger.world import DAY_MS, HOUR_MS, TILL, grant
from tests.naive_backing import Abroad

ADDRESS = b"\x01" * 20
SEEN_THERE = "locked/WUSD:tron-vault/bank-b"


def define(world: BackedWorld, *lockers: Locker, code: str = CODE) -> int:
    """Alter where the asset is locked, and return the code."""
    return world.do(AssetPut(foreign_policy(code, lockers=lockers)), by=[*BY_ROOT, *TREASURY]).code


def worth(world: ForeignWorld) -> int:
    """Return what is eligible in the next block."""
    policy = world.asset(CODE).policy
    reserve = attested_of(policy)
    assert reserve is not None
    return worth_of(Overlay(world.state), policy, reserve, world.context()).eligible


def test_l09_what_is_locked_abroad_is_issued_here_unit_for_unit() -> None:
    """Goal: issue iff supply + amount <= eligible. Method: all of it, one more, a redemption, and the same amount again."""
    world = ForeignWorld().lock(300, 200)
    assert (world.mint(500), world.mint(1)) == (OK, 161)
    assert world.pay_out(40).code == OK
    assert (world.mint(41), world.mint(40)) == (161, OK)
    assert (world.asset(CODE).supply, world.asset(CODE).eligible, world.asset(CODE).market) == (500, 500, 500)


def test_l20_a_locker_has_the_lower_middle_of_what_is_seen() -> None:
    """Goal: one source that errs, or lies, moves nothing. Method: three sources, one reports far too much, then far too little."""
    world = ForeignWorld().lock(300, 0)
    assert world.watch(10**15, by="bank-a") == OK
    assert world.asset(CODE).eligible == 300
    assert world.watch(0, by="bank-b") == OK
    assert world.asset(CODE).eligible == 300
    assert world.watch(7, by="bank-a") == OK
    assert world.asset(CODE).eligible == 7


def test_l20_who_is_silent_saw_nothing_locked() -> None:
    """Goal: silence never helps. Method: the lowest of three falls silent, then another: the middle falls, then there is none."""
    world = ForeignWorld()
    for amount, watcher in zip((100, 200, 300), WATCHERS, strict=True):
        assert world.watch(amount, by=watcher) == OK
    assert world.watch(0, by="bank-b", locker=SHALLOW.name) == OK
    assert world.asset(CODE).eligible == 200
    world.time_ms += HOUR_MS - 10_000
    assert world.watch(200, by="bank-b") == OK
    assert world.watch(300, by="operator") == OK
    world.time_ms += 10_000
    assert (world.mint(201), world.mint(200)) == (161, OK), "of 0, 200 and 300 the middle is 200"
    world.time_ms += HOUR_MS - 20_000
    assert world.watch(300, by="operator") == OK
    world.time_ms += 15_000
    assert (worth(world), world.mint(1)) == (0, 162)
    assert world.pay_out(200).code == OK


def test_l20_a_locker_that_is_covered_without_does_not_stop_an_issue() -> None:
    """Goal: what does not count does not stop an issue that the rest covers. Method: one locker is never seen."""
    world = ForeignWorld()
    assert world.watch(50, by="bank-b", locker=SHALLOW.name) == OK
    assert (world.mint(50), world.mint(1)) == (OK, 162)


def test_l20_a_watcher_without_grant_counts_as_silent() -> None:
    """Goal: a report of somebody who may not attest any more is worth nothing. Method: end the grants of one, then of two of three."""
    world = ForeignWorld().lock(300, 200)
    world.must(GrantEnd("watch-bank-a"), by=BY_ROOT)
    assert worth(world) == 500
    world.must(GrantEnd("watch-operator"), by=BY_ROOT)
    assert (worth(world), world.mint(201), world.mint(200)) == (200, 162, OK)


def test_l18_redemption_goes_on_whatever_is_seen_abroad() -> None:
    """Goal: never refused for 160 to 163. Method: nothing is locked any more, nobody says anything, grants end; redeem all."""
    world = ForeignWorld().lock(300, 200)
    assert world.mint(500) == OK
    assert world.watch(0, by="bank-b", locker=SHALLOW.name) == OK
    for watcher in WATCHERS:
        world.must(GrantEnd(f"watch-{watcher}"), by=BY_ROOT)
    world.time_ms += 400 * DAY_MS
    assert world.pay_out(500).code == OK
    assert world.asset(CODE).supply == 0


def test_l20_under_backed_from_the_second_round_on() -> None:
    """Goal: shown like attested. Method: less is locked than was issued; others speak; the same speaks again; it is locked again."""
    world = ForeignWorld().lock(300, 200)
    assert world.mint(500) == OK
    assert world.watch(199, by="bank-b", locker=SHALLOW.name) == OK
    assert (world.asset(CODE).state, world.asset(CODE).short_since > 0) == ("open", True)
    assert world.watch(300, by="bank-a") == OK
    assert world.asset(CODE).state == "open"
    assert world.watch(199, by="bank-b", locker=SHALLOW.name) == OK
    assert world.asset(CODE).state == "underbacked"
    assert world.watch(200, by="bank-b", locker=SHALLOW.name) == OK
    assert (world.asset(CODE).state, world.asset(CODE).short_since) == ("open", 0)


def test_l10_who_issues_never_says_how_much_is_locked() -> None:
    """Goal: duties apart, 115. Method: both grants in both orders, over the asset and over all; of gold nobody minds."""
    world = ForeignWorld()
    give = [
        grant("own", "attest.foreign", "treasury", asset=CODE),
        grant("own-all", "attest.foreign", "treasury"),
        grant("issue-2", "issue", "bank-a", asset=CODE),
        grant("issue-all", "issue", "bank-a"),
    ]
    assert [world.do(GrantPut(each), by=BY_ROOT).code for each in give] == [115, 115, 115, 115]
    world.define(gold_policy("GOLDX"))
    world.must(GrantPut(grant("own-gold", "attest.foreign", "treasury", asset="GOLDX")), by=BY_ROOT)
    world.must(GrantPut(grant("issue-gold", "issue", "treasury", asset="GOLDX")), by=BY_ROOT)


def test_l10_an_asset_does_not_come_to_stand_abroad_where_its_issuer_watches() -> None:
    """Goal: no way round by altering the asset. Method: grants over all assets while none is abroad; then define one; then alter one."""
    world = BackedWorld()
    world.must(GrantPut(grant("watch-all", "attest.foreign", "treasury")), by=BY_ROOT)
    world.must(GrantPut(grant("issue-all", "issue", "treasury")), by=BY_ROOT)
    assert define(world, DEEP) == 115
    assert define(world, DEEP, code="USDKG") == 115
    world.must(GrantEnd("watch-all"), by=BY_ROOT)
    assert define(world, DEEP) == OK


def test_l09_a_locker_serves_one_asset() -> None:
    """Goal: what is locked counts once. Method: the same contract twice in one asset, and in another asset by another name."""
    world = ForeignWorld()
    with pytest.raises(Malformed, match="count twice"):
        define(world, DEEP, replace(DEEP, name="other"))
    assert define(world, replace(DEEP, name="other"), code="WUSX") == 125
    assert define(world, replace(DEEP, contract=ADDRESS), code="WUSX") == OK


def test_l09_a_locker_never_means_another_place() -> None:
    """Goal: old reports are never read as what nobody said. Method: move it: 133; drop it and bring it back elsewhere: no reports."""
    world = ForeignWorld().lock(300, 200)
    moved = replace(DEEP, contract=ADDRESS)
    assert (define(world, moved, SHALLOW), define(world, replace(DEEP, chain="base"), SHALLOW)) == (133, 133)
    assert define(world, replace(DEEP, sources=("bank-a",)), SHALLOW) == OK
    assert [key for key in world.state.records if key.startswith("locked/")] == ["locked/WUSD:eth-vault/bank-a", SEEN_THERE]
    assert worth(world) == 500
    assert (define(world, SHALLOW), define(world, moved, SHALLOW)) == (OK, OK)
    assert [key for key in world.state.records if key.startswith("locked/")] == [SEEN_THERE]
    assert worth(world) == 200


def test_l09_the_kind_of_a_reserve_stays() -> None:
    """Goal: what stands behind issued money never becomes something else. Method: make gold of it, before and after an issue."""
    world = ForeignWorld().lock(300, 200)
    gold = AssetPut(gold_policy(CODE))
    assert world.mint(1) == OK
    assert world.do(gold, by=[*BY_ROOT, *TREASURY]).code == 133
    fresh = ForeignWorld().lock(300, 200)
    assert fresh.do(gold, by=[*BY_ROOT, *TREASURY]).code == OK
    assert fresh.watch(7, by="bank-a", locker=TRON.id) == OK, "now it is a supply on an observed route"
    assert fresh.state.get(f"observed/{CODE}:{TRON.id}/bank-a") is not None


def test_b10_a_number_is_of_a_locker_and_a_sighting_of_a_route() -> None:
    """Goal: nothing is read as the other. Method: a sighting of a locker's name; a number, an item and a price that mean nothing."""
    world = ForeignWorld()
    sighting = Sighting(7, 0, 0, 10, bytes(range(32)))
    subject = f"{CODE}:{DEEP.name}"
    made = Attestation(subject, "foreign", subject, sighting, world.time_ms, 0, NO_DOCUMENT, "", "bank-a")
    assert world.say_as(made).code == 172, "there is no such route"
    for kind in ("reserve", "price"):
        assert world.say_as(replace(world.sight(7, by="bank-a"), kind=kind)).code == 124
    assert world.watch(7, by="bank-a", locker="base-vault") == 182
    assert world.watch(7, by="bank-a", locker=SHALLOW.name) == 182


BAD: tuple[Reserve, ...] = (
    Reserve("foreign", "", 10_000, (), (), ()),
    Reserve("foreign", "KGS", 10_000, (), (), (), (DEEP,)),
    Reserve("foreign", "", 10_001, (), (), (), (DEEP,)),
    Reserve("foreign", "", 10_000, (Terms("cash", "", 0, 10_000, DAY_MS),), (), (), (DEEP,)),
    Reserve("foreign", "", 10_000, (), (), (TRON,), (DEEP,)),
    Reserve("foreign", "", 10_000, (), (), (), (SHALLOW, DEEP)),
    Reserve("foreign", "", 10_000, (), (), (), (replace(DEEP, name="a:b"),)),
    Reserve("foreign", "", 10_000, (), (), (), (replace(DEEP, chain=""),)),
    Reserve("foreign", "", 10_000, (), (), (), (replace(DEEP, contract=b""),)),
    Reserve("foreign", "", 10_000, (), (), (), (replace(DEEP, contract=bytes(CONTRACT_BYTES_MAX + 1)),)),
    Reserve("foreign", "", 10_000, (), (), (), (replace(DEEP, sources=("bank-a", "bank-b")),)),
    Reserve("foreign", "", 10_000, (), (), (), tuple(replace(DEEP, name=f"n{n}", contract=bytes([n])) for n in range(9))),
    Reserve("attested", "", 10_000, (Terms("cash", "", 0, 10_000, DAY_MS),), (), (), (DEEP,)),
    Reserve("vault", "KGS", 10_000, (), (), (), (DEEP,)),
)


@pytest.mark.parametrize("reserve", BAD, ids=range(len(BAD)))
def test_l09_form_of_a_reserve_abroad(reserve: Reserve) -> None:
    """Goal: 100 on any state. Method: one thing wrong, each."""
    world = ForeignWorld()
    with pytest.raises(Malformed):
        world.do(AssetPut(replace(foreign_policy(), reserve=reserve)), by=[*BY_ROOT, *TREASURY])


def test_invariants_of_lockers_are_checked_on_the_state_alone() -> None:
    """Goal: L12 for 9 and 15. Method: a fact that is older, and a conflict of duties, put into the state by hand."""
    said = Locked(7, 5, 0, 5)
    with pytest.raises(InvariantBroken, match="older"):
        check_fact(SEEN_THERE, said, said)
    world = BackedWorld()
    world.must(GrantPut(grant("watch-all", "attest.foreign", "treasury")), by=BY_ROOT)
    overlay = Overlay(world.state)
    mark = overlay.mark()
    asset = world.asset()
    overlay.put("asset/USDKG", replace(asset, policy=foreign_policy("USDKG")))
    with pytest.raises(InvariantBroken, match="treasury"):
        check_transaction(overlay, mark, (), "asset.put")


# --- histories -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Do:
    """One thing that happens."""

    what: Literal["deep", "shallow", "issue", "redeem", "wait", "end"]
    who: int
    amount: int


doings = st.one_of(
    st.builds(Do, st.just("deep"), st.integers(0, 2), st.integers(0, 1_000)),
    st.builds(Do, st.just("shallow"), st.just(0), st.integers(0, 500)),
    st.builds(Do, st.sampled_from(("issue", "redeem")), st.just(0), st.integers(1, 700)),
    st.builds(Do, st.just("wait"), st.just(0), st.sampled_from((1, 50 * 60_000, HOUR_MS, DAY_MS))),
    st.builds(Do, st.just("end"), st.integers(0, 2), st.just(0)),
)
histories = st.lists(doings, max_size=25)


def begin() -> tuple[ForeignWorld, Abroad]:
    """Make the network, and the model of it."""
    return ForeignWorld(), Abroad({DEEP.name: (WATCHERS, HOUR_MS), SHALLOW.name: (("bank-b",), DAY_MS)})


def play(world: ForeignWorld, model: Abroad, do: Do) -> tuple[int, int]:
    """Let it happen on both; return both codes."""
    now = world.time_ms
    who = WATCHERS[do.who]
    match do.what:
        case "deep" | "shallow":
            locker, by = (DEEP.name, who) if do.what == "deep" else (SHALLOW.name, "bank-b")
            return world.watch(do.amount, by=by, locker=locker), model.see(locker, by, do.amount, now)
        case "issue":
            return world.mint(do.amount), model.issue(do.amount, now)
        case "redeem":
            return world.pay_out(do.amount).code, model.redeem(do.amount)
        case "wait":
            world.time_ms += do.amount
            return OK, OK
        case "end":
            return world.do(GrantEnd(f"watch-{who}"), by=BY_ROOT).code, model.dismiss(who)


@given(history=histories)
def test_invariant_24_the_naive_model_of_lockers_agrees(history: list[Do]) -> None:
    """Goal: 24, and 9: after each issue the supply is covered. Method: the same history on the ledger and on dicts."""
    world, model = begin()
    for do in history:
        now = world.time_ms
        found, expected = play(world, model, do)
        assert found == expected, do
        assert world.asset(CODE).supply == model.supply == world.balance(TILL, CODE)[0]
        assert worth(world) == model.worth(world.time_ms)
        if do.what == "issue" and found == OK:
            assert model.supply <= model.worth(now)
        if do.what == "redeem":
            assert found in (OK, 150)


@given(history=histories, watcher=st.sampled_from(WATCHERS), less=st.integers(0, 1_000), later=st.sampled_from((1, HOUR_MS, DAY_MS)))
def test_invariant_11_a_worse_later_or_missing_sight_never_raises_eligible(history: list[Do], watcher: str, less: int, later: int) -> None:
    """Goal: 11. Method: on any ledger let a sight be lower, older or gone, a source be dismissed, time pass: eligible never rises."""
    world, model = begin()
    for do in history:
        play(world, model, do)
    before, records = worth(world), world.state.records
    for key in (f"locked/{CODE}:{DEEP.name}/{watcher}", SEEN_THERE):
        said = records.get(key)
        if not isinstance(said, Locked):
            continue
        for worse in (replace(said, amount=min(said.amount, less)), replace(said, as_of=said.as_of - later), replace(said, valid_until=1)):
            records[key] = worse
            assert worth(world) <= before
        del records[key]
        assert worth(world) <= before
        records[key] = said
    world.time_ms += later
    assert worth(world) <= before
