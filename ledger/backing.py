"""What a reserve is worth, and whether it covers the supply (L20, L21): arithmetic on attested facts, in whole minor units.

Silence never helps: an item, price or observation that is missing, too old, or by somebody who has lost the grant is worth nothing, an
unseen supply abroad is without bound. So with the same facts a later time, a worse price or a larger haircut never raises what is eligible
(invariant 11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ledger.assets import attested_of, vault_of
from ledger.backing_errors import BackingTooLow, StalePrice, StaleReserve, VaultRule
from ledger.fees import BPS
from ledger.grant_rules import grants_of, is_active
from ledger.lapsing import has_lapsed
from ledger.money import balance_of
from ledger.reserves import ITEMS_MAX, Item, Locked, Observation, Report, item_key, items_index, locked_key, observation_key, report_key
from ledger.types import AMOUNT_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ledger.assets import Asset, Policy
    from ledger.grants import Permission
    from ledger.parameters import BlockContext
    from ledger.reserves import Feed, Locker, Reserve, Route, Terms
    from ledger.state import Overlay


class Worth(Struct, frozen=True):
    """What stands behind an asset at one time."""

    eligible: int
    """Minor units, after haircuts."""
    market: int
    """The same without haircuts."""
    foreign: int
    """Supply last seen abroad, however long ago."""
    stale: str = ""
    """An item or a locker that would count if it were said again; empty: none."""
    unpriced: str = ""
    """A feed without a price that an item needs; empty: none."""
    unseen: str = ""
    """A route whose supply nobody has seen lately; empty: none."""


class Moment:
    """The facts about one asset at one block time."""

    __slots__ = ("_asset", "_observe_ms", "_overlay", "_time_ms")

    def __init__(self, overlay: Overlay, asset: str, *, time_ms: int, observe_ms: int) -> None:
        self._overlay = overlay
        self._asset = asset
        self._time_ms = time_ms
        self._observe_ms = observe_ms

    def items(self) -> list[Item]:
        """Items that have a quantity, by id."""
        start = items_index(self._asset)
        found = (self._overlay.get(item_key(key.removeprefix(start))) for key in self._overlay.scan(start, start + "~", ITEMS_MAX + 1))
        return [item for item in found if isinstance(item, Item)]

    def attestors(self, permission: Permission) -> tuple[str, ...]:
        """Participants whose grant covers this asset now."""
        return tuple(
            record.grant.to
            for record in grants_of(self._overlay, permission)
            if record.grant.scope.asset in ("", self._asset) and is_active(record.grant, self._time_ms)
        )

    def is_fresh(self, fact: Item | Report | Observation | Locked, max_age_ms: int) -> bool:
        """Whether a fact counts: not from the future, not lapsed, not too old."""
        return fact.as_of <= self._time_ms < fact.as_of + max_age_ms and not has_lapsed(fact.valid_until, self._time_ms)

    def price(self, feed: Feed, reporting: tuple[str, ...]) -> int:
        """Lower median of what the sources last said; one that says nothing, or nothing that counts, says 0."""
        said = []
        for source in feed.sources:
            report = self._overlay.get(report_key(self._asset, feed.name, source))
            counts = isinstance(report, Report) and source in reporting and self.is_fresh(report, feed.max_age_ms)
            said.append(report.price if counts and isinstance(report, Report) else 0)
        return sorted(said)[(len(said) - 1) // 2]

    def locked_in(self, locker: Locker, observing: tuple[str, ...]) -> int | None:
        """Lower median of what the sources last saw locked there; who is silent saw 0. None: too few have seen it lately."""
        said = []
        for source in locker.sources:
            seen = self._overlay.get(locked_key(self._asset, locker.name, source))
            if isinstance(seen, Locked) and source in observing and self.is_fresh(seen, locker.max_age_ms):
                said.append(seen.amount)
        silent = len(locker.sources) - len(said)
        middle = (len(locker.sources) - 1) // 2
        return None if silent > middle else sorted(said)[middle - silent]

    def supply_on(self, route: Route, observing: tuple[str, ...]) -> tuple[int, int | None]:
        """Supply on a route: as last seen, and as it counts now. None: too few have seen it lately (who is silent saw no bound)."""
        known, fresh = [], []
        for source in route.sources:
            seen = self._overlay.get(observation_key(self._asset, route.id, source))
            if isinstance(seen, Observation):
                known.append(seen.supply)
                if source in observing and self.is_fresh(seen, self._observe_ms):
                    fresh.append(seen.supply)
        middle = len(route.sources) // 2
        last = sorted(known)[len(known) // 2] if known else 0
        return last, sorted(fresh)[middle] if middle < len(fresh) else None


def worth_of(overlay: Overlay, policy: Policy, reserve: Reserve, context: BlockContext) -> Worth:
    """Add up what backs an asset at the block's time.

    Source: ledger/README.md, L20.
    """
    observe_ms = context.parameters.observe_max_age_ms
    moment = Moment(overlay, policy.code, time_ms=context.time_ms, observe_ms=observe_ms)
    if reserve.kind == "foreign":
        return _locked_abroad(moment, reserve)
    eligible: dict[str, int] = {}
    market: dict[str, int] = {}
    stale = unpriced = ""
    terms_of = {terms.type: terms for terms in reserve.terms}
    vouching, reporting = moment.attestors("attest.reserve"), moment.attestors("attest.price")
    prices = {feed.name: moment.price(feed, reporting) for feed in reserve.feeds}
    feeds = {feed.name: feed for feed in reserve.feeds}
    for item in moment.items():
        terms = terms_of.get(item.type)
        if terms is None or item.attestor not in vouching or not moment.is_fresh(item, terms.max_age_ms):
            stale = stale or f"item {item.id}"
            continue
        if terms.feed and not prices[terms.feed]:
            unpriced = unpriced or terms.feed
            continue
        feed = feeds.get(terms.feed)
        price = prices.get(terms.feed, 0)
        eligible[item.type] = eligible.get(item.type, 0) + value_of(item.quantity, terms.haircut_bps, feed, price, policy.decimals)
        market[item.type] = market.get(item.type, 0) + value_of(item.quantity, 0, feed, price, policy.decimals)
    foreign, unseen = _abroad(moment, reserve)
    nothing = "" if eligible or unpriced else "an attested item"
    return Worth(capped(eligible, terms_of), capped(market, terms_of), foreign, stale or nothing, unpriced, unseen)


def _locked_abroad(moment: Moment, reserve: Reserve) -> Worth:
    """Worth of what is locked on other chains, unit for unit: no haircut, nothing to price."""
    observing = moment.attestors("attest.foreign")
    whole, stale = 0, ""
    for locker in reserve.lockers:
        now = moment.locked_in(locker, observing)
        whole += now or 0
        if now is None:
            stale = stale or f"what locker {locker.name} has"
    eligible = min(whole, AMOUNT_MAX)
    return Worth(eligible, eligible, 0, stale)


def value_of(quantity: int, haircut_bps: int, feed: Feed | None, price: int, decimals: int) -> int:
    """Value in minor units of the asset, rounded down once. Without a feed the quantity is minor units already."""
    after = quantity * (BPS - haircut_bps)
    if feed is None:
        return after // BPS
    return int(after * price * 10**decimals // (BPS * feed.unit * 10**feed.decimals))


def capped(values: Mapping[str, int], terms_of: Mapping[str, Terms]) -> int:
    """Sum of values by type; what exceeds a type's share of the uncapped sum does not count."""
    whole = sum(values.values())
    counted = sum(min(value, whole * terms_of[type_].share_max_bps // BPS) for type_, value in values.items())
    return min(counted, AMOUNT_MAX)


def _abroad(moment: Moment, reserve: Reserve) -> tuple[int, str]:
    """Supply last seen on all routes, and a route whose supply is not known now."""
    observing = moment.attestors("attest.foreign") if reserve.routes else ()
    foreign, unseen = 0, ""
    for route in reserve.routes:
        last, now = moment.supply_on(route, observing)
        foreign += last if now is None else now
        if now is None:
            unseen = unseen or route.id
    return foreign, unseen


def last_abroad(overlay: Overlay, asset: str, reserve: Reserve) -> int:
    """Supply last seen on all routes, however long ago and by whomever."""
    moment = Moment(overlay, asset, time_ms=0, observe_ms=0)
    return sum(moment.supply_on(route, ())[0] for route in reserve.routes)


def covers(worth: Worth, reserve: Reserve, supply: int) -> bool:
    """Whether a supply at home, with what circulates abroad, is covered at the ratio of the policy (L20)."""
    return (supply + worth.foreign) * reserve.ratio_bps <= worth.eligible * BPS


def check_backing(policy: Policy, reserve: Reserve, worth: Worth, supply: int) -> None:
    """Refuse an issue after which the supply would not be covered by facts that count now.

    Raises
    ------
    StaleReserve
        A supply abroad is not known now; or it would not be covered, and an item does not count that once was said, or there is none, or
        of a locker it is not known now what it has.
    StalePrice
        It would not be covered, and an item has no price.
    BackingTooLow
        It would not be covered.

    Source: ledger/README.md, L20.
    """
    if worth.unseen:
        raise StaleReserve(asset=policy.code, what=f"the supply on route {worth.unseen}")
    if covers(worth, reserve, supply):
        return
    if worth.stale:
        raise StaleReserve(asset=policy.code, what=worth.stale)
    if worth.unpriced:
        raise StalePrice(asset=policy.code, feed=worth.unpriced)
    circulating = supply + worth.foreign
    raise BackingTooLow(asset=policy.code, eligible=worth.eligible, circulating=circulating, foreign=worth.foreign, ratio=reserve.ratio_bps)


def weighed(asset: Asset, worth: Worth, time_ms: int, said_before: int = 0) -> Asset:
    """Asset with what its reserve is worth, and whether it is under-backed.

    A supply above the market value counts from the second round of facts on (bridge.md, B10: a move between chains doubles the sum for a
    while). A round is over once one of those who spoke since it was found speaks again: `said_before` is the block time at which the fact
    that has just come was last said, 0 where it is no such fact.
    """
    if asset.supply + worth.foreign <= worth.market:
        return replace(asset, eligible=worth.eligible, market=worth.market, short_since=0, state="open")
    since = asset.short_since or time_ms
    again = asset.short_since and said_before >= asset.short_since
    state = "underbacked" if again or asset.state == "underbacked" else "open"
    return replace(asset, eligible=worth.eligible, market=worth.market, short_since=since, state=state)


def reweighed(overlay: Overlay, asset: Asset, context: BlockContext, said_before: int = 0) -> Asset:
    """`weighed`, of an asset whose reserve is attested or locked abroad; any other as it is."""
    reserve = attested_of(asset.policy)
    if reserve is None:
        return asset
    return weighed(asset, worth_of(overlay, asset.policy, reserve, context), context.time_ms, said_before)


def check_vault_way(policy: Policy, account: str | None, field: str) -> None:
    """Refuse an issue or redemption that names no account for the reserve asset where there is a vault, or one where there is none (L21).

    Raises
    ------
    VaultRule
        See above.
    """
    vault = vault_of(policy)
    if vault is not None and account is None:
        raise VaultRule(asset=policy.code, reason=f"its reserve is a vault of {vault[1]}: `{field}` must be named")
    if vault is None and account is not None:
        raise VaultRule(asset=policy.code, reason=f"it has no vault, so `{field}` must be empty")


def is_covered_by_vault(overlay: Overlay, asset: Asset) -> bool:
    """L21: whether the supply of a vault asset is within what lies free in its vault; True where it has none."""
    vault = vault_of(asset.policy)
    if vault is None:
        return True
    locked = balance_of(overlay, *vault)
    return asset.supply <= locked.posted - locked.held
