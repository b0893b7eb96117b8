"""What the API reads: blocks, transactions, histories and proofs, the same before and after a flush and a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consensus.types import BlockId
from ledger.accounts import Account, Balance
from ledger.proofs import check_state_proof, check_transaction_proof
from ledger.transactions.bodies import HoldBody
from node.reads import NothingFinalError, Reads
from tests.node.chain_world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from node.api.backend import HistoryRow


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, history=True)
    yield made
    made.close()


STAGES = ("unflushed", "flushed", "restarted")


async def reach(world: World, stage: str) -> Reads:
    """Bring what is final to a stage, and read there."""
    if stage != "unflushed":
        await world.chain.flush()
    if stage == "restarted":
        world.restart()
    return Reads(world.chain)


@pytest.mark.parametrize("stage", STAGES)
async def test_blocks_and_transactions_are_found(world: World, stage: str) -> None:
    """Goal: by height, by tx_id, by (from, ref). Method: three blocks at each stage."""
    await world.fund()
    payments = [world.pay("bank-a/main", "bank-b/x0", amount) for amount in (1, 2)]
    block = await world.block(*payments)
    await world.block(world.pay("bank-b/main", "bank-a/x0", 3))
    reads = await reach(world, stage)
    assert reads.tip.facts.height == 3
    assert reads.block(2) == block
    assert (reads.block(0), reads.block(4)) == (None, None)
    assert world.chain.final_bytes(2) == block.stored
    assert world.chain.bytes_of(block.facts.block_id) == block.stored
    assert world.chain.facts_of(block.facts.block_id) == block.facts
    assert world.chain.facts_of(BlockId(bytes(32))) is None
    for index, payment in enumerate(payments):
        for found in (reads.transaction(payment.tx_id), reads.transaction_by_ref(payment.ref_id)):
            assert found is not None
            assert (found.transaction, found.receipt, found.time_ms) == (payment, block.receipts[index], block.facts.time_ms)
    assert reads.transaction(bytes(32)) is None
    assert reads.transaction_by_ref(payments[0].tx_id) is None
    assert reads.last_signed() == [3, 3, 3, 0]


@pytest.mark.parametrize("stage", STAGES)
async def test_a_reference_that_came_back_names_the_newest(world: World, stage: str) -> None:
    """Goal: L14. Method: the same reference two minutes later; one flush lies between them in half of the stages."""
    await world.fund()
    first = world.pay("bank-a/main", "bank-b/x0", 1, ref="rent", lifetime_ms=1_000)
    await world.block(first)
    if stage == "restarted":
        await world.chain.flush()
    world.clock.now_ms += 120_000
    second = world.pay("bank-a/main", "bank-b/x0", 1, ref="rent")
    await world.block(second)
    reads = await reach(world, stage)
    found = reads.transaction_by_ref(second.ref_id)
    assert found is not None
    assert found.transaction.tx_id == second.tx_id
    old = reads.transaction(first.tx_id)
    assert old is not None
    assert old.receipt.height == 2


@pytest.mark.parametrize("stage", STAGES)
async def test_finality_names_the_next_certificate_and_its_links(world: World, stage: str) -> None:
    """Goal: K23, point 4: a descendant's certificate and the headers that lead to it. Method: three blocks final at once, then one."""
    world.admit(world.issue("bank-a/main", 10))
    first = await world.build()
    second = await world.build(parent=first.facts)
    third = await world.build(parent=second.facts)
    world.finalize(first, second, third)
    last = await world.block()
    await reach(world, stage)
    for height, subject, links in ((1, third, [second, third]), (2, third, [third]), (3, third, [])):
        finality = world.chain.finality(height)
        assert finality is not None
        assert finality.certificate.subject.block_id == subject.facts.block_id
        assert finality.links == tuple(each.stored.header for each in links)
    own = world.chain.finality(4)
    assert own is not None
    assert own.certificate.subject.block_id == last.facts.block_id
    assert world.chain.finality(5) is None
    assert world.chain.tip.certificate == own.certificate


@pytest.mark.parametrize("stage", STAGES)
async def test_the_history_of_an_account_comes_in_pages(world: World, stage: str) -> None:
    """Goal: every row once, in order, whatever the size of a page. Method: payments, a hold and its lapse; flush in the middle."""
    await world.fund()
    await world.block(*(world.pay("bank-a/main", f"bank-b/x{number % 3}", number + 1) for number in range(7)))
    body = HoldBody("bank-a/main", "bank-b/x0", "KGS", 30, 0, world.clock.now_ms + 5_000, "bank-b", "bank-a", "none", "escrow")
    await world.block(world.transaction(body, "bank-a", [("bank-a", "ops")]))
    if stage == "flushed":
        await world.chain.flush()
    world.clock.now_ms += 10_000
    await world.block(world.pay("bank-b/main", "bank-a/main", 9))
    reads = await reach(world, stage) if stage != "flushed" else Reads(world.chain)
    whole = reads.history("bank-a/main", (0, 0, -1), 500)
    assert whole is not None
    assert [(row.height, row.posted, row.held) for row in whole] == [
        (1, 1_000_000, 0),
        *((2, -number - 1, 0) for number in range(7)),
        (3, 0, 30),
        (4, 9, 0),
        (4, 0, -30),
    ]
    assert whole[-1].tx_id == bytes(32)
    for size in (1, 3):
        paged: list[HistoryRow] = []
        after = (0, 0, -1)
        while page := reads.history("bank-a/main", after, size):
            assert len(page) <= size
            paged.extend(page)
            after = (page[-1].height, page[-1].index, page[-1].position)
        assert paged == list(whole)
    assert reads.history("bank-a/m", (0, 0, -1), 10) == []


async def test_a_node_without_history_says_so(tmp_path: Path) -> None:
    """Goal: validators do not pay for what peers keep. Method: ask one."""
    world = World(tmp_path)
    await world.fund()
    assert Reads(world.chain).history("bank-a/main", (0, 0, -1), 10) is None
    world.close()


@pytest.mark.parametrize("stage", STAGES)
async def test_proofs_of_accounts_and_transactions_hold(world: World, stage: str) -> None:
    """Goal: what the node hands out convinces a light client. Method: check with the ledger's own checker at each stage."""
    await world.fund()
    payment = world.pay("bank-a/main", "bank-b/x0", 5)
    block = await world.block(payment, world.pay("bank-a/main", "bank-b/x1", 6))
    await world.block()
    reads = await reach(world, stage)
    proven = check_state_proof(reads.prove_account("bank-b/x0"), chain=world.chain_id)
    assert proven.block.header == world.chain.tip.header
    assert isinstance(proven.records["account/bank-b/x0"], Account)
    assert proven.records["balance/bank-b/x0/KGS"] == Balance(5, 0)
    absent = check_state_proof(reads.prove_account("bank-b/nobody"), chain=world.chain_id)
    assert absent.records == {"account/bank-b/nobody": None}
    shown = check_transaction_proof(reads.prove_transaction(payment.tx_id), chain=world.chain_id)
    assert shown.receipt == block.receipts[0]
    assert shown.whole == payment.raw_id
    with pytest.raises(NothingFinalError):
        reads.prove_transaction(bytes(32))
    with pytest.raises(NothingFinalError):
        reads.prove_account("stranger/x")


async def test_before_the_first_block_nothing_can_be_proven(world: World) -> None:
    """Goal: genesis has no header. Method: ask for an account."""
    with pytest.raises(NothingFinalError):
        Reads(world.chain).prove_account("bank-a/main")


@pytest.mark.parametrize("stage", STAGES)
async def test_lists_of_assets_and_keysets(world: World, stage: str) -> None:
    """Goal: what participants have. Method: the genesis of the tests."""
    await world.fund()
    reads = await reach(world, stage)
    assert reads.asset_codes() == ["KGS"]
    assert reads.keyset_names("operator") == ["board", "ops"]
    assert reads.keyset_names("bank-a") == ["ops"]
    assert reads.keyset_names("bank") == []
    assert (reads.network, reads.chain_id, len(reads.validators)) == ("som-devnet", world.chain_id, 4)
    assert world.genesis.name in reads.genesis_json
