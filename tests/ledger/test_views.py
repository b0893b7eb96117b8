"""Views: each participant can rebuild its own tree from them, and learns nothing of what is not its business."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.blocks import Entry, view_bytes
from ledger.canonical import decode, encode
from ledger.codec import decode_transaction
from ledger.errors import Malformed
from ledger.execute import opening_of, transaction_leaf
from ledger.keys import keyed, tagged
from ledger.leaves import leaf_key, participant_secret, record_of
from ledger.lists import list_path, root_by_path
from ledger.outcomes import Ballot, Outcome, entries_by_participant
from ledger.transactions import who_sees_all
from ledger.transactions.bodies import Approve, HoldBody, Issue, Leg, Pay, Settle, Void
from ledger.views import (
    CREDITED,
    NOTHING,
    SYSTEM,
    WHOLE,
    Credited,
    View,
    credits_of,
    decode_view,
    journal_root,
    replay_views,
    salt_of,
    slot_of,
    state_root,
)
from tests.ledger.chain import PARTICIPANTS, VIEW_KEY, MemoryLedger
from tests.ledger.histories import BANKS, funded, histories

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.chain import Block


def own_leaves(ledger: MemoryLedger, participant: str) -> dict[str, bytes]:
    """Leaves of one participant's tree as stored: those whose blind is its own."""
    return {key: value for key, value in ledger.state.leaves.items() if of_tree(key, value) == participant}


def of_tree(key: str, value: bytes) -> str:
    kind, _, rest = key.partition("/")
    if kind in ("account", "balance", "refs", "total"):
        return rest.partition("/")[0]
    if kind == "hold":
        return str(getattr(record_of(key, value), "source", "")).partition("/")[0]
    if kind == "order":
        order = getattr(record_of(key, value), "order", None)
        return str(getattr(order, "subject", "")).partition("/")[0] if getattr(order, "scope", "") in ("account", "participant") else ""
    if kind == "keyset":
        return rest.partition("/")[0] if rest.count("/") == 2 else ""
    if kind == "key":
        return "operator" if "/" in str(getattr(record_of(key, value), "owner", "")) else ""
    return ""


@given(histories())
def test_invariant_21_views_alone_rebuild_each_tree_and_open_each_slot(ledger: MemoryLedger) -> None:
    """Goal: invariant 21. Method: from genesis and its own views, each participant recomputes its slot of every header."""
    leaves = {participant: own_leaves(MemoryLedger(), participant) for participant in PARTICIPANTS}
    for block in ledger.blocks:
        for index, participant in enumerate(PARTICIPANTS):
            views = block.result.views.get(participant, ())
            leaves[participant] = replay_views(leaves[participant], views)
            secret = keyed(VIEW_KEY, participant.encode())
            slot = slot_of(
                participant,
                salt=salt_of(secret, view_bytes(block.header.epoch, block.header.view)),
                state_root=state_root(leaves[participant]),
                journal=journal_root(views),
            )
            path = list_path(block.result.slots, index)
            assert root_by_path(slot, index=index, count=len(PARTICIPANTS), path=path) == block.header.participants_root
    for participant in PARTICIPANTS:
        assert leaves[participant] == own_leaves(ledger, participant)


@given(histories(blocks_max=2), st.data())
def test_invariant_21_any_altered_byte_of_a_view_is_found(ledger: MemoryLedger, data: st.DataObject) -> None:
    """Goal: invariant 21. Method: change one byte of one view: the journal root is another."""
    result = ledger.blocks[-1].result
    for participant, views in result.views.items():
        at = data.draw(st.integers(0, len(views) - 1))
        byte = data.draw(st.integers(0, len(views[at]) - 1))
        altered = bytearray(views[at])
        altered[byte] ^= 1 << data.draw(st.integers(0, 7))
        assert journal_root([*views[:at], bytes(altered), *views[at + 1 :]]) != result.journal_roots[participant]
        assert journal_root(views[:-1]) != result.journal_roots[participant]


@given(histories())
def test_invariant_21_the_union_of_slices_is_the_state(ledger: MemoryLedger) -> None:
    """Goal: nothing hashed lies outside the trees. Method: every stored leaf is in one tree, every record is a leaf."""
    sliced: dict[str, bytes] = {}
    for participant in PARTICIPANTS:
        sliced |= own_leaves(ledger, participant)
    public = {key for key, value in ledger.state.leaves.items() if value[:1] == b"\x91"}
    assert sliced.keys() | public == ledger.state.leaves.keys()
    assert not sliced.keys() & public
    hashed = {key for key in ledger.state.records if key[0] != "~"}
    assert hashed == ledger.state.leaves.keys()
    for key, value in ledger.state.leaves.items():
        assert record_of(key, value) == ledger.state.records[key]


@given(st.lists(st.tuples(st.integers(1, 90), st.sampled_from(("", "x", "y" * 35))), min_size=1, max_size=3), st.sampled_from((0, 10**9)))
def test_invariant_22_what_concerns_others_changes_no_byte_of_mine(others: list[tuple[int, str]], refused: int) -> None:
    """Goal: invariant 22. Method: two ledgers that differ in what A and B do; every byte that C gets is the same but for blinded roots."""
    seen = []
    for amounts in ([(7, "same")], [*others, (refused, "")] if refused else others):
        ledger = funded()
        mine = ledger.sign(pay("bank-c/settlement", ("bank-c/w1", 5)), sender="bank-c")
        theirs = [
            ledger.sign(
                Pay((Leg("bank-a/settlement", "bank-b/settlement", "KGS", amount, 0, text),), "atomic", text, None, text, None, None),
                sender="bank-a",
            )
            for amount, text in amounts
        ]
        block = ledger.block(mine, *theirs)
        secret = participant_secret(VIEW_KEY, "bank-c")
        salt = salt_of(secret, view_bytes(0, block.header.view))
        seen.append((block.result.views["bank-c"], block.result.roots["bank-c"], salt, block.result.slots[2]))
        assert block.header.participants_root != ledger.blocks[0].header.participants_root
    assert seen[0] == seen[1]


def pay(debit: str, *credits_: tuple[str, int]) -> Pay:
    return Pay(tuple(Leg(debit, credit, "KGS", amount, 0, "") for credit, amount in credits_), "atomic", "", None, "", None, None)


def views_of(block: Block, participant: str) -> list[View]:
    return [decode_view(view) for view in block.result.views.get(participant, ())]


def test_the_payer_sees_all_and_who_is_paid_its_own_legs_only() -> None:
    """Goal: the parts of section 6. Method: a payroll to two banks; no byte of one bank's leg reaches the other, nor does the salt."""
    ledger = funded()
    tx = ledger.sign(pay("bank-a/settlement", ("bank-b/settlement", 11), ("bank-c/w1", 22), ("bank-b/w1", 33)), sender="bank-a")
    block = ledger.block(tx)
    whole, last = views_of(block, "bank-a")
    assert (whole.part.form, last.type, last.part.form) == (WHOLE, SYSTEM, NOTHING)
    assert decode_transaction(bytes(whole.part.content)) == tx
    part, _ = views_of(block, "bank-b")
    assert part.part.form == CREDITED
    content = decode(bytes(part.part.content), Credited)
    assert [(leg.leg, leg.debit, leg.credit, leg.amount) for leg in content.credits] == [
        (0, "bank-a/settlement", "bank-b/settlement", 11),
        (2, "bank-a/settlement", "bank-b/w1", 33),
    ]
    assert content.head.ref == tx.ref
    assert [entry.account for entry in part.entries] == ["bank-b/settlement", "bank-b/w1"]
    salt = tx.raw[tx.raw.index(b"\xc4\x10") + 2 :][:16]
    for view in block.result.views["bank-b"]:
        assert b"bank-c" not in view
        assert salt not in view
    assert "operator" not in block.result.views


def test_a_refusal_is_told_to_the_payer_only() -> None:
    """Goal: who would have been paid learns nothing. Method: a payment without funds."""
    ledger = funded()
    block = ledger.block(ledger.sign(pay("bank-a/settlement", ("bank-b/settlement", 10**9)), sender="bank-a"))
    assert block.result.receipts[0].code == 150
    assert [view.code for view in views_of(block, "bank-a")] == [150, 0]
    assert block.result.views.keys() == {"bank-a"}


def test_legs_that_failed_are_not_shown_to_who_would_have_been_paid() -> None:
    """Goal: mode each shows a bank what it got. Method: the second of two legs to one bank lacks funds, the only one to another does."""
    ledger = funded()
    legs = tuple(Leg("bank-a/settlement", credit, "KGS", amount, 0, "") for credit, amount in
                 (("bank-b/settlement", 5), ("bank-b/w1", 10**9), ("bank-c/w1", 10**9)))  # fmt: skip
    block = ledger.block(ledger.sign(Pay(legs, "each", "", None, "", None, None), sender="bank-a"))
    content = decode(bytes(views_of(block, "bank-b")[0].part.content), Credited)
    assert [leg.leg for leg in content.credits] == [0]
    assert "bank-c" not in block.result.views


def test_what_is_paid_to_a_name_that_begins_like_mine_is_not_mine() -> None:
    """Goal: a name is whole. Method: one payment to bank-b and to bank-b2, asked about for both and for who has neither."""
    tx = funded().sign(pay("bank-a/settlement", ("bank-b2/settlement", 7), ("bank-b/settlement", 8)), sender="bank-a")
    outcome = Outcome(0, None, (), ())
    assert [credit[4] for credit in credits_of(tx, outcome, "bank-b")] == [8]
    assert [credit[4] for credit in credits_of(tx, outcome, "bank-b2")] == [7]
    assert credits_of(tx, outcome, "bank") == []


def test_issue_and_settle_show_the_credited_bank_where_value_came_from() -> None:
    """Goal: types without legs are shown like legs. Method: an issue, then a hold settled across banks; who has a say in it knows of it."""
    ledger = MemoryLedger()
    block = ledger.block(ledger.sign(Issue("KGS", "bank-a/settlement", 500, "basis", None), sender="operator"))
    content = decode(bytes(views_of(block, "bank-a")[0].part.content), Credited)
    assert [(one.debit, one.credit, one.amount) for one in content.credits] == [("operator/contra:KGS", "bank-a/settlement", 500)]
    until = ledger.time_ms + 60_000
    body = HoldBody("bank-a/settlement", "bank-b/settlement", "KGS", 100, 0, until, "bank-c", "bank-c", "none", "escrow")
    hold = ledger.sign(body, sender="bank-a")
    assert ledger.block(hold).result.views.keys() == {"bank-a", "bank-b", "bank-c"}
    block = ledger.block(ledger.sign(Settle(hold.tx_id, 40, b""), sender="bank-c"))
    assert [views_of(block, name)[0].part.form for name in BANKS] == [WHOLE, CREDITED, WHOLE]
    content = decode(bytes(views_of(block, "bank-b")[0].part.content), Credited)
    assert [(one.debit, one.credit, one.amount) for one in content.credits] == [("bank-a/settlement", "bank-b/settlement", 40)]


def told_of(body: Body, outcome: Outcome) -> list[str]:
    """Who sees the whole of a transaction of bank-c's that had this outcome."""
    tx = funded().sign(body, sender="bank-c")
    return sorted(who_sees_all(tx, outcome, entries_by_participant(outcome.entries)))


def test_who_is_debited_by_another_is_told_even_of_a_refusal() -> None:
    """Goal: nobody takes, or tries to take, unseen. Method: a debit of bank-a that bank-c signs, refused, so that no entry tells of it."""
    body = pay("bank-a/settlement", ("bank-b/settlement", 5))
    assert told_of(body, Outcome(150, 0, (), ())) == ["bank-a", "bank-c"]


def test_what_is_released_is_told_to_whom_it_is_given_back_but_not_what_a_payment_sweeps_in_passing() -> None:
    """Goal: who is only paid sees its own legs (L19). Method: bank-b's held value falls, by a void, by a vote, and while bank-b is paid."""
    released = Entry("bank-b/settlement", "KGS", 0, -7, 0)
    paid = (Entry("bank-c/settlement", "KGS", -5, 0, 0), Entry("bank-b/settlement", "KGS", 5, 0, 0))
    body = pay("bank-c/settlement", ("bank-b/settlement", 5))
    assert told_of(body, Outcome(0, None, (), (*paid, released))) == ["bank-c"]
    assert told_of(Void(bytes(32)), Outcome(0, None, (), (released,))) == ["bank-b", "bank-c"]
    vote = Approve(bytes(32), "bank-c/ops", "yes")
    assert told_of(vote, Outcome(0, None, (), (released,), "", Ballot((), Void(bytes(32))))) == ["bank-b", "bank-c"]


def test_a_lapsed_hold_is_an_entry_of_the_system_view() -> None:
    """Goal: L19, a sweep is an entry in the views. Method: a hold lapses, the next block is empty."""
    ledger = funded()
    body = HoldBody(
        "bank-a/settlement", "bank-b/settlement", "KGS", 100, 0, ledger.time_ms + 1_500, "bank-b", "bank-b", "none", "authorisation"
    )
    hold = ledger.block(ledger.sign(body, sender="bank-a"), later_ms=5_000)
    assert hold.result.receipts[0].code == 0
    swept = ledger.block()
    (view,) = views_of(swept, "bank-a")
    assert (view.type, [(entry.account, entry.held) for entry in view.entries]) == (SYSTEM, [("bank-a/settlement", -100)])
    assert [write.key for write in view.writes if write.value is None] == [f"hold/{hold.transactions[0].tx_id.hex()}"]


@given(histories(blocks_max=2))
@settings(max_examples=20)
def test_an_opening_opens_the_leaf_of_its_own_transaction_only(ledger: MemoryLedger) -> None:
    """Goal: the view's opening is that of transactions_root. Method: recompute each leaf from the view, with the receipt."""
    block = ledger.blocks[-1]
    k = keyed(VIEW_KEY, view_bytes(0, block.header.view))
    for index, (tx, receipt) in enumerate(zip(block.transactions, block.result.receipts, strict=True)):
        opening = opening_of(k, index)
        assert transaction_leaf(tx, receipt, opening) == block.result.transaction_leaves[index]
        told = [view for views in block.result.views.values() for view in map(decode_view, views) if view.tx_id == tx.tx_id]
        assert told
        assert {view.opening for view in told} == {opening}
        assert {view.code for view in told} == {receipt.code}
        assert sorted(entry for view in told for entry in map(encode, view.entries)) == sorted(map(encode, receipt.entries))


@pytest.mark.parametrize(
    "writes",
    [[["b", b"1"], ["a", b"1"]], [["a", b"1"], ["a", b"2"]], [["gone", None]]],
    ids=["not in order", "twice", "removes what is not there"],
)
def test_views_with_impossible_writes_are_refused(writes: list[list[object]]) -> None:
    """Goal: one state, one view. Method: writes that no block makes."""
    view = encode([1, 0, bytes(32), bytes(32), SYSTEM, 0, [0, None], [], writes])
    with pytest.raises(Malformed):
        replay_views({}, [view])


def test_by_hand() -> None:
    """Goal: pinned construction of slot, salt and blind. Method: the formulas of PROOFS.md written out."""
    ledger = funded()
    block = ledger.blocks[0]
    secret = keyed(VIEW_KEY, b"bank-a")
    salt = keyed(secret, bytes(4) + block.header.view.to_bytes(8, "big"))
    slot = tagged(b"som/slot/1", b"bank-a", b"\x00", salt, block.result.roots["bank-a"], block.result.journal_roots["bank-a"])
    assert block.result.slots[0] == slot
    key = "balance/bank-a/settlement/KGS"
    value = block.result.leaves[key]
    assert value is not None
    assert value[3:19] == tagged(b"som/blind/1", secret, leaf_key(key), (1).to_bytes(8, "big"))[:16]
    assert leaf_key(key) == tagged(b"som/key/1", b"balance", b"\x00", b"bank-a/settlement/KGS")
