"""One node of an EVM chain over JSON-RPC, with every answer checked for form and size before it is used.

What it says may still be a lie: comparing nodes, and finality, are `bridge.evm`'s; sending is `bridge.evm_sender`'s.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.json import Decoder

from bridge.chains import ForeignBlock
from bridge.errors import ChainUnreachable, TransactionRefused
from bridge.http_calls import HttpCalls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOGS_MAX: Final = 10_000
"""Of one answer; most nodes give no more."""
TOPICS_MAX: Final = 4
DATA_BYTES_MAX: Final = 65_536
"""Of an event or of what a call returns: the longest of ours has under 3,000."""
HASH_BYTES: Final = 32
ADDRESS_BYTES: Final = 20

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"
T = TypeVar("T")
_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
U63_MAX: Final = 2**63 - 1
U256_MAX: Final = 2**256 - 1


class EvmLog(Struct, frozen=True):
    """An event of a contract, as a node gave it."""

    block: int
    block_hash: bytes
    tx_hash: bytes
    log_index: int
    topics: tuple[bytes, ...]
    data: bytes


class EvmReceipt(Struct, frozen=True):
    """What became of a transaction that a block has."""

    block: int
    succeeded: bool


class Market(Struct, frozen=True):
    """What gas costs, wei for one unit, as a node tells it."""

    base: int | None
    """What the newest block took from every transaction; None: the chain has no base fee (before EIP-1559)."""
    suggested: int
    """What to offer beside the base fee; without one, in all."""


class RangeTooLarge(ChainUnreachable):
    """The node has more events in a range of blocks than it gives at once."""


class NodeRefused(ChainUnreachable):
    """The node itself refused a request, with an error of JSON-RPC; `data` is the JSON that it said beside it."""

    def __init__(self, *, url: str, reason: str, data: bytes) -> None:
        super().__init__(url=url, reason=reason)
        self.data = data


class _Fault(Struct, frozen=True):
    code: int = 0
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Answer(Struct, frozen=True):
    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Fault | None = None


class _Block(Struct, frozen=True):
    number: str
    hash: str
    timestamp: str
    base_fee: str | None = field(name="baseFeePerGas", default=None)


class _Log(Struct, frozen=True):
    address: str
    topics: list[str]
    data: str
    block_number: str = field(name="blockNumber")
    block_hash: str = field(name="blockHash")
    transaction_hash: str = field(name="transactionHash")
    log_index: str = field(name="logIndex")
    removed: bool = False


class _Receipt(Struct, frozen=True):
    status: str
    block_number: str = field(name="blockNumber")


_ANSWER: Final = Decoder(_Answer)
_TEXT: Final[Decoder[str | None]] = Decoder(str | None)
_BLOCK: Final[Decoder[_Block | None]] = Decoder(_Block | None)
_RECEIPT: Final[Decoder[_Receipt | None]] = Decoder(_Receipt | None)
_LOGS: Final[Decoder[list[_Log] | None]] = Decoder(list[_Log] | None)


class EvmNode:
    """One node."""

    def __init__(self, url: str, calls: HttpCalls | None = None) -> None:
        self._calls = calls or HttpCalls(url)
        self.url = self._calls.shown
        self._requests = 0

    def chain_id(self) -> int:
        """Return the id that the node gives its chain."""
        return self._number("eth_chainId", U63_MAX)

    def final_number(self) -> int:
        """Return the number of the newest block that the chain's own consensus holds to be final."""
        return self._block_of("finalized").number

    def block(self, number: int) -> ForeignBlock:
        """Return the node's block of this number.

        Raises
        ------
        ChainUnreachable
            It has none, or gives another one.
        """
        found = self._block_of(hex(number))
        if found.number != number:
            raise self._calls.fault(f"block {found.number} in answer to block {number}")
        return found

    def logs(self, contract: bytes, first: int, last: int) -> tuple[EvmLog, ...]:
        """Return the events of a contract in the blocks `first` to `last`, in the order of the chain.

        Raises
        ------
        RangeTooLarge
            The node gives fewer at once.
        ChainUnreachable
            An event of another contract, of a block outside the range, out of order, or one that a reorganisation has taken back.
        """
        asked: Json = {"address": "0x" + contract.hex(), "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            found = self._ask("eth_getLogs", [asked], _LOGS)
        except NodeRefused as refused:
            raise RangeTooLarge(url=self.url, reason=refused.reason) from None
        if found is None:
            raise self._calls.fault("no list of events")
        if len(found) > LOGS_MAX:
            raise RangeTooLarge(url=self.url, reason=f"more than {LOGS_MAX} events at once")
        logs = tuple(self._log(one, contract) for one in found)
        places = [(one.block, one.log_index) for one in logs]
        if any(not first <= one.block <= last for one in logs) or any(a >= b for a, b in pairwise(places)):
            raise self._calls.fault("events out of order, or of blocks that were not asked for")
        return logs

    def call(self, contract: bytes, data: bytes, at: ForeignBlock) -> bytes:
        """Return what a contract answers in the state after a block, which is named by its hash (B6).

        Raises
        ------
        TransactionRefused
            It reverted.
        ChainUnreachable
            The node has that block's state no more, or knows another block of that number.
        """
        where: Json = {"blockHash": "0x" + at.hash.hex(), "requireCanonical": True}
        return self._run("eth_call", {"to": "0x" + contract.hex(), "data": "0x" + data.hex()}, where, contract)

    def estimate(self, sender: bytes, contract: bytes, data: bytes) -> int:
        """Return the gas that a transaction would take in the newest block; raises TransactionRefused where it would revert."""
        asked: Json = {"from": "0x" + sender.hex(), "to": "0x" + contract.hex(), "data": "0x" + data.hex()}
        try:
            return self._number("eth_estimateGas", U63_MAX, asked, "latest")
        except NodeRefused as refused:
            self._run("eth_call", asked, "latest", contract)  # its revert, if that is what it was
            raise refused from None

    def sent_count(self, sender: bytes) -> int:
        """Return how many transactions of this sender the newest block has behind it: the next one's nonce."""
        return self._number("eth_getTransactionCount", U63_MAX, "0x" + sender.hex(), "latest")

    def market(self) -> Market:
        """Return what gas costs now."""
        newest = self._ask("eth_getBlockByNumber", ["latest", False], _BLOCK)
        if newest is None:
            raise self._calls.fault("it has no newest block")
        if newest.base_fee is None:
            return Market(None, self._number("eth_gasPrice", U256_MAX))
        base = self._quantity(newest.base_fee, U256_MAX)
        try:
            return Market(base, self._number("eth_maxPriorityFeePerGas", U256_MAX))
        except NodeRefused:  # it does not know the method; its price has the base fee in it
            return Market(base, max(0, self._number("eth_gasPrice", U256_MAX) - base))

    def broadcast(self, raw: bytes) -> None:
        """Give a signed transaction to the network; raises NodeRefused where the node does not want it."""
        self._ask("eth_sendRawTransaction", ["0x" + raw.hex()], _TEXT)

    def receipt(self, tx_hash: bytes) -> EvmReceipt | None:
        """Return what became of a transaction; None while no block has it."""
        found = self._ask("eth_getTransactionReceipt", ["0x" + tx_hash.hex()], _RECEIPT)
        if found is None:
            return None
        return EvmReceipt(self._quantity(found.block_number, U63_MAX), self._quantity(found.status, 1) == 1)

    def _block_of(self, which: str) -> ForeignBlock:
        found = self._ask("eth_getBlockByNumber", [which, False], _BLOCK)
        if found is None:
            raise self._calls.fault(f"it has no block {which}")
        return ForeignBlock(
            self._quantity(found.number, U63_MAX), self._bytes(found.hash, HASH_BYTES), self._quantity(found.timestamp, U63_MAX)
        )

    def _log(self, one: _Log, contract: bytes) -> EvmLog:
        if one.removed or len(one.topics) > TOPICS_MAX or self._bytes(one.address, ADDRESS_BYTES) != contract:
            raise self._calls.fault("an event that was taken back, of another contract, or with too many topics")
        return EvmLog(
            block=self._quantity(one.block_number, U63_MAX),
            block_hash=self._bytes(one.block_hash, HASH_BYTES),
            tx_hash=self._bytes(one.transaction_hash, HASH_BYTES),
            log_index=self._quantity(one.log_index, 2**32 - 1),
            topics=tuple(self._bytes(topic, HASH_BYTES) for topic in one.topics),
            data=self._bytes(one.data, None),
        )

    def _run(self, method: str, call: Json, where: Json, contract: bytes) -> bytes:
        try:
            found = self._ask(method, [call, where], _TEXT)
        except NodeRefused as refused:
            data = self._revert_data(refused)
            if data is None:
                raise
            raise TransactionRefused(what=f"a call to 0x{contract.hex()}", data=data) from None
        return self._bytes(found or "", None)

    def _revert_data(self, refused: NodeRefused) -> bytes | None:
        """Return with what a contract reverted; None where it is the node that refused."""
        try:
            data = _TEXT.decode(refused.data)
        except msgspec.DecodeError:
            data = None
        if data is not None and len(data) <= 2 * DATA_BYTES_MAX and _DATA.fullmatch(data):
            return bytes.fromhex(data[2:])
        return b"" if "revert" in refused.reason.lower() else None

    def _number(self, method: str, most: int, *parameters: Json) -> int:
        found = self._ask(method, parameters, _TEXT)
        return self._quantity(found or "", most)

    def _ask(self, method: str, parameters: Sequence[Json], form: Decoder[T]) -> T:
        """Return what a method answers."""
        self._requests += 1
        document = {"jsonrpc": "2.0", "id": self._requests, "method": method, "params": parameters}
        body = self._calls.post("", msgspec.json.encode(document))
        try:
            answer = _ANSWER.decode(body)
            if answer.error is not None:
                raise NodeRefused(url=self.url, reason=f"{method}: {answer.error.message[:200]}", data=bytes(answer.error.data))
            if answer.id != self._requests:
                raise self._calls.fault(f"an answer to another request than {method}")
            return form.decode(answer.result)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise self._calls.fault(f"{method}: {problem}") from None

    def _quantity(self, text: str, most: int) -> int:
        if not _QUANTITY.fullmatch(text) or (value := int(text, 16)) > most:
            raise self._calls.fault(f"{text[:80]!r} where a number up to {most} belongs")
        return value

    def _bytes(self, text: str, size: int | None) -> bytes:
        """Return hex as bytes: exactly `size`, or for None up to the limit of data."""
        if len(text) > 2 + 2 * DATA_BYTES_MAX or not _DATA.fullmatch(text) or (size is not None and len(text) != 2 + 2 * size):
            raise self._calls.fault(f"{text[:80]!r} where {size or 'at most ' + str(DATA_BYTES_MAX)} bytes belong")
        return bytes.fromhex(text[2:])
