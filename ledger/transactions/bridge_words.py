"""attest of kinds bridge and foreign about a route: signatures that anyone may carry, and rounds of observation (B9, B10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import attested_of
from ledger.attestations import Sighting
from ledger.authority import active_participant
from ledger.backing import reweighed
from ledger.bridge_errors import BridgeProof
from ledger.bridges import (
    SIGNATURES_KEPT,
    Lock,
    Rotation,
    Signed,
    SignedCount,
    Word,
    lock_key,
    rotation_key,
    signed_count_key,
    signed_key,
)
from ledger.errors import BrokenState, ConditionNotMet, NotAuthority
from ledger.grant_rules import Wanted, charge_quota, use_grant
from ledger.indexes import put_indexed
from ledger.lapsing import has_lapsed
from ledger.reserves import Observation, observation_key
from ledger.transactions.bridge_routes import existing_route
from ledger.transactions.work import existing_asset

if TYPE_CHECKING:
    from ledger.bridges import BridgeRoute
    from ledger.grants import GrantRecord
    from ledger.transactions.bodies import Attest
    from ledger.transactions.work import Work


class Countersigning:
    """One attest of kind bridge: an attestor's signature, opaque bytes to the ledger (B9, B12)."""

    __slots__ = ("grant", "route", "said", "word", "work")

    grant: GrantRecord
    route: BridgeRoute

    def __init__(self, work: Work, body: Attest) -> None:
        self.work = work
        self.said = body.attestation
        self.word = word_of(self.said.value)

    def authorise(self) -> None:
        """See that the route exists, that a grant `attest.bridge` agrees, and that who signs is in the set that it speaks for."""
        work, said = self.work, self.said
        active_participant(work.overlay, said.by)
        self.route = route_of(work, said.subject)
        self.grant = use_grant(work.overlay, work.signers, Wanted("attest.bridge", asset=self.route.terms.asset, to=said.by), work.time_ms)
        if self.word.what != "reserve" and said.by not in self._speakers():
            raise NotAuthority(keyset=said.by, what=f"say, of epoch {self.word.epoch},", subject=f"route {self.route.id}")

    def perform(self) -> None:
        """Check that what is signed is there; keep the signature, instead of the oldest one, or with the set that it brings."""
        work, said, word, route = self.work, self.said, self.word, self.route
        if said.as_of > work.time_ms:
            raise ConditionNotMet(subject=said.id, condition="a date that has come")
        self._check_signed()
        charge_quota(work.overlay, self.grant, 1, work.time_ms)
        if word.what == "rotate":
            self._sign_rotation()
            return
        key = signed_count_key(route.id, said.by)
        count = work.overlay.get(key)
        number = count.count if isinstance(count, SignedCount) else 0
        work.overlay.put(signed_key(route.id, said.by, number % SIGNATURES_KEPT), Signed(number, word, work.time_ms))
        work.overlay.put(key, SignedCount(number + 1))

    def _speakers(self) -> tuple[str, ...]:
        """Members of the set that the signature speaks for: the current one or the one before; of a rotation the one before it (B9)."""
        word, route = self.word, self.route
        epoch = word.number - 1 if word.what == "rotate" else word.epoch
        newest = word.what != "rotate" and epoch in (route.epoch, route.epoch - 1)
        record = self.work.overlay.get(rotation_key(route.id, epoch)) if newest or word.what == "rotate" else None
        return tuple(each.participant for each in record.attestors) if isinstance(record, Rotation) else ()

    def _check_signed(self) -> None:
        """Refuse a signature for a height that is to come, a lock that is none or must wait, or a set that is none."""
        work, word, route = self.work, self.word, self.route
        if word.what in ("checkpoint", "reserve") and word.number > work.context.height:
            raise ConditionNotMet(subject=self.said.id, condition=f"a height up to {work.context.height}")
        if word.what == "rotate" and (word.epoch != word.number - 1 or word.number > route.epoch):
            raise BridgeProof(route=route.id, what=f"rotation to epoch {word.number}")
        if word.what == "mint":
            lock = work.overlay.get(lock_key(route.id, word.number))
            if not isinstance(lock, Lock):
                raise BridgeProof(route=route.id, what=f"lock {word.number}")
            if lock.sign_from_ms > work.time_ms:
                raise ConditionNotMet(subject=f"lock {lock.nonce} of {route.id}", condition=f"a time from {lock.sign_from_ms} on")

    def _sign_rotation(self) -> None:
        key, by = rotation_key(self.route.id, self.word.number), self.said.by
        record = self.work.overlay.get(key)
        if not isinstance(record, Rotation):
            raise BrokenState(f"{key} is not there")
        others = [each for each in record.signatures if each[0] != by]
        self.work.overlay.put(key, replace(record, signatures=tuple(sorted((*others, (by, self.word.signature))))))


class Watching:
    """One attest of kind foreign about a route: supply and totals of the other chain at a common block (B10)."""

    __slots__ = ("before", "grant", "key", "route", "said", "seen", "work")

    before: Observation | None
    grant: GrantRecord
    route: BridgeRoute

    def __init__(self, work: Work, body: Attest) -> None:
        self.work = work
        self.said = said = body.attestation
        self.seen = sighting_of(said.value)
        asset, _, name = said.subject.partition(":")
        self.key = observation_key(asset, name, said.by)

    def authorise(self) -> None:
        """See that the route exists, that a grant `attest.foreign` agrees, and that one of its attestors says it."""
        work, said = self.work, self.said
        active_participant(work.overlay, said.by)
        self.route = route_of(work, said.subject)
        record = work.overlay.get(self.key)
        self.before = record if isinstance(record, Observation) else None
        self.grant = use_grant(work.overlay, work.signers, Wanted("attest.foreign", asset=self.route.terms.asset, to=said.by), work.time_ms)
        if said.by not in self._sources():
            raise NotAuthority(keyset=said.by, what="say, as an attestor,", subject=f"route {self.route.id}")

    def perform(self) -> None:
        """Check that it is a common block, later than the one before; record it, and weigh the reserve anew."""
        work, said, seen, route = self.work, self.said, self.seen, self.route
        now = work.time_ms
        if said.as_of > now or has_lapsed(said.valid_until, now):
            raise ConditionNotMet(subject=said.id, condition="dates on both sides of the block's time")
        if seen.block % route.terms.observe_step:
            raise ConditionNotMet(subject=said.id, condition=f"a block whose number is a multiple of {route.terms.observe_step}")
        before = self.before
        if before is not None and (said.as_of <= before.as_of or seen.block <= before.block):
            raise ConditionNotMet(subject=said.id, condition=f"a later block than {before.block}, which was last seen")
        charge_quota(work.overlay, self.grant, 1, now)
        observation = Observation(seen.supply, said.as_of, said.valid_until, now, seen.minted, seen.burned, seen.block, seen.block_hash)
        put_indexed(work.overlay, self.key, observation)
        asset = existing_asset(work.overlay, route.terms.asset)
        weighed = reweighed(work.overlay, asset, work.context, before.at if before is not None else 0)
        if weighed != asset:
            put_indexed(work.overlay, f"asset/{route.terms.asset}", weighed)

    def _sources(self) -> tuple[str, ...]:
        """Attestors of the route; where the asset's policy counts what circulates there, those of them that it names (L20)."""
        attestors = tuple(each.participant for each in self.route.attestors)
        reserve = attested_of(existing_asset(self.work.overlay, self.route.terms.asset).policy)
        named = [each.sources for each in reserve.routes if each.id == self.route.id] if reserve is not None else []
        return tuple(each for each in attestors if not named or each in named[0])


def route_of(work: Work, subject: str) -> BridgeRoute:
    """Route that `ASSET:ROUTE` names.

    Raises
    ------
    NoAsset, ConditionNotMet
        There is no such asset, or no such route of it.
    """
    code, _, name = subject.partition(":")
    existing_asset(work.overlay, code)
    route = existing_route(work.overlay, name)
    if route.terms.asset != code:
        raise ConditionNotMet(subject=f"route {name}", condition=f"that it is one of {code}")
    return route


def word_of(value: object) -> Word:
    """Value of an attestation of kind bridge; raises BrokenState on another, which form refuses."""
    if not isinstance(value, Word):
        raise BrokenState("an attestation of kind bridge has no signature")
    return value


def sighting_of(value: object) -> Sighting:
    """Value of an attestation of kind foreign about a route; raises BrokenState on another."""
    if not isinstance(value, Sighting):
        raise BrokenState("this is no sighting of a route")
    return value
