"""Bridges of the devnet: two public chains, the contracts on them, routes in the ledger, and attestors and a relayer as processes.

KGST goes to BNB Chain on an enforced route with four attestors, each with a key and a folder of its own beneath one data folder: play
money. USDKG is on Ethereum by the hand of somebody else and is watched there (B10). The chains live as long as the devnet: another start
finds others, so it retires the routes of before and makes new ones.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from eth_account import Account

from bridge.contracts import artifact
from bridge.contracts.check import differences
from bridge.contracts.plan import Addresses, LimitsPlan, TokenPlan
from bridge.contracts.plan import Plan as ContractPlan
from bridge.deploy import deploy
from bridge.errors import BridgeError
from bridge.identifiers import route_id
from bridge.keys import FileKey
from bridge.marks import Marks
from bridge.rpc import RpcClient
from devnet.abroad import Contract, PublicChain
from devnet.client import Refused
from devnet.day import DayFailed
from devnet.ports import free_run
from devnet.processes import NodeProcess
from devnet.tokens import QUORUM, define_gold, define_wrapped, watch
from ledger.bridges import Attestor, Finality, RouteLimits, RouteTerms
from ledger.grants import Grant, Need, Scope
from ledger.reserves import Route
from ledger.transactions.bodies import GrantPut
from ledger.transactions.bridge_bodies import BridgeSet
from node.api.bridge_structs import BridgeRouteBody, BridgeRoutes
from node.api.structs import GrantBody
from node.keystore import write_private

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from devnet.day import Day
    from devnet.network import Network
    from ledger.grants import Permission

BNB, ETHEREUM = 56, 1
ASSETS = ("KGST", "USDKG")
OURS = ("kgst-bsc-", "usdkg-eth-")
"""Beginnings of the ids of our routes, by asset; others may have made theirs."""
ATTESTORS = ("bank-a", "bank-b", "operator", "treasury")
WATCHERS = ("bank-a", "bank-b", "operator")
"""Of USDKG: what two of three see is the median."""
SPEAKING: tuple[Permission, ...] = ("attest.foreign", "attest.bridge")
NOT_FOUND = 404
PORTS_ABOVE = 400
POLL_SECONDS = 0.5
OBSERVE_STEP = 10
"""Blocks, that is about as many seconds, between two rounds of observation."""
HOUR_MS = 3_600_000
HOUR_SECONDS = 3_600
DELAY_SECONDS = 48 * HOUR_SECONDS
CEILING = 100_000_000
"""1,000,000.00 KGST on BNB Chain at most."""
FOREIGN_CEILING = 10**15
LIMITS = RouteLimits(
    min=100,
    per_lock=5_000_000,
    bucket=10_000_000,
    bucket_ms=HOUR_MS,
    day_out=20_000_000,
    day_in=20_000_000,
    outstanding=CEILING,
    big_amount=5_000_000,
    big_delay_ms=HOUR_MS,
)
LIMITS_THERE = LimitsPlan(per_mint=LIMITS.per_lock, per_day=LIMITS.day_out, bucket_capacity=LIMITS.bucket, bucket_refill=2_000)
ITERATIONS = 4
"""Of the function between passphrase and key: the passphrase lies beside it, as befits money that is worth nothing."""


@dataclass
class Bridges:
    """Both chains and all processes; use as an async context manager."""

    network: Network
    program: Path
    port_base: int
    attestors: dict[str, NodeProcess] = field(default_factory=dict)
    """Of the route of KGST, by participant."""
    others: list[NodeProcess] = field(default_factory=list)
    kgst: str = ""
    """Id of its route; empty until `establish`."""
    usdkg: str = ""

    async def __aenter__(self) -> Self:
        self.folder = self.network.plan.data / "bridge"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        first = free_run(self.port_base + PORTS_ABOVE, 2)
        async with AsyncExitStack() as opened:
            self.bnb = await opened.enter_async_context(PublicChain("BNB Chain", BNB, first, self.program, self.folder))
            self.ethereum = await opened.enter_async_context(PublicChain("Ethereum", ETHEREUM, first + 1, self.program, self.folder))
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await asyncio.gather(*(each.stop() for each in self.workers if each.running))
        finally:
            await self._opened.aclose()

    @property
    def workers(self) -> tuple[NodeProcess, ...]:
        """Attestors, watchers and the relayer."""
        return (*self.attestors.values(), *self.others)

    @property
    def processes(self) -> tuple[NodeProcess, ...]:
        """Everything that runs beside the nodes."""
        return (self.bnb.process, self.ethereum.process, *self.workers)

    async def establish(self, day: Day, dead: tuple[str, ...] = ()) -> None:
        """Deploy, check, define both routes, and start who attests and carries, but for the attestors of KGST that are named."""
        day.output.title("Bridges: KGST to BNB Chain (enforced, four attestors), USDKG on Ethereum (only watched); chains are anvils")
        await define_wrapped(day)
        await define_gold(day)
        routes = (await day.client.get("/v1/bridge/routes", BridgeRoutes)).routes
        await self._give_grants(day)
        for old in routes:
            if old.id.startswith(OURS) and old.status != "retired":
                await self._retire(day, old.id)
        await self._enforced(day, sum(1 for each in routes if each.asset == "KGST") + 1)
        await self._observed(day, sum(1 for each in routes if each.asset == "USDKG") + 1)
        absent = [self.attestors[name] for name in dead]
        await asyncio.gather(*(each.start() for each in self.workers if each not in absent))
        for each in self.workers:
            day.output.line(f"{each.name} is dead from the beginning" if each in absent else f"{each.name} started, process {each.pid}")

    async def route(self, day: Day, route: str) -> BridgeRouteBody:
        """Return a route as a node shows it; raises `NodeFailed` where a process that should run has ended."""
        for each in self.workers:
            if each.running or each.process is None:
                each.check()
        return await day.client.get(f"/v1/bridge/routes/{route}", BridgeRouteBody)

    async def _give_grants(self, day: Day) -> None:
        """Let attestors and watchers speak, and the quorum of root set routes."""
        wanted: list[tuple[Permission, str, str]] = [("bridge", asset, "operator") for asset in ASSETS]
        wanted += [(permission, "KGST", name) for name in ATTESTORS for permission in SPEAKING]
        wanted += [("attest.foreign", "USDKG", name) for name in WATCHERS]
        grants = [_grant(*each) for each in wanted]
        missing = [day.wallet.sign("operator", GrantPut(each), *QUORUM) for each in grants if not await _is_given(day, each)]
        if missing:
            await day.do_all("grants to set routes and to attest", missing)

    async def _enforced(self, day: Day, index: int) -> None:
        """Deploy token and bridge, have them checked, define the route, make its attestors and a relayer."""
        self.kgst = self._begin(f"{OURS[0]}{index}")
        keys = {name: self._key(self.kgst, name) for name in ATTESTORS}
        carrier = self._key(self.kgst, "relayer")
        await self.bnb.fund("0x" + carrier.address.hex())
        members = tuple(sorted((Attestor(key.address, name) for name, key in keys.items()), key=lambda each: each.address))
        contract_id = route_id(self.network.wallet.chain, BNB, "KGST", index)
        plan = ContractPlan(
            chain_id=BNB,
            route_id="0x" + contract_id.hex(),
            token=TokenPlan(decimals=2, name="Kyrgyz Som (devnet)", symbol="KGST", ceiling=CEILING),
            admin=self.bnb.people[0].lower(),
            delay=DELAY_SECONDS,
            guardian=self.bnb.people[1].lower(),
            limits=LIMITS_THERE,
            attestors=tuple("0x" + each.address.hex() for each in members),
            threshold=2 * len(members) // 3 + 1,
        )
        await self._deploy(day, plan)
        token, bridge = (bytes.fromhex(each.address.removeprefix("0x")) for each in (self.token, self.bridge))
        terms = RouteTerms(
            asset="KGST",
            decimals=2,
            kind="EVM",
            mode="enforced",
            chain_id=BNB,
            route_id=contract_id,
            bridge=bridge,
            token=token,
            finality=Finality("finalized", 1),
            observe_step=OBSERVE_STEP,
            lock_ttl_ms=HOUR_MS,
            limits=LIMITS,
            opening=0,
        )
        await self._define(day, self.kgst, terms, members)
        for name in ATTESTORS:
            self.attestors[name] = self._worker(self.kgst, name, "attest", self.bnb)
        self.others.append(self._worker(self.kgst, "relayer", "relay", self.bnb))

    async def _deploy(self, day: Day, plan: ContractPlan) -> None:
        """Deploy with a key that holds no power afterwards, do what only the admin may, and compare everything with the plan."""
        secret = os.urandom(32)
        await self.bnb.fund("0x" + FileKey(secret).address.hex())
        client = RpcClient(self.bnb.url)
        try:
            made = await asyncio.to_thread(deploy, client, plan, secret)
        except BridgeError as problem:
            raise DayFailed(f"the contracts were not deployed: {problem}") from problem
        self.token = Contract(self.bnb, made.token, artifact("SomToken").interface)
        self.bridge = Contract(self.bnb, made.bridge, artifact("SomBridge").interface)
        day.output.line(f"SomToken {made.token} and SomBridge {made.bridge} deployed on BNB Chain, {made.gas} gas")
        await self.token.send(plan.admin, "setCeiling", made.bridge, CEILING)
        found = await asyncio.to_thread(differences, client, plan, Addresses(made.token, made.bridge))
        if found:
            raise DayFailed(f"the contracts are not as planned: {'; '.join(found)}")
        day.output.line("checker: code, roles, limits, ceiling and every attestor are as planned")

    async def _observed(self, day: Day, index: int) -> None:
        """Somebody else has a token there; define its route, let the asset count it, make its watchers."""
        self.usdkg = self._begin(f"{OURS[1]}{index}")
        stranger, self.maker, self.holder = (each.lower() for each in self.ethereum.people[:3])
        creation = artifact("SomToken").creation(("USDKG of another maker", "USDKG", 6, stranger, DELAY_SECONDS, "0x" + "00" * 20, 0))
        address = await self.ethereum.create(stranger, creation)
        self.foreign = Contract(self.ethereum, address, artifact("SomToken").interface)
        await self.foreign.send(stranger, "setCeiling", self.maker, FOREIGN_CEILING)
        day.output.line(f"USDKG of another maker is at {address} on Ethereum: no power there is ours")
        for name in WATCHERS:
            self._key(self.usdkg, name)
        terms = RouteTerms(
            asset="USDKG",
            decimals=6,
            kind="EVM",
            mode="observed",
            chain_id=ETHEREUM,
            route_id=route_id(self.network.wallet.chain, ETHEREUM, "USDKG", index),
            bridge=b"",
            token=bytes.fromhex(address.removeprefix("0x")),
            finality=Finality("finalized", 1),
            observe_step=OBSERVE_STEP,
            lock_ttl_ms=0,
            limits=LIMITS,
            opening=0,
        )
        await self._define(day, self.usdkg, terms, tuple(Attestor(b"", name) for name in WATCHERS))
        await watch(day, (Route(self.usdkg, WATCHERS),))
        self.others += [self._worker(self.usdkg, name, "attest", self.ethereum) for name in WATCHERS]

    async def _retire(self, day: Day, route: str) -> None:
        """End a route whose chain ended with an earlier devnet: nothing is locked for a chain that nobody finds any more."""
        body = BridgeSet(route, None, "retired", None, immediate=False, source=None, reason="its chain ended with the devnet")
        await day.do(f"retire route {route}, whose chain is gone", day.wallet.sign("operator", body, *QUORUM))

    async def _define(self, day: Day, route: str, terms: RouteTerms, attestors: tuple[Attestor, ...]) -> None:
        body = BridgeSet(route, terms, "active", attestors, immediate=False, source=None, reason="")
        await day.do(f"define route {route}", day.wallet.sign("operator", body, *QUORUM))

    def _begin(self, route: str) -> str:
        """Take away what an attempt left behind that did not come to define this route."""
        if (self.folder / route).exists():
            shutil.rmtree(self.folder / route)
        return route

    def _key(self, route: str, name: str) -> FileKey:
        """Make a folder with a new key, its passphrase, and the memory of what it signs."""
        folder = self.folder / route / name
        folder.mkdir(mode=0o700, parents=True)
        secret, word = os.urandom(32), os.urandom(16).hex()
        write_private(folder / "key.json", json.dumps(Account.encrypt(secret, word, iterations=ITERATIONS)).encode())
        write_private(folder / "passphrase", word.encode())
        key = FileKey(secret)
        Marks.create(folder / "marks", key.address).close()
        return key

    def _worker(self, route: str, name: str, verb: str, chain: PublicChain) -> NodeProcess:
        """Write the configuration of one process; it reads the ledger from any validator."""
        folder, data = self.folder / route / name, self.network.plan.data.absolute()
        nodes = ", ".join(f'"{node.api_url}"' for node in self.network.validators)
        profile, config = folder / "som.toml", folder / "bridge.toml"
        profile.write_text(
            f'nodes = [{nodes}]\ngenesis = "{data}/genesis.json"\nkeystore = "{data}/keystore"\n'
            f'passphrase_file = "{data}/passphrase"\nstate = "state"\n'
        )
        who = f'participant = "{name}"\n' if verb == "attest" else ""
        config.write_text(
            f'route = "{route}"\nfolder = "."\npoll_seconds = {POLL_SECONDS}\n{who}'
            f'[chain]\nurls = ["{chain.url}"]\n[key]\nfile = "key.json"\npassphrase_file = "passphrase"\n'
        )
        return NodeProcess(
            name=f"{name}.{route}",
            config=config,
            log=folder / "log",
            api_url="",
            peer_url="",
            role="attestor" if verb == "attest" else "relayer",
            command=(sys.executable, "-m", "cli", "--config", str(profile), "bridge", verb, str(config)),
        )


def _grant(permission: Permission, asset: str, to: str) -> Grant:
    """Make a grant whose id is its own; a route is set by the quorum of root."""
    need = Need(2, QUORUM) if permission == "bridge" else None
    return Grant(f"{permission}:{asset}:{to}", to, permission, Scope(asset, "", "", ()), None, need, (), 0, 0, 0)


async def _is_given(day: Day, grant: Grant) -> bool:
    """Whether an earlier day gave a grant."""
    try:
        await day.client.get(f"/v1/grants/{grant.id}", GrantBody)
    except Refused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        return False
    return True
