"""A node as a process: prepare, start, run until told to stop, stop in order, and say why in one sentence and an exit code.

The only place that catches everything: what was not foreseen is our fault, is logged with its trace, and stops the node with its own code.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ledger.keys import public_key_of
from node.api.app import build_app, build_runner
from node.api.backend import Backend
from node.api.listener import open_listener
from node.auditlog import AuditLog
from node.config import ConfigError, load_config
from node.denied import DeniedList
from node.diagnosis import watch
from node.errors import OurFault
from node.fatal import Fatal
from node.files import DiskFiles, FolderInUse
from node.lastwords import forget_last_words, keep_last_words
from node.logs import start_logs
from node.parts import join, secure
from node.peers import client_session
from node.prepare import prepare
from node.ranges import serve_blocks
from node.reads import Reads
from node.registry import Registry
from node.roles import Roles
from node.secrets import serve_secrets
from node.snapshot_serve import offer_snapshots
from node.snapshot_start import run_begin
from node.standing import Standing
from node.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aiohttp import web

    from ledger.errors import LedgerError
    from ledger.transactions.bodies import Transaction
    from node.api.backend import PoolFull
    from node.config import Config
    from node.gossip import Gossip
    from node.mempool import Mempool
    from node.parts import Parts
    from node.prepare import Prepared

GARBAGE_THRESHOLDS = (50_000, 50, 50)
"""A full collection walks every record in memory, a pause of a second at a million accounts; what a block leaves behind is no garbage."""

log = structlog.get_logger("node")


def run_node(config: Config) -> int:
    """Run a node until SIGTERM or SIGINT; return the exit code: 0 stopped as told, else that of the fault (node/README.md)."""
    folder = config.data_folder
    try:
        start_logs(config)
        if not run_begin(config):
            keep_last_words(folder, 0, "")
            return 0
        prepared = prepare(config)
        forget_last_words(folder)
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        try:
            _loop(Node(prepared).run)
        finally:
            prepared.close()
    except FolderInUse as fault:  # the folder's last words are those of the node that runs on it
        return _say(fault)
    except Fatal as fault:
        return _end(folder, fault)
    except Exception as fault:  # the outermost edge: our fault, told with its trace
        log.critical("our fault", exc_info=fault)
        return _end(
            folder, OurFault(f"a fault in the program stopped the node: {type(fault).__name__}: {fault}; the log has the trace, report it")
        )
    keep_last_words(folder, 0, "")
    return 0


def run(path: Path) -> int:
    """Read a configuration file and run the node."""
    try:
        config = load_config(path)
    except ConfigError as fault:
        return _say(fault)
    return run_node(config)


def _end(folder: Path, fault: Fatal) -> int:
    """Say why the node ends, also to whoever looks at its data folder later."""
    keep_last_words(folder, fault.exit_code, str(fault))
    return _say(fault)


def _say(fault: Fatal) -> int:
    sys.stderr.write(f"som node: {fault}\n")
    sys.stderr.flush()
    return fault.exit_code


def _loop(work: Callable[[], object]) -> None:
    """Run on uvloop where it is installed, else on asyncio's own loop; both are tested."""
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        factory = asyncio.new_event_loop
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work())  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class ClientPool:
    """The pool as the client API sees it: admission through gossip, so that what is kept is passed on (M1)."""

    gossip: Gossip
    pool: Mempool

    async def admit(self, transactions: Sequence[Transaction]) -> Sequence[LedgerError | PoolFull | None]:
        """Verify, check, keep and pass on."""
        return await self.gossip.admit(transactions)

    def find(self, tx_id: bytes) -> Transaction | None:
        """Transaction waiting here."""
        return self.pool.find(tx_id)

    def find_ref(self, ref_id: bytes) -> Transaction | None:
        """Transaction waiting here with this (from, ref)."""
        return self.pool.find_ref(ref_id)

    @property
    def count(self) -> int:
        """Transactions waiting."""
        return self.pool.count

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return self.pool.bytes


def serve_gets(parts: Parts) -> list[web.RouteDef]:
    """Plain GETs of the peer listener: ranges of blocks, and the secret of a participant for who services it."""
    return [serve_blocks(parts.chain, parts.peers.caller_of), serve_secrets(parts.chain, parts.peers.caller_of)]


class Node:
    """One running node."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._stopped = asyncio.Event()
        self._fault: BaseException | None = None
        self.api_port = 0
        """Of the client listener, once it is open."""
        self.peer_port = 0
        self._roles: Roles | None = None

    @property
    def voting(self) -> bool:
        """Whether it runs, and votes in the current epoch."""
        return self._roles is not None and self._roles.voting

    def stop(self) -> None:
        """Ask the node to stop."""
        self._stopped.set()

    def fail(self, fault: BaseException) -> None:
        """Stop because of a fault; the first one is the one that is told."""
        if self._fault is None:
            self._fault = fault
        self._stopped.set()

    async def run(self, started: Callable[[Node], None] | None = None) -> None:
        """Run until told to stop. `started` is called once both listeners are open.

        Raises
        ------
        Fatal
            Why it cannot go on.
        """
        prepared, config = self._prepared, self._prepared.config
        secured, denied = secure(config.peer), DeniedList(config.data_folder)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        async with client_session() as session:
            parts = join(prepared, session, secured, self.fail)
            roles = self._roles = Roles(parts, prepared.voter, public_key_of(prepared.node_seed))
            runner = build_runner(build_app(self._backend(parts, roles)))
            try:
                parts.tasks.spawn(parts.gossip.run(), "gossip")
                parts.peers.deny(denied.keys)
                parts.tasks.spawn(denied.watch(parts.peers.deny), "denied")
                roles.start()
                snapshots = offer_snapshots(parts, roles.flush)
                await parts.peers.listen(config.peer, [*serve_gets(parts), *snapshots], secured.server)
                await self._open_api(runner)
                parts.peers.call(parts.addresses(), session, secured.client)
                self.peer_port = parts.peers.port
                tip = parts.chain.tip.facts
                log.info("running", chain=parts.chain.chain_id.hex(), height=tip.height, epoch=parts.chain.epoch_number, votes=roles.voting)
                if started is not None:
                    started(self)
                await self._stopped.wait()
            finally:
                for number in (signal.SIGTERM, signal.SIGINT):
                    loop.remove_signal_handler(number)
                await self._close(parts, roles, runner)
        if self._fault is not None:
            raise self._fault

    async def _open_api(self, runner: web.AppRunner) -> None:
        self.api_port = await open_listener(runner, self._prepared.config.api)

    async def _close(self, parts: Parts, roles: Roles, runner: web.AppRunner) -> None:
        """Stop in order: clients, peers, everything that runs, then what is final goes to the store unless it is the store that failed."""
        log.info("stopping")
        await runner.cleanup()
        await parts.peers.close()
        await parts.tasks.cancel()
        await roles.close()
        if not isinstance(self._fault, Fatal):
            await parts.chain.flush()
        log.info("stopped", height=parts.chain.tip.facts.height)

    def _backend(self, parts: Parts, roles: Roles) -> Backend:
        config = self._prepared.config
        standing = Standing(
            name=config.name,
            version=VERSION,
            chain=parts.chain,
            peers=parts.peers,
            roles=roles,
            peers_known=len(config.peers),
        )
        return Backend(
            reads=Reads(parts.chain),
            pool=ClientPool(parts.gossip, parts.pool),
            node=standing,
            diagnosis=watch(parts, roles),
            registry=Registry(parts.chain, public_key_of(self._prepared.node_seed), AuditLog(DiskFiles(), config.data_folder)),
            metrics=parts.metrics,
            fail=self.fail,
        )
