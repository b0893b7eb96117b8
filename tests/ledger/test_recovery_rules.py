"""Keys that were lost or stolen (L24): what a thief can do, who signs when, and what is reserved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.authority import Signers, Voice
from ledger.errors import OK, QuorumNotMet
from ledger.keys import public_key_of
from ledger.participants import Key, KeyOwner, KeysetRecord
from ledger.recovery import body_of, effect_leaves, record_of
from ledger.state import Overlay
from ledger.transactions import begin_block
from ledger.transactions.bodies import AccountSet, Approve, GrantPut, KeysetPut
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, BY_ROOT, OPERATOR
from tests.ledger.key_cases import COMPLIANCE, DELAY, OPS_5, OPS_7, begun, guarded, guarded_wallet, own, recoverable, refused
from tests.ledger.voting_cases import proposing
from tests.ledger.world import ALICE, BOB, DAY_MS, MAIN_A, MAIN_B, World, grant, keyset, make_genesis, pay, seed_of, signers

if TYPE_CHECKING:
    from ledger.participants import Keyset
    from tests.ledger.world import Signer

USER_5 = signers(f"{ALICE}/user", 6)[5]
OPS = recoverable("bank-b", "ops", "compliance")
"""`ops` of bank-b as it stands before anything happens."""


def stored(world: World, member: str = "bank-b/ops") -> KeysetRecord:
    record = world.state.get(f"keyset/{member}")
    assert isinstance(record, KeysetRecord)
    return record


def who_signs(world: World, owner: str = "bank-b", name: str = "ops") -> list[int]:
    """Return the numbers of the keys that speak for a keyset at the time of the next block."""
    overlay, member = Overlay(world.state), f"{owner}/{name}"
    begin_block(overlay, world.context())
    voices = [(number, Voice(owner, name, public_key_of(seed_of(owner, name, number)))) for number in range(10)]
    return [number for number, voice in voices if Signers(overlay, [voice], world.time_ms).agrees(member)]


def ops(start: int) -> Keyset:
    return recoverable("bank-b", "ops", "compliance", start)


def recover(world: World, start: int, *, by: list[Signer] = COMPLIANCE) -> int:
    """Let `compliance` of bank-b recover its `ops`, sent by the operator."""
    new = signers("bank-b/ops", start + 1)[start]
    known = public_key_of(new[2]) in [key.public_key for key in _known(world)]
    return world.do(KeysetPut("bank-b", ops(start), "recovery"), by=[*OPERATOR, *by, *([] if known else [new])]).code


def _known(world: World) -> list[Key]:
    record = stored(world)
    return [*record.keys, *(record.waiting.keyset.keys if record.waiting else ())]


def thief_puts(world: World, new: Keyset, *more: Signer) -> int:
    """Let whoever stole the first key of `ops` of bank-b put a keyset; the thief sends from bank-b itself."""
    return world.do(KeysetPut("bank-b", new), by=[*BANK_B, *more], sender="bank-b").code


def test_l24_a_recovery_takes_effect_by_itself_and_to_the_millisecond() -> None:
    """Goal: nobody has to do anything. Method: who signs one ms before the time and at it; then what is stored."""
    world = World()
    begun(world)
    record = stored(world)
    assert record.waiting is not None
    due = record.waiting.due
    assert due - world.time_ms == DELAY - 1_000
    for time_ms, signing in ((due - 1, [0]), (due, [5])):
        world.time_ms = time_ms
        assert who_signs(world) == signing
        overlay = Overlay(world.state)
        assert Signers(overlay, [Voice("bank-b", "ops", public_key_of(OPS_5[2]))], time_ms).agrees("bank-b/ops") is (time_ms == due)
    world.block()
    assert stored(world) == record_of(ops(5))
    assert world.state.get(f"key/{public_key_of(BANK_B[0][2]).hex()}") is None


def test_l19_what_is_due_counts_while_the_sweep_is_behind() -> None:
    """Goal: one answer for every read. Method: three leaves a block, ten grants that lapse before; the new keyset sends at once."""
    world = World(make_genesis(params={"sweep_max": 3}), money=100)
    guarded(world)
    recover(world, 5)
    waiting = stored(world).waiting
    assert waiting is not None
    for index in range(10):
        world.must(GrantPut(replace(grant(f"due-{index}", "register", "bank-a"), until=waiting.due - 1)), by=BY_ROOT)
    world.time_ms = waiting.due
    with pytest.raises(QuorumNotMet):
        world.do(pay((MAIN_B, MAIN_A, 1)), by=BANK_B, sender="bank-b")
    assert world.do(pay((MAIN_B, MAIN_A, 1)), by=[OPS_5], sender="bank-b").code == OK
    assert stored(world).waiting is not None
    for _ in range(4):
        world.block()
    assert stored(world) == record_of(ops(5))


def test_l19_a_keyset_counts_each_leaf_that_its_sweep_writes() -> None:
    """Goal: bounded work in a block. Method: a recovery that lets three keys go, beside a grant, with room for four leaves."""
    world = World(make_genesis(params={"sweep_max": 4}))
    board = replace(keyset("operator", "board", 2, 3), recovery="ops", delay_ms=DELAY)
    world.must(KeysetPut("operator", board), by=[*OPERATOR, *signers("operator/board", 2)])
    fresh = replace(keyset("operator", "board", start=8), recovery="ops", delay_ms=DELAY)
    world.must(KeysetPut("operator", fresh, "recovery"), by=[*OPERATOR, signers("operator/board", 9)[8]])
    waiting = stored(world, "operator/board").waiting
    assert waiting is not None
    assert effect_leaves(stored(world, "operator/board")) == 4
    world.must(GrantPut(replace(grant("due", "register", "bank-a"), until=waiting.due)), by=[*OPERATOR, *signers("treasury/treasury")])
    world.time_ms = waiting.due
    world.block()
    assert world.state.get("grant/due") is None
    assert stored(world, "operator/board").waiting is not None
    world.block()
    assert stored(world, "operator/board") == record_of(fresh)


def test_l24_a_thief_who_rotates_is_recovered_from_all_the_same() -> None:
    """Goal: a stolen key does not win by speed. Method: the thief rotates to own keys; the terms stay, the recovery takes effect."""
    world = World()
    guarded(world)
    assert thief_puts(world, ops(7), OPS_7) == OK
    assert recover(world, 5) == OK
    assert world.do(KeysetPut("bank-b", ops(8)), by=[OPS_7, signers("bank-b/ops", 9)[8]], sender="bank-b").code == 128
    world.time_ms += DELAY
    assert who_signs(world) == [5]


def test_l24_a_thief_who_objects_locks_the_thief_out() -> None:
    """Goal: nobody objects for ever. Method: the thief objects; nobody signs, no time helps, until the registrar decides."""
    world = World(money=100)
    guarded(world)
    recover(world, 5)
    assert thief_puts(world, OPS) == OK
    for gap in (0, DELAY, 40 * DAY_MS):
        world.time_ms += gap
        assert who_signs(world) == []
        with pytest.raises(QuorumNotMet):
            world.do(pay((MAIN_B, MAIN_A, 1)), by=BANK_B, sender="bank-b")
        with pytest.raises(QuorumNotMet):
            thief_puts(world, OPS)
        assert recover(world, 7) == 128
    assert world.do(KeysetPut("bank-b", ops(5)), by=OPERATOR).code == OK
    assert who_signs(world) == [5]
    assert stored(world) == record_of(ops(5))


def test_l24_a_thief_who_takes_recovery_away_is_late() -> None:
    """Goal: terms change after the old delay only, and a recovery in time drops the change. Method: both orders of events."""
    world = World()
    guarded(world)
    bare = keyset("bank-b", "ops")
    assert thief_puts(world, bare) == OK
    assert body_of(stored(world)) == OPS
    world.time_ms += DELAY - 2_000
    assert recover(world, 5) == OK
    world.time_ms += 2_000
    assert body_of(stored(world)).recovery == "compliance"
    world.time_ms += DELAY
    assert who_signs(world) == [5]
    late = World()
    guarded(late)
    thief_puts(late, bare)
    late.time_ms += DELAY
    assert recover(late, 5) == 128
    assert stored(late) == record_of(bare)


def test_l24_one_key_stands_in_one_keyset_also_while_it_waits() -> None:
    """Goal: a thief does not spread a key. Method: the key that waits at two other owners and under another name; then let go."""
    world = World()
    begun(world)
    waiting = keyset("bank-b", "ops", start=5).keys
    for owner, name, by in (
        (BOB, "user", [*OPERATOR, *BANK_B]),
        ("bank-b", "board", OPERATOR),
        ("bank-a", "board", OPERATOR),
    ):
        body = KeysetPut(owner, replace(keyset(owner, name), keys=waiting))
        outcome = world.do(body, by=[*by, (owner, name, OPS_5[2])])
        assert (outcome.code, "in use" in outcome.detail) == (128, True)
    withdrawn = KeysetPut("bank-b", OPS, "recovery")
    assert world.do(withdrawn, by=[*OPERATOR, *COMPLIANCE]).code == OK
    assert stored(world).waiting is None
    body = KeysetPut("bank-a", replace(keyset("bank-a", "board"), keys=waiting))
    assert world.do(body, by=[*OPERATOR, ("bank-a", "board", OPS_5[2])]).code == OK
    assert world.state.get(f"key/{public_key_of(OPS_5[2]).hex()}") == KeyOwner("bank-a", "board")


def test_l24_a_recovery_put_again_begins_anew_and_lets_its_keys_go() -> None:
    """Goal: a mistake is mended. Method: another recovery a day later; the first one's key is free, its time is not taken over."""
    world = World()
    begun(world)
    world.time_ms += DAY_MS
    assert recover(world, 7) == OK
    assert world.state.get(f"key/{public_key_of(OPS_5[2]).hex()}") is None
    world.time_ms += DELAY - 2_000
    assert who_signs(world) == [0]
    world.time_ms += 2_000
    assert who_signs(world) == [7]


@pytest.mark.parametrize("start", [0, 5, 7])
def test_l24_the_registrar_decides_for_the_one_the_other_or_a_third(start: int) -> None:
    """Goal: no dead end. Method: each keyset; a third one's key must sign, known ones need not; what was not chosen is let go."""
    world = World()
    refused(world)
    more = [OPS_7] if start == 7 else []
    if more:
        with pytest.raises(QuorumNotMet):
            world.do(KeysetPut("bank-b", ops(start)), by=OPERATOR)
    with pytest.raises(QuorumNotMet):
        world.do(KeysetPut("bank-b", ops(start)), by=[*OPERATOR, *more, signers("bank-b/ops", 10)[9]])
    assert world.do(KeysetPut("bank-b", ops(start)), by=[*OPERATOR, *more]).code == OK
    assert who_signs(world) == [start]
    held = [number for number in range(10) if world.state.get(f"key/{public_key_of(seed_of('bank-b', 'ops', number)).hex()}")]
    assert held == [start]


def test_l24_a_wallet_is_recovered_by_its_bank_unless_the_user_objects() -> None:
    """Goal: a lost telephone is not lost money, and no bank takes a wallet over behind its user's back. Method: both ways."""
    for objects in (False, True):
        world = World(money=100)
        guarded_wallet(world)
        world.must(KeysetPut(ALICE, own(5), "recovery"), by=[*BANK_A, USER_5], sender="bank-a")
        assert world.do(pay((ALICE, BOB, 1)), by=ALICE_SIGNS, sender=ALICE).code in (OK, 143)
        if objects:
            world.must(KeysetPut(ALICE, own()), by=ALICE_SIGNS, sender=ALICE)
        world.time_ms += DELAY
        assert who_signs(world, ALICE, "user") == ([] if objects else [5])
        if objects:
            world.must(KeysetPut(ALICE, own(5)), by=BANK_A, sender="bank-a")
            assert who_signs(world, ALICE, "user") == [5]


def test_l24_account_set_does_not_get_around_a_recovery() -> None:
    """Goal: two types, one rule. Method: another keyset by account.set: its terms wait; while a recovery waits it is refused."""
    world = World()
    guarded_wallet(world)
    other = keyset(ALICE, "other", start=3)
    by = [*BANK_A, *ALICE_SIGNS, (ALICE, "other", seed_of(ALICE, "other", 3))]
    assert world.do(AccountSet(ALICE, "", other), by=by, sender="bank-a").code == OK
    record = stored(world, f"{ALICE}/other")
    assert record.waiting is not None
    assert (record.recovery, record.waiting.keyset) == ("ops", other)
    fresh = replace(own(5), name="other")
    key = (ALICE, "other", USER_5[2])
    world.must(KeysetPut(ALICE, fresh, "recovery"), by=[*BANK_A, key], sender="bank-a")
    third = keyset(ALICE, "third", start=4)
    by = [*BANK_A, (ALICE, "other", seed_of(ALICE, "other", 3)), (ALICE, "third", seed_of(ALICE, "third", 4))]
    assert world.do(AccountSet(ALICE, "", third), by=by, sender="bank-a").code == 128
    world.time_ms += DELAY
    assert who_signs(world, ALICE, "other") == []
    assert world.do(AccountSet(ALICE, "closing", None), by=BANK_A, sender="bank-a").code == OK
    assert stored(world, f"{ALICE}/other") == record_of(fresh)


def test_l24_terms_keep_their_time_through_a_rotation_and_are_withdrawn() -> None:
    """Goal: rotating does not put the change off. Method: longer delay asked for, keys rotated a day later with it, then taken back."""
    world = World()
    guarded(world)
    longer = replace(OPS, delay_ms=2 * DELAY)
    assert thief_puts(world, longer) == OK
    due = world.time_ms - 1_000 + DELAY
    world.time_ms += DAY_MS
    rotated = replace(ops(5), delay_ms=2 * DELAY)
    assert world.do(KeysetPut("bank-b", rotated), by=[*BANK_B, OPS_5], sender="bank-b").code == OK
    waiting = stored(world).waiting
    assert waiting is not None
    assert (waiting.due, waiting.keyset, who_signs(world)) == (due, rotated, [5])
    assert world.do(KeysetPut("bank-b", ops(5)), by=[OPS_5], sender="bank-b").code == OK
    assert stored(world) == record_of(ops(5))


def test_l26_votes_recover_object_and_decide() -> None:
    """Goal: people on several machines. Method: a recovery, an objection and a decision by votes; only who may put it has a say."""
    world = World()
    guarded(world)
    body = KeysetPut("bank-b", ops(5), "recovery")
    found = world.must(proposing(body), by=[*OPERATOR, *COMPLIANCE, OPS_5]).tx_id
    assert world.do(Approve(found, "bank-b/ops", "yes"), by=BANK_B, sender="bank-b").code == 182
    assert world.do(Approve(found, "bank-b/compliance", "yes"), by=[*OPERATOR, *COMPLIANCE]).code == OK
    found = world.must(proposing(KeysetPut("bank-b", OPS)), by=BANK_B, sender="bank-b").tx_id
    assert world.do(Approve(found, "bank-b/compliance", "yes"), by=[*OPERATOR, *COMPLIANCE]).code == 182
    assert world.do(Approve(found, "bank-b/ops", "yes"), by=BANK_B, sender="bank-b").code == OK
    assert who_signs(world) == []
    found = world.must(proposing(KeysetPut("bank-b", ops(5))), by=OPERATOR).tx_id
    assert world.do(Approve(found, "operator/ops", "yes"), by=OPERATOR).code == OK
    assert who_signs(world) == [5]
