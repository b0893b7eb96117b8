"""Locks, burns, refunds and claims (bridge.md B3 to B7, B13): a threshold decides on all of it, and nothing is stuck."""

from __future__ import annotations

from hashlib import sha256

import pytest
from msgspec.structs import replace

from ledger.bridge_limits import cost_ms, quote_lock, released_now
from ledger.bridges import Attestor, Burn, Expiry, Mint, digest_of, foreign_index, lock_id_of, lock_index, threshold_of
from ledger.errors import OK, Malformed
from ledger.indexes import account_of_recipient, recipient_of
from ledger.state import Overlay
from ledger.transactions.bodies import AccountSet, HoldBody, Pay
from ledger.transactions.bridge_bodies import BridgeIn, BridgeOut
from tests.ledger.bridge_world import (
    ABROAD,
    BIG_DELAY_MS,
    BLOCK_HASH,
    LIMITS,
    ROUTE,
    ROUTE_ID,
    SUSPENSE,
    VAULT,
    WITNESSES,
    BridgedWorld,
    attestors_of,
    burn_of,
    defined,
    fact_of,
    terms_of,
    witness,
)
from tests.ledger.cast import BANK_A, OPERATOR
from tests.ledger.order_cast import order, put
from tests.ledger.people import CAROL_A, alter, settle_in
from tests.ledger.people import LIMITS as TIERS
from tests.ledger.world import ALICE, DAY_MS, MAIN_A, MAIN_B, START_MS, TILL, hold, pay

EVERY = len(WITNESSES)


def other(value: object) -> object:
    """Make another value of the same form."""
    return bytes([value[0] ^ 1]) + value[1:] if isinstance(value, bytes) else value + 1 if isinstance(value, int) else value


BURN = burn_of(1, 100, 100)
MINT = Mint(1, BLOCK_HASH, ABROAD, 100, 6_000, BLOCK_HASH, BLOCK_HASH, 3)
EXPIRY = Expiry(1, BLOCK_HASH, 9_000, 7_000, BLOCK_HASH, 9_001)


@pytest.mark.parametrize("fact", [BURN, MINT], ids=["burn", "mint"])
def test_b3_every_field_of_a_fact_is_in_its_digest(fact: Burn | Mint) -> None:
    """Goal: missing fields were the recurring hole elsewhere. Method: change each field in turn and expect another digest."""
    digest = digest_of(ROUTE_ID, fact)
    for field in fact.__struct_fields__:
        assert digest_of(ROUTE_ID, replace(fact, **{field: other(getattr(fact, field))})) != digest, field
    assert digest_of(BLOCK_HASH, fact) != digest


def test_b3_of_an_expiry_the_block_is_evidence_only() -> None:
    """Goal: no two attestors need name the same block. Method: fields of the block change nothing, all others do."""
    digest = digest_of(ROUTE_ID, EXPIRY)
    same = {
        field
        for field in EXPIRY.__struct_fields__
        if digest_of(ROUTE_ID, replace(EXPIRY, **{field: other(getattr(EXPIRY, field))})) == digest
    }
    assert same == {"block", "block_hash", "block_time"}


@pytest.mark.parametrize(("attestors", "threshold"), [(4, 3), (5, 4), (6, 5), (7, 5), (10, 7), (34, 23)])
def test_b9_the_threshold_is_more_than_two_thirds(attestors: int, threshold: int) -> None:
    """Goal: floor(2n/3) + 1. Method: the numbers by hand."""
    assert threshold_of(attestors) == threshold


def test_b3_votes_that_differ_decide_nothing() -> None:
    """Goal: two digests with two votes each move nothing; who changes its word decides. Method: four attestors, one field apart."""
    world = BridgedWorld()
    world.locked(500)
    first, second = burn_of(1, 100, 100), burn_of(1, 100, 100, MAIN_B)
    assert world.agree(first, ("bank-a", "bank-b")) + world.agree(second, ("operator", "treasury")) == [OK] * EVERY
    assert (world.route.burns, world.release_of(1).state, world.release_of(1).burn) == (0, "observing", None)
    assert world.tell(second, "treasury") == 190, "the same word again"
    assert world.tell(first, "treasury") == OK
    assert (world.release_of(1).state, world.release_of(1).account, world.balance(VAULT)) == ("released", MAIN_A, (400, 0))


def test_b3_who_has_changed_its_word_counts_for_the_new_one_alone() -> None:
    """Goal: one vote each. Method: the first of three takes its word back; two are no threshold, and it may come back."""
    world = BridgedWorld()
    world.locked(500)
    first, second = burn_of(1, 100, 100), burn_of(1, 100, 100, MAIN_B)
    assert [world.tell(first, "treasury"), world.tell(second, "treasury"), *world.agree(first, ("bank-a", "bank-b"))] == [OK] * 4
    assert world.release_of(1).state == "observing"
    assert (world.tell(first, "treasury"), world.release_of(1).account) == (OK, MAIN_A)


def test_b4_one_burn_is_paid_once_however_often_it_is_said() -> None:
    """Goal: one deposit, 143 claims (Messina 2026). Method: after the threshold every further word is 190 and moves nothing."""
    world = BridgedWorld()
    world.locked(500)
    assert world.agree(burn_of(1, 100, 100)) == [OK] * 3
    before = world.balance(MAIN_A)
    for by in WITNESSES:
        assert world.tell(burn_of(1, 100, 100), by) == 190
        assert world.tell(burn_of(1, 100, 100, MAIN_B), by) == 190
    assert world.claim("release", 1) == 190
    assert (world.balance(MAIN_A), world.route.released) == (before, 100)


def test_b6_burns_are_taken_in_their_order() -> None:
    """Goal: contiguous nonces. Method: the third is agreed first, the first last; all are paid by the last word, 65 ahead is refused."""
    world = BridgedWorld()
    world.locked(1_000)
    burns = [burn_of(1, 10, 10), burn_of(2, 20, 30), burn_of(3, 30, 60)]
    for burn in (burns[2], burns[1]):
        world.agree(burn)
        assert (world.release_of(burn.nonce).state, world.route.burns) == ("agreed", 0)
    assert world.tell(burn_of(65, 1, 1_000), "bank-a") == 191
    world.agree(burns[0])
    assert [world.release_of(nonce).state for nonce in (1, 2, 3)] == ["released"] * 3
    assert (world.route.burns, world.route.burned, world.route.released) == (3, 60, 60)


@pytest.mark.parametrize(("amount", "cumulative"), [(10, 20), (501, 501)], ids=["a gap", "more than was locked"])
def test_b6_what_a_quorum_says_and_cannot_be_halts_the_route(amount: int, cumulative: int) -> None:
    """Goal: R <= B <= what could be out there, whoever is rogue. Method: a whole quorum says a false total; nothing is paid."""
    world = BridgedWorld()
    world.locked(500)
    assert world.agree(burn_of(1, amount, cumulative)) == [OK] * 3
    assert (world.route.status, world.route.burned, world.balance(VAULT)) == ("halted", 0, (500, 0))
    assert world.route.reason
    assert world.lock(20) == 131
    assert world.tell(burn_of(1, 10, 10), "treasury") == 131


def test_b4_a_release_that_nobody_can_take_goes_to_suspense_and_is_claimed() -> None:
    """Goal: nothing is dropped. Method: an unknown account, a closed one, a blocked one; R counts each; owner and operator claim."""
    world = BridgedWorld()
    world.locked(900)
    world.open("bank-b/till")
    world.must(AccountSet("bank-b/till", "closing", None), by=witness("bank-b"))
    put(world, order("credit", MAIN_B))
    for nonce, to in enumerate(("bank-x/nobody", "bank-b/till", MAIN_B, VAULT, "operator/fee:KGS"), 1):
        assert world.agree(burn_of(nonce, 100, 100 * nonce, to)) == [OK] * 3
        assert world.release_of(nonce).state == "suspense"
    assert (world.balance(SUSPENSE), world.route.released, world.balance(VAULT)) == ((500, 0), 500, (400, 0))
    assert world.claim("suspense", 1, TILL) == OK
    assert world.claim("suspense", 1, TILL) == 190
    assert world.claim("suspense", 3, MAIN_B) == 153
    assert (world.balance(SUSPENSE), world.release_of(1).account) == ((400, 0), TILL)


def test_b4_a_holder_that_may_not_have_so_much_is_paid_from_suspense_later() -> None:
    """Goal: limits of people hold on this way too. Method: a tier of 299; a release of 300 goes to suspense, one of 299 is paid."""
    world = BridgedWorld()
    settle_in(world)
    world.locked(900)
    alter(world, limits=(replace(TIERS[0], balance_max=299), *TIERS[1:]))
    world.agree(burn_of(1, 300, 300, CAROL_A))
    world.agree(burn_of(2, 299, 599, CAROL_A))
    assert [world.release_of(nonce).state for nonce in (1, 2)] == ["suspense", "released"]
    assert world.balance(CAROL_A) == (299, 0)


def test_l21_vault_and_suspense_take_part_in_nothing_else() -> None:
    """Goal: one door. Method: pay, hold, order and account.set from and to both."""
    world = BridgedWorld()
    world.locked(500)
    world.agree(burn_of(1, 100, 100, "bank-x/nobody"))
    for account in (VAULT, SUSPENSE):
        assert world.do(pay((account, MAIN_A, 1)), by=OPERATOR).code == 124
        assert world.do(pay((MAIN_A, account, 1)), by=[*OPERATOR, *BANK_A]).code == 124
        assert world.do(hold(account, MAIN_A, 1, until=world.time_ms + DAY_MS), by=OPERATOR).code == 124
        assert world.do(order("debit", account, name=account[-9:]), by=[*OPERATOR, *witness("treasury")[1:]]).code == 124
        assert world.do(AccountSet(account, "closed", None), by=OPERATOR).code == 124
    put(world, order("both", "operator", scope="participant"))
    assert world.claim("suspense", 1, MAIN_A) == OK, "an order on the issuer does not reach them"


@pytest.mark.parametrize("kind", ["mint", "expiry"])
def test_b5_a_lock_ends_once_by_what_a_quorum_saw(kind: str) -> None:
    """Goal: minted or refunded, never both. Method: either is agreed; every word on it afterwards is 190, and a refund is no claim."""
    world = BridgedWorld()
    lock = world.locked(500)
    assert world.claim("refund", 1) == 172
    assert world.agree(fact_of(lock, kind), ("bank-a", "bank-b")) == [OK, OK]
    assert world.lock_of(1).state == "locked"
    assert world.tell(fact_of(lock, kind), "operator") == OK
    assert world.lock_of(1).state == ("minted" if kind == "mint" else "refunded")
    assert world.tell(fact_of(lock, "expiry"), "treasury") == 190
    assert world.claim("refund", 1) == 190
    assert world.balance(MAIN_A) == (9_500 if kind == "mint" else 10_000, 0)


def test_b5_the_ledgers_own_clock_refunds_nothing() -> None:
    """Goal: the public chain's clock decides. Method: a year passes without a word."""
    world = BridgedWorld()
    lock = world.locked(500)
    world.time_ms += 365 * DAY_MS
    assert world.claim("refund", 1) == 172
    assert world.agree(fact_of(lock)) == [OK] * 3
    assert world.lock_of(1).state == "minted"


def test_b5_a_refund_waits_for_an_account_that_takes_it() -> None:
    """Goal: nothing is lost, and anyone may trigger it. Method: the account is blocked while the lock expires, then is not."""
    world = BridgedWorld()
    lock = world.locked(500, MAIN_B)
    put(world, order("credit", MAIN_B, until=world.time_ms + 60_000))
    world.agree(fact_of(lock, "expiry"))
    assert (world.lock_of(1).state, world.route.refunded, world.claim("refund", 1, sender="bank-a")) == ("expired", 0, 153)
    world.time_ms += 60_000
    assert world.claim("refund", 1, sender="bank-a") == OK
    assert (world.lock_of(1).state, world.route.refunded, world.balance(VAULT), world.balance(MAIN_B)) == (
        "refunded",
        500,
        (0, 0),
        (10_000, 0),
    )


def test_l18_a_refund_above_the_tier_goes_to_the_servicer() -> None:
    """Goal: as of an unwrap. Method: a holder locks, its tier shrinks, the lock expires: the excess is on the bank's settlement account."""
    world = BridgedWorld()
    settle_in(world)
    world.issue(CAROL_A, 600)
    lock = world.locked(500, CAROL_A)
    alter(world, limits=(replace(TIERS[0], balance_max=150), *TIERS[1:]))
    world.agree(fact_of(lock, "expiry"))
    assert (world.balance(CAROL_A), world.balance(MAIN_A), world.lock_of(1).state) == ((150, 0), (10_450, 0), "refunded")


def test_b8_a_mint_of_what_was_refunded_halts_the_route() -> None:
    """Goal: the bridge's one inequality is broken there: nothing more happens here. Method: a quorum sees both."""
    world = BridgedWorld()
    lock = world.locked(500)
    world.agree(fact_of(lock, "expiry"))
    assert world.agree(fact_of(lock)) == [OK] * 3
    assert (world.route.status, world.route.minted, world.lock_of(1).state) == ("halted", 0, "refunded")
    assert "minted" in world.route.reason


def test_b7_the_bucket_fills_again_evenly() -> None:
    """Goal: at most a bucket at once. Method: two locks empty it, a third waits until just as much has come in."""
    world = BridgedWorld()
    world.limit(bucket=1_000, per_lock=1_000, day_out=8_000)
    assert [world.lock(600), world.lock(400), world.lock(10)] == [OK, OK, 192]
    assert cost_ms(replace(LIMITS, bucket=7, bucket_ms=10), 1) == 2
    world.time_ms += cost_ms(replace(LIMITS, bucket=1_000), 100)
    assert [world.lock(100), world.lock(100)] == [OK, 192]


def test_b7_a_day_ends_at_midnight_in_bishkek() -> None:
    """Goal: day_out counts a local date. Method: fill it, wait a day."""
    world = BridgedWorld()
    world.limit(day_out=5_000, bucket=8_000, big_amount=10**6)
    assert [world.lock(5_000), world.lock(10)] == [OK, 192]
    world.time_ms += DAY_MS
    assert world.lock(10) == OK


def test_b7_big_amounts_wait_at_home_and_the_quote_says_so() -> None:
    """Goal: attestors sign a big lock later, a big burn is paid later. Method: compare the quote with what happens."""
    world = BridgedWorld()
    quote = quote_lock(world.route, 3_000, world.context())
    lock = world.locked(3_000)
    assert (lock.sign_from_ms, lock.deadline) == (quote.sign_from_ms, quote.deadline)
    assert lock.sign_from_ms == world.time_ms - 1_000 + BIG_DELAY_MS
    assert lock.deadline == (lock.sign_from_ms + 7 * DAY_MS) // 1_000
    assert world.word("bank-a", what="mint", number=1).code == 172
    world.agree(burn_of(1, 3_000, 3_000))
    world.locked(500)
    world.agree(burn_of(2, 100, 3_100))
    assert [world.release_of(nonce).state for nonce in (1, 2)] == ["waiting", "released"], "the next one goes on"
    assert (world.route.burned, world.route.released, world.claim("release", 1)) == (3_100, 100, 172)
    world.time_ms += BIG_DELAY_MS
    assert world.word("bank-a", what="mint", number=1).code == OK
    assert world.claim("release", 1, sender="bank-b") == OK
    assert (world.route.released, world.release_of(1).state) == (3_100, "released")


def test_b7_a_release_above_a_whole_day_passes_alone() -> None:
    """Goal: B4, it always pays. Method: a limit far below the burn: nothing else that day, then it goes whole."""
    world = BridgedWorld()
    world.limit(big_amount=10**9, day_in=100, outstanding=20_000)
    world.locked(2_000)
    world.agree(burn_of(1, 50, 50))
    world.agree(burn_of(2, 1_500, 1_550))
    assert ([world.release_of(nonce).state for nonce in (1, 2)], world.claim("release", 2)) == (["released", "waiting"], 192)
    world.time_ms += DAY_MS
    assert world.claim("release", 2) == OK
    assert released_now(world.route, 1, world.time_ms) is None


def test_b7_a_release_above_the_bucket_takes_a_full_one() -> None:
    """Goal: B4, it always pays. Method: the bucket shrinks below a burn after the lock; it passes once the bucket is full."""
    world = BridgedWorld()
    world.locked(2_000)
    world.limit(big_amount=10**9, bucket=1_000, per_lock=1_000)
    world.agree(burn_of(1, 50, 50))
    world.agree(burn_of(2, 1_500, 1_550))
    assert ([world.release_of(nonce).state for nonce in (1, 2)], world.claim("release", 2)) == (["released", "waiting"], 192)
    world.time_ms += DAY_MS // 20
    assert world.claim("release", 2) == OK


def test_b13_a_recipient_is_found_by_28_bytes() -> None:
    """Goal: the checksum is the contract's. Method: settlement and wallet accounts are found, others are not; the prefix is SHA-256."""
    world = BridgedWorld()
    overlay = Overlay(world.state)
    for account in (MAIN_A, ALICE):
        named = recipient_of(account)
        assert named == sha256(b"som/ref/1" + account.encode()).digest()[:28]
        assert account_of_recipient(overlay, named + b"any.") == account
    for account in (VAULT, "operator/contra:KGS", "bank-x/nobody"):
        assert account_of_recipient(overlay, recipient_of(account) + bytes(4)) == ""


def test_b13_suspense_is_found_by_nobody_who_burns() -> None:
    """Goal: a burn for the suspense account itself lies there, to be claimed. Method: name it as the recipient."""
    world = BridgedWorld()
    world.locked(500)
    world.agree(burn_of(1, 100, 100, SUSPENSE))
    assert (world.release_of(1).state, world.claim("suspense", 1, MAIN_A)) == ("suspense", OK)


def test_a_transfer_is_found_from_the_other_chain() -> None:
    """Goal: one status by a transaction hash alone. Method: lock id, hash of the mint, hash of the burn lead to their records."""
    world = BridgedWorld()
    lock = world.locked(500)
    mint, burn = fact_of(lock), burn_of(1, 100, 100)
    assert isinstance(mint, Mint)
    world.agree(mint)
    world.agree(burn)
    assert lock.lock_id == lock_id_of(ROUTE_ID, 1, 500, 500, ABROAD)
    assert world.state.scan(lock_index(lock.lock_id), lock_index(lock.lock_id) + "~", 9) == [f"{lock_index(lock.lock_id)}{ROUTE}/1"]
    for tx_hash, kind in ((mint.tx_hash, "lock"), (burn.tx_hash, "release")):
        start = foreign_index(tx_hash)
        assert world.state.scan(start, start + "~", 9) == [f"{start}{kind}/{ROUTE}/1"]


@pytest.mark.parametrize(
    "body",
    [
        BridgeOut("KGS", MAIN_A, 5, ROUTE, bytes(20)),
        BridgeOut("KGS", MAIN_A, 5, ROUTE, b"\x41" + bytes(20)),
        BridgeOut("KGS", MAIN_A, 5, ROUTE, b""),
        BridgeOut("KGS", MAIN_A, 5, "Route", ABROAD),
        BridgeIn(ROUTE, "bank-a", replace(BURN, route_id=bytes(32))),
        BridgeIn(ROUTE, "bank-a", replace(BURN, tx_hash=bytes(32))),
        BridgeIn(ROUTE, "bank-a", replace(BURN, cumulative=99)),
        BridgeIn(ROUTE, "bank-a", replace(EXPIRY, block_time=9_000)),
        defined(terms=terms_of(route_id=bytes(32))),
        defined(terms=terms_of(token=bytes(20))),
        defined(terms=terms_of(limits=replace(LIMITS, min=5_001))),
        defined(terms=None, attestors=None, status=""),
        defined(attestors=attestors_of(*WITNESSES[:3])),
        defined(attestors=attestors_of(*WITNESSES)[::-1]),
        defined(attestors=(*attestors_of(*WITNESSES), Attestor(b"\xff" * 20, "bank-a"))),
    ],
)
def test_nothing_zero_or_empty_is_ever_valid(body: object) -> None:
    """Goal: zero roots, zero thresholds and zero recipients opened others' bridges (Nomad, Ronin 2024). Method: form refuses each."""
    world = BridgedWorld()
    with pytest.raises(Malformed):
        world.sign(body, by=OPERATOR)  # type: ignore[arg-type]


def test_a_lock_is_a_debit_like_any_other() -> None:
    """Goal: the owner signs, an arrest and the hold of another purpose stand before it. Method: hold most of it, lock the rest."""
    world = BridgedWorld()
    body: HoldBody | Pay = hold(MAIN_A, MAIN_B, 9_500, until=START_MS + DAY_MS)
    world.must(body, by=[*OPERATOR, *BANK_A])
    assert [world.lock(501), world.lock(500)] == [150, OK]
    assert world.balance(MAIN_A) == (9_500, 9_500)
