"""One attestor's process: it signs for the other chain and tells the ledger what it sees there, one step after another.

A fault here cannot stop money at home. What breaks the contract's promises (`Broken`, `FinalityBroken`) stops this attestor for good, also
after a restart, until a person has looked and says `--resume`; what is only missing (a node that is silent, providers that differ, a
ledger that is paused) is tried again.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from bridge.errors import BridgeError, FinalityBroken, ProvidersDiffer
from bridge.observe import Broken
from bridge.speaker import Spoken
from bridge.watcher import Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.cursor import CursorFile
    from bridge.home import Home
    from bridge.inspector import Inspection, Inspector
    from bridge.speaker import Speaker
    from bridge.watcher import Watcher

AGAIN_SECONDS: Final = 600
"""How often open locks are looked through for signatures that are no longer kept."""
AGAIN_MAX: Final = 32
"""Locks that are looked through then, oldest first: half of the signatures that are kept."""


class AttestorState(Struct, frozen=True, forbid_unknown_fields=True):
    """All that an attestor knows of its own; beside its marks."""

    route_id: bytes
    watched: Watched
    spoken: Spoken = Spoken()
    stopped: str = ""
    """Why it says nothing any more; empty: it goes on."""


class OtherRoute(BridgeError):
    """The cursor is of another route."""

    def __init__(self, *, given: bytes, needed: bytes) -> None:
        super().__init__(f"the cursor is of route {given.hex()[:16]}, the ledger's is {needed.hex()[:16]}: each route has its own folder")


class Stalled(BridgeError):
    """The public chain finalises no more: nothing new is observed or released, and it is said why."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)


class Stopped(BridgeError):
    """The attestor says nothing any more."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"this attestor has stopped: {reason} (once a person has found out why: --resume)")
        self.reason = reason


class Attestor:
    """Signs and watches, and keeps how far it came."""

    def __init__(
        self,
        *,
        home: Home,
        speaker: Speaker,
        watcher: Watcher,
        inspector: Inspector,
        cursor: CursorFile[AttestorState],
        shown: Callable[[Inspection], None],
        now: Callable[[], float] = monotonic,
    ) -> None:
        """`shown` hears what each inspection found."""
        self._home, self._speaker, self._watcher, self._inspector, self._cursor = home, speaker, watcher, inspector, cursor
        self._shown, self._now = shown, now
        self._looked = now()
        self._state: AttestorState | None = None

    @property
    def state(self) -> AttestorState:
        """What is kept, as it is now.

        Raises
        ------
        OtherRoute
            The cursor is another route's.
        """
        if self._state is None:
            route_id = self._home.newest().route.terms.route_id
            kept = self._cursor.load()
            if kept is not None and kept.route_id != route_id:
                raise OtherRoute(given=kept.route_id, needed=route_id)
            self._state = kept or AttestorState(route_id, self._watcher.first)
        return self._state

    def resume(self) -> None:
        """Go on after a stop: a person has looked."""
        self._keep(replace(self.state, stopped=""))

    def step(self) -> None:
        """Do what there is to do once. One task that fails does not keep the others from their work, but for providers that differ.

        Raises
        ------
        Stopped
            It must say nothing any more.
        BridgeError
            The first thing that could not be done now.
        """
        if self.state.stopped:
            raise Stopped(reason=self.state.stopped)
        problems: list[BridgeError] = []
        for task in (self._inspect, self._watch, self._expire, self._sight, self._speak):
            try:
                task()
            except (Broken, FinalityBroken) as broken:
                self._stop(str(broken))
            except ProvidersDiffer:
                raise  # nothing more is said, nor signed, until they agree: which of them lies is not known here (B6)
            except BridgeError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]

    def _inspect(self) -> None:
        found = self._inspector.step(self.state.watched.open_from)
        if found is not None:
            self._shown(found)
            if found.stalled:
                raise Stalled(reason=found.stalled)

    def _watch(self) -> None:
        self._keep(replace(self.state, watched=self._watcher.step(self.state.watched)))

    def _expire(self) -> None:
        self._keep(replace(self.state, watched=self._watcher.expire(self.state.watched)))

    def _sight(self) -> None:
        self._keep(replace(self.state, watched=self._watcher.sight(self.state.watched)))

    def _speak(self) -> None:
        self._keep(replace(self.state, spoken=self._speaker.step(self.state.spoken)))
        if self._now() - self._looked >= AGAIN_SECONDS:
            self._looked = self._now()
            lines = self._home.locks(self.state.watched.open_from)
            self._speaker.again(self._home.newest(), [line.nonce for line in lines if line.state == "locked"][:AGAIN_MAX])

    def _stop(self, reason: str) -> None:
        """Keep the reason first, then halt the route as far as this participant may: others who see the same will."""
        self._keep(replace(self.state, stopped=reason))
        self._home.halt(reason)
        raise Stopped(reason=reason)

    def _keep(self, state: AttestorState) -> None:
        if state != self._state:
            self._cursor.save(state)
        self._state = state
