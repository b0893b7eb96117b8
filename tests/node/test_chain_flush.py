"""LMDB behind the chain: a flush is atomic with its height, what it takes time to write stays readable, and a start believes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consensus.events import Verdict
from ledger.errors import Duplicate, RefConflict
from ledger.transactions.bodies import HoldBody, Void
from node.chain import Chain
from node.errors import StoreCorrupt, StoreFull
from node.flush import META_ROOTS
from node.store import Store, Table
from node.viewkeys import KeyRing
from tests.node.chain_world import START_MS, World, certificate_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.transactions.bodies import Transaction
    from node.state import FinalState


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def hold(world: World, source: str, amount: int, lifetime_ms: int) -> Transaction:
    body = HoldBody(source, "bank-b/x0", "KGS", amount, 0, world.clock.now_ms + lifetime_ms, "bank-b", "bank-a", "none", "escrow")
    return world.transaction(body, "bank-a", [("bank-a", "ops")])


def everything(state: FinalState, store: Store) -> dict[str, object]:
    """All that execution can read, flushed or not."""
    keys = {key for key in {key.decode() for key in store.keys(Table.LEAVES)} | set(state.leaf_keys("")) if state.leaf(key) is not None}
    indexes = state.scan("~", "~~", 10_000)
    return {
        "records": {key: state.get(key) for key in sorted(keys)},
        "leaves": {key: state.leaf(key) for key in sorted(keys)},
        "indexes": {key: state.get(key) for key in indexes},
        "trees": {name: tree for name, tree in state.trees.items() if tree is not None},
        "roots": dict(state.roots),
        "participants": list(state.participants()),
        "refs": len(state.refs),
    }


async def test_genesis_is_the_first_state(world: World) -> None:
    """Goal: an empty folder begins at genesis. Method: look at the tip and some records."""
    assert world.chain.tip.facts.block_id == world.chain_id
    assert world.chain.tip.facts.time_ms == START_MS
    assert (world.chain.committed_height, world.chain.tip.header, world.chain.tip.certificate) == (0, None, None)
    assert world.chain.facts_of(world.chain.tip.facts.block_id) == world.chain.tip.facts
    assert world.chain.state.get("account/bank-a/main") is not None
    assert list(world.chain.state.participants()) == ["bank-a", "bank-b", "operator", "treasury"]
    world.restart()
    assert world.chain.tip.facts.block_id == world.chain_id


async def test_what_is_not_flushed_is_gone_and_judged_again(world: World) -> None:
    """Goal: LMDB is atomic with its height; the journal's blocks give the rest. Method: lose two blocks, judge them again."""
    await world.fund()
    assert await world.chain.flush() == 1
    later = [await world.block(world.pay("bank-a/main", "bank-b/x0", 5)) for _ in range(2)]
    before = everything(world.chain.state, world.chain.store)
    tip = world.chain.tip
    world.restart()
    assert (world.chain.tip.facts.height, world.chain.committed_height) == (1, 1)
    for block in later:
        assert (await world.chain.judge(block.stored)).verdict is Verdict.VALID
        world.chain.finalize([block.facts.block_id], certificate_of(block.facts.view, block.facts.block_id))
    assert world.chain.tip == tip
    assert everything(world.chain.state, world.chain.store) == before


async def test_flushed_state_is_the_state_in_memory(world: World) -> None:
    """Goal: what a start rebuilds equals what was. Method: payments, holds that lapse, a void; compare everything."""
    await world.fund()
    lasting, lapsing = hold(world, "bank-a/main", 100, 3_600_000), hold(world, "bank-a/main", 50, 5_000)
    await world.block(lasting, lapsing, world.pay("bank-a/main", "bank-b/x1", 7))
    await world.chain.flush()
    world.clock.now_ms += 10_000
    swept = await world.block()
    assert [entry.held for entry in swept.swept] == [-50]
    await world.block(world.transaction(Void(lasting.tx_id), "bank-a", [("bank-a", "ops")]))
    before = everything(world.chain.state, world.chain.store)
    assert await world.chain.flush() == 4
    assert everything(world.chain.state, world.chain.store) == before
    world.restart()
    assert everything(world.chain.state, world.chain.store) == before
    assert world.chain.log.block(3) == swept


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["pay", "flush", "restart", "fork"]), st.integers(0, 5), st.integers(0, 5)), max_size=12))
async def test_any_order_of_blocks_flushes_and_restarts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Goal: no order of steps loses or invents anything. Method: a dict of balances beside the chain; flush before each restart."""
    world = World(tmp_path_factory.mktemp("any"))
    await world.fund(1_000)
    expected = {"bank-a/main": 1_000, "bank-b/main": 1_000}
    names = ["bank-a/main", "bank-b/main", "bank-a/x0", "bank-b/x0", "bank-a/x1", "bank-b/x1"]
    for step, source, target in steps:
        debit, credit = names[source], names[target]
        match step:
            case "pay" if debit != credit and expected.get(debit, 0) >= 10:
                await world.block(world.pay(debit, credit, 10))
                expected[debit] -= 10
                expected[credit] = expected.get(credit, 0) + 10
            case "flush":
                await world.chain.flush()
            case "restart":
                await world.chain.flush()
                world.restart()
            case "fork":
                rival = await world.build(view=world.chain.tip.facts.view + 1)
                chosen = await world.build(view=world.chain.tip.facts.view + 2)
                world.finalize(chosen)
                assert not world.chain.holds(rival.facts.block_id)
            case _:
                pass
    balances = {name: world.chain.state.get(f"balance/{name}/KGS") for name in names}
    assert {name: balance.posted for name, balance in balances.items() if balance} == expected  # type: ignore[union-attr]
    world.close()


async def test_everything_stays_readable_while_a_flush_runs(world: World) -> None:
    """Goal: no moment at which a record, an index or a leaf is missing. Method: read at every turn, one more block becoming final."""
    await world.fund()
    await world.block(hold(world, "bank-a/main", 5, 3_600_000))
    for _ in range(5):
        await world.block(*(world.pay("bank-a/main", f"bank-b/x{number % 3}", 1) for number in range(30)))
    keys = ["balance/bank-a/main/KGS", "balance/bank-b/x0/KGS", "total/bank-a/KGS"]
    state = world.chain.state
    expected = [state.get(key) for key in keys], [state.leaf(key) for key in keys], state.scan("~held/", "~held0", 10)
    flush = asyncio.ensure_future(world.chain.flush())
    turns = 0
    while not flush.done():
        assert ([state.get(key) for key in keys], [state.leaf(key) for key in keys], state.scan("~held/", "~held0", 10)) == expected
        if turns == 3:
            await world.block(world.pay("bank-b/main", "bank-b/x2", 1))
        turns += 1
        await asyncio.sleep(0)
    assert await flush == 7
    assert turns > 5
    assert world.chain.tip.facts.height == 8
    assert world.chain.unflushed == 1
    assert await world.chain.flush() == 8
    before = everything(state, world.chain.store)
    world.restart()
    assert everything(world.chain.state, world.chain.store) == before


async def test_two_flushes_at_once_are_one_after_the_other(world: World) -> None:
    """Goal: one writer. Method: ask twice, the second with nothing left to do."""
    await world.fund()
    assert tuple(await asyncio.gather(world.chain.flush(), world.chain.flush())) == (1, 1)


async def test_l14_used_references_are_remembered_across_a_restart(world: World) -> None:
    """Goal: a used reference is refused after a start, too. Method: the same bytes, another transaction, then after its minute."""
    await world.fund()
    first = world.pay("bank-a/main", "bank-b/x0", 5, ref="invoice", lifetime_ms=120_000)
    await world.block(first)
    await world.chain.flush()
    world.restart()
    other = world.pay("bank-a/main", "bank-b/x0", 6, ref="invoice")
    assert isinstance(world.offer(first), Duplicate)
    assert isinstance(world.offer(other), RefConflict)
    world.clock.now_ms += 300_000
    await world.block()
    await world.chain.flush()
    assert len(world.chain.state.refs) == 0
    assert world.chain.store.keys(Table.REFS) == []
    await world.block(world.pay("bank-a/main", "bank-b/x0", 6, ref="invoice"))


async def test_a_full_store_stops_the_flush_and_loses_nothing(tmp_path: Path) -> None:
    """Goal: a typed error, and the state before it at the next start. Method: a map too small for many blocks."""
    world = World(tmp_path, map_bytes=1_048_576)
    await world.fund()
    await world.chain.flush()
    for _ in range(12):
        await world.block(*(world.pay("bank-a/main", "bank-b/x0", 1) for _ in range(200)))
    with pytest.raises(StoreFull):
        await world.chain.flush()
    before = world.chain.state.get("balance/bank-b/x0/KGS")
    assert before is not None
    world.chain.close()
    store = Store.open(tmp_path, world.chain_id)
    chain = Chain.open(store, world.genesis, KeyRing([world.secrets.view_key]), history=False)
    assert chain.tip.facts.height == 1
    assert chain.state.get("balance/bank-b/x0/KGS") is None
    chain.close()


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        (Table.LEAVES, b"balance/bank-a/main/KGS", None),
        (Table.LEAVES, b"balance/bank-a/x9/KGS", b"\x92\xc4\x10" + bytes(16) + b"\x92\x00\x00"),
        (Table.LEAVES, b"account/bank-a/main", b"\x00"),
        (Table.LEAVES, b"total/bank-a/KGS", None),
        (Table.META, META_ROOTS, b"\x90"),
        (Table.META, META_ROOTS, b"\xc1"),
        (Table.HEADERS, (1).to_bytes(8, "big"), None),
        (Table.HEADERS, (1).to_bytes(8, "big"), b"garbage"),
        (Table.CERTIFICATES, (1).to_bytes(8, "big"), None),
        (Table.CERTIFICATES, (1).to_bytes(8, "big"), b"garbage"),
    ],
)
async def test_an_altered_store_refuses_to_start(tmp_path: Path, table: Table, key: bytes, value: bytes | None) -> None:
    """Goal: nothing is believed because it was written once. Method: alter one value behind the chain's back."""
    world = World(tmp_path)
    await world.fund()
    await world.chain.flush()
    batch = world.chain.store.begin()
    if value is None:
        batch.delete(table, [key])
    else:
        batch.put(table, [(key, value)])
    world.chain.store.commit(batch)
    with pytest.raises(StoreCorrupt, match="cannot be trusted"):
        world.restart()


async def test_a_swap_of_two_balances_is_seen(tmp_path: Path) -> None:
    """Goal: sums alone do not protect a state, roots do. Method: swap the values of two accounts with equal totals."""
    world = World(tmp_path)
    await world.fund()
    await world.block(world.pay("bank-a/main", "bank-a/x0", 5))
    await world.chain.flush()
    one, two = b"balance/bank-a/main/KGS", b"balance/bank-a/x0/KGS"
    values = [world.chain.store.get(Table.LEAVES, key) or b"" for key in (one, two)]
    batch = world.chain.store.begin()
    batch.put(Table.LEAVES, [(one, values[1]), (two, values[0])])
    world.chain.store.commit(batch)
    with pytest.raises(StoreCorrupt, match="bank-a"):
        world.restart()


async def test_k14_a_cancelled_flush_is_finished(world: World) -> None:
    """Goal: a graceful stop never leaves half a flush. Method: cancel the caller, then ask again."""
    await world.fund()
    flush = asyncio.ensure_future(world.chain.flush())
    await asyncio.sleep(0)
    flush.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flush
    assert await world.chain.flush() == 1
    assert world.chain.store.height == 1
