"""The builder: order, budget, pacing, and poison (M4 to M6, K8, K18)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from consensus.events import Verdict
from ledger.blocks import BLOCK_BYTES_MAX
from ledger.execute import Execution
from ledger.grants import GrantRecord
from ledger.transactions.bodies import GrantPut, Leg, Pay
from node.builder import TURNS, TURNS_MS, BlockLimits
from tests.node.chain_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.blocks import Receipt
    from ledger.execute import BlockResult
    from ledger.transactions.bodies import Transaction


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def payroll(world: World, legs: int) -> Transaction:
    body = Pay(
        tuple(Leg("bank-a/main", f"bank-b/x{number % 3}", "KGS", 1, 0, f"salary {number}") for number in range(legs)),
        "atomic",
        "",
        None,
        "",
        None,
        None,
    )
    return world.transaction(body, "bank-a", [("bank-a", "ops")])


async def test_m6_a_transaction_that_fails_is_included_once_with_its_receipt(world: World) -> None:
    """Goal: the sender learns it from the network, once. Method: no funds."""
    await world.fund()
    broke = world.pay("bank-a/x0", "bank-b/x0", 5)
    block = await world.block(broke)
    assert [receipt.code for receipt in block.receipts] == [150]
    assert world.pool.count == 0
    assert (await world.build()).transactions == ()


async def test_what_cannot_be_ordered_stays_out_of_the_block(world: World) -> None:
    """Goal: our blocks are valid. Method: a reference used by an unfinal ancestor, an expired one; the others go in."""
    await world.fund()
    used = world.pay("bank-a/main", "bank-b/x0", 1)
    world.admit(used)
    parent = await world.build()
    short = world.pay("bank-a/main", "bank-b/x0", 1, lifetime_ms=1_000)
    world.admit(short, world.pay("bank-b/main", "bank-a/x0", 1))
    world.clock.now_ms += 2_000
    child = await world.build(parent=parent.facts)
    assert [transaction.sender for transaction in child.transactions] == ["bank-b"]
    world.finalize(parent, child)


async def test_m4_governance_first(world: World) -> None:
    """Goal: authority goes before money. Method: admitted last, first in the block."""
    await world.fund()
    record = world.chain.state.get("grant/wallet:bank-a")
    assert isinstance(record, GrantRecord)
    grant = GrantPut(record.grant)
    world.admit(*(world.pay("bank-a/main", "bank-b/x0", 1) for _ in range(3)))
    world.admit(world.transaction(grant, "operator", [("operator", "ops"), ("operator", "board")]))
    built = await world.build()
    assert [transaction.type for transaction in built.transactions] == ["grant.put", "pay", "pay", "pay"]


async def test_m5_a_block_ends_at_its_bytes(world: World) -> None:
    """Goal: 1 MiB, whatever waits. Method: batches of 1,000 legs, 100 kB each."""
    await world.fund()
    world.admit(*(payroll(world, 1_000) for _ in range(12)))
    built = await world.build()
    assert 5 < len(built.transactions) <= 10
    assert len(built.stored.body) <= BLOCK_BYTES_MAX
    world.finalize(built)
    rest = await world.build()
    assert len(built.transactions) + len(rest.transactions) == 12


async def test_m5_the_operators_cap_counts_transactions(world: World) -> None:
    """Goal: a cap below the block's limits. Method: ten of twenty-five."""
    await world.fund()
    world.builder = world.new_builder(BlockLimits(transactions_max=10, pace_ms=0))
    world.admit(*(world.pay("bank-a/main", "bank-b/x0", 1) for _ in range(25)))
    assert len((await world.build()).transactions) == 10


@pytest.mark.parametrize(("unfinal_views", "expected"), [(0, 60), (1, 32), (3, 8), (6, 1), (60, 1)])
async def test_k18_the_budget_is_halved_for_each_unfinal_view(world: World, unfinal_views: int, expected: int) -> None:
    """Goal: blocks too slow to judge heal themselves, down to one transaction. Method: count at several depths."""
    await world.fund()
    world.builder = world.new_builder(BlockLimits(transactions_max=64, pace_ms=0))
    world.admit(*(world.pay("bank-a/main", "bank-b/x0", 1) for _ in range(60)))
    built = await world.builder.build(world.request(unfinal_views=unfinal_views))
    assert built is not None
    assert len(built.transactions) == expected


async def test_above_the_unfinal_depth_blocks_are_empty(world: World) -> None:
    """Goal: section 5, unfinal depth. Method: ask for an empty block while transactions wait."""
    await world.fund()
    world.admit(world.pay("bank-a/main", "bank-b/x0", 1))
    built = await world.builder.build(world.request(empty=True))
    assert built is not None
    assert built.transactions == ()


async def test_a_parent_that_is_gone_is_a_pass(world: World) -> None:
    """Goal: K6, own failure to build. Method: the parent was dropped by finality."""
    await world.fund()
    dropped = await world.build(view=5)
    world.finalize(await world.build(view=6))
    assert await world.builder.build(world.request(parent=dropped.facts, view=7)) is None


async def test_the_time_is_the_clocks_or_just_after_the_parents(world: World) -> None:
    """Goal: section 6. Method: a clock ahead and a clock behind."""
    await world.fund()
    world.clock.now_ms += 500
    first = await world.build()
    assert first.facts.time_ms == world.clock.now_ms
    world.clock.now_ms -= 5_000
    second = await world.build(parent=first.facts)
    assert second.facts.time_ms == first.facts.time_ms + 1


async def test_k8_poison_is_set_aside_with_an_alarm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a fault of ours costs its sender, not the chain. Method: execution raises for one transaction, wherever it stands."""
    await world.fund()
    apply = Execution.apply
    poison = world.pay("bank-a/main", "bank-b/x0", 13)
    others = [world.pay("bank-b/main", "bank-a/x0", 1) for _ in range(4)]

    def breaks(execution: Execution, transaction: Transaction) -> Receipt:
        if transaction.tx_id == poison.tx_id:
            raise KeyError("a bug")
        return apply(execution, transaction)

    monkeypatch.setattr(Execution, "apply", breaks)
    world.admit(others[0], poison, *others[1:])
    built = await world.build()
    assert {transaction.tx_id for transaction in built.transactions} == {transaction.tx_id for transaction in others}
    assert [(transaction.tx_id, why) for transaction, why in world.poisoned] == [(poison.tx_id, "KeyError: 'a bug'")]
    world.finalize(built)
    assert world.pool.count == 1
    assert world.pool.includable(world.chain.tip.facts.block_id) == 0
    assert (await world.build()).transactions == ()
    assert len(world.poisoned) == 1


async def test_k8_poison_that_shows_at_the_end_of_a_block_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a fault in the roots names nobody, yet the chain goes on. Method: finish raises while one transaction is in the block."""
    await world.fund()
    finish = Execution.finish
    poison = world.pay("bank-a/main", "bank-b/x0", 13)

    def breaks(execution: Execution) -> BlockResult:
        if "balance/bank-b/x0/KGS" in execution.overlay.changes:
            raise IndexError("a bug")
        return finish(execution)

    monkeypatch.setattr(Execution, "finish", breaks)
    world.admit(poison, *(world.pay("bank-b/main", "bank-a/x0", 1) for _ in range(6)))
    built = await world.build()
    assert [transaction for transaction, _ in world.poisoned] == [poison]
    assert built.transactions != ()


async def test_a_block_that_is_not_full_is_paced(world: World) -> None:
    """Goal: 25 ms after the last one, at once when the pool fills it. Method: the test moves the clock while the builder waits."""
    await world.fund()
    await world.block(*(world.pay("bank-a/main", "bank-b/x0", 1) for _ in range(20)))
    world.builder = world.new_builder(BlockLimits(transactions_max=4, pace_ms=25))
    world.admit(world.pay("bank-a/main", "bank-b/x0", 1))
    building = asyncio.ensure_future(world.builder.build(world.request()))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not building.done()
    world.clock.now_ms += 25
    built = await building
    assert built is not None
    assert len(built.transactions) == 1
    world.admit(*(world.pay("bank-a/main", "bank-b/x0", 1) for _ in range(4)))
    world.clock.now_ms = built.facts.time_ms
    full = await world.builder.build(world.request(parent=built.facts))
    assert full is not None
    assert len(full.transactions) == 4


@pytest.mark.parametrize(("empty", "expected"), [(False, 2), (True, 0)])
async def test_what_has_come_is_let_in_before_the_block_is_chosen(world: World, *, empty: bool, expected: int) -> None:
    """Goal: a payment that was read from its socket, and is not verified yet, is in this block. Method: admit one two turns later."""
    await world.fund()
    world.admit(world.pay("bank-a/main", "bank-b/x0", 1))
    late = world.pay("bank-a/main", "bank-b/x0", 2)

    async def arrive() -> None:
        for _ in range(TURNS - 2):
            await asyncio.sleep(0)
        world.admit(late)

    arriving = asyncio.ensure_future(arrive())
    built = await world.builder.build(world.request(empty=empty))
    await arriving
    assert built is not None
    assert len(built.transactions) == expected


async def test_a_leader_does_not_wait_long_for_what_comes(world: World) -> None:
    """Goal: a slow turn ends the waiting. Method: every turn of the loop takes as long as the waiting may; what comes later is left out."""
    await world.fund()
    world.admit(world.pay("bank-a/main", "bank-b/x0", 1))

    async def slow() -> None:
        for _ in range(TURNS - 1):
            world.clock.now_ms += TURNS_MS
            await asyncio.sleep(0)
        world.admit(world.pay("bank-a/main", "bank-b/x0", 2))

    arriving = asyncio.ensure_future(slow())
    built = await world.builder.build(world.request())
    await arriving
    assert built is not None
    assert len(built.transactions) == 1


async def test_what_was_built_needs_no_judging(world: World) -> None:
    """Goal: execute once, keep the result. Method: judge our own block."""
    await world.fund()
    world.admit(world.pay("bank-a/main", "bank-b/x0", 1))
    built = await world.build()
    verified = world.chain.cache.signatures_verified
    judgement = await world.chain.judge(built.stored)
    assert (judgement.verdict, judgement.work) == (Verdict.VALID, 1)
    assert world.chain.cache.signatures_verified == verified
    assert world.chain.transactions_of(built.facts.block_id) == built.transactions
    assert world.chain.bytes_of(built.facts.block_id) == built.stored
