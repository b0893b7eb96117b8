"""Conditions of holds (L8): what must be shown before held value moves, as the records and the witnesses of a settle say it.

`none`: nothing. `sha256`: a secret, so whoever learns it here can settle on every ledger that holds by the same hash. `arbiter`: somebody
else agrees, too. `device`: receipts that a purse has signed offline.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.canonical import encode
from ledger.classes import MERCHANT, VOUCHED_BY, matches
from ledger.errors import ConditionNotMet
from ledger.keys import verify
from ledger.types import TIME_MS_MAX, AccountText, Hash32, PublicKey, Signature64, Text64, TimeMs

WITNESS_BYTES_MAX = 64
COUNTERS_MAX = 1_024
"""Receipts that one purse can sign."""
COUNTER_BYTES_MAX = COUNTERS_MAX // 8
ANYONE = "*"
"""Target of a purse that may pay every account."""


class HashLock(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="sha256"):
    """Whoever shows the secret settles; the target is fixed, so it does not matter who that is."""

    digest: Hash32
    """SHA-256 of the secret, which has at most 64 bytes."""


class Arbiter(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="arbiter"):
    """Whoever settles needs the agreement of somebody else."""

    by: Text64
    """Participant or account."""


class Device(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="device"):
    """An offline purse: the hold is drawn on by receipts that a device has signed."""

    key: PublicKey
    """Ed25519, of the device."""
    valid_to: TimeMs
    """The device signs nothing from then on, and no payee takes it."""
    grace: Annotated[int, Meta(ge=1, le=TIME_MS_MAX)]
    """Milliseconds that payees have to bring receipts in: after `valid_to`, or after the purse was revoked."""


class Purse(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="device"):
    """A `Device` as the hold keeps it, with what it has seen so far."""

    key: PublicKey
    valid_to: TimeMs
    grace: Annotated[int, Meta(ge=1, le=TIME_MS_MAX)]
    used: Annotated[bytes, Meta(max_length=COUNTER_BYTES_MAX)]
    """A bit per counter, counter 0 the lowest bit of the first byte; without zero bytes at the end."""
    revoked: TimeMs
    """Block time at which the loss was reported; 0: it was not."""


Condition = Literal["none"] | HashLock | Arbiter | Device
"""Of a body."""
Kept = Literal["none"] | HashLock | Arbiter | Purse
"""Of a record: a hold without condition is not a byte longer for those that have one."""


class Payee(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="payee"):
    """Of a hold for a class of accounts: the one that is paid."""

    account: AccountText


class PurseReceipt(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="receipt"):
    """What a device has signed: to whom, and as which of its payments. The amount is that of the settle."""

    counter: Annotated[int, Meta(ge=0, lt=COUNTERS_MAX)]
    payee: AccountText
    signature: Signature64


Witness = Annotated[bytes, Meta(max_length=WITNESS_BYTES_MAX)] | Payee | PurseReceipt
"""Bytes are the secret of a hash lock; empty where nothing has to be shown."""


def purse_message(chain: bytes, hold: bytes, counter: int, payee: str, amount: int) -> bytes:
    """Return what a device signs: 32 bytes of the chain and of the hold's id, the counter, the payee's account, minor units."""
    return b"som/purse/1" + encode((chain, hold, counter, payee, amount))


def kept(condition: Condition) -> Kept:
    """Return a condition as the hold's record begins with it."""
    if isinstance(condition, Device):
        return Purse(condition.key, condition.valid_to, condition.grace, b"", 0)
    return condition


def name_of(condition: Condition | Kept) -> str:
    """Name of a condition, as the specification has it."""
    match condition:
        case HashLock():
            return "sha256"
        case Arbiter():
            return "arbiter"
        case Device() | Purse():
            return "device"
        case "none":
            return "none"


def payee_of(target: str, condition: Kept, witness: Witness) -> str:
    """Account that a settle pays: the hold's own target, or the one that the witness names where the hold is for a class.

    Raises
    ------
    ConditionNotMet
        The witness is not of the form that this hold asks for.

    Source: ledger/README.md, holds.
    """
    fixed = "/" in target
    match condition, witness:
        case Purse(), PurseReceipt(payee=payee) if not fixed or payee == target:
            return payee
        case HashLock(), bytes():
            return target
        case "none" | Arbiter(), Payee(account=account) if not fixed:
            return account
        case "none" | Arbiter(), b"" if fixed:
            return target
        case _:
            raise ConditionNotMet(subject="the settle", condition=_asked(target, condition))


def check_shown(condition: Kept, witness: Witness, signed: tuple[bytes, bytes, int]) -> Kept:
    """Check the secret or the receipt; return the condition as it stands after it. `signed`: chain, hold, amount.

    Raises
    ------
    ConditionNotMet
        The secret is not that of the hash, the receipt is not the device's or was settled before.

    Source: ledger/README.md, holds.
    """
    if isinstance(condition, HashLock) and isinstance(witness, bytes):
        if sha256(witness).digest() != condition.digest:
            raise ConditionNotMet(subject="the settle", condition=f"the secret whose SHA-256 is {condition.digest.hex()}")
    elif isinstance(condition, Purse) and isinstance(witness, PurseReceipt):
        if is_used(condition.used, witness.counter):
            raise ConditionNotMet(subject="the settle", condition=f"a receipt that was not settled yet, as {witness.counter} was")
        chain, hold, amount = signed
        if not verify(condition.key, purse_message(chain, hold, witness.counter, witness.payee, amount), witness.signature):
            raise ConditionNotMet(subject="the settle", condition="the device's signature over chain, hold, counter, payee and amount")
        return Purse(condition.key, condition.valid_to, condition.grace, with_used(condition.used, witness.counter), condition.revoked)
    return condition


def is_used(used: bytes, counter: int) -> bool:
    """Whether a receipt with this counter was settled."""
    place = counter >> 3
    return place < len(used) and bool(used[place] >> (counter & 7) & 1)


def with_used(used: bytes, counter: int) -> bytes:
    """Counters that were settled, with one more."""
    place = counter >> 3
    bits = bytearray(used.ljust(place + 1, b"\x00"))
    bits[place] |= 1 << (counter & 7)
    return bytes(bits)


def used_counters(used: bytes) -> list[int]:
    """Counters that were settled, ascending."""
    return [counter for counter in range(len(used) * 8) if is_used(used, counter)]


def is_of_class(pattern: str, classes: tuple[str, ...], issuer: str) -> bool:
    """Whether an account with these classes is one that a hold for a class may pay.

    As for `receive` of a policy, a bank's own word on a merchant does not count: the issuer of the asset vouches.
    """
    if pattern == ANYONE:
        return True
    return any(matches(pattern, name) for name in classes if not name.startswith(MERCHANT) or name.endswith(VOUCHED_BY + issuer))


def _asked(target: str, condition: Kept) -> str:
    match condition:
        case HashLock():
            return "the secret of its hash"
        case Purse():
            return f"a receipt of the purse, for {target}"
        case _:
            return "no witness" if "/" in target else f"the payee, an account of class {target}"
