"""Proposals and votes (L26): who may open and vote, which votes count and when, what they carry out, and what lapses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.canonical import encode
from ledger.errors import OK, Malformed, QuorumNotMet, Unorderable
from ledger.grants import GrantRecord, Need
from ledger.holds import Hold
from ledger.proposals import CONTENT_BYTES_MAX
from ledger.transactions.bodies import Approve, GrantEnd, GrantPut, ParticipantPut, Propose
from tests.ledger.cases import CASES
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, NEW_BANK, OPERATOR, POLICY
from tests.ledger.voting_cases import BOARDS, GIVEN, ISSUED, TREASURY, ballot, is_open, opened, proposal_of, proposing, vote
from tests.ledger.world import (
    ALICE,
    BOARD,
    BOB,
    DAY_MS,
    MAIN_A,
    MAIN_B,
    ROOT_MEMBERS,
    START_MS,
    World,
    grant,
    hold,
    pay,
    signers,
)

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body

OPS = "operator/ops"


def test_l26_the_vote_that_makes_the_quorum_carries_it_out() -> None:
    """Goal: L26. Method: two of three vote; see votes kept by keyset, money issued at the second one, entries in its receipt."""
    world = World()
    found = opened(world, ISSUED)
    first = world.do(Approve(found, TREASURY, "yes"), by=ballot(TREASURY), sender="treasury")
    record = proposal_of(world, found)
    assert record is not None
    assert (first.code, first.entries) == (OK, ())
    assert [(each.keyset, each.choice, len(each.keys)) for each in record.votes] == [(TREASURY, "yes", 1)]
    second = world.do(Approve(found, BOARDS, "yes"), by=ballot(BOARDS))
    assert (second.code, [entry.posted for entry in second.entries]) == (OK, [-500, 500])
    assert world.balance(MAIN_A) == (500, 0)
    assert not is_open(world, found)
    assert vote(world, found, OPS) == 183


def test_l26_the_id_is_that_of_the_propose_and_names_what_it_places() -> None:
    """Goal: L26. Method: a hold by votes has the proposal's id and the proposer as sender."""
    world = World(money=100)
    body = hold(ALICE, BOB, 30, until=START_MS + DAY_MS, settle_by="bank-b")
    found = world.must(proposing(body), by=ALICE_SIGNS, sender=ALICE).tx_id
    world.must(Approve(found, f"{ALICE}/user", "yes"), by=[*BANK_B, *ALICE_SIGNS], sender="bank-b")
    placed = world.state.get(f"hold/{found.hex()}")
    assert isinstance(placed, Hold)
    assert world.balance(ALICE) == (100, 30)


@pytest.mark.parametrize("type_", ["propose", "approve", "order.put", "nothing", ""])
def test_l26_form_what_cannot_be_proposed(type_: str) -> None:
    """Goal: no proposal of proposals, none of an unknown type. Method: decode."""
    world = World()
    with pytest.raises(Malformed):
        world.sign(Propose(type_, encode(proposing(GIVEN)), 0, START_MS + DAY_MS), by=ballot(TREASURY), sender="treasury")


def test_l26_form_of_bodies_and_members() -> None:
    """Goal: what votes carry out was well-formed from the start. Method: bytes, form, times and names that are none."""
    world = World()
    right = proposing(GIVEN)
    wrong: list[Body] = [
        replace(right, content=b""),
        replace(right, content=encode(GIVEN) + b"\x00"),
        replace(right, content=b"\xdc\x00\x01" + encode(GIVEN)[1:]),
        replace(right, type="grant.end"),
        replace(right, content=encode(GrantPut(replace(GIVEN.grant, id="no id")))),
        replace(right, not_before=right.until),
        replace(right, content=bytes(CONTENT_BYTES_MAX + 1)),
        Approve(bytes(32), "treasury", "yes"),
        Approve(bytes(32), "Treasury/ops", "yes"),
        Approve(bytes(32), "treasury/Ops", "yes"),
        Approve(bytes(32), "treasury/ops", "perhaps"),  # type: ignore[arg-type]
    ]
    for body in wrong:
        with pytest.raises(Malformed):
            world.sign(body, by=ballot(TREASURY), sender="treasury")
    world.must(right, by=ballot(TREASURY), sender="treasury")


def test_l26_only_who_may_vote_opens_and_nothing_else_signs() -> None:
    """Goal: strangers fill nobody's tree. Method: a bank alone is 111 and keeps its reference; a signature that nobody asked for is 100."""
    world = World()
    with pytest.raises(QuorumNotMet):
        world.do(proposing(GIVEN), by=BANK_A, sender="bank-a")
    with pytest.raises(Malformed):
        world.do(proposing(GIVEN), by=[*BANK_A, *BANK_B, *signers(TREASURY)], sender="bank-a")
    with pytest.raises(Malformed):
        world.do(Approve(opened(world, GIVEN), TREASURY, "yes"), by=[*ballot(TREASURY), *OPERATOR], sender="treasury")
    assert world.do(proposing(GIVEN), by=[*BANK_A, *BOARD], sender="bank-a").code == OK


def test_l26_every_grant_that_fits_has_a_say() -> None:
    """Goal: L25. Method: a second root with another quorum; its members open and vote, and either quorum carries it out."""
    world = World()
    other = grant("root-2", "root", "treasury", need=Need(2, ("bank-a/ops", "bank-b/ops")))
    world.must(GrantPut(other), by=[*OPERATOR, *BOARD])
    found = world.must(proposing(GIVEN), by=BANK_B, sender="bank-b").tx_id
    assert [vote(world, found, member) for member in (TREASURY, "bank-a/ops", "bank-b/ops")] == [OK, OK, OK]
    assert not is_open(world, found)
    assert isinstance(world.state.get("grant/new"), GrantRecord)


def test_l26_a_vote_can_be_changed_and_withdrawn() -> None:
    """Goal: L26. Method: yes, no, yes, withdrawn; only a yes counts, and who has not voted has nothing to withdraw."""
    world = World()
    found = opened(world, GIVEN, TREASURY)
    choices: tuple[Literal["no", "withdraw"], ...] = ("no", "withdraw")
    for choice in choices:
        assert vote(world, found, TREASURY, choice) == OK
        assert vote(world, found, BOARDS) == OK
        assert is_open(world, found)
        assert vote(world, found, BOARDS, "withdraw") == OK
        record = proposal_of(world, found)
        assert record is not None
        assert [each.choice for each in record.votes] == (["no"] if choice == "no" else [])
    assert vote(world, found, TREASURY, "withdraw") == 182
    assert [vote(world, found, TREASURY), vote(world, found, OPS)] == [OK, OK]
    assert not is_open(world, found)


def test_l26_a_vote_cast_can_be_withdrawn_whatever_became_of_the_body() -> None:
    """Goal: nobody is held to a yes. Method: the grant that fits is gone: yes and no are 112, withdrawing what was cast is not."""
    world = World()
    found = world.must(proposing(ParticipantPut(NEW_BANK)), by=OPERATOR).tx_id
    world.must(Approve(found, OPS, "no"), by=OPERATOR)
    world.must(GrantEnd("register"), by=[*OPERATOR, *BOARD])
    assert vote(world, found, OPS) == 112
    assert vote(world, found, BOARDS, "no") == 112
    assert vote(world, found, OPS, "withdraw") == OK


def test_l26_what_fails_stays_open_and_may_be_approved_again() -> None:
    """Goal: L26, L15. Method: the cap refuses the second vote, which leaves no trace but its receipt; the cap rises; it votes again."""
    world = World()
    policy = world.state.records["asset/KGS"]
    stored_cap = replace(policy, policy=replace(policy.policy, cap=499))  # type: ignore[union-attr]
    world.state.records["asset/KGS"] = stored_cap
    found = opened(world, ISSUED, TREASURY)
    before = proposal_of(world, found)
    assert vote(world, found, BOARDS) == 160
    assert proposal_of(world, found) == before
    assert world.balance(MAIN_A) == (0, 0)
    assert vote(world, found, TREASURY) == OK
    world.state.records["asset/KGS"] = policy
    assert vote(world, found, BOARDS) == OK
    assert world.balance(MAIN_A) == (500, 0)


def test_l26_a_missing_signature_of_a_vote_is_unorderable() -> None:
    """Goal: L15. Method: the board votes with one key of two."""
    world = World()
    found = opened(world, GIVEN, TREASURY)
    with pytest.raises(QuorumNotMet):
        world.do(Approve(found, BOARDS, "yes"), by=[*OPERATOR, *BOARD[:1]])
    assert is_open(world, found)


@pytest.mark.parametrize("member", ["treasury/ops", "bank-a/ops", "treasury/gone"])
def test_l26_who_has_no_say(member: str) -> None:
    """Goal: L26. Method: a keyset outside need.of is 182, one that is none 111."""
    world = World()
    found = opened(world, GIVEN)
    tx = world.sign(Approve(found, member, "no"), by=[*OPERATOR, *signers(member)])
    if member == "treasury/gone":
        with pytest.raises(Unorderable):
            world.block(tx)
    else:
        assert world.block(tx)[0].code == 182


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(ROOT_MEMBERS), st.sampled_from(("yes", "yes", "no", "withdraw"))), max_size=8), st.integers(1, 3))
def test_l26_the_quorum_is_counted_as_on_one_envelope(votes: list[tuple[str, str]], needed: int) -> None:
    """Goal: L25. Method: any votes in any order against a set of names: carried out by the yes that makes the number, and no other."""
    world = World()
    record = world.state.records["grant/root"]
    assert isinstance(record, GrantRecord)
    world.state.records["grant/root"] = replace(record, grant=replace(record.grant, need=Need(needed, ROOT_MEMBERS)))
    found, agreed, cast = opened(world, GIVEN), set[str](), set[str]()
    for member, choice in votes:
        code = vote(world, found, member, choice)  # type: ignore[arg-type]
        if choice == "withdraw":
            assert code == (OK if member in cast else 182)
            cast.discard(member)
        else:
            assert code == OK
            cast.add(member)
        (agreed.add if choice == "yes" else agreed.discard)(member)
        assert is_open(world, found) == (choice != "yes" or len(agreed) < needed)
        if not is_open(world, found):
            return


def test_l26_a_pay_by_votes_in_mode_each_has_codes_per_leg() -> None:
    """Goal: the receipt is the body's. Method: one leg of two fails."""
    world = World(money=100)
    body = pay((ALICE, MAIN_B, 1), (ALICE, BOB, 200), mode="each")
    found = world.must(proposing(body), by=ALICE_SIGNS, sender=ALICE).tx_id
    outcome = world.do(Approve(found, f"{ALICE}/user", "yes"), by=ALICE_SIGNS, sender=ALICE)
    assert (outcome.code, outcome.codes, len(outcome.entries)) == (OK, (OK, 150), 2)


def test_l26_asset_and_issuer_vote_together() -> None:
    """Goal: keysets that a body needs beside a quorum vote, too. Method: asset.put needs the issuer's ops and root: not before both."""
    world = World()
    body = next(case.make(world) for case in CASES if case.name == "asset.put, new")
    body = replace(body, policy=replace(POLICY, issuer="bank-b"))
    found = world.must(proposing(body), by=BANK_B, sender="bank-b").tx_id
    assert [vote(world, found, TREASURY), vote(world, found, BOARDS)] == [OK, OK]
    assert is_open(world, found)
    assert vote(world, found, "bank-b/ops") == OK
    assert not is_open(world, found)
