"""Brings messages to a contract of an EVM chain: nonce, gas, price, and sending again when no block took a transaction.

One transaction is in flight at a time, and nothing of it is kept on disk: its nonce is always the next one that the chain expects, so after
a restart a transaction of before is either mined or replaced, and what it carried is refused by the contract the second time. One process
per account: another one that sends from the same account would have its transactions replaced.
"""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bridge.chains import Carried
from bridge.errors import ChainUnreachable, PriceTooHigh, TransactionRefused
from bridge.evm_node import EvmNode, NodeRefused
from bridge.keccak import keccak256
from bridge.providers import Providers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.keys import SigningKey

RESEND_SECONDS: Final = 60
"""After which a transaction that no block took is sent again, dearer; five blocks of Ethereum."""
COST_MAX: Final = 10**17
"""Wei for one transaction, 0.1 of the chain's coin, where an operator does not say otherwise: no node's price empties the purse."""
RAISES_MAX: Final = 40
"""Raises of the price in a row, for a transaction of before a restart whose price is not known: a hundredfold."""
_KNOWN: Final = ("already known", "already imported", "known transaction", "alreadyknown")
_UNDERPRICED: Final = "underpriced"


class Flight(Struct, frozen=True):
    """A transaction that was sent and that no block has yet, as far as is known."""

    contract: bytes
    data: bytes
    nonce: int
    price: int
    hashes: tuple[bytes, ...]
    """Of each time that it was sent: any of them may be mined."""
    sent: float

    @property
    def newest(self) -> bytes:
        """Hash of the last time."""
        return self.hashes[-1]


class EvmSender:
    """An account that pays; a `bridge.chains.Carrier`."""

    def __init__(
        self,
        nodes: Sequence[EvmNode],
        chain_id: int,
        key: SigningKey,
        *,
        cost_max: int = COST_MAX,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._nodes, self._chain_id, self._key = Providers(nodes), chain_id, key
        self._cost_max, self._now = cost_max, now
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
        gas = self._nodes.first(lambda node: node.estimate(self.address, contract, data)) * 5 // 4
        price = self._nodes.first(lambda node: node.gas_price())
        same = replaced is not None and (replaced.contract, replaced.data) == (contract, data)
        hashes = replaced.hashes if replaced is not None and same else ()
        if replaced is not None:
            price = max(price, raised(replaced.price))
        for _ in range(RAISES_MAX):
            if gas * price > self._cost_max:
                raise PriceTooHigh(needed=gas * price, allowed=self._cost_max)
            raw = signed_transaction(self._key, self._chain_id, (nonce, price, gas, contract, 0, data))
            if self._broadcast(raw):
                return Flight(contract, data, nonce, price, (*hashes, keccak256(raw)), self._now())
            price = raised(price)
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


def raised(price: int) -> int:
    """Return the least price at which nodes let a transaction replace one of this price: an eighth more."""
    return price + price // 8 + 1


def signed_transaction(key: SigningKey, chain_id: int, fields: tuple[int, int, int, bytes, int, bytes]) -> bytes:
    """Return a signed transaction of `nonce, gas price, gas, to, value, data`, good on this chain only (EIP-155)."""
    signature = key.sign(keccak256(_listed(*fields, chain_id, 0, 0)))
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:64]))
    return _listed(*fields, signature[64] - 27 + 35 + 2 * chain_id, r, s)


def _listed(*items: int | bytes) -> bytes:
    """Return a list of numbers and bytes in RLP, Ethereum's encoding."""
    body = b"".join(_item(one if isinstance(one, bytes) else one.to_bytes((one.bit_length() + 7) // 8, "big")) for one in items)
    return _headed(0xC0, body)


def _item(value: bytes) -> bytes:
    return value if len(value) == 1 and value[0] < 0x80 else _headed(0x80, value)


def _headed(kind: int, body: bytes) -> bytes:
    """Return the length of a body, short or long, and the body."""
    size = len(body)
    if size <= 55:
        return bytes([kind + size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(length)]) + length + body
