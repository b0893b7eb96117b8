"""Limits of a route (B7): what may be locked now, what waits, and until when. Pure arithmetic, so a quote is the rule itself.

The bucket is kept as one number, the time at which it is full again: an amount costs the time in which as much flows in, rounded up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ledger.bridge_errors import BridgeCap
from ledger.bridges import BridgeRoute
from ledger.dates import local_date
from ledger.types import AMOUNT_MAX

if TYPE_CHECKING:
    from ledger.bridges import RouteLimits
    from ledger.parameters import BlockContext


class Quote(Struct, frozen=True):
    """What a lock would meet at a block time."""

    sign_from_ms: int
    """When attestors may sign it."""
    deadline: int
    """Unix seconds of the public chain: minted by then, or refunded."""
    route: BridgeRoute
    """With the lock counted in its limits and totals."""


def vault_total(route: BridgeRoute) -> int:
    """V, as the totals say: minor units in the vault."""
    return route.terms.opening + route.locked - route.refunded - route.released


def circulated(route: BridgeRoute) -> int:
    """Minor units that can ever have been out there: no more is burned, whatever anybody says."""
    return min(AMOUNT_MAX, route.terms.opening + route.locked - route.refunded)


def quote_lock(route: BridgeRoute, amount: int, context: BlockContext) -> Quote:
    """Say what a lock of an amount meets, and count it.

    Raises
    ------
    BridgeCap
        Below the least or above the most of one lock, more than may be outstanding, than the bucket holds now, or than is left of the day;
        in this order. Where waiting helps, it says until when.

    Source: ledger/README.md, B7.
    """
    limits, now = route.terms.limits, context.time_ms
    if amount < limits.min:
        raise BridgeCap(route=route.id, what="a lock", amount=amount, most=limits.min, when=0)
    if amount > limits.per_lock:
        raise BridgeCap(route=route.id, what="a lock", amount=amount, most=limits.per_lock, when=0)
    total = vault_total(route) + amount
    if total > limits.outstanding or route.locked + route.terms.opening + amount > AMOUNT_MAX:
        raise BridgeCap(route=route.id, what="what would be outstanding", amount=total, most=limits.outstanding, when=0)
    full_ms = max(route.out_full_ms, now) + cost_ms(limits, amount)
    if full_ms - now > limits.bucket_ms:
        wait = full_ms - limits.bucket_ms if amount <= limits.bucket else 0
        raise BridgeCap(route=route.id, what="what passes at once", amount=amount, most=limits.bucket, when=wait)
    counted = on_day(route, now)
    if counted.day_out + amount > limits.day_out:
        raise BridgeCap(route=route.id, what="what is locked in a day", amount=counted.day_out + amount, most=limits.day_out, when=0)
    sign_from = now + (limits.big_delay_ms if amount >= limits.big_amount else 0)
    ttl = route.terms.lock_ttl_ms or context.parameters.lock_ttl
    after = replace(counted, locks=route.locks + 1, locked=route.locked + amount, out_full_ms=full_ms, day_out=counted.day_out + amount)
    return Quote(sign_from, (sign_from + ttl) // 1_000, after)


def released_now(route: BridgeRoute, amount: int, time_ms: int) -> BridgeRoute | None:
    """Route with a release counted; None where it must wait.

    A release always pays in the end (B4): one above what a day or the bucket allows passes alone, on a day that has seen no other, out of a
    full bucket.
    """
    limits = route.terms.limits
    counted = on_day(route, time_ms)
    if counted.day_in and counted.day_in + amount > limits.day_in:
        return None
    full_ms = max(route.in_full_ms, time_ms) + min(cost_ms(limits, amount), limits.bucket_ms)
    if full_ms - time_ms > limits.bucket_ms:
        return None
    return replace(counted, released=route.released + amount, in_full_ms=full_ms, day_in=min(counted.day_in + amount, AMOUNT_MAX))


def cost_ms(limits: RouteLimits, amount: int) -> int:
    """Milliseconds in which as much as an amount flows into the bucket, rounded up."""
    return -(-amount * limits.bucket_ms // limits.bucket)


def on_day(route: BridgeRoute, time_ms: int) -> BridgeRoute:
    """Route whose counts of the day are those of the block's local date."""
    today = local_date(time_ms)
    return route if route.day == today else replace(route, day=today, day_out=0, day_in=0)
