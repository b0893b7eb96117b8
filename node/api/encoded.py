"""Final blocks as the text of their events, for every stream the same: what an event says, and whom a transaction concerns."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import msgspec

from ledger.transactions.bodies import AccountOpen, AccountSet, HoldBody, Issue, Pay, Redeem
from node.api.convert import entry_bodies, receipt_body
from node.api.structs import BlockEvent, SweepEvent, TransactionEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.blocks import Receipt
    from ledger.transactions.bodies import Body
    from node.api.backend import Reads
    from node.blocks import FinalBlock

CACHED_BLOCKS: Final = 8
"""Newest blocks whose events are kept encoded, shared by all streams."""
BLOCK_END: Final = 999_999_999
"""Index above every transaction of a block: an event for a whole block has it as its id, so that resuming goes on with the next."""

_encode = msgspec.json.Encoder().encode


class EncodedBlock:
    """A final block as the text of its events, each made once, when first asked for."""

    __slots__ = ("_block", "_whole", "events")

    def __init__(self, block: FinalBlock) -> None:
        self._block = block
        self._whole = b""
        self.events: list[bytes] = [b""] * (len(block.receipts) + bool(block.swept))

    def event(self, index: int) -> bytes:
        """Event of one transaction; after the last, of the sweep."""
        text = self.events[index]
        if not text:
            text = self.events[index] = self._transaction(index) if index < len(self._block.receipts) else self._sweep(index)
        return text

    def _transaction(self, index: int) -> bytes:
        block = self._block
        transaction, receipt = block.transactions[index], block.receipts[index]
        data = TransactionEvent(
            tx_id=transaction.tx_id.hex(),
            height=receipt.height,
            index=index,
            time_ms=block.facts.time_ms,
            type=transaction.type,
            sender=transaction.sender,
            ref=transaction.ref,
            receipt=receipt_body(receipt),
        )
        return b"id: %d.%d\nevent: transaction\ndata: %b\n\n" % (receipt.height, index, _encode(data))

    def _sweep(self, index: int) -> bytes:
        facts = self._block.facts
        data = SweepEvent(facts.height, index, facts.time_ms, entry_bodies(self._block.swept))
        return b"id: %d.%d\nevent: sweep\ndata: %b\n\n" % (facts.height, index, _encode(data))

    def whole(self, first: int) -> bytes:
        """Event of the block from an index on."""
        if first == 0 and self._whole:
            return self._whole
        block = self._block
        receipts = block.receipts[first:]
        data = BlockEvent(
            height=block.facts.height,
            first=first,
            time_ms=block.facts.time_ms,
            ids=tuple(receipt.tx_id.hex() for receipt in receipts),
            codes=tuple(receipt.code for receipt in receipts),
        )
        text = b"id: %d.%d\nevent: block\ndata: %b\n\n" % (block.facts.height, BLOCK_END, _encode(data))
        if first == 0:
            self._whole = text
        return text

    def chosen(self, first: int, account: str, sender: str) -> Iterator[int]:
        """Yield the indices from `first` on that fit the filters; an empty filter fits all."""
        block = self._block
        for index in range(first, len(block.receipts)):
            transaction = block.transactions[index]
            if sender and transaction.sender != sender:
                continue
            if account and not concerns(account, transaction.body, block.receipts[index]):
                continue
            yield index
        swept = any(account in ("", entry.account) for entry in block.swept)
        if swept and first <= len(block.receipts) and not sender:
            yield len(block.receipts)

    @property
    def count(self) -> int:
        """Transactions in the block."""
        return len(self._block.receipts)


class EventCache:
    """The newest encoded blocks, so that a hundred streams cost as much encoding as one."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._blocks: OrderedDict[int, EncodedBlock] = OrderedDict()

    def block(self, height: int) -> EncodedBlock:
        """Return a final block, encoded or ready for it. `height` is at most the tip's."""
        found = self._blocks.get(height)
        if found is None:
            block = self._reads.block(height)
            if block is None:
                raise AssertionError(f"final block {height} cannot be read")
            found = EncodedBlock(block)
            if height + CACHED_BLOCKS > self._reads.tip.facts.height:
                self._blocks[height] = found
                while len(self._blocks) > CACHED_BLOCKS:
                    self._blocks.popitem(last=False)
        return found


def concerns(account: str, body: Body, receipt: Receipt) -> bool:
    """Whether a transaction changed the account, or names it: a refused one changes nothing."""
    if any(entry.account == account for entry in receipt.entries):
        return True
    match body:
        case Pay():
            return any(account in (leg.debit, leg.credit) for leg in body.legs)
        case HoldBody():
            return account in (body.source, body.target)
        case Issue():
            return body.to == account
        case Redeem():
            return body.source == account
        case AccountOpen() | AccountSet():
            return body.id == account
        case _:
            return False
