"""The ledger as the bridge sees it. Whoever implements it (`cli.bridge_home`) verifies: nothing unproven comes through `proven` methods.

Attestations name heights, and all attestors must name the same one. So a height is never chosen but given (`change`): the one at which the
route's record changed, by the lock, the refund or the rotation that is to be attested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from bridge.attest import Point  # a field of a struct that is encoded
from bridge.errors import BridgeError
from ledger.bridges import BridgeRoute  # likewise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.attestations import Sighting
    from ledger.bridges import Burn, Expiry, Lock, Mint, Rotation, Word
    from ledger.orders import Order

SEEN: int = 190
"""Code of what was said already, or is decided: it needs no saying again."""


class HomeUnreachable(BridgeError):
    """The ledger did not answer, or not with what it must show; the loop goes on later."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"the ledger cannot be asked: {reason}")
        self.reason = reason


class HomeDistrusted(BridgeError):
    """What a node of the ledger shows does not hold against the validators' signatures: nothing of it is used."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"the ledger's node is not believed: {reason}")
        self.reason = reason


class HomeRefused(BridgeError):
    """The ledger refused what was said to it."""

    def __init__(self, *, what: str, code: int) -> None:
        super().__init__(f"the ledger refused {what} with {code}")
        self.what, self.code = what, code


class ProvenRoute(Struct, frozen=True):
    """A route's record after a final block, proven against the validators of its epoch."""

    route: BridgeRoute
    at: Point


class LockLine(Struct, frozen=True):
    """A lock in a list; unproven: nothing is signed or told by it alone."""

    nonce: int
    state: str
    deadline: int
    """Unix seconds of the other chain."""


class Countersigned(Struct, frozen=True):
    """A signature of an attestor as the ledger keeps it: opaque there, so whoever uses it checks it."""

    address: bytes
    signature: bytes


class Contradiction(Struct, frozen=True):
    """Who said two things of one kind and number, or another thing than a threshold; unproven, for people."""

    participant: str
    what: str
    number: int


class Home(Protocol):
    """One route of the ledger. Every method may raise `HomeUnreachable` and `HomeDistrusted`."""

    def newest(self) -> ProvenRoute:
        """Record of the route as of now."""
        ...

    def changes(self, after: int) -> Sequence[ProvenRoute]:
        """Return the records at the heights above `after` at which the route changed, ascending, by pages."""
        ...

    def rotation(self, epoch: int) -> Rotation:
        """Return a set of attestors, proven."""
        ...

    def locks(self, after: int) -> Sequence[LockLine]:
        """Locks above a nonce, ascending; one page."""
        ...

    def lock(self, nonce: int) -> Lock:
        """Return a lock as of now, proven."""
        ...

    def signatures(self, what: str, number: int) -> Sequence[Countersigned]:
        """Return what attestors signed of one kind and number (0: the newest that enough have signed), by address, rising."""
        ...

    def attested(self, what: str) -> int:
        """Return the newest number of a kind that enough attestors have signed; 0: none."""
        ...

    def tell(self, fact: Burn | Expiry | Mint) -> int:
        """Vote on what was seen there (bridge.in); return the code of the final receipt."""
        ...

    def sight(self, sighting: Sighting) -> int:
        """Say what was seen at a common block (attest foreign); return the code."""
        ...

    def sign(self, word: Word) -> int:
        """Leave a signature for the other chain (attest bridge); return the code."""
        ...

    def burned_at(self) -> int:
        """Return the number of the other chain's block with the newest burn that the ledger has agreed on; 0: there is none. Unproven."""
        ...

    def pause(self, order: Order) -> int:
        """Give an order that stops the route, by a grant `order.pause` of this participant; return the code: most have none."""
        ...

    def lift(self, order: str, reason: str) -> int:
        """Lift an order of this participant's own; return the code."""
        ...

    def contradictions(self) -> Sequence[Contradiction]:
        """Return which attestors contradict themselves, or a threshold of the others, as far as a node shows it."""
        ...

    def halt(self, reason: str) -> int:
        """Halt the route, by whatever power this participant has for it; return the code."""
        ...
