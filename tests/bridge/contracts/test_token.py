"""Rules of SomToken, each refusal by its name, each change by its event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.contracts import artifact
from tests.bridge.contracts.chain import Reverted, deploy
from tests.bridge.contracts.world import ADMIN, ALICE, BOB, CAROL, CEILING, DELAY, FREEZER, GUARDIAN, NO_ONE, World

if TYPE_CHECKING:
    from bridge.abi import Value
    from tests.bridge.contracts.chain import Contract, Receipt


def funded() -> World:
    """Return a world in which Alice got 1,000 by a mint."""
    world = World()
    world.mint()
    return world


def refused(contract: Contract, sender: str, name: str, *values: Value) -> Reverted:
    """Return the refusal of a call that must be refused."""
    with pytest.raises(Reverted) as caught:
        contract.send(sender, name, *values)
    return caught.value


def names(world: World, receipt: Receipt) -> list[str]:
    """Return the names of the token's events."""
    return [one.name for one in world.token.events(receipt)]


def test_a_token_moves_as_erc20_says() -> None:
    """Goal: wallets need nothing special. Method: transfer, approve, transferFrom, metadata."""
    world = funded()
    token = world.token
    token.send(ALICE, "transfer", BOB, 400)
    token.send(ALICE, "approve", CAROL, 100)
    token.send(CAROL, "transferFrom", ALICE, BOB, 100)
    assert (world.balance(ALICE), world.balance(BOB)) == (500, 500)
    assert (token.read("name"), token.read("symbol"), token.read("decimals")) == (("Som",), ("KGST",), (2,))
    assert refused(token, CAROL, "transferFrom", ALICE, BOB, 1).name == "ERC20InsufficientAllowance"


@pytest.mark.parametrize("to", ["token", "bridge"])
def test_transfers_to_itself_or_the_bridge_are_refused(to: str) -> None:
    """Goal: nobody loses money by pasting the wrong address. Method: transfer, transferFrom, and a mint there."""
    world = funded()
    address = world.token.address if to == "token" else world.bridge.address
    assert refused(world.token, ALICE, "transfer", address, 1).name == "RecipientRefused"
    world.token.send(ALICE, "approve", CAROL, 100)
    assert refused(world.token, CAROL, "transferFrom", ALICE, address, 1).name == "RecipientRefused"
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2, recipient=bytes.fromhex(address[2:]))
    assert caught.value.name == "RecipientRefused"
    assert world.bridge.number("nonceUsed", 2) == 0, "a refused mint leaves the lock to its refund"


def test_a_frozen_account_neither_sends_nor_receives() -> None:
    """Goal: freeze list in both directions. Method: transfer from, to, burn, mint; then unfreeze."""
    world = funded()
    token = world.token
    token.send(ALICE, "transfer", BOB, 100)
    assert names(world, token.send(FREEZER, "freeze", ALICE)) == ["Frozen"]
    assert refused(token, ALICE, "transfer", BOB, 1).fields == {"account": ALICE}
    assert refused(token, BOB, "transfer", ALICE, 1).name == "AccountFrozen"
    with pytest.raises(Reverted) as caught:
        world.burn(1)
    assert caught.value.name == "AccountFrozen"
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2)
    assert caught.value.name == "AccountFrozen"
    assert names(world, token.send(FREEZER, "unfreeze", ALICE)) == ["Unfrozen"]
    token.send(ALICE, "transfer", BOB, 1)


def test_a_bridge_cannot_be_frozen() -> None:
    """Goal: a freeze stops a person, not redemption. Method: freeze the bridge; make a frozen account a minter."""
    world = funded()
    assert refused(world.token, FREEZER, "freeze", world.bridge.address).name == "MinterNotFrozen"
    assert refused(world.token, FREEZER, "freeze", NO_ONE).name == "ZeroField"
    world.token.send(FREEZER, "freeze", CAROL)
    world.token.send(ADMIN, "setCeiling", CAROL, 5)
    world.chain.wait(DELAY)
    assert refused(world.token, BOB, "applyCeiling", CAROL).name == "AccountFrozen"


def test_a_pause_stops_transfers_and_mints_but_no_redemption() -> None:
    """Goal: burning has its own switch. Method: pause; transfer, mint, burn."""
    world = funded()
    assert names(world, world.token.send(FREEZER, "pause")) == ["Paused"]
    assert refused(world.token, ALICE, "transfer", BOB, 1).name == "TransfersPaused"
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2)
    assert caught.value.name == "TransfersPaused"
    world.burn(100)
    assert refused(world.token, FREEZER, "unpause").name == "AccessControlUnauthorizedAccount"
    assert names(world, world.token.send(ADMIN, "unpause")) == ["Unpaused"]
    world.token.send(ALICE, "transfer", BOB, 1)


def test_a_minter_stays_below_its_ceiling() -> None:
    """Goal: ceiling on outstanding. Method: lower it below what is out; a burn makes room again."""
    world = funded()
    assert names(world, world.token.send(ADMIN, "setCeiling", world.bridge.address, 1_200)) == ["CeilingSet"]
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2, amount=201)
    assert (caught.value.name, caught.value.fields) == ("CeilingReached", {"amount": 201, "room": 200})
    world.burn(300)
    world.mint(nonce=2, amount=500)
    world.token.send(ADMIN, "setCeiling", world.bridge.address, 0)
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=3, amount=1)
    assert caught.value.fields == {"amount": 1, "room": 0}
    assert world.token.read("standing", world.bridge.address) == (0, 1_200, True, False)


def test_a_higher_ceiling_waits() -> None:
    """Goal: a bridge is replaced by a timelocked ceiling. Method: raise, try early, apply by anyone; cancel by lowering."""
    world = World()
    token = world.token
    assert names(world, token.send(ADMIN, "setCeiling", GUARDIAN, 50)) == ["CeilingScheduled"]
    assert refused(token, CAROL, "applyCeiling", GUARDIAN).name == "NotYet"
    assert refused(token, GUARDIAN, "mint", ALICE, 1).name == "NotAMinter"
    world.chain.wait(DELAY)
    assert names(world, token.send(CAROL, "applyCeiling", GUARDIAN)) == ["CeilingSet"]
    token.send(GUARDIAN, "mint", ALICE, 50)
    assert refused(token, GUARDIAN, "mint", ALICE, 1).name == "CeilingReached"
    assert refused(token, CAROL, "applyCeiling", GUARDIAN).name == "NothingPending"
    token.send(ADMIN, "setCeiling", GUARDIAN, 2**95)
    assert names(world, token.send(ADMIN, "setCeiling", GUARDIAN, 10)) == ["CeilingCancelled", "CeilingSet"]
    world.chain.wait(DELAY)
    assert refused(token, CAROL, "applyCeiling", GUARDIAN).name == "NothingPending"
    assert token.read("minters") == ((world.bridge.address, GUARDIAN),)
    assert refused(token, ADMIN, "setCeiling", GUARDIAN, 2**96).name == "SafeCastOverflowedUintDowncast"
    assert refused(token, ADMIN, "setCeiling", NO_ONE, 1).name == "ZeroField"


def test_only_the_first_minter_of_an_empty_token_need_not_wait() -> None:
    """Goal: nobody who holds a token is surprised. Method: an empty token, then one with supply."""
    world = World()
    assert world.token.read("standing", world.bridge.address)[0] == CEILING
    full = deploy(world.chain, artifact("SomToken"), "Som", "KGST", 2, ADMIN, DELAY, ALICE, 5)
    full.send(ADMIN, "setCeiling", world.bridge.address, 10)
    assert full.read("standing", world.bridge.address) == (0, 0, False, False)


def test_a_minter_burns_only_what_it_answers_for() -> None:
    """Goal: outstanding per minter. Method: a second minter, opening supply without one, a stranger."""
    world = World(opening=700)
    token = world.token
    assert refused(token, ALICE, "burn", 1).name == "NotAMinter"
    token.send(ADMIN, "setCeiling", CAROL, 1_000)
    world.chain.wait(DELAY)
    token.send(ALICE, "applyCeiling", CAROL)
    token.send(ALICE, "approve", CAROL, 10)
    token.send(CAROL, "transferFrom", ALICE, CAROL, 10)
    assert refused(token, CAROL, "burn", 1).fields == {"amount": 1, "outstanding": 0}


def test_opening_supply_is_adopted_once() -> None:
    """Goal: B11. Method: adopt more than there is, by a stranger, to a stranger, above the ceiling."""
    world = World()
    token = deploy(world.chain, artifact("SomToken"), "Som", "KGST", 2, ADMIN, DELAY, ALICE, 500)
    assert refused(token, ADMIN, "adoptOpening", CAROL, 1).name == "NotAMinter"
    token.send(ADMIN, "setCeiling", CAROL, 400)
    world.chain.wait(DELAY)
    token.send(ALICE, "applyCeiling", CAROL)
    assert refused(token, CAROL, "adoptOpening", CAROL, 1).name == "AccessControlUnauthorizedAccount"
    assert refused(token, ADMIN, "adoptOpening", CAROL, 0).name == "ZeroField"
    assert refused(token, ADMIN, "adoptOpening", CAROL, 501).fields == {"amount": 501, "unassigned": 500}
    assert refused(token, ADMIN, "adoptOpening", CAROL, 401).name == "CeilingReached"
    (event,) = token.events(token.send(ADMIN, "adoptOpening", CAROL, 400))
    assert (event.name, event.fields) == ("OpeningAdopted", {"minter": CAROL, "amount": 400})
    assert token.read("unassigned") == (100,)


@pytest.mark.parametrize("name", ["token", "bridge"])
def test_the_admin_is_behind_a_delay(name: str) -> None:
    """Goal: a stolen key can be noticed. Method: hand over too early; set the delay to nothing; count the holders of a role."""
    world = World()
    contract = world.token if name == "token" else world.bridge
    contract.send(ADMIN, "beginDefaultAdminTransfer", CAROL)
    assert refused(contract, CAROL, "acceptDefaultAdminTransfer").name == "AccessControlEnforcedDefaultAdminDelay"
    world.chain.wait(DELAY + 1)
    contract.send(CAROL, "acceptDefaultAdminTransfer")
    assert contract.read("defaultAdmin") == (CAROL,)
    for delay in (0, 3599, 30 * 86_400 + 1):
        assert refused(contract, CAROL, "changeDefaultAdminDelay", delay).fields == {"delay": delay}
    role = contract.read("FREEZER_ROLE" if name == "token" else "GUARDIAN_ROLE")[0]
    for change, count in ((("grantRole", BOB), 2), (("grantRole", BOB), 2), (("revokeRole", BOB), 1), (("revokeRole", BOB), 1)):
        contract.send(CAROL, change[0], role, change[1])
        assert contract.read("holders", role) == (count,)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (("Som", "KGST", 2, NO_ONE, DELAY, NO_ONE, 0), "AccessControlInvalidDefaultAdmin"),
        (("Som", "KGST", 2, ADMIN, 3599, NO_ONE, 0), "DelayWrong"),
        (("Som", "KGST", 2, ADMIN, DELAY, NO_ONE, 5), "ERC20InvalidReceiver"),
        (("Som", "KGST", 2, ADMIN, DELAY, ALICE, 2**96), "SafeCastOverflowedUintDowncast"),
    ],
)
def test_no_token_is_born_wrong(values: tuple[Value, ...], name: str) -> None:
    """Goal: zero is never valid. Method: one argument wrong at a time."""
    with pytest.raises(Reverted) as caught:
        deploy(World().chain, artifact("SomToken"), *values)
    assert caught.value.name == name
