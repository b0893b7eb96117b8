"""Closings and daily publication over the client API, on the real ledger: what the state has kept, with proofs that check."""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.assets import Asset
from ledger.closings import Closing, Published
from ledger.proofs import check_state_proof
from ledger.transactions.bodies import AssetPut, ParamSet
from node.api.closing_structs import ClosingBody, ClosingsPage
from node.api.epoch_structs import Parameters
from node.api.publication import closed_at
from node.api.reserve_structs import ReserveBody
from node.api.structs import AssetBody, Assets, ErrorBody, TrialBalance
from tests.node.api_world import FakeState, client_of, get
from tests.node.ledger_world import ledger_world
from tests.node.test_api_ledger import A, B, Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ledger.transactions.bodies import Body

MONDAY, TUESDAY, WEDNESDAY, FRIDAY, SATURDAY = (f"2026-11-{day}" for day in (23, 24, 25, 27, 28))
ROOT = (("operator", "board"), ("operator", "ops"))


def at(date: str) -> int:
    """Noon in Bishkek."""
    return int(datetime.fromisoformat(f"{date}T12:00").replace(tzinfo=timezone(timedelta(hours=6))).timestamp() * 1_000)


async def do(scene: Scene, date: str, *raws: bytes) -> None:
    """Make a block at noon of a date, or a moment later."""
    scene.world.now_ms = max(scene.world.now_ms, at(date))
    if raws:
        await scene.final(*raws)
    else:
        await scene.world.settle()


def by_root(scene: Scene, body: Body) -> bytes:
    return scene.world.sign(scene.world.envelope(body, sender="operator"), ("operator", "board"), ("operator", "ops"), ("treasury", "ops"))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """1,000.00 som for bank A on Monday, 7.00 to bank B on Tuesday, 5.00 back on Friday, and a block on Saturday."""
    async with ledger_world(tmp_path / "data") as world, client_of(world.backend) as session:
        scene = Scene(world, session)
        world.now_ms = at(MONDAY)
        await do(scene, MONDAY, world.issue(A, 100_000))
        for date, payment in ((TUESDAY, (A, B, 700)), (FRIDAY, (B, A, 500))):
            world.now_ms = at(date)
            await do(scene, date, world.pay(*payment))
        await world.chain.flush()
        await do(scene, SATURDAY)
        yield scene


async def test_closings_are_listed_with_the_date_that_counts(scene: Scene) -> None:
    """Goal: what is over, in pages. Method: three dates, two a page."""
    whole = await get(scene.session, "/v1/closings", ClosingsPage)
    assert [(each.date, each.next, each.first, each.last) for each in whole.closings] == [
        (MONDAY, TUESDAY, 1, 1),
        (TUESDAY, FRIDAY, 2, 2),
        (FRIDAY, SATURDAY, 3, 3),
    ]
    assert whole.open is not None
    assert (whole.open.date, whole.open.first, whole.next, whole.as_of) == (SATURDAY, 4, "", 4)
    first = await get(scene.session, "/v1/closings?limit=2", ClosingsPage)
    rest = await get(scene.session, f"/v1/closings?limit=2&after={first.next}", ClosingsPage)
    assert (first.closings + rest.closings, rest.next) == (whole.closings, "")


@pytest.mark.parametrize(
    ("date", "closed", "of_a", "of_b"),
    [(MONDAY, MONDAY, 100_000, 0), (TUESDAY, TUESDAY, 99_300, 700), (WEDNESDAY, TUESDAY, 99_300, 700), (FRIDAY, FRIDAY, 99_800, 200)],
)
async def test_the_monetary_base_of_any_past_date(scene: Scene, date: str, closed: str, of_a: int, of_b: int) -> None:
    """Goal: by participant, at dates with blocks and without. Method: figures by hand; the supply is what all have together."""
    body = await get(scene.session, f"/v1/closings/{date}", ClosingBody)
    had = {each.participant: {total.asset: int(total.own) for total in each.totals} for each in body.participants}
    supply = {each.asset: int(each.supply) for one in body.participants for each in one.supplies}
    assert (body.date, body.closed, supply) == (date, closed, {"KGS": 100_000})
    assert (had["bank-a"].get("KGS", 0), had["bank-b"].get("KGS", 0)) == (of_a, of_b)
    assert sum(own.get("KGS", 0) for own in had.values()) == 100_000


async def test_a_closing_comes_with_a_proof_that_checks(scene: Scene) -> None:
    """Goal: nobody need believe the node. Method: the leaf of bank B's closing, against a later header."""
    body = await get(scene.session, f"/v1/closings/{WEDNESDAY}?participant=bank-b&proof=1", ClosingBody)
    proven = check_state_proof(b64decode(body.proof), chain=scene.world.chain.chain_id)
    record = proven.records[f"closing/bank-b/{TUESDAY}"]
    assert isinstance(record, Closing)
    assert ([each.participant for each in body.participants], proven.tree, proven.block.header.height) == (["bank-b"], "bank-b", 4)
    assert [(each.asset, each.posted) for each in record.totals] == [("KGS", 700)]
    assert record.next > WEDNESDAY


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        (SATURDAY, 404, "is not over"),
        ("2027-01-01", 404, "is not over"),
        ("2026-11-22", 404, "no block had a date"),
        ("2026-02-30", 404, "day of the calendar"),
        ("yesterday", 400, "such as 2026-11-21"),
        (f"{MONDAY}?proof=1", 404, "add participant"),
        (f"{MONDAY}?participant=bank-z", 404, "no participant then"),
    ],
)
async def test_what_there_is_no_closing_of(scene: Scene, query: str, status: int, sentence: str) -> None:
    """Goal: a sentence that says why. Method: each way to ask for nothing."""
    error = await get(scene.session, f"/v1/closings/{query}", ErrorBody, status)
    assert sentence in error.message


async def test_holidays_are_parameters(scene: Scene) -> None:
    """Goal: the calendar is readable. Method: declare one and list."""
    await do(scene, SATURDAY, by_root(scene, ParamSet("holiday:2026-12-31", 1, 0)))
    listed = {each.key: each.value for each in (await get(scene.session, "/v1/parameters", Parameters)).parameters}
    assert (listed["holiday:2026-12-31"], listed["business_cutoff"], listed["closed_weekdays"]) == (1, 1_440, 0)
    assert [name for name in listed if name.startswith("holiday")] == ["holiday:2026-12-31"]


async def test_an_asset_that_is_published_once_a_day_shows_its_last_closing_only(scene: Scene) -> None:
    """Goal: no intraday figure on any public page. Method: hide it, issue on two dates, read every page that shows supply."""
    record = scene.world.reads.state.get("asset/KGS")
    assert isinstance(record, Asset)
    await do(scene, SATURDAY, by_root(scene, AssetPut(replace(record.policy, publish="day"))))
    body = await get(scene.session, "/v1/assets/KGS", AssetBody)
    assert (body.publish, body.supply, body.issued, body.figures_of) == ("day", None, None, "")
    assert (await get(scene.session, "/v1/trial-balance", TrialBalance)).assets == ()
    assert (await get(scene.session, "/v1/assets/KGS/reserve", ReserveBody)).supply is None
    assert "once a day" in (await get(scene.session, "/v1/assets/KGS?proof=1", ErrorBody, 404)).message
    await do(scene, SATURDAY, scene.world.issue(A, 1_000))
    await do(scene, "2026-11-29")
    await do(scene, "2026-11-29", scene.world.issue(B, 50_000))
    shown = await get(scene.session, "/v1/assets/KGS?proof=1", AssetBody)
    assert (shown.supply, shown.issued, shown.redeemed, shown.figures_of) == ("101000", "101000", "0", SATURDAY)
    proven = check_state_proof(b64decode(shown.proof), chain=scene.world.chain.chain_id)
    opened = proven.records[f"published/KGS/{SATURDAY}"]
    assert isinstance(opened, Published)
    assert (opened.asset.supply, proven.tree) == (101_000, "A")
    (line,) = (await get(scene.session, "/v1/trial-balance", TrialBalance)).assets
    assert (line.supply, line.sum, line.figures_of) == ("101000", "0", SATURDAY)
    reserve = await get(scene.session, "/v1/assets/KGS/reserve", ReserveBody)
    assert (reserve.supply, reserve.figures_of) == ("101000", SATURDAY)
    assert [each.supply for each in (await get(scene.session, "/v1/assets", Assets)).assets] == ["101000"]


async def test_the_proof_of_an_asset_is_the_proof_of_its_supply(scene: Scene) -> None:
    """Goal: public assets. Method: the leaf and what the body says."""
    body = await get(scene.session, "/v1/assets/KGS?proof=1", AssetBody)
    record = check_state_proof(b64decode(body.proof), chain=scene.world.chain.chain_id).records["asset/KGS"]
    assert isinstance(record, Asset)
    assert (str(record.supply), body.figures_of) == (body.supply, "")


def test_a_closing_is_found_over_years_without_blocks() -> None:
    """Goal: bounded look-ups. Method: two closings far apart, asked for around them."""
    state = FakeState()
    for date in ("2026-01-05", "2026-11-21"):
        state.records[f"~closings/{date}"] = Closing(date, 0, 0, (), ())
    asked = ("2025-12-31", "2026-01-04", "2026-01-05", "2026-11-20", "2026-11-21", "2031-05-05", "9999-12-31")
    found = ["", "", "2026-01-05", "2026-01-05", "2026-11-21", "2026-11-21", "2026-11-21"]
    assert [closed_at(state, date) for date in asked] == found
    assert closed_at(FakeState(), "9999-12-31") == ""
