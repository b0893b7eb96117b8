"""The monitor at work: both sides of a route compared at every observed block, totals, and a pause where they contradict (B1, B8)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.attest import address_of
from bridge.monitor import inspect, oldest_in_flight, pause_order, reason_of, stall_order, stalled, there_of
from bridge.observe import Broken, contract_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.chains import ForeignBlock, PublicChain
    from bridge.home import Home, ProvenRoute

STALLED_SECONDS: Final = 3_600
"""Without a newer final block; where an operator does not say otherwise."""
TAKEN: Final = 125
"""Code of an order that there is: of an attestor that came first, or of this one before it was restarted."""


class Inspection(Struct, frozen=True):
    """What was found at one block."""

    totals: Mapping[str, int]
    lag: int
    """Seconds since the chain's newest final block."""
    oldest: int
    """Seconds for which the oldest open lock could have been minted."""
    stalled: str
    """Why finality is mistrusted, and what was done; empty while it is not."""
    contradictions: tuple[str, ...] = ()
    """Attestors that said two things, or another thing than the others, in a sentence each."""


class Inspector:
    """Compares the sides of one route."""

    def __init__(
        self, home: Home, chain: PublicChain, by: str, stalled_seconds: int = STALLED_SECONDS, now: Callable[[], float] = time.time
    ) -> None:
        self._home, self._chain, self._by, self._now, self._stalled_seconds = home, chain, by, now, stalled_seconds
        self._paused = -1
        """Number of the final block at which a stall was answered with a pause."""
        self._order = ""
        """The order that this attestor gave because of it, while it is in force."""
        self._told = ""
        """What became of it, for people."""

    def step(self, open_from: int) -> Inspection | None:
        """Compare once; order a pause where the chain finalises no more, and lift it when it does. None where there is no contract of ours.

        Locks up to `open_from` are decided.

        Raises
        ------
        Broken
            They contradict; a pause was ordered, as far as this participant may.
        """
        route = self._home.newest().route
        if route.terms.mode != "enforced" or route.status == "proposed":
            return None
        final = self._chain.final()
        now = int(self._now())  # before the ledger is asked: a slow one is no stall of the chain
        there = there_of(
            route,
            final,
            self._chain.state(contract_of(route.terms), final),
            self._chain.total_supply(address_of(route.terms, route.terms.token), final),
        )
        burns_to = self._home.burned_at()
        here = self._home.newest()
        report = inspect(here.route, here.at, there, burns_to)
        if report.broken:
            self._home.pause(pause_order(here.route, self._by, report, final, here.at.time_ms))
            raise Broken(route=route.id, reason=reason_of(report))
        still = stalled(final, now, self._stalled_seconds)
        self._answer(still, here, final)
        first = [line.nonce for line in self._home.locks(open_from) if line.state == "locked"][:1]
        oldest = oldest_in_flight([self._home.lock(nonce) for nonce in first], (), now * 1_000)
        liars = self._home.contradictions()
        said = tuple(f"{each.participant} contradicts itself or the others: {each.what} {each.number}" for each in liars)
        return Inspection(report.totals, max(0, now - final.time), oldest, still and f"{still}; {self._told}", said)

    def _answer(self, still: str, here: ProvenRoute, final: ForeignBlock) -> None:
        """Pause the route once for each block at which the chain stands still; lift what was ordered for it when it goes on.

        Where the process was ended meanwhile the order ends with its hour: one guardian's pause is short (L22).
        """
        if still and self._paused != final.number:
            order = stall_order(here.route, self._by, still, final, here.at.time_ms)
            code = self._home.pause(order)
            self._order = order.id if code in (0, TAKEN) else self._order
            self._told = f"order {order.id} pauses the route" if code in (0, TAKEN) else f"the ledger takes no pause of it now ({code})"
            self._paused = final.number
        elif not still and self._order:
            self._home.lift(self._order, f"the chain finalises again: block {final.number}")
            self._order = ""
