"""A real node: anvil of the contracts' pinned npm packages, one process per test that asks for it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from hexbytes import HexBytes
from web3 import Web3
from web3.types import RPCEndpoint

from bridge.errors import ChainUnreachable
from bridge.rpc import RpcClient
from tests.bridge.contracts.chain import GAS_MAX, GENESIS_TIME, Log, RawRefusal, Receipt

if TYPE_CHECKING:
    from types import TracebackType

    from web3.types import TxReceipt

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 20
RICH = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""The published first development key of every anvil; it has never had a value anywhere else."""


def binary() -> str:
    """Return the path of anvil, or skip the test out loud."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    packaged = ROOT / f"bridge/contracts/node_modules/@foundry-rs/anvil-linux-{machine}/bin/anvil"
    found = os.environ.get("SOM_ANVIL") or (str(packaged) if packaged.is_file() else shutil.which("anvil"))
    if not found:
        pytest.skip("no anvil: run `npm ci --ignore-scripts` in bridge/contracts, or name one with SOM_ANVIL")
    return found


class Anvil:
    """A running node; ends with its `with` block."""

    def __init__(self, chain_id: int, start: int = GENESIS_TIME, hardfork: str = "paris") -> None:
        """`start`: time of its first block, Unix seconds; `hardfork`: berlin is the newest without a base fee."""
        self.chain_id, self._start, self._hardfork = chain_id, start, hardfork

    def __enter__(self) -> Self:
        command = binary()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        arguments = [
            "--port",
            str(port),
            "--chain-id",
            str(self.chain_id),
            "--hardfork",
            self._hardfork,
            "--slots-in-an-epoch",
            "1",
            "--silent",
        ]
        arguments += ["--auto-impersonate", "--gas-price", "0", "--block-base-fee-per-gas", "0", "--timestamp", str(self._start)]
        self._process = subprocess.Popen([command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"
        self.client = RpcClient(self.url)
        self._web3 = Web3(Web3.HTTPProvider(self.url))
        deadline = time.monotonic() + READY_SECONDS_MAX
        while True:
            try:
                self.client.chain_id()
            except ChainUnreachable:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self._process.kill()
                    raise
                time.sleep(0.05)
            else:
                return self

    @property
    def now(self) -> int:
        """Seconds since 1970 of the newest block."""
        return int(self._web3.eth.get_block("latest")["timestamp"])

    def wait(self, seconds: int) -> None:
        """Move the node's clock."""
        self.ask("evm_increaseTime", seconds)
        self.ask("evm_mine")

    def ask(self, method: str, *parameters: object) -> object:
        """Make one request of the node."""
        answer = self._web3.provider.make_request(RPCEndpoint(method), list(parameters))
        if "error" in answer:
            error = answer["error"]
            data = "" if isinstance(error, str) else str(error.get("data") or "")
            if not data.startswith("0x"):
                raise AssertionError(f"anvil refuses {method}: {error}")
            raise RawRefusal(bytes.fromhex(data.removeprefix("0x")))
        return answer["result"]

    def create(self, sender: str, creation: bytes) -> str:
        """Run creation code and return the contract's address."""
        return str(self._sent({"from": sender, "data": "0x" + creation.hex(), "gas": hex(GAS_MAX), "gasPrice": "0x0"})["contractAddress"])

    def call(self, sender: str, to: str, data: bytes) -> Receipt:
        """Run a transaction and a call of the same data before it, for what it returns."""
        asked = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(GAS_MAX), "gasPrice": "0x0"}
        returned = bytes.fromhex(str(self.ask("eth_call", asked, "latest")).removeprefix("0x"))
        done = self._sent(asked)
        logs = tuple(
            Log(str(log["address"]).lower(), tuple(bytes(one) for one in log["topics"]), bytes(log["data"])) for log in done["logs"]
        )
        return Receipt(gas=int(done["gasUsed"]), logs=logs, returned=returned)

    def code(self, address: str) -> bytes:
        """Return the deployed code."""
        return self.client.code(address)

    def _sent(self, transaction: dict[str, str]) -> TxReceipt:
        sent = HexBytes(str(self.ask("eth_sendTransaction", transaction)))
        return self._web3.eth.wait_for_transaction_receipt(sent, timeout=READY_SECONDS_MAX, poll_latency=0.01)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
