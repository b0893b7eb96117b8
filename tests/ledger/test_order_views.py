"""No tipping-off (L23): who sees an order, and who sees why something was refused."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.disclosure import public_code
from ledger.execute import block_key, opening_of, transaction_leaf
from ledger.orders import Order, OrderRecord
from ledger.proofs import check_transaction_proof
from ledger.transactions.bodies import HoldBody, Leg, OrderLift, OrderPut, Pay, Seize
from ledger.views import WHOLE, View, decode_view
from tests.ledger.chain import PARTICIPANTS, VIEW_KEY, finality_of
from tests.ledger.histories import funded
from tests.ledger.test_proofs import SEEDS, transaction_file
from tests.ledger.test_views import own_leaves

if TYPE_CHECKING:
    from ledger.orders import OrderMode
    from tests.ledger.chain import Block

BASIS = sha256(b"file 7").digest()
HOUR_MS = 3_600_000
FROM, TO = "bank-a/settlement", "bank-b/settlement"


def order(mode: OrderMode, subject: str, *, name: str = "case-1", amount: int | None = None) -> OrderPut:
    """Body of an order of the operator."""
    made = Order(name, "operator", BASIS, "account", subject, "KGS", mode, amount, (), "", 0, open=False)
    return OrderPut(replace(made, seize_to=TO, allow=("holds",)) if mode == "arrest" else made)


def lines(block: Block, participant: str, index: int) -> list[View]:
    """Return the views of a participant of one transaction."""
    return [view for view in map(decode_view, block.result.views.get(participant, ())) if view.index == index]


def paying(amount: int = 5) -> Pay:
    """Pay from a to b."""
    return Pay((Leg(FROM, TO, "KGS", amount, 0, ""),), "atomic", "", None, "", None, None)


def test_l23_an_order_is_shown_to_the_servicer_and_the_authority_and_nobody_else() -> None:
    """Goal: who sees an order, its lifting and a seizure. Method: views of everybody; the record is in the servicer's tree alone."""
    ledger = funded()
    put = ledger.block(ledger.sign(order("arrest", FROM, amount=50), sender="operator"))
    lifted = ledger.block(
        ledger.sign(Seize("case-1", FROM, "KGS", 20), sender="operator"), ledger.sign(OrderLift("case-1", BASIS), sender="operator")
    )
    assert [receipt.code for receipt in (*put.result.receipts, *lifted.result.receipts)] == [0, 0, 0]
    for block, index in ((put, 0), (lifted, 1)):
        assert {name: view.part.form for name in PARTICIPANTS for view in lines(block, name, index)} == {"bank-a": WHOLE, "operator": WHOLE}
    assert {name for name in PARTICIPANTS for _ in lines(lifted, name, 0)} == {"bank-a", "bank-b", "operator"}
    assert [name for name in PARTICIPANTS if "order/case-1" in own_leaves(ledger, name)] == ["bank-a"]
    record = ledger.state.get("order/case-1")
    assert isinstance(record, OrderRecord)
    assert (record.status, record.seized) == ("lifted", 20)


@pytest.mark.parametrize(("mode", "code"), [("debit", 152), ("arrest", 151)])
def test_l23_only_the_servicer_of_the_account_sees_why_it_refused(mode: OrderMode, code: int) -> None:
    """Goal: 150 for everybody else. Method: bank-b moves what bank-a services; compare what both are told, and the receipt in the block."""
    ledger = funded()
    ledger.block(ledger.sign(order(mode, FROM), sender="operator"))
    block = ledger.block(ledger.sign(paying(), sender="bank-b", signers=["bank-a"]))
    receipt = block.result.receipts[0]
    assert (receipt.code, receipt.public_code) == (code, 150)
    assert [view.code for view in lines(block, "bank-a", 0)] == [code]
    assert [view.code for view in lines(block, "bank-b", 0)] == [150]


def test_l23_on_the_credit_side_others_see_that_it_was_not_accepted() -> None:
    """Goal: 159. Method: bank-a pays an account of bank-b that may not be paid; bank-b is told nothing, as of any refusal."""
    ledger = funded()
    ledger.block(ledger.sign(order("credit", TO), sender="operator"))
    block = ledger.block(ledger.sign(paying(), sender="bank-a"))
    receipt = block.result.receipts[0]
    assert (receipt.code, receipt.public_code) == (153, 159)
    assert [view.code for view in lines(block, "bank-a", 0)] == [159]
    assert lines(block, "bank-b", 0) == []


def test_l23_no_proof_tells_more_than_its_reader_may_know() -> None:
    """Goal: the block binds the public receipt, so no trial of codes against its leaf finds the true one. Method: proof and leaf."""
    ledger = funded()
    ledger.block(ledger.sign(order("debit", FROM), sender="operator"))
    tx = ledger.sign(paying(), sender="bank-a")
    block = ledger.block(tx)
    receipt = block.result.receipts[0]
    public = replace(receipt, code=150)
    shown = check_transaction_proof(transaction_file(block, finality_of([block], SEEDS), 0), chain=block.header.chain).receipt
    assert (receipt.code, shown) == (152, public)
    opening = opening_of(block_key(VIEW_KEY, block.header.epoch, block.header.view), 0)
    assert block.result.transaction_leaves == (transaction_leaf(tx, public, opening),)


def test_l23_codes_of_legs_are_the_public_ones() -> None:
    """Goal: mode each tips nobody off. Method: three legs, of which orders stop two."""
    ledger = funded()
    ledger.block(
        ledger.sign(order("credit", TO), sender="operator"), ledger.sign(order("debit", "bank-c/settlement", name="2"), sender="operator")
    )
    legs = (
        Leg(FROM, TO, "KGS", 5, 0, ""),
        Leg(FROM, "bank-b/w1", "KGS", 5, 0, ""),
        Leg("bank-c/settlement", "bank-b/w1", "KGS", 5, 0, ""),
    )
    block = ledger.block(ledger.sign(Pay(legs, "each", "", None, "", None, None), sender="bank-a", signers=["bank-c"]))
    assert (block.result.receipts[0].code, block.result.receipts[0].codes) == (0, (159, 0, 150))


def test_l23_neither_an_account_nor_its_balance_shows_that_there_are_orders() -> None:
    """Goal: a user who is given proofs learns nothing. Method: the leaves of an account before and after an order are the same."""
    ledger = funded()
    before = {key: value for key, value in ledger.state.leaves.items() if FROM in key}
    ledger.block(ledger.sign(order("arrest", FROM), sender="operator"))
    assert {key: value for key, value in ledger.state.leaves.items() if FROM in key} == before
    held = HoldBody(FROM, TO, "KGS", 5, 0, ledger.time_ms + HOUR_MS, "bank-b", "bank-b", "none", "escrow")
    assert ledger.block(ledger.sign(held, sender="bank-a")).result.receipts[0].public_code == 150


def test_l23_every_code_of_the_debit_side_is_150_and_of_the_credit_side_159() -> None:
    """Goal: the table of L23. Method: all codes."""
    hidden = {code: public_code(code) for code in range(1_000) if public_code(code) != code}
    assert hidden == {151: 150, 152: 150, 155: 150, 156: 150, 153: 159, 154: 159}
