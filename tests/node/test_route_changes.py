"""What attestors sign for: a route's record at each height where it changed, proven, before and after a flush and a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lmdb
import pytest

from ledger.bridges import BridgeRoute
from ledger.canonical import decode
from ledger.grants import Grant, Need, Scope
from ledger.proofs import StateProof, check_state_proof
from ledger.transactions.bodies import GrantPut
from ledger.transactions.bridge_bodies import BridgeOut, BridgeSet
from node.reads import Reads
from node.tables import Table
from tests.ledger.bridge_world import ROUTE, attestors_of, terms_of
from tests.node.chain_world import World

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.transactions.bodies import Body, Transaction

ROOT = [("operator", "ops"), ("operator", "board")]
"""The quorum of money of this small network."""
MEMBERS = ("operator/board", "operator/ops")
SET = attestors_of("bank-a", "bank-b", "operator", "treasury")
PAST = 4
"""Height of the first lock."""


def by_root(world: World, body: Body) -> Transaction:
    """Transaction of the operator, signed by what opens everything here."""
    return world.transaction(body, "operator", ROOT)


async def locked_thrice(world: World) -> None:
    """Let a route exist at height 3, and be locked into at 4, 6 and, twice, at 7; blocks 5 and 8 leave it alone."""
    await world.fund()
    grant = Grant("bridges", "operator", "bridge", Scope("KGS", "", "", ()), None, Need(2, MEMBERS), (), 0, 0, 0)
    await world.block(by_root(world, GrantPut(grant)))
    await world.block(by_root(world, BridgeSet(ROUTE, terms_of(), "active", SET, False, None, "")))  # noqa: FBT003  # a field of a body
    for amounts in ((100,), (), (20,), (30, 40), ()):
        moves = [
            world.transaction(BridgeOut("KGS", "bank-a/main", each, ROUTE, b"\xaa" * 20), "bank-a", [("bank-a", "ops")]) for each in amounts
        ]
        await world.block(*(moves or [world.pay("bank-a/main", "bank-b/main", 1)]))


def seen(reads: Reads, world: World, after: int = 0, limit: int = 9) -> list[tuple[int, int, int]]:
    """Height, number of locks and L of each change, as its proof shows them."""
    found = []
    for height, proof in reads.route_changes(ROUTE, after, limit):
        proven = check_state_proof(proof, chain=world.chain_id)
        record = proven.records[f"route/{ROUTE}"]
        assert isinstance(record, BridgeRoute)
        assert proven.block.header.height == height
        found.append((height, record.locks, record.locked))
    return found


@pytest.mark.parametrize("stage", ["unflushed", "flushed", "half", "restarted"])
async def test_every_change_is_proven_at_its_height(tmp_path: Path, stage: str) -> None:
    """Goal: long after, whoever asks is shown the record as it was. Method: in memory, in LMDB, in both, after a restart."""
    world = World(tmp_path)
    await locked_thrice(world)
    if stage == "half":
        await world.chain.flush()
        await world.block(world.transaction(BridgeOut("KGS", "bank-a/main", 10, ROUTE, b"\xaa" * 20), "bank-a", [("bank-a", "ops")]))
    elif stage != "unflushed":
        await world.chain.flush()
    if stage == "restarted":
        world.restart()
    reads = Reads(world.chain)
    last = [(9, 5, 200)] if stage == "half" else []
    assert seen(reads, world) == [(3, 0, 0), (4, 1, 100), (6, 2, 120), (7, 4, 190), *last]
    assert seen(reads, world, after=PAST, limit=1) == [(6, 2, 120)]
    assert seen(reads, world, after=9) == []
    assert reads.route_changes("another-1", 0, 9) == []
    world.close()


async def test_a_change_is_of_the_tree_of_its_own_height(tmp_path: Path) -> None:
    """Goal: blocks that become final together each keep their own path. Method: two blocks by one certificate; paths differ, both hold."""
    world = World(tmp_path)
    await locked_thrice(world)
    built = []
    parent = None
    for amount in (50, 60):
        world.admit(world.transaction(BridgeOut("KGS", "bank-a/main", amount, ROUTE, b"\xaa" * 20), "bank-a", [("bank-a", "ops")]))
        world.clock.now_ms += 10
        built.append(await world.build(parent=parent, view=0 if parent is None else parent.view + 1))
        parent = built[-1].facts
    world.finalize(*built)
    reads = Reads(world.chain)
    assert seen(reads, world, after=7) == [(9, 5, 240), (10, 6, 300)]
    files = [decode(proof, StateProof) for _, proof in reads.route_changes(ROUTE, 7, 9)]
    assert [len(each.finality.links) for each in files] == [1, 0]
    assert files[0].leaves[0].value != files[1].leaves[0].value
    world.close()


async def test_a_store_that_lacks_the_table_gets_it(tmp_path: Path) -> None:
    """Goal: a node that ran before there were routes goes on. Method: drop the table from its store; open it again and lock once more."""
    world = World(tmp_path)
    await locked_thrice(world)
    await world.chain.flush()
    world.chain.close()
    environment = lmdb.open(str(tmp_path), map_size=2**30, max_dbs=len(Table), lock=False)
    with environment.begin(write=True) as transaction:
        transaction.drop(environment.open_db(Table.ROUTES.value, txn=transaction))
    environment.close()
    world.restart()
    await world.block(world.transaction(BridgeOut("KGS", "bank-a/main", 10, ROUTE, b"\xaa" * 20), "bank-a", [("bank-a", "ops")]))
    await world.chain.flush()
    assert seen(Reads(world.chain), world) == [(9, 5, 200)]
    world.close()
