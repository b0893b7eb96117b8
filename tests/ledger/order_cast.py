"""Orders for the tests: who may make them in the small network of `world.py`, and how they are written."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.orders import Order
from ledger.transactions.bodies import OrderLift, OrderPut, Seize
from tests.ledger.world import BOARD, TILL, signers

if TYPE_CHECKING:
    from ledger.orders import Allowed, OrderMode, OrderScope
    from ledger.transactions.bodies import Body
    from tests.ledger.breaks import Change
    from tests.ledger.world import Signer, World

BASIS = sha256(b"decision of the court").digest()
LATER_BASIS = sha256(b"decision on appeal").digest()
TREASURY, OPERATOR = signers("treasury/ops"), signers("operator/ops")
QUORUM = [*OPERATOR, *BOARD]
SEIZERS = [*TREASURY, *BOARD]
"""Two of the keysets that the grant to seize needs."""
DEFAULT: dict[str, tuple[Allowed, ...]] = {"arrest": ("holds",), "pause": ("holds", "redeem")}
"""What orders of a mode allow unless they say otherwise, as the clients fill it in (L30)."""


def order(mode: OrderMode, subject: str, *, name: str = "case-1", scope: OrderScope = "account", **fields: object) -> OrderPut:
    """Body of an order of the treasury on all of KGS, until it is lifted; `fields` say what is otherwise."""
    made = Order(
        id=name,
        by="treasury",
        basis_hash=BASIS,
        scope=scope,
        subject=subject,
        asset="KGS",
        mode=mode,
        amount=None,
        allow=DEFAULT.get(mode, ()),
        seize_to="",
        until=0,
        open=False,
    )
    return OrderPut(replace(made, **fields))


def arrest(subject: str, amount: int | None, *, name: str = "case-1", seize_to: str = TILL, until: int = 0) -> OrderPut:
    """Body of an arrest on an account whose value may be seized."""
    return order("arrest", subject, name=name, amount=amount, seize_to=seize_to, until=until)


def lift(name: str = "case-1") -> OrderLift:
    """Body that lifts an order."""
    return OrderLift(name, LATER_BASIS)


def seize(account: str, amount: int, *, name: str = "case-1") -> Seize:
    """Body of a seizure."""
    return Seize(name, account, "KGS", amount)


def put(world: World, body: OrderPut, by: list[Signer] | None = None) -> None:
    """Make an order, as the treasury unless others sign."""
    world.must(body, by=TREASURY if by is None else by, sender="treasury" if by is None else "operator")


def ordered(*bodies: OrderPut) -> Change:
    """Put orders in the way of a transaction."""

    def change(world: World, body: Body) -> Body:
        for each in bodies:
            put(world, each)
        return body

    return change
