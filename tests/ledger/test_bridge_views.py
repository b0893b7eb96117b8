"""Who sees what of a bridge, in which tree it lives, and what proves it: the route is public, a lock is its bank's and the issuer's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.blocks import view_bytes
from ledger.bridges import Lock, lock_key, release_key, route_key
from ledger.grants import Grant, Scope
from ledger.keys import keyed
from ledger.proofs import check_state_proof
from ledger.transactions.bodies import GrantPut
from ledger.transactions.bridge_bodies import BridgeIn, BridgeOut
from ledger.views import CREDITED, WHOLE, decode_view, journal_root, replay_views, salt_of, slot_of, state_root
from tests.ledger.bridge_world import ABROAD, ROUTE, VAULT, attestors_of, burn_of, defined, fact_of
from tests.ledger.chain import CHAIN, PARTICIPANTS, VIEW_KEY, MemoryLedger, finality_of
from tests.ledger.histories import funded
from tests.ledger.test_proofs import SEEDS, state_file
from tests.ledger.test_views import own_leaves

if TYPE_CHECKING:
    from ledger.transactions.bodies import Body
    from tests.ledger.chain import Block

FROM, TO = "bank-a/settlement", "bank-b/settlement"


def bridged() -> MemoryLedger:
    """Return the small ledger with money and a route that its four participants attest."""
    ledger = funded()
    grant = Grant("bridge", "operator", "bridge", Scope("KGS", "", "", ()), None, None, (), 0, 0, 0)
    done(ledger, (GrantPut(grant), "operator"), (defined(attestors=attestors_of(*PARTICIPANTS)), "operator"))
    return ledger


def done(ledger: MemoryLedger, *bodies: tuple[Body, str]) -> Block:
    """Make a block of bodies, each by its sender, that must take effect."""
    block = ledger.block(*(ledger.sign(body, sender=sender) for body, sender in bodies))
    assert [receipt.code for receipt in block.result.receipts] == [0] * len(bodies)
    return block


def seen(block: Block, index: int) -> dict[str, int]:
    """Return participant -> how much of a transaction it is shown."""
    views = ((name, decode_view(data)) for name in PARTICIPANTS for data in block.result.views.get(name, ()))
    return {name: view.part.form for name, view in views if view.index == index}


def lock_of(ledger: MemoryLedger) -> Lock:
    """First lock as it is now."""
    record = ledger.state.get(lock_key(ROUTE, 1))
    if not isinstance(record, Lock):
        raise TypeError
    return record


def test_l23_a_lock_is_seen_by_its_bank_and_a_release_by_who_is_paid() -> None:
    """Goal: a bank sees its own, the issuer what its vault does. Method: views of a lock, a vote and a release to another bank."""
    ledger = bridged()
    locked = done(ledger, (BridgeOut("KGS", FROM, 500, ROUTE, ABROAD), "bank-a"))
    assert seen(locked, 0) == {"bank-a": WHOLE, "operator": CREDITED}
    burn = burn_of(1, 100, 100, TO)
    told = done(ledger, *((BridgeIn(ROUTE, by, burn), by) for by in ("operator", "bank-a", "bank-c")))
    assert seen(told, 0) == {"operator": WHOLE}
    assert seen(told, 1) == {"bank-a": WHOLE, "operator": WHOLE}
    assert seen(told, 2) == {"bank-b": CREDITED, "bank-c": WHOLE, "operator": WHOLE}


def test_invariant_21_views_rebuild_the_trees_of_a_bridge_and_its_route_is_proven() -> None:
    """Goal: locks and releases are in the vault's tree, routes in the public one. Method: replay all views; check a proof."""
    ledger = bridged()
    done(ledger, (BridgeOut("KGS", FROM, 500, ROUTE, ABROAD), "bank-a"), (BridgeOut("KGS", FROM, 300, ROUTE, ABROAD), "bank-a"))
    expiry = fact_of(lock_of(ledger), "expiry")
    done(ledger, *((BridgeIn(ROUTE, by, expiry), by) for by in ("operator", "bank-a", "bank-c")))
    done(ledger, *((BridgeIn(ROUTE, by, burn_of(1, 100, 100, TO)), by) for by in ("operator", "bank-a", "bank-c")))
    leaves = {name: own_leaves(MemoryLedger(), name) for name in PARTICIPANTS}
    for block in ledger.blocks:
        for index, name in enumerate(PARTICIPANTS):
            views = block.result.views.get(name, ())
            leaves[name] = replay_views(leaves[name], views)
            salt = salt_of(keyed(VIEW_KEY, name.encode()), view_bytes(block.header.epoch, block.header.view))
            slot = slot_of(name, salt=salt, state_root=state_root(leaves[name]), journal=journal_root(views))
            assert slot == block.result.slots[index]
    assert {lock_key(ROUTE, 1), lock_key(ROUTE, 2), release_key(ROUTE, 1), f"account/{VAULT}"} <= leaves["operator"].keys()
    newest = ledger.blocks[-1]
    proof = state_file(ledger, finality_of([newest], SEEDS), "A", [route_key(ROUTE)])
    assert route_key(ROUTE) in check_state_proof(proof, chain=CHAIN).records
