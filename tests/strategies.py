"""Strategies for ledgers and what happens to them: valid by construction, nothing filtered.

A history is a list of commands over a fixed cast of accounts; amounts are drawn so that most commands succeed and the others fail for every
reason there is. `Stage` carries a command out on a real ledger, signed by everybody who must.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hypothesis import strategies as st

from ledger.canonical import encode
from ledger.errors import OK
from ledger.genesis_document import GenesisFee
from ledger.transactions.bodies import AccountSet, Approve, HoldBody, Issue, Leg, Propose, Redeem, Settle, Void
from tests.ledger.world import (
    ALICE,
    BOARD,
    BOB,
    DAY_MS,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    ROOT_MEMBERS,
    START_MS,
    TILL,
    World,
    first_grants,
    hold,
    make_genesis,
    pay,
    signers,
)
from tests.naive import Naive, Purse

if TYPE_CHECKING:
    from ledger.outcomes import Outcome
    from ledger.transactions.bodies import Body, Transaction
    from tests.ledger.world import Signer

CONTRA, FEES, NOBODY = "operator/contra:KGS", "operator/fee:KGS", "bank-a/nobody"
CAST = (ALICE, BOB, MAIN_A, MAIN_B, TILL)
BOARDS = "operator/board"
BPS = {"pay": 100, "hold": 150}
FUNDS = 1_000
CAP = 9_000
QUOTA_A_DAY = 7_000
HOLDS_MAX = 3
BIG_HOLD_MS = 401 * DAY_MS


@dataclass(frozen=True)
class Move:
    """A pay; `wrong_fee` misquotes the fee of that leg."""

    legs: tuple[tuple[str, str, int], ...]
    mode: Literal["atomic", "each"]
    wrong_fee: int | None


@dataclass(frozen=True)
class Mint:
    """An issue."""

    to: str
    amount: int


@dataclass(frozen=True)
class Burn:
    """A redemption."""

    source: str
    amount: int


@dataclass(frozen=True)
class Reserve:
    """A hold, `ahead_ms` from now."""

    source: str
    target: str
    amount: int
    ahead_ms: int


@dataclass(frozen=True)
class Take:
    """A settlement of the n-th hold ever placed (counted around)."""

    which: int
    amount: int


@dataclass(frozen=True)
class Drop:
    """A void of the n-th hold ever placed (counted around)."""

    which: int


@dataclass(frozen=True)
class Ask:
    """A proposal to issue, open for `ahead_ms`."""

    to: str
    amount: int
    ahead_ms: int


@dataclass(frozen=True)
class Say:
    """A vote on the n-th proposal ever opened (counted around)."""

    which: int
    member: str
    choice: Literal["yes", "no", "withdraw"]


@dataclass(frozen=True)
class Change:
    """Another status of an account."""

    account: str
    status: Literal["open", "closing", "closed"]


@dataclass(frozen=True)
class Wait:
    """Time that passes, and an empty block."""

    ms: int


Command = Move | Mint | Burn | Reserve | Take | Drop | Ask | Say | Change | Wait

FIRST_HOLDS = (Reserve(ALICE, MAIN_B, 100, 2 * DAY_MS), Reserve(MAIN_A, BOB, 200, 3 * DAY_MS))
"""Every ledger begins with two holds, so that settlements find one."""
FIRST_ASKED = (Ask(BOB, 20, 2 * DAY_MS), Ask(MAIN_A, 33, 3 * DAY_MS))
"""And with two proposals that lack one vote."""
FIRST_VOTER = "treasury/treasury"
accounts = st.sampled_from(CAST)
amounts = st.sampled_from((1, 7, 20, 33, 40, 150, 600, 2 * FUNDS))
places = st.sampled_from(CAST * 8 + (FEES, FEES, CONTRA, NOBODY))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, str]:
    """Two different accounts, mostly of people."""
    debit = draw(places)
    credit = draw(places)
    return debit, credit if credit != debit else CAST[(CAST.index(debit) + 1) % len(CAST)] if debit in CAST else CAST[0]


@st.composite
def moves(draw: st.DrawFn) -> Move:
    """Up to five legs in either mode."""
    legs = tuple((*draw(pairs()), draw(amounts)) for _ in range(draw(st.integers(1, 5))))
    wrong = draw(st.one_of(st.none(), st.none(), st.none(), st.integers(0, len(legs) - 1)))
    return Move(legs, draw(st.sampled_from(("atomic", "each"))), wrong)


@st.composite
def reserves(draw: st.DrawFn) -> Reserve:
    """Draw holds that live for minutes to days, or have no valid time."""
    source, target = draw(pairs())
    ahead = draw(st.sampled_from((10_000, HOUR_MS, 3 * HOUR_MS, 2 * DAY_MS, 3 * DAY_MS, 0, -1, BIG_HOLD_MS)))
    return Reserve(source, target, draw(amounts), ahead)


recent = st.sampled_from((-1, -1, -1, -2, 0, 3))
parts = st.sampled_from((1, 7, 13, 20, 33, 600))
commands: st.SearchStrategy[Command] = st.one_of(
    moves(),
    moves(),
    moves(),
    st.builds(Mint, places, amounts),
    st.builds(Burn, places, amounts),
    reserves(),
    reserves(),
    st.builds(Take, recent, parts),
    st.builds(Take, recent, parts),
    st.builds(Drop, recent),
    st.builds(Ask, places, amounts, st.sampled_from((10_000, HOUR_MS, 2 * DAY_MS))),
    st.builds(Say, recent, st.sampled_from(ROOT_MEMBERS), st.sampled_from(("yes", "yes", "yes", "no", "withdraw"))),
    st.builds(Say, recent, st.sampled_from(ROOT_MEMBERS), st.just("yes")),
    st.builds(Change, places, st.sampled_from(("open", "open", "open", "closing", "closed"))),
    st.builds(Wait, st.sampled_from((1, 60_000, HOUR_MS, DAY_MS))),
)
histories = st.lists(commands, min_size=10, max_size=40)


def member_of(account: str) -> str:
    """Keyset that signs an account's debits."""
    return f"{ALICE}/user" if account == ALICE else f"{account.partition('/')[0]}/ops"


def by(*members: str) -> list[Signer]:
    """Signatures of keysets, each once."""
    return [each for member in dict.fromkeys(members) for each in signers(member)]


class Stage:
    """A real ledger that carries commands out, and remembers the holds it placed."""

    def __init__(self) -> None:
        fees = tuple(GenesisFee(type_, "wallet", "", "0", bps, "0", "1000000") for type_, bps in BPS.items())  # type: ignore[arg-type]
        self.world = World(
            make_genesis(cap=str(CAP), fees=fees, params={"holds_per_account_max": HOLDS_MAX}, grants=first_grants(QUOTA_A_DAY))
        )
        for account in CAST:
            self.world.issue(account, FUNDS)
        self.placed: list[Transaction] = []
        self.opened: list[Transaction] = []
        """Proposals ever opened."""
        votes = [Say(which, FIRST_VOTER, "yes") for which in range(len(FIRST_ASKED))]
        first: list[Command] = [*FIRST_HOLDS, *FIRST_ASKED, *votes]
        for command in first:
            self.play(command)

    def model(self) -> Naive:
        """Make the naive model of the same first state."""
        purses = {name: Purse("wallet" if name in (ALICE, BOB) else "settlement", posted=FUNDS) for name in CAST}
        purses |= {CONTRA: Purse("contra", posted=-FUNDS * len(CAST)), FEES: Purse("fee")}
        model = Naive(purses, CONTRA, FEES, CAP, QUOTA_A_DAY, BPS, HOLDS_MAX, self.world.time_ms)
        model.minted[(START_MS + 6 * HOUR_MS) // DAY_MS] = FUNDS * len(CAST)
        for command, tx in zip(FIRST_HOLDS, self.placed, strict=True):
            body = tx.body
            if not isinstance(body, HoldBody) or model.hold(tx.tx_id, command.source, command.target, command.amount, body.until) != OK:
                raise AssertionError("the model refuses a first hold")
        for asked, tx in zip(FIRST_ASKED, self.opened, strict=True):
            body = tx.body
            if not isinstance(body, Propose) or model.propose(tx.tx_id, asked.to, asked.amount, body.until) != OK:
                raise AssertionError("the model refuses a first proposal")
            model.vote(tx.tx_id, FIRST_VOTER, "yes")
        return model

    def hold_of(self, which: int) -> bytes:
        """Id of the n-th hold ever placed, counted around; unknown where there was none."""
        return self.placed[which % len(self.placed)].tx_id if self.placed else bytes(32)

    def proposal_of(self, which: int) -> bytes:
        """Id of the n-th proposal ever opened, counted around; unknown where there was none."""
        return self.opened[which % len(self.opened)].tx_id if self.opened else bytes(32)

    @staticmethod
    def source_of(tx: Transaction) -> str:
        """Account that a hold was placed on."""
        return tx.body.source if isinstance(tx.body, HoldBody) else ""

    def transaction(self, command: Command) -> Transaction | None:
        """Sign what a command means; None for time that passes."""
        found = self._body(command)
        if found is None:
            return None
        body, members = found
        return self.world.sign(
            body,
            by=[
                *by("operator/ops", *members),
                *(BOARD if isinstance(command, Mint) or getattr(command, "member", "") == BOARDS else ()),
            ],
        )

    def play(self, command: Command) -> tuple[Transaction | None, Outcome | None]:
        """Carry a command out in a block of its own."""
        tx = self.transaction(command)
        if tx is None:
            self.world.time_ms += command.ms if isinstance(command, Wait) else 0
            self.world.block()
            return None, None
        (outcome,) = self.world.block(tx)
        if isinstance(command, Reserve) and outcome.code == OK:
            self.placed.append(tx)
        if isinstance(command, Ask) and outcome.code == OK:
            self.opened.append(tx)
        return tx, outcome

    def _body(self, command: Command) -> tuple[Body, tuple[str, ...]] | None:
        match command:
            case Move():
                return self._pay(command), tuple(member_of(debit) for debit, _, _ in command.legs)
            case Burn():
                return Redeem("KGS", command.source, command.amount, "", None), (member_of(command.source),)
            case Reserve(source, target, amount, ahead):
                fee = fee_of("hold", source, amount)
                body = hold(source, target, amount, until=self.world.time_ms + ahead, fee=fee, settle_by="treasury", void_by="treasury")
                return body, (member_of(source),)
            case Take():
                return Settle(self.hold_of(command.which), command.amount, b""), ("treasury/ops",)
            case Drop():
                return Void(self.hold_of(command.which)), ("treasury/ops",)
            case Mint() | Ask() | Say():
                return self._issue(command)
            case Change():
                return AccountSet(command.account, command.status, None), (f"{command.account.partition('/')[0]}/ops",)
            case Wait():
                return None

    def _issue(self, command: Mint | Ask | Say) -> tuple[Body, tuple[str, ...]]:
        if not isinstance(command, Say):
            body = Issue("KGS", command.to, command.amount, "", None)
            if isinstance(command, Mint):
                return body, ()
            return Propose("issue", encode(body), 0, self.world.time_ms + command.ahead_ms), ()
        return Approve(self.proposal_of(command.which), command.member, command.choice), () if command.member == BOARDS else (
            command.member,
        )

    @staticmethod
    def _pay(command: Move) -> Body:
        legs = [
            Leg(debit, credit, "KGS", amount, fee_of("pay", debit, amount) + (index == command.wrong_fee), "")
            for index, (debit, credit, amount) in enumerate(command.legs)
        ]
        return pay(*legs, mode=command.mode)


def fee_of(type_: str, debit: str, amount: int) -> int:
    """Fee that the assets of `Stage` ask."""
    return amount * BPS[type_] // 10_000 if debit in (ALICE, BOB) else 0


@st.composite
def ledgers(draw: st.DrawFn) -> Stage:
    """Any ledger that a history of commands reaches."""
    stage = Stage()
    for command in draw(st.lists(commands, max_size=12)):
        stage.play(command)
    return stage
