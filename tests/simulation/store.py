"""What a node has made final: a store that commits atomically, as LMDB does, and survives every crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation import messages as ms
from tests.simulation.blocks import GENESIS, GENESIS_ROOT
from tests.simulation.epochs import epoch_after

if TYPE_CHECKING:
    from consensus.types import BlockFacts, BlockId, Certificate, Epoch
    from node.records import StoredBlock

RANGE_BLOCKS_MAX = 20


class Store:
    """Final blocks and the state after them, each commit atomic with its height."""

    def __init__(self) -> None:
        self.chain: list[tuple[BlockFacts, StoredBlock]] = []
        """Blocks from height 1 up."""
        self.blocks: dict[BlockId, StoredBlock] = {}
        self.certificates: dict[int, Certificate] = {}
        """Finalizations by the height of the block they name."""
        self.final: BlockFacts = GENESIS
        self.certificate: Certificate | None = None
        self.root = GENESIS_ROOT

    @property
    def epoch(self) -> Epoch:
        """The epoch of the next block."""
        return epoch_after(self.final)

    def commit(self, facts: BlockFacts, block: StoredBlock, root: bytes, certificate: Certificate | None) -> None:
        """Add the next block."""
        if facts.height != self.final.height + 1 or facts.parent != self.final.block_id or facts.epoch != self.epoch:
            raise AssertionError(f"height {facts.height} of epoch {facts.epoch} on {self.final.height}")
        self.chain.append((facts, block))
        self.blocks[facts.block_id] = block
        self.final, self.root = facts, root
        if certificate is not None:
            self.certificates[facts.height] = self.certificate = certificate

    def range_from(self, height: int) -> ms.RangeAnswer:
        """Return final blocks from this height up to one whose own finalization is here, all of one epoch."""
        if not 1 <= height <= len(self.chain):
            return ms.RangeAnswer((), None)
        epoch, last = self.chain[height - 1][0].epoch, min(len(self.chain), height + RANGE_BLOCKS_MAX - 1)
        for end in range(last, height - 1, -1):
            certificate = self.certificates.get(end)
            if certificate is not None and certificate.subject.epoch == epoch:
                return ms.RangeAnswer(tuple(block for _, block in self.chain[height - 1 : end]), certificate)
        return ms.RangeAnswer((), None)

    def end_of(self, epoch: int, end: int) -> Certificate | None:
        """Return what made the last block of an epoch final; None where that is not here."""
        certificate = self.certificates.get(end)
        return certificate if certificate is not None and certificate.subject.epoch == epoch else None
