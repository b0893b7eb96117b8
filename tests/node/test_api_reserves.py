"""`/v1/assets/{code}/reserve` by the ledger's own arithmetic: what counts now, what is missing, and the whole policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import Policy
from ledger.canonical import decode
from node.api.reserves import reserve_body
from tests.ledger.backing_world import CODE, USD, VAULT, WRAPPED, BackedWorld
from tests.ledger.foreign_world import CODE as ABROAD
from tests.ledger.foreign_world import ForeignWorld
from tests.ledger.world import HOUR_MS

if TYPE_CHECKING:
    from ledger.state import StateReader


def state_of(world: BackedWorld) -> StateReader:
    """State of the small network, as a node reads it."""
    return world.state


def test_what_stands_behind_an_attested_asset() -> None:
    """Goal: figures, coverage and what is missing. Method: USDKG with 50 M abroad; then an hour of silence."""
    world = BackedWorld().ready()
    world.observe(50_000_000 * USD)
    found = reserve_body(state_of(world), world.asset(), world.height, world.time_ms)
    assert (found.kind, found.eligible, found.market, found.foreign) == ("attested", "45269999998611", "50299999998456", "50000000000000")
    assert (found.coverage_bps, found.missing, found.state) == (10_059, "", "open")
    assert [(each.id, each.type, each.attestor) for each in found.items] == [("vault-7", "gold", "bank-b")]
    assert [(each.name, each.price) for each in found.feeds] == [("XAU-USD", "4160917242")]
    assert [each.supply for each in found.routes] == ["50000000000000"]
    assert decode(bytes.fromhex(found.policy), Policy) == world.asset().policy
    later = reserve_body(state_of(world), world.asset(), world.height, world.time_ms + HOUR_MS)
    assert (later.eligible, later.missing, later.foreign) == ("0", "tron", "50000000000000")
    assert ([each.price for each in later.feeds], [each.supply for each in later.routes]) == (["0"], [None])


def test_what_stands_behind_other_assets() -> None:
    """Goal: vaults and soms. Method: wrap; ask for both."""
    world = BackedWorld()
    assert world.wrap(500) == 0
    wrapped = reserve_body(state_of(world), world.asset(WRAPPED), world.height, world.time_ms)
    assert (wrapped.kind, wrapped.vault, wrapped.locked, wrapped.eligible, wrapped.coverage_bps) == ("vault", VAULT, "KGS", "500", 10_000)
    som = reserve_body(state_of(world), world.asset("KGS"), world.height, world.time_ms)
    assert (som.kind, som.vault, som.items, som.supply) == ("sovereign", "", (), "50000")
    empty = reserve_body(state_of(world), replace(world.asset(CODE), supply=0), world.height, world.time_ms)
    assert (empty.coverage_bps, empty.missing) == (None, "tron")


def test_what_stands_behind_an_asset_that_is_locked_abroad() -> None:
    """Goal: each locker, what it has now, and which is missing. Method: two lockers; then an hour in which one is not seen."""
    world = ForeignWorld().lock(300, 200)
    assert world.mint(400) == 0
    found = reserve_body(state_of(world), world.asset(ABROAD), world.height, world.time_ms)
    assert (found.kind, found.eligible, found.market, found.supply, found.coverage_bps) == ("foreign", "500", "500", "400", 12_500)
    assert [(each.name, each.chain, each.contract, each.amount) for each in found.lockers] == [
        ("eth-vault", "ethereum", "aa" * 20, "300"),
        ("tron-vault", "tron", "41" + "bb" * 20, "200"),
    ]
    later = reserve_body(state_of(world), world.asset(ABROAD), world.height, world.time_ms + HOUR_MS)
    assert (later.eligible, later.missing, [each.amount for each in later.lockers]) == ("200", "what locker eth-vault has", [None, "200"])
