"""Brings messages to a contract of an EVM chain: nonce, gas, price, and sending again when no block took a transaction.

One transaction is in flight at a time, and nothing of it is kept on disk: its nonce is always the next one that the chain expects, so after
a restart a transaction of before is either mined or replaced, and what it carried is refused by the contract the second time. One process
per account: another one that sends from the same account would have its transactions replaced. Prices are `bridge.evm_fees`'.
"""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from bridge.chains import Carried
from bridge.errors import ChainUnreachable, TransactionRefused
from bridge.evm_fees import Limits, Price, bid, raised
from bridge.evm_node import EvmNode, NodeRefused
from bridge.keccak import keccak256
from bridge.providers import Providers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.keys import SigningKey

Item: TypeAlias = int | bytes | tuple[()]
RESEND_SECONDS: Final = 60
"""After which a transaction that no block took is sent again, dearer; five blocks of Ethereum."""
RAISES_MAX: Final = 40
"""Raises of the price in a row, for a transaction of before a restart whose price is not known: a hundredfold."""
GAS_MIN: Final = 21_000
"""Of any transaction; a node that names less is not believed."""
_KNOWN: Final = ("already known", "already imported", "known transaction", "alreadyknown")
_UNDERPRICED: Final = "underpriced"
_LIMITS: Final = Limits()
_DYNAMIC: Final = b"\x02"
"""Type of a transaction of EIP-1559, before its list."""


class Flight(Struct, frozen=True):
    """A transaction that was sent and that no block has yet, as far as is known."""

    contract: bytes
    data: bytes
    nonce: int
    price: Price
    hashes: tuple[bytes, ...]
    """Of each time that it was sent: any of them may be mined."""
    sent: float

    @property
    def newest(self) -> bytes:
        """Hash of the last time."""
        return self.hashes[-1]


class Call(Struct, frozen=True):
    """What a transaction does, and what it offers for that."""

    nonce: int
    price: Price
    gas: int
    to: bytes
    """20 bytes: a contract; no coin is sent with it."""
    data: bytes


class EvmSender:
    """An account that pays; a `bridge.chains.Carrier`."""

    def __init__(
        self,
        nodes: Sequence[EvmNode],
        chain_id: int,
        key: SigningKey,
        *,
        limits: Limits = _LIMITS,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._nodes, self._chain_id, self._key = Providers(nodes), chain_id, key
        self._limits, self._now = limits, now
        self._flight: Flight | None = None

    @property
    def address(self) -> bytes:
        """20 bytes: who pays."""
        return self._key.address

    def carry(self, contract: bytes, data: bytes) -> Carried:
        """Have a contract called; see `bridge.chains.Carrier`."""
        nonce = self._nodes.first(lambda node: node.sent_count(self.address))
        flight = self._flight
        if flight is not None and nonce > flight.nonce:
            if (flight.contract, flight.data) == (contract, data) and (landed := self._landed(flight)) is not None:
                return landed
            flight = self._flight = None
        if flight is not None and self._now() - flight.sent < RESEND_SECONDS:
            return Carried(flight.newest, mined=False)
        sent = self._send(contract, data, nonce, flight)
        self._flight = sent
        return Carried(sent.newest, mined=False)

    def _landed(self, flight: Flight) -> Carried | None:
        """Return which of a flight's transactions is in a block; None where another transaction took its nonce.

        Raises
        ------
        TransactionRefused
            The contract reverted it.
        """
        receipts = [(tx_hash, self._nodes.first(partial(EvmNode.receipt, tx_hash=tx_hash))) for tx_hash in flight.hashes]
        self._flight = None
        for tx_hash, receipt in receipts:
            if receipt is not None and not receipt.succeeded:
                raise TransactionRefused(what=f"transaction {tx_hash.hex()}", data=b"")
            if receipt is not None:
                return Carried(tx_hash, mined=True)
        return None

    def _send(self, contract: bytes, data: bytes, nonce: int, replaced: Flight | None) -> Flight:
        gas = max(GAS_MIN, self._nodes.first(lambda node: node.estimate(self.address, contract, data)) * 5 // 4)
        market = self._nodes.first(lambda node: node.market())
        same = replaced is not None and (replaced.contract, replaced.data) == (contract, data)
        hashes = replaced.hashes if replaced is not None and same else ()
        floor = raised(replaced.price) if replaced is not None else None
        for _ in range(RAISES_MAX):
            price = bid(market, gas, self._limits, floor)
            raw = signed_transaction(self._key, self._chain_id, Call(nonce, price, gas, contract, data))
            if self._broadcast(raw):
                return Flight(contract, data, nonce, price, (*hashes, keccak256(raw)), self._now())
            floor = raised(price)
        raise ChainUnreachable(url=next(iter(self._nodes)).url, reason="it finds every price too low for the transaction that it holds")

    def _broadcast(self, raw: bytes) -> bool:
        """Give a transaction to every node; return whether one took it, or False where it must be dearer to replace what they hold."""
        taken, dearer = 0, 0
        problem: ChainUnreachable | None = None
        for node in self._nodes:
            try:
                node.broadcast(raw)
                taken += 1
            except NodeRefused as refused:
                said = refused.reason.lower()
                taken += any(word in said for word in _KNOWN)
                dearer += _UNDERPRICED in said
                problem = refused
            except ChainUnreachable as silent:
                problem = silent
        if not taken and not dearer and problem is not None:
            raise problem
        return taken > 0


def signed_transaction(key: SigningKey, chain_id: int, call: Call) -> bytes:
    """Return a signed transaction, good on this chain only: of EIP-1559 where its price has a tip, else of the old form (EIP-155)."""
    sent: tuple[Item, ...] = (call.gas, call.to, 0, call.data)
    if call.price.tip is not None:
        sent = (chain_id, call.nonce, call.price.tip, call.price.most, *sent, ())
        parity, r, s = _signed(key, _DYNAMIC + _listed(*sent))
        return _DYNAMIC + _listed(*sent, parity, r, s)
    sent = (call.nonce, call.price.most, *sent)
    parity, r, s = _signed(key, _listed(*sent, chain_id, 0, 0))
    return _listed(*sent, parity + 35 + 2 * chain_id, r, s)


def _signed(key: SigningKey, unsigned: bytes) -> tuple[int, int, int]:
    signature = key.sign(keccak256(unsigned))
    return signature[64] - 27, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")


def _listed(*items: Item) -> bytes:
    """Return a list of numbers, bytes and empty lists in RLP, Ethereum's encoding."""
    return _headed(0xC0, b"".join(map(_item, items)))


def _item(value: Item) -> bytes:
    if isinstance(value, tuple):
        return _headed(0xC0, b"")
    data = value if isinstance(value, bytes) else value.to_bytes((value.bit_length() + 7) // 8, "big")
    return data if len(data) == 1 and data[0] < 0x80 else _headed(0x80, data)


def _headed(kind: int, body: bytes) -> bytes:
    """Return the length of a body, short or long, and the body."""
    size = len(body)
    if size <= 55:
        return bytes([kind + size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(length)]) + length + body
