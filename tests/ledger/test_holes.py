"""Known holes of other systems, each impossible here; a test per hole, named after it. The ways round a limit: `test_holes_round.py`.

What other systems do is in the first words of each goal; `tests/mutants/holes.py` takes each rule out, and the test of its hole fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.assets import FeeRule
from ledger.codec import decode_transaction, encode_transaction, make_envelope
from ledger.errors import OK, BadSignature, QuorumNotMet
from ledger.fees import fee_of
from ledger.holds import Hold
from ledger.keys import public_key_of
from ledger.orders import OrderRecord
from ledger.transactions.bodies import (
    AccountSet,
    AssetPut,
    Body,
    GrantEnd,
    Issue,
    KeysetPut,
    Leg,
    ParticipantPut,
    Pay,
    Redeem,
    ReturnOf,
    Settle,
    Void,
)
from tests.ledger.backing_world import CODE, TREASURY, USD, BackedWorld, gold_policy
from tests.ledger.cast import BANK_A, BANK_B, BY_ROOT, CONTRA
from tests.ledger.order_cast import LATER_BASIS, OPERATOR, SEIZERS, arrest, lift, order, put, seize
from tests.ledger.people import changed_policy
from tests.ledger.people_cases import COMPLIANCE, TRAVEL, UETR, to_dave
from tests.ledger.world import (
    ALICE,
    BOB,
    DAY_MS,
    FEE_OF_HOLDS,
    HOUR_MS,
    KEYSETS,
    MAIN_A,
    MAIN_B,
    TILL,
    World,
    hold,
    keyset,
    make_genesis,
    pay,
    seed_of,
    signers,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.transactions.bodies import Transaction

ALICE_SIGNS = signers(f"{ALICE}/user")


def balances(world: World) -> dict[str, object]:
    """Return every balance."""
    return {key: record for key, record in world.state.records.items() if key.startswith("balance/")}


def supply(world: World, code: str = "KGS") -> int:
    """Return the supply of an asset."""
    return getattr(world.state.get(f"asset/{code}"), "supply", -1)


def test_hole_issue_without_cap_or_reserve_check() -> None:
    """Goal: USDKG, whoever holds the key of the issuer mints. Method: the whole quorum signs; cap, gold and its facts still decide."""
    world = BackedWorld(policy=replace(gold_policy(), cap=40_000_000 * USD))
    assert world.mint(1) == 162, "nobody has vouched for any gold"
    world.ready()
    assert world.mint(40_000_000 * USD) == OK
    assert world.mint(1) == 160
    world.define(replace(gold_policy(), cap=None))
    assert world.mint(5_269_999 * USD) == OK
    assert world.mint(USD) == 161
    world.time_ms += 31 * DAY_MS
    assert world.mint(1) == 162
    assert supply(world, CODE) == 45_269_999 * USD
    capped = World(make_genesis(cap="500"))
    assert [capped.do(Issue("KGS", MAIN_A, amount, "", None), by=BY_ROOT).code for amount in (501, 500, 1)] == [160, OK, 160]


def test_hole_a_blacklisted_account_that_can_still_receive() -> None:
    """Goal: USDKG, a blacklist stops sending only. Method: every way by which value arrives, at an account that is blocked."""
    world = World(money=1_000)
    held = world.must(hold(MAIN_A, MAIN_B, 10, until=world.time_ms + HOUR_MS, settle_by="bank-a"), by=BANK_A, sender="bank-a").tx_id
    paid = world.must(Pay((Leg(MAIN_B, MAIN_A, "KGS", 9, 0, ""),), "atomic", "", UETR, "", None, None), by=BANK_B, sender="bank-b").tx_id
    put(world, order("both", MAIN_B))
    put(world, arrest(MAIN_A, 5, name="case-2", seize_to=MAIN_B))
    before = world.balance(MAIN_B)
    codes = [
        world.do(pay((MAIN_A, MAIN_B, 1)), by=BANK_A, sender="bank-a").code,
        world.do(pay((MAIN_A, TILL, 1), (MAIN_A, MAIN_B, 1)), by=BANK_A, sender="bank-a").code,
        world.do(hold(MAIN_A, MAIN_B, 1, until=world.time_ms + HOUR_MS), by=BANK_A, sender="bank-a").code,
        world.do(Settle(held, 10, b""), by=BANK_A, sender="bank-a").code,
        world.do(Issue("KGS", MAIN_B, 1, "", None), by=BY_ROOT).code,
        world.do(
            Pay((Leg(MAIN_A, MAIN_B, "KGS", 1, 0, ""),), "atomic", "", None, "", None, ReturnOf(paid, 0)), by=BANK_A, sender="bank-a"
        ).code,
        world.do(seize(MAIN_A, 1, name="case-2"), by=[*OPERATOR, *SEIZERS]).code,
    ]
    each = world.do(pay((MAIN_A, TILL, 1), (MAIN_A, MAIN_B, 1), mode="each"), by=BANK_A, sender="bank-a")
    assert codes == [153] * 7
    assert each.codes == (OK, 153)
    assert world.balance(MAIN_B) == before


def test_hole_a_clawback_that_burns() -> None:
    """Goal: USDKG destroys what it takes from the blacklisted, XRPL claws back into nothing. Method: seize; supply and sum stay."""
    world = World(money=1_000)
    put(world, arrest(MAIN_A, 700, seize_to=TILL))
    total, till = supply(world), world.balance(TILL)[0]
    assert world.do(seize(MAIN_A, 700), by=[*OPERATOR, *SEIZERS]).code == OK
    assert (supply(world), world.balance(TILL)[0], world.balance(MAIN_A)[0]) == (total, till + 700, 300)
    nowhere = arrest(MAIN_B, 5, name="case-2", seize_to=CONTRA)
    assert world.do(nowhere, by=TREASURY, sender="treasury").code == 124
    put(world, arrest(MAIN_B, 5, name="case-3", seize_to=""))
    assert world.do(seize(MAIN_B, 5, name="case-3"), by=[*OPERATOR, *SEIZERS]).code == 182
    for member in (OPERATOR, TREASURY, SEIZERS):
        with pytest.raises(QuorumNotMet, match="bank-b/ops"):
            world.do(Redeem("KGS", MAIN_B, 5, "clawback", None), by=list(dict.fromkeys([*OPERATOR, *member])))


@pytest.mark.parametrize("owner", [*KEYSETS, ALICE])
def test_hole_keys_that_can_never_change(owner: str) -> None:
    """Goal: USDKG, the owner's key is for ever. Method: rotate every keyset of every participant and of an account, twice."""
    world = World(money=100)
    for name, (m, number) in KEYSETS.get(owner, {"user": (1, 1)}).items():
        for turn in (1, 2):
            old = [(owner, name, seed_of(owner, name, number * (turn - 1) + index)) for index in range(m)]
            new = [(owner, name, seed_of(owner, name, number * turn + index)) for index in range(number)]
            by_owner = name in ("ops", "user")
            by = [*old, *new] if by_owner else [*old, *new, current(world, "operator", "ops")]
            body = KeysetPut(owner, keyset(owner, name, m, number, start=number * turn))
            world.must(body, by=by, sender=owner if by_owner else "operator")
            assert [registered(world, each) for each in (*new, *old)] == [True] * len(new) + [False] * len(old)


def registered(world: World, signer: tuple[str, str, bytes]) -> bool:
    """Whether a signer's key stands in a keyset."""
    return world.state.get(f"key/{public_key_of(signer[2]).hex()}") is not None


def current(world: World, owner: str, name: str) -> tuple[str, str, bytes]:
    """Sign with the first of a keyset's keys that counts now."""
    found = ((owner, name, seed_of(owner, name, number)) for number in range(9))
    return next(each for each in found if registered(world, each))


def altered(tx: Transaction, body: Body, *, chain: bytes | None = None, valid_until: int | None = None, sender: str = "") -> Transaction:
    """Put the signatures of one transaction under another envelope."""
    envelope = make_envelope(
        chain=chain or tx.chain,
        sender=sender or tx.sender,
        ref=tx.ref,
        valid_until=valid_until or tx.valid_until,
        salt=(1).to_bytes(16, "big"),
        body=body,
    )
    return decode_transaction(encode_transaction(envelope, tx.signatures))


def test_hole_an_attested_message_that_leaves_out_payee_and_currency() -> None:
    """Goal: Diem, the travel rule's signature named neither. Method: change any word of a payment that the payee's bank has signed."""
    world = World(money=10_000)
    body = to_dave(world)
    tx = world.sign(body, by=[*BANK_A, *COMPLIANCE], sender="bank-a")
    leg = body.legs[0]
    legs = [
        replace(leg, credit=BOB),
        replace(leg, credit="bank-b/dave.2"),
        replace(leg, debit=MAIN_A),
        replace(leg, asset="KGST"),
        replace(leg, amount=801),
        replace(leg, fee=1),
        replace(leg, reference="x"),
    ]
    bodies = [replace(body, legs=(each,)) for each in legs] + [
        replace(body, legs=(leg, leg)),
        replace(body, mode="each"),
        replace(body, purpose="x"),
        replace(body, memo="x"),
        replace(body, uetr=UETR),
        replace(body, travel=(replace(TRAVEL, digest=bytes(32)),)),
        replace(body, travel=(replace(TRAVEL, standard="x"),)),
    ]
    forged = [altered(tx, each) for each in bodies]
    forged += [altered(tx, body, chain=bytes(32)), altered(tx, body, valid_until=tx.valid_until + 1), altered(tx, body, sender="bank-b")]
    assert [verified(each) for each in forged] == [False] * len(forged)
    for each in forged[: len(bodies)]:
        with pytest.raises(BadSignature):
            world.block(each)
    assert world.block(tx)[0].code == OK


def test_hole_matching_by_amount_instead_of_id() -> None:
    """Goal: Diem, a refund is found by its amount. Method: two payments, two holds and two votes alike; each answer names one."""
    world = World(money=1_000)
    alike = Pay((Leg(MAIN_A, MAIN_B, "KGS", 100, 0, ""),), "atomic", "", UETR, "", None, None)
    first, second = (world.must(alike, by=BANK_A, sender="bank-a").tx_id for _ in range(2))
    back = Pay((Leg(MAIN_B, MAIN_A, "KGS", 100, 0, ""),), "atomic", "", None, "", None, None)
    of = [first, first, second, second, bytes(32)]
    codes = [world.do(replace(back, return_of=ReturnOf(each, 0)), by=BANK_B, sender="bank-b").code for each in of]
    assert codes == [OK, 172, OK, 172, 172]
    held = hold(MAIN_A, MAIN_B, 50, until=world.time_ms + HOUR_MS)
    one, other = (world.must(held, by=BANK_A, sender="bank-a").tx_id for _ in range(2))
    world.must(Settle(one, 50, b""), by=BANK_B, sender="bank-b")
    assert world.do(Settle(one, 50, b""), by=BANK_B, sender="bank-b").code == 170
    assert isinstance(world.state.get(f"hold/{other.hex()}"), Hold)
    assert world.balance(MAIN_A)[1] == 50


def unlocking(world: World) -> list[tuple[str, Body, list[tuple[str, str, bytes]], str]]:
    """Everything else that touches a frozen account or those who froze it: what, body, signers, sender."""
    rotated = keyset(ALICE, "user", start=5)
    both = [*BANK_A, *ALICE_SIGNS, (ALICE, "user", seed_of(ALICE, "user", 5))]
    bank = world.state.get("participant/bank-a")
    policy = changed_policy(world, powers=("pause", "seize"))
    return [
        ("closing it", AccountSet(ALICE, "closing", None), BANK_A, "bank-a"),
        ("opening it again", AccountSet(ALICE, "open", None), BANK_A, "bank-a"),
        ("new keys", KeysetPut(ALICE, rotated), list(dict.fromkeys(both)), "bank-a"),
        ("the grant of who froze it", GrantEnd("freeze"), BY_ROOT, "operator"),
        ("its bank as it is", ParticipantPut(bank), OPERATOR, "operator"),  # type: ignore[arg-type]
        ("an asset without the power", AssetPut(policy), BY_ROOT, "operator"),
        ("the operator lifts it", lift(), OPERATOR, "operator"),
        ("its bank lifts it", lift(), BANK_A, "bank-a"),
        ("its user lifts it", lift(), ALICE_SIGNS, ALICE),
    ]


@pytest.mark.parametrize("index", range(9))
def test_hole_a_freeze_lifted_silently(index: int) -> None:
    """Goal: ERC-3643, a recovery or a change of rules thaws. Method: whatever else is done, the order holds and says who ended it."""
    world = World(money=1_000)
    put(world, order("both", ALICE))
    what, body, by, sender = unlocking(world)[index]
    world.do(body, by=by, sender=sender)
    record = world.state.get("order/case-1")
    assert isinstance(record, OrderRecord), what
    assert record.status == "active", what
    assert world.do(pay((ALICE, BOB, 1)), by=[*OPERATOR, current(world, ALICE, "user")]).code == 152, what
    if what != "the grant of who froze it":
        world.must(lift(), by=TREASURY, sender="treasury")
        record = world.state.get("order/case-1")
        assert isinstance(record, OrderRecord)
        assert (record.status, record.ended_by, record.ended_basis) == ("lifted", "treasury", LATER_BASIS)


def too_little(world: World) -> None:
    """Let the second debtor lack funds."""
    world.must(pay((MAIN_B, TILL, 1_000)), by=BANK_B, sender="bank-b")


def blocked(world: World) -> None:
    """Block the second debtor."""
    put(world, order("debit", MAIN_B))


def closed(world: World) -> None:
    """Let the second creditor take nothing."""
    world.must(AccountSet(ALICE, "closing", None), by=BANK_A, sender="bank-a")


@pytest.mark.parametrize("obstacle", [too_little, blocked, closed])
def test_hole_settlement_that_can_stop_after_one_leg(obstacle: Callable[[World], None]) -> None:
    """Goal: Iroha, delivery without payment. Method: two legs of one settlement, the second of which cannot; in either order."""
    world = World(money=1_000)
    obstacle(world)
    before = balances(world)
    legs = (MAIN_A, MAIN_B, 100), (MAIN_B, ALICE, 1_000)
    for made in (legs, legs[::-1]):
        outcome = world.do(pay(*made), by=[*BANK_A, *BANK_B], sender="bank-a")
        assert outcome.code in (150, 152, 123)
        assert outcome.entries == ()
        assert balances(world) == before


def test_hole_reservations_shown_after_expiry() -> None:
    """Goal: TigerBeetle, pending amounts stay until somebody asks. Method: let many holds lapse, sweep few: no check sees one of them.

    What the API shows: `tests/node/test_api_lapsed.py`.
    """
    world = World(make_genesis(params={"sweep_max": 3}), money=1_000)
    until = world.time_ms + HOUR_MS
    made = [world.must(hold(MAIN_A, MAIN_B, 100, until=until), by=BANK_A, sender="bank-a").tx_id for _ in range(9)]
    assert world.do(pay((MAIN_A, TILL, 101)), by=BANK_A, sender="bank-a").code == 150
    world.time_ms = until
    last = max(made)
    assert world.do(Settle(last, 1, b""), by=BANK_B, sender="bank-b").code in (170, 171)
    assert world.do(pay((MAIN_A, TILL, 1_000)), by=BANK_A, sender="bank-a").code == OK
    assert world.balance(MAIN_A) == (0, 0)
    assert [key for key in world.state.records if key.startswith(("hold/", "~held/", "~due/"))] == []


@pytest.mark.parametrize("amounts", [(1_000,), (999, 1), (333, 333, 334), (1,) * 7, (500,)], ids=len)
@pytest.mark.parametrize("ends", [Void, None])
def test_hole_a_fee_that_leaves_residue_in_a_hold(amounts: tuple[int, ...], ends: type[Void] | None) -> None:
    """Goal: XRPL, what rounding leaves stays locked. Method: settle in parts that round, then void or lapse; nothing is held any more."""
    world = World(make_genesis(fees=(FEE_OF_HOLDS,)), money=5_000)
    rule = FeeRule("hold", "wallet", "", 0, 150, 0, 100_000)
    body = hold(ALICE, BOB, 1_000, fee=fee_of(rule, 1_000), until=world.time_ms + HOUR_MS)
    placed = world.must(body, by=ALICE_SIGNS, sender=ALICE).tx_id
    for amount in amounts:
        world.must(Settle(placed, amount, b""), by=BANK_B, sender="bank-b")
    if ends is None:
        world.time_ms += HOUR_MS
        world.block()
    elif sum(amounts) < 1_000:
        world.must(Void(placed), by=BANK_B, sender="bank-b")
    settled = sum(amounts)
    assert world.balance(ALICE) == (5_000 - settled - fee_of(rule, settled), 0)
    assert world.balance("operator/fee:KGS") == (fee_of(rule, settled), 0)
    assert [key for key in world.state.records if key.startswith(("hold/", "~held/"))] == []
