"""Rules of authority: grants, quorums, quotas, separate duties, keysets (L10, L24, L25)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.dates import local_date
from ledger.errors import OK, InvariantBroken, Malformed, QuorumNotMet
from ledger.grant_rules import GRANTS_PER_PERMISSION_MAX
from ledger.grants import GrantRecord, Need, Permission, Quota
from ledger.indexes import put_indexed
from ledger.invariants import check_transaction
from ledger.participants import KeyOwner, Keyset, Participant
from ledger.recovery import record_of
from ledger.state import Mark, Overlay
from ledger.transactions.bodies import AccountOpen, AccountSet, GrantEnd, GrantPut, Issue, KeysetPut, ParticipantPut
from tests.ledger.cast import NEW_BANK
from tests.ledger.world import (
    ALICE,
    BOARD,
    BOB,
    DAY_MS,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    TILL,
    World,
    first_grants,
    grant,
    keyset,
    make_genesis,
    pay,
    seed_of,
    signers,
)

OPERATOR, TREASURY = signers("operator/ops"), signers("treasury/treasury")
BY_ROOT = [*OPERATOR, *BOARD]


def issue(amount: int, to: str = MAIN_A) -> Issue:
    return Issue("KGS", to, amount, "", None)


@pytest.mark.parametrize(
    ("by", "code"),
    [([*OPERATOR, *BOARD], OK), ([*OPERATOR, *TREASURY], OK), ([*OPERATOR, *BOARD, *TREASURY], OK)],
)
def test_l25_any_two_of_the_three_keysets_issue(by: list[tuple[str, str, bytes]], code: int) -> None:
    """Goal: need {2 of board, ops, treasury}. Method: each pair that holds the sender's keyset, and all three."""
    assert World().do(issue(5), by=by).code == code


@pytest.mark.parametrize("by", [OPERATOR, [*OPERATOR, BOARD[0]], [*OPERATOR, *signers("treasury/ops")], BOARD])
def test_l25_fewer_do_not(by: list[tuple[str, str, bytes]]) -> None:
    """Goal: a keyset agrees by its own m, and only those named count. Method: one of two, half a board, a keyset that is not named."""
    world = World()
    with pytest.raises((QuorumNotMet, Malformed)):
        world.do(issue(5), by=by)
    assert world.do(issue(5), by=BY_ROOT).code == OK


def test_l25_a_suspended_participant_does_not_count_in_a_quorum() -> None:
    """Goal: its keysets sign nothing. Method: suspend the treasury; board and ops go on without it."""
    world = World()
    treasury = world.state.get("participant/treasury")
    assert isinstance(treasury, Participant)
    world.must(ParticipantPut(replace(treasury, status="suspended")), by=OPERATOR)
    with pytest.raises(QuorumNotMet):
        world.do(issue(5), by=[*OPERATOR, *TREASURY])
    assert world.do(issue(5), by=BY_ROOT).code == OK


def test_l25_the_first_grant_by_id_whose_need_is_met_is_used() -> None:
    """Goal: one grant, the same on every node. Method: three fitting grants with quotas; see whose quota is charged."""
    grants = [
        *first_grants(),
        grant("a-other", "issue", "bank-b", asset="KGS", quota=Quota(100, "once")),
        grant("b-mine", "issue", "operator", asset="KGS", quota=Quota(100, "once")),
        grant("c-mine", "issue", "operator", asset="KGS", quota=Quota(100, "once")),
    ]
    world = World(make_genesis(grants=grants))
    assert world.do(issue(60), by=OPERATOR).code == OK
    used = {name: world.state.records[f"grant/{name}"].used for name in ("a-other", "b-mine", "c-mine")}  # type: ignore[union-attr]
    assert used == {"a-other": 0, "b-mine": 60, "c-mine": 0}
    assert world.do(issue(60), by=OPERATOR).code == 113, "the grant that is used decides, not the one with room"


def test_l25_root_does_not_stand_in_for_a_grant_that_is_missing() -> None:
    """Goal: root covers what no other permission covers. Method: root's quorum issues without any grant `issue`."""
    grants = [each for each in first_grants() if each.permission != "issue"]
    assert World(make_genesis(grants=grants)).do(issue(5), by=BY_ROOT).code == 112


@pytest.mark.parametrize(
    ("per", "step", "resets"),
    [("once", 40 * DAY_MS, False), ("day", HOUR_MS, False), ("day", DAY_MS, True), ("month", DAY_MS, False), ("month", 31 * DAY_MS, True)],
)
def test_l25_quotas_count_by_business_day_and_month(per: str, step: int, *, resets: bool) -> None:
    """Goal: L25. Method: use the quota up, wait, try again."""
    grants = [*first_grants(), grant("a", "issue", "operator", asset="KGS", quota=Quota(100, per))]  # type: ignore[arg-type]
    world = World(make_genesis(grants=grants))
    world.must(issue(100), by=OPERATOR)
    assert world.do(issue(1), by=OPERATOR).code == 113
    world.time_ms += step
    assert (world.do(issue(100), by=OPERATOR).code == OK) is resets


def test_l2_the_business_day_begins_at_midnight_in_bishkek() -> None:
    """Goal: UTC+6. Method: one millisecond before and at 18:00 UTC, and at a month's end."""
    six_pm = 1_795_024_800_000 - 1_795_024_800_000 % DAY_MS + 18 * HOUR_MS
    assert local_date(six_pm - 1) < local_date(six_pm)
    assert (local_date(0), local_date(18 * HOUR_MS), local_date(30 * DAY_MS + 18 * HOUR_MS)[:7]) == (
        "1970-01-01",
        "1970-01-02",
        "1970-02",
    )
    assert local_date(2**48) == "9999-12-31"


def test_l25_a_quota_per_receiving_participant() -> None:
    """Goal: a grant whose scope names a participant counts for it alone. Method: one grant for bank-a, one for bank-b."""
    grants = [grant("root", "root", "operator")]
    grants += [
        grant(f"i-{name}", "issue", "operator", asset="KGS", participant=name, quota=Quota(100, "day")) for name in ("bank-a", "bank-b")
    ]
    world = World(make_genesis(grants=grants))
    assert world.do(issue(100), by=OPERATOR).code == OK
    assert world.do(issue(1, ALICE), by=OPERATOR).code == 113
    assert world.do(issue(100, MAIN_B), by=OPERATOR).code == OK
    assert world.do(issue(1, TILL), by=OPERATOR).code == 112


@pytest.mark.parametrize("permission", ["attest.reserve", "attest.price"])
@pytest.mark.parametrize("scope", ["KGS", ""])
def test_l10_who_issues_does_not_attest(permission: Permission, scope: str) -> None:
    """Goal: L10 by holder and by seat in the quorum, for one asset and for all. Method: each way to hold both; another bank may."""
    world = World()
    conflicting = [
        grant("new", permission, "operator", asset=scope),
        grant("new", permission, "bank-b", asset=scope, need=Need(1, ("bank-b/ops", "treasury/ops"))),
        grant("new", permission, "treasury", asset=scope, need=Need(1, ("bank-b/ops",))),
    ]
    for each in conflicting[:2]:
        assert world.do(GrantPut(each), by=BY_ROOT).code == 115
    assert world.do(GrantPut(conflicting[2]), by=BY_ROOT).code == 115, "the treasury sits in the quorum of issue"
    assert world.do(GrantPut(grant("new", permission, "bank-b", asset=scope)), by=BY_ROOT).code == OK
    assert world.do(GrantPut(grant("other", "issue", "bank-b", asset="KGS")), by=BY_ROOT).code == 115


def test_l10_a_grant_that_begins_later_counts_from_the_day_it_is_given() -> None:
    """Goal: duties never mix by waiting. Method: an attestor's grant in the future, then the same participant issues."""
    world = World()
    later = replace(grant("new", "attest.price", "bank-b", asset="KGS"), not_before=world.time_ms + DAY_MS)
    world.must(GrantPut(later), by=BY_ROOT)
    assert world.do(GrantPut(grant("other", "issue", "bank-b", asset="KGS")), by=BY_ROOT).code == 115


def test_l10_the_post_state_is_checked_too() -> None:
    """Goal: L12 for duties. Method: write a conflicting grant past the transaction type."""
    world = World()
    overlay = Overlay(world.state)
    put_indexed(overlay, "grant/new", GrantRecord(grant("new", "attest.price", "operator", asset="KGS"), "root", "", 0))
    with pytest.raises(InvariantBroken):
        check_transaction(overlay, 0, (), "grant.put")


def test_l25_the_issuer_names_attestors_but_gives_no_issue() -> None:
    """Goal: one keyset of the central bank cannot get around the quorum of issue. Method: the issuer alone tries both."""
    world = World()
    world.must(GrantPut(grant("audit", "attest.reserve", "bank-b", asset="KGS")), by=OPERATOR)
    record = world.state.get("grant/audit")
    assert isinstance(record, GrantRecord)
    assert record.giver == "operator"
    for permission in ("issue", "root", "register", "wallet"):
        with pytest.raises(QuorumNotMet):
            world.do(GrantPut(grant("more", permission, "operator", asset="KGS")), by=OPERATOR)


@pytest.mark.parametrize(("sender", "by"), [("operator", OPERATOR), ("bank-b", signers("bank-b/ops"))])
def test_l25_giver_and_holder_end_a_grant(sender: str, by: list[tuple[str, str, bytes]]) -> None:
    """Goal: giver, holder or root. Method: the issuer gave it to bank-b; each of them ends it, a third cannot."""
    world = World()
    world.must(GrantPut(grant("audit", "attest.reserve", "bank-b", asset="KGS")), by=OPERATOR)
    with pytest.raises(QuorumNotMet):
        world.do(GrantEnd("audit"), by=signers("bank-a/ops"), sender="bank-a")
    assert world.do(GrantEnd("audit"), by=by, sender=sender).code == OK
    assert world.state.get("grant/audit") is None


def test_invariant_15_an_ended_grant_authorises_nothing() -> None:
    """Goal: control. Method: end the registrar's grant; it registers nobody any more."""
    world = World()
    world.must(GrantEnd("register"), by=BY_ROOT)
    assert world.do(ParticipantPut(NEW_BANK), by=OPERATOR).code == 112


def test_invariant_15_a_lapsed_grant_authorises_nothing_and_is_swept() -> None:
    """Goal: `until` is the first moment at which it is void. Method: the block before, the block at it."""
    world = World()
    until = world.time_ms + 5_000
    world.must(GrantPut(replace(grant("a", "issue", "bank-b", asset="KGS"), until=until)), by=BY_ROOT)
    world.time_ms = until - 1
    assert world.do(issue(1), by=signers("bank-b/ops"), sender="bank-b").code == OK
    world.time_ms = until
    with pytest.raises(QuorumNotMet):
        world.do(issue(1), by=signers("bank-b/ops"), sender="bank-b")
    world.block()
    assert world.state.get("grant/a") is None


def test_grants_of_one_permission_are_limited() -> None:
    """Goal: 127, because they are looked through one by one. Method: as many as there may be, then one more."""
    world = World()
    for index in range(GRANTS_PER_PERMISSION_MAX - 1):
        made = GrantRecord(grant(f"r-{index}", "register", "bank-b"), "root", "", 0)
        world.state.records |= {f"grant/{made.grant.id}": made, f"~grants/register/{made.grant.id}": Mark()}
    assert world.do(GrantPut(grant("more", "register", "bank-b")), by=BY_ROOT).code == 127
    assert world.do(GrantPut(grant("other", "wallet", "bank-b")), by=BY_ROOT).code == OK


def test_a_root_that_can_act_always_remains() -> None:
    """Goal: nobody can lock the ledger for good. Method: end the only root; give a second one first, then end the first."""
    world = World()
    assert world.do(GrantEnd("root"), by=BY_ROOT).code == 112
    world.must(GrantPut(grant("root-2", "root", "operator", need=Need(1, ("operator/board",)))), by=BY_ROOT)
    assert world.do(GrantEnd("root"), by=BY_ROOT).code == OK
    assert world.do(GrantEnd("root-2"), by=BY_ROOT).code == 112


def test_l24_a_participant_rotates_its_own_keyset() -> None:
    """Goal: current keyset and new keys sign beside each other, also as the sender's. Method: rotate, then pay with the old and new key."""
    world = World(money=100)
    new = keyset("bank-b", "ops", start=7)
    new_key = ("bank-b", "ops", seed_of("bank-b", "ops", 7))
    with pytest.raises(QuorumNotMet):
        world.do(KeysetPut("bank-b", new), by=[new_key], sender="bank-b")
    world.must(KeysetPut("bank-b", new), by=[*signers("bank-b/ops"), new_key], sender="bank-b")
    with pytest.raises(QuorumNotMet):
        world.do(pay((MAIN_B, MAIN_A, 1)), by=signers("bank-b/ops"), sender="bank-b")
    assert world.do(pay((MAIN_B, MAIN_A, 1)), by=[new_key], sender="bank-b").code == OK


def test_l24_keys_that_stay_need_not_sign() -> None:
    """Goal: only new keys show that they exist. Method: raise m and add a key; the current quorum and the new key sign."""
    world = World()
    new = keyset("bank-a", "ops", 2, 3)
    third = ("bank-a", "ops", seed_of("bank-a", "ops", 2))
    world.must(KeysetPut("bank-a", new), by=[*signers("bank-a/ops"), third], sender="bank-a")
    assert world.state.get("keyset/bank-a/ops") == record_of(new)
    owners = [key for key, record in world.state.records.items() if isinstance(record, KeyOwner) and record.owner == "bank-a"]
    assert len(owners) == 3


def test_l24_a_new_key_does_not_count_for_the_quorum_it_joins() -> None:
    """Goal: L24. Method: one of two needed keys of the board and a new key bring a keyset in which both stand; then two and the new one."""
    world = World()
    new = keyset("operator", "board", 2, 4)
    fourth = ("operator", "board", seed_of("operator", "board", 3))
    with pytest.raises(QuorumNotMet):
        world.do(KeysetPut("operator", new), by=[*OPERATOR, BOARD[0], fourth])
    assert world.do(KeysetPut("operator", new), by=[*OPERATOR, *BOARD, fourth]).code == OK


def test_l24_a_stranger_cannot_ride_along_with_a_rotation() -> None:
    """Goal: only keys that are brought sign beside the current ones. Method: add another bank's key under the new keyset's name."""
    world = World()
    by = [*signers("bank-b/ops"), ("bank-b", "ops", seed_of("bank-b", "ops", 7)), ("bank-b", "ops", seed_of("bank-a"))]
    with pytest.raises(QuorumNotMet):
        world.do(KeysetPut("bank-b", keyset("bank-b", "ops", start=7)), by=by, sender="bank-b")


def test_l24_a_key_that_left_may_be_registered_again() -> None:
    """Goal: a public key is in one keyset at a time. Method: rotate it out, register it for an account."""
    world = World()
    old, seed = keyset("bank-b", "ops"), seed_of("bank-b")
    new_key = ("bank-b", "ops", seed_of("bank-b", "ops", 7))
    world.must(KeysetPut("bank-b", keyset("bank-b", "ops", start=7)), by=[*signers("bank-b/ops"), new_key], sender="bank-b")
    moved = replace(old, name="user")
    world.must(AccountOpen("bank-b/carol", "wallet", b"", moved, ()), by=[new_key, ("bank-b/carol", "user", seed)], sender="bank-b")


def test_an_account_is_opened_by_its_servicer_whoever_sits_in_the_grant() -> None:
    """Goal: catalogue, type 4. Method: a licence that the operator's keyset meets; the bank still has to sign."""
    licences = [replace(each, need=Need(1, ("operator/ops",))) if each.id == "wallet-bank-a" else each for each in first_grants()]
    world = World(make_genesis(grants=licences))
    body = AccountOpen("bank-a/new", "wallet", b"", None, ())
    with pytest.raises(QuorumNotMet):
        world.do(body, by=OPERATOR)
    assert world.do(body, by=[*OPERATOR, *signers("bank-a/ops")]).code == OK


def test_an_account_changes_the_name_of_its_keyset() -> None:
    """Goal: account.set replaces the keyset whole. Method: another name; the old keyset is gone, the new one pays."""
    world = World(money=100)
    new = keyset(ALICE, "next")
    by = [*signers("bank-a/ops"), *signers(f"{ALICE}/user"), *signers(f"{ALICE}/next")]
    world.must(AccountSet(ALICE, "", new), by=by, sender="bank-a")
    assert world.state.get(f"keyset/{ALICE}/user") is None
    assert world.do(pay((ALICE, BOB, 1)), by=signers(f"{ALICE}/next"), sender=ALICE).code == OK


def test_the_servicer_no_longer_signs_once_an_account_has_its_keyset() -> None:
    """Goal: a user's wallet with a keyset needs the user. Method: bob's bank pays for him, gives him a keyset, and cannot any more."""
    world = World(money=100)
    assert world.do(pay((BOB, ALICE, 1)), by=signers("bank-b/ops"), sender="bank-b").code == OK
    by = [*signers("bank-b/ops"), *signers(f"{BOB}/user")]
    world.must(KeysetPut(BOB, keyset(BOB, "user")), by=by, sender="bank-b")
    with pytest.raises(QuorumNotMet):
        world.do(pay((BOB, ALICE, 1)), by=signers("bank-b/ops"), sender="bank-b")
    assert world.do(pay((BOB, ALICE, 1)), by=signers(f"{BOB}/user"), sender=BOB).code == OK


def test_l24_a_keyset_must_last() -> None:
    """Goal: fewer than m keys within 30 days are refused. Method: one of two keys ends soon: m = 1 passes, m = 2 does not."""
    world = World()
    keys = keyset("bank-b", "board", 2, 2).keys
    ending = replace(keys[0], not_after=world.time_ms + DAY_MS)
    by = [*OPERATOR, *signers("bank-b/board", 2)]
    assert world.do(KeysetPut("bank-b", Keyset("board", 2, (ending, keys[1]), "", 0)), by=by).code == 128
    assert world.do(KeysetPut("bank-b", Keyset("board", 1, (ending, keys[1]), "", 0)), by=by).code == OK


def test_l25_scope_limits_a_root() -> None:
    """Goal: a root over one asset is no root over the ledger. Method: it gives a grant within its scope, not beyond."""
    world = World()
    world.must(GrantPut(grant("root-kgs", "root", "bank-b", asset="KGS")), by=BY_ROOT)
    by = signers("bank-b/ops")
    assert world.do(GrantPut(grant("x", "issue", "bank-b", asset="KGS")), by=by, sender="bank-b").code == OK
    with pytest.raises(QuorumNotMet):
        world.do(GrantPut(grant("y", "register", "bank-b")), by=by, sender="bank-b")
