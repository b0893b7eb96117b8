"""Both sides of a route in one process: the ledger's own state machine, the contract's byte code, attestors and a relayer between them.

`Here` is a `bridge.home.Home`, `There` a `PublicChain` and a `Carrier`: not doubles of parts of ours, but those parts behind plain calls.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, Protocol

from bridge.attest import Point
from bridge.attestor import Attestor, AttestorState
from bridge.chains import Carried, Seen
from bridge.cursor import CursorFile
from bridge.errors import BridgeError, TransactionRefused
from bridge.home import Contradiction, Countersigned, HomeUnreachable, LockLine, ProvenRoute
from bridge.identifiers import ledger_recipient
from bridge.inspector import Inspector
from bridge.keys import FileKey
from bridge.marks import Marks
from bridge.relayer import Relayer
from bridge.signer import Signer
from bridge.speaker import Speaker
from bridge.watcher import Watcher
from ledger.attestations import Attestation
from ledger.bridges import Attestor as Member
from ledger.bridges import Release, Rotation, release_key, rotation_key
from ledger.errors import LedgerError
from ledger.transactions.bodies import Attest, OrderLift, OrderPut
from ledger.transactions.bridge_bodies import BridgeIn
from node.api.bridge_faults import contradictions_of
from node.api.bridges import attestation_of
from tests.bridge.contracts.chain import RawRefusal
from tests.bridge.contracts.world import ROUTE as ROUTE_ID
from tests.bridge.contracts.world import World as Contracts
from tests.bridge.forking import ForkingChain
from tests.bridge.keys import keys
from tests.ledger.bridge_world import LIMITS, ROUTE, WITNESSES, BridgedWorld, defined, terms_of
from tests.ledger.world import MAIN_A, START_MS, signers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bridge.abi import Value
    from bridge.chains import ForeignBlock
    from bridge.inspector import Inspection
    from ledger.attestations import Sighting
    from ledger.bridges import Burn, Expiry, Lock, Mint, Word
    from ledger.orders import Order
    from ledger.transactions.bodies import Body

ALICE = "0x" + "c1" * 20
CHANGES_PAGE, LOCKS_PAGE = 3, 2
"""Small, so that pages are turned."""


class Killed(BaseException):
    """The process ends here: what SIGKILL does between two calls."""


class Fuse:
    """Ends a process at its n-th call to the outside; 0: never."""

    def __init__(self) -> None:
        self.left = 0

    def burn(self) -> None:
        """Count one call."""
        if self.left:
            self.left -= 1
            if not self.left:
                raise Killed


class There:
    """The public chain; what is final is final to the newest block, unless it is held back."""

    def __init__(self, chain: ForkingChain, contracts: Contracts, fuse: Fuse) -> None:
        self._chain, self._contracts, self._fuse = chain, contracts, fuse
        self.address = b"\x0c" * 20
        self.held_back = 0
        """Newest blocks that are not final."""

    def chain_id(self) -> int:
        """As the protocol says."""
        return 56

    def final(self) -> ForeignBlock:
        """As the protocol says."""
        self._fuse.burn()
        return self.block(max(0, self._chain.newest.number - self.held_back))

    def block(self, number: int) -> ForeignBlock:
        """As the protocol says."""
        return self._chain.blocks[number].facts

    def events(self, contract: bytes, first: int, last: int) -> Sequence[Seen]:
        """As the protocol says."""
        self._fuse.burn()
        interface = self._contracts.bridge.interface
        found = []
        for block in self._chain.blocks[first : last + 1]:
            for index, (sent, log) in enumerate((each.sent, log) for each in block.mined for log in each.logs):
                if log.address == "0x" + contract.hex():
                    decoded = interface.event(log.topics, log.data)
                    found.append(Seen(decoded.name, decoded.fields, block.facts, sent.tx_hash, index))
        return found

    def state(self, contract: bytes, at: ForeignBlock) -> Mapping[str, Value]:
        """As the protocol says, after that very block."""
        interface = self._contracts.bridge.interface
        return interface.record("state", self._asked(contract, interface.call("state", ()), at))

    def nonce_used(self, contract: bytes, nonce: int, at: ForeignBlock) -> bool:
        """As the protocol says, by the end of that very block."""
        interface = self._contracts.bridge.interface
        return bool(interface.answer("nonceUsed", self._asked(contract, interface.call("nonceUsed", (nonce,)), at))[0])

    def total_supply(self, token: bytes, at: ForeignBlock) -> int:
        """As the protocol says, after that very block."""
        interface = self._contracts.token.interface
        (found,) = interface.answer("totalSupply", self._asked(token, interface.call("totalSupply", ()), at))
        assert isinstance(found, int)
        return found

    def carry(self, contract: bytes, data: bytes) -> Carried:
        """As the protocol says; mined at once."""
        self._fuse.burn()
        try:
            self._chain.call(ALICE, "0x" + contract.hex(), data)
        except RawRefusal as refused:
            raise TransactionRefused(what="a message", data=refused.data) from None
        finally:
            self._fuse.burn()
        return Carried(sha256(data).digest(), mined=True)

    def _asked(self, contract: bytes, data: bytes, at: ForeignBlock) -> bytes:
        assert self._chain.at(at.hash) == at.number
        returned, refused = self._chain.view("0x" + contract.hex(), data, at.number)
        assert refused is None
        return returned


class Site(Protocol):
    """Where a ledger is."""

    silent: bool

    @property
    def ledger(self) -> BridgedWorld:
        """As it is now."""

    def changes(self) -> list[ProvenRoute]:
        """Return what a node keeps: the record at each height where it changed."""


class Here:
    """The ledger, for one participant."""

    def __init__(self, site: Site, by: str, fuse: Fuse) -> None:
        self.site, self.by, self._fuse = site, by, fuse
        self.codes: list[int] = []

    @property
    def _world(self) -> BridgedWorld:
        """Ledger that is asked: a process may end before, and the node may be silent."""
        self._fuse.burn()
        if self.site.silent:
            raise HomeUnreachable(reason="the node is silent")
        return self.site.ledger

    def newest(self) -> ProvenRoute:
        """As the protocol says."""
        return newest_of(self._world)

    def changes(self, after: int) -> Sequence[ProvenRoute]:
        """As the protocol says."""
        self._fuse.burn()
        return [each for each in self.site.changes() if each.at.height > after][:CHANGES_PAGE]

    def rotation(self, epoch: int) -> Rotation:
        """As the protocol says."""
        record = self._world.state.get(rotation_key(ROUTE, epoch))
        assert isinstance(record, Rotation)
        return record

    def locks(self, after: int) -> Sequence[LockLine]:
        """As the protocol says."""
        world = self._world
        found = [world.lock_of(nonce) for nonce in range(after + 1, min(after + LOCKS_PAGE, world.route.locks) + 1)]
        return [LockLine(each.nonce, each.state, each.deadline) for each in found]

    def lock(self, nonce: int) -> Lock:
        """As the protocol says."""
        return self._world.lock_of(nonce)

    def signatures(self, what: str, number: int) -> Sequence[Countersigned]:
        """As the protocol says."""
        world = self._world
        found = attestation_of(world.state, world.route, what, number, world.height)
        each = () if found is None else found.signatures
        return [Countersigned(bytes.fromhex(one.address), bytes.fromhex(one.signature)) for one in each]

    def attested(self, what: str) -> int:
        """As the protocol says."""
        world = self._world
        found = attestation_of(world.state, world.route, what, 0, world.height)
        return 0 if found is None or len(found.signatures) < found.needed else found.number

    def burned_at(self) -> int:
        """As the protocol says."""
        world = self._world
        record = world.state.get(release_key(ROUTE, world.route.burns))
        return record.burn.block if isinstance(record, Release) and record.burn is not None else 0

    def tell(self, fact: Burn | Expiry | Mint) -> int:
        """As the protocol says."""
        return self.send(BridgeIn(ROUTE, self.by, fact))

    def sight(self, sighting: Sighting) -> int:
        """As the protocol says."""
        return self._attest("foreign", sighting)

    def sign(self, word: Word) -> int:
        """As the protocol says."""
        return self._attest("bridge", word)

    def pause(self, order: Order) -> int:
        """As the protocol says."""
        return self.send(OrderPut(order))

    def lift(self, order: str, reason: str) -> int:
        """As the protocol says."""
        return self.send(OrderLift(order, sha256(reason.encode()).digest()))

    def contradictions(self) -> Sequence[Contradiction]:
        """As the protocol says."""
        world = self._world
        return [Contradiction(each.participant, each.what, each.number) for each in contradictions_of(world.state, world.route)]

    def halt(self, reason: str) -> int:
        """As the protocol says; most here may not do it alone."""
        return self.send(defined(terms=None, attestors=None, status="halted", reason=reason[:140]))

    def send(self, body: Body) -> int:
        """Send: the process may end before, or right after, without having heard of it."""
        world = self._world
        try:
            code = world.do(body, by=signers(f"{self.by}/ops"), sender=self.by).code
        except LedgerError as refused:  # what a node says at once
            code = refused.code
        self.codes.append(code)
        self.site.changes()
        self._fuse.burn()
        return code

    def _attest(self, kind: Literal["bridge", "foreign"], value: Sighting | Word) -> int:
        about = f"KGS:{ROUTE}"
        return self.send(Attest(Attestation(about, kind, about, value, self.site.ledger.time_ms - 1_000, 0, bytes(32), "", self.by)))


class Whole:
    """The route with everybody on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chain = ForkingChain(56, START_MS // 1_000)
        self.keys = keys(4)
        self.contracts = Contracts(attestors=self.keys, chain=self.chain)
        self.chain.found()
        self.silent = False
        bridge, token = (bytes.fromhex(each.address[2:]) for each in (self.contracts.bridge, self.contracts.token))
        terms = terms_of(route_id=ROUTE_ID, bridge=bridge, token=token, observe_step=2, lock_ttl_ms=86_400_000, limits=LIMITS)
        members = tuple(Member(key.address, name) for key, name in zip(self.keys, WITNESSES, strict=True))
        self.ledger = BridgedWorld(body=defined(terms=terms, attestors=members))
        self.chain.restart(self.ledger.time_ms // 1_000)
        self._changes: list[ProvenRoute] = []
        self.changes()
        self.fuses = {name: Fuse() for name in (*WITNESSES, "relayer")}
        self.there = {name: There(self.chain, self.contracts, fuse) for name, fuse in self.fuses.items()}
        self.here = {name: Here(self, name, fuse) for name, fuse in self.fuses.items()}
        for name, key in zip(WITNESSES, self.keys, strict=True):
            Marks.create(folder / name / "marks", key.address).close()
        self.shown: list[Inspection] = []
        self._open: dict[str, tuple[Attestor, Marks]] = {}
        self.relayer = Relayer(self.here["relayer"], self.there["relayer"], self.there["relayer"])

    def changes(self) -> list[ProvenRoute]:
        """Return what a node keeps: the record at each height where it changed."""
        newest = newest_of(self.ledger)
        if not self._changes or self._changes[-1].route != newest.route:
            self._changes.append(newest)
        return self._changes

    def attestor(self, name: str) -> Attestor:
        """Return an attestor's process, started if it does not run."""
        if name not in self._open:
            key = FileKey(self.keys[WITNESSES.index(name)].secret.to_bytes(32, "big"))
            marks = Marks.open(self.folder / name / "marks", key.address)
            here, there = self.here[name], self.there[name]
            made = Attestor(
                home=here,
                speaker=Speaker(here, Signer(key, marks), name),
                watcher=Watcher(here, there, name, 1),
                inspector=Inspector(here, there, name, now=lambda: self.chain.now),
                cursor=CursorFile(self.folder / name / "cursor.json", AttestorState),
                shown=self.shown.append,
            )
            self._open[name] = (made, marks)
        return self._open[name][0]

    def end(self, name: str) -> None:
        """Let a process end, as a kill does: nothing is saved."""
        if name in self._open:
            self._open.pop(name)[1].close()
        if name == "relayer":
            self.relayer = Relayer(self.here["relayer"], self.there["relayer"], self.there["relayer"])

    def lock(self, amount: int) -> None:
        """Lock for Alice."""
        if self.ledger.lock(amount, MAIN_A, bytes.fromhex(ALICE[2:])):
            raise AssertionError(amount)
        self.changes()

    def burn(self, amount: int) -> None:
        """Let Alice burn for bank-a."""
        self.contracts.token.send(ALICE, "approve", self.contracts.bridge.address, amount)
        self.contracts.bridge.send(ALICE, "burn", amount, ledger_recipient(MAIN_A))

    def later(self, seconds: int) -> None:
        """Let time pass on both sides."""
        self.ledger.time_ms += seconds * 1_000
        self.chain.wait(seconds)
        self.chain.mine()

    def contract(self, name: str) -> int:
        """Return a number of the contract's state."""
        found = self.contracts.bridge.record("state")[name]
        assert isinstance(found, int)
        return found


def newest_of(world: BridgedWorld) -> ProvenRoute:
    """Route as it is, at the newest block here."""
    return ProvenRoute(world.route, Point(world.height, block_id(world.height), world.time_ms - 1_000))


def block_id(height: int) -> bytes:
    """Id of the ledger's block of a height."""
    return sha256(b"block here %d" % height).digest()


def steps(whole: Whole, names: tuple[str, ...] = WITNESSES[:3], times: int = 4) -> None:
    """Let attestors and the relayer go on; what cannot be done now is tried again."""
    for _ in range(times):
        for name in names:
            with suppress(BridgeError):
                whole.attestor(name).step()
        whole.relayer.step()
