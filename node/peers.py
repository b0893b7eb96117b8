"""The peer network: a listener for callers, a caller of those whose address is known, a link for each node that passed the handshake.

Not here: what frames say (`node.inbox`), and who is listed (the caller's `Roster`). Of a pair of validators, the one with the smaller
node key calls, and the other one too where no link came for a while: it may be the only one that knows an address. A node that does not
vote calls the validators. Who votes changes with the epoch; links outlive that, they are only labelled anew. A node that lies or sends
garbage is cut off and not let in again for a while; one that the operator denies (`node.denied`), until it is denied no more.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Protocol

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, WSServerHandshakeError, web

from node.errors import AddressInUse
from node.greeting import greet_caller, greet_server, token_back
from node.link import LaneSocket, Link
from node.wire import Lane, WireError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Sequence

    from consensus.types import ValidatorId
    from node.config import PeerConfig, PeerEntry
    from node.greeting import Identity
    from node.tasks import Tasks

LINKS_MAX = 512
"""Nodes connected at once: every validator and a peer or two of every participant."""
PENDING_MAX = 64
"""Callers in the handshake at once; each costs a signature and up to five seconds."""
BACKOFF_SECONDS = (0.1, 2.0)
"""First and longest pause between two calls, each lengthened by up to half at random, so that a network does not call in step."""
LOOK_SECONDS = 1.0
"""How often whoever need not call looks whether it must now."""
PATIENCE_SECONDS = 5.0
"""So long the validator with the larger node key waits for the other one's call before it calls itself."""
PART_SECONDS = 3.0
"""How long after a boundary the links of those who are listed no more stay open."""
BAN_SECONDS = (5.0, 300.0)
"""First and longest time that a liar is kept out; doubled each time."""
BANS_MAX = 1_024

log = structlog.get_logger("peers")


class Roster(Protocol):
    """Whom the ledger lists."""

    def validator_of(self, node_key: bytes) -> ValidatorId | None:
        """Index of the validator with this node key."""
        ...

    def name_of(self, node_key: bytes) -> str | None:
        """Name of the participant that has registered this node key; None: not listed."""
        ...


class Receiver(Protocol):
    """What happens to frames and links."""

    async def receive(self, link: Link, lane: Lane, data: bytes) -> None:
        """Take one frame; the next one is read when this returns.

        Raises
        ------
        WireError
            No honest node sends this: the peer is cut off.
        """
        ...

    def connected(self, link: Link) -> None:
        """Both lanes are open."""
        ...

    def disconnected(self, link: Link) -> None:
        """One of the lanes has closed."""
        ...


class Peers:
    """All links of one node."""

    def __init__(self, identity: Identity, roster: Roster, tasks: Tasks) -> None:
        self._identity, self._roster, self._tasks = identity, roster, tasks
        self.receiver: Receiver | None = None
        """Set before `listen` and `call`, and again when an epoch begins."""
        self._key = identity.key
        self._links: dict[bytes, Link] = {}
        self._tokens: dict[bytes, Link] = {}
        self._bans: dict[bytes, tuple[float, float]] = {}
        """Node key -> (until, seconds of the ban); loop time."""
        self._denied: frozenset[bytes] = frozenset()
        """Node keys on the operator's own list."""
        self._pending = 0
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None
        self._tls: ssl.SSLContext | None = None
        self._calling: dict[bytes, tuple[PeerEntry, list[asyncio.Task[None]]]] = {}
        """Node key -> whom to call, and the tasks that do, one per lane."""
        self.port = 0
        """Of the listener, once it is open."""

    # --- sending ------------------------------------------------------------------------------------------------------

    def links(self) -> list[Link]:
        """Links with both lanes open."""
        return [link for link in self._links.values() if link.connected]

    def link_of(self, validator: ValidatorId) -> Link | None:
        """Link to a validator; None where it is not connected."""
        return next((link for link in self._links.values() if link.validator == validator and link.connected), None)

    def link_by_key(self, node_key: bytes) -> Link | None:
        """Link to the node with this key; None where it is not connected."""
        link = self._links.get(node_key)
        return link if link is not None and link.connected else None

    def to_validators(self, lane: Lane, data: bytes) -> None:
        """Queue a frame for every validator."""
        for link in self._links.values():
            if link.validator is not None:
                link.send(lane, data)

    def to_followers(self, lane: Lane, data: bytes) -> None:
        """Queue a frame for every node that does not vote."""
        for link in self._links.values():
            if link.validator is None:
                link.send(lane, data)

    def followed(self) -> bool:
        """Whether any node that does not vote is connected."""
        return any(link.validator is None for link in self._links.values())

    def caller_of(self, request: web.Request) -> Link | None:
        """Link whose token a plain GET carries (`Authorization: Bearer`); None where it is unknown or its link is closed."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            return self._tokens.get(bytes.fromhex(token)) if scheme == "Bearer" else None
        except ValueError:
            return None

    def cut(self, link: Link, error: WireError) -> None:
        """Cut a liar off and keep it out for a while."""
        now = asyncio.get_running_loop().time()
        _, last = self._bans.get(link.node_key, (0.0, BAN_SECONDS[0] / 2))
        seconds = min(2 * last, BAN_SECONDS[1])
        while len(self._bans) >= BANS_MAX:
            del self._bans[next(iter(self._bans))]
        self._bans[link.node_key] = (now + seconds, seconds)
        log.warning("peer cut off", peer=link.name, kind=error.kind, why=str(error), seconds=seconds)
        self._hang_up(link)

    def deny(self, keys: frozenset[bytes]) -> None:
        """Have nothing to do with these nodes from now on: their links close, they are not let in and not called.

        A node that is no longer among them is let in and called as before.
        """
        self._denied = keys
        for link in self._links.values():
            if link.node_key in keys:
                log.warning("peer denied", peer=link.name)
                self._hang_up(link)

    @property
    def denied(self) -> int:
        """How many nodes the operator denies."""
        return len(self._denied)

    def _hang_up(self, link: Link) -> None:
        for socket in link.sockets():
            self._tasks.spawn(socket.close(), f"close {link.name}")

    # --- life ---------------------------------------------------------------------------------------------------------

    async def listen(self, config: PeerConfig, routes: Sequence[web.RouteDef], tls: ssl.SSLContext | None) -> None:
        """Open the listener: the stream and the plain GETs in `routes`.

        Raises
        ------
        AddressInUse
            The address is taken, or not one of this machine.
        """
        app = web.Application(client_max_size=1_024)
        app.add_routes([web.get("/peer/v1/stream", self._stream), *routes])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, config.host, config.port, ssl_context=tls)
        try:
            await site.start()
        except OSError as problem:
            raise AddressInUse(
                f"the peer listener cannot open {config.host}:{config.port}: {problem.strerror}; stop what holds it or change peer.port"
            ) from problem
        self.port = self._runner.addresses[0][1]

    def call(self, entries: Sequence[PeerEntry], session: ClientSession, tls: ssl.SSLContext | None) -> None:
        """Start to call these nodes, where that is on us; each until `aim` leaves it out."""
        self._session, self._tls = session, tls
        self.aim(entries)

    def aim(self, entries: Iterable[PeerEntry]) -> None:
        """Call these nodes from now on, and no others; links that are open stay open. Nothing happens before `call`."""
        if self._session is None:
            return
        wanted = {key: entry for entry in entries if (key := bytes.fromhex(entry.node_key)) != self._key}
        for key, (entry, tasks) in list(self._calling.items()):
            if wanted.get(key) != entry and self._links.get(key) is None:
                for task in tasks:
                    task.cancel()
                del self._calling[key]
        for key, entry in wanted.items():
            if key not in self._calling:
                tasks = [self._tasks.spawn(self._keep_calling(entry, key, lane), f"call {entry.name} {lane.value}") for lane in Lane]
                self._calling[key] = (entry, tasks)

    def relabel(self) -> None:
        """Look up anew who is who: another set is in force. Links stay open; those of nodes that the ledger lists no more close soon."""
        for link in self._links.values():
            link.validator = self._roster.validator_of(link.node_key)
        self._tasks.spawn(self._part(), "part")

    async def _part(self) -> None:
        """Give who left the time to hear how its last epoch ended; then close its link, unless it is listed again."""
        await asyncio.sleep(PART_SECONDS)
        for link in self._links.values():
            if link.listed and self._roster.name_of(link.node_key) is None:
                log.info("peer is listed no more", peer=link.name)
                self._hang_up(link)

    async def close(self) -> None:
        """Close every link and the listener."""
        await asyncio.gather(*(socket.close() for link in self._links.values() for socket in link.sockets()))
        if self._runner is not None:
            await self._runner.cleanup()

    def _patience(self, key: bytes) -> float | None:
        """Seconds without a link after which it is on us to call this node: 0 where it is always, None where it never is."""
        if key in self._denied:
            return None
        mine = self._roster.validator_of(self._key) is not None
        theirs = self._roster.validator_of(key) is not None
        if self._key < key if mine == theirs else theirs:
            return 0.0
        return PATIENCE_SECONDS if mine and theirs else None

    # --- being called -------------------------------------------------------------------------------------------------

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        try:
            lane = Lane(request.query.get("lane", ""))
        except ValueError:
            return web.Response(status=400, text="lane must be votes or bulk\n")
        if self._pending >= PENDING_MAX:
            return web.Response(status=503, text="too many callers at once; call again\n")
        socket = web.WebSocketResponse(max_msg_size=lane.frame_bytes_max, compress=False, autoping=False)
        await socket.prepare(request)
        self._pending += 1
        try:
            key, token = await greet_caller(socket, self._identity, self._refuse)
        except (WireError, ConnectionError, ClientError) as problem:
            log.info("caller not let in", address=request.remote, why=str(problem))
            await socket.close()
            return socket
        finally:
            self._pending -= 1
        if key in self._denied:  # since the handshake began
            await socket.close()
            return socket
        link = self._link(key)
        link.token = token_back(token)
        self._tokens[token] = link
        try:
            await self._run(link, LaneSocket(lane, socket))
        finally:
            del self._tokens[token]
        return socket

    def _refuse(self, key: bytes) -> str | None:
        """Why this key is not let in."""
        if key == self._key:
            return "this is your own node key: it must not run in two nodes"
        if key in self._denied:
            return "the operator of this node denies your node key; ask there why"
        if self._roster.name_of(key) is None:
            return f"the ledger does not list the node key {key.hex()}; have it registered by participant.put"
        until, _ = self._bans.get(key, (0.0, 0.0))
        left = until - asyncio.get_running_loop().time()
        if left > 0:
            return f"your last connection sent what no honest node sends; call again in {left:.0f} s"
        if len(self._links) >= LINKS_MAX and key not in self._links:
            return "this node has no place for another peer; call another one"
        return None

    # --- calling ------------------------------------------------------------------------------------------------------

    async def _keep_calling(self, entry: PeerEntry, key: bytes, lane: Lane) -> None:
        clock = asyncio.get_running_loop().time
        pause, said = BACKOFF_SECONDS[0], ""
        alone = clock()
        while True:
            patience = self._patience(key)
            link = self._links.get(key)
            if link is not None and link.open(lane):
                alone = clock()
            if patience is None or clock() - alone < patience or (link is not None and link.open(lane)):
                await asyncio.sleep(LOOK_SECONDS)
                continue
            began = clock()
            try:
                await self._call(entry, key, lane)
            except (WireError, ClientError, OSError, TimeoutError) as problem:
                if str(problem) != said:
                    said = str(problem)
                    log.info("peer not reached", peer=entry.name, lane=lane.value, why=said)
            if clock() - began > BACKOFF_SECONDS[1]:
                pause, said = BACKOFF_SECONDS[0], ""
            until, _ = self._bans.get(key, (0.0, 0.0))
            await asyncio.sleep(max(pause * random.uniform(1.0, 1.5), until - clock()))  # noqa: S311 - spreads calls, protects nothing
            pause = min(2 * pause, BACKOFF_SECONDS[1])

    async def _call(self, entry: PeerEntry, key: bytes, lane: Lane) -> None:
        if self._session is None:
            raise AssertionError("called before there is a session")
        url = f"{entry.url.rstrip('/')}/peer/v1/stream?lane={lane.value}"
        try:
            socket = await self._session.ws_connect(
                url,
                max_msg_size=lane.frame_bytes_max,
                compress=0,
                autoping=False,
                ssl=self._tls if self._tls is not None else True,
            )
        except WSServerHandshakeError as problem:
            raise WireError("handshake", f"{url} answers {problem.status}") from problem
        try:
            token = await greet_server(socket, self._identity, key)
            if key in self._denied:  # since the call began
                return
            link = self._link(key, entry.name)
            link.token, back = token, token_back(token)
            self._tokens[back] = link
            try:
                await self._run(link, LaneSocket(lane, socket))
            finally:
                del self._tokens[back]
        finally:
            await socket.close()

    # --- a lane's life ------------------------------------------------------------------------------------------------

    def _link(self, key: bytes, name: str = "") -> Link:
        link = self._links.get(key)
        if link is None:
            link = Link(key, name or self._roster.name_of(key) or key.hex()[:16], self._roster.validator_of(key))
            link.listed = self._roster.name_of(key) is not None
            self._links[key] = link
        return link

    def _receiver(self) -> Receiver:
        """Return who takes frames now: an epoch that begins brings another one."""
        if self.receiver is None:
            raise AssertionError("a link without a receiver")
        return self.receiver

    async def _run(self, link: Link, socket: LaneSocket) -> None:
        """Read one lane until it closes or its peer is cut off."""
        old = link.attach(socket)
        if old is not None:
            await old.close()
        tender = asyncio.get_running_loop().create_task(socket.tend(), name=f"tend {link.name} {socket.lane.value}")
        try:
            if link.connected:
                log.info("peer connected", peer=link.name, validator=link.validator)
                self._receiver().connected(link)
            async for data in socket.frames():
                await self._receiver().receive(link, socket.lane, data)
        except WireError as problem:
            self.cut(link, problem)
        finally:
            tender.cancel()
            was = link.connected
            link.detach(socket)
            if was and not link.connected:
                log.info("peer disconnected", peer=link.name)
                self._receiver().disconnected(link)
            if link.idle and self._links.get(link.node_key) is link:
                del self._links[link.node_key]
            await socket.close()


def client_session() -> ClientSession:
    """Session for all calls of a node: limits on connecting, none on how long a stream lives."""
    return ClientSession(timeout=ClientTimeout(total=None, connect=5.0), auto_decompress=False)
