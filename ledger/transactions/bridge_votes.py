"""bridge.in (type 22): what attestors saw on the other chain, executed once a threshold of them says the same (B3 to B6).

Burns are observed in the order of their nonces and paid independently: one that must wait stands aside. What a quorum says and what cannot
be (a mint of a refunded lock, more burned than was ever out there) halts the route: nothing is executed, and everybody can see why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from ledger.authority import OPS, active_participant
from ledger.bridge_errors import BridgeProof, BridgeSeen
from ledger.bridge_limits import circulated
from ledger.bridges import (
    BURNS_AHEAD,
    BridgeVote,
    Burn,
    Expiry,
    Lock,
    Mint,
    Release,
    digest_of,
    lock_key,
    release_key,
    route_key,
    threshold_of,
)
from ledger.errors import Closed, NotAuthority
from ledger.indexes import put_indexed
from ledger.names import vault_account_of
from ledger.transactions.bridge_locks import check_enforced, check_open
from ledger.transactions.bridge_payouts import pay_release, try_refund
from ledger.transactions.bridge_routes import existing_route

if TYPE_CHECKING:
    from ledger.bridges import BridgeRoute
    from ledger.transactions.bridge_bodies import BridgeIn
    from ledger.transactions.work import Work

STOPPED = ("paused_in", "halted")


class Witnessing:
    """One bridge.in transaction: a vote, and what it decides."""

    __slots__ = ("body", "route", "vote", "work")

    route: BridgeRoute

    def __init__(self, work: Work, body: BridgeIn) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """See that the route exists and is enforced, and that one of its attestors says it."""
        work, body = self.work, self.body
        self.route = route = existing_route(work.overlay, body.route)
        active_participant(work.overlay, body.by)
        check_enforced(route)
        if route.status == "proposed":
            raise Closed(account=f"route {route.id}", status=route.status)
        if not any(each.participant == body.by for each in route.attestors):
            raise NotAuthority(keyset=body.by, what="say, as an attestor,", subject=f"route {route.id}")
        work.signers.need(f"{body.by}/{OPS}")

    def perform(self) -> None:
        """Check that the route is open inwards and that what is said fits; count the vote, and execute what a threshold agrees on."""
        work, fact, route = self.work, self.body.fact, self.route
        check_open(work, route, STOPPED)
        self.vote = BridgeVote(self.body.by, _kind_of(fact), digest_of(route.terms.route_id, fact))
        match fact:
            case Burn():
                after = self._burned(route, fact)
            case Expiry():
                after = self._expired(route, fact)
            case Mint():
                after = self._minted(route, fact)
        if after != route:
            put_indexed(work.overlay, route_key(route.id), after)
        work.told = (route.issuer,)

    def _burned(self, route: BridgeRoute, burn: Burn) -> BridgeRoute:
        terms = route.terms
        if (burn.route_id, burn.chain_id, burn.contract) != (terms.route_id, terms.chain_id, terms.bridge):
            raise BridgeProof(route=route.id, what="route, chain or contract of the burn")
        release = self._release(route, burn.nonce)
        if release.state != "observing":
            raise BridgeSeen(route=route.id, what=f"burn {burn.nonce}")
        if burn.nonce > route.burns + BURNS_AHEAD:
            raise BridgeProof(route=route.id, what=f"burn {burn.nonce}, {BURNS_AHEAD} after the last one or more,")
        votes = self._with_vote(release.votes)
        agreed = self._agrees(votes)
        release = replace(release, votes=votes, burn=burn if agreed else None, state="agreed" if agreed else "observing")
        put_indexed(self.work.overlay, release_key(route.id, burn.nonce), release)
        return self._observe(route) if agreed else route

    def _observe(self, route: BridgeRoute) -> BridgeRoute:
        """Take the burns that are agreed on in the order of their nonces, and pay those that need not wait (B6)."""
        for leg in range(BURNS_AHEAD):
            release = self._release(route, route.burns + 1)
            burn = release.burn
            if release.state != "agreed" or burn is None:
                break
            if burn.cumulative != route.burned + burn.amount or burn.cumulative > circulated(route):
                reason = f"burn {burn.nonce} makes {burn.cumulative}, after {route.burned}, of {circulated(route)} that could be there"
                return replace(route, status="halted", reason=reason)
            route = replace(route, burns=burn.nonce, burned=burn.cumulative)
            route = self._settle(route, release, burn, leg)
        return route

    def _settle(self, route: BridgeRoute, release: Release, burn: Burn, leg: int) -> BridgeRoute:
        """Pay a burn, or let it wait: a big one for its time, any other one until the limits have room."""
        now, limits = self.work.time_ms, route.terms.limits
        big = burn.amount >= limits.big_amount and limits.big_delay_ms > 0
        paid = None if big else pay_release(self.work, route, release, leg)
        if paid is not None:
            return paid
        waiting = replace(release, state="waiting", not_before_ms=now + limits.big_delay_ms if big else now)
        put_indexed(self.work.overlay, release_key(route.id, release.nonce), waiting)
        return route

    def _expired(self, route: BridgeRoute, expiry: Expiry) -> BridgeRoute:
        lock = self._lock(route, expiry.nonce, expiry.lock_id)
        if lock.deadline != expiry.deadline:
            raise BridgeProof(route=route.id, what=f"the deadline of lock {lock.nonce}")
        if lock.state != "locked":
            raise BridgeSeen(route=route.id, what=f"the end of lock {lock.nonce}")
        lock = replace(lock, votes=self._with_vote(lock.votes))
        agreed, left = self._agrees(lock.votes), circulated(route) - lock.amount
        if agreed and route.burned <= left:
            return try_refund(self.work, route, replace(lock, state="expired"))
        if agreed:
            reason = f"lock {lock.nonce} is told as expired: {left} could be left there, {route.burned} were burned"
            route = replace(route, status="halted", reason=reason)
        put_indexed(self.work.overlay, lock_key(route.id, lock.nonce), lock)
        return route

    def _minted(self, route: BridgeRoute, mint: Mint) -> BridgeRoute:
        lock = self._lock(route, mint.nonce, mint.lock_id)
        if (mint.recipient, mint.amount) != (lock.recipient, lock.amount):
            raise BridgeProof(route=route.id, what=f"recipient or amount of lock {lock.nonce}")
        if lock.state == "minted":
            raise BridgeSeen(route=route.id, what=f"the mint of lock {lock.nonce}")
        lock = replace(lock, votes=self._with_vote(lock.votes))
        agreed = self._agrees(lock.votes)
        if agreed and lock.state == "locked":
            lock = replace(lock, state="minted", foreign_tx=mint.tx_hash)
            route = replace(route, minted=route.minted + lock.amount)
        elif agreed:
            route = replace(route, status="halted", reason=f"lock {lock.nonce} was minted, and it is {lock.state} here")
        put_indexed(self.work.overlay, lock_key(route.id, lock.nonce), lock)
        return route

    def _release(self, route: BridgeRoute, nonce: int) -> Release:
        record = self.work.overlay.get(release_key(route.id, nonce))
        if isinstance(record, Release):
            return record
        return Release(route.id, nonce, vault_account_of(route.issuer, route.id), None, (), "observing", 0, "")

    def _lock(self, route: BridgeRoute, nonce: int, lock_id: bytes) -> Lock:
        record = self.work.overlay.get(lock_key(route.id, nonce))
        if not isinstance(record, Lock) or record.lock_id != lock_id:
            raise BridgeProof(route=route.id, what=f"lock {nonce}")
        return record

    def _with_vote(self, votes: tuple[BridgeVote, ...]) -> tuple[BridgeVote, ...]:
        """Votes with this one, of those who are attestors now; who said another thing before says this now.

        Raises
        ------
        BridgeSeen
            The attestor has said just this.
        """
        mine = self.vote
        now = [each.participant for each in self.route.attestors]
        others = [vote for vote in votes if (vote.by, vote.kind) != (mine.by, mine.kind) and vote.by in now]
        together = tuple(sorted((*others, mine), key=lambda vote: (vote.by, vote.kind)))
        if mine in votes and not self._agrees(together):  # a word said again decides where fewer must agree since (B4)
            raise BridgeSeen(route=self.route.id, what=f"this word of {mine.by}")
        return together

    def _agrees(self, votes: tuple[BridgeVote, ...]) -> bool:
        """Whether a threshold of those who are attestors now says what this vote says."""
        saying = sum(1 for vote in votes if (vote.kind, vote.digest) == (self.vote.kind, self.vote.digest))
        return saying >= threshold_of(len(self.route.attestors))


def _kind_of(fact: Burn | Expiry | Mint) -> Literal["burn", "expiry", "mint"]:
    return "burn" if isinstance(fact, Burn) else "expiry" if isinstance(fact, Expiry) else "mint"
