"""Reservations over the API after their end: gone at once, swept or not (L19)."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from ledger.accounts import Balance
from ledger.codec import decode_transaction
from ledger.proofs import check_state_proof
from ledger.transactions.bodies import HoldBody
from node.api.structs import AccountBody, ErrorBody, TransactionBody, TrialBalance
from tests.node.api_world import client_of, get
from tests.node.ledger_world import ledger_world
from tests.node.test_api_ledger import A, B, Scene

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HOLDS, EACH = 7, 100
SWEEP_MAX = 6
"""Leaves a block: two holds."""


async def test_reservations_are_not_shown_after_expiry(tmp_path: Path) -> None:
    """Goal: TigerBeetle's pending amounts. Method: seven holds lapse at once, a block sweeps two; look at the account and at each hold."""
    async with ledger_world(tmp_path / "data", {"sweep_max": SWEEP_MAX}) as world, client_of(world.backend) as session:
        scene = Scene(world, session)
        await scene.final(world.issue(A, 1_000), world.issue(B, 1_000))
        until = world.now_ms + 60_000
        body = HoldBody(A, B, "KGS", EACH, 0, until, "bank-b", "bank-b", "none", "authorisation")
        placed = [world.sign(world.envelope(body, sender="bank-a"), ("bank-a", "ops")) for _ in range(HOLDS)]
        await scene.final(*placed)
        found = await get(session, f"/v1/accounts/{A}", AccountBody)
        (balance,) = found.balances
        assert (found.holds, balance.held, balance.available, balance.lapsed) == (HOLDS, "700", "300", "0")
        world.now_ms = until
        await scene.final(world.issue(B, 1))
        found = await get(session, f"/v1/accounts/{A}?proof=1", AccountBody)
        (balance,) = found.balances
        assert (found.holds, balance.held, balance.available, balance.lapsed) == (0, "0", "1000", "500")
        proven = check_state_proof(b64decode(found.proof), chain=world.chain.chain_id).records[f"balance/{A}/KGS"]
        assert proven == Balance(int(balance.posted), int(balance.held) + int(balance.lapsed))
        for raw in placed:
            name = decode_transaction(raw).tx_id.hex()
            assert "no open hold" in (await get(session, f"/v1/holds/{name}", ErrorBody, 404)).message
        (line,) = (await get(session, "/v1/trial-balance", TrialBalance)).assets
        assert line.held == "500", "sums are those of the state"


async def test_what_touches_too_much_waits_for_a_later_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: L19, a payment that a block has no room for is not lost. Method: room for two; four lapsed holds wait, one goes a block."""
    monkeypatch.setattr("ledger.expiry.PASSING_MAX", 2)
    async with ledger_world(tmp_path / "data", {"sweep_max": 3}) as world, client_of(world.backend) as session:
        scene = Scene(world, session)
        await scene.final(world.issue(A, 1_000), world.issue(B, 1_000))
        until = world.now_ms + 60_000
        body = HoldBody(A, B, "KGS", EACH, 0, until, "bank-b", "bank-b", "none", "authorisation")
        await scene.final(*(world.sign(world.envelope(body, sender="bank-a"), ("bank-a", "ops")) for _ in range(5)))
        world.now_ms = until
        whole = world.pay(A, B, 1_000)
        name = decode_transaction(whole).tx_id.hex()
        await scene.post([whole])
        statuses = []
        for _ in range(3):
            await scene.final(world.issue(B, 1))
            statuses.append((await get(session, f"/v1/transactions/{name}", TransactionBody)).status)
        assert statuses == ["pending", "pending", "final"]
