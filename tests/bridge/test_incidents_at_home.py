"""One test per loss that bridge.md, section 6, names: what happened there, tried on the ledger and its attestors.

The contract's side of each: `contracts/test_incidents.py`; that none is missing on either side: `test_incident_list.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from bridge.attest import Point
from bridge.chains import ForeignBlock, Seen
from bridge.keccak import keccak256
from bridge.monitor import There, inspect
from bridge.observe import Broken, Progress, observe
from ledger.bridges import ATTESTORS_MAX, ATTESTORS_MIN, Attestor, Burn, Expiry, Mint, Word, threshold_of
from ledger.codec import decode_transaction
from ledger.errors import OK, LedgerError, Malformed, QuorumNotMet
from ledger.keys import tagged
from ledger.transactions.bodies import KeysetPut, ParticipantPut
from ledger.transactions.bridge_bodies import BridgeIn
from tests.ledger.bridge_world import (
    ABROAD,
    BLOCK_HASH,
    BRIDGE,
    LIMITS,
    ROUTE,
    ROUTE_ID,
    SUSPENSE,
    TOKEN,
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
from tests.ledger.cast import BY_ROOT, NEW_BANK, OPERATOR
from tests.ledger.world import HOUR_MS, MAIN_A, MAIN_B, keyset, pay, signers

if TYPE_CHECKING:
    from bridge.abi import Value

NEWCOMERS = tuple(f"bank-{letter}" for letter in "cdefgh")
CLAIMS = 143


def locked_world(amount: int = 500) -> BridgedWorld:
    """Return a route with one lock on it."""
    world = BridgedWorld()
    world.locked(amount)
    return world


def settle_newcomers(world: BridgedWorld) -> None:
    """Register more banks."""
    for name in NEWCOMERS:
        world.must(ParticipantPut(replace(NEW_BANK, id=name)), by=OPERATOR)
        world.must(KeysetPut(name, keyset(name, "ops")), by=[*OPERATOR, *signers(f"{name}/ops")])


def rotate(world: BridgedWorld, *names: str) -> None:
    """Give the route another set of attestors at once."""
    world.time_ms += HOUR_MS
    outcome = world.set(defined(terms=None, status="", attestors=attestors_of(*names), immediate=True))
    if outcome.code:
        raise AssertionError(outcome.detail)


def refused(world: BridgedWorld, body: BridgeIn, by: str) -> bool:
    """Whether a word is not taken: it is unorderable, or has a code."""
    try:
        return world.do(body, by=witness(by)).code != OK
    except LedgerError:
        return True


def test_ronin_2022_a_stale_allow_list_and_few_keys() -> None:
    """Five of nine keys, one of them by a leave that nobody took back. Here: who has left the set has no vote, not even its old one.

    Method: two vote, the set changes to one that has neither; both and a member of the new one are three keys, and move nothing.
    """
    world = locked_world()
    burn = burn_of(1, 100, 100)
    assert world.agree(burn, ("bank-a", "bank-b")) == [OK, OK]
    settle_newcomers(world)
    rotate(world, *NEWCOMERS[:2], "operator", "treasury")
    assert [world.tell(burn, each) for each in ("bank-a", "bank-b", "operator")] == [182, 182, OK]
    assert (world.release_of(1).state, world.balance(VAULT)) == ("observing", (500, 0))
    assert world.word("bank-a", epoch=2).code == 182


def test_ronin_2024_an_uninitialised_threshold_leaves_the_limits() -> None:
    """A threshold of zero after an upgrade let anything pass; limits were the last line. Here none is stored: it follows from the set.

    Method: no set below four and no limit of zero is ever valid; a whole quorum that is rogue takes one bucket, the rest waits.
    """
    for size in range(ATTESTORS_MIN, ATTESTORS_MAX + 1):
        assert 3 * threshold_of(size) > 2 * size
    world = BridgedWorld()
    for attestors in (attestors_of(*WITNESSES[:3]), (Attestor(b"", "bank-a"),)):
        assert not takes_set(world, attestors)
    for name in ("min", "bucket", "bucket_ms", "day_in", "outstanding", "big_amount"):
        with pytest.raises(Malformed):
            world.sign(defined(terms=terms_of(limits=replace(LIMITS, **{name: 0})), attestors=None, status=""), by=BY_ROOT)
    world.limit(day_out=20_000, bucket=20_000, big_amount=10**9)
    for source in (MAIN_A, MAIN_B) * 2:
        world.locked(5_000, source)
    world.limit()
    for nonce in range(1, 6):
        world.agree(burn_of(nonce, 2_000, 2_000 * nonce, MAIN_B))
    assert world.route.released == LIMITS.bucket
    assert [world.release_of(nonce).state for nonce in (3, 4, 5)] == ["released", "waiting", "waiting"]


def takes_set(world: BridgedWorld, attestors: tuple[Attestor, ...]) -> bool:
    """Whether a set may be rotated in."""
    world.time_ms += HOUR_MS
    try:
        return world.set(defined(terms=None, status="", attestors=attestors)).code == OK
    except LedgerError:
        return False


def test_wormhole_2022_an_unverified_verifier() -> None:
    """The caller named the program that said that the signatures were good. Here a word counts by its attestor's own key alone.

    Method: said in an attestor's name by others, by all others together, by nobody; said by one that is none.
    """
    world = locked_world()
    burn = burn_of(1, 100, 100)
    others = [signer for each in WITNESSES[1:] for signer in signers(f"{each}/ops")]
    for by in (OPERATOR, BY_ROOT, others):
        with pytest.raises(QuorumNotMet):
            world.do(BridgeIn(ROUTE, "bank-a", burn), by=by)
    settle_newcomers(world)
    assert world.do(BridgeIn(ROUTE, "bank-c", burn), by=[*OPERATOR, *signers("bank-c/ops")]).code == 182
    assert world.route.burns == 0


def test_nomad_2022_a_zero_root_is_never_valid() -> None:
    """Zero was the value of what had never been proven, and it was accepted as proven.

    Method: zero in each field that names something; facts of locks and routes that are not there yet.
    """
    world = locked_world()
    lock = world.lock_of(1)
    burn, mint, expiry = burn_of(1, 100, 100), fact_of(lock), fact_of(lock, "expiry")
    zeroed: tuple[Burn | Mint | Expiry, ...] = (
        *(replace(burn, **{field: bytes(len(getattr(burn, field)))}) for field in ("route_id", "contract", "tx_hash")),
        replace(burn, contract=b""),
        *(replace(mint, **{field: bytes(len(getattr(mint, field)))}) for field in ("lock_id", "recipient", "tx_hash")),
        replace(expiry, lock_id=bytes(32)),
        replace(expiry, deadline=0),
        replace(mint, nonce=2),
        replace(expiry, nonce=2),
    )
    for fact in zeroed:
        assert refused(world, BridgeIn(ROUTE, "bank-a", fact), "bank-a"), fact
    for word in ({"digest": bytes(32)}, {"epoch": 0}, {"number": 0}):
        with pytest.raises(Malformed):
            world.word("bank-a", **word)
    proposed = BridgedWorld(body=defined(terms=terms_of(bridge=b"", token=b""), status="proposed"))
    assert proposed.tell(replace(burn, contract=b"\x01" * 20), "bank-a") == 123


def test_poly_2021_no_generic_call() -> None:
    """A message could call any function of any contract, and so the one that set the keepers. Here a fact has one of three forms.

    Method: a body whose fact says something else is no transaction; a burn for the bridge's own accounts or the issuer's moves
    nothing there; a lock for the token or the bridge is refused.
    """
    world = locked_world()
    good = world.sign(BridgeIn(ROUTE, "bank-a", burn_of(1, 100, 100)), by=witness("bank-a"))
    assert good.body == BridgeIn(ROUTE, "bank-a", burn_of(1, 100, 100))
    raw = good.raw
    at = raw.index(b"\xa4burn")
    for other in (b"\xa4call", b"\xa4mint", b"\xa3pay" + b"x"):
        with pytest.raises(Malformed):
            decode_transaction(raw[:at] + other[:5] + raw[at + 5 :])
    before = {account: world.balance(account) for account in ("operator/contra:KGS", "operator/fee:KGS")}
    for nonce, to in enumerate((VAULT, SUSPENSE, *before), 1):
        assert world.agree(burn_of(nonce, 10, 10 * nonce, to)) == [OK] * 3
        assert world.release_of(nonce).state == "suspense"
    assert {account: world.balance(account) for account in before} == before
    assert [world.lock(20, recipient=each) for each in (BRIDGE, TOKEN)] == [172, 172]


@pytest.mark.parametrize("size", [4, 5, 7, 10])
def test_harmony_2022_a_thin_threshold(size: int) -> None:
    """Two of five keys were enough. Here more than two thirds say the same, or nothing moves.

    Method: sets of four to ten; all but one of those needed say it, then the last.
    """
    world = locked_world()
    settle_newcomers(world)
    names = (*WITNESSES, *NEWCOMERS)[:size]
    rotate(world, *names)
    needed = 2 * size // 3 + 1
    burn = burn_of(1, 100, 100)
    assert world.agree(burn, names[: needed - 1]) == [OK] * (needed - 1)
    assert (world.release_of(1).state, world.balance(VAULT)) == ("observing", (500, 0))
    assert world.tell(burn, names[needed - 1]) == OK
    assert (world.release_of(1).state, world.balance(VAULT)) == ("released", (400, 0))


def test_multichain_2023_one_custodian() -> None:
    """One person held every key. Here nobody alone moves, mints, refunds or stops anything, and the vault has no key.

    Method: each participant says all that it can alone; one that would attest twice; a payment out of the vault by everybody.
    """
    world = locked_world()
    lock = world.lock_of(1)
    for name in WITNESSES:
        alone = BridgedWorld()
        alone.locked(500)
        assert [alone.tell(each, name) for each in (burn_of(1, 100, 100), fact_of(lock, "expiry"))] == [OK, OK]
        assert [alone.claim(kind, 1, sender=name) for kind in ("release", "refund")] == [191, 172]
        with pytest.raises(QuorumNotMet):
            alone.do(defined(terms=None, attestors=None, status="retired"), by=signers(f"{name}/ops"), sender=name)
        assert (alone.balance(VAULT), alone.route.status) == ((500, 0), "active")
    with pytest.raises(Malformed):
        world.sign(defined(attestors=(*attestors_of(*WITNESSES), Attestor(b"\xff" * 20, "bank-a"))), by=BY_ROOT)
    everybody = [*BY_ROOT, *(signer for each in WITNESSES[:2] for signer in signers(f"{each}/ops"))]
    assert world.do(pay((VAULT, MAIN_A, 1)), by=everybody).code == 124


def test_bnb_token_hub_2022_a_forged_leave_is_bounded() -> None:
    """A forged inclusion proof minted two million. Here even a quorum's false burn is above what could be out there, or is part of it.

    Method: a quorum says 2,000,000 of 500; the route halts by itself and pays nothing, then and after.
    """
    world = locked_world()
    assert world.agree(burn_of(1, 2_000_000, 2_000_000)) == [OK] * 3
    assert (world.route.status, world.route.released, world.balance(VAULT)) == ("halted", 0, (500, 0))
    assert "2000000" in world.route.reason
    assert [world.claim("release", 1), world.tell(burn_of(1, 100, 100), "treasury")] == [131, 131]


def test_messina_2026_one_deposit_and_143_claims() -> None:
    """One deposit was claimed 143 times. Here one burn is paid once, one lock refunded once, whoever says or claims it, with what changed.

    Method: 143 more words and claims on each, of everybody, with other recipients, blocks and transactions.
    """
    world = locked_world()
    lock = world.locked(300, MAIN_B)
    burn = burn_of(1, 100, 100)
    world.agree(burn)
    world.agree(fact_of(lock, "expiry"))
    before = {account: world.balance(account) for account in (VAULT, SUSPENSE, MAIN_A, MAIN_B)}
    assert before[VAULT] == (400, 0)
    for claim in range(CLAIMS):
        by = WITNESSES[claim % 4]
        again = replace(burn, block=9_100 + claim, tx_hash=tagged(b"claim", b"%d" % claim), log_index=claim)
        assert world.tell(again, by) == 190
        assert world.tell(replace(fact_of(lock, "expiry"), block=8_000 + claim), by) == 190
        assert (world.claim("release", 1, sender=by), world.claim("refund", 2, sender=by)) == (190, 190)
    assert {account: world.balance(account) for account in before} == before


@pytest.mark.parametrize("decimals", [0, 6, 8])
def test_usdc_18_decimals_on_bnb_chain(decimals: int) -> None:
    """The same name with 6 decimals at home and 18 there. Here a route has the decimals of its asset, so no amount is ever rounded.

    Method: other decimals than the asset's two are refused, 18 are no route's, and a route's own never change.
    """
    world = BridgedWorld()
    body = defined(id="kgs-eth-1", terms=terms_of(decimals=decimals, route_id=b"\x02" * 32, bridge=b"\xb2" * 20, token=b"\x71" * 20))
    assert world.set(body).code == 124
    with pytest.raises(Malformed):
        world.sign(replace(body, terms=terms_of(decimals=18)), by=BY_ROOT)
    assert world.set(defined(terms=terms_of(decimals=decimals), attestors=None, status="")).code == 133


BLOCK = ForeignBlock(9_001, BLOCK_HASH, 1_800_000_000)


def burned(nonce: int, amount: int, cumulative: int) -> Seen:
    """Event of a burn, as a provider shows it."""
    burn = burn_of(nonce, amount, cumulative)
    body = burn.recipient[:28]
    fields: dict[str, Value] = {
        "nonce": nonce,
        "from": "0x" + ABROAD.hex(),
        "ledgerRecipient": body + keccak256(body)[:4],
        "amount": amount,
        "cumulativeBurned": cumulative,
    }
    return Seen("Burned", fields, BLOCK, burn.tx_hash, nonce)


def test_hyperbridge_and_verus_2026_nothing_is_released_on_the_word_of_a_proof() -> None:
    """Forged proofs of inclusion. Here nobody brings a proof: attestors look themselves, and cumulative totals bound even what is forged.

    Method: a provider that forges a burn is found out by its totals; a whole quorum's forged burn is refused by the ledger's; a contract
    that was told too much is seen before anything is minted.
    """
    started = Progress(9_000, BLOCK_HASH, 0, 0, 0)
    seen = observe(ROUTE, terms_of(), started, [burned(1, 100, 100)], BLOCK)
    assert seen.progress.burned == 100
    for forged in ([burned(1, 100, 5_100)], [burned(2, 100, 100)], [burned(1, 0, 0)], [burned(1, 100, 100), burned(2, 100, 100)]):
        with pytest.raises(Broken):
            observe(ROUTE, terms_of(), started, forged, BLOCK)
    for amount, cumulative in ((100, 400), (501, 501), (500, 499 + 500)):
        world = locked_world()
        world.agree(burn_of(1, amount, cumulative))
        assert (world.route.status, world.route.released) == ("halted", 0)
    world = locked_world()
    there = There(
        at=BLOCK,
        route_id=ROUTE_ID,
        token="0x" + TOKEN.hex(),
        opening=0,
        minted=0,
        burned=0,
        attested_locked=2**90,
        attested_refunded=0,
        headroom=2**90,
        supply=0,
        others=0,
    )
    (sentence,) = inspect(world.route, Point(world.height, BLOCK_HASH, BLOCK.time * 1_000), there, burns_to=0).broken
    assert "more than there ever was" in sentence


def test_gravity_no_executed_field_is_left_out() -> None:
    """Fields that were executed and not signed were a recurring hole. Here an attestor that says one field otherwise says something else.

    Method: two say a fact, the third the same with one field changed, each field of all three facts in turn: it is refused or decides
    nothing. Of an expiry the block is evidence that two may name differently (B3), and nothing of it is executed.
    """
    kinds = ("burn", "mint", "expiry")
    decided = set()
    for kind in kinds:
        for field in {"burn": Burn, "mint": Mint, "expiry": Expiry}[kind].__struct_fields__:
            world = locked_world()
            lock = world.lock_of(1)
            fact = burn_of(1, 100, 100) if kind == "burn" else fact_of(lock, kind)
            world.agree(fact, ("bank-a", "bank-b"))
            other = replace(fact, **{field: changed(getattr(fact, field))})
            refused(world, BridgeIn(ROUTE, "operator", other), "operator")
            if (world.route.released, world.route.minted, world.route.refunded) != (0, 0, 0):
                decided.add((kind, field))
    assert decided == {("expiry", field) for field in ("block", "block_hash", "block_time")}
    word = Word("checkpoint", 1, 1, BLOCK_HASH, b"\x51" * 65)
    assert set(word.__struct_fields__) == {"what", "epoch", "number", "digest", "signature"}, "nothing of a signature is executed here"


def changed(value: object) -> object:
    """Return another value of the same form."""
    return bytes([value[0] ^ 1]) + value[1:] if isinstance(value, bytes) else value + 1 if isinstance(value, int) else value
