"""The client API on the real ledger: proofs that check, waiting for real blocks, events and history across a flush."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from consensus.certificates import check_certificate
from consensus.types import BlockId, Certificate, ChainId, Epoch, Kind, ValidatorId, ValidatorSet, View, Vote
from ledger.accounts import Account, Balance
from ledger.blocks import block_id_of
from ledger.codec import decode_transaction
from ledger.keys import verify
from ledger.proofs import check_state_proof, check_transaction_proof
from ledger.transactions.bodies import HoldBody
from node.api.hold_structs import HoldDetail
from node.api.structs import (
    AccountBody,
    BlockBody,
    ErrorBody,
    GrantBody,
    HistoryPage,
    ParticipantBody,
    StatusBody,
    Submissions,
    TransactionBody,
    TrialBalance,
    Validators,
)
from tests.node.api_world import client_of, get
from tests.node.ledger_world import ledger_world
from tests.node.test_api_events import stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiohttp

    from tests.node.ledger_world import LedgerWorld

PATH = "/v1/transactions"
A, B = "bank-a/main", "bank-b/main"


class Scene(NamedTuple):
    """A world and a client of its API."""

    world: LedgerWorld
    session: aiohttp.ClientSession

    async def post(self, raws: list[bytes], query: str = "") -> tuple[int, Submissions]:
        """Send a list in MessagePack."""
        headers = {"Content-Type": "application/msgpack"}
        async with self.session.post(PATH + query, data=msgspec.msgpack.encode(raws), headers=headers) as response:
            return response.status, msgspec.msgpack.decode(await response.read(), type=Submissions)

    async def final(self, *raws: bytes) -> None:
        """Send, and make the block."""
        status, _ = await self.post(list(raws))
        assert status == 202
        await self.world.settle()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Bank A has 1,000.00 som and paid 7.00 to bank B; both blocks are in the store, a third payment is not."""
    async with ledger_world(tmp_path / "data") as world, client_of(world.backend) as session:
        scene = Scene(world, session)
        await scene.final(world.issue(A, 100_000))
        await scene.final(world.pay(A, B, 700, ref="rent"))
        await world.chain.flush()
        await scene.final(world.pay(B, A, 5, ref="change"))
        yield scene


async def test_account_comes_with_a_proof_that_checks(scene: Scene) -> None:
    """Goal: `?proof=1` convinces whoever knows the chain and its validators only. Method: check the file, then its certificate."""
    body = await get(scene.session, f"/v1/accounts/{A}?proof=1", AccountBody)
    chain = scene.world.chain.chain_id
    proof = b64decode(body.proof)
    proven = check_state_proof(proof, chain=chain)
    assert isinstance(proven.records[f"account/{A}"], Account)
    balance = proven.records[f"balance/{A}/KGS"]
    assert isinstance(balance, Balance)
    assert (str(balance.posted), balance.held, proven.block.header.height, body.as_of) == (body.balances[0].posted, 0, 3, 3)
    shown = proven.block.certificate
    subject = Vote(Kind.FINALIZE, Epoch(shown.epoch), View(shown.view), View(shown.parent_view), BlockId(shown.block_id))
    certificate = Certificate(subject, tuple((ValidatorId(index), signature) for index, signature in shown.signatures))
    validators = ValidatorSet(tuple(entry.consensus_key for entry in scene.world.reads.validators))
    assert check_certificate(certificate, validators, ChainId(chain), verify)


async def test_absent_account_comes_with_a_proof_of_absence(scene: Scene) -> None:
    """Goal: a node cannot hide an account. Method: the proof of a 404 checks and names no record."""
    error = await get(scene.session, "/v1/accounts/bank-a/nothing?proof=1", ErrorBody, 404)
    proven = check_state_proof(b64decode(error.proof), chain=scene.world.chain.chain_id)
    assert proven.records == {"account/bank-a/nothing": None}
    assert proven.tree == "bank-a"


@pytest.mark.parametrize("ref", ["rent", "change"])
async def test_transaction_comes_with_a_proof_that_checks(scene: Scene, ref: str) -> None:
    """Goal: inclusion and receipt are proven, flushed or not. Method: check the file against what is shown."""
    body = await get(scene.session, f"{PATH}?from={'bank-a' if ref == 'rent' else 'bank-b'}&ref={ref}&proof=1", TransactionBody)
    proven = check_transaction_proof(b64decode(body.proof), chain=scene.world.chain.chain_id)
    assert body.receipt is not None
    assert (proven.receipt.tx_id.hex(), proven.receipt.code, proven.receipt.height) == (body.tx_id, 0, body.height)
    decoded = decode_transaction(bytes.fromhex(body.raw))
    assert (decoded.raw_id, decoded.ref_id, decoded.valid_until) == (proven.whole, proven.ref_id, body.valid_until)


async def test_proof_before_the_first_block_is_not_there_yet(tmp_path: Path) -> None:
    """Goal: 404 and a sentence, no fault. Method: a fresh chain."""
    async with ledger_world(tmp_path / "data") as world, client_of(world.backend) as session:
        account = await get(session, f"/v1/accounts/{A}", AccountBody)
        error = await get(session, f"/v1/accounts/{A}?proof=1", ErrorBody, 404)
    assert (account.balances, account.as_of) == ((), 0)
    assert "no block is final yet" in error.message


async def test_waiting_returns_with_the_block(scene: Scene) -> None:
    """Goal: `?wait=final` over the real pool. Method: send and make the block once the pool has it."""
    raws = [scene.world.pay(A, B, amount) for amount in (1, 2, 3)]
    waiting = asyncio.create_task(scene.post(raws, "?wait=final"))
    async with asyncio.timeout(10):
        while scene.world.pool.count < len(raws):
            await asyncio.wait((waiting,), timeout=0.001)
        await scene.world.settle()
        status, answer = await waiting
    assert status == 200
    assert [(item.status, item.receipt.code, item.receipt.height) for item in answer.transactions if item.receipt] == [("final", 0, 4)] * 3


async def test_reads_agree_with_the_ledger(scene: Scene) -> None:
    """Goal: nouns of the genesis and of blocks. Method: one read of each kind on the real state."""
    body = HoldBody(A, B, "KGS", 40, 0, scene.world.now_ms + 60_000, "bank-a", "bank-a", "none", "escrow")
    raw = scene.world.sign(scene.world.envelope(body, sender="bank-a"), ("bank-a", "ops"))
    await scene.final(raw)
    hold = await get(scene.session, f"/v1/holds/{decode_transaction(raw).tx_id.hex()}", HoldDetail)
    account = await get(scene.session, f"/v1/accounts/{A}", AccountBody)
    grant = await get(scene.session, "/v1/grants/issue:KGS", GrantBody)
    operator = await get(scene.session, "/v1/participants/operator", ParticipantBody)
    validators = await get(scene.session, "/v1/validators", Validators)
    balance = await get(scene.session, "/v1/trial-balance", TrialBalance)
    assert (hold.left, hold.target) == ("40", B)
    assert [(each.posted, each.held, each.available) for each in account.balances] == [("99305", "40", "99265")]
    assert (account.holds, grant.permission) == (1, "issue")
    assert [keyset.name for keyset in operator.keysets] == ["board", "ops"]
    assert [validator.last_signed_height for validator in validators.validators] == [4, 4, 4, 0]
    assert (balance.assets[0].sum, balance.assets[0].supply, balance.assets[0].held) == ("0", "100000", "40")


async def test_block_can_be_checked_from_its_bytes(scene: Scene) -> None:
    """Goal: header bytes hash to the id, and link to the chain. Method: recompute for each block; status shows the newest roots."""
    parent = scene.world.chain.chain_id.hex()
    for height in (1, 2, 3):
        block = await get(scene.session, f"/v1/blocks/{height}", BlockBody)
        assert block_id_of(bytes.fromhex(block.header)).hex() == block.block_id
        assert (block.fields.parent, block.fields.height, len(block.transactions), block.links) == (parent, height, 1, ())
        parent = block.block_id
    status = await get(scene.session, "/v1/status", StatusBody)
    assert (status.final_block, status.participants_root, status.committed_height) == (parent, block.fields.participants_root, 2)


async def test_history_and_events_run_across_a_flush(scene: Scene) -> None:
    """Goal: what is final and not in the store yet is read like the rest. Method: both from the beginning."""
    page = await get(scene.session, f"/v1/accounts/{A}/entries", HistoryPage)
    assert [(entry.height, entry.posted) for entry in page.entries] == [(1, "100000"), (2, "-700"), (3, "5")]
    rest = await get(scene.session, f"/v1/accounts/{A}/entries?after=1.0.1&limit=1", HistoryPage)
    assert ([(entry.height, entry.posted) for entry in rest.entries], rest.next != "") == ([(2, "-700")], True)
    async with stream(scene.session, f"?after=0.0&account={B}") as opened:
        assert [event.id for event in await opened.take(2)] == ["2.0", "3.0"]
    async with stream(scene.session, "?receipts=ids", last="1.0") as opened:
        assert [len(event.block.ids) for event in await opened.take(2)] == [1, 1]


async def test_many_at_once_are_cheap(scene: Scene) -> None:
    """Goal: 1,000 bins in one request become final in one block. Method: a full list; the stages of CPU are counted."""
    raws = [scene.world.pay(A, B, 1) for _ in range(1_000)]
    status, answer = await scene.post(raws)
    assert status == 202
    assert {item.status for item in answer.transactions} == {"pending"}
    block = await scene.world.settle()
    assert (len(block.receipts), {receipt.code for receipt in block.receipts}) == (1_000, {0})
    async with scene.session.get("/metrics") as response:
        text = await response.text()
    for stage in ("decode", "execute", "tree"):
        line = next(line for line in text.splitlines() if line.startswith(f'som_cpu_seconds_total{{stage="{stage}"}}'))
        assert float(line.split()[1]) > 0
