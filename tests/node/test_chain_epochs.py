"""The chain over the end of an epoch (K22): which block ends it, what stands on that block, whose signatures and which view key count."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec
import pytest
from aiohttp import web
from nacl.bindings import crypto_box_seal

from consensus.events import Verdict
from consensus.types import NO_BLOCK, BlockId, Height
from ledger.blocks import body_hash, header_bytes
from ledger.epochs import NO_EPOCH_BEGINS, ViewKey, set_hash
from ledger.genesis import view_key_hash
from ledger.transactions.bodies import ParamSet
from node.blocks import BodyMismatch
from node.errors import KeyUnfit
from node.link import Link
from node.peers import client_session
from node.ranges import Range, fetch_range, serve_blocks
from node.reads import Reads
from node.records import StoredBlock
from node.store import Store
from node.viewkeys import KeyRing, ViewKeyMissing
from node.wire import header_of
from tests.node.chain_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from node.blocks import BuiltBlock

LENGTH = 10
NEW_KEY = b"n" * 32


@pytest.fixture
def leader(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "leader", epoch_length=LENGTH)
    yield world
    world.close()


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "follower", epoch_length=LENGTH)
    yield world
    world.close()


async def step(leader: World, *others: World) -> BuiltBlock:
    """Let one build a block, the others judge it, and all make it final."""
    leader.clock.now_ms += 10
    built = await leader.build()
    for other in others:
        judgement = await other.chain.judge(built.stored)
        assert judgement.verdict is Verdict.VALID, judgement.reason
    for world in (leader, *others):
        world.finalize(built)
    return built


async def reach(height: int, leader: World, *others: World) -> BuiltBlock:
    """Make blocks up to a height; return the last."""
    built = await step(leader, *others)
    while built.facts.height < height:
        built = await step(leader, *others)
    return built


def changed(world: World, built: BuiltBlock, **fields: object) -> StoredBlock:
    """Put the body under another header, its hash made to fit."""
    _, header = header_of(built.stored.header)
    other = msgspec.structs.replace(header, **fields)
    key = world.chain.view_key_of(0)
    hashed = body_hash(built.stored.body, view_key=key, epoch=other.epoch, view=other.view)
    return StoredBlock(header_bytes(msgspec.structs.replace(other, body=hashed)), built.stored.body)


async def test_k22_the_block_at_the_end_names_the_next_set_and_the_next_epoch_counts_anew(leader: World, follower: World) -> None:
    """Goal: epochs end at their height. Method: cross the end on two nodes; header, facts, epoch, position, proposer."""
    last = await reach(LENGTH, leader, follower)
    _, header = header_of(last.stored.header)
    assert last.facts.boundary
    assert header.next == set_hash(1, leader.chain.council_of(0).members)  # type: ignore[union-attr]
    for world in (leader, follower):
        chain = world.chain
        assert (chain.epoch_number, chain.position, chain.epoch.base, chain.epoch.end) == (1, (1, 0), LENGTH, 2 * LENGTH)
    first = await step(leader, follower)
    assert (first.facts.epoch, first.facts.view, first.facts.proposer, first.facts.boundary) == (1, 1, 2, False)
    assert header_of(first.stored.header)[1].next == NO_EPOCH_BEGINS
    assert leader.chain.position == (1, 1)


async def test_k22_a_wrong_next_set_is_invalid_wherever_it_stands(leader: World, follower: World) -> None:
    """Goal: whether a block ends its epoch follows from its parent's state. Method: none at the end, another set, one before the end."""
    await reach(LENGTH - 2, leader, follower)
    early = await leader.build()
    assert (await follower.chain.judge(changed(leader, early, next=b"n" * 32))).verdict is Verdict.INVALID
    await step(leader, follower)
    last = await leader.build()
    for wrong in (NO_EPOCH_BEGINS, set_hash(2, leader.chain.council.members)):
        judgement = await follower.chain.judge(changed(leader, last, next=wrong))
        assert judgement.verdict is Verdict.INVALID, wrong
    assert (await follower.chain.judge(last.stored)).verdict is Verdict.VALID


async def test_k22_nothing_stands_on_the_last_block_in_its_own_epoch(leader: World, follower: World) -> None:
    """Goal: a child of the boundary in its own epoch is permanently invalid. Method: one under the header of the next epoch's first."""
    last = await reach(LENGTH, leader, follower)
    first = await leader.build()
    view = last.facts.view + 1
    child = changed(leader, first, epoch=0, view=view, proposer=view % 4)
    assert (await follower.chain.judge(child)).verdict is Verdict.INVALID
    stranger = changed(leader, first, epoch=2, proposer=3)
    assert (await follower.chain.judge(stranger)).verdict is Verdict.INVALID
    orphan = changed(leader, first, epoch=7, parent=NO_BLOCK)
    assert (await follower.chain.judge(orphan)).verdict is Verdict.NONE


async def test_k22_the_next_epoch_begins_with_the_finality_of_the_last_block(leader: World, follower: World) -> None:
    """Goal: no set is in force before its block is final. Method: judge the next epoch's first block before and after that."""
    await reach(LENGTH - 1, leader, follower)
    last = await leader.build()
    leader.finalize(last)
    first = await leader.build()
    assert (await follower.chain.judge(last.stored)).verdict is Verdict.VALID
    assert await follower.builder.build(follower.request(parent=last.facts)) is None
    early = await follower.chain.judge(first.stored)
    assert (early.verdict, follower.chain.epoch_number) == (Verdict.NONE, 0)
    follower.finalize(last)
    assert (await follower.chain.judge(first.stored)).verdict is Verdict.VALID


async def test_k22_the_finalization_of_each_boundary_is_kept_and_a_start_at_one_begins_the_next_epoch(leader: World) -> None:
    """Goal: old epochs are answered for, also after a restart at the very boundary (K23 point 2). Method: two ends, then a restart."""
    first = await reach(LENGTH, leader)
    assert leader.chain.boundary_finality(1) is None
    second = await reach(2 * LENGTH, leader)
    await leader.chain.flush()
    leader.restart()
    chain = leader.chain
    assert (chain.epoch_number, chain.position, chain.tip.facts.boundary, chain.committed_height) == (2, (2, 0), True, 2 * LENGTH)
    found = [chain.boundary_finality(number) for number in (0, 1, 2, -1)]
    assert [each and each.subject.block_id for each in found] == [first.facts.block_id, second.facts.block_id, None, None]
    await reach(2 * LENGTH + 1, leader)


async def test_k20_a_range_ends_at_the_boundary_at_the_latest(leader: World) -> None:
    """Goal: its certificate is always of the epoch of the first block asked for. Method: ask a real listener across two boundaries."""
    await reach(2 * LENGTH + 2, leader)
    chain, link = leader.chain, Link(bytes(32), "asker", None)
    app = web.Application()
    app.add_routes([serve_blocks(chain, lambda _: link)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with client_session() as session:
            for start, epoch, end in (
                (1, 0, LENGTH),
                (LENGTH, 0, LENGTH),
                (LENGTH + 1, 1, 2 * LENGTH),
                (2 * LENGTH + 1, 2, 2 * LENGTH + 2),
            ):
                parent = chain.chain_id if start == 1 else chain.log.facts(start - 1).block_id  # type: ignore[union-attr]
                new = Range(Height(start), BlockId(parent), epoch, lambda _: True)
                url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                async with aclosing(fetch_range(session, url, b"t" * 32, new, Height(start))) as blocks:
                    heights = [header_of(stored.header)[1].height async for _, stored in blocks]
                assert heights == list(range(start, end + 1))
    finally:
        await runner.cleanup()


async def test_signatures_are_counted_by_key_over_epochs(leader: World) -> None:
    """Goal: last_signed is about validators, not indices. Method: cross a boundary; the same three have signed."""
    await reach(LENGTH + 2, leader)
    assert leader.chain.last_signed == [LENGTH + 2] * 3 + [0]
    assert [each.participant for each in Reads(leader.chain).validators] == ["operator"] * 4


# --- view keys ---------------------------------------------------------------------------------------------------------------


async def plan_view_key(leader: World, *others: World) -> None:
    """Plan another view key, sealed to every box key there is, and make it final."""
    copies = tuple(
        sorted(
            (bytes.fromhex(each.box_key), crypto_box_seal(NEW_KEY, bytes.fromhex(each.box_key))) for each in leader.genesis.view_key.sealed
        )
    )
    body = ParamSet("view_key", ViewKey(view_key_hash(NEW_KEY), copies), 0)
    order = leader.transaction(body, "operator", [("operator", "ops"), ("operator", "board")])
    leader.admit(order)
    built = await step(leader, *others)
    assert [each.tx_id for each in built.transactions] == [order.tx_id]
    assert leader.chain.log.block(built.facts.height).receipts[0].code == 0  # type: ignore[union-attr]


async def test_l28_a_view_key_changes_with_the_epoch_and_old_blocks_keep_theirs(leader: World, follower: World) -> None:
    """Goal: the key in force is the epoch's. Method: plan one, cross the boundary; blocks, and proofs of old transactions."""
    for world in (leader, follower):
        world.ring.add(NEW_KEY)
    await leader.fund()
    for height in (1,):
        stored = leader.chain.final_bytes(height)
        assert stored is not None
        assert (await follower.chain.judge(stored)).verdict is Verdict.VALID
    paid = leader.chain.log.block(1)
    assert paid is not None
    follower.chain.finalize([paid.facts.block_id], leader.chain.tip.certificate)  # type: ignore[arg-type]
    await plan_view_key(leader, follower)
    await reach(LENGTH + 1, leader, follower)
    assert [leader.chain.view_key_of(number) for number in (0, 1)] == [leader.secrets.view_key, NEW_KEY]
    assert Reads(follower.chain).prove_transaction(paid.transactions[0].tx_id)
    assert Reads(follower.chain).prove_account("bank-a/main")


async def test_k8_without_the_view_key_of_an_epoch_there_is_no_verdict(leader: World, follower: World) -> None:
    """Goal: a missing key condemns nothing. Method: one node cannot open the next key; then it gets it."""
    leader.ring.add(NEW_KEY)
    await plan_view_key(leader, follower)
    await reach(LENGTH, leader, follower)
    first = await step(leader)
    judgement = await follower.chain.judge(first.stored)
    assert judgement.verdict is Verdict.NONE
    assert "view_keys" in judgement.reason
    assert await follower.builder.build(follower.request()) is None
    assert not follower.chain.body_fits(first.stored.header, first.stored.body)
    assert leader.chain.body_fits(first.stored.header, first.stored.body)
    with pytest.raises(ViewKeyMissing):
        follower.chain.view_key_of(1)
    follower.ring.add(NEW_KEY)
    assert (await follower.chain.judge(first.stored)).verdict is Verdict.VALID
    with pytest.raises(BodyMismatch):
        await follower.chain.judge(StoredBlock(changed(leader, first, epoch=1, view=3, proposer=0).header, first.stored.body))
    assert not follower.chain.body_fits(changed(leader, first, epoch=9).header, first.stored.body)


def test_an_empty_store_without_the_first_view_key_is_refused(tmp_path: Path, leader: World) -> None:
    """Goal: no chain begins on a key that is not here. Method: an empty ring."""
    store = Store.open(tmp_path / "other", leader.chain_id, 2**28)
    try:
        with pytest.raises(KeyUnfit, match="snapshot"):
            type(leader.chain).open(store, leader.genesis, KeyRing(), history=False)
    finally:
        store.close()
