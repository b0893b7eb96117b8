"""Who sees a proposal and its votes (L26, section 6): everybody who may vote sees all of it, its record is the proposer's alone."""

from __future__ import annotations

from ledger.canonical import decode
from ledger.grants import Need
from ledger.proposals import Proposal, proposal_key
from ledger.transactions.bodies import Approve, GrantPut, HoldBody, Issue, Leg, Pay, Void
from ledger.views import CREDITED, WHOLE, Credited, View, decode_view, replay_views, state_root
from tests.ledger.chain import PARTICIPANTS, Block, MemoryLedger
from tests.ledger.chain import grant as given
from tests.ledger.histories import funded
from tests.ledger.test_views import own_leaves
from tests.ledger.voting_cases import proposing

HOUR_MS = 3_600_000


def shared_root(ledger: MemoryLedger) -> None:
    """Give bank-a and bank-b a quorum of two for `issue`."""
    record = given("issue-2", "issue", "KGS")
    body = GrantPut(
        type(record.grant)("issue-2", "operator", "issue", record.grant.scope, None, Need(2, ("bank-a/ops", "bank-b/ops")), (), 0, 0, 0)
    )
    assert ledger.block(ledger.sign(body, sender="operator")).result.receipts[0].code == 0


def lines(block: Block, participant: str, index: int) -> list[View]:
    """Return the views of a participant of one transaction."""
    return [view for view in map(decode_view, block.result.views.get(participant, ())) if view.index == index]


def parts(block: Block, index: int) -> dict[str, int]:
    """Who is told of a transaction, and how much."""
    return {name: view.part.form for name in PARTICIPANTS for view in lines(block, name, index)}


def test_l26_who_may_vote_sees_proposal_and_votes() -> None:
    """Goal: views to all in need.of. Method: bank-a and bank-b decide on an issue to bank-c; see who gets what, and whose tree changes."""
    ledger = funded()
    shared_root(ledger)
    body = proposing(Issue("KGS", "bank-c/settlement", 70, "by votes", None), until=ledger.time_ms + HOUR_MS)
    propose = ledger.sign(body, sender="bank-a")
    opened = ledger.block(propose)
    assert parts(opened, 0) == {"bank-a": WHOLE, "bank-b": WHOLE, "operator": WHOLE}
    key = proposal_key(propose.tx_id)
    holders = [
        name
        for name in PARTICIPANTS
        if key in {write.key for view in map(decode_view, opened.result.views.get(name, ())) for write in view.writes}
    ]
    assert holders == ["bank-a"]
    assert isinstance(ledger.state.get(key), Proposal)
    votes = [ledger.sign(Approve(propose.tx_id, f"{name}/ops", "yes"), sender=name) for name in ("bank-b", "bank-c", "bank-a")]
    block = ledger.block(*votes)
    assert [receipt.code for receipt in block.result.receipts] == [0, 182, 0]
    assert parts(block, 0) == {"bank-a": WHOLE, "bank-b": WHOLE, "operator": WHOLE}
    assert parts(block, 1) == {"bank-a": WHOLE, "bank-b": WHOLE, "bank-c": WHOLE, "operator": WHOLE}
    assert parts(block, 2) == {"bank-a": WHOLE, "bank-b": WHOLE, "bank-c": CREDITED, "operator": WHOLE}
    assert [entry.posted for entry in lines(block, "bank-c", 2)[0].entries] == [70]
    assert ledger.state.get(key) is None


def test_l26_a_refused_propose_is_nobodys_business() -> None:
    """Goal: no noise. Method: a propose that lies open too long is seen by its signers only."""
    ledger = funded()
    shared_root(ledger)
    body = proposing(Issue("KGS", "bank-c/settlement", 70, "", None), until=ledger.time_ms + 1_000 * HOUR_MS)
    block = ledger.block(ledger.sign(body, sender="bank-a"))
    assert block.result.receipts[0].code == 184
    assert parts(block, 0) == {"bank-a": WHOLE}


def test_l26_who_is_paid_by_votes_sees_what_a_payment_shows() -> None:
    """Goal: a reference is not lost on the way. Method: two banks pay by votes; the credited bank sees its legs, and no other's."""
    ledger = funded()
    legs = (
        Leg("bank-a/settlement", "bank-c/settlement", "KGS", 12, 0, "one"),
        Leg("bank-b/settlement", "bank-a/settlement", "KGS", 13, 0, "two"),
    )
    propose = ledger.sign(proposing(Pay(legs, "atomic", "", None, "", None, None), until=ledger.time_ms + HOUR_MS), sender="bank-a")
    votes = [ledger.sign(Approve(propose.tx_id, f"{name}/ops", "yes"), sender=name) for name in ("bank-b", "bank-a")]
    block = ledger.block(propose, *votes)
    assert [receipt.code for receipt in block.result.receipts] == [0, 0, 0]
    assert parts(block, 2) == {"bank-a": WHOLE, "bank-b": WHOLE, "bank-c": CREDITED}
    credited = decode(bytes(lines(block, "bank-c", 2)[0].part.content), Credited)
    assert [(each.leg, each.amount, each.reference) for each in credited.credits] == [(0, 12, "one")]
    assert credited.head.type == "approve"


def test_l26_a_void_by_votes_is_shown_to_whose_value_it_frees() -> None:
    """Goal: as a void. Method: bank-b voids by a vote what bank-a's account reserves."""
    ledger = funded()
    until = ledger.time_ms + HOUR_MS
    hold = ledger.sign(
        HoldBody("bank-a/settlement", "bank-b/settlement", "KGS", 70, 0, until, "bank-b", "bank-b", "none", "escrow"), sender="bank-a"
    )
    propose = ledger.sign(proposing(Void(hold.tx_id), until=until), sender="bank-b")
    block = ledger.block(hold, propose, ledger.sign(Approve(propose.tx_id, "bank-b/ops", "yes"), sender="bank-b"))
    assert parts(block, 2) == {"bank-a": WHOLE, "bank-b": WHOLE}


def test_l26_replaying_views_gives_the_proposers_tree() -> None:
    """Goal: invariant 21 with proposals. Method: open, vote, lapse by a sweep; replay each participant's views."""
    ledger = funded()
    shared_root(ledger)
    before = {name: own_leaves(ledger, name) for name in PARTICIPANTS}
    known = len(ledger.blocks)
    body = proposing(Issue("KGS", "bank-c/settlement", 70, "", None), until=ledger.time_ms + 1_500)
    propose = ledger.sign(body, sender="bank-a")
    ledger.block(propose)
    ledger.block(ledger.sign(Approve(propose.tx_id, "bank-b/ops", "no"), sender="bank-b"))
    ledger.block()
    assert ledger.state.get(proposal_key(propose.tx_id)) is None
    for name in PARTICIPANTS:
        views = [view for block in ledger.blocks[known:] for view in block.result.views.get(name, ())]
        assert state_root(replay_views(before[name], views)) == ledger.blocks[-1].result.roots[name]
