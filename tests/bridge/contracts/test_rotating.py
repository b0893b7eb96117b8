"""Rules of sets of attestors and of the second key set, each refusal by its name."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.bridge.contracts.chain import Reverted
from tests.bridge.contracts.world import ADMIN, ALICE, CAROL, DELAY, World
from tests.bridge.keys import in_order, keys

NEXT = keys(7, first=100)
RESERVE = keys(3, first=500)
HOUR, DAY = 3600, 86_400


def rotated(*, immediate: bool = False) -> World:
    """Return a world an hour old whose set went from four to seven."""
    world = World()
    world.chain.wait(HOUR)
    world.carry(world.rotation(NEXT, immediate=immediate))
    return world


def test_a_rotation_installs_the_next_set_and_says_so() -> None:
    """Goal: section 3. Method: rotate from four to seven; event, state and membership."""
    world = World()
    world.chain.wait(HOUR)
    (event,) = world.bridge.events(world.carry(world.rotation(NEXT)))
    assert event.name == "AttestorsRotated"
    assert event.fields == {
        "epoch": 2,
        "attestors": tuple("0x" + one.address.hex() for one in NEXT),
        "threshold": 5,
        "ledgerHeight": 20,
        "previousUntil": world.chain.now + DAY,
    }
    state = world.state()
    assert (state["epoch"], state["threshold"], state["attestorCount"], state["previousUntil"]) == (2, 5, 7, world.chain.now + DAY)
    assert world.bridge.read("lastRotation") == (world.chain.now, 20)
    assert world.bridge.number("isAttestor", 2, NEXT[0].address) == 1
    assert world.bridge.number("isAttestor", 2, world.attestors[0].address) == 0
    world.carry(world.auth(set_epoch=2), NEXT[:5])
    assert world.balance(ALICE) == 1_000


def test_the_set_before_stays_valid_for_a_day() -> None:
    """Goal: leaves signed before a rotation are not lost. Method: the last second of the day, and the next."""
    world = rotated()
    world.chain.wait(DAY - 1)
    world.mint()
    world.chain.wait(1)
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2)
    assert (caught.value.name, caught.value.fields) == ("EpochUnknown", {"given": 1, "current": 2})
    assert world.bridge.number("setIsValid", 1) == 0


def test_an_immediate_rotation_ends_the_set_before_at_once() -> None:
    """Goal: a stolen key stops counting. Method: the old set in the same second."""
    world = rotated(immediate=True)
    with pytest.raises(Reverted) as caught:
        world.mint()
    assert caught.value.name == "EpochUnknown"


def test_two_rotations_later_the_first_set_is_gone() -> None:
    """Goal: at most two sets count. Method: rotate again within the day."""
    world = rotated()
    world.chain.wait(HOUR)
    world.carry(replace(world.rotation(keys(4, first=300)), new_epoch=3, ledger_height=21), NEXT[:5])
    with pytest.raises(Reverted) as caught:
        world.mint()
    assert caught.value.name == "EpochUnknown"
    world.carry(world.auth(set_epoch=2), NEXT[:5])


def test_the_set_before_has_no_say_in_a_rotation() -> None:
    """Goal: signed by the current quorum. Method: the old set signs epoch 3 within its day."""
    world = rotated()
    world.chain.wait(HOUR)
    with pytest.raises(Reverted) as caught:
        world.carry(replace(world.rotation(keys(4, first=300)), new_epoch=3, ledger_height=21), world.quorum)
    assert caught.value.name == "SignatureCount"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"new_epoch": 1}, "EpochNotNext"),
        ({"new_epoch": 3}, "EpochNotNext"),
        ({"new_epoch": 0}, "EpochNotNext"),
        ({"route_id": bytes(32)}, "WrongRoute"),
        ({"ledger_height": 0}, "RotationHeight"),
        ({"threshold": 4}, "ThresholdWrong"),
        ({"threshold": 0}, "ThresholdWrong"),
        ({"threshold": 2**255}, "ThresholdWrong"),
        ({"attestors": tuple(one.address for one in NEXT[:3]), "threshold": 3}, "AttestorCount"),
        ({"attestors": (), "threshold": 1}, "AttestorCount"),
        ({"attestors": tuple(one.address for one in reversed(NEXT))}, "AttestorsNotAscending"),
        ({"attestors": (NEXT[0].address,) * 7}, "AttestorsNotAscending"),
        ({"attestors": (bytes(20), *(one.address for one in NEXT[:6]))}, "AttestorsNotAscending"),
    ],
)
def test_a_rotation_is_refused(changes: dict[str, int | bytes | tuple[bytes, ...]], name: str) -> None:
    """Goal: sorted, unique, non-zero, the next epoch, the right threshold. Method: one field wrong at a time."""
    world = World()
    world.chain.wait(HOUR)
    with pytest.raises(Reverted) as caught:
        world.carry(replace(world.rotation(NEXT), **changes))
    assert caught.value.name == name
    assert world.state()["epoch"] == 1


def test_rotations_are_an_hour_apart() -> None:
    """Goal: nobody runs through sets within a block. Method: a second too early, also after the deployment."""
    world = World()
    world.chain.wait(HOUR - 1)
    with pytest.raises(Reverted) as caught:
        world.carry(world.rotation(NEXT))
    assert caught.value.name == "RotationTooSoon"
    world.chain.wait(1)
    world.carry(world.rotation(NEXT))
    with pytest.raises(Reverted) as caught:
        world.carry(replace(world.rotation(keys(4)), new_epoch=3, ledger_height=30), NEXT[:5])
    assert caught.value.name == "RotationTooSoon"


def test_a_rotation_is_not_repeated() -> None:
    """Goal: a rotation happens once. Method: carry the same one again an hour later."""
    world = rotated()
    world.chain.wait(HOUR)
    with pytest.raises(Reverted) as caught:
        world.carry(world.rotation(NEXT))
    assert caught.value.name == "EpochNotNext"


def test_the_largest_set_fits_into_a_transaction() -> None:
    """Goal: the limit of 64 is one that works. Method: rotate to 64, then mint with 43 signatures."""
    world = World()
    world.chain.wait(HOUR)
    many = keys(64, first=1_000)
    world.carry(world.rotation(many))
    world.carry(world.auth(set_epoch=2), many[:43])
    assert world.balance(ALICE) == 1_000


def test_a_reserve_statement_is_taken_and_logged() -> None:
    """Goal: the second key set. Method: two of three sign; the event carries what they counted."""
    world = World(reserve=RESERVE)
    message = world.statement(cumulative_refunded=100, cumulative_released=200, vault_balance=999_700)
    (event,) = world.bridge.events(world.carry(message))
    assert event.name == "ReserveStated"
    fields = ("cumulativeLocked", "cumulativeRefunded", "cumulativeReleased", "vaultBalance")
    assert [event.fields[name] for name in fields] == [1_000_000, 100, 200, 999_700]
    assert world.bridge.read("reserveStated") == (10, 1_000_000, 100, 200)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"ledger_height": 10}, "ReserveHeight"),
        ({"cumulative_locked": 999_999, "vault_balance": 999_799}, "ReserveFell"),
        ({"cumulative_refunded": 99, "vault_balance": 999_801}, "ReserveFell"),
        ({"cumulative_released": 99, "vault_balance": 999_801}, "ReserveFell"),
        ({"vault_balance": 999_799}, "ReserveUnequal"),
        ({"cumulative_refunded": 1_000_001, "vault_balance": 0}, "ReserveUnequal"),
        ({"route_id": bytes(32)}, "WrongRoute"),
        ({"ledger_block_hash": bytes(32)}, "ZeroField"),
    ],
)
def test_a_reserve_statement_is_refused(changes: dict[str, int | bytes], name: str) -> None:
    """Goal: higher, nothing falls, and V = opening + L - F - R. Method: one field wrong at a time."""
    world = World(reserve=RESERVE)
    base = world.statement(ledger_height=11, cumulative_refunded=100, cumulative_released=100, vault_balance=999_800)
    world.carry(replace(base, ledger_height=10))
    with pytest.raises(Reverted) as caught:
        world.carry(replace(base, **changes))
    assert caught.value.name == name


def test_attestors_cannot_state_the_reserve_nor_the_other_way() -> None:
    """Goal: two key sets. Method: each signs what the other must; and a bridge without a second set takes no statement."""
    world = World(reserve=RESERVE)
    with pytest.raises(Reverted) as caught:
        world.carry(world.statement(), in_order(world.attestors[:2]))
    assert caught.value.name in {"NotASigner", "SignersNotAscending"}
    with pytest.raises(Reverted) as caught:
        world.carry(world.auth(), RESERVE)
    assert caught.value.name in {"NotASigner", "SignersNotAscending"}
    alone = World()
    with pytest.raises(Reverted) as caught:
        alone.carry(alone.statement(), ())
    assert caught.value.name == "SignatureCount"


def test_the_smaller_bound_counts_once_the_route_turns_it_on() -> None:
    """Goal: section 3. Method: off by default; on at once, then nothing without a statement; the smaller of both."""
    world = World(reserve=RESERVE)
    world.mint()
    assert [one.name for one in world.bridge.events(world.bridge.send(ADMIN, "requireReserve"))] == ["ReserveRequired"]
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2)
    assert (caught.value.name, caught.value.fields["headroom"]) == ("AboveLocked", 0)
    world.carry(world.statement(cumulative_locked=1_500, vault_balance=1_500))
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2, amount=501)
    assert (caught.value.name, caught.value.fields["headroom"]) == ("AboveLocked", 500)
    world.mint(nonce=2, amount=500)


def test_turning_the_second_bound_off_waits() -> None:
    """Goal: loosening is delayed. Method: schedule, try too early, then in time by anyone."""
    world = World(reserve=RESERVE)
    world.bridge.send(ADMIN, "requireReserve")
    with pytest.raises(Reverted) as caught:
        world.bridge.send(CAROL, "releaseReserve")
    assert caught.value.name == "NothingScheduled"
    (event,) = world.bridge.events(world.bridge.send(ADMIN, "scheduleReserveRelease"))
    assert (event.name, event.fields["at"]) == ("ReserveReleaseScheduled", world.chain.now + DELAY)
    world.chain.wait(DELAY - 1)
    with pytest.raises(Reverted) as caught:
        world.bridge.send(CAROL, "releaseReserve")
    assert caught.value.name == "ScheduledFor"
    world.chain.wait(1)
    assert [one.name for one in world.bridge.events(world.bridge.send(CAROL, "releaseReserve"))] == ["ReserveReleased"]
    assert world.state()["reserveRequired"] is False
    world.mint()


def test_the_second_bound_cannot_be_turned_on_without_signers() -> None:
    """Goal: nobody shuts minting by mistake for ever. Method: a bridge born without a second set."""
    world = World()
    with pytest.raises(Reverted) as caught:
        world.bridge.send(ADMIN, "requireReserve")
    assert caught.value.name == "ReserveOff"


def test_new_reserve_signers_wait() -> None:
    """Goal: loosening is delayed. Method: schedule two new signers; the old ones count until it is applied."""
    world = World(reserve=RESERVE)
    fresh = keys(2, first=600)
    receipt = world.bridge.send(ADMIN, "scheduleReserveSigners", [one.address for one in fresh], 2)
    assert [one.name for one in world.bridge.events(receipt)] == ["ReserveSignersScheduled"]
    with pytest.raises(Reverted) as caught:
        world.bridge.send(CAROL, "applyReserveSigners")
    assert caught.value.name == "ScheduledFor"
    world.chain.wait(DELAY)
    assert [one.name for one in world.bridge.events(world.bridge.send(CAROL, "applyReserveSigners"))] == ["ReserveSignersSet"]
    with pytest.raises(Reverted) as caught:
        world.carry(world.statement())
    assert caught.value.name in {"NotASigner", "SignersNotAscending"}
    world.carry(world.statement(), fresh)
    with pytest.raises(Reverted) as caught:
        world.bridge.send(CAROL, "applyReserveSigners")
    assert caught.value.name == "NothingScheduled"
    for signers, threshold in (([], 0), ([fresh[0].address], 1), ([one.address for one in keys(17)], 2), ([fresh[0].address] * 2, 2)):
        with pytest.raises(Reverted) as caught:
            world.bridge.send(ADMIN, "scheduleReserveSigners", signers, threshold)
        assert caught.value.name in {"ReserveSignersWrong", "ReserveSignersNotAscending"}
