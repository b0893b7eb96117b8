"""The pool over a real chain: what is kept, what is refused, and when a transaction leaves (M2, M3, M6, K18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

import node.mempool
from ledger.codec import decode_transaction, encode_transaction
from ledger.errors import BadSignature, Duplicate, Expired, LedgerError, QuorumNotMet, RefConflict, WrongChain
from ledger.participants import Participant
from ledger.transactions.bodies import GrantEnd, ParticipantPut
from node.api.backend import PoolFull
from node.mempool import Mempool
from tests.node.chain_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.transactions.bodies import Signature, Transaction


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def with_signatures(transaction: Transaction, signatures: tuple[Signature, ...]) -> Transaction:
    envelope = msgspec.msgpack.decode(transaction.raw, type=tuple[msgspec.Raw, msgspec.Raw])[0]
    return decode_transaction(encode_transaction(bytes(envelope), signatures))


async def test_m2_what_no_block_may_contain_is_refused(world: World) -> None:
    """Goal: the unorderable checks of L15 on the final state. Method: one transaction for each."""
    await world.fund()
    done = world.pay("bank-a/main", "bank-b/x0", 5)
    await world.block(done)
    conflicting = world.pay("bank-a/main", "bank-b/x0", 6, ref=done.ref)
    good = world.pay("bank-a/main", "bank-b/x0", 5)
    forged = with_signatures(good, (msgspec.structs.replace(good.signatures[0], signature=bytes(64)),))
    late = world.pay("bank-a/main", "bank-b/x0", 5, lifetime_ms=-2_000)
    too_far = world.pay("bank-a/main", "bank-b/x0", 5, lifetime_ms=10 * 3_600_000)
    stripped = with_signatures(good, ())
    chain, world.chain_id = world.chain_id, bytes(32)
    foreign = world.pay("bank-a/main", "bank-b/x0", 5)
    world.chain_id = chain
    for transaction, refusal in (
        (done, Duplicate),
        (conflicting, RefConflict),
        (forged, BadSignature),
        (late, Expired),
        (too_far, Expired),
        (stripped, QuorumNotMet),
        (foreign, WrongChain),
    ):
        assert isinstance(world.offer(transaction), refusal)
    assert world.pool.count == 0
    assert world.offer(good) is None


async def test_a_transaction_is_kept_once_however_often_it_comes(world: World) -> None:
    """Goal: invariant 18 in the pool. Method: the same bytes, other signatures over the same envelope, another envelope."""
    await world.fund()
    first = world.issue("bank-a/main", 5)
    other_signers = world.transaction(first.body, "operator", [("operator", "ops"), ("treasury", "ops")], ref=first.ref, lifetime_ms=60_000)
    assert world.offer(first) is None
    assert world.offer(first) is None
    assert isinstance(world.offer(other_signers), RefConflict)
    assert world.pool.count == 1
    assert world.pool.find(first.tx_id) is first
    assert world.pool.find_ref(first.ref_id) is first
    assert world.pool.find_raw(first.raw_id) == first.raw
    assert world.pool.has(first.raw_id)
    assert world.pool.get(other_signers.raw_id) is None


async def test_one_list_is_judged_as_if_each_came_by_itself(world: World) -> None:
    """Goal: M2, M3, order. Method: the same twice, another with its reference, a refused one between, more than there is room for."""
    await world.fund()
    world.pool = Mempool(world.chain, world.clock, transactions_max=8)
    first = world.pay("bank-a/main", "bank-b/x0", 1)
    other = world.pay("bank-a/main", "bank-b/x0", 2, ref=first.ref)
    stripped = with_signatures(world.pay("bank-a/main", "bank-b/x0", 3), ())
    more = [world.pay("bank-a/main", "bank-b/x0", 4) for _ in range(6)]
    outcomes = world.pool.admit([first, first, other, stripped, *more])
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [type(None), type(None), RefConflict, QuorumNotMet, *[type(None)] * 4, PoolFull, PoolFull]
    assert world.pool.count == 5, "its own share, and the half that all share"
    assert world.pool.get(other.raw_id) is None


async def test_m3_a_full_pool_says_when_to_come_back(world: World) -> None:
    """Goal: 429 beyond the share, and room again once blocks are final. Method: a pool of 16 for four participants."""
    await world.fund()
    world.pool = Mempool(world.chain, world.clock, transactions_max=16)
    world.builder = world.new_builder(world.builder.limits)
    outcomes = [world.offer(world.pay("bank-a/main", "bank-b/x0", 1)) for _ in range(12)]
    assert outcomes[:10] == [None] * 10
    assert all(isinstance(outcome, PoolFull) and outcome.retry_after_s > 0 for outcome in outcomes[10:])
    assert world.offer(world.pay("bank-b/main", "bank-a/x0", 1)) is None
    world.finalize(await world.build())
    assert world.pool.count == 0
    assert world.pool.bytes == 0
    assert world.offer(world.pay("bank-a/main", "bank-b/x0", 1)) is None


async def test_a_transaction_leaves_when_it_is_final_or_expired(world: World) -> None:
    """Goal: nothing stays for ever. Method: one is included, one outlives its time; who listens hears of the second."""
    await world.fund()
    dropped: list[tuple[bytes, LedgerError | None]] = []
    world.pool.on_drop(lambda transaction, refusal: dropped.append((transaction.tx_id, refusal)))
    short = world.pay("bank-a/main", "bank-b/x0", 1, lifetime_ms=1_000)
    world.admit(short)
    built = await world.builder.build(world.request(empty=True))
    assert built is not None
    world.finalize(built)
    assert world.pool.count == 1
    world.clock.now_ms += 2_000
    built = await world.builder.build(world.request(empty=True))
    assert built is not None
    world.finalize(built)
    assert world.pool.count == 0
    assert dropped == [(short.tx_id, None)]


async def test_a_copy_that_became_final_elsewhere_frees_the_reference(world: World) -> None:
    """Goal: the pool holds one of several valid copies; any of them being final ends it. Method: final with other signatures."""
    await world.fund()
    first = world.issue("bank-a/main", 5)
    world.admit(first)
    built = await world.build()
    fewer = Mempool(world.chain, world.clock)
    assert fewer.admit([first]) == [None]
    world.finalize(built)
    assert fewer.count == 0


async def test_k18_what_the_leaders_leave_out_is_judged_again(world: World) -> None:
    """Goal: a transaction that cannot be ordered any more leaves with its refusal. Method: two copies of one reference in two pools."""
    await world.fund()
    dropped: list[LedgerError | None] = []
    second = Mempool(world.chain, world.clock)
    second.on_drop(lambda _, refusal: dropped.append(refusal))
    grant = world.transaction(GrantEnd("wallet:bank-a"), "bank-a", [("bank-a", "ops")])
    payment = world.pay("bank-a/main", "bank-b/x0", 1)
    assert second.admit([payment]) == [None]
    record = world.chain.state.get("participant/bank-a")
    assert isinstance(record, Participant)
    suspension = ParticipantPut(msgspec.structs.replace(record, status="suspended"))
    suspended = world.transaction(suspension, "operator", [("operator", "ops")])
    await world.block(suspended)
    for _ in range(4):
        built = await world.builder.build(world.request(empty=True))
        assert built is not None
        world.finalize(built)
    assert second.count == 0
    assert [refusal is not None and 100 <= refusal.code <= 111 for refusal in dropped] == [True]
    assert isinstance(world.offer(grant), LedgerError)


async def test_k18_includable_is_what_the_unfinal_chain_lacks(world: World) -> None:
    """Goal: the core counts what a leader could take. Method: before, with an unfinal block, on its rival, after."""
    await world.fund()
    root = world.chain.tip.facts.block_id
    world.admit(*(world.pay("bank-a/main", "bank-b/x0", 1) for _ in range(3)))
    assert world.pool.includable(root) == 3
    built = await world.build()
    world.admit(world.pay("bank-a/main", "bank-b/x0", 1))
    assert (world.pool.includable(root), world.pool.includable(built.facts.block_id)) == (4, 1)
    world.finalize(built)
    assert world.pool.includable(built.facts.block_id) == 1


async def test_m1_what_waits_long_is_named(world: World) -> None:
    """Goal: a peer sends again what is neither final nor expired. Method: two ages."""
    await world.fund()
    old, new = world.pay("bank-a/main", "bank-b/x0", 1), world.pay("bank-a/main", "bank-b/x0", 1)
    world.admit(old)
    world.clock.now_ms += 3_000
    world.admit(new)
    assert world.pool.waiting_since(2.0) == [old.raw]


async def test_m1_what_waits_longest_is_named_within_both_limits(world: World) -> None:
    """Goal: one frame for who was just connected. Method: three wait; limits of count, of bytes, and of less than one."""
    await world.fund()
    assert world.pool.oldest(500, 1_000_000) == []
    waiting = [world.pay("bank-a/main", "bank-b/x0", 1) for _ in range(3)]
    world.admit(*waiting)
    raws = [tx.raw for tx in waiting]
    size = len(raws[0])
    assert world.pool.oldest(500, 1_000_000) == raws
    assert world.pool.oldest(2, 1_000_000) == raws[:2]
    assert world.pool.oldest(500, 2 * size + 1) == raws[:2]
    assert world.pool.oldest(500, 1) == raws[:1], "one goes in any case: no transaction is longer than a frame"


async def test_m6_who_fails_often_is_taken_last(world: World) -> None:
    """Goal: a hundred failures in a minute cost a place in the queue. Method: payments without funds, then one of each bank."""
    await world.fund(1_000)
    for _ in range(4):
        block = await world.block(*(world.pay("bank-a/x0", "bank-b/x0", 5) for _ in range(26)))
        assert all(receipt.code == 150 for receipt in block.receipts)
    world.admit(world.pay("bank-a/main", "bank-b/x0", 1), world.pay("bank-b/main", "bank-a/x1", 1))
    built = await world.build()
    assert [transaction.sender for transaction in built.transactions] == ["bank-b", "bank-a"]


async def test_what_has_left_is_not_remembered_by_its_expiry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: the pool's memory follows what is in it, not an hour of traffic. Method: a small slack; count after many blocks."""
    monkeypatch.setattr(node.mempool, "EXPIRY_SLACK", 20)
    await world.fund()
    for _ in range(10):
        await world.block(*(world.pay("bank-a/main", "bank-b/x0", 1, lifetime_ms=3_000_000) for _ in range(10)))
    world.admit(world.pay("bank-a/main", "bank-b/x0", 1, lifetime_ms=60_000))
    assert world.pool.remembered <= 31
    world.clock.now_ms += 61_000
    built = await world.builder.build(world.request(empty=True))
    assert built is not None
    world.finalize(built)
    assert world.pool.count == 0
