"""Blocks of one validator in one epoch: what is held, fetched, judged, built, final.

It mirrors what the node's chain and its fetching do, by the words of consensus/effects.py, so that the replica meets missing, mismatched
and wrong blocks, slow judges and exceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus import events as ev
from consensus.types import Kind, TimeMs
from node.records import StoredBlock
from tests.simulation import messages as ms
from tests.simulation.blocks import hash_of_body, make_block, matches, open_header, root_after, transactions_of
from tests.simulation.epochs import epoch_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from consensus import effects as fx
    from consensus.types import BlockFacts, BlockId, Certificate, ValidatorId
    from tests.simulation.blocks import Opened
    from tests.simulation.store import Store
    from tests.simulation.validator import Validator

ANSWER_MS = 250
"""After this long without an answer the next validator is asked."""
RANGE_MS = 500


class Blocks:
    """What a validator holds in one life."""

    def __init__(self, owner: Validator, store: Store, journaled: Mapping[BlockId, StoredBlock]) -> None:
        self._owner, self._store = owner, store
        self.held: dict[BlockId, StoredBlock] = dict(journaled)
        """Blocks above the final one, and some below it."""
        self._roots: dict[BlockId, bytes] = {store.final.block_id: store.root}
        self.final: BlockFacts = store.final
        self._unflushed: list[tuple[BlockFacts, StoredBlock, bytes, Certificate | None]] = []
        self._fetching: dict[BlockId, list[int]] = {}
        """Nodes that are still to be asked."""
        self._judges: dict[BlockId, int] = {}
        """Judges under way, by block: children wait for their parents."""
        self._waiting: dict[BlockId, list[fx.Judge]] = {}
        self._running_range = 0

    def get(self, block_id: BlockId) -> StoredBlock | None:
        """Return a block that is here, final or not."""
        return self.held.get(block_id) or self._store.blocks.get(block_id)

    # Arriving

    def offered(self, peer: int, header: bytes, body: bytes | None) -> None:
        """Keep what came with a proposal if it hashes to its id; a body that does not is not this block (section 2)."""
        opened = open_header(header)
        if opened is None or self.get(opened.facts.block_id) is not None:
            return
        if body is None:
            self._owner.world.counts.lost_bodies += 1
        elif opened.body_hash != hash_of_body(body):
            self._owner.world.counts.wrong_bodies += 1
        else:
            self._keep(opened.facts.block_id, StoredBlock(header, body))
        if self._owner.world.trace is not None:
            self._owner.world.note(f"{self._owner.index} has header {opened.facts.block_id.hex()[:8]} from {peer}")

    def _keep(self, block_id: BlockId, block: StoredBlock) -> None:
        self.held[block_id] = block

    def fetch(self, block_id: BlockId, ask: tuple[ValidatorId, ...]) -> None:
        """Ask these validators of this epoch one after the other, one round."""
        if block_id in self._fetching:
            return
        if self.get(block_id) is not None:
            self._arrived(block_id)
            return
        self._owner.world.counts.fetches += 1
        self._fetching[block_id] = self._owner.nodes_of(ask)
        self._ask_next(block_id)

    def _ask_next(self, block_id: BlockId) -> None:
        left = self._fetching.get(block_id)
        if left is None:
            return
        if not left:
            del self._fetching[block_id]
            for judge in self._waiting.pop(block_id, []):
                self._answer(judge.block_id, ev.Verdict.NONE, judge.facts)
            return
        peer = left.pop(0)
        self._owner.send(peer, ms.AskBlock(block_id))
        self._owner.later(ANSWER_MS, self._no_answer, block_id, len(left))

    def _no_answer(self, block_id: BlockId, left: int) -> None:
        waiting = self._fetching.get(block_id)
        if waiting is not None and len(waiting) == left:
            self._ask_next(block_id)

    def answered(self, sender: int, block_id: BlockId, block: StoredBlock | None) -> None:
        """Take an answer if it is the block that was asked for; else ask the next one."""
        if block_id not in self._fetching:
            return
        opened = None if block is None else open_header(block.header)
        if block is None or opened is None or opened.facts.block_id != block_id or not matches(block):
            if block is not None:
                self._owner.world.counts.wrong_bodies += 1
            self._ask_next(block_id)
            return
        del self._fetching[block_id]
        self._keep(block_id, block)
        if self._owner.world.trace is not None:
            self._owner.world.note(f"{self._owner.index} fetched {block_id.hex()[:8]} from {sender}")
        self._arrived(block_id)

    def _arrived(self, block_id: BlockId) -> None:
        for judge in self._waiting.pop(block_id, []):
            self._start_judge(judge)
        self._owner.feed(ev.BodyArrived(block_id, self._owner.now, self._opened(block_id).facts))

    def _opened(self, block_id: BlockId) -> Opened:
        """Read the header of a block that is here."""
        block = self.get(block_id)
        opened = None if block is None else open_header(block.header)
        if opened is None:
            raise AssertionError("a held block without a header that can be read")
        return opened

    # Judging

    def judge(self, effect: fx.Judge) -> None:
        """Judge outside the driver: fetch first if the block is not here."""
        if self.get(effect.block_id) is not None:
            self._start_judge(effect)
            return
        self._waiting.setdefault(effect.block_id, []).append(effect)
        self.fetch(effect.block_id, effect.ask)

    def _start_judge(self, effect: fx.Judge) -> None:
        self._judges[effect.block_id] = self._judges.get(effect.block_id, 0) + 1
        self._owner.later(self._owner.world.judge_ms(), self._judged, effect)

    def _judged(self, effect: fx.Judge) -> None:
        facts = self._opened(effect.block_id).facts
        if facts.parent not in self._roots and self._judges.get(facts.parent):
            self._owner.later(2, self._judged, effect)
            return
        self._judges[effect.block_id] -= 1
        self._answer(effect.block_id, self._verdict(effect.block_id), facts)

    def _verdict(self, block_id: BlockId) -> ev.Verdict:
        """Execute on the parent's state; compare roots, and what the header says of the next set (K22)."""
        if block_id in self._roots:
            return ev.Verdict.VALID
        opened, block = self._opened(block_id), self.get(block_id)
        if block is None or opened.facts.parent not in self._roots or self._owner.world.is_unwell():
            return ev.Verdict.NONE
        root = root_after(self._roots[opened.facts.parent], block.body)
        following = self._owner.world.calendar.next_at(opened.facts.epoch, opened.facts.height)
        if root != opened.root or following != opened.next:
            self._owner.world.counts.invalid_blocks += 1
            return ev.Verdict.INVALID
        self._roots[block_id] = root
        return ev.Verdict.VALID

    def _answer(self, block_id: BlockId, verdict: ev.Verdict, facts: BlockFacts | None) -> None:
        block = self.get(block_id)
        transactions = 0 if block is None else transactions_of(block.body)
        self._owner.feed(ev.Judged(block_id, verdict, facts, self._owner.now, transactions))

    # Building

    def build(self, effect: fx.Build) -> None:
        """Build on the parent's state; without it, or when unwell, the leader passes."""
        world, owner = self._owner.world, self._owner
        parent_root = self._roots.get(effect.parent.block_id)
        if parent_root is None or world.is_unwell():
            owner.feed(ev.BuildFailed(effect.view, owner.now))
            return
        transactions = min(255, world.pending) if effect.unfinal_views <= world.plan.timing.unfinal_depth_max else 0
        body = bytes([transactions]) + owner.random.below(2**32).to_bytes(4, "big")
        time_ms = max(owner.now, effect.time_ms_min)
        root = root_after(parent_root, body)
        following = world.calendar.next_at(owner.epoch, effect.parent.height + 1)
        facts, block = make_block(effect.parent, effect.view, owner.me, time_ms, body, root, following)
        self._keep(facts.block_id, block)
        self._roots[facts.block_id] = root
        world.built(facts, root, block)
        owner.feed(ev.Built(effect.view, facts, TimeMs(owner.now), transactions))

    # Finality

    def finalize(self, blocks: tuple[BlockFacts, ...], certificate: Certificate) -> None:
        """Extend the final chain; blocks at or below it are skipped (catch-up may have overtaken)."""
        for facts in blocks:
            self._owner.world.check_active(facts, certificate)
            if facts.height <= self.final.height:
                self._owner.world.finalized(self._owner.index, facts)
                continue
            root, block = self._roots.get(facts.block_id), self.get(facts.block_id)
            if facts.parent != self.final.block_id or root is None or block is None:
                raise AssertionError(f"finalize of height {facts.height} on {self.final.height}: its state is not at hand")
            own = certificate if facts is blocks[-1] else None
            self._unflushed.append((facts, block, root, own))
            self.final = facts
            self._owner.world.finalized(self._owner.index, facts)
        if blocks[-1].block_id != certificate.subject.block_id or certificate.subject.kind is not Kind.FINALIZE:
            raise AssertionError("a certificate that does not finalize the last block")
        self._owner.later(self._owner.random.between(1, 400), self.flush)

    def flush(self) -> None:
        """Commit to the store, as LMDB follows a little later; then the journal may drop segments."""
        if not self._unflushed:
            return
        for facts, block, root, certificate in self._unflushed:
            self._store.commit(facts, block, root, certificate)
        self._unflushed.clear()
        self._owner.committed(self._store.final)

    # Catching up

    def catch_up(self, node: int) -> None:
        """Ask for final blocks above ours, one range at a time (K20)."""
        if self._running_range:
            return
        self._running_range = self._owner.world.now + 1
        self._owner.world.counts.ranges += 1
        self._owner.send(node, ms.AskRange(self.final.height + 1))
        self._owner.later(RANGE_MS, self._range_over, self._running_range)

    def _range_over(self, number: int) -> None:
        if self._running_range == number:
            self._running_range = 0

    def range_arrived(self, node: int, answer: ms.RangeAnswer) -> None:
        """Check the end's certificate first, then the links backwards, then bodies and roots; take all or nothing."""
        certificate, world = answer.certificate, self._owner.world
        if not self._running_range:
            return
        self._running_range = 0
        if certificate is None or not answer.blocks or not world.verified(certificate):
            return
        rows = self._checked(answer, certificate)
        if rows is None:
            world.counts.refused_ranges += 1
            return
        self.flush()
        for facts, block, root in rows:
            last = facts.block_id == certificate.subject.block_id
            self._store.commit(facts, block, root, certificate if last else None)
            self._roots[facts.block_id] = root
            self.final = facts
            world.check_active(facts, certificate)
            world.finalized(self._owner.index, facts)
        self._owner.caught_up(node, self.final, certificate)

    def _checked(self, answer: ms.RangeAnswer, certificate: Certificate) -> list[tuple[BlockFacts, StoredBlock, bytes]] | None:
        """Return the blocks above our final one, each linked, matching and executed; None where anything is wrong."""
        rows: list[tuple[BlockFacts, StoredBlock, bytes]] = []
        parent, root, epoch = self.final.block_id, self._roots[self.final.block_id], epoch_after(self.final)
        calendar = self._owner.world.calendar
        for block in answer.blocks:
            opened = open_header(block.header)
            if opened is None or not matches(block):
                return None
            facts = opened.facts
            if facts.height <= self.final.height:
                continue
            root = root_after(root, block.body)
            is_right = (opened.root, opened.next) == (root, calendar.next_at(epoch, facts.height))
            if (facts.parent, facts.epoch) != (parent, epoch) or not is_right:
                return None
            parent = facts.block_id
            rows.append((facts, block, root))
        subject = certificate.subject
        if (subject.kind, subject.epoch, subject.block_id) != (Kind.FINALIZE, epoch, parent):
            return None
        return rows or None
