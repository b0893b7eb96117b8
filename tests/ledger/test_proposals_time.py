"""Proposals as time goes by (L19, L24, L26): which votes count then, new keys, what lapses, and what no step may change."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.blocks import BLOCK_LEGS_MAX
from ledger.errors import OK, InvariantBroken, QuorumNotMet
from ledger.execute import Execution, legs_of
from ledger.grants import GrantRecord, Need
from ledger.invariants import WholeSums, check_transaction
from ledger.keys import public_key_of
from ledger.leaves import LEAF_BYTES_MAX, Leaves
from ledger.parameters import parameter_records
from ledger.participants import Key, Keyset, KeysetRecord
from ledger.proposals import CONTENT_BYTES_MAX, OPEN_MAX, VOTES_MAX, Proposal, Vote, proposal_key
from ledger.recovery import record_of
from ledger.state import Overlay
from ledger.transactions.bodies import AccountSet, Approve, GrantPut, KeysetPut
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, OPERATOR
from tests.ledger.voting_cases import BOARDS, GIVEN, TREASURY, is_open, opened, proposal_of, proposing, stored, vote
from tests.ledger.world import (
    ALICE,
    BOARD,
    BOB,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    START_MS,
    World,
    grant,
    hold,
    keyset,
    pay,
    seed_of,
    signers,
    verified,
)

OPS = "operator/ops"


def test_l26_not_before_holds_votes_back_and_nothing_happens_by_itself() -> None:
    """Goal: L26. Method: a quorum too early keeps its votes; time passes, blocks pass: nothing; the next yes carries it out."""
    world = World()
    found = opened(world, GIVEN, TREASURY, BOARDS, OPS, not_before=START_MS + HOUR_MS)
    world.time_ms = START_MS + HOUR_MS - 1
    assert vote(world, found, TREASURY) == OK
    assert is_open(world, found)
    world.time_ms = START_MS + HOUR_MS
    world.block()
    world.block()
    assert is_open(world, found)
    assert vote(world, found, BOARDS, "no") == OK
    assert is_open(world, found)
    assert vote(world, found, OPS) == OK
    assert not is_open(world, found)


def test_l26_votes_count_as_of_now_keys() -> None:
    """Goal: `valid then`. Method: one of the board's two voting keys is rotated out: its vote is none until it votes anew."""
    world = World()
    found = opened(world, GIVEN, BOARDS)
    by = [("operator", "board", seed_of("operator", "board", index)) for index in (0, 1, 3)]
    other = keyset("operator", "board", 2, 4)
    keys = tuple(key for key in other.keys if key.public_key != keyset("operator", "board").keys[0].public_key)
    world.must(KeysetPut("operator", replace(other, keys=keys)), by=[*OPERATOR, *by])
    assert vote(world, found, TREASURY) == OK
    assert is_open(world, found)
    world.must(Approve(found, BOARDS, "withdraw"), by=[*OPERATOR, *by[1:]])
    world.must(Approve(found, BOARDS, "yes"), by=[*OPERATOR, *by[1:]])
    assert not is_open(world, found)


def test_l26_a_vote_outlives_a_key_that_it_can_spare() -> None:
    """Goal: m of those that signed and still count. Method: the board votes with three keys of which it needs two; one is rotated out."""
    world = World()
    found = opened(world, GIVEN)
    three = signers("operator/board", 3)
    world.must(Approve(found, BOARDS, "yes"), by=[*OPERATOR, *three])
    whole = keyset("operator", "board", 2, 3)
    world.must(KeysetPut("operator", replace(whole, keys=whole.keys[1:])), by=[*OPERATOR, *three])
    assert vote(world, found, TREASURY) == OK
    assert not is_open(world, found)


def test_l26_votes_count_as_of_now_expired_keys() -> None:
    """Goal: `valid then`. Method: a key that voted passes its not_after before the last vote."""
    world = World()
    found = opened(world, GIVEN, TREASURY)
    record = world.state.records["keyset/" + TREASURY]
    assert isinstance(record, Keyset)
    late = Key(record.keys[0].public_key, START_MS + HOUR_MS)
    world.state.records["keyset/" + TREASURY] = replace(record, keys=(late,))
    world.time_ms = START_MS + HOUR_MS
    assert vote(world, found, BOARDS) == OK
    assert is_open(world, found)
    assert vote(world, found, OPS) == OK
    assert not is_open(world, found)


def test_l26_votes_count_as_of_now_m_of_the_keyset() -> None:
    """Goal: `valid then`. Method: a keyset needs more keys than when it voted."""
    world = World()
    found = opened(world, GIVEN, BOARDS)
    record = world.state.records["keyset/" + BOARDS]
    world.state.records["keyset/" + BOARDS] = replace(record, m=3)
    assert vote(world, found, TREASURY) == OK
    assert is_open(world, found)


def test_l26_votes_count_as_of_now_participants() -> None:
    """Goal: `valid then`. Method: a voter is suspended before the last vote, and active again."""
    world = World()
    found = opened(world, GIVEN, TREASURY)
    active = world.state.records["participant/treasury"]
    world.state.records["participant/treasury"] = replace(active, status="suspended")
    assert vote(world, found, BOARDS) == OK
    assert is_open(world, found)
    world.state.records["participant/treasury"] = active
    assert vote(world, found, BOARDS) == OK
    assert not is_open(world, found)


def test_l26_votes_count_as_of_now_grants() -> None:
    """Goal: `valid then`. Method: the quorum that the votes would make has got another member list, and root needs three."""
    world = World()
    found = opened(world, GIVEN, TREASURY)
    record = world.state.records["grant/root"]
    assert isinstance(record, GrantRecord)
    world.state.records["grant/root"] = replace(record, grant=replace(record.grant, need=Need(2, (BOARDS, OPS))))
    assert vote(world, found, TREASURY) == 182
    assert vote(world, found, BOARDS) == OK
    assert is_open(world, found)
    assert vote(world, found, OPS) == OK
    assert not is_open(world, found)


def test_l26_the_proposer_may_be_gone() -> None:
    """Goal: votes carry it, not who opened. Method: the proposer is suspended; the quorum of others is enough."""
    world = World()
    world.must(GrantPut(grant("root-2", "root", "treasury", need=Need(1, ("bank-a/ops",)))), by=[*OPERATOR, *BOARD])
    found = world.must(proposing(GIVEN), by=BANK_A, sender="bank-a").tx_id
    world.state.records["participant/bank-a"] = replace(world.state.records["participant/bank-a"], status="suspended")
    assert [vote(world, found, BOARDS), vote(world, found, OPS)] == [OK, OK]
    assert not is_open(world, found)


def test_l26_new_keys_sign_the_propose() -> None:
    """Goal: L24 with votes. Method: a rotation needs its new key's signature on the propose, and the current keyset's vote."""
    world = World()
    body = KeysetPut("bank-b", keyset("bank-b", "ops", start=5))
    with pytest.raises(QuorumNotMet):
        world.do(proposing(body), by=BANK_B, sender="bank-b")
    found = world.must(proposing(body), by=[*BANK_B, signers("bank-b/ops", 6)[5]], sender="bank-b").tx_id
    with pytest.raises(QuorumNotMet):
        world.do(Approve(found, "bank-b/ops", "yes"), by=[*OPERATOR, signers("bank-b/ops", 6)[5]])
    assert vote(world, found, "bank-b/ops") == OK
    assert world.state.get("keyset/bank-b/ops") == record_of(body.keyset)


def test_l26_a_new_key_does_not_vote() -> None:
    """Goal: having signed as a new key is no vote. Method: it comes into the current keyset by another way; only the servicer votes."""
    world = World()
    new = signers(f"{ALICE}/user", 2)[1]
    body = AccountSet(ALICE, "", keyset(ALICE, "user", start=1))
    found = world.must(proposing(body), by=[*BANK_A, new], sender="bank-a").tx_id
    record = proposal_of(world, found)
    assert record is not None
    assert record.new_keys == (public_key_of(new[2]),)
    world.must(KeysetPut(ALICE, keyset(ALICE, "user", 1, 2)), by=[*ALICE_SIGNS, new], sender=ALICE)
    assert vote(world, found, "bank-a/ops") == OK
    assert is_open(world, found)
    world.must(Approve(found, f"{ALICE}/user", "yes"), by=ALICE_SIGNS, sender=ALICE)
    assert not is_open(world, found)


def test_l26_the_first_keyset_of_a_bank_by_votes() -> None:
    """Goal: L24. Method: the registrar's vote, the new keys' signatures on the propose; a copy without one of them is 111."""
    world = World()
    body = proposing(KeysetPut("bank-b", keyset("bank-b", "board", 2, 2)))
    with pytest.raises(QuorumNotMet):
        world.do(body, by=[*OPERATOR, *signers("bank-b/board")])
    found = world.must(body, by=[*OPERATOR, *signers("bank-b/board", 2)]).tx_id
    assert vote(world, found, OPS) == OK
    assert isinstance(world.state.get("keyset/bank-b/board"), Keyset)


def test_l26_sixty_four_open_and_lapsed_ones_make_room() -> None:
    """Goal: L26, bounded. Method: 64 by a bank and its account, then 127; a lapsed one that waits for its sweep is none, and goes."""
    world = World(money=100)
    body = proposing(pay((ALICE, MAIN_B, 1)), until=START_MS + 2 * HOUR_MS)
    txs = [world.sign(body, by=ALICE_SIGNS, sender=ALICE) for _ in range(OPEN_MAX)]
    assert {outcome.code for outcome in world.block(*txs)} == {OK}
    assert world.do(body, by=ALICE_SIGNS, sender=ALICE).code == 127
    assert world.do(proposing(pay((MAIN_A, MAIN_B, 1))), by=BANK_A, sender="bank-a").code == 127
    assert world.do(proposing(pay((MAIN_B, MAIN_A, 1))), by=BANK_B, sender="bank-b").code == OK
    world.state.records.update(parameter_records({"sweep_max": 3}))
    world.time_ms = START_MS + 2 * HOUR_MS
    assert world.do(proposing(pay((MAIN_A, MAIN_B, 1))), by=BANK_A, sender="bank-a").code == OK
    assert len(world.state.scan("~proposals/bank-a/", "~proposals/bank-a/~", 100)) == 1


def test_l26_lapses_in_order_within_the_sweeps_writes() -> None:
    """Goal: L19. Method: four lapse with a hold between them; a block sweeps three leaves, and what waits is void for every vote."""
    world = World(money=100)
    first = [opened(world, GIVEN, until=START_MS + HOUR_MS + step) for step in (0, 2, 2)]
    world.must(hold(ALICE, BOB, 10, until=START_MS + HOUR_MS + 1), by=ALICE_SIGNS, sender=ALICE)
    last = opened(world, GIVEN, until=START_MS + HOUR_MS + 3)
    world.state.records.update(parameter_records({"sweep_max": 3}))
    world.time_ms = START_MS + HOUR_MS + 3
    assert vote(world, last, TREASURY) == 183
    assert [is_open(world, each) for each in (*first, last)] == [False, True, True, True]
    assert world.balance(ALICE) == (100, 10)
    world.block()
    assert world.balance(ALICE) == (100, 0)
    assert [is_open(world, each) for each in first] == [False, True, True]
    world.block()
    assert not any(is_open(world, each) for each in (*first, last))


def test_l26_an_end_is_an_end() -> None:
    """Goal: L19. Method: a vote at `until` is too late, one millisecond before is not."""
    world = World()
    found = opened(world, GIVEN, until=START_MS + HOUR_MS)
    world.time_ms = START_MS + HOUR_MS - 1
    assert vote(world, found, TREASURY) == OK
    world.time_ms = START_MS + HOUR_MS
    assert vote(world, found, BOARDS) == 183


def test_l26_the_largest_proposal_fits_into_a_leaf() -> None:
    """Goal: views carry every record. Method: all fields at their limits, encoded as a leaf."""
    votes = tuple(Vote("a" * 85, "yes", (bytes(32),) * 32) for _ in range(VOTES_MAX))
    record = Proposal(bytes(32), "p" * 64, "t" * 35, bytes(CONTENT_BYTES_MAX), (bytes(32),) * 32, 2**48, 2**48, votes)
    assert len(Leaves("bank-a", view_key=bytes(32), height=1).put("proposal/x", record)) <= LEAF_BYTES_MAX


def test_l26_a_vote_counts_the_legs_that_it_may_move() -> None:
    """Goal: block_legs_max, also by votes. Method: votes on a pay of three legs until the block is full by one leg."""
    world = World(money=100)
    world.state.records.update(parameter_records({"block_legs_max": 1_000}))
    body = pay((ALICE, MAIN_B, 1), (ALICE, BOB, 1), (ALICE, MAIN_A, 1))
    found = world.must(proposing(body), by=ALICE_SIGNS, sender=ALICE).tx_id
    approve = world.sign(Approve(found, f"{ALICE}/user", "yes"), by=ALICE_SIGNS, sender=ALICE)
    overlay = Overlay(world.state)
    assert legs_of(approve, overlay) == 3
    assert legs_of(world.sign(Approve(bytes(32), TREASURY, "yes"), by=OPERATOR), overlay) == 1
    assert legs_of(world.sign(Approve(opened(world, GIVEN), TREASURY, "yes"), by=OPERATOR), Overlay(world.state)) == 1
    execution = Execution(world.state, world.context(), bytes(32), verified)
    large = world.sign(pay(*[(MAIN_A, MAIN_B, 1)] * 998), by=BANK_A, sender="bank-a")
    execution.apply(large)
    assert not execution.fits(approve)
    assert BLOCK_LEGS_MAX >= 1_000


def test_l26_no_step_changes_what_was_agreed_to() -> None:
    """Goal: L12. Method: post-states that no rule makes: another content, another record, more than 64."""
    world = World()
    found = opened(world, GIVEN)
    record = proposal_of(world, found)
    assert record is not None
    for after in (
        replace(record, content=b"other"),
        replace(record, until=record.until + 1),
        KeysetRecord("ops", 1, (Key(bytes(32), 0),), "", 0, None),
    ):
        overlay = Overlay(world.state)
        mark = overlay.mark()
        overlay.put(proposal_key(found), after)
        with pytest.raises(InvariantBroken):
            check_transaction(overlay, mark, (), "approve")
    sums = WholeSums()
    for number in range(OPEN_MAX + 1):
        sums.add(f"proposal/{number}", replace(record, proposer="bank-a" if number % 2 else ALICE))
    with pytest.raises(InvariantBroken):
        sums.check()


def test_l26_stored_bodies_are_read_as_they_were_opened() -> None:
    """Goal: our own fault is no refusal. Method: a stored proposal of a type that does not exist stops the node."""
    world = World()
    found = opened(world, GIVEN)
    stored(type="nothing")(world, GIVEN)
    with pytest.raises(AssertionError):
        vote(world, found, TREASURY)
