"""The chain as this node holds it: final state over LMDB, one layer per unfinal block, and the steps of a block's life.

judge or build -> (kept) -> finalize -> flush. One event loop owns it: nothing here is thread-safe, and only `judge` and `flush` yield.
Building is in `node.builder`, reads for the API in `node.reads`, loading at start in `node.opening`, who votes when in `node.epochs`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from consensus.events import Verdict
from consensus.types import Epoch
from ledger.blocks import body_hash, encode_body
from ledger.parameters import BlockContext
from node.blocks import BodyMismatch, FinalBlock, Judgement, Slots, Tip
from node.epochs import Epochs
from node.faults import FAULTS
from node.flush import write_blocks
from node.judge import Invalid, Overtaken, Surroundings, check_header, check_result, decode_body, execute
from node.opening import open_chain
from node.stages import NoStages
from node.state import Layer
from node.unfinal import Kept, UnfinalBlocks
from node.viewkeys import ViewKeyMissing
from node.wire import facts_of, header_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consensus.types import BlockFacts, BlockId, Certificate, ValidatorSet
    from ledger.blocks import Header
    from ledger.epochs import Epoch as EpochRecord
    from ledger.execute import BlockResult
    from ledger.genesis import Genesis
    from ledger.transactions.bodies import Transaction
    from node.blocks import Finality
    from node.epochs import Council
    from node.opening import Opened
    from node.records import StoredBlock
    from node.stages import Stages
    from node.store import Store
    from node.viewkeys import KeyRing


DUE = "~due/"
"""Index of what lapses when: a sweep takes keys away from it."""


class Chain:
    """Final state, unfinal blocks and their life."""

    def __init__(self, opened: Opened, stages: Stages) -> None:
        self.genesis, self.chain_id = opened.genesis, opened.chain_id
        self.state, self.log, self.cache = opened.state, opened.log, opened.cache
        self.epochs = Epochs(opened.state, opened.ring)
        self.stages = stages
        self.tip: Tip = opened.tip
        """Newest final block."""
        self.committed_height: int = opened.tip.facts.height
        """Highest height in LMDB, synced (K14)."""
        self.validators = self.council.keys.size
        """Size of the current set."""
        self.unfinal = UnfinalBlocks(opened.tip.facts)
        self._genesis_facts = opened.genesis_facts
        self.store, self.keeps_history = opened.store, opened.history
        self._tip_transactions = 0
        self.slots = opened.slots
        """What opens the slots of the newest final block; None at genesis."""
        self._signed: dict[bytes, int] = {}
        """Consensus key -> newest final height under which its signature was seen."""
        if opened.tip.certificate is not None:
            self._count_signatures(opened.tip.certificate, opened.tip.facts.height)
        self._judging: dict[BlockId, asyncio.Task[Judgement]] = {}
        self._listeners: list[Callable[[tuple[FinalBlock, ...]], None]] = []
        self._flush: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, store: Store, genesis: Genesis, ring: KeyRing, *, history: bool, stages: Stages | None = None) -> Self:
        """Load what LMDB holds, or genesis; rebuild trees and compare roots; reload remembered references.

        The caller then has the blocks above `committed_height` judged and finalized again from the journal. `history`: keep the entries of
        every account (peers).

        Raises
        ------
        StoreError
            The store does not hold what it must.
        KeyUnfit
            The store is empty, and the ring does not have the view key that the genesis document names.
        """
        return cls(open_chain(store, genesis, ring, history=history), NoStages() if stages is None else stages)

    # --- epochs ------------------------------------------------------------------------------------------------------------

    @property
    def epoch_number(self) -> Epoch:
        """Epoch of the next block: that of the newest final one, or the one that it begins (K22)."""
        facts = self.tip.facts
        return Epoch(facts.epoch + 1) if facts.boundary else facts.epoch

    @property
    def epoch(self) -> EpochRecord:
        """Record of the current epoch."""
        return self.epochs.record(self.epoch_number)

    @property
    def council(self) -> Council:
        """Validators of the current epoch."""
        found = self.epochs.council(self.epoch_number)
        if found is None:
            raise AssertionError(f"the final state has no epoch {self.epoch_number}")
        return found

    @property
    def position(self) -> tuple[int, int]:
        """(epoch, view) that the chain has come to: a boundary block is view 0 of the epoch that it begins (K22)."""
        facts = self.tip.facts
        return (self.epoch_number, 0 if facts.boundary else facts.view)

    def council_of(self, number: int) -> Council | None:
        """Return the validators of an epoch; None where it has not begun here."""
        return self.epochs.council(number)

    def validators_of(self, number: int) -> ValidatorSet | None:
        """Consensus keys of an epoch by index; None where it has not begun here."""
        council = self.epochs.council(number)
        return None if council is None else council.keys

    def view_key_of(self, number: int) -> bytes:
        """View key of an epoch that has begun. Raises ViewKeyMissing where this node cannot open it."""
        return self.epochs.view_key(number)

    @property
    def last_signed(self) -> list[int]:
        """Newest final height under which the signature of each validator of the current set was seen, by index; 0: none."""
        return [self._signed.get(key, 0) for key in self.council.keys.keys]

    def boundary_finality(self, number: int) -> Certificate | None:
        """Return the finalization of the block that ended an epoch; None where it has not ended here, or the store begins above it."""
        if not 0 <= number < self.epoch_number:
            return None
        found = self.log.finality(self.epochs.record(number).end)
        # Of a store that begins above it, the next certificate is of a later epoch.
        return found.certificate if found is not None and not found.links and found.certificate.subject.epoch == number else None

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
        if (kept := self.unfinal.get(block_id)) is not None:
            return len(kept.transactions)
        return self._tip_transactions if block_id == self.tip.facts.block_id else 0

    # --- life of a block ---------------------------------------------------------------------------------------------------

    def body_of(self, transactions: Sequence[Transaction]) -> bytes:
        """Body made of transactions that are here (a proposal carries only their raw_ids)."""
        return encode_body(transaction.raw for transaction in transactions)

    def body_fits(self, header_bytes: bytes, body: bytes) -> bool:
        """Whether the body hashes to the header; bytes that do not are not this block.

        Where the view key of its epoch is not here nobody can tell, so nothing fits. Raises WireError where the header is none.
        """
        _, header = header_of(header_bytes)
        if self.epochs.council(header.epoch) is None:
            return False
        try:
            return self._fits(header, body)
        except ViewKeyMissing:
            return False

    async def judge(self, block: StoredBlock, ids: Sequence[bytes] | None = None) -> Judgement:
        """Validate a block on its parent's state and keep the result (K8). VALID again at once where it is kept or final.

        `ids`: of the transactions that the caller put the body together of, and saw that it fits the header (`Bodies.ids_of`).
        NONE where the parent is not here (judge it first), was dropped meanwhile, or execution met a fault of ours; also where its epoch
        has not begun here, or its view key cannot be opened. A parent that is being judged is waited for.

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
        early = self._judge_epoch(facts)
        if early is not None:
            return early
        if ids is None and not self._fits(header, block.body):
            raise BodyMismatch(block_id.hex())
        running = self._judging.get(block_id)
        if running is None:
            running = self._judging[block_id] = asyncio.create_task(self._judge(facts, header, block, ids))
            running.add_done_callback(lambda _: self._judging.pop(block_id, None))
        return await asyncio.shield(running)

    def surroundings(self, parent_id: BlockId, *, view: int, time_ms: int) -> Surroundings | None:
        """Return what a block on this parent is executed in.

        None where the parent is neither kept nor the newest final block, and where it ends its epoch and is not final: nothing stands on
        such a block in its own epoch, and the next one begins with its finality (K22).

        Raises
        ------
        ViewKeyMissing
            This node cannot open the view key of the block's epoch.
        """
        state = self.unfinal.state_after(parent_id, self.state)
        parent = self.unfinal.facts_of(parent_id)
        if state is None or parent is None or (parent.boundary and parent_id != self.tip.facts.block_id):
            return None
        epoch = Epoch(parent.epoch + 1) if parent.boundary else parent.epoch
        council = self.epochs.council(epoch)
        if council is None:
            raise AssertionError(f"the final state has no epoch {epoch}")
        context = BlockContext(self.chain_id, epoch, parent.height + 1, view, time_ms, state.parameters)
        key = self.epochs.view_key(epoch)
        return Surroundings(parent, state, context, key, council.keys.size, lambda: self.unfinal.lineage(parent_id) is not None)

    def keep(self, header: Header, block: StoredBlock, transactions: tuple[Transaction, ...], result: BlockResult) -> Kept:
        """Keep an executed block as long as its parent is there."""
        facts = facts_of(*header_of(block.header))
        layer = Layer(result.changes, result.leaves, result.trees, result.roots, result.used_refs)
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
            self.log.changes.add(kept.facts.height, kept.layer, self.state)
            self.tip = Tip(kept.facts, kept.header, kept.stored.header, None)
            self._tip_transactions, self.slots = len(kept.transactions), kept.slots
            done.append(final)
        self._certify(certificate)
        self.unfinal.prune()
        if done and self.tip.facts.boundary:
            self.validators = self.council.keys.size
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

    def _judge_epoch(self, facts: BlockFacts) -> Judgement | None:
        """Judge what the header alone decides: a child of the block that ends an epoch is of the next one, every other of its parent's."""
        parent = self.unfinal.facts_of(facts.parent)
        if parent is not None and facts.epoch != parent.epoch + (1 if parent.boundary else 0):
            return Judgement(facts.block_id, Verdict.INVALID, facts, "the header has another epoch than its parent leads to", 0)
        if self.epochs.council(facts.epoch) is None:
            return Judgement(facts.block_id, Verdict.NONE, facts, f"epoch {facts.epoch} has not begun here", 0)
        try:
            self.epochs.view_key(facts.epoch)
        except ViewKeyMissing as error:
            return Judgement(facts.block_id, Verdict.NONE, facts, str(error), 0)
        return None

    async def _judge(self, facts: BlockFacts, header: Header, block: StoredBlock, ids: Sequence[bytes] | None) -> Judgement:
        parent = self._judging.get(facts.parent)
        if parent is not None:
            await asyncio.wait([parent])
        try:
            kept = await self._execute(facts, header, block, ids)
        except Invalid as error:
            return Judgement(facts.block_id, Verdict.INVALID, facts, str(error), 0)
        except Overtaken as error:
            return Judgement(facts.block_id, Verdict.NONE, facts, str(error), 0)
        except FAULTS as error:
            return Judgement(facts.block_id, Verdict.NONE, facts, f"our fault: {type(error).__name__}: {error}", 0)
        return Judgement(facts.block_id, Verdict.VALID, facts, "", kept.work)

    async def _execute(self, facts: BlockFacts, header: Header, block: StoredBlock, ids: Sequence[bytes] | None) -> Kept:
        around = self.surroundings(facts.parent, view=facts.view, time_ms=facts.time_ms)
        if around is None:
            raise Overtaken("its parent is not here, or can no longer be final")
        check_header(header, around)
        transactions = await decode_body(block.body, self.cache, self.stages, ids)
        result = await execute(transactions, around, self.cache, self.stages)
        check_result(header, result)
        return self.keep(header, block, transactions, result)

    def _fits(self, header: Header, body: bytes) -> bool:
        return body_hash(body, view_key=self.epochs.view_key(header.epoch), epoch=header.epoch, view=header.view) == header.body

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
        council = self.epochs.council(certificate.subject.epoch)
        keys = () if council is None else council.keys.keys
        for index, _ in certificate.signatures:
            key = keys[index]
            self._signed[key] = max(self._signed.get(key, 0), height)

    async def _write(self) -> None:
        self.committed_height = await write_blocks(self.store, self.state, self.log, self.slots, self.stages, history=self.keeps_history)
