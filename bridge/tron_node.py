"""One node of Tron over its HTTP interface, with every answer checked for form and size before it is used.

What is final is read from `walletsolidity`, the state that two thirds of the block makers stand behind; what is about to be sent is tried
and sent by `wallet`. Tron shows events by block only, and contracts only as they are now: both are made good in `bridge.tron_chain`.

Checked against recorded shapes of answers on a local server; not run on a public network.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import Struct, field
from msgspec.json import Decoder

from bridge.chains import ForeignBlock
from bridge.errors import FieldOutOfRange, TransactionRefused
from bridge.evm_node import ADDRESS_BYTES, DATA_BYTES_MAX, HASH_BYTES, LOGS_MAX, TOPICS_MAX, U63_MAX, EvmLog
from bridge.http_calls import HttpCalls
from bridge.tron import PREFIX, without_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
NUMBER_BYTES: Final = 8
"""Of a block's id, which begins with the block's number."""
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")
_KNOWN: Final = "DUP_TRANSACTION_ERROR"


class TronBlock(Struct, frozen=True):
    """A block with the ids of its transactions."""

    head: ForeignBlock
    time_ms: int
    transactions: tuple[bytes, ...]


class TronReceipt(Struct, frozen=True):
    """What became of a transaction that a block has."""

    block: int
    succeeded: bool


class Tried(Struct, frozen=True):
    """What a call returned when it was tried."""

    returned: bytes
    energy: int


class _Raw(Struct, frozen=True):
    timestamp: int = 0
    number: int = 0


class _Header(Struct, frozen=True):
    raw_data: _Raw


class _Id(Struct, frozen=True):
    tx_id: str = field(name="txID")


class _Block(Struct, frozen=True):
    block_header: _Header
    block_id: str = field(name="blockID")
    transactions: list[_Id] = field(default_factory=list)


class _Log(Struct, frozen=True):
    address: str
    topics: list[str] = field(default_factory=list)
    data: str = ""


class _Receipt(Struct, frozen=True):
    result: str = ""


class _Info(Struct, frozen=True):
    id: str = ""
    block_number: int = field(name="blockNumber", default=0)
    log: list[_Log] = field(default_factory=list)
    receipt: _Receipt = _Receipt()


class _Said(Struct, frozen=True):
    result: bool = False
    code: str | int = ""
    message: str = ""


class _Ret(Struct, frozen=True):
    ret: str = ""


class _Made(Struct, frozen=True):
    ret: list[_Ret] = field(default_factory=list)


class _Tried(Struct, frozen=True):
    result: _Said
    energy_used: int = 0
    constant_result: list[str] = field(default_factory=list)
    transaction: _Made = field(default_factory=_Made)


class _Parameter(Struct, frozen=True):
    key: str
    value: int = 0


class _Parameters(Struct, frozen=True):
    chain_parameter: list[_Parameter] = field(name="chainParameter")


_BLOCK: Final = Decoder(_Block)
_INFO: Final = Decoder(_Info)
_INFOS: Final[Decoder[list[_Info]]] = Decoder(list[_Info])
_TRIED: Final = Decoder(_Tried)
_SAID: Final = Decoder(_Said)
_PARAMETERS: Final = Decoder(_Parameters)


class TronNode:
    """One node."""

    def __init__(self, url: str, calls: HttpCalls | None = None) -> None:
        self._calls = calls or HttpCalls(url)
        self.url = self._calls.shown

    def solid(self) -> TronBlock:
        """Return the newest block that is solidified: final."""
        return self._block(self._ask("/walletsolidity/getnowblock", {}, _BLOCK))

    def newest(self) -> TronBlock:
        """Return the newest block, which may still be taken back."""
        return self._block(self._ask("/wallet/getnowblock", {}, _BLOCK))

    def block(self, number: int) -> TronBlock:
        """Return a solidified block.

        Raises
        ------
        ChainUnreachable
            The node has none of this number, or gives another one.
        """
        found = self._block(self._ask("/walletsolidity/getblockbynum", {"num": number}, _BLOCK))
        if found.head.number != number:
            raise self._calls.fault(f"block {found.head.number} in answer to block {number}")
        return found

    def logs(self, contract: bytes, block: TronBlock) -> tuple[EvmLog, ...]:
        """Return the events of a contract in a solidified block; an event's index is its place among all events of the block.

        Raises
        ------
        ChainUnreachable
            The node does not tell of every transaction of the block, once and in its order.
        """
        if not block.transactions:
            return ()
        infos = self._ask("/walletsolidity/gettransactioninfobyblocknum", {"num": block.head.number}, _INFOS)
        ids = tuple(self._bytes(one.id, HASH_BYTES) for one in infos)
        if ids != block.transactions or any(one.block_number != block.head.number for one in infos):
            raise self._calls.fault(f"other transactions for block {block.head.number} than the block has")
        told = [(tx_hash, log) for tx_hash, one in zip(ids, infos, strict=True) for log in one.log]
        if len(told) > LOGS_MAX:
            raise self._calls.fault(f"more than {LOGS_MAX} events in a block")
        return tuple(
            self._log(log, block.head, tx_hash, index)
            for index, (tx_hash, log) in enumerate(told)
            if self._bytes(log.address, ADDRESS_BYTES) == contract
        )

    def call(self, contract: bytes, data: bytes) -> bytes:
        """Return what a contract answers in the newest solidified state; raises TransactionRefused where it reverts."""
        return self._try("/walletsolidity/triggerconstantcontract", bytes(ADDRESS_BYTES), contract, data).returned

    def attempt(self, sender: bytes, contract: bytes, data: bytes) -> Tried:
        """Try a transaction in the newest state, without making it; raises TransactionRefused where it would revert."""
        return self._try("/wallet/triggerconstantcontract", sender, contract, data)

    def energy_price(self) -> int:
        """Return the price of a unit of energy, sun."""
        found = self._ask("/wallet/getchainparameters", {}, _PARAMETERS)
        price = next((each.value for each in found.chain_parameter if each.key == "getEnergyFee"), 0)
        if not 0 < price <= U63_MAX:
            raise self._calls.fault("no price of energy")
        return price

    def broadcast(self, transaction: bytes) -> None:
        """Give a signed transaction to the network."""
        said = self._ask("/wallet/broadcasthex", {"transaction": transaction.hex()}, _SAID)
        if not said.result and said.code != _KNOWN:
            raise self._calls.fault(f"it refuses the transaction: {said.code} {said.message[:120]}")

    def receipt(self, transaction_id: bytes) -> TronReceipt | None:
        """Return what became of a transaction; None while no block has it."""
        found = self._ask("/wallet/gettransactioninfobyid", {"value": transaction_id.hex()}, _INFO)
        if not found.id:
            return None
        if self._bytes(found.id, HASH_BYTES) != transaction_id:
            raise self._calls.fault("an answer about another transaction")
        return TronReceipt(found.block_number, found.receipt.result == "SUCCESS")

    def _block(self, found: _Block) -> TronBlock:
        block_id, raw = self._bytes(found.block_id, HASH_BYTES), found.block_header.raw_data
        if int.from_bytes(block_id[:NUMBER_BYTES], "big") != raw.number or not 0 <= raw.timestamp <= U63_MAX:
            raise self._calls.fault("a block whose id is not of its number, or without a time")
        ids = tuple(self._bytes(one.tx_id, HASH_BYTES) for one in found.transactions)
        return TronBlock(ForeignBlock(raw.number, block_id, raw.timestamp // 1_000), raw.timestamp, ids)

    def _log(self, log: _Log, block: ForeignBlock, tx_hash: bytes, index: int) -> EvmLog:
        if len(log.topics) > TOPICS_MAX:
            raise self._calls.fault("an event with too many topics")
        return EvmLog(
            block=block.number,
            block_hash=block.hash,
            tx_hash=tx_hash,
            log_index=index,
            topics=tuple(self._bytes(topic, HASH_BYTES) for topic in log.topics),
            data=self._bytes(log.data, None),
        )

    def _try(self, path: str, sender: bytes, contract: bytes, data: bytes) -> Tried:
        document = {"owner_address": (PREFIX + sender).hex(), "contract_address": (PREFIX + contract).hex(), "data": data.hex()}
        found = self._ask(path, document, _TRIED)
        returned = self._bytes(found.constant_result[0], None) if found.constant_result else b""
        if any(each.ret == "FAILED" for each in found.transaction.ret):
            raise TransactionRefused(what=f"a call to 0x{contract.hex()}", data=returned)
        if not found.result.result or not 0 <= found.energy_used <= U63_MAX:
            raise self._calls.fault(f"the call was not tried: {found.result.code} {found.result.message[:120]}")
        return Tried(returned, found.energy_used)

    def _ask(self, path: str, document: Mapping[str, str | int], form: Decoder[T]) -> T:
        body = self._calls.post(path, msgspec.json.encode(document))
        try:
            return form.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise self._calls.fault(f"{path}: {problem}") from None

    def _bytes(self, text: str, size: int | None) -> bytes:
        """Return hex as bytes: exactly `size`, an address with or without Tron's first byte, or for None up to the limit of data."""
        if len(text) > 2 * DATA_BYTES_MAX or not _HEX.fullmatch(text):
            raise self._calls.fault(f"{text[:80]!r} where hex belongs")
        value = bytes.fromhex(text)
        try:
            value = without_prefix(value) if size == ADDRESS_BYTES else value
        except FieldOutOfRange as problem:
            raise self._calls.fault(str(problem)) from None
        if size is not None and len(value) != size:
            raise self._calls.fault(f"{len(value)} bytes where {size} belong")
        return value
