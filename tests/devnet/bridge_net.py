"""A bridge of real parts: four validators, an anvil, contracts, attestors and a relayer as processes, each with its own key and folder."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from eth_account import Account
from msgspec import Struct

from bridge.identifiers import ledger_recipient
from bridge.marks import Marks
from devnet.client import Client
from devnet.network import Network, Plan
from devnet.processes import die_with_parent
from ledger.bridges import Attestor, Finality, RouteLimits, RouteTerms
from ledger.grants import Grant, Need, Scope
from ledger.transactions.bodies import GrantPut, Issue
from ledger.transactions.bridge_bodies import BridgeOut, BridgeSet
from node.api.bridge_structs import BridgeRouteBody
from tests.bridge.anvil import RICH, Anvil
from tests.bridge.contracts.world import ROUTE as ROUTE_ID
from tests.bridge.contracts.world import World
from tests.bridge.keys import keys

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from ledger.grants import Permission
    from ledger.transactions.bodies import Body
    from tests.bridge.keys import Key

ROUTE = "kgs-bsc-1"
PARTICIPANTS = ("bank-a", "bank-b", "operator", "treasury")
ROOT = ("operator/ops", "treasury/ops")
WORD = "of the tests"
"""Passphrase of keys that have never had a value anywhere."""
TTL_MS = 3_600_000
LIMITS = RouteLimits(
    min=10,
    per_lock=1_000_000,
    bucket=2_000_000,
    bucket_ms=3_600_000,
    day_out=5_000_000,
    day_in=5_000_000,
    outstanding=10_000_000,
    big_amount=1_000_000,
    big_delay_ms=3_600_000,
)
SECONDS_MAX = 60
BEHIND_SECONDS = 30
"""A chain begins so long ago: several blocks within a second carry it forward, and it must not get ahead of the ledger's clock."""

MINE_EACH = False
"""Whether each transaction has a block of its own at once."""


class BridgePlan(Struct, frozen=True):
    """What is asked for."""

    chain_id: int = 56
    ttl_ms: int = TTL_MS
    """From when a lock may be signed until it is refunded instead of minted."""
    guardians: tuple[str, ...] = ()
    """Participants that may order a pause."""
    stalled_seconds: int = 3_600


@dataclass
class BridgeProcess:
    """One process of the bridge."""

    name: str
    command: list[str]
    log: Path
    process: asyncio.subprocess.Process | None = field(default=None)
    said_before: int = 0
    """Bytes of its log when it was started last."""

    @property
    def is_up(self) -> bool:
        """Whether it runs and has said that it began its work."""
        if self.process is None or self.process.returncode is not None:
            return False
        return b'"started"' in self.log.read_bytes()[self.said_before :]

    async def start(self) -> None:
        """Start it; what it says is appended to its log."""
        with self.log.open("ab") as log:
            self.said_before = log.tell()
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent
            )

    async def kill(self) -> None:
        """SIGKILL, at whatever it is doing."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; return the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), SECONDS_MAX)


class BridgeNet:
    """The ledger's nodes, the chain and the processes; use as an async context manager."""

    def __init__(self, folder: Path, port_base: int, plan: BridgePlan | None = None) -> None:
        self.folder, self.plan = folder, plan or BridgePlan()
        self.network = Network(Plan(data=folder / "net", validators=4, peers=0, port_base=port_base))
        self.anvil = Anvil(self.plan.chain_id, start=int(time.time()) - BEHIND_SECONDS)
        self.keys = keys(len(PARTICIPANTS))
        self.processes: dict[str, BridgeProcess] = {}

    async def __aenter__(self) -> Self:
        self.anvil.__enter__()
        try:
            self.there = World(attestors=self.keys, chain=self.anvil)
            await self.network.__aenter__()
            self.client = await Client(self.network.validators[0].api_url).__aenter__()
            await self._establish()
            for name, key in zip(PARTICIPANTS, self.keys, strict=True):
                self._attestor(name, key)
            self._relayer()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for each in self.processes.values():
            await each.kill()
        if hasattr(self, "client"):
            await self.client.__aexit__(None, None, None)
        await self.network.stop()
        self.anvil.__exit__(None, None, None)

    async def do(self, body: Body, sender: str, *keysets: str) -> None:
        """Carry out a transaction; its refusal is an error."""
        signed = self.network.wallet.sign(sender, body, *keysets)
        (done,) = await self.client.submit([signed.raw], wait="final")
        if done.receipt is None or done.receipt.code:
            raise AssertionError(f"{type(body).__name__}: {done}")

    async def lock(self, amount: int, recipient: str) -> None:
        """Lock an amount of bank-a's for an address there."""
        await self.do(BridgeOut("KGS", "bank-a/main", amount, ROUTE, bytes.fromhex(recipient[2:])), "bank-a")

    def burn(self, holder: str, amount: int, account: str) -> None:
        """Burn there, for an account here."""
        self.there.token.send(holder, "approve", self.there.bridge.address, amount)
        self.there.bridge.send(holder, "burn", amount, ledger_recipient(account))

    def held(self, holder: str) -> int:
        """Return what an address there has."""
        (found,) = self.there.token.read("balanceOf", holder)
        if not isinstance(found, int):
            raise TypeError(holder)
        return found

    def seen(self) -> dict[str, int]:
        """Return the contract's totals."""
        state = self.there.bridge.interface.record("state", self.there.bridge.send("0x" + "ee" * 20, "state").returned)
        return {name: value for name, value in state.items() if isinstance(value, int)}

    async def route(self) -> BridgeRouteBody:
        """Return the route as a node shows it."""
        return await self.client.get(f"/v1/bridge/routes/{ROUTE}", BridgeRouteBody)

    async def balance(self, account: str) -> int:
        """Return what an account here has."""
        found = await self.client.account(account)
        return sum(int(each.posted) for each in found.balances if each.asset == "KGS")

    def mine(self) -> None:
        """Let the chain go on by a block, at the time of now: what is two blocks old becomes final."""
        self.anvil.ask("anvil_mine", "0x1", hex(1))

    def go_on(self, every_seconds: int) -> None:
        """Let the chain go on by itself, a block in so many seconds at the time of now and none with a transaction; 0: it stands still."""
        self.anvil.ask("evm_setTime", int(time.time()))
        self.anvil.ask("evm_setAutomine", MINE_EACH)
        self.anvil.ask("evm_setIntervalMining", every_seconds)

    def said(self, name: str) -> str:
        """Return the end of what a process has logged."""
        log = self.processes[name].log
        return log.read_text(errors="replace")[-3_000:] if log.exists() else ""

    def configure(self, name: str, more: str = "", *others: str) -> None:
        """Write the configuration of a process; `others` are nodes of the chain that it asks beside the anvil itself."""
        urls = ", ".join(f'"{url}"' for url in (self.anvil.url, *others))
        (self.folder / name / "bridge.toml").write_text(
            f'route = "{ROUTE}"\nfolder = "."\npoll_seconds = 0.3\nstalled_seconds = {self.plan.stalled_seconds}\n{more}'
            f'[chain]\nurls = [{urls}]\n[key]\nfile = "key.json"\npassphrase_file = "passphrase"\n'
        )

    async def _establish(self) -> None:
        """Money, grants and the route."""
        need = Need(2, ROOT)
        await self.do(Issue("KGS", "bank-a/main", 5_000_000, "trial", None), "operator", *ROOT)
        powers: list[tuple[Permission, str, Need | None]] = [("bridge", "operator", need)]
        powers += [("order.pause", name, None) for name in self.plan.guardians]
        for name in PARTICIPANTS:
            powers += [("attest.bridge", name, None), ("attest.foreign", name, None)]
        for permission, name, agreed in powers:
            grant = Grant(f"{permission}:{name}", name, permission, Scope("KGS", "", "", ()), None, agreed, (), 0, 0, 0)
            await self.do(GrantPut(grant), "operator", *ROOT)
        contract, token = (bytes.fromhex(each.address[2:]) for each in (self.there.bridge, self.there.token))
        terms = RouteTerms(
            asset="KGS",
            decimals=2,
            kind="EVM",
            mode="enforced",
            chain_id=self.anvil.chain_id,
            route_id=ROUTE_ID,
            bridge=contract,
            token=token,
            finality=Finality("finalized", 1),
            observe_step=5,
            lock_ttl_ms=self.plan.ttl_ms,
            limits=LIMITS,
            opening=0,
        )
        attestors = tuple(Attestor(key.address, name) for name, key in zip(PARTICIPANTS, self.keys, strict=True))
        await self.do(BridgeSet(ROUTE, terms, "active", attestors, immediate=False, source=None, reason=""), "operator", *ROOT)

    def _attestor(self, name: str, key: Key) -> None:
        self._process(name, "attest", key.secret.to_bytes(32, "big"), f'participant = "{name}"\n')
        Marks.create(self.folder / name / "marks", key.address).close()

    def _relayer(self) -> None:
        self._process("relayer", "relay", RICH, "")

    def _process(self, name: str, verb: str, secret: bytes, more: str) -> None:
        folder, data = self.folder / name, self.network.plan.data
        folder.mkdir()
        (folder / "key.json").write_text(json.dumps(Account.encrypt(secret, WORD, iterations=4)))
        (folder / "passphrase").write_text(WORD)
        nodes = ", ".join(f'"{node.api_url}"' for node in self.network.validators)
        (folder / "som.toml").write_text(
            f'nodes = [{nodes}]\ngenesis = "{data}/genesis.json"\nkeystore = "{data}/keystore"\n'
            f'passphrase_file = "{data}/passphrase"\nstate = "state"\n'
        )
        self.configure(name, more)
        command = [sys.executable, "-m", "cli", "--config", str(folder / "som.toml"), "bridge", verb, str(folder / "bridge.toml")]
        self.processes[name] = BridgeProcess(name, command, folder / "log")
