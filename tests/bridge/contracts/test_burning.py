"""Rules of burning, of limits, of pauses, and of retirement; each refusal by its name, each change by its event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from bridge.contracts import artifact
from tests.bridge.contracts.chain import Reverted, deploy
from tests.bridge.contracts.world import ADMIN, ALICE, BOB, CAROL, CEILING, DELAY, GUARDIAN, HOME, LIMITS, NO_ONE, World
from tests.bridge.keys import key

if TYPE_CHECKING:
    from bridge.abi import Value

DAY = 86_400


def funded() -> World:
    """Return a world in which Alice got 1,000 by a mint."""
    world = World()
    world.mint()
    return world


def test_a_burn_is_logged_with_its_nonce_and_total() -> None:
    """Goal: section 1. Method: two burns; nonces from 1, totals cumulative, supply lower."""
    world = funded()
    found = [world.bridge.events(world.burn(amount))[0] for amount in (300, 200)]
    assert found[0].fields == {"nonce": 1, "from": ALICE, "ledgerRecipient": HOME, "amount": 300, "cumulativeBurned": 300}
    assert (found[1].fields["nonce"], found[1].fields["cumulativeBurned"]) == (2, 500)
    assert (world.token.number("totalSupply"), world.bridge.number("outstanding"), world.state()["burnCount"]) == (500, 500, 2)


def test_a_burn_needs_allowance_and_balance() -> None:
    """Goal: nobody burns what is not theirs. Method: without approval; above the balance."""
    world = funded()
    with pytest.raises(Reverted) as caught:
        world.bridge.send(ALICE, "burn", 1, HOME)
    assert caught.value.name == "ERC20InsufficientAllowance"
    with pytest.raises(Reverted) as caught:
        world.burn(1, BOB)
    assert caught.value.name == "ERC20InsufficientBalance"
    with pytest.raises(Reverted) as caught:
        world.burn(0)
    assert caught.value.name == "ZeroField"


@pytest.mark.parametrize(
    "recipient", [bytes(32), HOME[:31] + bytes([HOME[31] ^ 1]), bytes([HOME[0] ^ 128]) + HOME[1:], bytes(28) + b"\x01" * 4]
)
def test_b13_a_burn_to_a_mistyped_recipient_is_refused(recipient: bytes) -> None:
    """Goal: B13. Method: zero, and one bit turned over at either end."""
    world = funded()
    with pytest.raises(Reverted) as caught:
        world.burn(1, recipient=recipient)
    assert caught.value.name == "RecipientChecksum"


def permit_of(world: World, owner: int, amount: int) -> tuple[int, int, bytes, bytes]:
    """Return deadline, v, r, s of a permit of this key for the bridge."""
    signer = key(owner)
    deadline = world.chain.now + 600
    (nonce,) = world.token.read("nonces", signer.address)
    _, name, version, chain_id, contract, *_ = world.token.read("eip712Domain")
    types = [("owner", "address"), ("spender", "address"), ("value", "uint256"), ("nonce", "uint256"), ("deadline", "uint256")]
    signable = encode_typed_data(
        domain_data={"name": name, "version": version, "chainId": chain_id, "verifyingContract": contract},
        message_types={"Permit": [{"name": name, "type": kind} for name, kind in types]},
        message_data={
            "owner": signer.address,
            "spender": world.bridge.address,
            "value": amount,
            "nonce": nonce,
            "deadline": deadline,
        },
    )
    made = Account.sign_message(signable, signer.secret.to_bytes(32, "big"))
    return deadline, made.v, made.r.to_bytes(32, "big"), made.s.to_bytes(32, "big")


def test_burn_with_permit_needs_one_transaction() -> None:
    """Goal: section 4. Method: a signed permit; then one that a stranger carried first, which must do no harm."""
    world = World()
    owner = "0x" + key(77).address.hex()
    world.mint(recipient=key(77).address)
    world.bridge.send(owner, "burnWithPermit", 300, HOME, *permit_of(world, 77, 300))
    permit = permit_of(world, 77, 200)
    world.token.send(CAROL, "permit", owner, world.bridge.address, 200, *permit)
    world.bridge.send(owner, "burnWithPermit", 200, HOME, *permit)
    assert world.balance(owner) == 500
    with pytest.raises(Reverted) as caught:
        world.bridge.send(owner, "burnWithPermit", 200, HOME, *permit)
    assert caught.value.name == "ERC20InsufficientAllowance"


def test_minting_and_burning_are_paused_apart() -> None:
    """Goal: people can redeem while minting is paused. Method: each pause stops its own side; only the admin ends it."""
    world = funded()
    assert [one.name for one in world.bridge.events(world.bridge.send(GUARDIAN, "pauseMint"))] == ["MintPaused"]
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2)
    assert caught.value.name == "MintingPaused"
    world.burn(10)
    assert [one.name for one in world.bridge.events(world.bridge.send(ADMIN, "unpauseMint"))] == ["MintUnpaused"]
    assert [one.name for one in world.bridge.events(world.bridge.send(GUARDIAN, "pauseBurn"))] == ["BurnPaused"]
    world.mint(nonce=2)
    with pytest.raises(Reverted) as caught:
        world.burn(10)
    assert caught.value.name == "BurningPaused"
    assert [one.name for one in world.bridge.events(world.bridge.send(ADMIN, "unpauseBurn"))] == ["BurnUnpaused"]
    world.burn(10)


POWERS: dict[str, tuple[Value, ...]] = {
    "pauseMint": (),
    "pauseBurn": (),
    "cancelLimits": (),
    "unpauseMint": (),
    "unpauseBurn": (),
    "setLimits": (LIMITS,),
    "requireReserve": (),
    "scheduleReserveRelease": (),
    "scheduleReserveSigners": ([], 0),
    "retire": (CAROL,),
}


@pytest.mark.parametrize("name", POWERS)
def test_every_power_has_its_holder(name: str) -> None:
    """Goal: no stranger, and the guardian loosens nothing. Method: call each as a stranger, and as the other power."""
    world = World()
    other = ADMIN if name in {"pauseMint", "pauseBurn", "cancelLimits"} else GUARDIAN
    for caller in (CAROL, other):
        with pytest.raises(Reverted) as caught:
            world.bridge.send(caller, name, *POWERS[name])
        assert caught.value.name == "AccessControlUnauthorizedAccount"


def test_no_function_beside_these_changes_anything() -> None:
    """Goal: no owner path to mint, no generic call (Poly 2021). Method: every function of the ABI that may write is on a list."""
    writing = {one.name for one in artifact("SomBridge").abi if one.type == "function" and one.state_mutability not in {"view", "pure"}}
    carried = {"checkpoint", "mint", "rotate", "submitReserve", "burn", "burnWithPermit"}
    due = {"applyLimits", "releaseReserve", "applyReserveSigners"}
    admin = {"grantRole", "revokeRole", "renounceRole", "beginDefaultAdminTransfer", "acceptDefaultAdminTransfer"}
    admin |= {"cancelDefaultAdminTransfer", "changeDefaultAdminDelay", "rollbackDefaultAdminDelay"}
    assert writing == carried | due | admin | POWERS.keys()
    for one in artifact("SomBridge").abi:
        assert one.state_mutability != "payable"
        assert not {"bytes", "bytes[]"} & {two.type for two in one.inputs if two.name != "signatures"} or one.type != "function"


def test_lower_limits_count_at_once_and_higher_ones_wait() -> None:
    """Goal: section 4. Method: one field lower, one higher; the lower counts now, the rest after the delay by anyone."""
    world = World()
    per_mint, per_day, capacity, refill = LIMITS
    receipt = world.bridge.send(ADMIN, "setLimits", (500, per_day * 2, capacity, refill))
    assert [one.name for one in world.bridge.events(receipt)] == ["LimitsSet", "LimitsScheduled"]
    assert world.bridge.read("limits") == ((500, per_day, capacity, refill),)
    with pytest.raises(Reverted) as caught:
        world.mint(amount=501)
    assert (caught.value.name, caught.value.fields) == ("MintTooLarge", {"amount": 501, "limit": 500})
    world.chain.wait(DELAY - 1)
    with pytest.raises(Reverted) as caught:
        world.bridge.send(CAROL, "applyLimits")
    assert caught.value.name == "NotYet"
    world.chain.wait(1)
    world.bridge.send(CAROL, "applyLimits")
    assert world.bridge.read("limits") == ((500, per_day * 2, capacity, refill),)
    with pytest.raises(Reverted) as caught:
        world.bridge.send(CAROL, "applyLimits")
    assert caught.value.name == "NothingPending"
    assert per_mint > 500


def test_a_raise_that_waits_can_be_cancelled() -> None:
    """Goal: a guardian stops a stolen admin key. Method: cancel; and a later lowering forgets it too."""
    world = World()
    world.bridge.send(ADMIN, "setLimits", (2**63, 2**63, 2**63, 2**63))
    assert [one.name for one in world.bridge.events(world.bridge.send(GUARDIAN, "cancelLimits"))] == ["LimitsCancelled"]
    world.chain.wait(DELAY)
    with pytest.raises(Reverted):
        world.bridge.send(CAROL, "applyLimits")
    world.bridge.send(ADMIN, "setLimits", (2**63, 2**63, 2**63, 2**63))
    receipt = world.bridge.send(ADMIN, "setLimits", (1, 1, 1, 1))
    assert [one.name for one in world.bridge.events(receipt)] == ["LimitsCancelled", "LimitsSet"]
    with pytest.raises(Reverted):
        world.bridge.send(GUARDIAN, "cancelLimits")
    assert world.bridge.read("mintable") == (1, 1)


def test_the_bucket_refills_by_the_second() -> None:
    """Goal: section 4. Method: empty it, wait for what is missing, and not more than it holds."""
    world = World()
    totals = {"cumulative_locked": 10**9}
    world.mint(amount=1_000_000, **totals)
    world.mint(nonce=2, amount=1_000_000, **totals)
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=3, amount=1, **totals)
    assert (caught.value.name, caught.value.fields["available"]) == ("BucketTooLow", 0)
    world.chain.wait(10)
    assert world.bridge.number("headroom") == 10**9 - 2_000_000
    assert world.bridge.read("mintable") == (1_000, 3_000_000)
    world.mint(nonce=3, amount=1_000, **totals)
    world.chain.wait(10 * DAY)
    assert world.bridge.read("mintable") == (2_000_000, 5_000_000)


def test_the_day_has_its_own_limit() -> None:
    """Goal: section 4. Method: spend the day's limit over hours; the next day it is new."""
    world = World()
    totals = {"cumulative_locked": 10**9}
    world.chain.wait(DAY - world.chain.now % DAY)
    for nonce, amount in enumerate((1_000_000, 1_000_000, 1_000_000, 1_000_000, 999_999), start=1):
        world.mint(nonce=nonce, amount=amount, **totals)
        world.chain.wait(4 * 3600)
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=6, amount=2, **totals)
    assert (caught.value.name, caught.value.fields) == ("DayLimitReached", {"amount": 2, "available": 1})
    world.chain.wait(DAY - world.chain.now % DAY)
    world.mint(nonce=6, amount=2, **totals)


@given(
    amounts=st.lists(st.integers(1, 1_000_000), min_size=1, max_size=12), waits=st.lists(st.integers(0, 40_000), min_size=12, max_size=12)
)
def test_no_span_of_time_lets_more_through_than_the_bucket(amounts: list[int], waits: list[int]) -> None:
    """Goal: what a full rogue quorum can take is bounded. Method: any amounts at any times, whatever is attested."""
    world = World()
    taken: list[tuple[int, int]] = []
    for nonce, (amount, wait) in enumerate(zip(amounts, waits, strict=False)):
        world.chain.wait(wait)
        try:
            world.mint(nonce=nonce, amount=amount, cumulative_locked=10**15)
        except Reverted:
            continue
        taken.append((world.chain.now, amount))
    _, per_day, capacity, refill = LIMITS
    for start, _ in taken:
        spent = [(at - start, amount) for at, amount in taken if at >= start]
        for span, _ in spent:
            assert sum(amount for after, amount in spent if after <= span) <= capacity + refill * span
        assert sum(amount for at, amount in taken if at // DAY == start // DAY) <= per_day


def test_b11_a_retired_bridge_burns_for_ever_and_never_mints() -> None:
    """Goal: B11. Method: retire while burning is paused; burning is open, minting shut, neither can be changed again."""
    world = funded()
    world.bridge.send(GUARDIAN, "pauseBurn")
    (event,) = world.bridge.events(world.bridge.send(ADMIN, "retire", CAROL))
    assert (event.name, event.fields) == ("Retired", {"successor": CAROL})
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2)
    assert caught.value.name == "BridgeRetired"
    for caller, name in ((GUARDIAN, "pauseBurn"), (ADMIN, "retire")):
        with pytest.raises(Reverted) as caught:
            world.bridge.send(caller, name, *POWERS[name])
        assert caught.value.name == "BridgeRetired"
    world.token.send(ADMIN, "grantRole", world.token.read("PAUSER_ROLE")[0], CAROL)
    world.token.send(CAROL, "pause")
    world.token.send(ADMIN, "setCeiling", world.bridge.address, 0)
    world.burn(1_000)
    assert world.token.number("totalSupply") == 0


def test_b11_a_burn_above_outstanding_names_the_other_bridge() -> None:
    """Goal: burns count against the bridge that minted. Method: old and new bridge of one token, burns at either."""
    world = funded()
    old = world.bridge
    successor = world.deploy_bridge(predecessor=old.address)
    world.token.send(ADMIN, "setCeiling", successor.address, CEILING)
    world.chain.wait(DELAY)
    world.token.send(CAROL, "applyCeiling", successor.address)
    old.send(ADMIN, "retire", successor.address)
    world.bridge, world.domain = successor, type(world.domain)(56, bytes.fromhex(successor.address[2:]))
    world.mint(amount=400)
    assert world.balance(ALICE) == 1_400
    with pytest.raises(Reverted) as caught:
        world.burn(401)
    assert caught.value.name == "AboveOutstanding"
    assert caught.value.fields == {"amount": 401, "outstanding": 400, "otherBridge": old.address}
    world.bridge = old
    with pytest.raises(Reverted) as caught:
        world.burn(1_001)
    assert caught.value.fields == {"amount": 1_001, "outstanding": 1_000, "otherBridge": successor.address}
    world.burn(1_000)
    world.bridge = successor
    world.burn(400)
    assert world.token.number("totalSupply") == 0


def test_b11_opening_supply_can_be_burned_and_is_never_minted_again() -> None:
    """Goal: a route over a supply that is there. Method: our token with adopted supply, and one of another maker."""
    world = World(opening=700)
    state = world.state()
    assert (state["opening"], state["outstanding"], state["headroom"]) == (700, 700, 0)
    world.burn(700)
    assert (world.token.number("totalSupply"), world.bridge.number("outstanding")) == (0, 0)
    odd = deploy(world.chain, artifact("OddToken"), 2, ALICE, 5_000)
    other = world.deploy_bridge(token=odd.address, opening=3_000)
    odd.send(ALICE, "approve", other.address, 5_000)
    with pytest.raises(Reverted) as caught:
        other.send(ALICE, "burn", 3_001, HOME)
    assert caught.value.fields == {"amount": 3_001, "outstanding": 3_000, "otherBridge": NO_ONE}
    other.send(ALICE, "burn", 3_000, HOME)
