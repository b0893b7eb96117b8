"""Nodes of the public chain: JSON-RPC as `bridge.evm_node` speaks it, answered within the process. They fall silent, lag, lose things."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from bridge.http_calls import HttpCalls
from bridge.keccak import keccak256
from tests.bridge.forking import Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.chains import ForeignBlock
    from tests.bridge.forking import Block, ForkingChain

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"
GAS_PRICE = 1_000_000_000
REFUSED, REVERTED = -32_000, 3
"""Codes of JSON-RPC, as geth gives them."""


class Fault(Exception):
    """The node refuses a request."""

    def __init__(self, message: str, code: int = REFUSED, data: Json = None) -> None:
        super().__init__(message)
        self.answer: Json = {"code": code, "message": message, "data": data}


class NodeCalls(HttpCalls):
    """What HTTP carries to one node of the chain, and back."""

    def __init__(self, chain: ForkingChain, name: str, called: Callable[[], None]) -> None:
        """Take a chain; `called` hears of each request before and after it: a process may end there."""
        super().__init__(f"http://{name}.example")
        self.chain, self._called = chain, called
        self.behind = 0
        """Newest blocks that this node does not have yet."""
        self.silent = False
        self.loses = False
        """Whether it forgets the transactions that it takes."""
        self.lost: list[Sent] = []
        """What it forgot."""

    def post(self, path: str, document: bytes) -> bytes:
        """Answer one request."""
        self._called()
        if path or self.silent:
            raise self.fault("silent")
        request = msgspec.json.decode(document)
        try:
            made: dict[str, Json] = {"result": self._answer(request["method"], request["params"])}
        except Fault as fault:
            made = {"error": fault.answer}
        self._called()
        return msgspec.json.encode({"id": request["id"], **made})

    def _answer(self, method: str, given: Sequence[Json]) -> Json:  # noqa: PLR0911 - one line a method
        match method:
            case "eth_chainId":
                return hex(self.chain.chain_id)
            case "eth_getBlockByNumber":
                return self._block(str(given[0]))
            case "eth_getLogs":
                return self._logs(_fields(given[0]))
            case "eth_call":
                return self._call(_fields(given[0]), given[1])
            case "eth_estimateGas":
                return self._estimate(_fields(given[0]))
            case "eth_getTransactionCount":
                return hex(self._count(str(given[0])))
            case "eth_maxPriorityFeePerGas" | "eth_gasPrice":
                return hex(GAS_PRICE)
            case "eth_sendRawTransaction":
                return self._take(bytes.fromhex(str(given[0])[2:]))
            case "eth_getTransactionReceipt":
                return self._receipt(bytes.fromhex(str(given[0])[2:]))
        raise AssertionError(f"no node has {method}")

    @property
    def _head(self) -> int:
        return max(0, self.chain.newest.number - self.behind)

    def _block(self, which: str) -> Json:
        named = {"latest": self._head, "finalized": min(self._head, self.chain.final_number)}
        number = named[which] if which in named else int(which, 16)
        if number > self._head:
            return None
        return _shown(self.chain.blocks[number].facts)

    def _logs(self, asked: Mapping[str, Json]) -> Json:
        first, last = (int(str(asked[name]), 16) for name in ("fromBlock", "toBlock"))
        found: list[Json] = []
        for block in self.chain.blocks[first : min(last, self._head) + 1]:
            found += _logs_of(block, str(asked["address"]))
        return found

    def _call(self, call: Mapping[str, Json], where: Json) -> Json:
        to, data = str(call["to"]), bytes.fromhex(str(call["data"])[2:])
        number = self.chain.newest.number if where == "latest" else self.chain.at(bytes.fromhex(str(_fields(where)["blockHash"])[2:]))
        if not 0 <= number <= self._head and where != "latest":
            raise Fault("header not found")
        if where == "latest":
            returned, refused = b"", self.chain.tried(str(call["from"]), to, data)[1]
        else:
            returned, refused = self.chain.view(to, data, number)
        if refused is not None:
            raise Fault("execution reverted", REVERTED, "0x" + refused.hex())
        return "0x" + returned.hex()

    def _estimate(self, call: Mapping[str, Json]) -> Json:
        gas, refused = self.chain.tried(str(call["from"]), str(call["to"]), bytes.fromhex(str(call["data"])[2:]))
        if refused is not None:
            raise Fault("execution reverted", REVERTED, "0x" + refused.hex())
        return hex(gas)

    def _count(self, sender: str) -> int:
        return sum(each.sent.sender == sender for block in self.chain.blocks for each in block.mined if each.sent.nonce >= 0)

    def _take(self, raw: bytes) -> Json:
        """Put a signed transaction into the pool, or in the place of a cheaper one."""
        sent = opened(raw)
        pool = self.chain.pool
        if sent.nonce < self._count(sent.sender):
            raise Fault("nonce too low")
        if any(each.tx_hash == sent.tx_hash for each in pool):
            raise Fault("already known")
        same = [each for each in pool if (each.sender, each.nonce) == (sent.sender, sent.nonce)]
        if any(sent.price < each.price + each.price // 10 for each in same):
            raise Fault("replacement transaction underpriced")
        if self.loses:
            self.lost.append(sent)
            return "0x" + sent.tx_hash.hex()
        for each in same:
            pool.remove(each)
        pool.append(sent)
        return "0x" + sent.tx_hash.hex()

    def _receipt(self, tx_hash: bytes) -> Json:
        for block in self.chain.blocks[: self._head + 1]:
            for each in block.mined:
                if each.sent.tx_hash == tx_hash:
                    return {"status": "0x1" if each.refused is None else "0x0", "blockNumber": hex(block.facts.number)}
        return None


def opened(raw: bytes) -> Sent:
    """Return what a signed transaction says, and who signed it."""
    made = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()  # of EIP-1559, since the blocks here have a base fee
    sender = Account.recover_transaction(raw).lower()
    to, data = bytes(made["to"]), bytes(made["data"])
    return Sent(sender, "0x" + to.hex(), data, keccak256(raw), int(made["nonce"]), int(made["maxFeePerGas"]))


def _fields(given: Json) -> Mapping[str, Json]:
    if not isinstance(given, dict):
        raise TypeError(f"{given!r} where fields belong")
    return given


def _shown(block: ForeignBlock) -> Json:
    return {
        "number": hex(block.number),
        "hash": "0x" + block.hash.hex(),
        "timestamp": hex(block.time),
        "baseFeePerGas": hex(GAS_PRICE),
    }


def _logs_of(block: Block, address: str) -> list[Json]:
    found: list[Json] = []
    place = 0
    for each in block.mined:
        for log in each.logs:
            if log.address == address:
                found.append(
                    {
                        "address": address,
                        "topics": ["0x" + topic.hex() for topic in log.topics],
                        "data": "0x" + log.data.hex(),
                        "blockNumber": hex(block.facts.number),
                        "blockHash": "0x" + block.facts.hash.hex(),
                        "transactionHash": "0x" + each.sent.tx_hash.hex(),
                        "logIndex": hex(place),
                    }
                )
            place += 1
    return found
