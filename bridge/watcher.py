"""What an attestor sees on the other chain, told to the ledger: burns in order, mints, expiries, and supply at common blocks (B5, B6, B10).

Each range of final blocks is told completely before the cursor moves past it, and the ledger takes each word once: a process that is killed
anywhere tells the range again, and nothing is lost or doubled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from bridge.attest import address_of
from bridge.errors import BridgeError, NotFinal, StateGone
from bridge.home import SEEN, HomeRefused
from bridge.observe import (
    Progress,
    check_continuity,
    check_mint,
    common_block,
    contract_of,
    expiries,
    facts_of,
    in_ranges,
    observe,
    sighting_of,
)
from ledger.bridges import BURNS_AHEAD, Burn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.chains import ForeignBlock, PublicChain
    from bridge.home import Home, ProvenRoute
    from ledger.bridges import BridgeRoute as RouteRecord
    from ledger.bridges import Mint

RANGE_BLOCKS: Final = 2_000
RANGES_STEP: Final = 20
"""Ranges in one step: the first start on an old contract takes several."""
TOLD_MAX: Final = 256
OPEN_IN: Final = frozenset({"active", "paused_out", "retired"})
"""States of a route in which the ledger takes what comes in."""


class Told(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A fact that was told, and that too few had said so far."""

    kind: Literal["burn", "mint"]
    nonce: int
    block: int


class Watched(Struct, frozen=True, forbid_unknown_fields=True):
    """How far an attestor has seen."""

    progress: Progress
    open_from: int = 0
    """Locks up to here are decided."""
    sighted: int = 0
    """Number of the last common block that was told."""
    epoch: int = 0
    """Of the set to which all of `told` was told."""
    told: tuple[Told, ...] = ()
    """What may be undecided still; the newest TOLD_MAX."""
    expiring: int = 0
    """Epoch of the set to which all expiries were told."""


PASSED: Final = 172
"""Code of a sighting that is not later than the last one."""


class Later(BridgeError):
    """The ledger does not take it now; it is told again."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)


class Watcher:
    """Watches one route for one attestor."""

    def __init__(self, home: Home, chain: PublicChain, by: str, first_block: int) -> None:
        """`first_block`: the one that deployed the contract."""
        self._home, self._chain, self._by = home, chain, by
        self.first = Watched(Progress(first_block - 1, b""))
        """Where a new attestor begins."""

    def step(self, watched: Watched) -> Watched:
        """Tell one range of blocks that are final and were not told yet, or nothing; raises as `Home` and `PublicChain`, and `Broken`.

        Raises
        ------
        Later
            Something is not taken now.
        HomeRefused
            Something is not taken at all.
        """
        route = self._home.newest().route
        if route.terms.mode != "enforced" or route.status not in OPEN_IN:
            return watched
        final = self._chain.final()
        progress = watched.progress
        if progress.block_hash:
            check_continuity(route.id, progress, self._chain.block(progress.block))
        watched = self._again(route, watched)
        for first, last in in_ranges(progress.block + 1, final.number, RANGE_BLOCKS)[:1]:
            at = final if last == final.number else self._chain.block(last)
            seen = observe(route.id, route.terms, progress, self._chain.events(contract_of(route.terms), first, last), at)
            if at == final:
                self._check_complete(route, seen.progress, at)
            self._tell(route, seen.facts)
            told = (*watched.told, *(_told_of(fact) for fact in seen.facts))
            watched = replace(watched, progress=seen.progress, told=self._undecided(route, told))
        return watched

    def behind(self, watched: Watched) -> bool:
        """Whether there are final blocks that were not told."""
        return watched.progress.block < self._chain.final().number

    def _again(self, route: RouteRecord, watched: Watched) -> Watched:
        """Tell what is undecided again once the set is another one: votes of who left it are gone, and fewer may decide now."""
        if route.epoch == watched.epoch or all(each.participant != self._by for each in route.attestors):
            return watched
        told = self._undecided(route, watched.told)
        for block in sorted({each.block for each in told}):
            events = self._chain.events(contract_of(route.terms), block, block)
            self._tell(route, [fact for fact in facts_of(route.id, route.terms, events) if _told_of(fact) in told])
        return replace(watched, epoch=route.epoch, told=told)

    def _undecided(self, route: RouteRecord, told: Sequence[Told]) -> tuple[Told, ...]:
        return tuple(each for each in told[-TOLD_MAX:] if (each.nonce > route.burns if each.kind == "burn" else self._is_open(each.nonce)))

    def _is_open(self, nonce: int) -> bool:
        return any(line.nonce == nonce and line.state == "locked" for line in self._home.locks(nonce - 1)[:1])

    def _check_complete(self, route: RouteRecord, progress: Progress, at: ForeignBlock) -> None:
        """See that no event was left out: a node that lags gives those it has, and says nothing of the others (B6).

        What the contract says at a block is asked by the block's hash, which a node that does not have it cannot answer.

        Raises
        ------
        Later
            The sums of what was seen are not those of the contract; the range is looked at again.
        """
        try:
            state = self._chain.state(contract_of(route.terms), at)
        except StateGone:  # of Tron, whose events are asked for block by block
            return
        said = tuple(state.get(name) for name in ("burnCount", "cumulativeBurned", "cumulativeMinted"))
        seen = (progress.burns, progress.burned, progress.minted)
        if said != seen:
            raise Later(reason=f"up to block {at.number} events of {seen} were shown (burns, burned, minted), the contract has {said}")

    def _tell(self, route: RouteRecord, facts: Sequence[Burn | Mint]) -> None:
        for fact in facts:
            if isinstance(fact, Burn):
                self._burn(route, fact)
            else:
                self._mint(route, fact)

    def _burn(self, route: RouteRecord, burn: Burn) -> None:
        if burn.nonce <= route.burns:
            return
        if burn.nonce > route.burns + BURNS_AHEAD:
            raise Later(reason=f"burn {burn.nonce} is told once the ones before it are agreed on; the last of those is {route.burns}")
        self._told(f"burn {burn.nonce}", self._home.tell(burn))

    def _mint(self, route: RouteRecord, mint: Mint) -> None:
        lock = self._home.lock(mint.nonce) if mint.nonce <= route.locks else None
        check_mint(lock, mint, route.id)
        if lock is None or lock.state != "minted":
            self._told(f"mint {mint.nonce}", self._home.tell(mint))

    def expire(self, watched: Watched) -> Watched:
        """Tell of open locks whose deadline a final block has passed, their nonces unused; forget those that are settled."""
        route = self._home.newest().route
        if route.terms.mode != "enforced" or route.status not in OPEN_IN:
            return watched
        final = self._chain.final()
        settled = last = watched.open_from
        while page := self._home.locks(last):
            for line in page:
                if line.state != "locked" and settled == line.nonce - 1:
                    settled = line.nonce
                elif line.state == "locked" and final.time > line.deadline:
                    self._expire(route, line.nonce, final, watched.expiring)
            last = page[-1].nonce
        return replace(watched, open_from=settled, expiring=route.epoch)

    def _expire(self, route: RouteRecord, nonce: int, final: ForeignBlock, epoch: int) -> None:
        """Tell that a lock has expired, unless this attestor has said so to the set of now."""
        lock = self._home.lock(nonce)
        if epoch == route.epoch and any(vote.by == self._by and vote.kind == "expiry" for vote in lock.votes):
            return
        contract = contract_of(route.terms)
        for expiry in expiries((lock,), final, lambda used: self._chain.nonce_used(contract, used, final)):
            self._told(f"that lock {nonce} expired", self._home.tell(expiry))

    def sight(self, watched: Watched) -> Watched:
        """Tell supply and totals at the newest common block, if they were not told.

        Passed over is what cannot be asked any more, and what the ledger heard of this attestor before its cursor was lost.
        """
        newest = self._home.newest()
        terms = newest.route.terms
        if newest.route.status == "proposed":
            return watched
        number = common_block(terms, self._chain.final())
        if number <= watched.sighted:
            return watched
        try:
            code = self._sight(newest, number)
        except (StateGone, NotFinal):
            code = 0
        if code not in (0, SEEN, PASSED):
            raise HomeRefused(what=f"the sighting of block {number}", code=code)
        return replace(watched, sighted=number)

    def _sight(self, newest: ProvenRoute, number: int) -> int:
        terms = newest.route.terms
        block = self._chain.block(number)
        supply = self._chain.total_supply(address_of(terms, terms.token), block)
        totals = self._chain.state(contract_of(terms), block) if terms.mode == "enforced" else None
        return self._home.sight(sighting_of(newest.route.id, supply, block, totals))

    def _told(self, what: str, code: int) -> None:
        if code not in (0, SEEN):
            raise Later(reason=f"the ledger does not take {what} now: {code}")


def _told_of(fact: Burn | Mint) -> Told:
    return Told("burn" if isinstance(fact, Burn) else "mint", fact.nonce, fact.block)
