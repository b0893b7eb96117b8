"""Orders to a running devnet: a Unix socket in its data folder, one JSON line asked, one answered, for the user alone who started it.

The folder is locked while a devnet runs on it, so that it is neither started twice nor taken away beneath its nodes. The socket is reached
through the folder's descriptor, since the path of a Unix socket may have 107 bytes and that of a folder more.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, Self

import msgspec
from msgspec import Struct

from devnet.client import Refused
from devnet.cuts import Cuts, NotTaken
from devnet.network import NotReady
from devnet.ports import NoFreePorts
from devnet.processes import NodeFailed
from node.config import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from devnet.network import Network
    from devnet.processes import NodeProcess

SOCKET = "control.sock"
LINE_BYTES_MAX = 65_536
ASK_SECONDS_MAX = 10
"""How long a client may take to say what it wants."""
ANSWER_SECONDS_MAX = 150
"""How long an order may take: a node that is started again has a minute, a network that stops a quarter of one."""
LEAVE_SECONDS_MAX = 1


class ControlFault(Exception):
    """An order that was not carried out; the text is one sentence."""

    exit_code: ClassVar[int] = 1


class Refusal(ControlFault):
    """It makes no sense as things are."""


class NotRunning(ControlFault):
    """There is no devnet that could be asked."""

    exit_code = 3


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """One order."""

    verb: Literal["status", "kill", "pause", "resume", "partition", "heal", "down", "add-validator"]
    nodes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """The other side of a partition; empty: every other node."""


class NodeLine(Struct, frozen=True):
    """How one node stands."""

    name: str
    role: str
    state: Literal["running", "paused", "stopped"]
    pid: int
    api_url: str
    peer_url: str
    cut_from: tuple[str, ...] = ()
    """Nodes that it has nothing to do with until `heal`."""


class ProcessLine(Struct, frozen=True):
    """How a process stands that is no node: a public chain, an attestor, a relayer."""

    name: str
    role: str
    state: Literal["running", "paused", "stopped"]
    pid: int
    url: str


class Answer(Struct, frozen=True):
    """The nodes after the order, or why it was refused."""

    pid: int
    nodes: tuple[NodeLine, ...]
    refusal: str = ""
    beside: tuple[ProcessLine, ...] = ()
    """Of a devnet with bridges."""


class Beside(Protocol):
    """What runs beside the nodes."""

    @property
    def processes(self) -> Sequence[NodeProcess]:
        """All of it."""

    @property
    def workers(self) -> Sequence[NodeProcess]:
        """Of that, what may be killed and started again."""


@contextmanager
def owned(folder: Path) -> Iterator[int]:
    """Hold the lock of a data folder; yield its descriptor.

    Raises
    ------
    Refusal
        A devnet runs on it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(f"a devnet runs on {folder}: end it first (som devnet down)") from None
        yield descriptor
    finally:
        os.close(descriptor)


class Control:
    """Takes orders for a network while it is open. Use as an async context manager, around the network."""

    def __init__(self, network: Network, stop: Callable[[], None]) -> None:
        self.network, self._stop = network, stop
        self.busy = ""
        """Why no fault may be made now; empty: one may."""
        self.beside: Beside | None = None
        self._one_at_a_time = asyncio.Lock()
        self._gone = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened = ExitStack()

    async def __aenter__(self) -> Self:
        with ExitStack() as opened:
            listener = opened.enter_context(_listener(opened.enter_context(owned(self.network.plan.data))))
            server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_BYTES_MAX)
            opened.callback(server.close)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._opened.close()
        self._gone.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=LEAVE_SECONDS_MAX)
            for task in late:
                task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a connection is served outside a task")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            async with asyncio.timeout(ASK_SECONDS_MAX):
                line = await reader.readline()
            request = msgspec.json.decode(line, type=Request)
            writer.write(msgspec.json.encode(await self._answer(request)) + b"\n")
            await writer.drain()
            if request.verb == "down":
                self._stop()
                await self._gone.wait()  # the client reads until the end, and then the folder is free
        except (ConnectionError, TimeoutError, ValueError):
            return  # a client that is gone, too slow, or speaks something else: nothing was done
        finally:
            writer.close()

    async def _answer(self, request: Request) -> Answer:
        try:
            async with self._one_at_a_time:
                await self._obey(request)
            cuts = Cuts(self.network.nodes)
            nodes = tuple(_line(node, cuts.of(node.name)) for node in self.network.nodes)
            others = self.beside.processes if self.beside is not None else ()
            lines = tuple(ProcessLine(each.name, each.role, each.state, each.pid, each.api_url) for each in others)
            return Answer(os.getpid(), nodes, beside=lines)
        except (Refusal, NodeFailed, NotReady, NotTaken, ConfigError, NoFreePorts, Refused, OSError) as problem:
            return Answer(os.getpid(), (), str(problem))

    async def _obey(self, request: Request) -> None:
        if request.verb in ("status", "down"):
            return
        if self.busy:
            raise Refusal(self.busy)
        if request.verb == "add-validator":
            for name in request.nodes:
                await self.network.add(name)
            return
        if request.verb in ("kill", "pause", "resume"):
            workers = self.beside.workers if self.beside is not None else ()
            await self._touch(request.verb, [self._named(name, *workers) for name in dict.fromkeys(request.nodes)])
            return
        nodes = [self._named(name) for name in dict.fromkeys(request.nodes)]
        match request.verb:
            case "partition":
                await self._partition(nodes, [self._named(name) for name in dict.fromkeys(request.others)])
            case "heal":
                await Cuts(self.network.nodes).heal(node.name for node in nodes or self.network.nodes)

    async def _touch(self, verb: str, nodes: list[NodeProcess]) -> None:
        """Kill, pause or resume processes."""
        match verb:
            case "kill":
                _insist(nodes, ("running", "paused"), "runs no more")
                await asyncio.gather(*(node.kill() for node in nodes))
            case "pause":
                _insist(nodes, ("running",), "does not run, or is paused already")
                for node in nodes:
                    node.pause()
            case "resume":
                _insist(nodes, ("paused", "stopped"), "runs already")
                await asyncio.gather(*(self._resume(node) for node in nodes))

    async def _partition(self, group: list[NodeProcess], others: list[NodeProcess]) -> None:
        """Cut a group off from the others named, else from all others."""
        others = others or [node for node in self.network.nodes if node not in group]
        if not others or any(node in group for node in others):
            raise Refusal("a node cannot be cut off from itself: name nodes for one side only")
        await Cuts(self.network.nodes).cut([node.name for node in group], [node.name for node in others])

    async def _resume(self, node: NodeProcess) -> None:
        """Let a paused node go on; start one that was killed, and wait until it answers."""
        if node.state == "paused":
            node.go_on()
            return
        await node.start()
        if node in self.network.nodes:
            await self.network.alive(node)

    def _named(self, name: str, *workers: NodeProcess) -> NodeProcess:
        """Return the node of this name, or the process of a bridge."""
        for node in (*self.network.nodes, *workers):
            if node.name == name:
                return node
        raise Refusal(f"there is no node {name[:64]}: this network has {', '.join(node.name for node in self.network.nodes)}")


@contextmanager
def _listener(folder: int) -> Iterator[socket.socket]:
    """Open the socket in the folder of this descriptor; take it away at the end."""
    path = Path(f"/proc/self/fd/{folder}/{SOCKET}")
    path.unlink(missing_ok=True)  # of a devnet that was killed: the lock says that it is gone
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(path))
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _insist(nodes: list[NodeProcess], states: tuple[str, ...], otherwise: str) -> None:
    """All or nothing: refuse before any node is touched."""
    for node in nodes:
        if node.state not in states:
            raise Refusal(f"{node.name} {otherwise}")


def _line(node: NodeProcess, cut_from: tuple[str, ...]) -> NodeLine:
    return NodeLine(node.name, node.role, node.state, node.pid, node.api_url, node.peer_url, cut_from)


def ask(folder: Path, request: Request) -> Answer:
    """Give an order to the devnet that runs on a folder, and wait until it is carried out.

    Raises
    ------
    NotRunning
        None does, or it ended before it answered.
    Refusal
        It refused.
    """
    with ExitStack() as opened:
        connection = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        connection.settimeout(ANSWER_SECONDS_MAX)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, descriptor)
            connection.connect(f"/proc/self/fd/{descriptor}/{SOCKET}")
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise NotRunning(f"no devnet runs on {folder}: start one (som devnet up), or name its folder with --data") from None
        try:
            connection.sendall(msgspec.json.encode(request) + b"\n")
            text = opened.enter_context(connection.makefile("rb"))
            line = text.readline(LINE_BYTES_MAX)
            if request.verb == "down":
                text.read(1)  # nothing more is said: this returns when the devnet is gone
            answer = msgspec.json.decode(line, type=Answer)
        except (OSError, msgspec.MsgspecError):
            raise NotRunning(f"the devnet on {folder} gave no answer: ask again (som devnet status)") from None
    if answer.refusal:
        raise Refusal(answer.refusal)
    return answer
