"""Random histories of the small ledger: valid by construction, with refusals, holds that lapse, opened accounts and minutes that pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ledger.errors import Unorderable
from ledger.transactions.bodies import AccountOpen, AccountSet, HoldBody, Issue, Leg, Pay, Redeem, Settle, Void
from tests.ledger.chain import MemoryLedger

if TYPE_CHECKING:
    from ledger.execute import Execution
    from ledger.transactions.bodies import Body, Transaction

BANKS = ("bank-a", "bank-b", "bank-c")
FUNDS = 10_000
DAY_MS = 86_400_000

amounts = st.integers(1, 400)
banks = st.sampled_from(BANKS)
gaps = st.sampled_from((1, 1_000, 1_000, 30_000, 90_000))


def fee_of(debit: str, amount: int) -> int:
    """Fee that the test asset's one rule asks."""
    return amount * 10 // 10_000 if debit.endswith("/w1") else 0


def account_of(bank: str, wallet: int) -> str:
    """Return the wallet or the settlement account of a bank."""
    return f"{bank}/w1" if wallet else f"{bank}/settlement"


def signer_of(account: str) -> str:
    """Who signs an account's debits in the test ledger."""
    return account if account == "bank-a/w1" else account.partition("/")[0]


@st.composite
def legs(draw: st.DrawFn, debit: str) -> Leg:
    """One leg that may lack funds but has the right fee."""
    credit = account_of(draw(banks), draw(st.integers(0, 1)))
    credit = "operator/settlement" if credit == debit else credit
    amount = draw(st.one_of(amounts, st.just(FUNDS * 100)))
    return Leg(debit, credit, "KGS", amount, fee_of(debit, amount), draw(st.sampled_from(("", "invoice"))))


@st.composite
def payments(draw: st.DrawFn, ledger: MemoryLedger, bank: str) -> Transaction:
    """Atomic or each, from one bank's accounts."""
    debit = account_of(bank, draw(st.integers(0, 1)))
    made = draw(st.lists(legs(debit), min_size=1, max_size=4))
    body = Pay(tuple(made), draw(st.sampled_from(("atomic", "each"))), "", None, "", None, None)
    return ledger.sign(body, sender=bank, signers=[signer_of(debit)])


@st.composite
def holds(draw: st.DrawFn, ledger: MemoryLedger, bank: str) -> Transaction:
    """Hold that lives for seconds or a day."""
    debit, target = account_of(bank, draw(st.integers(0, 1))), f"{draw(banks)}/settlement"
    target = "operator/settlement" if target == debit else target
    until = ledger.time_ms + draw(st.sampled_from((2_000, 61_000, DAY_MS)))
    body = HoldBody(debit, target, "KGS", draw(amounts), 0, until, target.partition("/")[0], bank, "none", "escrow")
    return ledger.sign(body, sender=bank, signers=[signer_of(debit)])


@st.composite
def transactions(draw: st.DrawFn, ledger: MemoryLedger, open_holds: list[Transaction]) -> Transaction:
    """Any transaction that a block may contain, accepted or refused."""
    bank = draw(banks)
    match draw(st.integers(0, 7)):
        case 0:
            return ledger.sign(Issue("KGS", account_of(bank, 0), draw(amounts), "basis", None), sender="operator")
        case 1:
            return ledger.sign(Redeem("KGS", account_of(bank, 0), draw(amounts), "payout", None), sender=bank)
        case 2:
            tx = draw(holds(ledger, bank))
            open_holds.append(tx)
            return tx
        case 3 if open_holds:
            hold = draw(st.sampled_from(open_holds))
            by = hold.body.settle_by if isinstance(hold.body, HoldBody) else ""
            return ledger.sign(Settle(hold.tx_id, draw(amounts), b""), sender=by)
        case 4 if open_holds:
            hold = draw(st.sampled_from(open_holds))
            return ledger.sign(Void(hold.tx_id), sender=hold.sender)
        case 5:
            name = f"{bank}/{draw(st.sampled_from('xyz'))}"
            opens = draw(st.booleans())
            body: Body = AccountOpen(name, "wallet", b"", None, ()) if opens else AccountSet(name, "closed", None)
            return ledger.sign(body, sender=bank, signers=["operator"] if opens else [])
        case _:
            return draw(payments(ledger, bank))


@st.composite
def histories(draw: st.DrawFn, blocks_max: int = 4) -> MemoryLedger:
    """Return the ledger after some blocks."""
    ledger = funded()
    open_holds: list[Transaction] = []
    for _ in range(draw(st.integers(1, blocks_max))):
        chosen: list[Transaction] = []
        execution = ledger.execution()
        for _ in range(draw(st.integers(0, 5))):
            tx = draw(transactions(ledger, open_holds))
            if taken(execution, tx):
                chosen.append(tx)
        ledger.block(*chosen, later_ms=draw(gaps))
    return ledger


def funded() -> MemoryLedger:
    """Return the small ledger after one block that gives every bank money."""
    ledger = MemoryLedger()
    ledger.block(*[ledger.sign(Issue("KGS", f"{bank}/settlement", FUNDS, "first", None), sender="operator") for bank in BANKS])
    return ledger


def taken(execution: Execution, tx: Transaction) -> bool:
    """Whether the block takes the transaction, with whatever code; an unorderable one is set aside as a builder does."""
    try:
        execution.apply(tx)
    except Unorderable:
        return False
    return True
