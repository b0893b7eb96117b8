"""The ledger of a history: the real rules on real transactions, and what may happen to a transaction on its way to them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from bridge.home import HomeUnreachable
from ledger.errors import Unorderable
from ledger.keys import public_key_of
from ledger.outcomes import Outcome
from ledger.transactions.bodies import GrantPut
from tests.bridge.whole import Here, newest_of
from tests.ledger.bridge_world import WITNESSES, BridgedWorld
from tests.ledger.cast import BY_ROOT
from tests.ledger.world import MAIN_A, MAIN_B, TILL, MemoryState, grant, make_genesis, seed_of, signers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.home import Contradiction, ProvenRoute
    from ledger.genesis_document import Genesis
    from ledger.transactions.bodies import Body, Transaction
    from ledger.transactions.bridge_bodies import BridgeSet
    from tests.bridge.whole import Fuse
    from tests.ledger.world import Signer

MONEY = 60_000
PURSES = (MAIN_A, MAIN_B, TILL)
FIFTH = "bank-c"
EVERYBODY = (*WITNESSES, FIFTH)
"""Whose attestors sets are made of."""
CHECK_EVERY = 40
"""Blocks between two checks of the whole state."""

Fate = Literal["heard", "lost", "unheard", "late"]
"""What becomes of a transaction: it arrives and is answered; it does not; it does and the answer does not; it arrives some time."""


class Entered(Struct, frozen=True):
    """A transaction in a block here, as it stands in there."""

    raw: bytes
    height: int
    outcome: Outcome


class Ledger(BridgedWorld):
    """The small network with a fifth that may attest, and all that was ordered."""

    def __init__(self, body: BridgeSet) -> None:
        self.ordered: list[Entered] = []
        super().__init__(with_a_fifth(make_genesis()), money=MONEY, body=body)
        self.check_every = CHECK_EVERY

    def block(self, *transactions: Transaction) -> list[Outcome]:
        """Make a block and write down what is in it."""
        outcomes = super().block(*transactions)
        self.ordered += [Entered(tx.raw, self.height, outcome) for tx, outcome in zip(transactions, outcomes, strict=True)]
        return outcomes

    def establish(self, body: BridgeSet | None) -> None:
        """Give the fifth its grants, too."""
        self.ordered = []
        for permission in ("attest.bridge", "attest.foreign"):
            self.must(GrantPut(grant(f"{permission}-fifth", permission, FIFTH, asset="KGS")), by=BY_ROOT)
        super().establish(body)

    def twin(self) -> Ledger:
        """Return a ledger that is as this one is, and goes on by itself."""
        made = copy.copy(self)
        made.state = MemoryState.__new__(MemoryState)
        made.state.records, made.state.refs = dict(self.state.records), dict(self.state.refs)
        made.seen, made.ordered = self.seen.copy(), list(self.ordered)
        made._numbers = copy.copy(self._numbers)
        return made


class Post(Here):
    """The ledger, for one participant, over a road on which things are lost."""

    def __init__(self, road: Road, by: str, fuse: Fuse) -> None:
        super().__init__(road, by, fuse)
        self._road = road

    def contradictions(self) -> Sequence[Contradiction]:
        """As the protocol says; worked out once for each height here."""
        self._fuse.burn()
        height = self._road.ledger.height
        if self._road.contradicted[0] != height:
            self._road.contradicted = (height, tuple(super().contradictions()))
        return self._road.contradicted[1]

    def send(self, body: Body) -> int:
        """Send; the process may end before, or after, without having heard of it, and so may the message."""
        self._fuse.burn()
        sent = self._road.ledger.sign(body, by=signers(f"{self.by}/ops"), sender=self.by, valid_until=self._road.valid_until)
        code = self._road.carry(sent)
        self._fuse.burn()
        if code is None:
            raise HomeUnreachable(reason="no receipt in time")
        return code


class Road:
    """The way to the ledger, and what was on it; a `tests.bridge.whole.Site`."""

    def __init__(self, ledger: Ledger, fate: Callable[[], Fate], kept: Sequence[ProvenRoute] = ()) -> None:
        """`kept`: what the node has of the route from before."""
        self.ledger = ledger
        self.silent = False
        self._fate = fate
        self.late: list[Transaction] = []
        """What arrives some time."""
        self.past: list[Transaction] = []
        """All that was ever sent."""
        self.fates: list[Fate] = []
        self.contradicted: tuple[int, tuple[Contradiction, ...]] = (-1, ())
        """A height here, and who contradicts up to it."""
        self._changes = list(kept)
        self.changes()

    @property
    def valid_until(self) -> int:
        """Of what is sent now: a minute."""
        return self.ledger.time_ms + 60_000

    def changes(self) -> list[ProvenRoute]:
        """Return what a node keeps: the record at each height where it changed."""
        newest = newest_of(self.ledger)
        if not self._changes or self._changes[-1].route != newest.route:
            self._changes.append(newest)
        return self._changes

    def carry(self, sent: Transaction) -> int | None:
        """Let a transaction go its way; return its code, None where nobody hears of it."""
        self.past.append(sent)
        fate = "lost" if self.silent else self._fate()
        if fate != "heard":
            self.fates.append(fate)
        if fate == "late":
            self.late.append(sent)
        if fate in ("late", "lost"):
            return None
        code = self.deliver(sent)
        return code if fate == "heard" else None

    def deliver(self, sent: Transaction) -> int:
        """Give a transaction to the ledger; return its code, also of what no block may contain."""
        try:
            code = self.ledger.block(sent)[0].code
        except Unorderable as refused:
            return refused.code
        self.changes()
        return code

    def do(self, body: Body, by: list[Signer]) -> int:
        """Have a person do something; it arrives. Return the code."""
        sent = self.ledger.sign(body, by=by)
        self.past.append(sent)
        return self.deliver(sent)


def with_a_fifth(genesis: Genesis) -> Genesis:
    """Return the small network's document with one more bank."""
    (bank,) = (each for each in genesis.participants if each.id == "bank-b")
    made = []
    for keyset in bank.keysets:
        keys = tuple(replace(each, public_key=public_key_of(seed_of(FIFTH, keyset.name, at)).hex()) for at, each in enumerate(keyset.keys))
        made.append(replace(keyset, keys=keys))
    return replace(genesis, participants=(*genesis.participants, replace(bank, id=FIFTH, name="Bank C", keysets=tuple(made))))
