"""The ledger as a process of the bridge sees it (`bridge.home.Home`): over HTTP, and believed only as far as signatures reach (K23).

Transactions carry a reference that their content and the minute give: a process that is killed and started again sends the same one, which
the network takes once, and what it refused is tried again a minute later.
"""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, ParamSpec, TypeVar

from bridge.attest import Point
from bridge.home import Contradiction, Countersigned, HomeDistrusted, HomeRefused, HomeUnreachable, LockLine, ProvenRoute
from cli.client import NodeRefusal, NotThere
from cli.faults import CommandFault, Distrust, Unreachable
from cli.proof import trusted
from cli.sending import How, make_transaction, open_outbox, submit
from cli.session import Session
from cli.times import now_ms
from cli.verify import Moment, Newest, verify_state
from ledger.attestations import Attestation, Sighting
from ledger.bridges import BridgeRoute, Lock, Rotation, Word, lock_key, rotation_key, route_key
from ledger.canonical import encode
from ledger.errors import LedgerError
from ledger.transactions.bodies import Attest, OrderLift, OrderPut
from ledger.transactions.bridge_bodies import BridgeIn, BridgeSet
from node.api.bridge_structs import (
    BridgeAttestation,
    BridgeRouteBody,
    Contradictions,
    LockBody,
    Locks,
    ReleaseBody,
    RotationBody,
    RouteChanges,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.bridges import Burn, Expiry, Mint
    from ledger.orders import Order
    from ledger.proofs import ProvenState
    from ledger.state import Record
    from ledger.transactions.bodies import Body
    from node.keystore import KeyFile

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound="Record")
MINUTE_MS: Final = 60_000
NO_HASH: Final = bytes(32)
REASON_CHARACTERS_MAX: Final = 140


class LongSession(Session):
    """A session that signs all day: keys are opened once."""

    _opened: dict[str, bytes]

    def open(self, key: KeyFile) -> bytes:
        """Seed of a key."""
        if not hasattr(self, "_opened"):
            self._opened = {}
        if key.public_key not in self._opened:
            self._opened[key.public_key] = super().open(key)
        return self._opened[key.public_key]


def faults_told(function: Callable[P, T]) -> Callable[P, T]:
    """Turn what a command would fail with into what a loop of the bridge knows."""

    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Distrust as problem:
            raise HomeDistrusted(reason=str(problem)) from None
        except (Unreachable, CommandFault, LedgerError) as problem:
            raise HomeUnreachable(reason=str(problem)) from None

    return told


class HttpHome:
    """One route of the ledger, for one participant (or for a relayer, who says nothing)."""

    def __init__(self, session: Session, route: str, by: str) -> None:
        self._session, self._route, self._by = session, route, by
        self._trusted = trusted(session)
        self._newest = Newest(session.state_folder, session.chain)

    # --- what is proven ----------------------------------------------------------------------------------------------------

    @faults_told
    def newest(self) -> ProvenRoute:
        """Record of the route as of now."""
        found = self._session.client.get(self._path(), BridgeRouteBody, {"proof": "1"})
        proven = self._proven(found.proof, None)
        return _route_of(proven, self._record(proven, route_key(self._route), BridgeRoute))

    @faults_told
    def changes(self, after: int) -> Sequence[ProvenRoute]:
        """Return the records at the heights above `after` at which the route changed."""
        found = self._session.client.get(self._path("changes"), RouteChanges, {"after": str(after)})
        made: list[ProvenRoute] = []
        for each in found.changes:
            if each.height <= (made[-1].at.height if made else after):
                raise Distrust("heights at which the route changed do not rise: do not believe this node")
            proven = self._proven(each.proof, each.height)
            made.append(_route_of(proven, self._record(proven, route_key(self._route), BridgeRoute)))
        return made

    @faults_told
    def rotation(self, epoch: int) -> Rotation:
        """Return a set of attestors."""
        found = self._session.client.get(self._path(f"rotations/{epoch}"), RotationBody, {"proof": "1"})
        return self._record(self._proven(found.proof, None), rotation_key(self._route, epoch), Rotation)

    @faults_told
    def lock(self, nonce: int) -> Lock:
        """Return a lock as of now."""
        found = self._session.client.get(self._path(f"locks/{nonce}"), LockBody, {"proof": "1"})
        return self._record(self._proven(found.proof, None), lock_key(self._route, nonce), Lock)

    # --- what is not -------------------------------------------------------------------------------------------------------

    @faults_told
    def locks(self, after: int) -> Sequence[LockLine]:
        """Locks above a nonce."""
        found = self._session.client.get(self._path("locks"), Locks, {"after": str(after)})
        lines = [LockLine(each.nonce, each.state, each.deadline) for each in found.locks]
        if any(line.nonce != after + place for place, line in enumerate(lines, 1)):
            raise Distrust("locks do not follow one another: do not believe this node")
        return lines

    @faults_told
    def signatures(self, what: str, number: int) -> Sequence[Countersigned]:
        """Return what attestors signed of one kind and number."""
        try:
            query = {"what": what, "number": str(number)}
            found = self._session.client.get(self._path("attestation"), BridgeAttestation, query)
        except NotThere:
            return ()
        return [Countersigned(_hex(each.address), _hex(each.signature)) for each in found.signatures]

    @faults_told
    def attested(self, what: str) -> int:
        """Return the newest number of a kind that enough attestors have signed."""
        try:
            found = self._session.client.get(self._path("attestation"), BridgeAttestation, {"what": what})
        except NotThere:
            return 0
        return found.number if len(found.signatures) >= found.needed else 0

    @faults_told
    def burned_at(self) -> int:
        """Return the block of the newest burn that the ledger has agreed on."""
        burns = self._session.client.get(self._path(), BridgeRouteBody).burns
        return self._session.client.get(self._path(f"releases/{burns}"), ReleaseBody).block if burns else 0

    @faults_told
    def contradictions(self) -> Sequence[Contradiction]:
        """Return which attestors contradict themselves or the others."""
        found = self._session.client.get(self._path("contradictions"), Contradictions).contradictions
        return [Contradiction(each.participant, each.what, each.number) for each in found]

    # --- what is said ------------------------------------------------------------------------------------------------------

    def tell(self, fact: Burn | Expiry | Mint) -> int:
        """Vote on what was seen there."""
        return self._send(BridgeIn(self._route, self._by, fact))

    def sight(self, sighting: Sighting) -> int:
        """Say what was seen at a common block."""
        return self._attest("foreign", sighting)

    def sign(self, word: Word) -> int:
        """Leave a signature for the other chain."""
        return self._attest("bridge", word)

    def pause(self, order: Order) -> int:
        """Give an order that stops the route."""
        return self._send(OrderPut(order))

    def lift(self, order: str, reason: str) -> int:
        """Lift an order of this participant's own."""
        return self._send(OrderLift(order, sha256(reason.encode()).digest()))

    def halt(self, reason: str) -> int:
        """Halt the route."""
        return self._send(BridgeSet(self._route, None, "halted", None, immediate=False, source=None, reason=reason[:REASON_CHARACTERS_MAX]))

    def _attest(self, kind: Literal["bridge", "foreign"], value: Sighting | Word) -> int:
        newest = self.newest()
        about = f"{newest.route.terms.asset}:{self._route}"
        as_of = min(now_ms(), newest.at.time_ms)
        if isinstance(value, Word):  # the very same transaction within a minute
            as_of -= as_of % MINUTE_MS
        return self._send(Attest(Attestation(about, kind, about, value, as_of, 0, NO_HASH, "", self._by)), value)

    @faults_told
    def _send(self, body: Body, content: Sighting | Word | None = None) -> int:
        """Send a transaction and wait for its receipt; return the code."""
        minute = now_ms() // MINUTE_MS
        digest = sha256(encode((type(body).__name__, content if content is not None else body))).hexdigest()
        how = How(ref=f"{digest[:24]}-{minute}", wait=True, renew=True)
        try:
            transaction = make_transaction(self._session, body, sender=self._by, needed=((self._by, "ops"),), how=how)
            open_outbox(self._session).keep(transaction)
            result = submit(self._session, transaction, how)
        except NodeRefusal as refused:
            return refused.error.code
        if result.receipt is None:
            raise HomeRefused(what=f"{transaction.type} {result.tx_id[:16]}, which is {result.status}", code=0)
        return result.receipt.code

    # --- inside ------------------------------------------------------------------------------------------------------------

    def _path(self, more: str = "") -> str:
        return f"/v1/bridge/routes/{self._route}" + (f"/{more}" if more else "")

    def _proven(self, text: str, at: int | None) -> ProvenState:
        try:
            data = a2b_base64(text, strict_mode=True)
        except (NotBase64, ValueError):
            raise Distrust("the proof is not base64: do not believe this node") from None
        proven = verify_state(data, self._trusted, Moment(now_ms(), self._newest.read(), at))
        self._newest.raise_to(proven.block.header.height)
        return proven

    def _record(self, proven: ProvenState, key: str, kind: type[R]) -> R:
        record = proven.records.get(key)
        if not isinstance(record, kind):
            raise Distrust(f"the proof is not of {key}: do not believe this node")
        return record


def _route_of(proven: ProvenState, route: BridgeRoute) -> ProvenRoute:
    header = proven.block.header
    return ProvenRoute(route, Point(header.height, proven.block.block_id, header.time_ms))


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Distrust("a signature is not hex: do not believe this node") from None
