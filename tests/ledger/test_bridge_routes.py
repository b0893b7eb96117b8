"""Routes (bridge.md B9 to B12): who defines, rotates and halts them, openings, signatures, and rounds of observation."""

from __future__ import annotations

from hashlib import sha256

import pytest
from msgspec.structs import replace

from ledger.bridges import SIGNATURES_KEPT, Attestor, Rotation, Signed, rotation_key, signed_key
from ledger.errors import OK, Malformed, QuorumNotMet
from ledger.placement import tree_of
from ledger.reserves import Observation, Route
from ledger.transactions.bodies import AssetPut, GrantPut, OrderPut
from ledger.transactions.bridge_bodies import BridgeOut
from tests.ledger.backing_world import CODE, SOURCES, TREASURY, USD, BackedWorld, gold_policy
from tests.ledger.bridge_world import (
    ABROAD,
    BLOCK_HASH,
    LIMITS,
    ROUTE,
    TOKEN,
    VAULT,
    WITNESSES,
    BridgedWorld,
    attestors_of,
    bridge_grants,
    burn_of,
    defined,
    fact_of,
    sighting,
    terms_of,
    witness,
)
from tests.ledger.cast import BANK_A, BANK_B, BY_ROOT, OPERATOR
from tests.ledger.order_cast import TREASURY as TREASURY_OPS
from tests.ledger.order_cast import lift, order
from tests.ledger.world import HOUR_MS, MAIN_A, MAIN_B, TILL

HALT = defined(terms=None, attestors=None, status="halted", reason="a block that was final is gone")
KEYLESS = tuple(Attestor(b"", each) for each in WITNESSES)


@pytest.mark.parametrize(
    ("by", "sender"),
    [(TREASURY_OPS, "treasury"), ([*BANK_A, *BANK_B], "bank-a"), (BY_ROOT, "operator")],
    ids=["a guardian", "f + 1 attestors", "the quorum"],
)
def test_b_halts_are_pulled_by_few_and_lifted_by_the_quorum(by: list[tuple[str, str, bytes]], sender: str) -> None:
    """Goal: whoever sees fire stops it; only the quorum opens again. Method: halt, see both ways stop, try to reopen, let the quorum."""
    world = BridgedWorld()
    lock = world.locked(500)
    assert world.do(HALT, by=by, sender=sender).code == OK
    assert (world.route.status, world.route.reason) == ("halted", HALT.reason)
    assert (world.lock(20), world.tell(fact_of(lock), "bank-a"), world.claim("refund", 1)) == (131, 131, 131)
    if by != BY_ROOT:
        with pytest.raises(QuorumNotMet):
            world.do(defined(terms=None, attestors=None), by=by, sender=sender)
    assert (world.status("active"), world.lock(20)) == (OK, OK)


def test_b_one_attestor_halts_nothing_and_a_halt_carries_nothing_else() -> None:
    """Goal: f rogue attestors cannot stop a route, nor can those who halt change it. Method: one signs; two change limits too."""
    world = BridgedWorld()
    with pytest.raises(QuorumNotMet):
        world.do(HALT, by=BANK_A, sender="bank-a")
    with pytest.raises(QuorumNotMet):
        world.do(replace(HALT, terms=terms_of(limits=replace(LIMITS, day_out=10**9))), by=[*BANK_A, *BANK_B], sender="bank-a")


@pytest.mark.parametrize(
    ("status", "out", "inward"), [("paused_out", 131, OK), ("paused_in", OK, 131), ("halted", 131, 131), ("retired", 123, OK)]
)
def test_b11_each_status_stops_what_it_says(status: str, out: int, inward: int) -> None:
    """Goal: pauses are separate, a retired bridge releases for ever. Method: lock and burn under each status."""
    world = BridgedWorld()
    world.locked(500)
    assert world.status(status) == OK
    assert (world.lock(20), world.tell(burn_of(1, 100, 100), "bank-a")) == (out, inward)
    if status == "retired":
        assert world.agree(burn_of(1, 100, 100), WITNESSES[1:3]) == [OK, OK]
        assert (world.release_of(1).state, world.status("active")) == ("released", 123)


def test_l22_a_pause_of_the_route_stops_both_ways_and_one_of_the_asset_only_locks() -> None:
    """Goal: scope bridge stops bridge.in too. Method: a guardian's pause of the route; a quorum's of the asset."""
    world = BridgedWorld()
    world.locked(500)
    pause: OrderPut = order("pause", ROUTE, scope="bridge", asset="", until=world.time_ms + HOUR_MS)
    world.must(pause, by=TREASURY_OPS, sender="treasury")
    record = world.state.records["order/case-1"]
    assert tree_of("order/case-1", record) == "A"
    assert (world.lock(20), world.tell(burn_of(1, 100, 100), "bank-a"), world.claim("release", 1)) == (131, 131, 131)
    world.must(lift(), by=TREASURY_OPS, sender="treasury")
    world.must(order("pause", "KGS", scope="asset", asset="", name="other", by="operator"), by=[*BY_ROOT])
    assert (world.lock(20), world.tell(burn_of(1, 100, 100), "bank-a")) == (131, OK)


def test_b11_an_opening_is_locked_with_the_route_and_given_back_if_it_never_began() -> None:
    """Goal: supply that is out there is covered from the first block. Method: one on 700; another that is never active."""
    world = BridgedWorld(body=defined(terms=terms_of(opening=700), source=MAIN_A))
    assert (world.balance(VAULT), world.balance(MAIN_A)) == ((700, 0), (9_300, 0))
    assert world.agree(burn_of(1, 650, 650, MAIN_B)) == [OK] * 3
    assert (world.balance(VAULT), world.route.released) == ((50, 0), 650)
    assert world.set(defined(terms=terms_of(opening=900), attestors=None, status="")).code == 133
    proposed = BridgedWorld(body=defined(terms=terms_of(opening=700, token=b""), status="proposed", source=MAIN_A))
    assert (proposed.lock(20), proposed.tell(burn_of(1, 1, 1), "bank-a")) == (123, 123)
    retire = defined(terms=None, attestors=None, status="retired", source=TILL)
    assert proposed.set(retire).code == OK
    assert (proposed.balance(VAULT), proposed.balance(TILL), proposed.route.terms.opening) == ((0, 0), (10_700, 0), 0)


def test_b11_a_proposed_route_gets_its_addresses_and_then_keeps_them() -> None:
    """Goal: a redeployed contract is a new route. Method: addresses come before it is active, and stay."""
    world = BridgedWorld(body=defined(terms=terms_of(bridge=b"", token=b""), status="proposed"))
    assert world.status("active") == 172
    assert world.set(defined(attestors=None)).code == OK
    assert world.set(defined(terms=terms_of(token=b"\x71" * 20), attestors=None, status="")).code == 133
    assert world.set(defined(terms=terms_of(observe_step=7, lock_ttl_ms=HOUR_MS), attestors=None, status="")).code == OK
    assert world.status("proposed") == 172


def test_b9_rotations_are_an_hour_apart_and_all_sets_stay() -> None:
    """Goal: the chain of rotations. Method: two rotations; the set before signs the next one; a vote of who has left counts for nothing."""
    world = BridgedWorld()
    world.locked(500)
    world.must(GrantPut(replace(bridge_grants()[1], id="sign-x", to="bank-a")), by=BY_ROOT)
    rotate = defined(terms=None, status="", attestors=attestors_of(*WITNESSES), immediate=True)
    assert world.set(rotate).code == 172
    world.time_ms += HOUR_MS
    assert world.set(rotate).code == OK
    assert (world.route.epoch, world.set(rotate).code) == (2, 172)
    assert world.word("bank-b", what="rotate", number=2, epoch=1).code == OK
    assert world.word("bank-b", what="rotate", number=2, epoch=1, signature=b"again" * 13).code == OK
    assert world.word("bank-a", what="rotate", number=2, epoch=1).code == OK
    assert world.word("bank-a", what="rotate", number=3, epoch=2).code == 191
    record = world.state.get(rotation_key(ROUTE, 2))
    assert isinstance(record, Rotation)
    assert (record.immediate, [each[0] for each in record.signatures]) == (True, ["bank-a", "bank-b"])
    assert isinstance(world.state.get(rotation_key(ROUTE, 1)), Rotation)
    assert world.word("bank-a", epoch=1).code == OK
    world.time_ms += HOUR_MS
    assert world.set(rotate).code == OK
    assert [world.word("bank-a", epoch=epoch).code for epoch in (1, 2, 3, 4)] == [182, OK, OK, 182]


def test_b9_who_is_an_attestor_no_more_has_no_vote() -> None:
    """Goal: votes that are valid then. Method: two vote, the set changes to five others of whom they are none; the threshold is theirs."""
    world = BridgedWorld()
    world.locked(500)
    burn = burn_of(1, 100, 100)
    assert world.agree(burn, ("bank-a", "bank-b")) == [OK, OK]
    world.time_ms += HOUR_MS
    state = world.state.records
    for name in ("bank-c", "bank-d"):
        state[f"participant/{name}"] = replace(state["participant/bank-a"], id=name, node_keys=(), box_keys=())
    new = attestors_of("bank-c", "bank-d", "operator", "treasury")
    assert world.set(defined(terms=None, status="", attestors=new)).code == OK
    assert (world.tell(burn, "bank-a"), world.tell(burn, "operator"), world.release_of(1).state) == (182, OK, "observing")
    assert world.tell(burn, "treasury") == OK
    assert world.release_of(1).state == "observing", "four have voted, two of those who attest now"
    assert [vote.by for vote in world.release_of(1).votes] == ["operator", "treasury"], "and what has gone takes no room"


def test_b9_the_newest_64_signatures_of_each_attestor_stay() -> None:
    """Goal: bounded, and one attestor cannot push out another's. Method: 66 of one, one of another."""
    world = BridgedWorld()
    assert world.word("bank-b").code == OK
    for number in range(SIGNATURES_KEPT + 2):
        assert world.word("bank-a", digest=sha256(b"%d" % number).digest()).code == OK
    slots = [world.state.get(signed_key(ROUTE, "bank-a", slot)) for slot in range(SIGNATURES_KEPT + 1)]
    sequences = [slot.sequence for slot in slots if isinstance(slot, Signed)]
    assert sorted(sequences) == list(range(2, SIGNATURES_KEPT + 2))
    assert isinstance(world.state.get(signed_key(ROUTE, "bank-b", 0)), Signed)


def test_b9_a_statement_of_the_reserve_is_of_other_signers() -> None:
    """Goal: the second key set is not the attestors'. Method: a participant with the grant, no attestor, signs both kinds."""
    world = BridgedWorld()
    world.time_ms += HOUR_MS
    state = world.state.records
    for name in ("bank-c",):
        state[f"participant/{name}"] = replace(state["participant/bank-a"], id=name, node_keys=(), box_keys=())
    assert world.set(defined(terms=None, status="", attestors=attestors_of("bank-a", "bank-c", "operator", "treasury"))).code == OK
    assert [world.word("bank-b", what=what, epoch=2).code for what in ("reserve", "checkpoint")] == [OK, 182]


def test_b10_an_observed_route_has_no_vault_and_takes_nothing() -> None:
    """Goal: we do not pretend to enforce what we cannot. Method: define one; lock, burn and opening are refused; sightings count."""
    world = BridgedWorld(body=defined(terms=terms_of(mode="observed", bridge=b""), attestors=KEYLESS))
    assert world.state.get("account/" + VAULT) is None
    assert (world.lock(20), world.tell(burn_of(1, 1, 1), "bank-a"), world.claim("release", 1)) == (124, 124, 124)
    assert world.sight("bank-a", 200, 5).code == OK
    with pytest.raises(Malformed):
        world.sign(defined(terms=terms_of(mode="observed", bridge=b"", opening=5), source=MAIN_A), by=BY_ROOT)


def test_b10_rounds_are_at_common_blocks_and_only_go_on() -> None:
    """Goal: all attestors name the same block. Method: a block off the step, the same block again, an older one, a newer one."""
    world = BridgedWorld()
    codes = [world.sight("bank-a", block, 70).code for block in (150, 200, 200, 100, 300)]
    assert codes == [172, OK, 172, 172, OK]
    record = world.state.get(f"observed/KGS:{ROUTE}/bank-a")
    assert isinstance(record, Observation)
    assert (record.supply, record.block, record.block_hash) == (70, 300, BLOCK_HASH)


def observed_gold() -> tuple[BackedWorld, BridgedWorld]:
    """Make USDKG with an observed route that its policy names, watched by three."""
    backed = BackedWorld(policy=gold_policy(routes=(Route(ROUTE, SOURCES),)))
    bridged = BridgedWorld.__new__(BridgedWorld)
    bridged.__dict__ = backed.__dict__
    for each in bridge_grants(CODE):
        backed.must(GrantPut(each), by=BY_ROOT)
    terms = terms_of(asset=CODE, decimals=6, mode="observed", bridge=b"")
    bridged.must(defined(terms=terms, attestors=KEYLESS), by=BY_ROOT)
    backed.vouch()
    backed.price()
    return backed, bridged


def test_b10_a_breach_over_two_rounds_stops_issue_and_shows() -> None:
    """Goal: USDKG abroad is compared with its gold. Method: 50 M at a common block; above the market value for two rounds."""
    backed, bridged = observed_gold()
    assert backed.mint(1) == 162, "nobody has looked yet"
    for by in SOURCES[:2]:
        assert bridged.sight(by, 100, 50_000_000 * USD, CODE).code == OK
    assert (backed.mint(USD // 100), backed.asset().state) == (161, "open")
    for block in (200, 300):
        for by in SOURCES:
            assert bridged.sight(by, block, 50_300_000 * USD, CODE).code == OK
        assert backed.asset().state == ("open" if block == 200 else "underbacked")
    for by in SOURCES:
        bridged.sight(by, 400, 1_000_000 * USD, CODE)
    assert (backed.asset().state, backed.mint(USD)) == ("open", OK)


def test_b10_of_a_route_that_the_policy_names_its_sources_alone_count() -> None:
    """Goal: one median, of those whom root has agreed to. Method: the treasury attests the route and is no source of the policy."""
    backed, bridged = observed_gold()
    assert bridged.sight("treasury", 100, 5, CODE).code == 182
    plain = sighting("bank-a", bridged.time_ms, 100, 5, CODE)
    assert bridged.do(plain, by=witness("bank-a")).code == OK
    backed.must(AssetPut(gold_policy(routes=())), by=[*BY_ROOT, *TREASURY])
    assert bridged.sight("treasury", 100, 5, CODE).code == OK


def test_b7_tron_has_its_own_addresses() -> None:
    """Goal: a recipient of the other kind of chain is refused before anything is locked. Method: 20 and 21 bytes on a Tron route."""
    tron = terms_of(kind="TVM", bridge=b"\x41" + b"\xb1" * 20, token=b"\x41" + TOKEN)
    world = BridgedWorld(body=defined(terms=tron))
    assert [world.lock(20, recipient=each) for each in (ABROAD, b"\x41" * 20, b"\x42" + ABROAD, b"\x41" + TOKEN, b"\x41" + ABROAD)] == [
        *[172] * 4,
        OK,
    ]
    with pytest.raises(Malformed):
        world.sign(defined(terms=terms_of(kind="TVM")), by=BY_ROOT)


def test_a_route_of_an_asset_is_no_way_out_for_another() -> None:
    """Goal: one vault serves one route of one asset (L9). Method: lock gold on the route for soms."""
    world = BackedWorld()
    bridged = BridgedWorld.of(world)
    assert bridged.do(BridgeOut(CODE, MAIN_A, 5, ROUTE, ABROAD), by=[*OPERATOR, *BANK_A]).code == 124
