"""The core's timers on the loop's clock: one per kind, the newest wins. Half of a leader's time is told as well (K18)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from consensus.events import TimerFired, TimerKind
from node.driver import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.effects import SetTimer
    from consensus.types import View


class Timers:
    """Fires `TimerFired` for what was set last and not cancelled."""

    def __init__(self, post: Callable[[TimerFired], None], half_way: Callable[[], None]) -> None:
        """`half_way` is called where half of a leader's time has gone and its timer was not cancelled: there is no proposal yet."""
        self._post, self._half_way = post, half_way
        self._handles: dict[TimerKind, asyncio.TimerHandle] = {}
        self._half: asyncio.TimerHandle | None = None

    def arm(self, effect: SetTimer) -> None:
        """Set a timer. Its delay is measured once: a clock that jumps later moves nothing."""
        self.cancel(effect.kind)
        loop = asyncio.get_running_loop()
        delay = max(0, effect.at_ms - now_ms()) / 1_000
        self._handles[effect.kind] = loop.call_at(loop.time() + delay, self._fire, effect.kind, effect.view)
        if effect.kind is TimerKind.LEADER:
            self._half = loop.call_at(loop.time() + delay / 2, self._half_way)

    def cancel(self, kind: TimerKind) -> None:
        """Forget a timer; nothing happens where none is set."""
        handle = self._handles.pop(kind, None)
        if handle is not None:
            handle.cancel()
        if kind is TimerKind.LEADER and self._half is not None:
            self._half.cancel()
            self._half = None

    def close(self) -> None:
        """Forget all of them."""
        for kind in list(self._handles):
            self.cancel(kind)

    def _fire(self, kind: TimerKind, view: View) -> None:
        del self._handles[kind]
        self._post(TimerFired(kind, view, now_ms()))
