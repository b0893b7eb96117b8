"""attest (type 11) of kinds reserve, price and foreign: what others say of an asset's backing (L9, L10, L20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.assets import Asset, attested_of, is_foreign
from ledger.attestations import number_value
from ledger.authority import active_participant
from ledger.backing import reweighed
from ledger.bridges import route_key
from ledger.errors import ConditionNotMet, Exists, NotAuthority, TooMany, WrongKind
from ledger.grant_rules import Wanted, charge_quota, use_grant
from ledger.indexes import put_indexed
from ledger.lapsing import has_lapsed
from ledger.reserves import (
    ITEMS_MAX,
    Item,
    Locked,
    Observation,
    Report,
    item_key,
    items_index,
    locked_key,
    observation_key,
    report_key,
)
from ledger.transactions.work import existing_asset

if TYPE_CHECKING:
    from ledger.grants import GrantRecord, Permission
    from ledger.reserves import Reserve
    from ledger.transactions.bodies import Attest
    from ledger.transactions.work import Work

    Fact = Item | Report | Observation | Locked

PERMISSIONS: dict[str, Permission] = {"reserve": "attest.reserve", "price": "attest.price", "foreign": "attest.foreign"}


class Attesting:
    """One attest transaction about an asset: a quantity of an item, a price, a supply abroad, or what is locked there."""

    __slots__ = ("asset", "before", "code", "grant", "key", "locked", "name", "said", "work")

    asset: Asset
    before: Fact | None
    """What was said under the same key before."""
    grant: GrantRecord

    def __init__(self, work: Work, body: Attest) -> None:
        self.work = work
        self.said = said = body.attestation
        self.code, _, self.name = said.subject.partition(":")
        """Asset, and the type of item, feed, route or locker that is meant."""
        asset = work.overlay.get(f"asset/{self.code}") if said.kind == "foreign" else None
        self.locked = isinstance(asset, Asset) and is_foreign(asset.policy)
        """Whether it is said of a locker: of an asset that is locked abroad `foreign` means that, else a supply on a route."""
        self.key = {
            "reserve": item_key(said.id),
            "price": report_key(self.code, self.name, said.by),
            "foreign": (locked_key if self.locked else observation_key)(self.code, self.name, said.by),
        }[said.kind]

    def authorise(self) -> None:
        """See that the asset's reserve is attested and names what is meant; the grant agrees, and a source is one that the policy names."""
        work, said = self.work, self.said
        active_participant(work.overlay, said.by)
        record = work.overlay.get(self.key)
        self.before = record if isinstance(record, Item | Report | Observation | Locked) else None
        if isinstance(record, Item) and record.asset != self.code:
            raise Exists(subject=f"item {said.id} of {record.asset}")
        self.asset = existing_asset(work.overlay, self.code)
        reserve = attested_of(self.asset.policy)
        if said.kind == "foreign" and work.overlay.get(route_key(self.name)) is not None:
            raise WrongKind(subject=self.name, kind="a route", action="observations without a common block")
        if reserve is None or (reserve.kind == "foreign" and not self.locked):
            raise WrongKind(subject=self.code, kind="not attested", action=f"attestations of kind {said.kind}")
        wanted = Wanted(PERMISSIONS[said.kind], asset=self.code, to=said.by)
        self.grant = use_grant(work.overlay, work.signers, wanted, work.time_ms)
        self._check_named(reserve)

    def perform(self) -> None:
        """Check its dates, the number of items and the grant's quota; record it, and weigh the reserve anew."""
        work, said = self.work, self.said
        overlay, now = work.overlay, work.time_ms
        if said.as_of > now or has_lapsed(said.valid_until, now):
            raise ConditionNotMet(subject=said.id, condition="dates on both sides of the block's time")
        if self.before is not None and said.as_of <= self.before.as_of:
            raise ConditionNotMet(subject=said.id, condition=f"a later date than {self.before.as_of}, when it was last said")
        fact = self._fact(number_value(said))
        if isinstance(fact, Item):
            self._check_room(fact)
        charge_quota(overlay, self.grant, 1, now)
        put_indexed(overlay, self.key, fact)
        said_before = self.before.at if self.before is not None else 0
        put_indexed(overlay, f"asset/{self.code}", reweighed(overlay, self.asset, work.context, said_before))

    def _check_named(self, reserve: Reserve) -> None:
        """Refuse what the policy does not name: an item without terms counts for nothing, and not every holder of a grant is a source."""
        said = self.said
        named: dict[str, tuple[str, ...]] = {terms.type: (said.by,) for terms in reserve.terms}
        if said.kind == "price":
            named = {feed.name: feed.sources for feed in reserve.feeds}
        elif said.kind == "foreign":
            named = {route.id: route.sources for route in reserve.routes} | {each.name: each.sources for each in reserve.lockers}
        if said.by not in named.get(self.name, ()):
            raise NotAuthority(keyset=said.by, what=f"say of kind {said.kind}", subject=said.subject)

    def _fact(self, value: int) -> Fact:
        said, now = self.said, self.work.time_ms
        if said.kind == "reserve":
            dates = (said.as_of, said.valid_until)
            return Item(said.id, self.code, self.name, value, *dates, said.doc_hash, said.standard, said.by, now)
        kind = Report if said.kind == "price" else Locked if self.locked else Observation
        return kind(value, said.as_of, said.valid_until, now)

    def _check_room(self, item: Item) -> None:
        known = isinstance(self.before, Item) and self.before.quantity
        if known or not item.quantity:
            return
        start = items_index(self.code)
        count = len(self.work.overlay.scan(start, start + "~", ITEMS_MAX))
        if count >= ITEMS_MAX:
            raise TooMany(subject=self.code, count=count, what="items", most=ITEMS_MAX)
