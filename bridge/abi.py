"""Calls, answers, events and refusals of a contract as bytes, by its ABI. PURE: it neither sends nor asks.

A thin, typed layer over eth-abi; the only place of the bridge that knows the layout of call data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import TypeAlias

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from msgspec import Struct, field

from bridge.errors import FieldOutOfRange, UnknownInterface
from bridge.keccak import keccak256

SELECTOR_BYTES = 4
WORD_BYTES = 32
EVENT_DATA_BYTES_MAX = 65_536
"""No event of ours is longer than a rotation to 64 attestors; a foreign node's answer is not trusted with memory."""
DECODED_MAX = 64
"""Answers that are kept with what they mean: a contract's state is asked for at each step, and rarely another one."""

Value: TypeAlias = "int | str | bytes | Sequence[Value]"
"""A value of the EVM: integers and booleans as int, addresses as 0x text, bytes as bytes, arrays and tuples as sequences."""


class Parameter(Struct, frozen=True):
    """One input or output as the compiler's ABI describes it."""

    type: str
    name: str = ""
    components: tuple[Parameter, ...] = ()
    indexed: bool = False

    @property
    def canonical(self) -> str:
        """Return the type with tuples spelled out, as selectors and eth-abi want it."""
        if not self.type.startswith("tuple"):
            return self.type
        return "(" + ",".join(one.canonical for one in self.components) + ")" + self.type.removeprefix("tuple")


class Entry(Struct, frozen=True):
    """One function, event, error or constructor of the ABI."""

    type: str
    name: str = ""
    inputs: tuple[Parameter, ...] = ()
    outputs: tuple[Parameter, ...] = ()
    state_mutability: str = field(default="", name="stateMutability")

    @property
    def signature(self) -> str:
        """Return `name(type,type)`, of which selectors and topics are hashes."""
        return f"{self.name}({','.join(one.canonical for one in self.inputs)})"


class Decoded(Struct, frozen=True):
    """An event or a refusal with its fields by name, in the order of the ABI."""

    name: str
    fields: dict[str, Value]


class Interface:
    """The ABI of one contract, indexed by what arrives from a chain."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.functions = {one.name: one for one in entries if one.type == "function"}
        self._constructor = next((one for one in entries if one.type == "constructor"), Entry(type="constructor"))
        self._events = {keccak256(one.signature.encode()): one for one in entries if one.type == "event"}
        self._errors = {keccak256(one.signature.encode())[:SELECTOR_BYTES]: one for one in entries if one.type == "error"}
        self._errors |= {keccak256(one.signature.encode())[:SELECTOR_BYTES]: one for one in BUILT_IN_ERRORS}

    def construct(self, values: Sequence[Value]) -> bytes:
        """Return the bytes that follow the creation code."""
        return _encode(self._constructor.inputs, values)

    def call(self, name: str, values: Sequence[Value]) -> bytes:
        """Return the call data of function `name`."""
        entry = self._function(name)
        return _selector(entry.signature) + _encode(entry.inputs, values)

    def answer(self, name: str, data: bytes) -> tuple[Value, ...]:
        """Return what function `name` returned."""
        return _decode(self._function(name).outputs, data)

    def record(self, name: str, data: bytes) -> dict[str, Value]:
        """Return what function `name` returned by field name; its only output is a struct."""
        (struct,) = self._function(name).outputs
        (values,) = self.answer(name, data)
        if not isinstance(values, Sequence) or isinstance(values, str | bytes):
            raise UnknownInterface(what="struct returned by", given=name)
        return named(struct.components, values)

    def event_topic(self, name: str) -> bytes:
        """Return the first topic of event `name`."""
        for topic, entry in self._events.items():
            if entry.name == name:
                return topic
        raise UnknownInterface(what="event", given=name)

    def event(self, topics: Sequence[bytes], data: bytes) -> Decoded:
        """Return the event of a log.

        Raises
        ------
        UnknownInterface
            The log is not one of this contract's, or does not fit its event.
        """
        entry = self._events.get(topics[0]) if topics else None
        if entry is None or len(data) > EVENT_DATA_BYTES_MAX:
            raise UnknownInterface(what="event", given=topics[0].hex() if topics else "without topics")
        indexed = [one for one in entry.inputs if one.indexed]
        if len(indexed) != len(topics) - 1:
            raise UnknownInterface(what="event with so many topics", given=entry.signature)
        found = {one.name: _decode((one,), topic)[0] for one, topic in zip(indexed, topics[1:], strict=True)}
        plain = tuple(one for one in entry.inputs if not one.indexed)
        found |= named(plain, _decode(plain, data))
        return Decoded(name=entry.name, fields={one.name: found[one.name] for one in entry.inputs})

    def refusal(self, data: bytes) -> Decoded:
        """Return the error with which a call was reverted."""
        entry = self._errors.get(data[:SELECTOR_BYTES])
        if entry is None:
            raise UnknownInterface(what="error", given=data[:SELECTOR_BYTES].hex() or "without data")
        return Decoded(name=entry.name, fields=named(entry.inputs, _decode(entry.inputs, data[SELECTOR_BYTES:])))

    def _function(self, name: str) -> Entry:
        if name not in self.functions:
            raise UnknownInterface(what="function", given=name)
        return self.functions[name]


BUILT_IN_ERRORS = (
    Entry(type="error", name="Panic", inputs=(Parameter(type="uint256", name="code"),)),
    Entry(type="error", name="Error", inputs=(Parameter(type="string", name="reason"),)),
)


def named(parameters: Sequence[Parameter], values: Sequence[Value]) -> dict[str, Value]:
    """Return the values by the names of their parameters; one without a name goes by its position."""
    return {one.name or str(at): value for at, (one, value) in enumerate(zip(parameters, values, strict=True))}


def tuple_of(parameters: Sequence[Parameter], fields: Mapping[str, Value]) -> tuple[Value, ...]:
    """Return the fields in the order of the ABI, as a struct argument wants them."""
    return tuple(fields[one.name] for one in parameters)


def _encode(parameters: Sequence[Parameter], values: Sequence[Value]) -> bytes:
    try:
        return encode([one.canonical for one in parameters], list(values))
    except (EncodingError, ValueError) as error:
        raise FieldOutOfRange(field="arguments", given=str(error), needed="as the ABI says") from error


@cache
def _selector(signature: str) -> bytes:
    return keccak256(signature.encode())[:SELECTOR_BYTES]


def _decode(parameters: Sequence[Parameter], data: bytes) -> tuple[Value, ...]:
    return _decoded(tuple(one.canonical for one in parameters), data)


@lru_cache(DECODED_MAX)
def _decoded(types: tuple[str, ...], data: bytes) -> tuple[Value, ...]:
    try:
        return tuple(decode(types, data))
    except (DecodingError, OverflowError, ValueError) as error:
        # A length beyond what an index holds, or text that is no UTF-8: the library lets those two through as they are.
        raise UnknownInterface(what="layout", given=str(error)) from error
