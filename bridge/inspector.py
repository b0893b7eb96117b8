"""The monitor at work: both sides of a route compared at every observed block, totals, and a pause where they contradict (B1, B8)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.attest import address_of
from bridge.monitor import inspect, oldest_in_flight, pause_order, reason_of, stalled, there_of
from bridge.observe import Broken, contract_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.chains import PublicChain
    from bridge.home import Home

STALLED_SECONDS: Final = 3_600
"""Without a newer final block; where an operator does not say otherwise."""


class Inspection(Struct, frozen=True):
    """What was found at one block."""

    totals: Mapping[str, int]
    lag: int
    """Seconds since the chain's newest final block."""
    oldest: int
    """Seconds for which the oldest open lock could have been minted."""
    stalled: str
    """Why finality is mistrusted; empty while it is not."""


class Inspector:
    """Compares the sides of one route."""

    def __init__(
        self, home: Home, chain: PublicChain, by: str, stalled_seconds: int = STALLED_SECONDS, now: Callable[[], float] = time.time
    ) -> None:
        self._home, self._chain, self._by, self._now, self._stalled_seconds = home, chain, by, now, stalled_seconds
        self._paused = -1
        """Number of the final block at which a stall was answered with a pause."""

    def step(self, open_from: int) -> Inspection | None:
        """Compare once; order a pause where the chain finalises no more. None where there is no contract yet, or none of ours.

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
        now = int(self._now())
        still = stalled(final, now, self._stalled_seconds)
        if still and self._paused != final.number:
            self._paused = final.number
            self._home.pause(pause_order(here.route, self._by, replace(report, broken=(still,)), final, here.at.time_ms))
        first = [line.nonce for line in self._home.locks(open_from) if line.state == "locked"][:1]
        oldest = oldest_in_flight([self._home.lock(nonce) for nonce in first], (), now * 1_000)
        return Inspection(report.totals, max(0, now - final.time), oldest, still)
