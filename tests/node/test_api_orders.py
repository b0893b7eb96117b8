"""`/v1/orders` on a real chain: what is in force, what is over, and that nothing is shown as in force after its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.codec import decode_transaction
from ledger.orders import Order
from ledger.transactions.bodies import OrderLift, OrderPut, Seize
from node.api.order_structs import OrderBody, OrdersBody
from node.api.structs import ErrorBody, TransactionBody
from tests.node.api_world import client_of, get
from tests.node.ledger_world import ledger_world
from tests.node.test_api_ledger import A, B, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.transactions.bodies import Body

BASIS, LATER = bytes(range(32)), bytes(32)
ON_A = f"/v1/orders?scope=account&subject={A}"


def signed(scene: Scene, body: Body) -> bytes:
    """Sign as the quorum of the operator."""
    return scene.world.sign(scene.world.envelope(body, sender="operator"), ("operator", "board"), ("operator", "ops"))


def arrest(name: str, *, until: int = 0, amount: int | None = 500) -> OrderPut:
    """Arrest on A, to be seized for B."""
    return OrderPut(Order(name, "operator", BASIS, "account", A, "KGS", "arrest", amount, ("holds",), B, until, open=False))


async def test_orders_are_shown_while_in_force_and_when_over(tmp_path: Path) -> None:
    """Goal: reads of orders, and both codes of a receipt. Method: two arrests; seize, lift, let lapse without a block that sweeps."""
    async with ledger_world(tmp_path / "data") as world, client_of(world.backend) as session:
        scene = Scene(world, session)
        await scene.final(world.issue(A, 1_000))
        until = world.now_ms + 60_000
        await scene.final(signed(scene, arrest("first")))
        await scene.final(signed(scene, arrest("second", until=until, amount=None)))
        found = await get(session, ON_A, OrdersBody)
        assert [(each.id, each.amount, each.status) for each in found.orders] == [("first", "500", "active"), ("second", None, "active")]
        refused = world.pay(A, B, 1)
        await scene.final(refused)
        receipt = (await get(session, f"/v1/transactions/{decode_transaction(refused).tx_id.hex()}", TransactionBody)).receipt
        assert receipt is not None
        assert (receipt.code, receipt.name, receipt.public_code) == (151, "ARRESTED", 150)
        await scene.final(signed(scene, Seize("first", A, "KGS", 200)))
        await scene.final(signed(scene, OrderLift("first", LATER)))
        first = await get(session, "/v1/orders/first", OrderBody)
        assert (first.status, first.seized, first.ended_by, first.ended_basis) == ("lifted", "200", "operator", LATER.hex())
        assert first.basis_hash == BASIS.hex()
        assert [each.id for each in (await get(session, ON_A, OrdersBody)).orders] == ["second"]
        world.now_ms = until
        await scene.final(world.pay(A, B, 1))
        assert (await get(session, ON_A, OrdersBody)).orders == ()
        assert (await get(session, "/v1/orders/second", OrderBody)).status == "lapsed"
        error = await get(session, "/v1/orders/none", ErrorBody, 404)
        assert "no order none" in error.message
        assert "scope" in (await get(session, "/v1/orders?scope=everything", ErrorBody, 400)).message
