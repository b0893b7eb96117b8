"""A public chain within the process: an EVM, a clock, and contracts that are called by name. pyrevm is known here only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import pytest
from msgspec import Struct

if TYPE_CHECKING:
    import pyrevm

    from bridge.abi import Decoded, Interface, Value
    from bridge.contracts import Artifact

GENESIS_TIME = 1_800_000_000
"""Seconds since 1970; a whole multiple of a day plus some hours, so that a test meets a day's end on purpose only."""
GAS_MAX = 30_000_000
DEPLOYER = "0x" + "d0" * 20
SPEC = "MERGE"
"""The rules of `paris`, for which the byte code is compiled."""


class Log(Struct, frozen=True):
    """One raw event."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


class Receipt(Struct, frozen=True):
    """What a transaction did."""

    gas: int
    logs: tuple[Log, ...]
    returned: bytes


class Reverted(Exception):
    """A call was refused; `name` and `fields` are those of the contract's error."""

    def __init__(self, decoded: Decoded) -> None:
        super().__init__(f"{decoded.name} {decoded.fields}")
        self.name, self.fields = decoded.name, decoded.fields


class RawRefusal(Exception):
    """A chain's own word that a contract reverted, with the bytes it gave."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data.hex())
        self.data = data


class PublicChain(Protocol):
    """What a test needs of a chain, within the process or outside."""

    chain_id: int

    @property
    def now(self) -> int:
        """Seconds since 1970 of the next block, roughly where a real node keeps its own clock."""

    def wait(self, seconds: int) -> None:
        """Let time pass."""

    def create(self, sender: str, creation: bytes) -> str:
        """Run creation code and return the contract's address; raise RawRefusal if it reverts."""

    def call(self, sender: str, to: str, data: bytes) -> Receipt:
        """Run a transaction; raise RawRefusal if it reverts."""

    def code(self, address: str) -> bytes:
        """Return the deployed code."""


class Chain:
    """An EVM whose clock stands still until a test moves it."""

    def __init__(self, chain_id: int = 56) -> None:
        self._revm = pytest.importorskip("pyrevm", reason="pyrevm runs the contracts' byte code; it has no wheel for this Python")
        self.chain_id = chain_id
        self.now = GENESIS_TIME
        block = self._revm.BlockEnv(number=1, timestamp=self.now, gas_limit=GAS_MAX)
        env = self._revm.Env(cfg=self._revm.CfgEnv(chain_id=chain_id), block=block)
        self._evm: pyrevm.EVM = self._revm.EVM(env=env, gas_limit=GAS_MAX, spec_id=SPEC)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds
        self._evm.set_block_env(self._revm.BlockEnv(number=1, timestamp=self.now, gas_limit=GAS_MAX))

    def create(self, sender: str, creation: bytes) -> str:
        """Run creation code and return the contract's address."""
        try:
            return self._evm.deploy(sender, creation)
        except RuntimeError as error:
            raise RawRefusal(_output(str(error))) from None

    def call(self, sender: str, to: str, data: bytes) -> Receipt:
        """Run a transaction; a refused one changes nothing. Gas is not that of a real chain: what was touched before stays warm."""
        try:
            returned = bytes(self._evm.message_call(sender, to, data, gas=GAS_MAX))
        except RuntimeError as error:
            raise RawRefusal(_output(str(error))) from None
        result = self._evm.result
        if result is None:
            raise AssertionError("the EVM ran a call and kept no result")
        logs = tuple(Log(log.address.lower(), tuple(bytes(one) for one in log.data[0]), bytes(log.data[1])) for log in result.logs)
        return Receipt(gas=result.gas_used, logs=logs, returned=returned)

    def code(self, address: str) -> bytes:
        """Return the deployed code without the interpreter's padding."""
        return bytes(self._evm.get_code(address) or b"")


class Contract:
    """A deployed contract, called by the names of its ABI."""

    def __init__(self, chain: PublicChain, address: str, interface: Interface) -> None:
        self.chain, self.address, self.interface = chain, address.lower(), interface

    def send(self, sender: str, name: str, *values: Value) -> Receipt:
        """Call function `name` in a transaction.

        Raises
        ------
        Reverted
            The contract refused.
        """
        try:
            return self.chain.call(sender, self.address, self.interface.call(name, values))
        except RawRefusal as refusal:
            raise Reverted(self.interface.refusal(refusal.data)) from None

    def read(self, name: str, *values: Value) -> tuple[Value, ...]:
        """Return what function `name` returns."""
        return self.interface.answer(name, self.send("0x" + "ee" * 20, name, *values).returned)

    def number(self, name: str, *values: Value) -> int:
        """Return the only output of function `name`, a number or a boolean."""
        (value,) = self.read(name, *values)
        if not isinstance(value, int):
            raise TypeError(f"{name} returns no number but {value!r}")
        return value

    def record(self, name: str) -> dict[str, Value]:
        """Return the struct that function `name` returns, by field name."""
        return self.interface.record(name, self.send("0x" + "ee" * 20, name).returned)

    def events(self, receipt: Receipt) -> list[Decoded]:
        """Return the events that this contract logged."""
        return [self.interface.event(log.topics, log.data) for log in receipt.logs if log.address == self.address]


def deploy(chain: PublicChain, artifact: Artifact, *values: Value, code: str | None = None, sender: str = DEPLOYER) -> Contract:
    """Deploy a contract; `code` replaces the byte code of the artifact by that of a mutant."""
    interface = artifact.interface
    creation = bytes.fromhex((code or artifact.bytecode).removeprefix("0x")) + interface.construct(values)
    try:
        return Contract(chain, chain.create(sender, creation), interface)
    except RawRefusal as refusal:
        raise Reverted(interface.refusal(refusal.data)) from None


def _output(message: str) -> bytes:
    """Return the revert data out of the interpreter's message."""
    found = re.search(r"output: 0x([0-9a-f]*)", message)
    if found is None:
        raise AssertionError(f"the EVM stopped without a refusal: {message}")
    return bytes.fromhex(found.group(1))
