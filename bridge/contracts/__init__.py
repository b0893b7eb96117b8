"""The contracts' committed artifacts: ABI, byte code and metadata, byte for byte what bridge/contracts/build makes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct, field

from bridge.abi import Entry, Interface, Value
from bridge.errors import ArtifactBroken

FOLDER = Path(__file__).parent / "artifacts"
CALLS = {"SomBridge": "SomToken"}
"""Whose refusals come up through whom."""


class Span(Struct, frozen=True):
    """Where the constructor writes an immutable value into the code."""

    start: int
    length: int


class Artifact(Struct, frozen=True, rename="camel"):
    """One compiled contract."""

    contract_name: str
    compiler: str
    abi: tuple[Entry, ...]
    bytecode: str
    deployed_bytecode: str
    metadata: str
    immutable_references: tuple[Span, ...] = field(default=())

    @property
    def interface(self) -> Interface:
        """Return the ABI, indexed, with the refusals of the contract that this one calls."""
        return _interface(self.contract_name, self.abi)

    def creation(self, values: tuple[Value, ...]) -> bytes:
        """Return the byte code to deploy with these constructor arguments."""
        return bytes.fromhex(self.bytecode.removeprefix("0x")) + self.interface.construct(values)

    def same_code(self, found: bytes) -> bool:
        """Whether `found` is the code of this contract, whatever its immutable values are."""
        return self._masked(found) == self._masked(bytes.fromhex(self.deployed_bytecode.removeprefix("0x")))

    def _masked(self, code: bytes) -> bytes:
        masked = bytearray(code)
        for span in self.immutable_references:
            masked[span.start : span.start + span.length] = bytes(span.length)
        return bytes(masked)


@cache
def _interface(name: str, abi: tuple[Entry, ...]) -> Interface:
    """Index an ABI once: it takes a hash for each of its entries."""
    inner = artifact(CALLS[name]).abi if name in CALLS else ()
    return Interface([*abi, *(one for one in inner if one.type == "error")])


@cache
def artifact(name: str) -> Artifact:
    """Return a committed artifact: SomToken, SomBridge, or OddToken of the tests.

    Raises
    ------
    ArtifactBroken
        There is none, or it does not have the form that the build writes.
    """
    try:
        return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Artifact)
    except (OSError, msgspec.DecodeError) as error:
        raise ArtifactBroken(name=name, reason=str(error)) from error
