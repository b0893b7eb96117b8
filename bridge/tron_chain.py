"""Tron as the bridge sees it: solidified blocks, told alike by every node that is asked (B6); and an account that carries messages there.

Tron's nodes show a contract only as it is now. So what it said at a block is known while it has logged nothing since, within a short
way back; else it is `StateGone`, and the next common block is as good. Whether a nonce was minted needs no such care: that never turns
back, and after a lock's deadline, which is when it is asked, no mint is possible any more.

Checked against recorded shapes of answers on a local server, and byte-identical to tronweb's vectors; not run on a public network.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.chains import Carried, Seen
from bridge.contracts import artifact
from bridge.errors import ChainUnreachable, PriceTooHigh, StateGone, TransactionRefused, UnknownInterface
from bridge.providers import FinalHead, Providers
from bridge.tron import Call, raw_data, reference, transaction, transaction_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bridge.abi import Value
    from bridge.chains import ForeignBlock
    from bridge.evm_node import EvmLog
    from bridge.keys import SigningKey
    from bridge.tron_node import TronNode

CHAIN_ID: Final = 728126428
"""Of Tron's main network, as its contracts see it."""
BACK_BLOCKS_MAX: Final = 40
"""Two minutes: how far back a contract's state may be known by its having logged nothing since."""
EXPIRES_MS: Final = 60_000
FEE_LIMIT_MAX: Final = 100_000_000
"""Sun for one transaction, 100 TRX, where an operator does not say otherwise."""
WORD_BYTES: Final = 32


class TronChain:
    """Tron behind one or several nodes; a `bridge.chains.PublicChain`."""

    def __init__(self, nodes: Sequence[TronNode], chain_id: int = CHAIN_ID, agree: int = 1) -> None:
        """Take the chain; Tron's interface does not tell its id, so the operator's word and the contract's own stand for it."""
        self._nodes = Providers(nodes, agree)
        self._chain_id = chain_id
        self._head = FinalHead()
        self._bridge, self._token = artifact("SomBridge").interface, artifact("SomToken").interface

    def chain_id(self) -> int:
        """Return the id that the operator gave; signatures and contract know it, too."""
        return self._chain_id

    def final(self) -> ForeignBlock:
        """Return the newest block that is solidified at every node; it never goes back.

        Raises
        ------
        FinalityBroken
            The block that was final last is no more where it was.
        """
        return self._head.move(min(number for _, number in self._nodes.answers(lambda node: node.solid().head.number)), self._at)

    def block(self, number: int) -> ForeignBlock:
        """Return a final block; raises NotFinal."""
        self._head.check(number, self.final)
        return self._at(number)

    def events(self, contract: bytes, first: int, last: int) -> tuple[Seen, ...]:
        """Return what the bridge contract logged in the final blocks `first` to `last`, in the order of the chain; raises NotFinal."""
        if last < first:
            return ()
        self._head.check(last, self.final)
        found: list[Seen] = []
        for number in range(first, last + 1):
            block, logs = self._nodes.agreed(f"the events of block {number}", partial(_logs, contract=contract, number=number))
            for log in logs:
                decoded = self._bridge.event(log.topics, log.data)
                found.append(Seen(decoded.name, decoded.fields, block, log.tx_hash, log.log_index))
        return tuple(found)

    def state(self, contract: bytes, at: ForeignBlock) -> Mapping[str, Value]:
        """Return what the bridge contract says of itself after a final block; raises StateGone."""
        return self._bridge.record("state", self._read(contract, self._bridge.call("state", ()), at, _nothing))

    def nonce_used(self, contract: bytes, nonce: int, at: ForeignBlock) -> bool:
        """Whether a lock's nonce was minted by the end of a final block, or since."""
        self._head.check(at.number, self.final)
        data = self._bridge.call("nonceUsed", (nonce,))
        said = self._nodes.answers(partial(_now, contract=contract, data=data, least=at.number))
        return any(bool(self._bridge.answer("nonceUsed", returned)[0]) for _, returned in said)

    def total_supply(self, token: bytes, at: ForeignBlock) -> int:
        """Return the supply of a token after a final block; raises StateGone. Transfers between holders do not change it."""
        transfer, approval = self._token.event_topic("Transfer"), self._token.event_topic("Approval")

        def keeps_supply(log: EvmLog) -> bool:
            moved = log.topics[:1] == (transfer,) and len(log.topics) == 3
            return log.topics[:1] == (approval,) or (moved and bytes(WORD_BYTES) not in log.topics[1:])

        (supply,) = self._token.answer("totalSupply", self._read(token, self._token.call("totalSupply", ()), at, keeps_supply))
        if not isinstance(supply, int):
            raise UnknownInterface(what="number returned by", given="totalSupply")
        return supply

    def _at(self, number: int) -> ForeignBlock:
        return self._nodes.agreed(f"block {number}", lambda node: node.block(number).head)

    def _read(self, contract: bytes, data: bytes, at: ForeignBlock, keeps: Callable[[EvmLog], bool]) -> bytes:
        """Return what a contract answers now, where nothing that it logged since the block `at` can have changed that."""
        self._head.check(at.number, self.final)

        def ask(node: TronNode) -> bytes:
            returned = _now(node, contract, data, at.number)
            newest = node.solid().head.number
            if newest - at.number > BACK_BLOCKS_MAX:
                raise StateGone(number=at.number, reason=f"it lies {newest - at.number} blocks back, more than {BACK_BLOCKS_MAX}")
            for number in range(at.number + 1, newest + 1):
                if not all(keeps(log) for log in _logs(node, contract, number)[1]):
                    raise StateGone(number=at.number, reason=f"the contract has changed since, in block {number}")
            return returned

        return self._nodes.agreed(f"a call to 0x{contract.hex()} at block {at.number}", ask)


def _nothing(_: EvmLog) -> bool:
    return False


def _logs(node: TronNode, contract: bytes, number: int) -> tuple[ForeignBlock, tuple[EvmLog, ...]]:
    block = node.block(number)
    return block.head, node.logs(contract, block)


def _now(node: TronNode, contract: bytes, data: bytes, least: int) -> bytes:
    """Return what a contract answers at a node that has at least the block `least`."""
    if (head := node.solid().head.number) < least:
        raise ChainUnreachable(url=node.url, reason=f"it has solidified block {head} only, not {least}")
    return node.call(contract, data)


class Flight(Struct, frozen=True):
    """A transaction that was sent and that no block has yet, as far as is known."""

    contract: bytes
    data: bytes
    id: bytes
    expires_ms: int


class TronSender:
    """An account that pays; a `bridge.chains.Carrier`.

    A transaction of Tron has no nonce: one that expired is dead, and until then it is waited for. After a restart the same message may be
    sent beside one that still waits; the contract takes it once, and the other costs its energy.
    """

    def __init__(self, nodes: Sequence[TronNode], key: SigningKey, *, fee_limit_max: int = FEE_LIMIT_MAX) -> None:
        self._nodes, self._key, self._fee_limit_max = Providers(nodes), key, fee_limit_max
        self._flight: Flight | None = None

    @property
    def address(self) -> bytes:
        """20 bytes: who pays."""
        return self._key.address

    def carry(self, contract: bytes, data: bytes) -> Carried:
        """Have a contract called; see `bridge.chains.Carrier`."""
        flight = self._flight
        if flight is not None:
            receipt = self._nodes.first(lambda node: node.receipt(flight.id))
            if receipt is None and self._nodes.first(lambda node: node.solid().time_ms) <= flight.expires_ms:
                return Carried(flight.id, mined=False)
            self._flight = None
            if receipt is not None and (flight.contract, flight.data) == (contract, data):
                if not receipt.succeeded:
                    raise TransactionRefused(what=f"transaction {flight.id.hex()}", data=b"")
                return Carried(flight.id, mined=True)
        self._flight = sent = self._send(contract, data)
        return Carried(sent.id, mined=False)

    def _send(self, contract: bytes, data: bytes) -> Flight:
        tried = self._nodes.first(lambda node: node.attempt(self.address, contract, data))
        limit = tried.energy * self._nodes.first(lambda node: node.energy_price()) * 6 // 5
        if limit > self._fee_limit_max:
            raise PriceTooHigh(needed=limit, allowed=self._fee_limit_max)
        head = self._nodes.first(lambda node: node.newest())
        number, block_id = reference(head.head.number, head.head.hash)
        call = Call(
            owner=self.address,
            contract=contract,
            data=data,
            ref_block_bytes=number,
            ref_block_hash=block_id,
            expiration_ms=head.time_ms + EXPIRES_MS,
            timestamp_ms=head.time_ms,
            fee_limit=limit,
        )
        raw = raw_data(call)
        made = transaction_id(raw)
        signed = transaction(raw, self._key.sign(made))
        self._nodes.first(lambda node: node.broadcast(signed))
        return Flight(contract, data, made, call.expiration_ms)
