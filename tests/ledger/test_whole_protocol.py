"""Invariants 18 to 24 over long histories of all types (acceptance 2): one effect, one state, one set; what each participant sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledger.canonical import decode, encode
from ledger.epochs import NO_EPOCH_BEGINS, Epoch, set_hash
from ledger.errors import Unorderable
from ledger.execute import Execution, genesis_state
from ledger.indexes import derive_indexes
from ledger.outcomes import entries_by_participant
from ledger.placement import tree_of
from ledger.state import KINDS
from ledger.transactions import check_admission, who_sees_all
from ledger.views import journal_root, replay_views, state_root
from tests.ledger.recorded import StateAt, execute, genuine, history, take
from tests.ledger.test_whole_money import SEEDS
from tests.ledger.world import VIEW_KEY

if TYPE_CHECKING:
    from ledger.state import Record
    from tests.ledger.recorded import History, Step

PUBLIC = ("A", "G")


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_18_nothing_is_taken_twice_over_all_types(seed: int) -> None:
    """Goal: 18. Method: every transaction that a block took, again on the last state, whole and stripped; one receipt each."""
    told = history(seed)
    world = told.world
    taken = [step.tx for _, step, _ in told.walk()]
    assert len({tx.tx_id for tx in taken}) == len(taken)
    for tx in taken:
        with pytest.raises(Unorderable):
            check_admission(world.state, tx, world.context(), genuine)


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_19_every_block_again_gives_the_same_roots_over_all_types(seed: int) -> None:
    """Goal: 19. Method: execute each block once more on its parent's state: all roots, receipts, leaves and views are the same."""
    for frame, records in history(seed).blocks():
        again = execute(frame, dict(records), [step.tx for step in frame.steps])
        assert again == frame.result
        assert {key: end for key, end in frame.ended.items() if key in again.changes} == again.changes


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_20_a_snapshot_and_the_tail_are_the_full_replay_over_all_types(seed: int) -> None:
    """Goal: 20. Method: in the middle, keep the records as bytes, read them back, derive the indexes, and execute what follows."""
    told = history(seed)
    middle = len(told.frames) // 2
    state: StateAt | None = None
    for number, (frame, records) in enumerate(told.blocks()):
        if number == middle:
            stored = {key: encode(record) for key, record in records.items() if key[0] != "~"}
            read = {key: decode(value, kind_of(key)) for key, value in stored.items()}
            derived = derive_indexes(read.items())
            assert derived == {key: record for key, record in records.items() if key[0] == "~"}
            state = StateAt({**read, **derived}, dict(frame.refs), dict(frame.trees))
        if state is None:
            continue
        execution = Execution(state, frame.context, VIEW_KEY, genuine)
        for step in frame.steps:
            execution.apply(step.tx)
        result = execution.finish()
        assert (result.roots, result.slots, result.transactions_root) == (
            frame.result.roots,
            frame.result.slots,
            frame.result.transactions_root,
        )
        take(state.records, result.changes)
        state.trees.update(result.trees)
        state.refs.update(result.used_refs)
    assert state is not None


def kind_of(key: str) -> type[Record]:
    """Kind of a record, by its storage key."""
    return KINDS.get(key) or KINDS[key.partition("/")[0]]


def first_leaves(told: History) -> dict[str, dict[str, bytes]]:
    """Leaves of each participant's tree before the first block."""
    records = {key: record for key, record in told.first.items() if key[0] != "~"}
    leaves: dict[str, dict[str, bytes]] = {}
    for key, value in genesis_state(records, VIEW_KEY).leaves.items():
        if value is not None:
            leaves.setdefault(tree_of(key, records[key]), {})[key] = value
    return leaves


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_21_views_alone_give_every_participants_root_over_all_types(seed: int) -> None:
    """Goal: 21. Method: from the first state, apply each participant's own views block by block; see its roots; alter a byte of a view."""
    told = history(seed)
    leaves = first_leaves(told)
    for number, frame in enumerate(told.frames):
        for participant, views in frame.result.views.items():
            leaves[participant] = replay_views(leaves.get(participant, {}), views)
            assert journal_root(views) == frame.result.journal_roots[participant]
            first = bytearray(views[0])
            first[(7 * number) % len(first)] ^= 1 << number % 8
            assert journal_root([bytes(first), *views[1:]]) != frame.result.journal_roots[participant]
        if number % 6 == 0 or frame is told.frames[-1]:
            for participant, mine in leaves.items():
                assert participant in PUBLIC or state_root(mine) == frame.result.roots[participant]


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_21_the_slices_together_are_the_state_over_all_types(seed: int) -> None:
    """Goal: 21, the other half. Method: every record of the last state is in one tree, of a participant that exists or a public one."""
    told = history(seed)
    records = told.world.state.hashed()
    participants = {key.removeprefix("participant/") for key in records if key.startswith("participant/")}
    assert {tree_of(key, record) for key, record in records.items()} <= participants | set(PUBLIC)


def concerned(step: Step, records: dict[str, Record]) -> set[str]:
    """Participants that a transaction is about: who sees all of it, who is paid, in whose trees it wrote. The operator sees everything."""
    of = entries_by_participant(step.outcome.entries)
    names = {*who_sees_all(step.tx, step.outcome, of), *of, "operator"}
    for key, (_, after) in step.writes.items():
        record = after if after is not None else records.get(key)
        if key[0] != "~" and record is not None:
            names.add(tree_of(key, record))
    return names


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_22_what_concerns_others_changes_no_byte_of_mine_over_all_types(seed: int) -> None:
    """Goal: 22. Method: each block without its last transaction: whoever that did not concern gets the same views, byte for byte."""
    compared = 0
    for frame, records in history(seed).blocks():
        if len(frame.steps) < 2:
            continue
        last = frame.steps[-1]
        known = dict(records)
        take(known, frame.ended)
        without = execute(frame, dict(records), [step.tx for step in frame.steps[:-1]])
        for participant in frame.result.journal_roots.keys() & without.journal_roots.keys():
            if participant not in concerned(last, {**records, **known}):
                assert without.views.get(participant) == frame.result.views.get(participant)
                assert without.roots[participant] == frame.result.roots[participant]
                compared += participant in frame.result.views
    assert compared


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_23_one_whole_set_for_every_height_over_all_types(seed: int) -> None:
    """Goal: 23. Method: after every block, one epoch covers the next height, its set is whole, and the header that began it names it."""
    ended = 0
    for frame, records in history(seed).blocks():
        height = frame.context.height
        epochs = [record for key, record in records.items() if isinstance(record, Epoch) and key != "epoch/next"]
        (now,) = [each for each in epochs if each.base < height <= each.end]
        assert now.number == frame.context.epoch
        keys = [each.consensus_key for each in now.validators]
        assert len(set(keys)) == len(keys) >= 4
        after = frame.ended.get(f"epoch/{now.number + 1}")
        if height == now.end:
            assert isinstance(after, Epoch)
            assert frame.result.next == set_hash(after.number, after.validators)
            ended += 1
        else:
            assert (after, frame.result.next) == (None, NO_EPOCH_BEGINS)
    assert ended


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_24_the_naive_model_has_every_record_over_all_types(seed: int) -> None:
    """Goal: 24. Method: the model that was asked for every transaction has the same state in the end; it was compared after every block."""
    world = history(seed).world
    world.compare()
    assert len(dict(world.model.records())) > 100
