"""K15: the start-up matrix of journal and mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consensus.effects import CertificateRecord, VoteRecord
from consensus.types import Epoch, Kind, ValidatorId, View, Vote
from node.journal import Journal, JournalExists
from node.memory import Memory, create_memory, open_memory, recall
from node.records import encode
from node.segments import JournalCorrupt
from node.signer import MarkBehind, Marked, MarkExists, MarkMissing, NoMemory, NotAboveMark, SeedKey
from tests.node.durable import EPOCH, FIRST, FOLDER, JOURNAL, MARK, ME, SEED, block, entries_of, facts, signed, signing_bytes, vote
from tests.simulation.disk import MemoryFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = SeedKey(SEED)


def start(files: MemoryFiles) -> Memory:
    return open_memory(files, FOLDER, EPOCH, KEY, ME)


def cast(memory: Memory, kind: Kind, view: int) -> None:
    """Do what the driver does: sign, append, sync."""
    subject = vote(kind, view)
    memory.signer.sign(subject, signing_bytes(subject))
    memory.journal.append(encode(signed(kind, view)))
    memory.journal.sync()


def votes(memory: Memory) -> list[tuple[Kind, int]]:
    return [(record.signed.vote.kind, record.signed.vote.view) for record in memory.replayed if isinstance(record, VoteRecord)]


def running(*views: int) -> MemoryFiles:
    """Return the disk of a validator that notarized these views."""
    files = MemoryFiles()
    create_memory(files, FOLDER, EPOCH, KEY)
    memory = start(files)
    for view in views:
        cast(memory, Kind.NOTARIZE, view)
    return files


def test_k15_neither_journal_nor_mark_refuses() -> None:
    """Goal: a validator with no memory does not vote. Method: an empty folder."""
    with pytest.raises(NoMemory, match="som init"):
        start(MemoryFiles())


def test_k15_both_there_goes_on() -> None:
    """Goal: an ordinary restart. Method: two votes and a block, reopened."""
    files = running(1, 2)
    memory = start(files)
    for entry in entries_of(3)[:1]:
        memory.journal.append(entry)
    memory.journal.sync()
    memory = start(files)
    assert votes(memory) == [(Kind.NOTARIZE, 1), (Kind.NOTARIZE, 2)]
    assert memory.blocks == {facts(3).block_id: block(3)}


def test_k15_a_missing_mark_refuses() -> None:
    """Goal: a journal alone does not tell what was signed last. Method: remove the mark."""
    files = running(1)
    files.remove(MARK)
    with pytest.raises(MarkMissing):
        start(files)


def test_k15_a_mark_behind_the_journal_refuses() -> None:
    """Goal: a mark restored from a copy is found. Method: put an older image of it back."""
    files = running(1)
    image = files.read(MARK)
    cast(start(files), Kind.NOTARIZE, 2)

    def restore(content: bytearray) -> None:
        content[:] = image

    files.damage(MARK, restore)
    with pytest.raises(MarkBehind, match="som recover"):
        start(files)


def test_k15_a_lost_journal_has_the_marks_votes_cast_again() -> None:
    """Goal: votes only above the mark after the journal is lost. Method: remove it; the votes are in the new one, twice over."""
    files = running(1, 2)
    cast(start(files), Kind.FINALIZE, 2)
    files.remove(FIRST)
    memory = start(files)
    assert votes(memory) == [(Kind.NOTARIZE, 2), (Kind.FINALIZE, 2)]
    assert all(record.signed.signer == ME for record in memory.replayed if isinstance(record, VoteRecord))
    with pytest.raises(NotAboveMark):
        memory.signer.sign(vote(Kind.NULLIFY, 2), b"")
    assert votes(start(files)) == [(Kind.NOTARIZE, 2), (Kind.FINALIZE, 2)]


def test_k15_a_vote_that_only_the_mark_knows_is_cast_again() -> None:
    """Goal: a crash between mark and journal does not stop the validator. Method: sign, then crash."""
    files = running(1)
    start(files).signer.sign(vote(Kind.NOTARIZE, 2), signing_bytes(vote(Kind.NOTARIZE, 2)))
    assert votes(start(files)) == [(Kind.NOTARIZE, 1), (Kind.NOTARIZE, 2)]
    assert len(Journal.open(files, JOURNAL, EPOCH)[1]) == 2


def test_k15_memory_is_made_once() -> None:
    """Goal: no memory is overwritten. Method: make it twice, and with one half missing."""
    files = running(1)
    with pytest.raises(JournalExists):
        create_memory(files, FOLDER, EPOCH, KEY)
    files.remove(FIRST)
    with pytest.raises(MarkExists):
        create_memory(files, FOLDER, EPOCH, KEY)


def test_a_corrupt_journal_refuses_and_the_advice_works() -> None:
    """Goal: the operator is told what to do, and it helps. Method: damage a synced record, follow the message."""
    files = running(1, 2, 3)
    files.damage(FIRST, lambda content: content.__setitem__(60, content[60] ^ 1))
    with pytest.raises(JournalCorrupt, match="move the journal folder away"):
        start(files)
    for path in files.paths():
        if path.parent == JOURNAL:
            files.remove(path)
    assert votes(start(files)) == [(Kind.NOTARIZE, 3)]
    assert Journal.exists(files, JOURNAL)


def test_k15_records_are_durable_before_the_mark_and_votes_in_it_before_they_leave() -> None:
    """Goal: nothing a vote rests on is lost where the mark is not, nor the vote. Method: the order of operations; then power is lost."""
    steps: list[tuple[str, int]] = []
    files = running(1)
    memory = start(files)

    def step(name: str) -> None:
        steps.append((name, memory.signer.mark.position[1]))

    files.step = step
    subject = vote(Kind.NOTARIZE, 2)
    signed_votes = memory.promise(entries_of(2)[:3], [Marked(subject, signing_bytes(subject))])
    assert [name for name, _ in steps] == ["write", "sync"] * 2
    assert [view for _, view in steps] == [1, 1, 1, 1]
    assert memory.signer.mark.position[1] == 2
    assert [own.vote for own in signed_votes] == [subject]
    files.step = lambda _: None
    files.lose_power(lambda _: 0)
    assert len(start(files).replayed) == 1 + 4


def test_k15_a_vote_is_durable_in_the_journal_before_the_mark_leaves_its_view() -> None:
    """Goal: the mark holds the votes of one view only. Method: look at the disk at each step of a vote in the next view; lose all else."""
    files = running(1)
    memory = start(files)
    first, second = vote(Kind.NOTARIZE, 2), vote(Kind.NOTARIZE, 3)
    memory.promise(entries_of(2)[:3], [Marked(first, signing_bytes(first))])
    memory.promise((), [Marked(second, signing_bytes(second))])
    files.lose_power(lambda _: 0)
    assert votes(start(files)) == [(Kind.NOTARIZE, 1), (Kind.NOTARIZE, 2), (Kind.NOTARIZE, 3)]


def test_k15_power_lost_between_mark_and_journal_keeps_what_the_vote_rests_on() -> None:
    """Goal: found by simulation (4 validators, seed 2035): the only nullification of a view was lost, the mark above it was not.

    Method: lose power at every step of a cast; where the mark has moved, the records are there.
    """
    for stop in range(4):
        files = running(1)
        memory = start(files)
        left = iter([False] * stop + [True])

        def step(_: str, left: Iterator[bool] = left) -> None:
            if next(left):
                raise InterruptedError

        files.step = step
        subject = vote(Kind.NULLIFY, 3)
        with pytest.raises(InterruptedError):
            memory.promise(entries_of(2)[4:5], [Marked(subject, signing_bytes(subject))])
        files.lose_power(lambda _: 0)
        files.step = lambda _: None
        again = start(files)
        has_record = any(isinstance(record, CertificateRecord) for record in again.replayed)
        assert has_record or again.signer.mark.position == (0, 1)


def test_k15_a_memory_of_a_later_epoch_waits_for_it() -> None:
    """Goal: no vote below what was promised. Method: vote in epoch 2, recall it, begin in epochs 1, 2 and 3."""
    files = MemoryFiles()
    create_memory(files, FOLDER, EPOCH, KEY)
    memory = open_memory(files, FOLDER, Epoch(2), KEY, ME)
    subject = Vote(Kind.NOTARIZE, Epoch(2), View(1), View(0), facts(1).block_id)
    memory.promise([], [Marked(subject, signing_bytes(subject))])
    again = recall(files, FOLDER, KEY)
    assert again.epoch == 2
    with pytest.raises(AssertionError, match="epoch 2"):
        again.begin(Epoch(1), ME)
    again.begin(Epoch(2), ME)
    assert [record.signed.vote for record in again.replayed if isinstance(record, VoteRecord)] == [subject]
    again.taken()
    again.begin(Epoch(3), ValidatorId(3))
    assert (again.replayed, again.journal.epoch, again.epoch) == ((), 3, 3)
    later = Vote(Kind.NOTARIZE, Epoch(3), View(1), View(0), facts(1).block_id)
    assert [own.signer for own in again.promise([], [Marked(later, signing_bytes(later))])] == [3]
    with pytest.raises(NotAboveMark):
        again.promise([], [Marked(subject, signing_bytes(subject))])


def test_k15_only_the_marks_votes_of_the_epoch_that_begins_are_cast_again() -> None:
    """Goal: an old epoch's vote is of no use, and its index may be another's. Method: lose the journal, begin in two."""
    for epoch, expected in ((1, 1), (2, 0)):
        files = MemoryFiles()
        create_memory(files, FOLDER, EPOCH, KEY)
        memory = open_memory(files, FOLDER, Epoch(1), KEY, ME)
        subject = Vote(Kind.NOTARIZE, Epoch(1), View(4), View(0), facts(1).block_id)
        memory.promise([], [Marked(subject, signing_bytes(subject))])
        for path in files.paths():
            if path.parent == JOURNAL:
                files.remove(path)
        again = recall(files, FOLDER, KEY)
        assert again.epoch == 1
        again.begin(Epoch(epoch), ValidatorId(2))
        assert len([record for record in again.replayed if isinstance(record, VoteRecord)]) == expected
        assert again.epoch == epoch
