"""A history of all types, recorded transaction by transaction: what the tests of invariants look at with their own eyes.

It is played as `make simulate-ledger` plays it (whole blocks, times that jump, orders, people, reserves, votes, epochs), then each block is
executed once more on its parent's state, so that every transaction's writes and every block's roots are there to be looked at.
"""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ledger.execute import BlockResult, Execution
from ledger.state import Overlay
from ledger.transactions import apply_transaction, begin_block, end_block
from tests.ledger.world import VIEW_KEY, MemoryState
from tests.simulation_ledger.ledger import ComparedWorld
from tests.simulation_ledger.whole import Everything

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.blocks import Entry
    from ledger.outcomes import Outcome
    from ledger.parameters import BlockContext
    from ledger.state import Record, UsedRef
    from ledger.transactions.bodies import Transaction
    from ledger.tree import Tree

    Changes = dict[str, Record | None]
    Trees = dict[str, Tree]

LENGTH = 800
"""Transactions that a block has taken, at least."""


class Step(NamedTuple):
    """One transaction that a block took."""

    tx: Transaction
    outcome: Outcome
    writes: dict[str, tuple[Record | None, Record | None]]
    """Key -> before and after."""
    used: list[bytes]
    """References, by ref_id."""


class Frame(NamedTuple):
    """One block."""

    context: BlockContext
    swept: tuple[Entry, ...]
    begun: Changes
    """What the sweep wrote."""
    steps: list[Step]
    ended: Changes
    """Everything that the block wrote."""
    result: BlockResult
    trees: Trees
    """Before it."""
    refs: dict[bytes, UsedRef]
    """Remembered before it."""


class History(NamedTuple):
    """Blocks on a first state."""

    first: dict[str, Record]
    frames: list[Frame]
    world: ComparedWorld

    def walk(self) -> Iterator[tuple[Frame, Step, dict[str, Record]]]:
        """Go through all transactions; the records, indexes included, are those before each, after its block's sweep."""
        for frame, now in self.blocks():
            after = dict(now)
            take(now, frame.begun)
            for step in frame.steps:
                yield frame, step, now
                take(now, {key: record for key, (_, record) in step.writes.items()})
            now.clear()
            now.update(after)

    def blocks(self) -> Iterator[tuple[Frame, dict[str, Record]]]:
        """Go through all blocks; the records, indexes included, are those before each."""
        now = dict(self.first)
        for frame in self.frames:
            yield frame, now
            take(now, frame.ended)


class StateAt(MemoryState):
    """A state as some moment has it, to execute on."""

    def __init__(self, records: dict[str, Record], refs: dict[bytes, UsedRef] | None = None, trees: Trees | None = None) -> None:
        self.records, self.refs, self.trees = records, refs or {}, trees or {}

    def tree(self, name: str) -> Tree:
        """Tree of a participant, or a public one."""
        return self.trees.get(name)


def take(records: dict[str, Record], changes: Changes) -> None:
    """Apply changes."""
    for key, record in changes.items():
        if record is None:
            records.pop(key, None)
        else:
            records[key] = record


def genuine(tx: Transaction) -> bool:
    """Let every signature verify: they did when the history was played."""
    return bool(tx.signatures)


class Recorder(ComparedWorld):
    """Keeps every block."""

    frames: list[Frame]
    first: dict[str, Record]

    def block(self, *transactions: Transaction) -> list[Outcome]:
        """Make the block, then execute what it took once more, step by step."""
        if not hasattr(self, "frames"):
            self.frames, self.first = [], dict(self.state.records)
        context, records = self.context(), dict(self.state.records)
        trees, refs = dict(self.state.trees), dict(self.state.refs)
        outcomes = super().block(*transactions)
        taken = self.taken
        overlay = Overlay(StateAt(records, refs))
        swept = begin_block(overlay, context)
        begun, steps = dict(overlay.changes), []
        for tx in taken:
            mark, used = overlay.mark(), len(overlay.used)
            outcome = apply_transaction(overlay, tx, context, genuine)
            steps.append(Step(tx, outcome, overlay.writes_since(mark), [*overlay.used][used:]))
        end_block(overlay, context)
        self.frames.append(Frame(context, swept, begun, steps, dict(overlay.changes), self.result, trees, refs))
        return outcomes


def execute(frame: Frame, records: dict[str, Record], transactions: Iterable[Transaction]) -> BlockResult:
    """Execute a block on the state before it."""
    execution = Execution(StateAt(records, frame.refs, frame.trees), frame.context, VIEW_KEY, genuine)
    for tx in transactions:
        execution.apply(tx)
    return execution.finish()


@cache
def history(seed: int) -> History:
    """Play a history of at least `LENGTH` transactions that blocks have taken."""
    choose = random.Random(f"invariants {seed}")  # noqa: S311  # a history to repeat, no secret
    scene = Everything(Recorder)
    world = scene.world
    if not isinstance(world, Recorder):
        raise TypeError(world)
    while sum(len(frame.steps) for frame in world.frames) < LENGTH:
        scene.carry_out(choose)
    return History(world.first, world.frames, world)
