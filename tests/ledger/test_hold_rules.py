"""Rules of holds, and of what lapses (L8, L17, L19)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.accounts import Account, Balance
from ledger.assets import Asset, FeeRule
from ledger.errors import OK, InvariantBroken, QuorumNotMet
from ledger.grants import GrantRecord
from ledger.holds import Hold
from ledger.invariants import check_transaction
from ledger.state import Overlay
from ledger.transactions import apply_transaction, begin_block, end_block
from ledger.transactions.bodies import AccountOpen, AccountSet, AssetPut, GrantPut, Redeem, Settle, Void
from tests.ledger.world import (
    ALICE,
    BOARD,
    BOB,
    DAY_MS,
    FEE_OF_HOLDS,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    World,
    grant,
    hold,
    make_genesis,
    pay,
    signers,
    verified,
)

OPERATOR, BANK_A, BANK_B, ALICE_SIGNS = (
    signers("operator/ops"),
    signers("bank-a/ops"),
    signers("bank-b/ops"),
    signers(f"{ALICE}/user"),
)
FEES = "operator/fee:KGS"


def place(world: World, amount: int = 100, *, fee: int = 0, until: int = 0, source: str = ALICE) -> bytes:
    """Place a hold for bob; his bank settles and voids."""
    body = hold(source, BOB, amount, until=until or world.time_ms + HOUR_MS, fee=fee, settle_by="bank-b", void_by="bank-b")
    by = ALICE_SIGNS if source == ALICE else signers(f"{source.partition('/')[0]}/ops")
    return world.must(body, by=by, sender=ALICE if source == ALICE else source.partition("/")[0]).tx_id


def settle(world: World, found: bytes, amount: int) -> int:
    """Settle as bank-b; return the code."""
    return world.do(Settle(found, amount, b""), by=BANK_B, sender="bank-b").code


def test_l16_of_two_faults_of_a_hold_the_lower_code_wins() -> None:
    """Goal: one order of checks for all. Method: a source that no hold may have (124) and a target that is closed (123), each and both."""
    world = World(money=100)
    contra = "operator/contra:KGS"

    def code(source: str, target: str) -> int:
        by = OPERATOR if source == contra else ALICE_SIGNS
        body = hold(source, target, 10, until=world.time_ms + HOUR_MS, fee=0, settle_by="bank-b", void_by="bank-b")
        return world.do(body, by=by, sender="operator" if source == contra else ALICE).code

    assert code(contra, BOB) == 124
    world.must(AccountSet(BOB, "closing", None, None), by=BANK_B, sender="bank-b")
    assert code(ALICE, BOB) == 123
    assert code(contra, BOB) == 123


def test_l8_a_hold_reserves_and_settles_in_parts() -> None:
    """Goal: held is spoken for, posted stays until it settles. Method: place, try to spend it, settle twice, see it gone."""
    world = World(money=100)
    found = place(world, 80)
    assert world.balance(ALICE) == (100, 80)
    assert world.do(pay((ALICE, MAIN_B, 21)), by=ALICE_SIGNS, sender=ALICE).code == 150
    assert world.do(Redeem("KGS", ALICE, 21, "", None), by=ALICE_SIGNS, sender=ALICE).code == 150
    assert settle(world, found, 30) == OK
    assert (world.balance(ALICE), world.balance(BOB)) == ((70, 50), (130, 0))
    assert settle(world, found, 51) == 173
    assert settle(world, found, 50) == OK
    assert (world.balance(ALICE), world.balance(BOB)) == ((20, 0), (180, 0))
    assert settle(world, found, 1) == 170
    account = world.state.get(f"account/{ALICE}")
    assert isinstance(account, Account)
    assert account.holds == 0


def test_l8_void_releases_what_is_left() -> None:
    """Goal: L8. Method: settle a part, void the rest; only the voiding party may."""
    world = World(money=100)
    found = place(world, 80)
    settle(world, found, 30)
    with pytest.raises(QuorumNotMet):
        world.do(Void(found), by=ALICE_SIGNS, sender=ALICE)
    assert world.do(Void(found), by=BANK_B, sender="bank-b").code == OK
    assert world.balance(ALICE) == (70, 0)
    assert world.do(Void(found), by=BANK_B, sender="bank-b").code == 170


def test_l17_a_hold_reserves_its_fee_and_settles_it_in_parts() -> None:
    """Goal: a settle takes fee(settled so far) - taken so far, the last one the rest. Method: 1.5 % of 333 in three parts."""
    world = World(make_genesis(fees=(FEE_OF_HOLDS,)))
    world.issue(ALICE, 400)
    assert world.do(hold(ALICE, BOB, 333, until=world.time_ms + HOUR_MS), by=ALICE_SIGNS, sender=ALICE).code == 143
    found = place(world, 333, fee=4)
    assert world.balance(ALICE) == (400, 337)
    taken = []
    for amount in (100, 100, 133):
        assert settle(world, found, amount) == OK
        taken.append(world.balance(FEES)[0])
    assert taken == [1, 3, 4]
    assert world.balance(ALICE) == (63, 0)


def test_l17_a_hold_keeps_the_rule_of_its_day() -> None:
    """Goal: a new policy does not touch what is reserved. Method: the issuer raises the fee tenfold between placing and settling."""
    world = World(make_genesis(fees=(FEE_OF_HOLDS,)))
    world.issue(ALICE, 400)
    found = place(world, 333, fee=4)
    asset = world.state.get("asset/KGS")
    assert isinstance(asset, Asset)
    dearer = replace(asset.policy, fees=(FeeRule("hold", "", "", 0, 1_500, 0, 10**6),))
    world.must(AssetPut(dearer), by=[*OPERATOR, *BOARD])
    assert settle(world, found, 333) == OK
    assert world.balance(FEES) == (4, 0)


def test_l17_a_void_releases_the_fee_with_the_rest() -> None:
    """Goal: no value is lost to rounding. Method: settle a part, void the rest."""
    world = World(make_genesis(fees=(FEE_OF_HOLDS,)))
    world.issue(ALICE, 400)
    found = place(world, 333, fee=4)
    settle(world, found, 100)
    world.must(Void(found), by=BANK_B, sender="bank-b")
    assert (world.balance(ALICE), world.balance(FEES)) == ((299, 0), (1, 0))


def test_l19_a_hold_is_void_from_its_until_on() -> None:
    """Goal: the block before still settles, the block at `until` does not and has swept it. Method: both blocks."""
    world = World(money=100)
    until = world.time_ms + HOUR_MS
    first, second = place(world, 30, until=until), place(world, 40, until=until)
    world.time_ms = until - 1
    assert settle(world, first, 30) == OK
    world.time_ms = until
    assert settle(world, second, 40) == 170
    assert world.balance(ALICE) == (70, 0)
    assert world.swept == (world.swept[0],)
    assert (world.swept[0].account, world.swept[0].held) == (ALICE, -40)


def test_l19_the_swept_value_is_free_in_the_same_block() -> None:
    """Goal: lapsed is void for every read at once. Method: everything held, then spent in the block of `until`."""
    world = World(money=100)
    until = world.time_ms + HOUR_MS
    place(world, 100, until=until)
    world.time_ms = until
    assert world.do(pay((ALICE, MAIN_B, 100)), by=ALICE_SIGNS, sender=ALICE).code == OK


def test_l19_a_sweep_goes_by_until_then_id_within_its_limit() -> None:
    """Goal: at most sweep_max leaf writes a block, earliest first. Method: room for two holds a block, five due."""
    world = World(make_genesis(params={"sweep_max": 6}), money=100)
    until = world.time_ms + HOUR_MS
    found = [place(world, 10, until=until + offset) for offset in (4, 3, 2, 1, 0)]
    world.time_ms = until + 10
    for left in ((0, 1, 2), (0,), ()):
        world.block()
        assert tuple(index for index, each in enumerate(found) if world.state.get(f"hold/{each.hex()}")) == left
    assert world.balance(ALICE) == (100, 0)


def test_l19_touching_an_account_sweeps_its_own_holds() -> None:
    """Goal: no check ever sees a lapsed hold, also while the sweep is behind. Method: the due hold of bank-a comes last; it pays all."""
    world = World(make_genesis(params={"sweep_max": 3}), money=100)
    until = world.time_ms + HOUR_MS
    place(world, 10, until=until)
    late = place(world, 100, until=until + 1, source=MAIN_A)
    world.time_ms = until + 10
    outcome = world.do(pay((MAIN_A, MAIN_B, 100)), by=BANK_A, sender="bank-a")
    assert outcome.code == OK
    assert [(entry.account, entry.posted, entry.held) for entry in outcome.entries] == [
        (MAIN_A, 0, -100),
        (MAIN_A, -100, 0),
        (MAIN_B, 100, 0),
    ]
    assert world.state.get(f"hold/{late.hex()}") is None


def test_l19_a_lapsed_hold_that_waits_for_its_sweep_is_171() -> None:
    """Goal: void for settle and void, too. Method: the sweep is behind; settle and void a hold that is due."""
    world = World(make_genesis(params={"sweep_max": 3}), money=100)
    until = world.time_ms + HOUR_MS
    place(world, 10, until=until)
    late = place(world, 100, until=until + 1, source=MAIN_A)
    world.time_ms = until + 10
    overlay, context = Overlay(world.state), world.context()
    begin_block(overlay, context)
    for body in (Settle(late, 5, b""), Void(late)):
        assert apply_transaction(overlay, world.sign(body, by=BANK_B, sender="bank-b"), context, verified).code == 171
    end_block(overlay, context)
    world.keep(overlay)


def test_l19_a_failed_transaction_keeps_the_holds_it_swept_in_passing() -> None:
    """Goal: invariant 5. Method: a payment that fails after it swept its account, while the sweep is behind."""
    world = World(make_genesis(params={"sweep_max": 3}), money=100)
    until = world.time_ms + HOUR_MS
    place(world, 10, until=until)
    late = place(world, 100, until=until + 1, source=MAIN_A)
    world.time_ms = until + 10
    assert world.do(pay((MAIN_A, MAIN_B, 101)), by=BANK_A, sender="bank-a").code == 150
    assert isinstance(world.state.get(f"hold/{late.hex()}"), Hold)


def test_l19_grants_are_swept_in_the_same_order() -> None:
    """Goal: one queue for all that lapses. Method: two grants before and one after a hold, room for one hold or three grants a block."""
    world = World(make_genesis(params={"sweep_max": 3}), money=100)
    until = world.time_ms + HOUR_MS
    for name, offset in (("first", 0), ("second", 0), ("last", 2)):
        made = replace(grant(name, "register", "bank-b"), until=until + offset)
        world.must(GrantPut(made), by=[*OPERATOR, *BOARD])
    found = place(world, 10, until=until + 1)
    world.time_ms = until + 10
    left = []
    for _ in range(3):
        world.block()
        keys = ("grant/first", "grant/second", f"hold/{found.hex()}", "grant/last")
        left.append([isinstance(world.state.get(key), GrantRecord | Hold) for key in keys])
    assert left == [[False, False, True, True], [False, False, False, True], [False] * 4]


def test_l19_an_account_has_a_limited_number_of_holds() -> None:
    """Goal: 127 at the limit of the network, and room again after one is gone. Method: a limit of two."""
    world = World(make_genesis(params={"holds_per_account_max": 2}), money=100)
    first = place(world, 10)
    place(world, 10)
    body = hold(ALICE, BOB, 10, until=world.time_ms + HOUR_MS)
    assert world.do(body, by=ALICE_SIGNS, sender=ALICE).code == 127
    settle(world, first, 10)
    assert world.do(replace(body, until=world.time_ms + DAY_MS), by=ALICE_SIGNS, sender=ALICE).code == OK


def test_a_user_settles_with_the_own_keyset() -> None:
    """Goal: settle_by may be an account. Method: alice settles what bank-b holds for her, in her own name."""
    world = World(money=100)
    body = hold(MAIN_B, ALICE, 50, until=world.time_ms + HOUR_MS)
    found = world.must(body, by=BANK_B, sender="bank-b").tx_id
    assert world.do(Settle(found, 50, b""), by=ALICE_SIGNS, sender=ALICE).code == OK
    assert world.balance(ALICE) == (150, 0)


def test_l12_held_is_the_sum_of_open_holds() -> None:
    """Goal: invariant 3 on the post-state. Method: a hold that reserves less than the balance holds, and a count that lies."""
    world = World(money=100)
    found = place(world, 80)
    record = world.state.get(f"hold/{found.hex()}")
    assert isinstance(record, Hold)
    for changed in (replace(record, left=70), replace(record, left=90), replace(record, fee_left=1), None):
        overlay = Overlay(world.state)
        overlay.put(f"hold/{found.hex()}", changed)
        with pytest.raises(InvariantBroken):
            check_transaction(overlay, 0, (), "settle")
    account = world.state.get(f"account/{ALICE}")
    assert isinstance(account, Account)
    overlay = Overlay(world.state)
    overlay.put(f"account/{ALICE}", replace(account, holds=2))
    with pytest.raises(InvariantBroken):
        check_transaction(overlay, 0, (), "settle")


# --- accounts ----------------------------------------------------------------------------------------------------------


def test_a_closing_account_pays_out_and_takes_nothing() -> None:
    """Goal: an account can be emptied. Method: closing, a credit, a debit, closed, reopened."""
    world = World(money=100)
    world.open("bank-a/old")
    world.must(pay((MAIN_A, "bank-a/old", 40)), by=BANK_A, sender="bank-a")

    def status(value: str) -> int:
        return world.do(AccountSet("bank-a/old", value, None), by=BANK_A, sender="bank-a").code  # type: ignore[arg-type]

    assert status("closing") == OK
    assert world.do(pay((MAIN_A, "bank-a/old", 1)), by=BANK_A, sender="bank-a").code == 123
    assert status("closed") == 126
    assert world.do(pay(("bank-a/old", MAIN_A, 40)), by=BANK_A, sender="bank-a").code == OK
    assert world.state.get("balance/bank-a/old/KGS") == Balance(0, 0)
    assert status("closed") == OK
    assert world.state.get("balance/bank-a/old/KGS") is None
    assert world.do(pay((MAIN_A, "bank-a/old", 1)), by=BANK_A, sender="bank-a").code == 123
    assert status("closing") == 123
    assert status("open") == OK
    assert world.do(pay((MAIN_A, "bank-a/old", 1)), by=BANK_A, sender="bank-a").code == OK


def test_closing_an_account_sweeps_its_lapsed_holds_first() -> None:
    """Goal: a lapsed hold is no hold. Method: the sweep is behind; the account is closed with only a due hold on it."""
    world = World(make_genesis(params={"sweep_max": 3}), money=100)
    world.open("bank-a/old")
    until = world.time_ms + HOUR_MS
    place(world, 10, until=until)
    world.must(pay((MAIN_A, "bank-a/old", 5)), by=BANK_A, sender="bank-a")
    place(world, 5, until=until + 1, source="bank-a/old")
    world.time_ms = until + 10
    assert world.do(AccountSet("bank-a/old", "closed", None), by=BANK_A, sender="bank-a").code == 126, "its value is still there"
    world = World(make_genesis(params={"sweep_max": 3}), money=100)
    assert world.do(AccountOpen("bank-a/old", "wallet", b"", None, ()), by=BANK_A, sender="bank-a").code == OK
    assert world.do(AccountSet("bank-a/old", "closed", None), by=BANK_A, sender="bank-a").code == OK


def test_an_asset_moves_to_another_issuer_before_it_was_ever_issued() -> None:
    """Goal: L7's accounts follow the issuer. Method: define for the operator, then for the treasury; issue there; then it is fixed."""
    world = World()
    asset = world.state.get("asset/KGS")
    assert isinstance(asset, Asset)
    moved = replace(asset.policy, issuer="treasury")
    world.must(AssetPut(moved), by=[*OPERATOR, *BOARD, *signers("treasury/ops")])
    statuses = {name: world.state.records[f"account/{name}"].status for name in ("operator/contra:KGS", "treasury/contra:KGS")}  # type: ignore[union-attr]
    assert statuses == {"operator/contra:KGS": "closed", "treasury/contra:KGS": "open"}
    world.issue(MAIN_A, 5)
    assert world.balance("treasury/contra:KGS") == (-5, 0)
    world.must(Redeem("KGS", MAIN_A, 5, "", None), by=BANK_A, sender="bank-a")
    assert world.do(AssetPut(asset.policy), by=[*OPERATOR, *BOARD]).code == 133, "once issued, for ever"
