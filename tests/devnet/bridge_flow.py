"""Money that goes both ways over a live bridge, and accounts of it recomputed from the chain's raw logs and the ledger's own records."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from bridge.contracts import artifact
from bridge.identifiers import ledger_recipient
from node.api.bridge_structs import LockBody, Locks, ReleaseBody
from tests.devnet.bridge_net import ROUTE

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Sequence

    from bridge.abi import Decoded, Interface
    from tests.devnet.bridge_net import BridgeNet

HOME_A, HOME_B = "bank-a/main", "bank-b/main"
VAULT = f"operator/vault:{ROUTE}"
ALICE, BOB = ("0x" + byte * 20 for byte in ("c1", "c2"))
ZERO = "0x" + "00" * 20
WITHOUT_END = 10**15
LOCK_MAX, BURN_MAX = 900, 400
OPEN_MAX = 12
"""About so many locks are on their way at once."""
SETTLED_SECONDS_MAX = 150
POLL_SECONDS = 0.3


class BridgeFailed(AssertionError):
    """Money was lost or doubled, or something did not come to be in time."""


class Money(Struct):
    """What was sent so far, minor units: each amount once."""

    locked: list[int]
    burned: list[int]


class _Log(Struct, frozen=True):
    topics: list[str]
    data: str


class Books:
    """Both sides of a route before anything moved; compared with what is there in the end."""

    def __init__(self, net: BridgeNet) -> None:
        self.net = net

    async def open(self) -> None:
        """Write down what everybody has."""
        self.before = {name: await self.net.balance(name) for name in (HOME_A, HOME_B)}

    async def settled(self) -> bool:
        """Whether every lock is minted or refunded, and every burn released, as far as the ledger knows."""
        route = await self.net.route()
        there = self.net.seen()
        if int(route.burned) != there["cumulativeBurned"] or route.released != route.burned:
            return False
        return int(route.locked) == int(route.minted) + int(route.refunded) and int(route.minted) == there["cumulativeMinted"]

    async def close(self, money: Money) -> str:
        """Compare every lock, burn and total; return a sentence.

        Raises
        ------
        BridgeFailed
            Something was lost or doubled.
        """
        minted, burned = self._minted(), self._burned()
        locks, route = await self._locks(), await self.net.route()
        refunded = {lock.nonce: int(lock.amount) for lock in locks if lock.state == "refunded"}
        demand(sorted(int(lock.amount) for lock in locks), sorted(money.locked), "each lock that was sent is there once")
        demand(sorted(burned.values()), sorted(money.burned), "each burn that was sent is there once")
        for lock in locks:
            seen = [event for event in minted if event.fields["nonce"] == lock.nonce]
            told = [(text(event, "lockId"), text(event, "recipient"), event.fields["amount"]) for event in seen]
            once = [(lock.lock_id, lock.recipient, int(lock.amount))] if lock.state == "minted" else []
            demand(told, once, f"lock {lock.nonce}, {lock.state}, is minted once or refunded")
        made = sum(int(lock.amount) for lock in locks if lock.state == "minted")
        demand(set(burned), set(range(1, len(burned) + 1)), "burns follow one another")
        for nonce, amount in burned.items():
            release = await self.net.client.get(f"/v1/bridge/routes/{ROUTE}/releases/{nonce}", ReleaseBody)
            demand((release.state, int(release.amount), release.account), ("released", amount, HOME_B), f"burn {nonce} is released once")
        totals = (route.locked, route.refunded, route.minted, route.burned, route.released, route.vault)
        out = (sum(money.locked), sum(refunded.values()), made, sum(burned.values()), sum(burned.values()))
        demand(tuple(map(int, totals)), (*out, out[0] - out[1] - out[4]), "L, F, M, B, R and V are the sums of what happened")
        after = {name: await self.net.balance(name) - was for name, was in self.before.items()}
        demand(after, {HOME_A: out[1] - out[0], HOME_B: out[4]}, "people here have what came and went")
        supply = self._transferred()
        demand((supply, await self.net.balance(VAULT)), (out[2] - out[3], supply), "what circulates there lies in the vault here")
        demand(self.net.held(ALICE) + self.net.held(BOB), supply, "people there have all of it")
        return (
            f"{len(locks)} locks ({len(refunded)} refunded) and {len(burned)} burns, {out[2]} minted, {out[4]} released; V = S = {supply}"
        )

    def _minted(self) -> list[Decoded]:
        return [event for event in self._events(self.net.there.bridge.address, artifact("SomBridge").interface) if event.name == "Minted"]

    def _burned(self) -> dict[int, int]:
        events = self._events(self.net.there.bridge.address, artifact("SomBridge").interface)
        return {number(event, "nonce"): number(event, "amount") for event in events if event.name == "Burned"}

    def _transferred(self) -> int:
        """Return the token's supply by its raw transfers from and to nobody."""
        supply = 0
        for event in self._events(self.net.there.token.address, artifact("SomToken").interface):
            if event.name == "Transfer":
                supply += number(event, "value") * ((event.fields["from"] == ZERO) - (event.fields["to"] == ZERO))
        return supply

    def _events(self, address: str, interface: Interface) -> list[Decoded]:
        asked = {"address": address, "fromBlock": "0x0", "toBlock": "latest"}
        logs = msgspec.convert(self.net.anvil.ask("eth_getLogs", asked), list[_Log])
        return [interface.event([data_of(each) for each in log.topics], data_of(log.data)) for log in logs]

    async def _locks(self) -> list[LockBody]:
        found: list[LockBody] = []
        while page := (await self.net.client.get(f"/v1/bridge/routes/{ROUTE}/locks?after={len(found)}", Locks)).locks:
            found.extend(page)
        return found


class Flow:
    """Locks for Alice and burns of hers, one after the other without a pause."""

    def __init__(self, net: BridgeNet, draw: random.Random) -> None:
        self.net, self.draw = net, draw
        self.money = Money([], [])
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Send until `end`."""
        self.net.there.token.send(ALICE, "approve", self.net.there.bridge.address, WITHOUT_END)
        while not self._ending.is_set():
            if await self._is_open():
                await self.lock(self.draw.randrange(10, LOCK_MAX))
            held = self.net.held(ALICE)
            if held:
                await asyncio.to_thread(self.burn, self.draw.randrange(1, min(held, BURN_MAX) + 1))
            await asyncio.sleep(self.draw.random())

    async def _is_open(self) -> bool:
        """Whether few enough locks are open: who sends more than a busy machine carries sees refunds alone."""
        route = await self.net.route()
        return int(route.in_flight) <= OPEN_MAX * LOCK_MAX // 2

    def end(self) -> None:
        """Send no more once what is under way has been sent."""
        self._ending.set()

    async def has_arrived(self) -> bool:
        """Whether Alice has something: everybody works."""
        return self.net.held(ALICE) > 0

    async def lock(self, amount: int) -> None:
        """Lock for Alice."""
        await self.net.lock(amount, ALICE)
        self.money.locked.append(amount)

    def burn(self, amount: int) -> None:
        """Burn of what Alice has, for bank-b; returns once a block has it."""
        self.net.there.bridge.send(ALICE, "burn", amount, ledger_recipient(HOME_B))
        self.money.burned.append(amount)


async def until(net: BridgeNet, what: str, true: Callable[[], Awaitable[bool]], seconds_max: float = SETTLED_SECONDS_MAX) -> float:
    """Wait until something is so; return the seconds that it took.

    Raises
    ------
    BridgeFailed
        It did not come to be in time.
    """
    began = time.monotonic()
    while not await true():
        if time.monotonic() > began + seconds_max:
            logs = "\n".join(f"{name}: {net.said(name)}" for name in net.processes)
            raise BridgeFailed(f"not in {seconds_max} s: {what}\n{await net.route()}\n{net.seen()}\n{logs}")
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began


def check_processes(net: BridgeNet, names: Sequence[str]) -> None:
    """Raise `BridgeFailed` where a process ended by itself or has stopped for good: none saw anything that could not be."""
    for name in names:
        each, said = net.processes[name], net.said(name)
        if "has stopped" in said or "is broken" in said:
            raise BridgeFailed(f"{name} has stopped: {said[-600:]}")
        if each.process is None or each.process.returncode is not None:
            raise BridgeFailed(f"{name} runs no more: {said[-600:]}")


def demand(found: object, needed: object, promise: str) -> None:
    """Raise `BridgeFailed` where a promise does not hold."""
    if found != needed:
        raise BridgeFailed(f"{promise}: {found} instead of {needed}")


def number(event: Decoded, name: str) -> int:
    """Return a field of an event that is a number."""
    value = event.fields[name]
    if not isinstance(value, int):
        raise BridgeFailed(f"{event.name}.{name} is no number")
    return value


def text(event: Decoded, name: str) -> str:
    """Return bytes or an address of an event as the API writes them."""
    value = event.fields[name]
    return value.hex() if isinstance(value, bytes) else str(value).removeprefix("0x").lower()


def data_of(value: str) -> bytes:
    """Return hex as bytes."""
    return bytes.fromhex(value.removeprefix("0x"))
