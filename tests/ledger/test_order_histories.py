"""Orders over random histories: ledger and naive model agree, and nothing gets round a block or an arrest (invariants 12, 13, 17, 24)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.disclosure import public_codes
from ledger.errors import OK, InvariantBroken
from ledger.invariants import check_transaction
from ledger.money import movement, post
from ledger.orders import OrderRecord, order_key
from ledger.state import Overlay
from ledger.transactions.bodies import Issue, OrderPut, Redeem, Settle, Void
from tests.ledger.order_cast import QUORUM, SEIZERS, TREASURY, arrest, lift, order, put, seize
from tests.ledger.world import BOARD, DAY_MS, HOUR_MS, MAIN_A, MAIN_B, TILL, World, hold, make_genesis, pay, signers
from tests.naive_orders import NO_HOLD, NaiveOrders, Ordered

if TYPE_CHECKING:
    from ledger.orders import Allowed, OrderMode
    from ledger.outcomes import Outcome
    from ledger.transactions.bodies import Body, Transaction
    from tests.ledger.world import Signer

OTHER_A, OTHER_B = "bank-a/other", "bank-b/other"
CAST = (MAIN_A, OTHER_A, MAIN_B, OTHER_B, TILL)
FUNDS = 1_000
ORDERS_MAX = 3
GAPS = (1, 1_000, HOUR_MS, 7 * HOUR_MS, DAY_MS)
MODES: tuple[OrderMode, ...] = ("debit", "credit", "both", "arrest", "arrest", "arrest", "pause")
ALLOWED: dict[str, tuple[tuple[Allowed, ...], ...]] = {
    "arrest": (("holds",), ("holds",), ()),
    "pause": (("holds", "redeem"), ("holds",)),
}
BLOCKS: tuple[tuple[Allowed, ...], ...] = ((), (), ("holds",), ("holds", "redeem"))
COMMANDS = (*("pay", "each", "hold", "settle", "void", "issue", "redeem"), "pay", *("order",) * 2, *("lift",) * 3, *("seize",) * 2)
LONG = 600
"""Commands of a long history."""


class Stage:
    """A ledger and the model of the same orders, side by side."""

    def __init__(self) -> None:
        self.world = World(make_genesis(params={"orders_per_subject_max": ORDERS_MAX, "sweep_max": 3}))
        for account in (OTHER_A, OTHER_B):
            self.world.open(account)
        for account in CAST:
            self.world.issue(account, FUNDS)
        self.model = NaiveOrders(dict.fromkeys(CAST, FUNDS), ORDERS_MAX, self.world.time_ms)
        self.holds: list[bytes] = []
        self.names: list[str] = []

    def carry_out(self, choose: random.Random) -> int:
        """Carry one command out on both, compare, check that nothing was got round, and return the code."""
        self.world.time_ms += choose.choice(GAPS) if choose.random() < 0.15 else 0
        self.model.wait(self.world.time_ms)
        before = {account: (self.model.posted[account], self.model.free(account)) for account in CAST}
        blocked = {account: [self.model.blocks(account, side, "holds") for side in ("debit", "credit")] for account in CAST}
        arrested = {account: self.model.arrested(account) for account in CAST}
        expected, outcome, what = self._command(choose)
        late = (expected, outcome.code) == (NO_HOLD, 171)
        """The hold has lapsed and waits for its sweep, which is behind."""
        assert late or outcome.code == expected, (what, outcome.detail)
        for account in CAST:
            posted, held = self.world.balance(account)
            assert posted == self.model.posted[account], (what, account)
            assert held >= self.model.held(account)
            if outcome.code == OK and what not in ("seize", "redeem"):
                assert not (blocked[account][0] and posted < before[account][0]), what
                assert not (blocked[account][1] and posted > before[account][0]), what
                assert posted - self.model.held(account) >= min(arrested[account], before[account][1]), what
        return expected

    def _command(self, choose: random.Random) -> tuple[int, Outcome, str]:
        what = choose.choice(
            ("pay", "pay", "each", "hold", "settle", "void", "issue", "redeem", "order", "order", "lift", "lift", "lift", "seize", "seize")
        )
        match what:
            case "pay" | "each":
                return (*self._pay(choose, what), what)
            case "hold":
                return (*self._hold(choose), what)
            case "settle":
                name, amount = self._some_hold(choose), choose.choice((10, 60, 300))
                return self.model.settle(name, amount), self._do(Settle(name, amount, b""), signers("bank-b/ops")), what
            case "void":
                name = self._some_hold(choose)
                return self.model.void(name), self._do(Void(name), signers("bank-b/ops")), what
            case "issue":
                account, amount = choose.choice(CAST), choose.choice((20, 200))
                return self.model.issue(account, amount), self._do(Issue("KGS", account, amount, "", None), BOARD), what
            case "redeem":
                account, amount = choose.choice(CAST), choose.choice((20, 200))
                return self.model.redeem(account, amount), self._do(Redeem("KGS", account, amount, "", None), self._ops(account)), what
            case _:
                return (*self._order(choose, what), what)

    def _pay(self, choose: random.Random, what: str) -> tuple[int, Outcome]:
        legs: list[tuple[str, str, int]] = []
        for _ in range(choose.randint(1, 3)):
            debit, credit = choose.sample(CAST, 2)
            legs.append((debit, credit, choose.choice((5, 40, 200, 700))))
        by = self._ops(*(leg[0] for leg in legs))
        if what == "pay":
            return self.model.pay(legs), self._do(pay(*legs), by)
        code, codes = self.model.pay_each(legs)
        outcome = self._do(pay(*legs, mode="each"), by)
        assert public_codes(outcome.codes) == public_codes(tuple(codes))
        assert outcome.codes == tuple(codes)
        return code, outcome

    def _hold(self, choose: random.Random) -> tuple[int, Outcome]:
        (source, target), amount = choose.sample(CAST, 2), choose.choice((30, 150, 600))
        until = self.world.time_ms + choose.choice((HOUR_MS, DAY_MS, 9 * DAY_MS))
        tx = self._signed(hold(source, target, amount, until=until, settle_by="bank-b", void_by="bank-b"), self._ops(source))
        self.holds.append(tx.tx_id)
        (outcome,) = self.world.block(tx)
        return self.model.hold(tx.tx_id, source, target, amount, until), outcome

    def _order(self, choose: random.Random, what: str) -> tuple[int, Outcome]:
        name = choose.choice([*self.names[-8:], "none"])
        if what == "lift":
            by_quorum = name in self.model.orders and self.model.orders[name].mode == "pause"
            outcome = self._do(lift(name), QUORUM) if by_quorum else self.world.do(lift(name), by=TREASURY, sender="treasury")
            return self.model.lift(name), outcome
        if what == "seize":
            active = self.model.active()
            arrests = [name for name, made in self.model.orders.items() if made.mode == "arrest" and made in active]
            name = choose.choice(arrests) if arrests and choose.random() < 0.9 else name
            known = self.model.orders.get(name)
            account = known.subject if known and known.scope == "account" and choose.random() < 0.9 else choose.choice(CAST)
            amount = choose.choice((10, 50, 400))
            return self.model.seize(name, account, amount), self._do(seize(account, amount, name=name), SEIZERS)
        return self._make(choose)

    def _make(self, choose: random.Random) -> tuple[int, Outcome]:
        mode = choose.choice(MODES)
        scope, subject = (
            ("account", choose.choice(CAST)) if choose.random() < 0.85 else ("participant", choose.choice(("bank-a", "bank-b")))
        )
        if mode == "pause":
            scope, subject = choose.choice((("ledger", ""), ("asset", "KGS"), ("participant", "bank-a")))
        allow = choose.choice(ALLOWED.get(mode, BLOCKS))
        amount = choose.choice((None, 100, 350)) if mode == "arrest" and scope == "account" else None
        seize_to = choose.choice(("", TILL, TILL, MAIN_B)) if mode == "arrest" else ""
        seize_to = "" if seize_to == subject else seize_to
        until = self.world.time_ms + choose.choice((HOUR_MS, HOUR_MS, HOUR_MS, 6 * HOUR_MS, 2 * DAY_MS, 0))
        until = 0 if mode != "pause" and choose.random() < 0.2 else until
        by = "operator" if mode == "pause" else "treasury"
        name = choose.choice([f"order-{len(self.names)}"] * 9 + [*self.names[:1]])
        asset = "" if scope in ("asset", "ledger") else "KGS"
        body = order(mode, subject, name=name, scope=scope, asset=asset, amount=amount, allow=allow, seize_to=seize_to, until=until, by=by)  # type: ignore[arg-type]
        made = Ordered(scope, subject, mode, amount, allow, seize_to, until, len(self.model.orders))
        code = self.model.order(name, made)
        if code == OK:
            self.names.append(name)
        outcome = self._do(body, QUORUM if mode == "pause" else TREASURY)
        return code, outcome

    def _some_hold(self, choose: random.Random) -> bytes:
        return choose.choice(self.holds[-6:]) if self.holds else bytes(32)

    @staticmethod
    def _ops(*accounts: str) -> list[Signer]:
        return [each for name in sorted({account.partition("/")[0] for account in accounts}) for each in signers(f"{name}/ops")]

    def _signed(self, body: Body, by: list[Signer]) -> Transaction:
        return self.world.sign(body, by=list(dict.fromkeys([*signers("operator/ops"), *by])))

    def _do(self, body: Body, by: list[Signer]) -> Outcome:
        return self.world.block(self._signed(body, by))[0]


def play(seed: int, length: int) -> dict[int, int]:
    """Play a history; return how often each code was seen."""
    choose, stage = random.Random(seed), Stage()  # noqa: S311  # a replayable choice of commands, not a secret
    seen: dict[int, int] = {}
    for _ in range(length):
        code = stage.carry_out(choose)
        seen[code] = seen.get(code, 0) + 1
    return seen


@given_any(st.integers(0, 2**32 - 1), st.integers(20, 60))
def test_invariant_24_the_naive_model_of_orders_agrees(seed: int, length: int) -> None:
    """Goal: 12, 13 and 24. Method: the same commands on the ledger and on dicts; nothing blocked moves, nothing arrested leaves."""
    play(seed, length)


def test_invariant_12_13_a_long_history_meets_every_refusal_of_orders() -> None:
    """Goal: the histories are worth something. Method: one of several hundred commands; each code was seen."""
    seen = play(7, LONG)
    assert seen[OK] > LONG // 4
    assert {131, 150, 151, 152, 153, 180, 181, 182} <= seen.keys()


def broken(world: World, type_: str, change: dict[str, OrderRecord | None], amount: int = 0) -> int:
    """Write past all checks, and return the invariant that says so."""
    overlay = Overlay(world.state)
    mark = overlay.mark()
    entries = movement(MAIN_A, MAIN_B, "KGS", amount, 0) if amount else ()
    post(overlay, entries)
    for name, record in change.items():
        overlay.put(order_key(name), record)
    with pytest.raises(InvariantBroken) as found:
        check_transaction(overlay, mark, entries, type_, None, world.time_ms)
    return int(found.value.facts["invariant"])


def record_of(world: World, name: str = "case-1") -> OrderRecord:
    """Order as the state has it."""
    record = world.state.get(order_key(name))
    assert isinstance(record, OrderRecord)
    return record


@pytest.mark.parametrize(
    ("body", "type_", "invariant"),
    [
        (order("debit", MAIN_A), "pay", 12),
        (order("both", MAIN_B), "issue", 12),
        (order("credit", MAIN_B), "settle", 12),
        (order("debit", MAIN_A, allow=("redeem",)), "pay", 12),
        (arrest(MAIN_A, None), "pay", 13),
        (arrest(MAIN_A, 95), "redeem", 13),
        (order("arrest", "bank-a", scope="participant"), "pay", 13),
    ],
)
def test_invariant_12_13_are_checked_on_the_post_state(body: OrderPut, type_: str, invariant: int) -> None:
    """Goal: L12, no type has to remember orders. Method: move value without asking, under an order."""
    world = World(money=100)
    put(world, body)
    assert broken(world, type_, {}, amount=10) == invariant


def test_invariant_16_a_seizure_rests_on_an_order_and_pays_whom_it_names() -> None:
    """Goal: L11. Method: seize without an order, to another account, and more than is arrested."""
    world = World(money=100)
    put(world, arrest(MAIN_A, 50))
    assert broken(world, "seize", {}, amount=10) == 16
    record = record_of(world)
    assert broken(world, "seize", {"case-1": replace(record, seized=10)}, amount=10) == 13
    assert broken(world, "seize", {"case-1": replace(record, seized=51)}) == 13


def test_invariant_17_an_order_keeps_what_it_says_and_ends_by_its_own_types_only() -> None:
    """Goal: no silent lifting. Method: change, end, revive and remove an order as another type."""
    world = World(money=100)
    put(world, order("debit", MAIN_A, until=world.time_ms + HOUR_MS))
    put(world, order("pause", "", name="pause", scope="ledger", asset="", until=world.time_ms + HOUR_MS))
    record, pause = record_of(world), record_of(world, "pause")
    lifted = replace(record, status="lifted", ended_by="treasury", ended_basis=bytes(32))
    assert broken(world, "pay", {"case-1": None}) == 12
    assert broken(world, "account.set", {"case-1": lifted}) == 12
    assert broken(world, "order.lift", {"case-1": replace(lifted, ended_basis=None)}) == 12
    assert broken(world, "order.put", {"case-1": lifted}) == 12
    assert broken(world, "order.lift", {"case-1": replace(lifted, rank=3)}) == 17
    assert broken(world, "order.lift", {"case-1": replace(lifted, order=replace(record.order, mode="credit"))}) == 17
    assert broken(world, "order.put", {"new": replace(pause, order=replace(pause.order, until=0))}) == 17
    assert broken(world, "order.put", {"new": replace(pause, order=replace(pause.order, until=pause.time_ms + DAY_MS + 1))}) == 17
    assert broken(world, "pay", {"new": record}) == 12
    world.must(lift(), by=TREASURY, sender="treasury")
    assert broken(world, "order.put", {"case-1": record}) == 12
