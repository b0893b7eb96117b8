"""What an asset is issued against (L9, L18, L20, L21): the figures of USDKG, freshness, medians, shares, vaults and cycles."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.backing import value_of
from ledger.errors import OK, Malformed
from ledger.reserves import Reserve, Route, Terms
from ledger.transactions.bodies import AssetPut, Attest, GrantEnd, GrantPut
from tests.ledger.backing_world import (
    AUDITOR,
    CODE,
    GOLD,
    KILOGRAMS_376,
    PRICE,
    SOURCES,
    TREASURY,
    TRON,
    USD,
    VAULT,
    WRAPPED,
    XAU,
    BackedWorld,
    gold_policy,
    vault_policy,
    with_reserve,
)
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.world import BOB, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, MINUTE_MS, TILL, grant, hold, pay, signers

BONDS = Terms("bond", "", 500, 5_000, 400 * DAY_MS)
CASH = Terms("cash", "", 0, 10_000, 400 * DAY_MS)


def define(world: BackedWorld, **fields: object) -> int:
    """Alter the reserve of USDKG and return the code."""
    body = AssetPut(with_reserve(gold_policy(), **fields))
    return world.do(body, by=[*BY_ROOT, *TREASURY]).code


def test_l20_usdkg_issues_45_269_999_and_refuses_one_more() -> None:
    """Goal: acceptance 1, to the last unit. Method: 376 kg at USD 4,160.917242 an ounce, 10 % off; then a top-up: a new item."""
    world = BackedWorld().ready()
    assert world.mint(45_269_999 * USD) == OK
    assert world.mint(1 * USD) == 161
    assert (world.asset().supply, world.asset().eligible) == (45_269_999 * USD, 45_269_999_998_611)
    world.vouch(10**10, "vault-8")
    assert world.mint(1 * USD) == OK


def test_l20_with_50_million_abroad_nothing_is_issued_and_nothing_is_under_backed() -> None:
    """Goal: acceptance 1: 100.6 %. Method: two rounds of observations of 50 M on Tron; then a third that is above the market value."""
    world = BackedWorld().ready()
    for _ in range(2):
        world.observe(50_000_000 * USD)
    assert world.mint(USD // 100) == 161
    asset = world.asset()
    assert (asset.state, asset.short_since) == ("open", 0)
    assert asset.market * 1_000 // (50_000_000 * USD) == 1_005
    assert round(asset.market / (50_000_000 * USD) * 100, 1) == 100.6


def test_l20_under_backed_from_the_second_round_on() -> None:
    """Goal: B10, a move between chains doubles the sum for a while. Method: a breach is seen, others speak, the observer speaks again."""
    world = BackedWorld().ready()
    world.observe(50_300_000 * USD)
    assert (world.asset().state, world.asset().short_since) == ("open", world.time_ms - 1_000)
    world.price()
    assert world.asset().state == "open", "the others have not spoken since it was found"
    world.observe(50_300_000 * USD)
    assert world.asset().state == "underbacked"
    world.observe(50_000_000 * USD)
    assert (world.asset().state, world.asset().short_since) == ("open", 0)


def test_l20_a_breach_by_price_counts_when_a_source_speaks_again() -> None:
    """Goal: two rounds of prices, too. Method: the price falls by half after an issue; redemption mends it."""
    world = BackedWorld().ready()
    assert world.mint(45_000_000 * USD) == OK
    world.price(PRICE // 2)
    assert world.asset().state == "open"
    world.price(PRICE // 2, SOURCES[1:2])
    assert world.asset().state == "underbacked"
    assert world.mint(1) == 161
    assert world.burn(25_000_000 * USD).code == OK
    assert world.asset().state == "open"


@pytest.mark.parametrize(
    ("later_ms", "code"),
    [(HOUR_MS - 10_000, OK), (HOUR_MS, 162)],
)
def test_l20_an_observation_that_is_too_old_stops_issue(later_ms: int, code: int) -> None:
    """Goal: silence never helps. Method: let prices be new and the observation old; redemption goes on."""
    world = BackedWorld().ready()
    assert world.mint(2) == OK
    world.time_ms += later_ms
    world.price()
    assert world.mint(1) == code
    assert world.burn(1).code == OK


def test_l20_a_stale_attestation_stops_issue_and_not_redemption() -> None:
    """Goal: acceptance 1. Method: 30 days pass; prices and observations are new."""
    world = BackedWorld().ready()
    assert world.mint(500) == OK
    world.time_ms += 30 * DAY_MS
    world.price()
    world.observe()
    assert world.mint(1) == 162
    assert world.burn(500).code == OK
    assert world.asset().eligible == 0
    world.vouch()
    assert world.mint(1) == OK


def test_l20_a_stale_source_never_raises_a_price() -> None:
    """Goal: one missing counts as 0. Method: the lowest source falls silent, then the next; the median falls, then there is none."""
    world = BackedWorld()
    world.vouch()
    world.observe()
    world.accepted(world.say("price", PRICE - 2, by="bank-a"))
    world.accepted(world.say("price", PRICE, by="bank-b"))
    world.accepted(world.say("price", PRICE + 2, by="operator"))
    eligible = value_of(KILOGRAMS_376, 1_000, XAU, PRICE, 6)
    assert world.asset().eligible == eligible
    world.time_ms += HOUR_MS - MINUTE_MS
    world.price(PRICE, ("bank-b",))
    world.price(PRICE + 2, ("operator",))
    world.time_ms += MINUTE_MS
    world.observe()
    assert world.asset().eligible == eligible, "the lowest was silent and counts as 0: the middle one is as before"
    world.time_ms += HOUR_MS - 2 * MINUTE_MS
    world.price(PRICE + 2, ("operator",))
    world.time_ms += 2 * MINUTE_MS
    world.observe()
    assert world.asset().eligible == 0
    assert world.mint(1) == 163


@pytest.mark.parametrize("count", [3, 1])
def test_l20_a_source_without_grant_counts_as_silent(count: int) -> None:
    """Goal: a report of somebody who may not attest any more is worth nothing. Method: end the grants of two of three sources."""
    world = BackedWorld().ready()
    for source in SOURCES[count:]:
        world.must(GrantEnd(f"price-{CODE}-{source}"), by=BY_ROOT)
    assert world.mint(1) == (OK if count == 3 else 163)


def test_l20_who_lost_the_grant_backs_nothing() -> None:
    """Goal: an item counts while its attestor still holds the grant. Method: end it; another auditor takes the item over."""
    world = BackedWorld().ready()
    world.must(GrantEnd(f"audit-{CODE}"), by=BY_ROOT)
    assert world.mint(1) == 162
    world.must(GrantPut(grant("audit-2", "attest.reserve", "bank-a", asset=CODE)), by=BY_ROOT)
    world.accepted(world.say("reserve", 7 * 10**7, by="bank-a", item="vault-7"))
    assert world.mint(1) == OK


def test_l20_what_exceeds_its_share_does_not_count() -> None:
    """Goal: shares of the uncapped sum, by type, so that splitting does not help. Method: bonds may be half; three items of them."""
    world = BackedWorld()
    assert define(world, terms=(BONDS, CASH), feeds=(), routes=()) == OK
    for number in range(3):
        world.accepted(world.say("reserve", 1_000, by=AUDITOR, name="bond", item=f"bond-{number}"))
    world.accepted(world.say("reserve", 1_000, by=AUDITOR, name="cash", item="account-1"))
    # Uncapped: 3 * 950 + 1,000 = 3,850, of which bonds may be 1,925; without haircuts 4,000, of which 2,000.
    assert (world.asset().eligible, world.asset().market) == (1_925 + 1_000, 2_000 + 1_000)
    assert world.mint(2_925) == OK
    assert world.mint(1) == 161


@pytest.mark.parametrize(("quantity", "haircut", "decimals", "value"), [(3, 5_000, 6, 0), (311_034_768, 0, 6, 4_160_917_242)])
def test_l20_value_rounds_down_once(quantity: int, haircut: int, decimals: int, value: int) -> None:
    """Goal: one rounding, down. Method: by hand: an ounce is its price; 3 units of 10^-7 g at half are less than a unit."""
    expected = quantity * PRICE * (10_000 - haircut) * 10**decimals // (10_000 * 311_034_768 * 10**6)
    assert value_of(quantity, haircut, XAU, PRICE, decimals) == expected
    assert value_of(quantity, haircut, XAU, PRICE, decimals) >= value
    assert value_of(999, 1, None, 0, 2) == 998


def test_l20_an_item_backs_one_asset() -> None:
    """Goal: the same gold twice backs once. Method: say it of another asset, also after its quantity became 0."""
    world = BackedWorld().ready()
    other = replace(gold_policy("USDKX"), code="USDKX")
    world.define(other)
    world.must(GrantPut(grant("audit-x", "attest.reserve", AUDITOR, asset="USDKX")), by=BY_ROOT)
    said = replace(world.fact("reserve", 5, by=AUDITOR, item="vault-7"), subject="USDKX:gold")
    assert world.attest(said).code == 125
    world.vouch(0)
    assert world.mint(1) == 162
    assert world.attest(replace(said, as_of=world.time_ms)).code == 125


def test_l20_facts_only_grow_older_by_being_said_again() -> None:
    """Goal: no way back. Method: an earlier date is refused for every kind, so is one ahead."""
    world = BackedWorld().ready()
    for kind, by, item in (("reserve", AUDITOR, "vault-7"), ("price", "bank-a", ""), ("foreign", "bank-a", "")):
        assert world.say(kind, 1, by=by, item=item, as_of=world.time_ms - 3_600_000).code == 172  # type: ignore[arg-type]
        assert world.say(kind, 1, by=by, item=item, as_of=world.time_ms + 1).code == 172  # type: ignore[arg-type]


def test_l20_a_feed_never_means_something_else() -> None:
    """Goal: old reports are never read as what nobody said. Method: change digits: 133; drop the feed and bring it back: no reports."""
    world = BackedWorld().ready()
    assert define(world, feeds=(replace(XAU, decimals=2),)) == 133
    assert define(world, feeds=(replace(XAU, sources=("bank-a", "bank-b", "operator"), max_age_ms=MINUTE_MS),)) == OK
    assert define(world, terms=(CASH,), feeds=(), routes=()) == OK
    assert [key for key in world.state.records if key.startswith("feed/")] == []
    assert define(world, feeds=(replace(XAU, decimals=2),)) == OK
    assert world.mint(1) == 163


def test_l20_a_route_is_seen_by_the_middle_of_its_observers() -> None:
    """Goal: one observer that errs moves nothing; too few is none. Method: three observers, one reports far too little."""
    world = BackedWorld()
    for source in ("bank-b", "operator"):
        world.must(GrantPut(grant(f"observe-{source}", "attest.foreign", source, asset=CODE)), by=BY_ROOT)
    assert define(world, routes=(Route("tron", ("bank-a", "bank-b", "operator")),)) == OK
    world.vouch()
    world.price()
    world.accepted(world.say("foreign", 0, by="bank-a"))
    assert world.mint(1) == 162
    world.accepted(world.say("foreign", 45_269_999 * USD, by="bank-b"))
    assert world.mint(USD) == 161, "with one silent, the higher of two counts"
    world.accepted(world.say("foreign", 1, by="operator"))
    assert world.mint(USD) == OK


def test_l10_who_observes_may_issue_and_who_vouches_may_not() -> None:
    """Goal: L10 names reserve and price. Method: give the issuer each of the three."""
    world = BackedWorld()
    codes = [
        world.do(GrantPut(grant(f"own-{name}", name, "treasury", asset=CODE)), by=BY_ROOT).code
        for name in ("attest.reserve", "attest.price", "attest.foreign")
    ]
    assert codes == [115, 115, OK]


def test_l09_reserves_form_no_cycle() -> None:
    """Goal: no asset stands on itself. Method: a chain of vaults whose foot would come to stand on its top."""
    world = BackedWorld()
    world.define(vault_policy("KGSA", backing=WRAPPED))
    world.define(vault_policy("KGSB", backing="KGSA"))
    assert world.do(AssetPut(vault_policy(WRAPPED, backing="KGSB")), by=[*BY_ROOT, *TREASURY]).code == 164
    assert world.do(AssetPut(vault_policy(WRAPPED, backing="KGSA")), by=[*BY_ROOT, *TREASURY]).code == 164


def test_l09_the_kind_of_a_reserve_and_its_vault_stay() -> None:
    """Goal: what stands behind issued money never becomes something else. Method: alter it after an issue, also when the supply is 0."""
    world = BackedWorld()
    assert world.wrap(500) == OK
    assert world.unwrap(500) == OK
    body = AssetPut(replace(vault_policy(), reserve="sovereign"))
    assert world.do(body, by=[*BY_ROOT, *TREASURY]).code == 133
    assert world.do(AssetPut(replace(vault_policy(), cap=7)), by=[*BY_ROOT, *TREASURY]).code == OK


def test_l21_wrap_and_unwrap_move_both_sides() -> None:
    """Goal: supply = vault, to the unit. Method: wrap from one account to another one, unwrap part to a third."""
    world = BackedWorld()
    assert world.wrap(500, to=BOB) == OK
    assert (world.balance(MAIN_A), world.balance(VAULT), world.balance(BOB, WRAPPED)) == ((9_500, 0), (500, 0), (500, 0))
    assert world.unwrap(200, source=BOB, to=TILL) == OK
    assert (world.balance(VAULT), world.balance(TILL), world.balance(BOB, WRAPPED)) == ((300, 0), (10_200, 0), (300, 0))
    assert (world.asset(WRAPPED).supply, world.asset(WRAPPED).redeemed) == (300, 200)
    assert world.unwrap(301, source=BOB) == 150


@pytest.mark.parametrize("from_vault", [True, False])
def test_l21_nobody_pays_out_of_a_vault_or_into_it(*, from_vault: bool) -> None:
    """Goal: two doors only. Method: pay, hold and redeem with the vault on either side."""
    world = BackedWorld()
    assert world.wrap(500) == OK
    parties = (VAULT, MAIN_B) if from_vault else (MAIN_A, VAULT)
    by = [*OPERATOR, *(TREASURY if from_vault else signers("bank-a/ops"))]
    assert world.do(pay((*parties, 1)), by=by).code == 124
    assert world.do(hold(*parties, 1, until=world.time_ms + HOUR_MS, settle_by="operator", void_by="operator"), by=by).code == 124
    assert world.wrap(1, source=MAIN_A, to=VAULT) == 124


def test_l21_the_vault_has_no_keys_and_stays_open() -> None:
    """Goal: a vault is nobody's. Method: open one by hand, close one."""
    world = BackedWorld()
    with pytest.raises(Malformed):
        world.open("treasury/vault:KGS")
    assert world.state.get(f"account/{VAULT}") is not None


def test_l18_redemption_goes_on_without_cover_price_or_observation() -> None:
    """Goal: never refused for 160 to 163. Method: everything goes stale, grants end, the cap is below; redeem all."""
    world = BackedWorld().ready()
    assert world.mint(1_000) == OK
    for name in (f"audit-{CODE}", f"observe-{CODE}", f"issue-{CODE}"):
        world.must(GrantEnd(name), by=BY_ROOT)
    world.time_ms += 400 * DAY_MS
    assert world.burn(1_000).code == OK
    assert world.asset().supply == 0


BAD_RESERVES: tuple[Reserve, ...] = (
    Reserve("vault", "", 10_000, (), (), ()),
    Reserve("vault", CODE, 10_000, (), (), ()),
    Reserve("vault", "KGS", 10_001, (), (), ()),
    Reserve("vault", "KGS", 10_000, (CASH,), (), ()),
    Reserve("attested", "KGS", 10_000, (CASH,), (), ()),
    Reserve("attested", "", 10_000, (GOLD,), (), ()),
    Reserve("attested", "", 10_000, (CASH, CASH), (), ()),
    Reserve("attested", "", 10_000, (CASH, BONDS), (), ()),
    Reserve("attested", "", 10_000, (GOLD,), (XAU, XAU), ()),
    Reserve("attested", "", 10_000, (GOLD,), (replace(XAU, sources=("bank-a", "bank-b")),), ()),
    Reserve("attested", "", 10_000, (GOLD,), (replace(XAU, sources=("bank-b", "bank-a", "operator")),), ()),
    Reserve("attested", "", 10_000, (GOLD,), (replace(XAU, base="x:y"),), ()),
    Reserve("attested", "", 10_000, (GOLD,), (XAU,), (TRON, TRON)),
    Reserve("attested", "", 10_000, (GOLD,), (XAU,), (replace(TRON, sources=("Bank",)),)),
    Reserve("attested", "", 10_000, (replace(CASH, type=""),), (), ()),
)


@pytest.mark.parametrize("reserve", BAD_RESERVES, ids=range(len(BAD_RESERVES)))
def test_l09_form_of_a_reserve(reserve: Reserve) -> None:
    """Goal: what no state could make right is 100. Method: one fault each."""
    world = BackedWorld()
    with pytest.raises(Malformed):
        world.sign(AssetPut(replace(gold_policy(), reserve=reserve)), by=BY_ROOT)


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "gold"},
        {"subject": "USDKG:"},
        {"subject": "usdkg:gold"},
        {"id": ""},
        {"as_of": 10, "valid_until": 10},
        {"kind": "price", "id": "USDKG:gold", "value": 0},
        {"kind": "price"},
        {"kind": "ready"},
        {"by": "Bank"},
    ],
    ids=str,
)
def test_l20_form_of_a_fact(fields: dict[str, object]) -> None:
    """Goal: what no state could make right is 100. Method: one fault each."""
    world = BackedWorld()
    said = world.fact("reserve", 5, by=AUDITOR, item="vault-7")
    world.sign(Attest(said), by=OPERATOR)
    with pytest.raises(Malformed):
        world.sign(Attest(replace(said, **fields)), by=OPERATOR)
