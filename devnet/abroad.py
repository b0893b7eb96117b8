"""Public chains beside the devnet: anvil as a process of ours, asked over JSON-RPC, and contracts there called by name.

A block is made with each transaction and every second, and one is final when two more stand on it: BNB Chain and Ethereum in small.
"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import aiohttp
import msgspec
from msgspec import Struct

from devnet.day import DayFailed
from devnet.processes import NodeProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from bridge.abi import Interface, Value

CONTRACTS = Path(__file__).resolve().parents[1] / "bridge" / "contracts"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
READY_SECONDS_MAX = 30
REQUEST_SECONDS_MAX = 20
POLL_SECONDS = 0.05
BLOCK_SECONDS = 1
BEHIND_SECONDS = 30
"""A chain begins so long ago: several blocks within a second carry it forward, and it must not get ahead of the ledger's clock."""
HASHES_ONLY = False
"""Of a block's transactions."""
PURSE = hex(10**21)
"""Wei, worth nothing, for an account that pays for transactions."""


class NoChain(DayFailed):
    """A public chain refused what it was asked, or did not answer."""


def find_anvil() -> Path | None:
    """Return where anvil is: named by SOM_ANVIL, else of the contracts' pinned packages, else on the path; None: nowhere."""
    named = os.environ.get("SOM_ANVIL", "")
    machine = MACHINES.get(platform.machine(), platform.machine())
    packaged = CONTRACTS / "node_modules" / "@foundry-rs" / f"anvil-linux-{machine}" / "bin" / "anvil"
    found = named or (str(packaged) if packaged.is_file() else shutil.which("anvil") or "")
    return Path(found) if found and Path(found).is_file() and os.access(found, os.X_OK) else None


class Sent(Struct, frozen=True):
    """A transaction in a block there."""

    tx_hash: str
    block: int
    milliseconds: float


class _Receipt(Struct, frozen=True, rename="camel"):
    """What a node tells of a transaction in a block, as far as it is looked at."""

    status: str
    block_number: str
    contract_address: str | None = None


class _Block(Struct, frozen=True):
    """The same of a block."""

    number: str


class _Answer(Struct, frozen=True):
    """One JSON-RPC answer."""

    result: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"")


class PublicChain:
    """One anvil; a process of the devnet. Use as an async context manager."""

    def __init__(self, name: str, chain_id: int, port: int, program: Path, folder: Path) -> None:
        self.name, self.chain_id, self.url = name, chain_id, f"http://127.0.0.1:{port}"
        options: tuple[str, ...] = (
            "--port",
            str(port),
            "--chain-id",
            str(chain_id),
            "--hardfork",
            "paris",
            "--slots-in-an-epoch",
            "1",
            "--silent",
        )
        options += ("--gas-price", "0", "--block-base-fee-per-gas", "0", "--timestamp", str(int(time.time()) - BEHIND_SECONDS))
        self.process = NodeProcess(
            name=f"chain-{chain_id}",
            config=folder,
            log=folder / f"chain-{chain_id}.log",
            api_url=self.url,
            peer_url="",
            role=f"{name} (anvil)",
            command=(str(program), *options),
        )
        self._going: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        """Held while no block may be made but by what its holder does."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS_MAX))
        try:
            await self.process.start()
            await self._ready()
            self.people = msgspec.convert(await self.ask("eth_accounts"), tuple[str, ...])
            self._going = asyncio.create_task(self._go_on())
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._going is not None:
            self._going.cancel()
            await asyncio.gather(self._going, return_exceptions=True)
        await self._session.close()
        await self.process.stop()

    async def ask(self, method: str, *parameters: object) -> object:
        """Make one request.

        Raises
        ------
        NoChain
            It is refused, or nobody answers.
        """
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        try:
            async with self._session.post(self.url, data=body, headers={"Content-Type": "application/json"}) as answer:
                found = msgspec.json.decode(await answer.read(), type=_Answer)
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as problem:
            raise NoChain(f"{self.name} does not answer {method}: {problem}") from problem
        if bytes(found.error) not in (b"", b"null"):
            raise NoChain(f"{self.name} refuses {method}: {bytes(found.error).decode(errors='replace')[:200]}")
        return msgspec.json.decode(found.result)

    async def number(self, tag: str = "latest") -> int:
        """Return the number of the newest block, or of the newest that is `finalized`."""
        return int(msgspec.convert(await self.ask("eth_getBlockByNumber", tag, HASHES_ONLY), _Block).number, 16)

    async def fund(self, address: str) -> None:
        """Give an account what transactions cost."""
        await self.ask("anvil_setBalance", address, PURSE)

    async def send(self, sender: str, to: str, data: bytes) -> Sent:
        """Run a transaction of one of the chain's own people; raises `NoChain` where it reverts."""
        async with self._one_at_a_time:
            return await self.send_now(sender, to, data)

    async def send_now(self, sender: str, to: str, data: bytes) -> Sent:
        """Do the same while `still` is held."""
        began = time.perf_counter()
        tx_hash, found = await self._run({"from": sender, "to": to, "data": "0x" + data.hex()})
        return Sent(tx_hash, int(found.block_number, 16), (time.perf_counter() - began) * 1_000)

    async def create(self, sender: str, creation: bytes) -> str:
        """Run creation code of one of the chain's own people; return the contract's address."""
        async with self._one_at_a_time:
            _, found = await self._run({"from": sender, "data": "0x" + creation.hex()})
        if found.contract_address is None:
            raise NoChain(f"{self.name} made no contract")
        return found.contract_address.lower()

    async def block_of(self, tx_hash: str) -> int | None:
        """Return the number of the block that has a transaction; None: no block has it."""
        found = await self._receipt(tx_hash)
        return None if found is None else int(found.block_number, 16)

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Let the chain stand still but for what is done within."""
        async with self._one_at_a_time:
            yield

    async def forget(self, first: int) -> None:
        """Reorganise the chain: the blocks from `first` on, none of them final, were never there. Only while `still` is held."""
        newest = await self.number()
        await self.ask("anvil_reorg", newest - first + 1, [])

    async def _run(self, transaction: dict[str, str]) -> tuple[str, _Receipt]:
        tx_hash = str(await self.ask("eth_sendTransaction", transaction))
        deadline = time.monotonic() + READY_SECONDS_MAX
        while (found := await self._receipt(tx_hash)) is None:
            if time.monotonic() > deadline:
                raise NoChain(f"no block of {self.name} has {tx_hash}")
            await asyncio.sleep(POLL_SECONDS)
        if found.status != "0x1":
            raise NoChain(f"{tx_hash} reverted on {self.name}")
        return tx_hash, found

    async def _receipt(self, tx_hash: str) -> _Receipt | None:
        return msgspec.convert(await self.ask("eth_getTransactionReceipt", tx_hash), _Receipt | None)

    async def _ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while True:
            self.process.check()
            try:
                await self.ask("eth_chainId")
            except NoChain:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(POLL_SECONDS)
            else:
                return

    async def _go_on(self) -> None:
        """Make a block every second, for as long as the chain answers: one that was killed is shown by `som devnet status`."""
        while self.process.running:
            async with self._one_at_a_time:
                try:
                    await self.ask("anvil_mine", "0x1")
                except NoChain:
                    if self.process.running and not self.process.paused:
                        raise
            await asyncio.sleep(BLOCK_SECONDS)


class Contract:
    """A deployed contract, called by the names of its ABI."""

    def __init__(self, chain: PublicChain, address: str, interface: Interface) -> None:
        self.chain, self.address, self.interface = chain, address, interface

    async def send(self, sender: str, name: str, *values: Value) -> Sent:
        """Run function `name` in a transaction; raises `NoChain` where the contract refuses."""
        return await self.chain.send(sender, self.address, self.interface.call(name, values))

    async def send_now(self, sender: str, name: str, *values: Value) -> Sent:
        """Do the same while the chain is held `still`."""
        return await self.chain.send_now(sender, self.address, self.interface.call(name, values))

    async def number(self, name: str, *values: Value) -> int:
        """Return the one whole number that function `name` tells."""
        (found,) = self.interface.answer(name, await self._asked(name, *values))
        if not isinstance(found, int):
            raise NoChain(f"{name} of {self.address} is no number")
        return found

    async def totals(self) -> dict[str, int]:
        """Return the numbers of the bridge's own account of itself."""
        found = self.interface.record("state", await self._asked("state"))
        return {name: value for name, value in found.items() if isinstance(value, int)}

    async def _asked(self, name: str, *values: Value) -> bytes:
        data = self.interface.call(name, values)
        answer = await self.chain.ask("eth_call", {"to": self.address, "data": "0x" + data.hex()}, "latest")
        return bytes.fromhex(str(answer).removeprefix("0x"))
