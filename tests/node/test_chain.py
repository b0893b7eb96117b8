"""A block's life: judged on its parent, kept, made final, or dropped with its branch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from consensus.events import Verdict
from ledger.blocks import BLOCK_BYTES_MAX, BLOCK_SIGNATURES_MAX, body_hash, encode_body, header_bytes
from ledger.codec import encode_transaction
from ledger.execute import Execution
from node import transactions
from node.blocks import BodyMismatch
from node.judge import Invalid, decode_body
from node.records import StoredBlock
from node.wire import header_of
from tests.node.chain_world import World, certificate_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ledger.transactions.bodies import Transaction
    from node.blocks import BuiltBlock


@pytest.fixture
def leader(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "leader")
    yield world
    world.close()


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "follower")
    yield world
    world.close()


async def follow(world: World, *built: BuiltBlock) -> None:
    for block in built:
        judgement = await world.chain.judge(block.stored)
        assert judgement.verdict is Verdict.VALID, judgement.reason
    world.finalize(*built)


def forged(world: World, block: StoredBlock, **changes: object) -> StoredBlock:
    """Put the same body under another header, its hash made to fit the view it names."""
    _, header = header_of(block.header)
    other = msgspec.structs.replace(header, **changes)
    if "body" not in changes:
        other = msgspec.structs.replace(
            other, body=body_hash(block.body, view_key=world.chain.view_key_of(0), epoch=other.epoch, view=other.view)
        )
    return StoredBlock(header_bytes(other), block.body)


def refilled(world: World, block: StoredBlock, raws: Sequence[bytes]) -> StoredBlock:
    """Put the same header over another body."""
    return forged(world, StoredBlock(block.header, encode_body(raws)))


async def test_a_judged_block_gives_the_leaders_state(leader: World, follower: World) -> None:
    """Goal: invariant 19, one block on two nodes. Method: build here, judge there, compare trees and records."""
    await leader.fund()
    first = leader.chain.tip
    stored = leader.chain.final_bytes(1)
    assert stored is not None
    assert (await follower.chain.judge(stored)).verdict is Verdict.VALID
    follower.chain.finalize([first.facts.block_id], certificate_of(first.facts.view, first.facts.block_id))
    leader.admit(leader.pay("bank-a/main", "bank-b/x0", 5))
    built = await leader.build()
    leader.finalize(built)
    await follow(follower, built)
    assert follower.chain.tip.header_bytes == leader.chain.tip.header_bytes
    assert follower.chain.state.trees == leader.chain.state.trees
    assert follower.chain.state.roots == leader.chain.state.roots
    assert follower.chain.state.get("balance/bank-b/x0/KGS") == leader.chain.state.get("balance/bank-b/x0/KGS")


async def test_a_body_that_does_not_hash_to_its_header_is_no_verdict(leader: World, follower: World) -> None:
    """Goal: section 2 of consensus.md: such a body does not use up the id. Method: judge the wrong one, then the right one."""
    leader.admit(leader.issue("bank-a/main", 10))
    built = await leader.build()
    wrong = StoredBlock(built.stored.header, encode_body([]))
    assert not follower.chain.body_fits(wrong.header, wrong.body)
    assert follower.chain.body_fits(built.stored.header, built.stored.body)
    with pytest.raises(BodyMismatch):
        await follower.chain.judge(wrong)
    assert (await follower.chain.judge(built.stored)).verdict is Verdict.VALID


async def test_a_body_put_together_here_is_judged_like_any_other(leader: World, follower: World) -> None:
    """Goal: the same verdict and state by ids as by bytes. Method: two payments; both, one and none of them remembered."""
    await leader.fund()
    first, stored = leader.chain.tip.facts, leader.chain.final_bytes(1)
    assert stored is not None
    assert (await follower.chain.judge(stored)).verdict is Verdict.VALID
    follower.chain.finalize([first.block_id], certificate_of(first.view, first.block_id))
    paid = [leader.pay("bank-a/main", "bank-b/x0", amount) for amount in (5, 6)]
    for transaction in paid:
        leader.admit(transaction)
    built = await leader.build()
    ids = [transaction.raw_id for transaction in built.transactions]
    for known in (2, 1, 0):
        follower.chain.cache.forget(ids)
        for transaction in built.transactions[:known]:
            follower.chain.cache.remember(transaction)
        decoded = await decode_body(built.stored.body, follower.chain.cache, follower.chain.stages, ids)
        assert decoded == built.transactions
    follower.chain.cache.forget(ids)
    assert (await follower.chain.judge(built.stored, ids)).verdict is Verdict.VALID


async def test_a_body_put_together_here_has_the_limits_of_any_other(leader: World) -> None:
    """Goal: how a body came makes no difference. Method: one of more bytes, and one of more transactions, than any may have."""
    await leader.fund()
    small = leader.pay("bank-a/main", "bank-b/x0", 5)
    leader.chain.cache.remember(small)
    for count in (BLOCK_SIGNATURES_MAX + 1, BLOCK_BYTES_MAX // len(small.raw) + 1):
        body = encode_body([small.raw] * count)
        with pytest.raises(Invalid, match="malformed"):
            await decode_body(body, leader.chain.cache, leader.chain.stages, [small.raw_id] * count)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"transactions_root": bytes(32)}, "transactions_root"),
        ({"participants_root": bytes(32)}, "participants_root"),
        ({"assets_root": bytes(32)}, "assets_root"),
        ({"governance_root": bytes(32)}, "governance_root"),
        ({"chain": bytes(32)}, "chain"),
        ({"epoch": 1}, "epoch"),
        ({"height": 2}, "height"),
        ({"view": 0}, "view"),
        ({"view": 2}, "proposer"),
        ({"proposer": 2}, "proposer"),
        ({"time_ms": 1}, "time"),
        ({"next": b"\x01" * 32}, "next"),
    ],
)
async def test_a_header_with_one_wrong_field_is_invalid(leader: World, follower: World, change: dict[str, object], reason: str) -> None:
    """Goal: K8, False for a broken rule of a matching body. Method: change one field of a good header."""
    leader.admit(leader.issue("bank-a/main", 10))
    built = await leader.build()
    judgement = await follower.chain.judge(forged(leader, built.stored, **change))
    assert judgement.verdict is Verdict.INVALID
    assert reason in judgement.reason
    assert not follower.chain.holds(judgement.block_id)
    assert (await follower.chain.judge(built.stored)).verdict is Verdict.VALID


async def test_an_unorderable_transaction_makes_the_block_invalid(leader: World, follower: World) -> None:
    """Goal: L15. Method: a repeated, an expired, a wrongly signed transaction, bytes that are none, and too many bytes."""
    issue = leader.issue("bank-a/main", 10)
    late = leader.transaction(
        leader.issue("bank-a/main", 1).body, "operator", [("operator", "ops"), ("operator", "board")], lifetime_ms=-500
    )
    envelope = issue.raw[1 : 1 + len(issue.raw) - 1]
    leader.admit(issue)
    built = await leader.build()
    bad_signature = msgspec.structs.replace(issue.signatures[0], signature=bytes(64))
    forged_copy = encode_transaction(_envelope_of(issue), [bad_signature, *issue.signatures[1:]])
    for raws, reason in (
        ([issue.raw, issue.raw], "cannot be ordered: 104"),
        ([late.raw], "cannot be ordered: 102"),
        ([forged_copy], "cannot be ordered: 110"),
        ([b"\x90"], "malformed"),
        ([envelope], "malformed"),
    ):
        judgement = await follower.chain.judge(refilled(leader, built.stored, raws))
        assert judgement.verdict is Verdict.INVALID
        assert reason in judgement.reason
    assert (await follower.chain.judge(built.stored)).verdict is Verdict.VALID


def _envelope_of(transaction: Transaction) -> bytes:
    return bytes(msgspec.msgpack.decode(transaction.raw, type=tuple[msgspec.Raw, msgspec.Raw])[0])


async def test_an_unknown_parent_is_no_verdict(leader: World, follower: World) -> None:
    """Goal: a child is judged after its parent only. Method: child first, then both."""
    leader.admit(leader.issue("bank-a/main", 10))
    parent = await leader.build()
    child = await leader.build(parent=parent.facts)
    assert (await follower.chain.judge(child.stored)).verdict is Verdict.NONE
    await follow(follower, parent, child)
    assert follower.chain.tip.facts == child.facts


async def test_a_child_waits_for_a_parent_that_is_being_judged(leader: World, follower: World) -> None:
    """Goal: judges of a chain may be asked at once, parents first. Method: three blocks at the same time, one of them twice."""
    leader.admit(*(leader.issue("bank-a/main", 10) for _ in range(120)))
    first = await leader.build()
    leader.admit(leader.issue("bank-b/main", 10))
    second = await leader.build(parent=first.facts)
    third = await leader.build(parent=second.facts)
    blocks = (first, first, second, third)
    judgements = await asyncio.gather(*(follower.chain.judge(each.stored) for each in blocks))
    assert [each.verdict for each in judgements] == [Verdict.VALID] * 4
    assert follower.chain.cache.signatures_verified == 2 * 121


async def test_k18_an_empty_block_is_no_work(leader: World) -> None:
    """Goal: the core learns whether a block holds anything. Method: an empty one and one with a transaction."""
    empty = await leader.build()
    leader.admit(leader.issue("bank-a/main", 10))
    full = await leader.build(view=5)
    assert (empty.work, full.work) == (0, 1)


async def test_finality_of_one_branch_drops_the_other(leader: World) -> None:
    """Goal: what does not descend from the final block can never be final. Method: two branches of two blocks."""
    leader.admit(leader.issue("bank-a/main", 10))
    a1 = await leader.build(view=1)
    a2 = await leader.build(parent=a1.facts, view=2)
    b1 = await leader.build(view=3)
    b2 = await leader.build(parent=b1.facts, view=4)
    assert all(leader.chain.holds(each.facts.block_id) for each in (a1, a2, b1, b2))
    leader.finalize(b1)
    assert not leader.chain.holds(a1.facts.block_id)
    assert not leader.chain.holds(a2.facts.block_id)
    assert leader.chain.facts_of(b2.facts.block_id) == b2.facts
    assert (await leader.chain.judge(a2.stored)).verdict is Verdict.NONE
    assert (await leader.chain.judge(b2.stored)).verdict is Verdict.VALID


async def test_a_block_whose_parent_is_dropped_while_it_is_judged_gets_no_verdict(leader: World, follower: World) -> None:
    """Goal: the state may not change under a judge unnoticed. Method: another branch becomes final between two chunks."""
    leader.admit(*(leader.issue("bank-a/main", 10) for _ in range(200)))
    doomed = await leader.build(view=1)
    rival = await leader.build(view=2)
    assert (await follower.chain.judge(rival.stored)).verdict is Verdict.VALID
    judging = asyncio.ensure_future(follower.chain.judge(doomed.stored))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not judging.done()
    follower.finalize(rival)
    judgement = await judging
    assert judgement.verdict is Verdict.NONE
    assert follower.chain.tip.facts == rival.facts


async def test_finalize_tells_once_and_passes_over_what_is_final(leader: World) -> None:
    """Goal: subscribers see each block once, in order. Method: finalize twice, with and without a listener."""
    told: list[int] = []
    end = leader.chain.subscribe(lambda blocks: told.extend(block.facts.height for block in blocks))
    leader.admit(leader.issue("bank-a/main", 10))
    first = await leader.build()
    second = await leader.build(parent=first.facts)
    leader.finalize(first)
    assert [block.facts.height for block in leader.finalize(first, second)] == [2]
    end()
    leader.finalize(await leader.build())
    assert told == [1, 2]
    assert leader.chain.last_signed == [3, 3, 3, 0]


async def test_finalizing_what_was_not_judged_is_our_fault(leader: World, follower: World) -> None:
    """Goal: no block becomes final without a state. Method: an unknown id."""
    built = await leader.build()
    with pytest.raises(AssertionError, match="not judged"):
        follower.chain.finalize([built.facts.block_id], certificate_of(1, built.facts.block_id))


async def test_k8_a_fault_of_ours_is_no_verdict(leader: World, follower: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: our bug must not condemn a block. Method: execution raises once."""

    def broken(_: Execution, __: Transaction) -> None:
        raise ZeroDivisionError("a bug")

    leader.admit(leader.issue("bank-a/main", 10))
    built = await leader.build()
    with monkeypatch.context() as patch:
        patch.setattr(Execution, "apply", broken)
        judgement = await follower.chain.judge(built.stored)
    assert judgement.verdict is Verdict.NONE
    assert "a bug" in judgement.reason
    assert (await follower.chain.judge(built.stored)).verdict is Verdict.VALID


async def test_each_signature_is_verified_once(leader: World, follower: World) -> None:
    """Goal: performance.md, structure 1. Method: gossip, admission and judging of the same transactions."""
    payments = [leader.issue("bank-a/main", 10) for _ in range(5)]
    leader.admit(*payments)
    built = await leader.build()
    fresh = [follower.chain.cache.decode(each.raw) for each in payments]
    assert all(follower.chain.cache.verified(each) for each in fresh)
    follower.admit(*fresh)
    await follow(follower, built)
    assert follower.chain.cache.signatures_verified == 10
    assert follower.pool.count == 0


async def test_final_transactions_go_from_memory(leader: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a node's memory is what waits, not what it saw since its start. Method: keep one that is final; make four final."""
    monkeypatch.setattr(transactions, "FINAL_MAX", 1)
    payments = [leader.issue("bank-a/main", 10) for _ in range(4)]
    leader.admit(*payments)
    cache = leader.chain.cache
    for payment in payments:
        cache.remember(payment)
    assert all(cache.find(each.raw_id) is each for each in payments)
    leader.finalize(await leader.build())
    assert sum(cache.find(each.raw_id) is not None for each in payments) == 1
