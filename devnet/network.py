"""A network of real processes on loopback: made once in a data folder, started, watched, stopped. Use as an async context manager."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import aiohttp

from devnet.client import Client, Refused
from devnet.newcomer import make_newcomer, open_view_keys
from devnet.ports import free_run
from devnet.processes import NodeProcess
from devnet.wallet import Wallet
from ledger.genesis import GenesisError, chain_id, parse_genesis
from node.config import Config, load_config
from node.keystore import Keystore, open_key
from node.plan import trial_plan, with_ports
from node.provision import provision

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

READY_SECONDS_MAX = 60
POLL_SECONDS = 0.05
NOT_YET = (aiohttp.ClientError, TimeoutError, ConnectionError, Refused)
"""What asking a node that is just starting may come to."""
ISSUE_KEYSETS = ("operator/ops", "treasury/ops")
"""Two of the quorum of three; `ops` is also what every transaction from the operator needs."""


class NotReady(Exception):
    """A node did not become ready in time."""

    def __init__(self, *, name: str, reason: str, log: Path) -> None:
        super().__init__(f"{name} is not ready after {READY_SECONDS_MAX} s: {reason}; see {log}")


class NotADevnet(Exception):
    """The data folder holds something else, which is not taken away."""

    def __init__(self, *, folder: Path) -> None:
        super().__init__(f"{folder} is not empty and holds no devnet: name another folder with --data, or empty it yourself")


def has_devnet_genesis(folder: Path) -> bool:
    """Whether a folder holds the genesis document of a devnet, which the provision writes first."""
    try:
        return parse_genesis((folder / "genesis.json").read_text()).devnet
    except (OSError, UnicodeDecodeError, GenesisError):
        return False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for. Existing data in `data` is started again as it is; ports and sizes then come from it."""

    data: Path
    validators: int = 4
    peers: int = 2
    port_base: int = 8800
    absent: tuple[str, ...] = ()
    """Nodes of the network that are not started with it."""


class Network:
    """The nodes, and the keys of the roles operator, treasury, bank-a and bank-b."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        if not (plan.data / "som.toml").exists():  # the provision writes it last
            self._make()
        self.nodes = tuple(self._node(path) for path in sorted(plan.data.glob("*/node.toml")))
        self.validators = tuple(node for node in self.nodes if node.role == "validator")
        self.wallet = self._open_wallet()
        self.issue_keysets = ISSUE_KEYSETS

    def _make(self) -> None:
        """Make keys, genesis and configurations; a half-made folder of an attempt that failed goes first."""
        plan = self.plan
        if plan.data.exists() and any(plan.data.iterdir()):
            if not has_devnet_genesis(plan.data):
                raise NotADevnet(folder=plan.data)
            shutil.rmtree(plan.data)
        nodes = plan.validators + plan.peers
        provision(plan.data, with_ports(trial_plan(plan.validators, plan.peers), free_run(plan.port_base, 2 * nodes)))

    def _node(self, path: Path) -> NodeProcess:
        config: Config = load_config(path)
        return NodeProcess(
            name=config.name,
            config=path,
            log=path.parent / "node.log",
            api_url=f"http://{config.api.host}:{config.api.port}",
            peer_url=f"http://{config.peer.host}:{config.peer.port}",
            role=config.role,
        )

    def _open_wallet(self) -> Wallet:
        """Open the keystore that the provision wrote: its passphrase lies beside it, as befits money that is worth nothing."""
        data = self.plan.data
        passphrase = (data / "passphrase").read_bytes().strip()
        seeds = {(key.owner, key.keyset): open_key(key, passphrase) for key in Keystore(data / "keystore").all()}
        return Wallet(chain_id(parse_genesis((data / "genesis.json").read_text())), seeds)

    async def __aenter__(self) -> Self:
        try:
            present = [node for node in self.nodes if node.name not in self.plan.absent]
            await asyncio.gather(*(node.start() for node in present))
            await asyncio.gather(*(self.ready(node) for node in present))
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def add(self, name: str) -> NodeProcess:
        """Make the folder of one more validator node and start it: it follows until governance gives it a vote.

        Raises
        ------
        NotReady
            No node runs that could be asked, or the new one does not answer.
        """
        running = next((node for node in self.validators if node.state == "running"), None)
        if running is None:
            raise NotReady(name=name, reason="no validator runs that could be asked for the view keys", log=self.plan.data)
        async with Client(running.api_url) as client:
            keys = await open_view_keys(self.plan.data, client)
        node = self._node(make_newcomer(self.plan.data, name, keys))
        self.nodes, self.validators = (*self.nodes, node), (*self.validators, node)
        await node.start()
        await self.alive(node)
        return node

    async def stop(self) -> None:
        """Stop every node that runs."""
        await asyncio.gather(*(node.stop() for node in self.nodes if node.running))

    async def ready(self, node: NodeProcess) -> None:
        """Wait until a node says that it is ready; raises as `alive`."""
        await self._good(node, "/readyz")

    async def alive(self, node: NodeProcess) -> None:
        """Wait until a node answers: where no quorum runs, none is ready.

        Raises
        ------
        NodeFailed
            Its process ended.
        NotReady
            A minute has passed.
        """
        await self._good(node, "/healthz")

    async def _good(self, node: NodeProcess, path: str) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        reason = "no answer"
        async with Client(node.api_url) as client:
            while time.monotonic() < deadline:
                node.check()
                try:
                    async with client.session.get(f"{node.api_url}{path}") as answer:
                        if answer.status == 200:
                            return
                        reason = (await answer.text())[:300]
                except NOT_YET as error:
                    reason = str(error) or type(error).__name__
                await asyncio.sleep(POLL_SECONDS)
        raise NotReady(name=node.name, reason=reason, log=node.log)

    def named(self, name: str) -> NodeProcess:
        """Return the node of this name; KeyError where there is none."""
        return {node.name: node for node in self.nodes}[name]
