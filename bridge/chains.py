"""A public chain as the bridge sees it: final blocks, the events of a contract in them, and what a contract says at one of them.

What counts as final, which nodes are asked and how they are compared is the adapter's matter (`bridge.evm`, `bridge.tron_node`); whoever
uses one gets final facts or a typed error, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from bridge.abi import Value

if TYPE_CHECKING:
    from collections.abc import Sequence


class ForeignBlock(Struct, frozen=True):
    """A block of a public chain."""

    number: int
    hash: bytes
    """32 bytes."""
    time: int
    """Unix seconds."""


class Seen(Struct, frozen=True):
    """An event of a contract in a final block."""

    name: str
    fields: Mapping[str, Value]
    block: ForeignBlock
    tx_hash: bytes
    """32 bytes."""
    log_index: int


class PublicChain(Protocol):
    """What observers and relayers ask of a chain. Every method may raise `ChainUnreachable`, and `ProvidersDiffer` where nodes disagree."""

    def chain_id(self) -> int:
        """Id that every node of it gives."""
        ...

    def final(self) -> ForeignBlock:
        """Newest block that is final by the route's policy."""
        ...

    def block(self, number: int) -> ForeignBlock:
        """Return a block that is final, by number."""
        ...

    def events(self, contract: bytes, first: int, last: int) -> Sequence[Seen]:
        """Events of a contract in the final blocks `first` to `last`, both included, in the order of the chain."""
        ...

    def state(self, contract: bytes, at: ForeignBlock) -> Mapping[str, Value]:
        """Return what the bridge contract says of itself (`state()`) after a final block."""
        ...

    def nonce_used(self, contract: bytes, nonce: int, at: ForeignBlock) -> bool:
        """Whether a lock's nonce was minted by the end of a final block."""
        ...

    def total_supply(self, token: bytes, at: ForeignBlock) -> int:
        """Supply of a token after a final block."""
        ...


class Carried(Struct, frozen=True):
    """Where a transaction of ours stands."""

    tx_hash: bytes
    """32 bytes; of the message before, while that is still on its way."""
    mined: bool
    """Whether a block has the message; the block need not be final."""


class Carrier(Protocol):
    """Brings messages to contracts of a chain, one after another, at its own cost: anyone may."""

    @property
    def address(self) -> bytes:
        """20 bytes: who pays."""
        ...

    def carry(self, contract: bytes, data: bytes) -> Carried:
        """Have a contract called, without waiting for a block: repeat it until it is mined.

        A repetition sends nothing while the transaction may still be taken, and again, dearer, when it was not. What was in flight when the
        process ended is replaced, or found to be done: contracts take a message once.

        Raises
        ------
        TransactionRefused
            The contract reverts: the message was brought by another meanwhile, or must not be taken.
        PriceTooHigh
            It would cost more than the operator allows.
        ChainUnreachable
            No node takes it.
        """
        ...
