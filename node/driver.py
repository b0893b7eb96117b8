"""The driver: one queue, one task, no locks. Next event -> replica.handle -> perform its effects in order -> next event.

Everything that takes long (judging, building, fetching) runs elsewhere and comes back as an event. What a `Cast` feeds back comes before
anything that was waiting: the core tallies an own vote before it hears of others'.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from consensus.types import TimeMs

if TYPE_CHECKING:
    from consensus.effects import Effect, Effects
    from consensus.events import Event

EVENTS_MAX = 16_384
"""Events from peers that may wait. Beyond it they are dropped: votes and certificates are sent again, and the sender's rate was exceeded
long ago."""
SLICE_SECONDS = 0.005
"""The driver gives way to sockets after that, however much is waiting."""


def now_ms() -> TimeMs:
    """Return the node's clock: Unix time in milliseconds."""
    return TimeMs(time.time_ns() // 1_000_000)


class Core(Protocol):
    """The replica, as the driver uses it."""

    def handle(self, event: Event) -> Effects:
        """Take one event; return what the node must do, in this order."""
        ...


class Performs(Protocol):
    """Whatever carries effects out."""

    def perform(self, effect: Effect) -> None:
        """Carry out one effect, or start what will."""
        ...


class Driver:
    """Feeds the core and has its effects performed."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._next: deque[Event] = deque()
        self._waiting: deque[Event] = deque()
        self._idle: asyncio.Future[None] | None = None
        """What the driver waits for while nothing is to be done; a bare future costs a third of what an `asyncio.Event` does."""

    def post(self, event: Event) -> None:
        """Queue an event of this node's own; never dropped."""
        self._waiting.append(event)
        self._wake()

    def post_next(self, event: Event) -> None:
        """Queue what a performed effect feeds back: it comes before everything that waits."""
        self._next.append(event)
        self._wake()

    def offer(self, event: Event) -> bool:
        """Queue an event that a peer caused; False where too many wait and it is dropped."""
        if len(self._waiting) >= EVENTS_MAX:
            return False
        self.post(event)
        return True

    async def run(self, performer: Performs) -> None:
        """Drive until cancelled."""
        loop = asyncio.get_running_loop()
        clock = loop.time
        while True:
            if not (self._next or self._waiting):
                self._idle = loop.create_future()
                await self._idle
            until = clock() + SLICE_SECONDS
            while self._next or self._waiting:
                event = self._next.popleft() if self._next else self._waiting.popleft()
                for effect in self._core.handle(event):
                    performer.perform(effect)
                if clock() > until:
                    await asyncio.sleep(0)
                    until = clock() + SLICE_SECONDS

    def _wake(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None and not idle.done():
            idle.set_result(None)
