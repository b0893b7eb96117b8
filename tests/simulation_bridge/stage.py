"""What a history plays on: contracts and ledger, made once and begun anew each time, and the processes of attestors and relayers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.attestor import Attestor, AttestorState
from bridge.cursor import CursorFile
from bridge.evm import EvmChain
from bridge.evm_node import EvmNode
from bridge.evm_sender import EvmSender
from bridge.home import ProvenRoute
from bridge.inspector import Inspector
from bridge.keys import FileKey
from bridge.marks import Marks
from bridge.relayer import Carriage, Relayer
from bridge.signer import Signer
from bridge.speaker import Speaker
from bridge.watcher import Watcher
from ledger.bridges import Attestor as Member
from tests.bridge.contracts.world import ALICE, BOB, World
from tests.bridge.contracts.world import ROUTE as ROUTE_ID
from tests.bridge.forking import ForkingChain
from tests.bridge.keys import Key, in_order, key
from tests.bridge.whole import Fuse
from tests.ledger.bridge_world import LIMITS, WITNESSES, defined, terms_of
from tests.ledger.world import START_MS
from tests.simulation_bridge.home import EVERYBODY, Ledger, Post, Road
from tests.simulation_bridge.nodes import NodeCalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.abi import Value
    from bridge.inspector import Inspection
    from ledger.bridges import Attestors

CHAIN_ID = 56
DEPLOYED = START_MS // 1_000 - 7 * 86_400
"""Unix seconds: before any history."""
LIMITS_THERE = (4_000, 9_000, 6_000, 1)
"""Per mint, per day, bucket and its refill per second: lower than what may be locked, so that some locks are refunded."""
LOCK_TTL_MS = 86_400_000
ALLOWANCE = 2**200
OBSERVE_STEP = 16
"""Blocks between two rounds of observation."""
WITH_TWO_NODES = ("bank-a", "operator")
AGREE = 2
"""Nodes that the route wants; some processes have one only."""


class Contracts(World):
    """Token and bridge with limits that bite."""

    def configuration(self, **changes: Value) -> dict[str, Value]:
        """Return the constructor's argument, field by field."""
        return super().configuration(**{"limits": LIMITS_THERE, **changes})


class Stage(Struct, frozen=True):
    """Both sides as they are when a history begins."""

    chain: ForkingChain
    contracts: Contracts
    ledger: Ledger
    changes: tuple[ProvenRoute, ...] = ()
    """What a node has kept of the route before."""
    folder: Path | None = None
    """Cursors and marks of attestors that have run before; None: they begin."""


@cache
def key_of(participant: str, generation: int) -> Key:
    """Key of a participant on the other chain."""
    return key(1 + EVERYBODY.index(participant) + 10 * generation)


def members_of(generations: dict[str, int]) -> Attestors:
    """Return a set of attestors with keys of these generations, as route and contract want it."""
    members = (Member(key_of(name, generation).address, name) for name, generation in generations.items())
    return tuple(sorted(members, key=lambda each: each.address))


def stage() -> Stage:
    """Make both sides, on which nothing has happened."""
    chain = ForkingChain(CHAIN_ID, DEPLOYED)
    first = members_of(dict.fromkeys(WITNESSES, 0))
    contracts = Contracts(attestors=in_order(key_of(name, 0) for name in WITNESSES), chain=chain)
    for holder in (ALICE, BOB):
        contracts.token.send(holder, "approve", contracts.bridge.address, ALLOWANCE)
    chain.found()
    bridge, token = (bytes.fromhex(each.address[2:]) for each in (contracts.bridge, contracts.token))
    terms = terms_of(route_id=ROUTE_ID, bridge=bridge, token=token, observe_step=OBSERVE_STEP, lock_ttl_ms=LOCK_TTL_MS, limits=LIMITS)
    return Stage(chain, contracts, Ledger(defined(terms=terms, attestors=first)))


class Process(ABC):
    """An attestor or a relayer: what stays when it is killed, and how it starts."""

    def __init__(self, name: str, road: Road, chain: ForkingChain) -> None:
        self.name, self.chain = name, chain
        self.fuse = Fuse()
        self.home = Post(road, name, self.fuse)
        self.nodes = [NodeCalls(chain, f"{name}-{at}", self.fuse.burn) for at in range(1 + (name in WITH_TWO_NODES))]

    def seen(self) -> EvmChain:
        """Return the public chain through its nodes, with no memory of it."""
        return EvmChain(self.asked(), CHAIN_ID, AGREE)

    def asked(self) -> Sequence[EvmNode]:
        """Return its nodes."""
        return [EvmNode(each.shown, each) for each in self.nodes]

    @abstractmethod
    def end(self) -> None:
        """End as a kill does: nothing is saved."""

    def now(self) -> float:
        """Seconds: clocks of processes go with the public chain."""
        return float(self.chain.now)


class Witness(Process):
    """An attestor's process, with one key."""

    def __init__(self, participant: str, generation: int, road: Road, chain: ForkingChain, folder: Path) -> None:
        super().__init__(participant, road, chain)
        self.generation = generation
        self.folder = folder / f"{participant}-{generation}"
        """With cursor and marks."""
        self.key = FileKey(key_of(participant, generation).secret.to_bytes(32, "big"))
        self.shown: list[Inspection] = []
        self._running: tuple[Attestor, Marks] | None = None
        if not self.folder.exists():
            Marks.create(self.folder / "marks", self.key.address).close()

    @property
    def attestor(self) -> Attestor:
        """The process, started if it does not run."""
        if self._running is None:
            marks = Marks.open(self.folder / "marks", self.key.address)
            there = self.seen()
            made = Attestor(
                home=self.home,
                speaker=Speaker(self.home, Signer(self.key, marks), self.name),
                watcher=Watcher(self.home, there, self.name, 1),
                inspector=Inspector(self.home, there, self.name, now=self.now),
                cursor=CursorFile(self.folder / "cursor.json", AttestorState),
                shown=self.shown.append,
                now=self.now,
            )
            self._running = (made, marks)
        return self._running[0]

    def step(self) -> None:
        """Do one step."""
        self.attestor.step()

    def end(self) -> None:
        """End as a kill does: nothing is saved."""
        if self._running is not None:
            self._running[1].close()
            self._running = None


class Carter(Process):
    """A relayer's process, with an account that pays there."""

    def __init__(self, name: str, secret: int, road: Road, chain: ForkingChain) -> None:
        super().__init__(name, road, chain)
        self._key = FileKey(secret.to_bytes(32, "big"))
        self._running: Relayer | None = None

    def step(self) -> tuple[Carriage, ...]:
        """Do one step, in a process that is started if it does not run."""
        if self._running is None:
            self._running = Relayer(self.home, self.seen(), EvmSender(self.asked(), CHAIN_ID, self._key, now=self.now))
        return self._running.step()

    def end(self) -> None:
        """End as a kill does."""
        self._running = None
