"""`/v1/bridge`: routes, quotes, attestations and transfers, over HTTP on a state that the ledger's own rules have made."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from msgspec import structs

from ledger.bridges import Mint
from ledger.transactions.bridge_bodies import BridgeOut
from node.api.bridge_faults import contradictions_of
from node.api.bridge_metrics import bridge_series
from node.api.bridge_structs import (
    BridgeAttestation,
    BridgeRouteBody,
    BridgeRoutes,
    Contradictions,
    LockBody,
    Locks,
    QuoteBody,
    ReleaseBody,
    RotationBody,
    RouteChanges,
    Transfers,
)
from node.api.bridges import attestation_of, headroom_of, locks_made, quote_body, route_body
from node.api.structs import ErrorBody
from tests.ledger.bridge_world import (
    ABROAD,
    BIG_DELAY_MS,
    ROUTE,
    WITNESSES,
    BridgedWorld,
    address_of,
    attestors_of,
    burn_of,
    defined,
    fact_of,
)
from tests.ledger.order_cast import OPERATOR, TREASURY, order, put
from tests.ledger.world import DAY_MS, HOUR_MS, MAIN_A
from tests.node.api_world import World, client_of, get, payment

if TYPE_CHECKING:
    from ledger.state import StateReader

AT = f"/v1/bridge/routes/{ROUTE}"


def on_the_way() -> BridgedWorld:
    """Lock three times: one is minted, one is big and waits, one is open; two burns are told, one of them for nobody."""
    world = BridgedWorld()
    for amount in (500, 3_000, 20):
        world.locked(amount)
    world.agree(fact_of(world.lock_of(1)))
    world.agree(burn_of(1, 100, 100))
    world.agree(burn_of(2, 50, 150, "bank-x/nobody"))
    world.tell(burn_of(3, 10, 160), "bank-a")
    for by in WITNESSES[:3]:
        world.word(by, number=3)
    world.word("treasury", number=4)
    world.sight("bank-b", 200, 350)
    return world


def served(bridged: BridgedWorld) -> World:
    """Serve the state of a small network."""
    world = World()
    world.reads.state.records = dict(bridged.state.records)
    return world


def state_of(world: BridgedWorld) -> StateReader:
    """State as a node reads it."""
    return world.state


async def test_a_route_says_what_is_locked_seen_and_under_way() -> None:
    """Goal: totals, headroom, who attests. Method: the world above, over HTTP; unknown routes are 404."""
    async with client_of(served(on_the_way()).backend) as session:
        found = await get(session, AT, BridgeRouteBody)
        totals = (found.locked, found.refunded, found.released, found.burned, found.minted, found.vault, found.in_flight, found.parked)
        assert totals == ("3520", "0", "150", "150", "500", "3370", "3020", "0")
        assert (found.status, found.epoch, found.threshold) == ("active", 1, 3)
        assert sorted(each.participant for each in found.attestors) == list(WITNESSES)
        assert [(each.participant, each.supply, each.block) for each in found.seen] == [("bank-b", "350", 200)]
        assert [each.id for each in (await get(session, "/v1/bridge/routes", BridgeRoutes)).routes] == [ROUTE]
        assert "no route other" in (await get(session, "/v1/bridge/routes/other", ErrorBody, 404)).message


async def test_a_quote_says_what_a_lock_would_meet() -> None:
    """Goal: limits are shown before they bite. Method: an amount that passes, a big one, one above the bucket, one below the least."""
    bridged = BridgedWorld()
    bridged.locked(4_000)
    async with client_of(served(bridged).backend) as session:
        small, big, much, little = [await get(session, f"{AT}/quote?amount={amount}", QuoteBody) for amount in (100, 3_000, 5_000, 9)]
        assert (small.code, big.code, much.code, little.code) == (0, 192, 192, 192)
        assert "possible from" in much.reason
        assert "amount" in (await get(session, f"{AT}/quote", ErrorBody, 400)).message
    fresh = BridgedWorld()
    async with client_of(served(fresh).backend) as session:
        big, small = [await get(session, f"{AT}/quote?amount={amount}", QuoteBody) for amount in (3_000, 100)]
        assert big.sign_from - small.sign_from == BIG_DELAY_MS
        assert (big.deadline - small.deadline) * 1_000 == BIG_DELAY_MS


async def test_an_attestation_is_the_newest_that_enough_have_signed() -> None:
    """Goal: anyone can carry it. Method: three signed height 3, one height 4; by address, as the contract wants them."""
    async with client_of(served(on_the_way()).backend) as session:
        found = await get(session, f"{AT}/attestation", BridgeAttestation)
        assert (found.what, found.number, found.epoch, found.needed) == ("checkpoint", 3, 1, 3)
        expected = sorted((address_of(by).hex(), by) for by in WITNESSES[:3])
        assert [(each.address, each.participant) for each in found.signatures] == expected
        alone = await get(session, f"{AT}/attestation?number=4", BridgeAttestation)
        assert [each.participant for each in alone.signatures] == ["treasury"]
        assert "has signed mint 1" in (await get(session, f"{AT}/attestation?what=mint&number=1", ErrorBody, 404)).message
        assert "has signed any rotate" in (await get(session, f"{AT}/attestation?what=rotate", ErrorBody, 404)).message


async def test_attestors_and_relayers_find_heights_sets_and_locks() -> None:
    """Goal: what a message is made of can be asked for. Method: changes by page, the first set, locks by nonce, one of them proven."""
    world = served(on_the_way())
    world.reads.add(payment(1))
    async with client_of(world.backend) as session:
        page = await get(session, f"{AT}/changes?after=2&count=2", RouteChanges)
        assert [(each.height, b64decode(each.proof).decode()) for each in page.changes] == [(at, f"{ROUTE} at {at}") for at in (3, 4)]
        first = await get(session, f"{AT}/rotations/1?proof=1", RotationBody)
        assert (first.epoch, first.threshold, first.immediate, [each.participant for each in first.attestors]) == (
            1,
            3,
            False,
            [each.participant for each in attestors_of(*WITNESSES)],
        )
        assert b64decode(first.proof).endswith(f"rotation/{ROUTE}/1".encode())
        assert "no epoch 2" in (await get(session, f"{AT}/rotations/2", ErrorBody, 404)).message
        assert [each.nonce for each in (await get(session, f"{AT}/locks?after=1&count=1", Locks)).locks] == [2]
        assert [each.nonce for each in (await get(session, f"{AT}/locks", Locks)).locks] == [1, 2, 3]
        assert [each.nonce for each in (await get(session, f"{AT}/locks?after=3", Locks)).locks] == []
        proven = await get(session, f"{AT}/locks/3?proof=1", LockBody)
        assert b64decode(proven.proof) == f"operator lock/{ROUTE}/3".encode()
        assert (await get(session, f"{AT}/locks/3", LockBody)).proof == ""


def test_a_rotation_is_found_with_the_addresses_of_the_set_before() -> None:
    """Goal: the chain of sets can be carried. Method: rotate, let two of the set before sign."""
    world = BridgedWorld()
    world.time_ms += HOUR_MS
    assert world.set(defined(terms=None, status="")).code == 0
    for by in ("bank-a", "bank-b"):
        assert world.word(by, what="rotate", number=2, epoch=1).code == 0
    found = attestation_of(state_of(world), world.route, "rotate", 0, world.height)
    assert found is not None
    assert (found.number, found.epoch, found.needed, len(found.signatures)) == (2, 1, 3, 2)
    assert {each.address for each in found.signatures} == {address_of("bank-a").hex(), address_of("bank-b").hex()}


async def test_a_transfer_is_found_by_any_hash() -> None:
    """Goal: one status from both sides. Method: by the bridge.out here, the lock's id, the mint there, the burn there; an unknown hash."""
    bridged = on_the_way()
    world = served(bridged)
    lock, mint, burn = bridged.lock_of(1), fact_of(bridged.lock_of(1)), burn_of(1, 100, 100)
    assert isinstance(mint, Mint)
    body = BridgeOut("KGS", MAIN_A, 500, ROUTE, ABROAD)
    async with client_of(world.backend) as session:
        for given in (lock.lock_id, mint.tx_hash):
            found = await get(session, f"/v1/bridge/transfers/{given.hex()}", Transfers)
            assert [(each.nonce, each.state) for each in found.locks] == [(1, "minted")]
        found = await get(session, f"/v1/bridge/transfers/{burn.tx_hash.hex()}", Transfers)
        assert [(each.nonce, each.state, each.account) for each in found.releases] == [(1, "released", MAIN_A)]
        assert "no bridge knows" in (await get(session, f"/v1/bridge/transfers/{'00' * 32}", ErrorBody, 404)).message
        assert (await get(session, f"{AT}/locks/2", LockBody)).sign_from - bridged.lock_of(1).sign_from_ms > BIG_DELAY_MS
        assert (await get(session, f"{AT}/releases/2", ReleaseBody)).state == "suspense"
        open_one = await get(session, f"{AT}/releases/3", ReleaseBody)
        assert (open_one.state, open_one.amount, len(open_one.votes)) == ("observing", "", 1)
        assert "last one is 3" in (await get(session, f"{AT}/locks/4", ErrorBody, 404)).message
        assert "last one observed is 2" in (await get(session, f"{AT}/releases/9", ErrorBody, 404)).message
    assert [each.nonce for each in locks_made(state_of(bridged), body, lock.height)] == [1]
    assert locks_made(state_of(bridged), body, lock.height + 1) == []


def test_a_statement_of_the_reserve_is_found_though_no_attestor_made_it() -> None:
    """Goal: the second set of keys is not the attestors'. Method: who has left the set signs one; a route that is closed quotes nothing."""
    world = BridgedWorld()
    world.time_ms += HOUR_MS
    state = world.state.records
    state["participant/bank-c"] = structs.replace(state["participant/bank-a"], id="bank-c", node_keys=(), box_keys=())
    others = attestors_of("bank-a", "bank-c", "operator", "treasury")
    for _ in range(2):
        assert world.set(defined(terms=None, status="", attestors=others)).code == 0
        world.time_ms += HOUR_MS
    assert world.word("bank-b", what="reserve", epoch=3).code == 0
    found = attestation_of(state_of(world), world.route, "reserve", 0, world.height)
    assert found is not None
    assert ([each.participant for each in found.signatures], found.needed) == (["bank-b"], 0)
    assert world.status("halted") == 0
    assert quote_body(world.route, 100, world.context()).code == 131


def test_headroom_is_the_most_that_one_lock_may_have() -> None:
    """Goal: the figure is the rule's. Method: lock it, and one more; a route that takes nothing has none."""
    world = BridgedWorld()
    world.limit(big_amount=10**6)
    world.locked(2_000)
    most = int(route_body(state_of(world), world.route, world.height, world.time_ms).headroom)
    assert [world.lock(most + 1), world.lock(most)] == [192, 0]
    world.time_ms += 2 * DAY_MS
    assert world.status("paused_out") == 0
    assert headroom_of(world.route, world.context()) == 0


async def test_metrics_have_the_totals_of_every_route() -> None:
    """Goal: B1 is a number on /metrics. Method: scrape; 3,370 in the vault, 350 seen there; without routes the series is explained."""
    async with client_of(served(on_the_way()).backend) as session, session.get("/metrics") as response:
        text = await response.text()
    for name, value in (("locked", 3_520), ("vault", 3_370), ("supply_seen", 350), ("surplus", 3_020)):
        assert f'som_bridge_minor_units{{route="{ROUTE}",total="{name}"}} {float(value)}' in text
    assert f'som_bridge_open{{route="{ROUTE}",way="out"}} 1.0' in text
    async with client_of(World().backend) as session, session.get("/metrics") as response:
        assert "# TYPE som_bridge_minor_units gauge" in await response.text()


async def test_b9_who_contradicts_itself_or_the_others_is_named() -> None:
    """Goal: an attestor that equivocates is seen. Method: two messages of a height, another burn, another sight; no honest one."""
    bridged = on_the_way()
    bridged.word("bank-a", number=3, digest=bytes([7] * 32))
    bridged.tell(structs.replace(burn_of(4, 10, 170), amount=11), "bank-b")
    for by in ("bank-a", "operator", "treasury"):
        bridged.tell(burn_of(4, 10, 170), by)
    for by, supply in (("bank-a", 360), ("bank-b", 361), ("operator", 360), ("treasury", 360)):
        bridged.time_ms += 1_000
        assert bridged.sight(by, 400, supply).code == 0
    async with client_of(served(bridged).backend) as session:
        found = (await get(session, f"{AT}/contradictions", Contradictions)).contradictions
    assert [(each.participant, each.what, each.number, len(each.said), bool(each.agreed)) for each in found] == [
        ("bank-a", "checkpoint", 3, 2, True),
        ("bank-b", "burn", 4, 1, True),
        ("bank-b", "sighting", 400, 1, True),
    ]
    assert contradictions_of(state_of(on_the_way()), on_the_way().route) == []


async def test_a_pause_is_shown_before_it_bites() -> None:
    """Goal: no quote says yes where an order says no, and the metric is down. Method: a guardian's pause on the route; its end passes."""
    bridged = BridgedWorld()
    put(bridged, order("pause", ROUTE, scope="bridge", asset="", until=bridged.time_ms + HOUR_MS), [*OPERATOR, *TREASURY])
    world = served(bridged)
    async with client_of(world.backend) as session:
        found = await get(session, f"{AT}/quote?amount=100", QuoteBody)
    assert (found.code, found.reason) == (131, f"route {ROUTE} is paused by order case-1 of treasury")
    for way in ("in", "out"):
        line = f'som_bridge_open{{route="{ROUTE}",way="{way}"}}'
        assert f"{line} 0.0" in bridge_series(bridged.state, 9, bridged.time_ms).decode()
        assert f"{line} 1.0" in bridge_series(bridged.state, 9, bridged.time_ms + 2 * HOUR_MS).decode()
