"""Rules of the envelope: chain, time, signatures, the quorum of `from`, references (L13 to L15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.errors import (
    OK,
    BadSignature,
    Duplicate,
    Expired,
    Malformed,
    QuorumNotMet,
    RefConflict,
    TooManyRefs,
    Unorderable,
    WrongChain,
)
from ledger.parameters import parameter_records
from ledger.participants import Key, Keyset, Participant
from ledger.state import Count, Overlay, Refs
from ledger.transactions import apply_transaction, check_admission
from tests.ledger.world import ALICE, BOB, HOUR_MS, MAIN_A, MAIN_B, MINUTE_MS, World, make_genesis, pay, signers, verified

if TYPE_CHECKING:
    from ledger.transactions.bodies import Transaction

BANK_A = signers("bank-a/ops")
PAYMENT = pay((MAIN_A, MAIN_B, 10))


def refusal(world: World, tx: Transaction) -> type[Unorderable]:
    """Unorderable refusal of a transaction; the same in the pool and in the block, and without a trace."""
    overlay, context = Overlay(world.state), world.context()
    with pytest.raises(Unorderable) as in_block:
        apply_transaction(overlay, tx, context, verified)
    with pytest.raises(Unorderable) as in_pool:
        check_admission(world.state, tx, context, verified)
    assert type(in_block.value) is type(in_pool.value)
    assert overlay.changes == {}
    assert overlay.used == {}
    assert str(in_block.value)
    return type(in_block.value)


def payment(world: World, **changes: object) -> Transaction:
    """Sign the usual payment, then change fields of the decoded transaction."""
    return replace(world.sign(PAYMENT, by=BANK_A, sender="bank-a"), **changes)


def test_l13_another_chain_is_101() -> None:
    """Goal: a transaction is for one chain. Method: sign for another."""
    world = World(money=100)
    assert refusal(world, world.sign(PAYMENT, by=BANK_A, sender="bank-a", chain=bytes(32))) is WrongChain


@pytest.mark.parametrize(("ahead", "accepted"), [(-1, False), (0, True), (HOUR_MS, True), (HOUR_MS + 1, False)])
def test_l14_valid_until_lies_within_the_lifetime(ahead: int, *, accepted: bool) -> None:
    """Goal: L14. Method: `valid_until` at both ends of the window and just outside."""
    world = World(money=100)
    tx = world.sign(PAYMENT, by=BANK_A, sender="bank-a", valid_until=world.time_ms + ahead)
    if accepted:
        assert world.block(tx)[0].code == OK
    else:
        assert refusal(world, tx) is Expired


def test_l13_a_signature_that_does_not_verify_is_110() -> None:
    """Goal: libsodium's word counts. Method: flip one bit of the signature."""
    world = World(money=100)
    tx = payment(world)
    (whole,) = tx.signatures
    forged = bytes([whole.signature[0] ^ 1]) + whole.signature[1:]
    assert refusal(world, replace(tx, signatures=(replace(whole, signature=forged),))) is BadSignature


def test_l13_a_signature_that_is_not_needed_is_100() -> None:
    """Goal: nobody can make other bytes of the same transaction. Method: add a keyset that the payment does not need."""
    world = World(money=100)
    tx = world.sign(PAYMENT, by=[*BANK_A, *signers("bank-b/ops")], sender="bank-a")
    assert refusal(world, tx) is Malformed


@pytest.mark.parametrize("by", [[], signers("bank-b/ops"), [("bank-a", "ops", signers("bank-b/ops")[0][2])], signers("bank-a/gone")])
def test_l13_the_sender_must_agree(by: list[tuple[str, str, bytes]]) -> None:
    """Goal: L13, unknown keyset and key are 111. Method: nobody signs, another signs, another key, another keyset."""
    world = World(money=100)
    assert refusal(world, world.sign(PAYMENT, by=by, sender="bank-a")) is QuorumNotMet


def test_l13_a_key_that_does_not_count_spoils_the_keyset() -> None:
    """Goal: nothing rides along unread. Method: a good key of a 1-of-2 keyset signs beside a stranger's, then beside the second key."""
    world = World(money=100)
    stranger = ("bank-a", "ops", signers("bank-b/ops")[0][2])
    assert refusal(world, world.sign(PAYMENT, by=[*BANK_A, stranger], sender="bank-a")) is QuorumNotMet
    assert world.do(PAYMENT, by=signers("bank-a/ops", 2), sender="bank-a").code == OK


def test_l24_a_key_past_its_end_does_not_count() -> None:
    """Goal: L24. Method: the block before `not_after` and the block at it."""
    world = World(money=100)
    keyset = world.state.get("keyset/bank-a/ops")
    assert isinstance(keyset, Keyset)
    end = world.time_ms + 1_000
    world.state.records["keyset/bank-a/ops"] = replace(keyset, keys=tuple(Key(key.public_key, end) for key in keyset.keys))
    assert world.do(PAYMENT, by=BANK_A, sender="bank-a").code == OK
    assert world.time_ms == end
    assert refusal(world, payment(world)) is QuorumNotMet


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_l13_a_suspended_sender_is_111(status: str) -> None:
    """Goal: 121 is for other parties. Method: the sender itself is suspended or closed."""
    world = World(money=100)
    participant = world.state.get("participant/bank-a")
    assert isinstance(participant, Participant)
    world.state.records["participant/bank-a"] = replace(participant, status=status)
    assert refusal(world, payment(world)) is QuorumNotMet
    assert world.do(pay((ALICE, MAIN_B, 1)), by=signers(f"{ALICE}/user"), sender=ALICE).code == OK, "a user with own keys still pays (L29)"


@pytest.mark.parametrize("sender", ["bank-x", "bank-a/nobody", BOB, MAIN_A])
def test_l13_only_participants_and_accounts_with_a_keyset_send(sender: str) -> None:
    """Goal: `from` has a quorum of its own. Method: an unknown participant, an unknown account, accounts whose servicer signs."""
    world = World(money=100)
    assert refusal(world, world.sign(PAYMENT, by=BANK_A, sender=sender)) is QuorumNotMet


def test_l14_the_same_bytes_again_are_a_duplicate() -> None:
    """Goal: one effect. Method: send the same bytes twice."""
    world = World(money=100)
    tx = payment(world)
    assert world.block(tx)[0].code == OK
    assert refusal(world, tx) is Duplicate
    assert world.balance(MAIN_B) == (110, 0)


def test_l14_another_transaction_under_the_same_reference_conflicts() -> None:
    """Goal: a reference names one transaction. Method: the same reference with another amount; another sender may use it."""
    world = World(money=100)
    world.do(PAYMENT, by=BANK_A, sender="bank-a", ref="once")
    assert refusal(world, world.sign(pay((MAIN_A, MAIN_B, 11)), by=BANK_A, sender="bank-a", ref="once")) is RefConflict
    assert world.do(pay((MAIN_B, MAIN_A, 1)), by=signers("bank-b/ops"), sender="bank-b", ref="once").code == OK


def test_l15_an_ordered_refusal_uses_the_reference() -> None:
    """Goal: a receipt is the network's answer for good. Method: a payment without funds, then money, then the same bytes again."""
    world = World(money=100)
    tx = world.sign(pay((MAIN_A, MAIN_B, 1_000)), by=BANK_A, sender="bank-a")
    assert world.block(tx)[0].code == 150
    world.issue(MAIN_A, 5_000)
    assert refusal(world, tx) is Duplicate


def test_l15_a_forged_copy_does_not_use_the_reference() -> None:
    """Goal: who copies a transaction cannot burn it. Method: a copy with a wrong signature first, then the right one."""
    world = World(money=100)
    tx = payment(world)
    (whole,) = tx.signatures
    assert refusal(world, replace(tx, signatures=(replace(whole, signature=bytes(64)),))) is BadSignature
    assert world.block(tx)[0].code == OK


def test_l14_buckets_are_dropped_by_the_first_block_after_their_minute() -> None:
    """Goal: L14. Method: the last block of the minute still remembers, the first block after it does not, nor do the leaves."""
    world = World(make_genesis())
    world.time_ms -= world.time_ms % MINUTE_MS
    tx = world.sign(PAYMENT, by=BANK_A, sender="bank-a", valid_until=world.time_ms + 30_000)
    world.block(tx)
    minute = tx.valid_until // MINUTE_MS
    assert isinstance(world.state.get(f"refs/bank-a/{minute}"), Refs)
    world.time_ms = (minute + 1) * MINUTE_MS - 1
    world.block()
    assert isinstance(world.state.get(f"refs/bank-a/{minute}"), Refs)
    world.time_ms = (minute + 1) * MINUTE_MS
    world.block()
    assert [key for key in world.state.records if key.startswith(("refs/", "~refs/", "~live/"))] == []
    again = world.sign(PAYMENT, by=BANK_A, sender="bank-a", ref=tx.ref)
    assert world.block(again)[0].code == 150, "the reference is free again; the account has no money"


def test_l14_references_of_one_participant_are_limited() -> None:
    """Goal: 106. Method: a limit of two; accounts of the bank count with it, other banks do not; a past minute makes room."""
    world = World(make_genesis(params={"refs_per_participant_max": 2}))
    world.do(pay((MAIN_A, MAIN_B, 1)), by=BANK_A, sender="bank-a")
    world.do(pay((ALICE, MAIN_B, 1)), by=signers(f"{ALICE}/user"), sender=ALICE)
    assert refusal(world, payment(world)) is TooManyRefs
    assert world.do(pay((MAIN_B, MAIN_A, 1)), by=signers("bank-b/ops"), sender="bank-b").code == 150
    world.time_ms += 4 * MINUTE_MS
    world.block()
    assert world.do(PAYMENT, by=BANK_A, sender="bank-a").code == 150


def test_l14_the_limit_counts_within_a_block() -> None:
    """Goal: 106 where the references are of one block. Method: three payments in one block, a limit of two; what is then on record."""
    world = World(make_genesis(params={"refs_per_participant_max": 2}))
    first, second, third = (payment(world) for _ in range(3))
    with pytest.raises(TooManyRefs):
        world.block(first, second, third)
    world.block(first, second)
    assert world.state.get("~live/bank-a") == Count(2)
    assert refusal(world, third) is TooManyRefs


def test_l14_the_running_hash_covers_every_reference() -> None:
    """Goal: a bucket's leaf commits to its list. Method: histories that differ in their first or last transaction differ in the hash."""
    found = []
    for first, last in ((1, 1), (2, 1), (1, 2)):
        world = World()
        world.do(pay((MAIN_A, MAIN_B, first)), by=BANK_A, sender="bank-a", ref="a")
        world.do(pay((MAIN_A, MAIN_B, last)), by=BANK_A, sender="bank-a", ref="b")
        found += [record for record in world.state.records.values() if isinstance(record, Refs)]
    assert [record.count for record in found] == [2, 2, 2]
    assert len({record.running for record in found}) == 3


def test_section_5_the_order_of_checks() -> None:
    """Goal: every node gives the same code. Method: a transaction that is wrong in every way, mended from the front, step by step."""
    world = World(money=100)
    world.do(PAYMENT, by=BANK_A, sender="bank-a", ref="used")
    gone = world.time_ms - 1
    other = pay(("bank-a/nobody", MAIN_B, 10))
    stranger = [("bank-a", "ops", signers("bank-b/ops")[0][2])]
    steps = [
        (world.sign(other, by=stranger, sender="bank-a", ref="used", valid_until=gone, chain=bytes(32)), WrongChain),
        (world.sign(other, by=stranger, sender="bank-a", ref="used", valid_until=gone), Expired),
        (world.sign(other, by=stranger, sender="bank-a", ref="used"), BadSignature),
        (world.sign(other, by=stranger, sender="bank-a", ref="used"), QuorumNotMet),
        (world.sign(other, by=BANK_A, sender="bank-a", ref="used"), RefConflict),
    ]
    for index, (tx, expected) in enumerate(steps):
        found = tx
        if index <= 2:
            found = replace(tx, signatures=tuple(replace(each, signature=bytes(64)) for each in tx.signatures))
        assert refusal(world, found) is expected
    assert world.do(other, by=BANK_A, sender="bank-a").code == 122


def test_parameters_are_read_from_the_state() -> None:
    """Goal: a network may lower a limit. Method: a lifetime of a minute refuses what an hour allows."""
    world = World(money=100)
    world.state.records.update(parameter_records({"lifetime_ms_max": MINUTE_MS}))
    assert refusal(world, payment(world)) is Expired
