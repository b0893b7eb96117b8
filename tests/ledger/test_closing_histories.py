"""Business dates and closings over random histories: the ledger and the naive model agree on every date, total and figure (L2, 24)."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import TYPE_CHECKING

from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.assets import Asset
from ledger.closings import BusinessDay, Closing, Published
from ledger.grants import Quota
from ledger.transactions.bodies import AssetPut, Issue, ParamSet
from node.api.publication import closed_at
from tests.ledger.world import BOARD, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, TILL, World, first_grants, grant, make_genesis, pay, signers
from tests.naive_closings import NaiveClosings

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body, Transaction

OPERATOR = signers("operator/ops")
ACCOUNTS = {"bank-a": MAIN_A, "bank-b": MAIN_B, "treasury": TILL}
BY = {"bank-a": signers("bank-a/ops", 2), "bank-b": signers("bank-b/ops"), "treasury": signers("treasury/ops")}
GAPS = (1, 1_000, HOUR_MS, 7 * HOUR_MS, DAY_MS, 3 * DAY_MS, 40 * DAY_MS)
CUTOFFS = (1, 720, 1_020, 1_439, 1_440)
WEEKENDS = ((), (5, 6), (6,), (0, 1, 2, 3, 5, 6))
QUOTA = 5_000
LONG = 300


class Stage:
    """A ledger and the model of the same money and calendar, side by side."""

    def __init__(self) -> None:
        grants = [*first_grants(), grant("a-day", "issue", "operator", asset="KGS", quota=Quota(QUOTA, "day"))]
        self.world = World(make_genesis(grants=grants))
        self.model = NaiveClosings(dict.fromkeys(ACCOUNTS, 0), QUOTA)

    def carry_out(self, choose: random.Random) -> int:
        """Carry one command out on both, compare, and return the code."""
        if choose.random() < 0.4:
            self.world.time_ms += choose.choice(GAPS)
        match choose.choice(("pay", "pay", "pay", "issue", "issue", "cutoff", "weekend", "holiday", "publish", "nothing")):
            case "pay":
                code = self._pay(choose)
            case "issue":
                code = self._issue(choose)
            case "cutoff":
                code = self._cutoff(choose.choice(CUTOFFS))
            case "weekend":
                code = self._weekend(choose.choice(WEEKENDS))
            case "holiday":
                code = self._holiday(choose)
            case "publish":
                code = self._publish(daily=choose.random() < 0.7)
            case _:
                self._begin()
                self.world.block()
                code = 0
        self.compare()
        return code

    def compare(self) -> None:
        """Compare the open date, every closing of every participant, and what was published."""
        state, model = self.world.state, self.model
        day = state.get("day/open")
        assert isinstance(day, BusinessDay)
        assert (day.date, day.first) == (str(model.open), model.first)
        closings = {key: record for key, record in state.records.items() if isinstance(record, Closing)}
        assert closings.keys() == {f"closing/{name}/{each}" for each in model.closings for name in (*ACCOUNTS, "operator")}
        for each, closed in model.closings.items():
            for name in ACCOUNTS:
                record = closings[f"closing/{name}/{each}"]
                assert (record.next, record.first, record.last) == (str(closed.next), closed.first, closed.last)
                assert {total.asset: total.posted for total in record.totals} == ({"KGS": closed.had[name]} if closed.had[name] else {})
            issuer = closings[f"closing/operator/{each}"]
            assert {total.asset: -total.posted for total in issuer.totals} == {one.asset: one.supply for one in issuer.supplies}
            assert {one.asset: one.supply for one in issuer.supplies} == ({"KGS": closed.supply} if closed.supply else {})
        published = {key: record.asset.supply for key, record in state.records.items() if isinstance(record, Published)}
        assert published == {f"published/KGS/{each}": supply for each, supply in model.published.items()}

    def look_back(self, choose: random.Random) -> None:
        """Compare what holds at the end of any past day."""
        if self.model.open is None:
            raise AssertionError("no block was made")
        day = self.model.open - timedelta(days=choose.randint(1, 60))
        expected = self.model.at(day)
        found = closed_at(self.world.state, str(day))
        assert (expected is None) == (found == "")
        assert expected is None or self.model.closings[date.fromisoformat(found)] == expected

    def _begin(self) -> None:
        self.model.block(self.world.time_ms)

    def _do(self, tx: Transaction) -> int:
        (outcome,) = self.world.block(tx)
        return outcome.code

    def _by_root(self, body: Body) -> int:
        self._begin()
        return self._do(self.world.sign(body, by=[*OPERATOR, *BOARD]))

    def _pay(self, choose: random.Random) -> int:
        debtor, creditor = choose.sample(list(ACCOUNTS), 2)
        amount = choose.choice((1, 70, 900))
        self._begin()
        code = self._do(self.world.sign(pay((ACCOUNTS[debtor], ACCOUNTS[creditor], amount)), by=BY[debtor], sender=debtor))
        assert code == self.model.pay(debtor, creditor, amount)
        return code

    def _issue(self, choose: random.Random) -> int:
        to, amount = choose.choice(list(ACCOUNTS)), choose.choice((100, 2_000, 4_999))
        self._begin()
        code = self._do(self.world.sign(Issue("KGS", ACCOUNTS[to], amount, "b", None), by=OPERATOR))
        assert code == self.model.issue(to, amount)
        return code

    def _cutoff(self, minutes: int) -> int:
        code = self._by_root(ParamSet("business_cutoff", minutes, 0))
        self.model.cutoff = minutes
        return code

    def _weekend(self, days: tuple[int, ...]) -> int:
        code = self._by_root(ParamSet("closed_weekdays", sum(1 << day for day in days), 0))
        self.model.closed_weekdays = frozenset(days)
        return code

    def _holiday(self, choose: random.Random) -> int:
        ahead, closed = choose.choice((-1, 0, 1, 2, 3, 30, 800, 801)), choose.random() < 0.8
        day = (self.model.open or date(2026, 11, 21)) + timedelta(days=ahead)
        self._begin()
        code = self._do(self.world.sign(ParamSet(f"holiday:{day}", int(closed), 0), by=[*OPERATOR, *BOARD]))
        assert code == self.model.holiday(day, closed=closed)
        return code

    def _publish(self, *, daily: bool) -> int:
        asset = self.world.state.get("asset/KGS")
        if not isinstance(asset, Asset):
            raise TypeError("there is no asset KGS")
        code = self._by_root(AssetPut(replace(asset.policy, publish="day" if daily else "block")))
        self.model.daily = daily
        return code


@given_any(st.randoms(use_true_random=False), st.integers(5, 40))
@settings(max_examples=40)
def test_invariant_24_closings_agree_with_a_naive_model(choose: random.Random, length: int) -> None:
    """Goal: L2. Method: random payments, issues, calendars and waits; after each command every date and figure."""
    stage = Stage()
    for _ in range(length):
        stage.carry_out(choose)
    stage.look_back(choose)


def test_invariant_24_closings_over_a_long_history() -> None:
    """Goal: the same over years. Method: hundreds of commands; all codes of the topic are met, and any past day is looked up."""
    choose, stage = random.Random(1), Stage()  # noqa: S311  # a history, not a secret
    codes = {stage.carry_out(choose) for _ in range(LONG)}
    for _ in range(100):
        stage.look_back(choose)
    assert codes == {0, 113, 150, 172}
    assert len(stage.model.closings) > 40
    assert len(stage.model.published) > 10
