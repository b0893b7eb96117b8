"""Whether both sides of a route add up (B1, B8). PURE: what the ledger says, what a final block says, and what of it cannot be.

The two are never of one moment, so each sum compares what was read in the order in which it can only err to the safe side: first the chain,
at a final block, then the ledger. Where one of them is behind the other the comparison waits (`behind`); it does not cry wolf.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.attest import address_of
from bridge.chains import ForeignBlock
from bridge.observe import AMOUNT_MAX, Broken
from ledger.bridge_limits import vault_total
from ledger.orders import Order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.abi import Value
    from bridge.attest import Point
    from ledger.bridges import BridgeRoute, Lock, Release

REASON_CHARACTERS_MAX: Final = 140
"""Of a reason on a route's record."""
PAUSE_MS: Final = 3_600_000
"""Of a pause, from the ledger's block on."""


class There(Struct, frozen=True):
    """What a bridge contract and its token say after one final block; minor units."""

    at: ForeignBlock
    route_id: bytes
    token: str
    """0x and 40 hex digits."""
    opening: int
    minted: int
    """M."""
    burned: int
    """B."""
    attested_locked: int
    """L, of the newest height that was attested to the contract."""
    attested_refunded: int
    headroom: int
    """What could still be minted."""
    supply: int
    """S, of the token."""
    others: int = 0
    """Of the supply, what other minters of the token answer for; 0 where this bridge is its only one."""


class Report(Struct, frozen=True):
    """What an inspection found."""

    totals: Mapping[str, int]
    """By the names of `som_bridge_minor_units`; `surplus` is V - S and never negative (B1)."""
    broken: tuple[str, ...]
    """One sentence for each thing that cannot be; empty when both sides add up."""
    behind: str
    """Why nothing could be compared; empty when it was."""


def there_of(route: BridgeRoute, at: ForeignBlock, state: Mapping[str, Value], supply: int, others: int = 0) -> There:
    """Return a contract's `state()` and its token's supply in numbers.

    Raises
    ------
    Broken
        A field is missing or is none.
    """

    def amount(name: str, value: Value | None) -> int:
        if not isinstance(value, int) or not 0 <= value <= AMOUNT_MAX:
            raise Broken(route=route.id, reason=f"{name} is {str(value)[:80]}, not a number up to {AMOUNT_MAX}")
        return value

    route_id, token = state.get("routeId"), state.get("token")
    if not isinstance(route_id, bytes) or not isinstance(token, str):
        raise Broken(route=route.id, reason="the contract does not say which route and token are its own")
    names = ("opening", "cumulativeMinted", "cumulativeBurned", "cumulativeLocked", "cumulativeRefunded", "headroom")
    opening, minted, burned, locked, refunded, headroom = (amount(name, state.get(name)) for name in names)
    return There(
        at=at,
        route_id=route_id,
        token=token.lower(),
        opening=opening,
        minted=minted,
        burned=burned,
        attested_locked=locked,
        attested_refunded=refunded,
        headroom=headroom,
        supply=amount("the supply", supply),
        others=amount("the supply of others", others),
    )


def inspect(route: BridgeRoute, here: Point, there: There, burns_to: int) -> Report:
    """Compare a route's record after the ledger's block `here`, read last, with what the contract said at a final block.

    `burns_to` is the number of the newest block with a burn that the ledger has agreed on, 0 without any: an older block cannot know of it.
    """
    totals = {
        "locked": route.locked,
        "refunded": route.refunded,
        "released": route.released,
        "minted": there.minted,
        "burned": there.burned,
        "vault": vault_total(route),
        "supply_seen": there.supply,
        "headroom": there.headroom,
        "surplus": vault_total(route) - (there.supply - there.others),
        "unminted": route.locked - route.refunded - there.minted,
        "unreleased": there.burned - route.released,
    }
    if there.at.number < burns_to:
        return Report(totals, (), f"block {there.at.number} is older than the burns that the ledger knows, up to block {burns_to}")
    if here.time_ms // 1_000 < there.at.time:
        return Report(totals, (), f"the ledger's block {here.height} is older than block {there.at.number} of the chain")
    return Report(totals, tuple(_contradictions(route, there)), "")


def _contradictions(route: BridgeRoute, there: There) -> Iterable[str]:
    """Yield a sentence for each thing that cannot be, whoever was late (B1, B8)."""
    terms = route.terms
    if there.route_id != terms.route_id:
        yield f"the contract belongs to route {there.route_id.hex()}"
    if there.token != "0x" + address_of(terms, terms.token).hex():
        yield f"the contract's token is {there.token}"
    if there.opening != terms.opening:
        yield f"the contract opened with {there.opening}, the route with {terms.opening}"
    if there.minted > route.locked - route.refunded:
        yield f"minted {there.minted} there, only {route.locked} less {route.refunded} were locked here"
    if route.released > there.burned or route.burned > there.burned:
        yield f"{max(route.released, route.burned)} were taken for burned here, only {there.burned} were burned there"
    if there.attested_locked > route.locked or there.attested_refunded > route.refunded:
        yield f"the contract was told of {there.attested_locked} locked, {there.attested_refunded} refunded: more than there ever was"
    if there.supply - there.others != there.opening + there.minted - there.burned:
        yield f"the supply there is {there.supply}, {there.others} of it others', not {there.opening} + {there.minted} - {there.burned}"
    if there.supply - there.others > vault_total(route):
        yield f"{there.supply - there.others} are out there, {vault_total(route)} in the vault"


def stalled(final: ForeignBlock, now: int, seconds_max: int) -> str:
    """Return why a chain's finality is to be mistrusted, empty while its newest final block is young enough; `now` in Unix seconds."""
    lag = now - final.time
    return f"the chain has not finalised for {lag} s: block {final.number} is its newest final one" if lag > seconds_max else ""


def oldest_in_flight(locks: Iterable[Lock], releases: Iterable[Release], now_ms: int) -> int:
    """Return for how many seconds the oldest lock could have been minted, or release paid, and was not; 0 where none waits."""
    since = [lock.sign_from_ms for lock in locks if lock.state == "locked"]
    since += [each.not_before_ms for each in releases if each.state == "waiting"]
    return max(0, now_ms - min(since, default=now_ms)) // 1_000


def reason_of(report: Report) -> str:
    """Return what a halted route's record says: as many whole sentences as fit it, or the beginning of the first."""
    text = ""
    for sentence in report.broken:
        longer = f"{text}; {sentence}" if text else sentence
        if len(longer) > REASON_CHARACTERS_MAX:
            break
        text = longer
    return text or "".join(report.broken[:1])[:REASON_CHARACTERS_MAX]


def pause_order(route: BridgeRoute, by: str, report: Report, at: ForeignBlock, now_ms: int) -> Order:
    """Return the order that stops both directions of a route: one for each block of the chain at which something was found (B8).

    An attestor is one guardian, so it pauses for an hour and leaves redemption open (L22); for longer people decide. The order rests on the
    sentences of the report: their hash is its basis, so whoever lifts it can ask for them.
    """
    if not report.broken:
        raise AssertionError(f"route {route.id} adds up, and is to be paused")
    return _order(f"monitor:{route.id}:{at.number}", route, by, "\n".join(report.broken), now_ms)


def stall_order(route: BridgeRoute, by: str, why: str, at: ForeignBlock, now_ms: int) -> Order:
    """Return the same order for a chain that finalises no more: its id says which block is its newest final one."""
    return _order(f"stalled:{route.id}:{at.number}", route, by, why, now_ms)


def _order(name: str, route: BridgeRoute, by: str, why: str, now_ms: int) -> Order:
    return Order(
        id=name,
        by=by,
        basis_hash=sha256(why.encode()).digest(),
        scope="bridge",
        subject=route.id,
        asset="",
        mode="pause",
        amount=None,
        allow=("holds", "redeem"),
        seize_to="",
        until=now_ms + PAUSE_MS,
        open=True,
    )
