"""The chain as this node holds it: final state over LMDB, one layer per unfinal block, and the steps of a block's life.

judge or build -> (kept) -> finalize -> flush. One event loop owns it: nothing here is thread-safe, and only `judge` and `flush` yield.
Building is in `node.builder`, reads for the API in `node.reads`, loading at start in `node.opening`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from consensus.events import Verdict
from ledger.blocks import body_hash, encode_body
from ledger.parameters import BlockContext, load_parameters
from node.blocks import BodyMismatch, FinalBlock, Judgement, Slots, Tip
from node.faults import FAULTS
from node.flush import write_blocks
from node.judge import Invalid, Overtaken, Surroundings, check_header, check_roots, decode_body, execute
from node.opening import open_chain
from node.stages import NoStages
from node.state import Layer
from node.unfinal import Kept, UnfinalBlocks
from node.wire import facts_of, header_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consensus.types import BlockFacts, BlockId, Certificate
    from ledger.blocks import Header
    from ledger.execute import BlockResult
    from ledger.genesis import Genesis
    from ledger.transactions.bodies import Transaction
    from node.blocks import Finality
    from node.opening import Opened
    from node.records import StoredBlock
    from node.stages import Stages
    from node.store import Store


DUE = "~due/"
"""Index of what lapses when: a sweep takes keys away from it."""


class Chain:
    """Final state, unfinal blocks and their life."""

    def __init__(self, opened: Opened, stages: Stages) -> None:
        self.genesis, self.chain_id, self.view_key = opened.genesis, opened.chain_id, opened.view_key
        self.state, self.log, self.cache = opened.state, opened.log, opened.cache
        self.stages = stages
        self.tip: Tip = opened.tip
        """Newest final block."""
        self.committed_height: int = opened.tip.facts.height
        """Highest height in LMDB, synced (K14)."""
        self.validators = len(opened.genesis.validators)
        self.unfinal = UnfinalBlocks(opened.tip.facts)
        self._genesis_facts = opened.genesis_facts
        self.store, self.keeps_history = opened.store, opened.history
        self._tip_transactions = 0
        self.slots = opened.slots
        """What opens the slots of the newest final block; None at genesis."""
        self.last_signed: list[int] = [0] * self.validators
        """Newest final height under which each validator's signature was seen, by index."""
        if opened.tip.certificate is not None:
            self._count_signatures(opened.tip.certificate, opened.tip.facts.height)
        self._judging: dict[BlockId, asyncio.Task[Judgement]] = {}
        self._listeners: list[Callable[[tuple[FinalBlock, ...]], None]] = []
        self._flush: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, store: Store, genesis: Genesis, view_key: bytes, *, history: bool, stages: Stages | None = None) -> Self:
        """Load what LMDB holds, or genesis; rebuild trees and compare roots; reload remembered references.

        The caller then has the blocks above `committed_height` judged and finalized again from the journal. `history`: keep the entries of
        every account (peers).

        Raises
        ------
        StoreError
            The store does not hold what it must.
        """
        return cls(open_chain(store, genesis, view_key, history=history), NoStages() if stages is None else stages)

    # --- any block -------------------------------------------------------------------------------------------------------

    def facts_of(self, block_id: BlockId) -> BlockFacts | None:
        """Facts of a block that was judged valid, built, or is final; None: unknown."""
        found = self.unfinal.facts_of(block_id)
        if found is not None or block_id == self.chain_id:
            return self._genesis_facts if found is None else found
        height = self.log.height_of(block_id)
        return None if height is None else self.log.facts(height)

    def holds(self, block_id: BlockId) -> bool:
        """Whether the block was judged valid, built here, or is final."""
        return self.unfinal.facts_of(block_id) is not None or block_id == self.chain_id or self.log.height_of(block_id) is not None

    def bytes_of(self, block_id: BlockId) -> StoredBlock | None:
        """Header and body of an unfinal block that was judged valid or built, or of a final one."""
        kept = self.unfinal.get(block_id)
        if kept is not None:
            return kept.stored
        height = self.log.height_of(block_id)
        return None if height is None else self.log.stored(height)

    def final_bytes(self, height: int) -> StoredBlock | None:
        """Header and body of a final block; None for genesis and above the tip."""
        return self.log.stored(height)

    def finality(self, height: int) -> Finality | None:
        """Certificate that makes this height final: its own, or the next one above with the headers that link both."""
        return self.log.finality(height)

    def transactions_of(self, block_id: BlockId) -> tuple[Transaction, ...] | None:
        """Transactions of an unfinal block kept here."""
        kept = self.unfinal.get(block_id)
        return None if kept is None else kept.transactions

    def transactions_in(self, block_id: BlockId) -> int:
        """How many transactions an unfinal block or the newest final one has; 0 for any other."""
        kept = self.unfinal.get(block_id)
        if kept is not None:
            return len(kept.transactions)
        return self._tip_transactions if block_id == self.tip.facts.block_id else 0

    # --- life of a block ---------------------------------------------------------------------------------------------------

    def body_of(self, transactions: Sequence[Transaction]) -> bytes:
        """Body made of transactions that are here (a proposal carries only their raw_ids)."""
        return encode_body(transaction.raw for transaction in transactions)

    def body_fits(self, header_bytes: bytes, body: bytes) -> bool:
        """Whether the body hashes to the header; bytes that do not are not this block. Raises WireError where the header is none."""
        _, header = header_of(header_bytes)
        return self._fits(header, body)

    async def judge(self, block: StoredBlock) -> Judgement:
        """Validate a block on its parent's state and keep the result (K8). VALID again at once where it is kept or final.

        NONE where the parent is not here (judge it first), was dropped meanwhile, or execution met a fault of ours. A parent that is being
        judged is waited for.

        Raises
        ------
        BodyMismatch
            The body does not hash to the header: not this block, no verdict.
        WireError
            The header's bytes are no header.
        """
        block_id, header = header_of(block.header)
        facts = facts_of(block_id, header)
        if self.holds(block_id):
            kept = self.unfinal.get(block_id)
            return Judgement(block_id, Verdict.VALID, facts, "", 1 if kept is None else kept.work)
        if not self._fits(header, block.body):
            raise BodyMismatch(block_id.hex())
        running = self._judging.get(block_id)
        if running is None:
            running = self._judging[block_id] = asyncio.create_task(self._judge(facts, header, block))
            running.add_done_callback(lambda _: self._judging.pop(block_id, None))
        return await asyncio.shield(running)

    def surroundings(self, parent_id: BlockId, *, epoch: int, view: int, time_ms: int) -> Surroundings | None:
        """Return what a block on this parent is executed in; None where the parent is neither kept nor the newest final block."""
        state = self.unfinal.state_after(parent_id, self.state)
        parent = self.unfinal.facts_of(parent_id)
        if state is None or parent is None:
            return None
        context = BlockContext(self.chain_id, epoch, parent.height + 1, view, time_ms, load_parameters(state))
        return Surroundings(parent, state, context, self.view_key, self.validators, lambda: self.unfinal.lineage(parent_id) is not None)

    def keep(self, header: Header, block: StoredBlock, transactions: tuple[Transaction, ...], result: BlockResult) -> Kept:
        """Keep an executed block as long as its parent is there."""
        facts = facts_of(*header_of(block.header))
        layer = Layer(result.changes, result.leaves, result.nodes, result.roots, result.used_refs)
        work = len(transactions) or sum(1 for key in layer.index if key.startswith(DUE))
        slots = Slots(result.slots, tuple(result.journal_roots.items()))
        kept = Kept(facts, header, block, transactions, result.receipts, result.swept, layer, slots, work)
        if self.unfinal.lineage(facts.parent) is not None:
            self.unfinal.add(kept)
        return kept

    def finalize(self, blocks: Sequence[BlockId], certificate: Certificate) -> tuple[FinalBlock, ...]:
        """Make these blocks (ancestors first, judged valid) final; drops what does not descend from them; tells subscribers.

        Blocks that are final already are passed over. The certificate's subject is the last of them.

        Raises
        ------
        AssertionError
            A block was not judged valid, or does not stand on the newest final one.
        """
        done: list[FinalBlock] = []
        for block_id in blocks:
            if block_id == self.tip.facts.block_id or self.log.height_of(block_id) is not None:
                continue
            kept = self.unfinal.advance(block_id)
            self.state.apply(kept.layer, kept.facts.time_ms)
            final = FinalBlock(kept.facts, kept.header, kept.stored, kept.transactions, kept.receipts, kept.swept)
            self.log.append(final, kept.layer.used_refs)
            self.tip = Tip(kept.facts, kept.header, kept.stored.header, None)
            self._tip_transactions, self.slots = len(kept.transactions), kept.slots
            done.append(final)
        self._certify(certificate)
        self.unfinal.prune()
        if done:
            for listener in self._listeners:
                listener(tuple(done))
        return tuple(done)

    def subscribe(self, listener: Callable[[tuple[FinalBlock, ...]], None]) -> Callable[[], None]:
        """Call `listener` with each batch of final blocks; returns a function that ends it."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    # --- LMDB ----------------------------------------------------------------------------------------------------------------

    @property
    def unflushed(self) -> int:
        """Number of final transactions that are not in LMDB yet."""
        return self.log.transactions_unflushed

    async def flush(self) -> int:
        """Write everything final to LMDB in one synced transaction; returns the committed height.

        A flush under way is waited for first. It goes on where its caller is cancelled: half a flush is none.

        Raises
        ------
        StoreError
            The store is full or failed: stop the node, everything is in the journal.
        """
        while self._flush is not None and not self._flush.done():
            await asyncio.shield(self._flush)
        if self.tip.facts.height > self.committed_height:
            self._flush = asyncio.create_task(self._write())
            await asyncio.shield(self._flush)
        return self.committed_height

    def close(self) -> None:
        """Release the store. What is not flushed is replayed from the journal at the next start."""
        self.store.close()

    # --- inside ------------------------------------------------------------------------------------------------------------

    async def _judge(self, facts: BlockFacts, header: Header, block: StoredBlock) -> Judgement:
        parent = self._judging.get(facts.parent)
        if parent is not None:
            await asyncio.wait([parent])
        try:
            kept = await self._execute(facts, header, block)
        except Invalid as error:
            return Judgement(facts.block_id, Verdict.INVALID, facts, str(error), 0)
        except Overtaken as error:
            return Judgement(facts.block_id, Verdict.NONE, facts, str(error), 0)
        except FAULTS as error:
            return Judgement(facts.block_id, Verdict.NONE, facts, f"our fault: {type(error).__name__}: {error}", 0)
        return Judgement(facts.block_id, Verdict.VALID, facts, "", kept.work)

    async def _execute(self, facts: BlockFacts, header: Header, block: StoredBlock) -> Kept:
        around = self.surroundings(facts.parent, epoch=facts.epoch, view=facts.view, time_ms=facts.time_ms)
        if around is None:
            raise Overtaken("its parent is not here, or can no longer be final")
        check_header(header, self.chain_id, around.parent, self.validators)
        transactions = await decode_body(block.body, self.cache, self.stages)
        result = await execute(transactions, around, self.cache, self.stages)
        check_roots(header, result)
        return self.keep(header, block, transactions, result)

    def _fits(self, header: Header, body: bytes) -> bool:
        return body_hash(body, view_key=self.view_key, epoch=header.epoch, view=header.view) == header.body

    def _certify(self, certificate: Certificate) -> None:
        subject = certificate.subject.block_id
        height = self.log.height_of(subject)
        if height is None:
            raise AssertionError(f"a finalization of {subject.hex()} came with blocks that do not end in it")
        self.log.certify(height, certificate)
        self._count_signatures(certificate, height)
        if subject == self.tip.facts.block_id:
            self.tip = Tip(self.tip.facts, self.tip.header, self.tip.header_bytes, certificate)

    def _count_signatures(self, certificate: Certificate, height: int) -> None:
        for index, _ in certificate.signatures:
            self.last_signed[index] = max(self.last_signed[index], height)

    async def _write(self) -> None:
        self.committed_height = await write_blocks(self.store, self.state, self.log, self.slots, self.stages, history=self.keeps_history)
