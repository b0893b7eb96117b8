"""Conditions of holds in the whole model: secrets, arbiters, classes of payees, and purses whose receipts come in any order."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from tests.naive_books import Books, Plain, Refused, changed, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

BAD_KEY, CONDITION = 128, 172


def needs_agreement(books: Books, source: Plain, target: Plain, policy: Plain, amount: int) -> bool:
    """Whether the target's servicer agrees to so much between customers of different participants."""
    apart = books.servicer(source.id) != books.servicer(target.id)
    return bool(apart and source.kind == target.kind == "wallet" and 0 < policy.travel_min <= amount)


def kept(books: Books, condition: Plain | str) -> Plain | str:
    """Return a condition as the hold keeps it; a device has a key of its own."""
    if not isinstance(condition, Plain) or not hasattr(condition, "grace"):
        return condition
    if books.get(f"key/{condition.key.hex()}"):
        raise Refused(BAD_KEY)
    return changed(condition, used=b"", revoked=0)


def payee_of(hold: Plain, witness: Plain | bytes) -> str:
    """Account that a settle pays; the witness has the form that the hold asks for."""
    fixed, condition = "/" in hold.target, hold.condition
    named = getattr(witness, "payee", getattr(witness, "account", ""))
    if hasattr(condition, "grace"):
        right = hasattr(witness, "payee") and (not fixed or named == hold.target)
    elif hasattr(condition, "digest"):
        right = isinstance(witness, bytes)
    else:
        right = witness == b"" if fixed else hasattr(witness, "account")
    if not right:
        raise Refused(CONDITION)
    return str(named or hold.target)


def counters(used: bytes) -> list[int]:
    """Counters that were settled."""
    number = int.from_bytes(used, "little")
    return [place for place in range(number.bit_length()) if number >> place & 1]


def shown(hold: Plain, target: Plain, policy: Plain, witness: Plain | bytes) -> Plain | str:
    """Check the secret or receipt, and that a payee of a class is of it; return the condition as it is then."""
    condition: Plain | str = hold.condition
    if hasattr(condition, "digest") and isinstance(witness, bytes) and sha256(witness).digest() != condition.digest:
        raise Refused(CONDITION)
    if isinstance(condition, Plain) and hasattr(condition, "grace") and isinstance(witness, Plain):
        known = counters(condition.used)
        if witness.counter in known or not witness.genuine:
            raise Refused(CONDITION)
        number = sum(1 << place for place in [*known, witness.counter])
        condition = changed(condition, used=number.to_bytes(-(-number.bit_length() // 8), "little"))
    if "/" not in hold.target and (target.id == hold.source or not _is_of(hold.target, target.classes, policy.issuer)):
        raise Refused(CONDITION)
    return condition


def _is_of(pattern: str, classes: Sequence[str], issuer: str) -> bool:
    """Whether classes fit a pattern; a bank's own word on a merchant does not count."""
    names = [name for name in classes if not name.startswith("mcc:") or name.endswith(f"@{issuer}")]
    return pattern == "*" or any(matches(pattern, name) for name in names)


def revoked(books: Books, hold: Plain) -> Plain:
    """Return a purse whose loss was reported: it ends after its grace."""
    if hold.condition.revoked:
        raise Refused(CONDITION)
    until = min(hold.until, books.now + hold.condition.grace)
    return changed(hold, until=until, condition=changed(hold.condition, revoked=books.now))
