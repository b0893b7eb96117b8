"""One test per loss that bridge.md, section 6, names: what happened there, tried here. The contract's side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import astuple, replace

from bridge.contracts import artifact
from bridge.digests import Domain, digest
from tests.bridge.contracts.chain import Reverted, deploy
from tests.bridge.contracts.world import ADMIN, ALICE, CAROL, HOME, LIMITS, NO_ONE, World
from tests.bridge.keys import in_order, keys, signed

if TYPE_CHECKING:
    from bridge.abi import Value
    from bridge.digests import Message

OUTSIDERS = keys(40, first=900)


def test_ronin_2022_a_stale_allow_list_and_few_keys() -> None:
    """Five of nine keys, one of them by a leave that nobody took back. Here: a set that was rotated out counts for nothing.

    Method: rotate at once; every key of the old set signs, alone and together with two keys of the new set.
    """
    world = World()
    world.chain.wait(3600)
    fresh = keys(4, first=100)
    world.carry(world.rotation(fresh, immediate=True))
    for epoch, signers in ((1, world.quorum), (2, world.quorum), (2, in_order([*fresh[:2], world.attestors[0]]))):
        with pytest.raises(Reverted) as caught:
            world.carry(world.auth(set_epoch=epoch), signers)
        assert caught.value.name in {"EpochUnknown", "NotASigner", "SignersNotAscending"}
    assert world.token.number("totalSupply") == 0


def test_ronin_2024_an_uninitialised_threshold_leaves_the_limits() -> None:
    """A threshold of zero after an upgrade let anything pass; the day's limit was the last line.

    Method: no set, epoch or threshold of zero can be born or rotated in; and where a whole quorum is rogue, from the first
    block on it takes no more than the bucket.
    """
    world = World()
    for changes in ({"threshold": 0}, {"attestors": [], "threshold": 0}, {"limits": (0, 0, 0, 0)}):
        with pytest.raises(Reverted):
            world.deploy_bridge(**changes)
    world.chain.wait(3600)
    with pytest.raises(Reverted) as caught:
        world.carry(replace(world.rotation(keys(4, first=100)), threshold=0))
    assert caught.value.name == "ThresholdWrong"
    with pytest.raises(Reverted) as caught:
        world.carry(world.auth(set_epoch=0), ())
    assert caught.value.name == "EpochUnknown"
    taken = 0
    for nonce in range(50):
        try:
            world.mint(nonce=nonce, amount=LIMITS[0], cumulative_locked=2**95)
        except Reverted:
            continue
        taken += LIMITS[0]
    assert taken == LIMITS[2], "a full rogue quorum takes one bucket, then waits for its refill"


def test_wormhole_2022_an_unverified_verifier() -> None:
    """The caller named the program that said that the signatures were good. Here the only verifier is the precompile.

    Method: no function takes an address that could be one; empty, zero and random signatures do not pass.
    """
    world = World()
    takes_addresses = {
        one.name for one in artifact("SomBridge").abi if one.type == "function" and "address" in {two.type for two in one.inputs}
    }
    assert takes_addresses == {
        "beginDefaultAdminTransfer",
        "grantRole",
        "hasRole",
        "isAttestor",
        "isReserveSigner",
        "renounceRole",
        "retire",
        "revokeRole",
    }
    auth = astuple(world.auth())
    for signatures in (b"", bytes(65 * 3), b"\xff" * 65 * 3, bytes(64) + b"\x1b" * 131):
        with pytest.raises(Reverted):
            world.bridge.send(CAROL, "mint", auth, signatures)
    assert world.token.number("totalSupply") == 0


def test_nomad_2022_a_zero_root_is_never_valid() -> None:
    """Zero was the value of what had never been proven, and it was accepted as proven.

    Method: zero in every field of a mint that names something, signed by a good quorum.
    """
    world = World()
    for field, value in (("route_id", bytes(32)), ("lock_id", bytes(32)), ("ledger_block_hash", bytes(32)), ("recipient", bytes(20))):
        with pytest.raises(Reverted) as caught:
            world.mint(**{field: value})
        assert caught.value.name in {"ZeroField", "WrongRoute"}
    for changes in ({"set_epoch": 0}, {"amount": 0}, {"ledger_height": 0}):
        with pytest.raises(Reverted):
            world.mint(**changes)
    with pytest.raises(Reverted) as caught:
        world.deploy_bridge(route_id=bytes(32))
    assert caught.value.name == "ZeroField"


def test_poly_2021_no_generic_call() -> None:
    """A message could call any function of any contract, and so the one that set the keepers.

    Method: no function takes call data; the code has neither DELEGATECALL nor SELFDESTRUCT; a mint to the token or the
    bridge, where a call would go, is refused.
    """
    world = World()
    for one in artifact("SomBridge").abi:
        if one.type == "function":
            assert {two.name for two in one.inputs if two.type.startswith("bytes") and not two.type[5:].isdigit()} <= {"signatures"}
    for name in ("SomBridge", "SomToken"):
        assert not {0xF2, 0xF4, 0xFF, 0xF0, 0xF5} & opcodes(artifact(name).deployed_bytecode)
    for target in (world.token.address, world.bridge.address):
        with pytest.raises(Reverted):
            world.mint(recipient=bytes.fromhex(target[2:]))


def opcodes(code: str) -> set[int]:
    """Return the instructions of a contract, without the data of pushes and without the metadata at its end."""
    body = bytes.fromhex(code.removeprefix("0x"))
    body = body[: -int.from_bytes(body[-2:], "big") - 2]
    found, at = set(), 0
    while at < len(body):
        found.add(body[at])
        at += 1 + max(0, body[at] - 0x5F) * (0x60 <= body[at] <= 0x7F)
    return found


def test_harmony_2022_a_thin_threshold() -> None:
    """Two of five keys were enough. Here a threshold is always more than two thirds, and no set is below four.

    Method: every size up to seven with every threshold; only floor(2n/3) + 1 is taken.
    """
    world = World()
    for count in range(8):
        addresses = [one.address for one in keys(count, first=100)] if count else []
        for threshold in range(count + 1):
            if count >= 4 and threshold == 2 * count // 3 + 1:
                world.deploy_bridge(attestors=addresses, threshold=threshold)
                assert 3 * threshold > 2 * count
                continue
            with pytest.raises(Reverted):
                world.deploy_bridge(attestors=addresses, threshold=threshold)


def test_multichain_2023_one_custodian() -> None:
    """One person held every key. Here no single key of any power mints, or stops a redemption for ever.

    Method: attestor, admin and guardian each try alone; the admin's own token cannot be minted but by a waiting ceiling.
    """
    world = World()
    world.mint()
    for one in world.attestors:
        with pytest.raises(Reverted):
            world.carry(world.auth(nonce=2), [one])
        with pytest.raises(Reverted):
            world.carry(world.auth(nonce=2), [one] * 3)
    with pytest.raises(Reverted):
        world.token.send(ADMIN, "mint", ALICE, 1)
    world.token.send(ADMIN, "setCeiling", ADMIN, 10**9)
    with pytest.raises(Reverted) as caught:
        world.token.send(ADMIN, "mint", ALICE, 1)
    assert caught.value.name == "NotAMinter"
    world.bridge.send(ADMIN, "retire", NO_ONE)
    world.burn(1_000)


def test_bnb_token_hub_2022_a_forged_leave_is_bounded() -> None:
    """A forged inclusion proof minted two million. Here even a leave that a quorum signed mints no more than is attested.

    Method: an auth for ten times what is locked; then many small ones, until the attested total is used up.
    """
    world = World()
    world.carry(world.checkpoint(cumulative_locked=5_000))
    with pytest.raises(Reverted) as caught:
        world.mint(amount=50_000, cumulative_locked=5_000)
    assert (caught.value.name, caught.value.fields) == ("AboveLocked", {"amount": 50_000, "headroom": 5_000})
    for nonce in range(5):
        world.mint(nonce=nonce, cumulative_locked=5_000)
    with pytest.raises(Reverted) as caught:
        world.mint(nonce=6, amount=1, cumulative_locked=5_000)
    assert caught.value.fields == {"amount": 1, "headroom": 0}


def test_messina_2026_one_deposit_and_143_claims() -> None:
    """One deposit was claimed 143 times. Here a nonce mints once, whoever signs, carries, or alters it.

    Method: one lock carried 143 times: by others, with other signers, a later height and deadline, another set.
    """
    world = World()
    world.chain.wait(3600)
    fresh = keys(4, first=100)
    world.carry(world.rotation(fresh))
    world.mint()
    for claim in range(143):
        newer = world.auth(ledger_height=10 + claim, deadline=world.chain.now + 3600 + claim, set_epoch=1 + claim % 2)
        signers = (world.attestors, fresh)[claim % 2]
        with pytest.raises(Reverted) as caught:
            world.carry(newer, signers[claim % 3 % 2 :][:3], "0x" + OUTSIDERS[claim % 40].address.hex())
        assert caught.value.name == "NonceUsed"
    assert world.token.number("totalSupply") == 1_000


def test_usdc_18_decimals_on_bnb_chain() -> None:
    """The same name with 6 decimals at home and 18 there. Here a bridge is born only to a token of its asset's decimals.

    Method: tokens of 0, 6 and 18 decimals under a route of 2; the token's own decimals cannot change.
    """
    world = World()
    for decimals in (0, 6, 18):
        odd = deploy(world.chain, artifact("OddToken"), decimals, ALICE, 1)
        with pytest.raises(Reverted) as caught:
            world.deploy_bridge(token=odd.address)
        assert (caught.value.name, caught.value.fields) == ("DecimalsDiffer", {"token": decimals, "route": 2})
    assert "setDecimals" not in json.dumps([one.name for one in artifact("SomToken").abi])


def test_hyperbridge_and_verus_2026_nothing_is_minted_on_the_word_of_a_proof() -> None:
    """Forged proofs of inclusion. There is no such claim here: only a signed leave for this chain, contract and route.

    Method: a leave signed for another chain, another contract, another route.
    """
    world = World()
    auth = world.auth()
    for domain in (Domain(1, world.domain.contract), Domain(56, b"\x07" * 20)):
        with pytest.raises(Reverted):
            world.bridge.send(CAROL, "mint", astuple(auth), signed(digest(domain, auth), world.quorum))
    with pytest.raises(Reverted) as caught:
        world.mint(route_id=b"\x01" * 32)
    assert caught.value.name == "WrongRoute"
    with pytest.raises(Reverted):
        world.burn(1, recipient=HOME)


def test_gravity_no_executed_field_is_left_out() -> None:
    """Fields that were executed and not signed were a recurring hole. Here the contract takes nothing that differs from what was signed.

    Method: each field of all four messages changed after it was signed, to a value that would be taken if it were signed; then as it was.
    """
    world = World(reserve=keys(3, first=500))
    world.chain.wait(3600)
    fresh = keys(4, first=100)
    other = ("0x" + one.address.hex() for one in in_order([*fresh[:3], OUTSIDERS[0]]))
    messages: tuple[tuple[str, Message, dict[str, Value]], ...] = (
        ("checkpoint", world.checkpoint(), {"lock_count": 6, "issued_at": 1}),
        (
            "mint",
            world.auth(ledger_height=11),
            {"nonce": 2, "lock_id": b"\x02" * 32, "recipient": b"\xc2" * 20, "amount": 999, "deadline": 2**40},
        ),
        ("rotate", world.rotation(fresh), {"attestors": tuple(other), "immediate": True}),
        ("submitReserve", world.statement(), {"issued_at": 1, "vault_balance": 1_000_001, "cumulative_released": 1}),
    )
    common: dict[str, Value] = {
        "route_id": b"\x01" * 32,
        "set_epoch": 2,
        "ledger_height": 21,
        "ledger_block_hash": b"\xb2" * 32,
        "cumulative_locked": 1_000_001,
        "cumulative_refunded": 1,
        "new_epoch": 3,
        "threshold": 4,
    }
    unsigned = {"NotASigner", "SignersNotAscending", "ECDSAInvalidSignature"}
    before = {"route_id": "WrongRoute", "set_epoch": "EpochUnknown", "new_epoch": "EpochNotNext"}
    for name, message, own in messages:
        by = world.reserve[:2] if name == "submitReserve" else world.quorum
        signatures = signed(digest(world.domain, message), by)
        fields = dict(zip(message.__struct_fields__, astuple(message), strict=True))
        for field in fields:
            with pytest.raises(Reverted) as caught:
                world.bridge.send(CAROL, name, tuple({**fields, field: {**common, **own}[field]}.values()), signatures)
            assert caught.value.name in ({before[field]} if field in before else unsigned), (name, field)
        world.bridge.send(CAROL, name, tuple(fields.values()), signatures)
