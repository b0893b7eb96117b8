"""The chain as this node holds it: final state over LMDB, one overlay per unfinal block, and the steps of a block's life.

judge or build -> (kept) -> finalize -> flush. One event loop owns it: nothing here is thread-safe, and only `judge`, `build` and `flush` yield.
Signatures below are the contract for driver, peers, sync and API; reads for the API are in `node.reads.Reads(chain)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consensus.types import BlockFacts, BlockId, Certificate
    from ledger.genesis import Genesis
    from ledger.transactions.bodies import Transaction
    from node.blocks import BuildRequest, BuiltBlock, FinalBlock, Finality, Judgement, Tip
    from node.records import StoredBlock
    from node.store import Store


class Chain:
    """Final state, unfinal blocks and their life. (API draft: bodies follow.)"""

    @classmethod
    def open(cls, store: Store, genesis: Genesis, view_key: bytes, *, history: bool) -> Chain:
        """Load what LMDB holds (or genesis), rebuild trees, compare roots with the header, reload remembered refs.

        Blocks above `committed_height` are then replayed by the caller from the journal through `judge` and `finalize`.
        `history`: keep the journal of every account (peers).
        """
        raise NotImplementedError

    # --- what is final -------------------------------------------------------------------------------------------------
    tip: Tip
    """Newest final block."""
    committed_height: int
    """Highest height in LMDB, synced (K14)."""
    genesis: Genesis
    chain_id: bytes

    # --- any block ------------------------------------------------------------------------------------------------------
    def facts_of(self, block_id: BlockId) -> BlockFacts | None:
        """Facts of a block that was judged valid, built, or is final (None: unknown)."""
        raise NotImplementedError

    def holds(self, block_id: BlockId) -> bool:
        """Whether the block was judged valid, built here, or is final."""
        raise NotImplementedError

    def bytes_of(self, block_id: BlockId) -> StoredBlock | None:
        """Header and body of an unfinal block that was judged valid or built, or of a final one."""
        raise NotImplementedError

    def final_bytes(self, height: int) -> StoredBlock | None:
        """Header and body of a final block; None for genesis and above the tip."""
        raise NotImplementedError

    def finality(self, height: int) -> Finality | None:
        """Certificate that makes this height final: its own or the next one above with the linking headers."""
        raise NotImplementedError

    def transactions_of(self, block_id: BlockId) -> tuple[Transaction, ...] | None:
        """Decoded transactions of an unfinal block kept here."""
        raise NotImplementedError

    # --- life of a block ---------------------------------------------------------------------------------------------------
    def body_of(self, transactions: Sequence[Transaction]) -> bytes:
        """Body bytes made of transactions that are here (a proposal carries only their raw_ids)."""
        raise NotImplementedError

    def body_fits(self, header_bytes: bytes, body: bytes) -> bool:
        """Whether the body hashes to the header; bytes that do not are not this block."""
        raise NotImplementedError

    async def judge(self, block: StoredBlock) -> Judgement:
        """Validate a block on its parent's state and keep the result (K8). VALID again at once where it is already kept or final.

        NONE where the parent is not here (judge it first), was dropped meanwhile, or execution raised a fault of ours.

        Raises
        ------
        BodyMismatch
            The body does not hash to the header: not this block, no verdict.
        """
        raise NotImplementedError

    async def build(self, request: BuildRequest) -> BuiltBlock:
        """Make a block from the pool on a parent that is kept or final; keeps the result. Waits for pacing."""
        raise NotImplementedError

    def finalize(self, blocks: Sequence[BlockId], certificate: Certificate) -> tuple[FinalBlock, ...]:
        """Make these blocks (ancestors first, all judged valid) final; tells subscribers; drops what does not descend from them."""
        raise NotImplementedError

    async def flush(self) -> int:
        """Write everything final to LMDB in one synced transaction; returns the committed height."""
        raise NotImplementedError

    @property
    def unflushed(self) -> int:
        """Number of final transactions that are not in LMDB yet."""
        raise NotImplementedError

    def subscribe(self, listener: Callable[[tuple[FinalBlock, ...]], None]) -> Callable[[], None]:
        """Call `listener` with each batch of final blocks; returns a function that ends it."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the store. What is not flushed is replayed from the journal at the next start."""
        raise NotImplementedError
