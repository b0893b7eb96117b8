"""Holds with conditions on the small network: locks by a hash, escrow with an arbiter, and the purse of a device."""

from __future__ import annotations

from hashlib import sha256

from ledger.conditions import ANYONE, Arbiter, Device, HashLock, Purse, PurseReceipt, purse_message
from ledger.holds import Hold
from ledger.keys import public_key_of, sign
from ledger.transactions.bodies import AccountOpen, HoldBody, Settle
from tests.ledger.world import ALICE, BOB, DAY_MS, HOUR_MS, World, signers

ALICE_SIGNS, BANK_A, BANK_B = signers(f"{ALICE}/user"), signers("bank-a/ops"), signers("bank-b/ops")
TREASURY = signers("treasury/ops")
SECRET = b"the secret of a lock"
LOCK = HashLock(sha256(SECRET).digest())
DEVICE_SEED = sha256(b"device").digest()
DEVICE_KEY = public_key_of(DEVICE_SEED)
CAFE, KIOSK = "bank-b/cafe", "bank-b/kiosk"
"""Merchants: one that the issuer of KGS has vouched for, one that only its bank calls one."""
CAFE_CLASS, EATERIES = "mcc:5812@operator", "mcc:58*"
BANK_A_MAIN = "bank-a/main"
VALID_MS, GRACE_MS = 10 * DAY_MS, 3 * DAY_MS


def locked(world: World, *, until: int = 0, target: str = BOB, amount: int = 80) -> HoldBody:
    """Lock alice's money for bob by a hash; his bank may let it go."""
    ends = until or world.time_ms + HOUR_MS
    return HoldBody(ALICE, target, "KGS", amount, 0, ends, "", "bank-b", LOCK, "escrow")


def escrow(world: World, *, settle_by: str = "bank-b", void_by: str = "treasury", arbiter: str = "treasury") -> HoldBody:
    """Hold alice's money for bob until the treasury has decided."""
    return HoldBody(ALICE, BOB, "KGS", 80, 0, world.time_ms + HOUR_MS, settle_by, void_by, Arbiter(arbiter), "escrow")


def device(world: World) -> Device:
    """Condition of the purse that the tests carry."""
    return Device(DEVICE_KEY, world.time_ms + VALID_MS, GRACE_MS)


def purse(world: World, amount: int = 100, *, target: str = ANYONE, source: str = ALICE, fee: int = 0) -> HoldBody:
    """Load a purse; the bank revokes it."""
    condition = device(world)
    until = condition.valid_to + condition.grace
    return HoldBody(source, target, "KGS", amount, fee, until, "", "bank-a", condition, "offline")


def place(world: World, body: HoldBody) -> bytes:
    """Place a hold; return its id."""
    own = body.source == ALICE
    by = ALICE_SIGNS if own else signers(f"{body.source.partition('/')[0]}/ops")
    return world.must(body, by=by, sender=ALICE if own else body.source.partition("/")[0]).tx_id


def load(world: World, amount: int = 100, *, target: str = ANYONE, source: str = ALICE, fee: int = 0) -> bytes:
    """Load a purse; return the id of its hold."""
    return place(world, purse(world, amount, target=target, source=source, fee=fee))


def receipt(world: World, found: bytes, counter: int, amount: int, payee: str = BOB, seed: bytes = DEVICE_SEED) -> PurseReceipt:
    """Sign as the device does, offline."""
    return PurseReceipt(counter, payee, sign(seed, purse_message(world.chain, found, counter, payee, amount)))


def bring_in(world: World, found: bytes, counter: int, amount: int, payee: str = BOB) -> int:
    """Settle a receipt as the payee's bank; return the code."""
    body = Settle(found, amount, receipt(world, found, counter, amount, payee))
    return world.do(body, by=BANK_B, sender="bank-b").code


def show(world: World, found: bytes, amount: int, secret: bytes = SECRET) -> int:
    """Settle a lock as the treasury, which has nothing to do with it; return the code."""
    return world.do(Settle(found, amount, secret), by=TREASURY, sender="treasury").code


def kept(world: World, found: bytes) -> Hold:
    """Return the record of a hold that is open."""
    record = world.state.get(f"hold/{found.hex()}")
    if not isinstance(record, Hold):
        raise TypeError("the hold is not open")
    return record


def purse_of(world: World, found: bytes) -> Purse:
    """Return what the record of a purse says of the device."""
    condition = kept(world, found).condition
    if not isinstance(condition, Purse):
        raise TypeError("the hold is no purse")
    return condition


def open_merchants(world: World) -> None:
    """Open the two merchants."""
    by = [*BANK_B, *signers("operator/ops")]
    world.must(AccountOpen(CAFE, "wallet", b"", None, (CAFE_CLASS,)), by=by, sender="bank-b")
    world.must(AccountOpen(KIOSK, "wallet", b"", None, ("mcc:5812",)), by=BANK_B, sender="bank-b")
