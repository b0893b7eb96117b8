"""What can be missing when a transaction arrives: small changes of the world or of the body, each with the code that must answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.accounts import Balance
from ledger.parameters import parameter_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.state import Record
    from ledger.transactions.bodies import Body
    from tests.ledger.world import Signer, World

    Change = Callable[[World, Body], Body]


@dataclass(frozen=True)
class Break:
    """One thing that is missing, and the code that must say so."""

    what: str
    code: int
    change: Change
    by: list[Signer] | None = None
    """Who signs instead, where the change asks for others."""


def gone(key: str, *indexes: str) -> Change:
    """Take a record away, and its index keys."""

    def change(world: World, body: Body) -> Body:
        for each in (key, *indexes):
            del world.state.records[each]
        return body

    return change


def put(key: str, record: Record) -> Change:
    """Add a record."""

    def change(world: World, body: Body) -> Body:
        world.state.records[key] = record
        return body

    return change


def no_grant(name: str, permission: str) -> Change:
    """Take a grant away."""
    return gone(f"grant/{name}", f"~grants/{permission}/{name}")


def edited(key: str, inner: str = "", **fields: object) -> Change:
    """Change fields of a record, or of the struct in its field `inner`."""

    def change(world: World, body: Body) -> Body:
        record = world.state.records[key]
        if inner:
            fields_of_record = {inner: replace(getattr(record, inner), **fields)}
            world.state.records[key] = replace(record, **fields_of_record)
        else:
            world.state.records[key] = replace(record, **fields)
        return body

    return change


def asked(inner: str = "", **fields: object) -> Change:
    """Change fields of the body, or of the struct in its field `inner`."""

    def change(_world: World, body: Body) -> Body:
        return replace(body, **{inner: replace(getattr(body, inner), **fields)}) if inner else replace(body, **fields)

    return change


def leg(index: int, **fields: object) -> Change:
    """Change one leg of a pay."""

    def change(_world: World, body: Body) -> Body:
        legs = list(getattr(body, "legs"))  # noqa: B009  # only a pay has legs, and only a pay is given here
        legs[index] = replace(legs[index], **fields)
        return replace(body, legs=tuple(legs))

    return change


def parameter(name: str, value: int) -> Change:
    """Set a parameter of the network."""

    def change(world: World, body: Body) -> Body:
        world.state.records.update(parameter_records({name: value}))
        return body

    return change


def balance(account: str, posted: int, held: int = 0) -> Change:
    """Set a balance."""

    def change(world: World, body: Body) -> Body:
        world.state.records[f"balance/{account}/KGS"] = Balance(posted, held)
        return body

    return change


def both(first: Change, second: Change) -> Change:
    """Make two changes."""
    return lambda world, body: second(world, first(world, body))
