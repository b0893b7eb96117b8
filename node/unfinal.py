"""Unfinal blocks that were judged valid or built here, with what they change: a tree above the newest final block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.state import UnfinalState

if TYPE_CHECKING:
    from consensus.types import BlockFacts, BlockId
    from ledger.blocks import Entry, Header, Receipt
    from ledger.transactions.bodies import Transaction
    from node.blocks import Slots
    from node.records import StoredBlock
    from node.state import FinalState, Layer


@dataclass(frozen=True, slots=True)
class Kept:
    """A block whose execution is done: making it final costs no second one."""

    facts: BlockFacts
    header: Header
    stored: StoredBlock
    transactions: tuple[Transaction, ...]
    receipts: tuple[Receipt, ...]
    swept: tuple[Entry, ...]
    layer: Layer
    slots: Slots
    work: int
    """Transactions and swept records in it (K18)."""


class UnfinalBlocks:
    """Every kept block above `root`, the newest final one."""

    def __init__(self, root: BlockFacts) -> None:
        self.root = root
        self._kept: dict[BlockId, Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, block_id: BlockId) -> Kept | None:
        """Return a kept block."""
        return self._kept.get(block_id)

    def add(self, kept: Kept) -> None:
        """Keep a block whose parent is the root or kept."""
        self._kept[kept.facts.block_id] = kept

    def facts_of(self, block_id: BlockId) -> BlockFacts | None:
        """Facts of a kept block or of the root."""
        if block_id == self.root.block_id:
            return self.root
        kept = self._kept.get(block_id)
        return None if kept is None else kept.facts

    def lineage(self, block_id: BlockId) -> list[Kept] | None:
        """Blocks from this one down to the root, newest first, the root left out; None where it does not stand on the root."""
        found: list[Kept] = []
        while block_id != self.root.block_id:
            kept = self._kept.get(block_id)
            if kept is None:
                return None
            found.append(kept)
            block_id = kept.facts.parent
        return found

    def state_after(self, block_id: BlockId, final: FinalState) -> FinalState | UnfinalState | None:
        """State after a block over the final state; None where the block does not stand on the root."""
        lineage = self.lineage(block_id)
        if lineage is None:
            return None
        return UnfinalState([kept.layer for kept in lineage], final) if lineage else final

    def advance(self, block_id: BlockId) -> Kept:
        """Make a child of the root the new root; returns it."""
        kept = self._kept.pop(block_id, None)
        if kept is None or kept.facts.parent != self.root.block_id:
            raise AssertionError(f"block {block_id.hex()} is to be final but was not judged valid on the newest final block")
        self.root = kept.facts
        return kept

    def prune(self) -> None:
        """Drop what does not descend from the root: it can never be final."""
        self._kept = {block_id: kept for block_id, kept in self._kept.items() if self.lineage(block_id) is not None}
