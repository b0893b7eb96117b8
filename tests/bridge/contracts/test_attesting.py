"""Rules of checkpoints, mints and their signatures, each refusal by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import astuple

from bridge.contracts import artifact
from bridge.digests import digest
from tests.bridge.contracts.chain import GENESIS_TIME, Reverted, deploy
from tests.bridge.contracts.world import ADMIN, ALICE, BLOCK, BOB, CAROL, HOME, NO_ONE, ROUTE, World
from tests.bridge.keys import in_order, keys, signed, with_high_s

if TYPE_CHECKING:
    from bridge.abi import Value

OUTSIDER = keys(1, first=900)[0]


def refusal(error: pytest.ExceptionInfo[Reverted]) -> str:
    """Return the name of the contract's error."""
    return error.value.name


def test_a_checkpoint_raises_the_bound_and_says_so() -> None:
    """Goal: section 3. Method: take one; event, state and headroom carry its totals."""
    world = World()
    receipt = world.carry(world.checkpoint(cumulative_refunded=400))
    (event,) = world.bridge.events(receipt)
    assert event.name == "CheckpointTaken"
    assert event.fields == {
        "ledgerHeight": 10,
        "setEpoch": 1,
        "ledgerBlockHash": BLOCK,
        "lockCount": 5,
        "cumulativeLocked": 1_000_000,
        "cumulativeRefunded": 400,
        "issuedAt": GENESIS_TIME,
    }
    state = world.state()
    assert (state["ledgerHeight"], state["lockCount"], state["cumulativeLocked"], state["cumulativeRefunded"]) == (10, 5, 1_000_000, 400)
    assert state["headroom"] == 999_600


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"ledger_height": 10}, "HeightNotAbove"),
        ({"ledger_height": 9}, "HeightNotAbove"),
        ({"ledger_height": 11, "lock_count": 4}, "TotalsFell"),
        ({"ledger_height": 11, "cumulative_locked": 999_999}, "TotalsFell"),
        ({"ledger_height": 11, "cumulative_refunded": 99}, "TotalsFell"),
        ({"ledger_height": 11, "cumulative_refunded": 1_000_001}, "TotalsImpossible"),
        ({"ledger_height": 11, "cumulative_locked": 2**96}, "SafeCastOverflowedUintDowncast"),
        ({"ledger_height": 11, "route_id": b"\x01" * 32}, "WrongRoute"),
        ({"ledger_height": 11, "ledger_block_hash": bytes(32)}, "ZeroField"),
        ({"ledger_height": 11, "set_epoch": 0}, "EpochUnknown"),
        ({"ledger_height": 11, "set_epoch": 2}, "EpochUnknown"),
    ],
)
def test_a_checkpoint_is_refused(changes: dict[str, int | bytes], name: str) -> None:
    """Goal: taken iff higher, nothing falls, and for this route and set. Method: one field wrong at a time."""
    world = World()
    world.carry(world.checkpoint(cumulative_refunded=100))
    with pytest.raises(Reverted) as caught:
        world.carry(world.checkpoint(**{"cumulative_refunded": 100, **changes}))
    assert refusal(caught) == name
    assert world.state()["ledgerHeight"] == 10


def test_a_mint_pays_once_and_logs_cumulative_totals() -> None:
    """Goal: B2 and section 4. Method: two mints; events carry the running total; supply is their sum."""
    world = World()
    (first,) = world.bridge.events(world.mint())
    (second,) = world.bridge.events(world.mint(nonce=2, lock_id=b"\x02" * 32, amount=500, recipient=bytes.fromhex(BOB[2:])))
    assert first.fields == {
        "nonce": 1,
        "lockId": b"\x01" * 32,
        "recipient": ALICE,
        "amount": 1_000,
        "cumulativeMinted": 1_000,
        "ledgerHeight": 10,
        "cumulativeLocked": 1_000_000,
        "cumulativeRefunded": 0,
    }
    assert (second.fields["nonce"], second.fields["cumulativeMinted"]) == (2, 1_500)
    assert (world.balance(ALICE), world.balance(BOB), world.token.number("totalSupply")) == (1_000, 500, 1_500)
    assert [world.bridge.number("nonceUsed", nonce) for nonce in (0, 1, 2, 3, 257)] == [0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "NonceUsed"),
        ({"nonce": 2, "amount": 999_001}, "AboveLocked"),
        ({"nonce": 2, "amount": 0}, "ZeroField"),
        ({"nonce": 2, "recipient": bytes(20)}, "ZeroField"),
        ({"nonce": 2, "lock_id": bytes(32)}, "ZeroField"),
        ({"nonce": 2, "ledger_block_hash": bytes(32)}, "ZeroField"),
        ({"nonce": 2, "route_id": bytes(32)}, "WrongRoute"),
        ({"nonce": 2, "deadline": GENESIS_TIME - 1}, "DeadlinePassed"),
        ({"nonce": 2, "cumulative_locked": 1_000_001}, "AttestationConflict"),
        ({"nonce": 2, "cumulative_refunded": 1}, "AttestationConflict"),
        ({"nonce": 2, "ledger_height": 9, "cumulative_locked": 1_000_001}, "TotalsFell"),
        ({"nonce": 2, "ledger_height": 11, "cumulative_locked": 999_999}, "TotalsFell"),
        ({"nonce": 2, "ledger_height": 11, "cumulative_refunded": 1_000_001}, "TotalsImpossible"),
        ({"nonce": 2, "set_epoch": 2}, "EpochUnknown"),
    ],
)
def test_a_mint_is_refused(changes: dict[str, int | bytes], name: str) -> None:
    """Goal: one lock, in time, under the bound. Method: after one mint, a second with one field wrong at a time."""
    world = World()
    world.mint()
    with pytest.raises(Reverted) as caught:
        world.mint(**changes)
    assert refusal(caught) == name
    assert world.token.number("totalSupply") == 1_000


def test_a_mint_is_taken_in_its_last_second() -> None:
    """Goal: B5 leaves no second in which both mint and refund are possible. Method: time equal to the deadline."""
    world = World()
    world.mint(deadline=world.chain.now)
    assert world.balance(ALICE) == 1_000


def test_the_bound_is_that_of_the_newest_height() -> None:
    """Goal: a refund at home closes an older leave to mint. Method: attest a refund, then carry the older leave."""
    world = World()
    world.carry(world.checkpoint(ledger_height=20, cumulative_refunded=999_500))
    with pytest.raises(Reverted) as caught:
        world.mint()
    assert refusal(caught) == "AboveLocked"
    assert caught.value.fields == {"amount": 1_000, "headroom": 500}


def test_a_newer_mint_raises_the_bound_like_a_checkpoint() -> None:
    """Goal: a mint carries its own attestation. Method: no checkpoint; the next mint of an older height obeys the newer totals."""
    world = World()
    world.mint(ledger_height=20, cumulative_refunded=998_500)
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=2)
    assert refusal(caught) == "AboveLocked"


@pytest.mark.parametrize("chosen", [(0, 1), (0, 1, 2, 3), (1, 0, 2), (0, 0, 1), (0, 2, 2)])
def test_exactly_a_threshold_of_ascending_signers(chosen: tuple[int, ...]) -> None:
    """Goal: section 3. Method: too few, too many, out of order, repeated."""
    world = World()
    with pytest.raises(Reverted) as caught:
        world.carry(world.auth(), [world.attestors[at] for at in chosen])
    assert refusal(caught) == ("SignatureCount" if len(chosen) != 3 else "SignersNotAscending")


def test_a_foreign_signature_counts_for_nothing() -> None:
    """Goal: membership. Method: two attestors and an outsider."""
    world = World()
    with pytest.raises(Reverted) as caught:
        world.carry(world.auth(), in_order([*world.attestors[:2], OUTSIDER]))
    assert refusal(caught) in {"NotASigner", "SignersNotAscending"}
    assert world.token.number("totalSupply") == 0


@pytest.mark.parametrize("broken", ["high s", "v", "zero", "short", "other chain", "other contract", "altered amount"])
def test_a_signature_that_is_not_one(broken: str) -> None:
    """Goal: low s, a real v, a real key, this chain and contract. Method: spoil one thing."""
    world = World()
    auth = world.auth()
    good = signed(digest(world.domain, auth), world.quorum)
    first, rest = good[:65], good[65:]
    spoiled = {
        "high s": with_high_s(first) + rest,
        "v": first[:64] + bytes([first[64] - 27]) + rest,
        "zero": bytes(64) + b"\x1b" + rest,
        "short": good[:-1],
        "other chain": signed(digest(type(world.domain)(1, world.domain.contract), auth), world.quorum),
        "other contract": signed(digest(type(world.domain)(56, b"\x01" * 20), auth), world.quorum),
        "altered amount": signed(digest(world.domain, world.auth(amount=999)), world.quorum),
    }[broken]
    with pytest.raises(Reverted) as caught:
        world.bridge.send(CAROL, "mint", astuple(auth), spoiled)
    expected = {
        "high s": {"ECDSAInvalidSignatureS"},
        "v": {"ECDSAInvalidSignature"},
        "zero": {"ECDSAInvalidSignature"},
        "short": {"SignatureCount"},
    }
    assert refusal(caught) in expected.get(broken, {"NotASigner", "SignersNotAscending"})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"route_id": bytes(32)}, "ZeroField"),
        ({"token": NO_ONE}, "ZeroField"),
        ({"guardian": NO_ONE}, "ZeroField"),
        ({"admin": NO_ONE}, "AccessControlInvalidDefaultAdmin"),
        ({"delay": 3599}, "DelayWrong"),
        ({"delay": 30 * 86_400 + 1}, "DelayWrong"),
        ({"decimals": 18}, "DecimalsDiffer"),
        ({"limits": (0, 1, 1, 1)}, "LimitZero"),
        ({"limits": (1, 1, 1, 0)}, "LimitZero"),
        ({"threshold": 0}, "ThresholdWrong"),
        ({"threshold": 2}, "ThresholdWrong"),
        ({"threshold": 4}, "ThresholdWrong"),
        ({"attestors": []}, "AttestorCount"),
        ({"attestors": [one.address for one in keys(3)]}, "AttestorCount"),
        ({"attestors": [one.address for one in keys(65)]}, "AttestorCount"),
        ({"attestors": [bytes(20), *(one.address for one in keys(3))]}, "AttestorsNotAscending"),
        ({"attestors": [one.address for one in reversed(keys(4))]}, "AttestorsNotAscending"),
        ({"attestors": [keys(1)[0].address] * 4}, "AttestorsNotAscending"),
        ({"reserve_threshold": 2}, "ReserveSignersWrong"),
        ({"reserve_signers": [one.address for one in keys(3)], "reserve_threshold": 1}, "ReserveSignersWrong"),
    ],
)
def test_no_bridge_is_born_with_a_zero(changes: dict[str, Value], name: str) -> None:
    """Goal: zero is never valid, thresholds are what B9 says. Method: one field of the configuration wrong at a time."""
    world = World()
    with pytest.raises(Reverted) as caught:
        world.deploy_bridge(**changes)
    assert refusal(caught) == name


def test_a_token_that_takes_a_fee_is_refused() -> None:
    """Goal: S = opening + M - B also with a token of another maker. Method: one that keeps one unit back."""
    world = World()
    odd = deploy(world.chain, artifact("OddToken"), 2, ALICE, 5_000)
    bridge = world.deploy_bridge(token=odd.address, opening=5_000)
    odd.send(ALICE, "setFee", 1)
    odd.send(ALICE, "approve", bridge.address, 100)
    with pytest.raises(Reverted) as caught:
        bridge.send(ALICE, "burn", 100, HOME)
    assert refusal(caught) == "SupplyMoved"
    odd.send(ALICE, "setFee", 0)
    bridge.send(ALICE, "burn", 100, HOME)
    assert bridge.number("outstanding") == 4_900
    world.domain = type(world.domain)(56, bytes.fromhex(bridge.address[2:]))
    world.bridge = bridge
    odd.send(ALICE, "setFee", 1)
    with pytest.raises(Reverted) as caught:
        world.mint()
    assert refusal(caught) == "SupplyMoved"


def test_the_route_is_read_back() -> None:
    """Goal: a watcher needs one call. Method: the state of a new bridge."""
    state = World().state()
    assert (state["routeId"], state["epoch"], state["threshold"], state["attestorCount"]) == (ROUTE, 1, 3, 4)
    assert not any(state[name] for name in ("mintPaused", "burnPaused", "retired", "reserveRequired", "headroom", "outstanding"))
    assert World().bridge.read("defaultAdmin") == (ADMIN,)
