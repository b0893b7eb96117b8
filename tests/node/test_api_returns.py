"""A payment and what was returned of it are linked both ways, flushed or not (L18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.codec import decode_transaction
from ledger.transactions.bodies import Leg, Pay, ReturnOf
from node.api.structs import TransactionBody
from tests.ledger.people_cases import UETR
from tests.node.api_world import client_of, get
from tests.node.ledger_world import ledger_world
from tests.node.test_api_ledger import A, B, Scene

if TYPE_CHECKING:
    from pathlib import Path


def payment(scene: Scene, debit: str, credit: str, amount: int, original: bytes | None = None) -> bytes:
    """Payment that can be returned, or the return of one."""
    of = None if original is None else ReturnOf(original, 0)
    body = Pay((Leg(debit, credit, "KGS", amount, 0, ""),), "atomic", "", UETR if of is None else None, "", None, of)
    sender = debit.partition("/")[0]
    return scene.world.sign(scene.world.envelope(body, sender=sender), (sender, "ops"))


async def test_a_payment_names_its_returns_and_a_return_its_payment(tmp_path: Path) -> None:
    """Goal: both directions. Method: two parts, one of them flushed; a refused return and another payment are not among them."""
    async with ledger_world(tmp_path / "data") as world, client_of(world.backend) as session:
        scene = Scene(world, session)
        await scene.final(world.issue(A, 100_000))
        raw = payment(scene, A, B, 700)
        original = decode_transaction(raw).tx_id
        await scene.final(raw)
        parts = [payment(scene, B, A, amount, original) for amount in (300, 100, 301)]
        await scene.final(parts[0], world.pay(B, A, 5))
        await world.chain.flush()
        for part in parts[1:]:
            await scene.final(part)
        ids = [decode_transaction(part).tx_id.hex() for part in parts]
        found = await get(session, f"/v1/transactions/{original.hex()}", TransactionBody)
        assert [(each.tx_id, each.height, each.asset, each.amount) for each in found.returns] == [
            (ids[0], 3, "KGS", "300"),
            (ids[1], 4, "KGS", "100"),
        ]
        assert found.return_of is None
        for name in ids:
            shown = await get(session, f"/v1/transactions/{name}", TransactionBody)
            assert (shown.return_of, shown.returns) == (original.hex(), ())
        await world.chain.flush()
        again = await get(session, f"/v1/transactions/{original.hex()}", TransactionBody)
        assert again.returns == found.returns
