"""Limits of people over random histories: the ledger and the naive model agree, and no holder gets round its limits (invariants 14, 24)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from ledger.errors import OK, BrokenState, InvariantBroken
from ledger.holders import Holder, Pseudonym, Spent, pseudonym_key
from ledger.invariants import check_whole
from ledger.limits import People
from ledger.transactions.bodies import HolderPut, Issue, Leg, Pay, Redeem, ReturnOf, Settle, Void
from tests.ledger.people import CAROL, CAROL_A, CAROL_A2, CAROL_B, DAVE, DAVE_B, GHOST_A, GHOST_B, LIMITS, OPERATOR, peopled, pseudonym
from tests.ledger.people_cases import UETR
from tests.ledger.world import BOARD, BOB, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, hold, pay, signers
from tests.naive_people import RETURN_MS, NaivePeople, Paid, day_of, month_of

if TYPE_CHECKING:
    from ledger.outcomes import Outcome
    from ledger.state import Record
    from ledger.transactions.bodies import Body, Transaction

WALLETS = (CAROL_A, CAROL_A2, CAROL_B, DAVE_B, GHOST_A, GHOST_B)
CAST = (*WALLETS, BOB, MAIN_A, MAIN_B)
TIERS = ("basic", "basic", "basic", "basic", "full", "", "gone")
GAPS = (1, 1_000, HOUR_MS, 7 * HOUR_MS, DAY_MS, 9 * DAY_MS)
LONG = 600
"""Commands of a long history."""


class Stage:
    """A ledger and the model of the same people, side by side."""

    def __init__(self) -> None:
        self.world = peopled(money=20_000)
        carol, dave = "carol", "dave"
        people = dict.fromkeys((CAROL_A, CAROL_A2, CAROL_B), carol) | {DAVE_B: dave, GHOST_A: GHOST_A, GHOST_B: GHOST_B}
        tiers = {carol: "basic", dave: "full", GHOST_A: "nameless", GHOST_B: "nameless"}
        numbers = {each.tier: (each.balance_max, each.tx_max, each.day_out_max, each.month_out_max) for each in LIMITS}
        posted = {account: self.world.balance(account)[0] for account in CAST}
        tills = {"bank-a": MAIN_A, "bank-b": MAIN_B}
        self.model = NaivePeople(people, (BOB,), tiers, numbers, tills, posted, self.world.time_ms)
        self.holds: list[bytes] = []
        self.payments: list[tuple[bytes, Leg]] = []

    def carry_out(self, choose: random.Random) -> int:
        """Carry one command out on both, compare, and return the code."""
        self.world.time_ms += choose.choice(GAPS) if choose.random() < 0.2 else 0
        self.model.wait(self.world.time_ms)
        expected, outcome = self._command(choose)
        assert outcome.code == expected, outcome.detail
        for account in CAST:
            assert self.world.balance(account)[0] == self.model.posted[account], account
        self.compare_windows()
        return expected

    def compare_windows(self) -> None:
        """Compare what each person has and has spent, as of now."""
        for key, person in ((CAROL.hex(), "carol"), (DAVE.hex(), "dave"), (GHOST_A, GHOST_A), (GHOST_B, GHOST_B)):
            record = self.world.state.get(f"limit/{key}/KGS")
            if isinstance(record, Spent):
                day, month = self.model.spent(person)
                assert record.total == self.model.total(person)
                now, year = self.model.now, month_of(self.model.now)
                assert (record.day_out if record.day == _date(now) else 0) == day
                assert (record.month_out if record.month == f"{year[0]}-{year[1] + 1:02}" else 0) == month

    def _command(self, choose: random.Random) -> tuple[int, Outcome]:
        match choose.choice(("pay", "pay", "pay", "each", "hold", "settle", "void", "tier", "issue", "redeem", "uetr", "uetr", "back")):
            case "pay":
                legs = self._legs(choose)
                outcome = self._do(pay(*legs), {leg[0] for leg in legs})
                return self.model.pay(legs), outcome
            case "each":
                legs = self._legs(choose)
                outcome = self._do(pay(*legs, mode="each"), {leg[0] for leg in legs})
                code, codes = self.model.pay_each(legs)
                assert outcome.codes == tuple(codes)
                return code, outcome
            case "hold":
                return self._hold(choose)
            case "settle":
                name, amount = self._some_hold(choose), choose.choice((10, 200, 700))
                return self.model.settle(name, amount), self._do(Settle(name, amount, b""), {MAIN_B})
            case "void":
                name = self._some_hold(choose)
                return self.model.void(name), self._do(Void(name), {MAIN_A})
            case other:
                return self._rarer(choose, other)

    def _rarer(self, choose: random.Random, what: str) -> tuple[int, Outcome]:
        match what:
            case "tier":
                tier = choose.choice(TIERS)
                self.model.tiers["carol"] = tier
                return OK, self._do(HolderPut(CAROL, tier, 0, ()), set())
            case "issue":
                account, amount = choose.choice(CAST), choose.choice((50, 900))
                code = self.model.issue(account, amount)
                return code, self.world.do(Issue("KGS", account, amount, "", None), by=[*OPERATOR, *BOARD])
            case "redeem":
                account, amount = choose.choice(WALLETS), choose.choice((50, 2_000))
                return self.model.redeem(account, amount), self._do(Redeem("KGS", account, amount, "", None), {account})
            case "uetr":
                return self._returnable(choose)
            case _:
                return self._back(choose)

    def _hold(self, choose: random.Random) -> tuple[int, Outcome]:
        ((source, target, amount),) = self._legs(choose, most=1)
        until = self.world.time_ms + choose.choice((HOUR_MS, DAY_MS, 12 * DAY_MS))
        tx = self._signed(hold(source, target, amount, until=until, settle_by="bank-b", void_by="bank-a"), {source})
        self.holds.append(tx.tx_id)
        (outcome,) = self.world.block(tx)
        return self.model.hold(tx.tx_id, source, target, amount, until), outcome

    def _returnable(self, choose: random.Random) -> tuple[int, Outcome]:
        ((debit, credit, amount),) = self._legs(choose, most=1)
        leg = Leg(debit, credit, "KGS", amount, 0, "")
        tx = self._signed(Pay((leg,), "atomic", "", UETR, "", None, None), {debit})
        code = self.model.pay([(debit, credit, amount)])
        if code == OK:
            self.payments.append((tx.tx_id, leg))
            self.model.paid[tx.tx_id] = Paid(debit, credit, amount, self.model.now + RETURN_MS)
        return code, self.world.block(tx)[0]

    def _back(self, choose: random.Random) -> tuple[int, Outcome]:
        tx_id, leg = choose.choice(self.payments) if self.payments else (bytes(32), Leg(CAROL_A, MAIN_A, "KGS", 100, 0, ""))
        debit, credit, amount = leg.credit, leg.debit, choose.choice((leg.amount, max(1, leg.amount // 2)))
        body = Pay((Leg(debit, credit, "KGS", amount, 0, ""),), "atomic", "", None, "", None, ReturnOf(tx_id, 0))
        return self.model.pay([(debit, credit, amount)], tx_id), self._do(body, {debit})

    def _legs(self, choose: random.Random, *, most: int = 3) -> list[tuple[str, str, int]]:
        legs = []
        for _ in range(choose.randint(1, most)):
            debit, credit = choose.sample(CAST, 2) if choose.random() < 0.4 else choose.sample(WALLETS, 2)
            if choose.random() < 0.3:
                debit, credit = choose.choice(((MAIN_A, CAROL_A), (MAIN_B, CAROL_B), (MAIN_B, DAVE_B), (MAIN_A, GHOST_A)))
            legs.append((debit, credit, choose.choice((20, 90, 300, 600, 1_100))))
        return legs

    def _some_hold(self, choose: random.Random) -> bytes:
        return choose.choice(self.holds) if self.holds else bytes(32)

    def _signed(self, body: Body, debited: set[str]) -> Transaction:
        banks = sorted({account.partition("/")[0] for account in debited})
        return self.world.sign(body, by=[*OPERATOR, *(each for bank in banks for each in signers(f"{bank}/ops"))])

    def _do(self, body: Body, debited: set[str]) -> Outcome:
        return self.world.block(self._signed(body, debited))[0]


def _date(now: int) -> str:
    """Return a date as the ledger writes it, from the model's own calendar."""
    year, month = month_of(now)
    first = now
    while month_of(first - DAY_MS) == (year, month):
        first -= DAY_MS
    return f"{year}-{month + 1:02}-{day_of(now) - day_of(first) + 1:02}"


@given_any(choose=st.randoms(use_true_random=False), length=st.integers(1, 40))
def test_invariant_24_the_naive_model_of_people_agrees(choose: random.Random, length: int) -> None:
    """Goal: 24 for limits. Method: the same random commands on both: same codes, codes per leg, balances and windows, after each."""
    stage = Stage()
    for _ in range(length):
        stage.carry_out(choose)


def test_invariant_14_holder_limits_hold_over_a_long_history() -> None:
    """Goal: 14 by any path (net, return, void, hold, issue, many wallets). Method: 600 commands; every total and window by hand."""
    stage, seen = Stage(), dict.fromkeys((OK, 132, 150, 154, 155, 156, 172), 0)
    choose = random.Random(14)  # noqa: S311
    numbers = {each.tier: each for each in LIMITS}
    for _ in range(LONG):
        before = {person: stage.model.total(person) for person in stage.model.tiers}
        code = stage.carry_out(choose)
        seen[code] = seen.get(code, 0) + 1
        for person, tier in stage.model.tiers.items():
            limit = numbers.get(tier)
            if limit is not None and limit.balance_max is not None:
                assert stage.model.total(person) <= max(limit.balance_max, before[person])
    assert all(seen.values()), seen


@pytest.mark.parametrize(
    ("key", "record"),
    [
        (f"limit/{CAROL.hex()}/KGS", Spent(499, "", 0, "", 0)),
        (f"limit/{DAVE.hex()}/KGS", Spent(0, "", 0, "", 0)),
        (f"limit/{GHOST_A}/KGS", Spent(5, "", 0, "", 0)),
        (f"holder/{CAROL.hex()}", Holder(CAROL, "basic", 0, 1)),
        (pseudonym_key("bank-a", pseudonym(CAROL, "bank-a")), Pseudonym(DAVE)),
    ],
)
def test_invariant_14_a_state_that_lost_track_of_people_is_refused(key: str, record: Record) -> None:
    """Goal: the sums over a whole state. Method: a total that is too low or too high, a miscounted holder, a pseudonym that moved."""
    world = peopled()
    world.must(pay((MAIN_A, CAROL_A, 500), (MAIN_B, DAVE_B, 500)), by=[*signers("bank-a/ops"), *signers("bank-b/ops")], sender="bank-a")
    records = world.state.hashed()
    check_whole(records)
    with pytest.raises(InvariantBroken):
        check_whole({**records, key: record})


@pytest.mark.parametrize("lost", [f"limit/{CAROL.hex()}/KGS", pseudonym_key("bank-a", pseudonym(CAROL, "bank-a"))])
def test_invariant_14_a_state_without_a_record_of_people_is_refused(lost: str) -> None:
    """Goal: the same. Method: take one away."""
    world = peopled()
    world.must(pay((MAIN_A, CAROL_A, 500)), by=signers("bank-a/ops"), sender="bank-a")
    records = world.state.hashed()
    del records[lost]
    with pytest.raises((InvariantBroken, BrokenState)):
        check_whole(records)


def test_l12_the_post_state_of_people_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: 14 from deltas, after every transaction. Method: break the code that follows balances; a payment is refused with 900."""
    world = peopled()
    world.must(pay((MAIN_A, CAROL_A, 500)), by=signers("bank-a/ops"), sender="bank-a")
    monkeypatch.setattr(People, "keep", lambda _people, _entries: None)
    assert world.do(pay((CAROL_A, MAIN_A, 100)), by=signers("bank-a/ops"), sender="bank-a").code == 900
