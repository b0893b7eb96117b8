"""K12: the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from consensus.effects import CertifiedRecord, VoteRecord
from consensus.types import Kind
from node.files import DiskFull, StorageFailed
from node.journal import Journal, JournalExists, JournalMissing
from node.records import Entry, RecordKind, decode, encode
from node.segments import FIRST_BYTES, HEAD_BYTES, RECORD_BYTES_MAX, JournalCorrupt
from tests.node.durable import EPOCH, FIRST, JOURNAL, entries_of, facts, signed
from tests.simulation.disk import MemoryFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def journal_with(files: MemoryFiles, views: int, limit: int = 1_000_000) -> list[Entry]:
    """Write `views` views, one sync each, and return what was written."""
    journal = Journal.create(files, JOURNAL, EPOCH, limit)
    entries: list[Entry] = []
    for view in range(1, views + 1):
        for entry in entries_of(view):
            journal.append(entry)
            entries.append(entry)
        journal.sync()
    return entries


def end_of(entries: Sequence[Entry]) -> int:
    """Return where the last of these records ends in the first segment."""
    return FIRST_BYTES + sum(HEAD_BYTES + len(entry.payload) for entry in entries)


def reopen(files: MemoryFiles, limit: int = 1_000_000) -> tuple[Journal, tuple[Entry, ...]]:
    return Journal.open(files, JOURNAL, EPOCH, limit)


def flip(at: int) -> Callable[[bytearray], None]:
    def change(content: bytearray) -> None:
        content[at] ^= 1

    return change


def test_k12_records_come_back_in_order() -> None:
    """Goal: what was synced is replayed. Method: three views, reopened twice."""
    files = MemoryFiles()
    entries = journal_with(files, 3)
    journal, found = reopen(files)
    assert list(found) == entries
    journal.append(entries_of(4)[0])
    journal.sync()
    assert list(reopen(files)[1]) == [*entries, entries_of(4)[0]]


def test_k12_one_write_and_one_sync_for_all_that_was_appended() -> None:
    """Goal: a cast costs one sync. Method: count the operations of seven records; a sync with nothing new costs none."""
    steps: list[str] = []
    files = MemoryFiles(steps.append)
    journal = Journal.create(files, JOURNAL, EPOCH)
    steps.clear()
    for entry in entries_of(1):
        journal.append(entry)
    assert steps == []
    journal.sync()
    journal.sync()
    assert steps == ["write", "sync"]


def test_k12_what_was_written_before_its_sync_is_synced_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a sync is one of everything. Method: more than is buffered, so that a part is written before; then power is lost."""
    monkeypatch.setattr("node.journal.BUFFER_BYTES_MAX", 10)
    files = MemoryFiles()
    entries = journal_with(files, 2)
    files.lose_power(lambda _: 0)
    assert list(reopen(files)[1]) == entries
    journal = reopen(files)[0]
    journal.append(entries_of(3)[0])
    monkeypatch.setattr("node.journal.BUFFER_BYTES_MAX", 1_000_000)
    journal.append(entries_of(3)[1])
    journal.sync()
    files.lose_power(lambda _: 0)
    assert list(reopen(files)[1]) == [*entries, *entries_of(3)[:2]]


def test_k12_the_folder_is_synced_after_every_create_rename_and_unlink() -> None:
    """Goal: names survive a power loss. Method: the order of operations when a segment is made, and when one is dropped."""
    steps: list[str] = []
    files = MemoryFiles(steps.append)
    journal = Journal.create(files, JOURNAL, EPOCH, 1_500)
    assert steps == ["create", "write", "sync", "rename", "sync folder"]
    for view in (1, 2):
        for entry in entries_of(view):
            journal.append(entry)
    journal.sync()
    assert journal.segments == 2
    steps.clear()
    journal.drop_below(facts(2))
    assert steps[-2:] == ["unlink", "sync folder"]


def test_k12_a_torn_tail_is_cut() -> None:
    """Goal: what was never synced was never acted on. Method: cut the last record at each of its bytes; append again and reopen."""
    entries = journal_with(MemoryFiles(), 1)
    size = end_of(entries)
    for kept in range(1, len(entries[-1].payload) + HEAD_BYTES):
        torn = MemoryFiles()
        journal_with(torn, 1)
        torn.truncate(FIRST, size - kept)
        journal, found = reopen(torn)
        assert list(found) == entries[:-1]
        journal.append(entries[0])
        journal.sync()
        assert list(reopen(torn)[1]) == [*entries[:-1], entries[0]]


def test_k12_a_damaged_record_that_had_been_synced_refuses() -> None:
    """Goal: a promise is not lost silently. Method: flip one bit at every place before the last sync; the message says what to do."""
    files = MemoryFiles()
    entries = journal_with(files, 3)
    for place in range(0, end_of(entries[:14]), 5):
        files.damage(FIRST, flip(place))
        with pytest.raises(JournalCorrupt, match="move the journal folder away"):
            reopen(files)
        files.damage(FIRST, flip(place))
    assert len(reopen(files)[1]) == 21


def test_k12_unsynced_records_out_of_order_are_cut() -> None:
    """Goal: a good record after a bad one is no damage where neither was synced. Method: damage the first of an unsynced batch."""
    files = MemoryFiles()
    entries = journal_with(files, 2)
    place = end_of(entries[:7])
    files.damage(FIRST, flip(place + 30))
    journal, found = reopen(files)
    assert list(found) == entries[:7]
    assert len(files.read(FIRST)) == place
    journal.sync()


def test_k12_bytes_in_a_block_cannot_pass_for_records() -> None:
    """Goal: a hostile transaction cannot stop a node. Method: a torn body that holds a whole foreign journal."""
    foreign = MemoryFiles()
    foreign.noise(1)
    held = journal_with(foreign, 3)
    files = MemoryFiles()
    entries = journal_with(files, 1)
    journal, _ = reopen(files)
    body = Entry(RecordKind.BODY, entries_of(2)[0].payload + foreign.read(FIRST)[: end_of(held)])
    journal.append(body)
    journal.sync()
    files.truncate(FIRST, end_of([*entries, body]) - 1)
    assert len(reopen(files)[1]) == 7
    assert len(files.read(FIRST)) == end_of(entries)


def test_k12_segments_rotate_and_a_missing_one_refuses() -> None:
    """Goal: segments have a limit, and no gap is accepted. Method: a small limit; remove each segment but the first and last in turn."""
    files = MemoryFiles()
    entries = journal_with(files, 8, limit=2_000)
    journal, found = reopen(files, 2_000)
    assert list(found) == entries
    assert journal.segments >= 4
    assert all(len(files.read(path)) <= 2_000 for path in files.paths())
    files.remove(JOURNAL / "00000002.log")
    with pytest.raises(JournalCorrupt, match="missing"):
        reopen(files, 2_000)


def test_k12_damage_in_a_complete_segment_refuses() -> None:
    """Goal: only the last segment can have a torn tail. Method: cut one byte off the first of several."""
    files = MemoryFiles()
    journal_with(files, 8, limit=2_000)
    files.truncate(FIRST, len(files.read(FIRST)) - 1)
    with pytest.raises(JournalCorrupt, match="complete"):
        reopen(files, 2_000)


@pytest.mark.parametrize("keep", [0, 5, FIRST_BYTES - 1])
def test_k12_a_log_without_its_first_record_refuses(keep: int) -> None:
    """Goal: a file that is not a journal is not one. Method: cut within the first record."""
    files = MemoryFiles()
    journal_with(files, 1)
    files.truncate(FIRST, keep)
    with pytest.raises(JournalCorrupt, match="first record"):
        reopen(files)


def test_k12_dropping_keeps_what_is_needed_and_the_newest_own_votes() -> None:
    """Goal: a segment goes only when all in it is committed; the newest own votes are copied forward. Method: eight views, then idle."""
    files = MemoryFiles()
    entries = journal_with(files, 8, limit=2_000)
    journal, _ = reopen(files, 2_000)
    segments = journal.segments
    assert journal.drop_below(facts(0)) == 0
    assert journal.drop_below(facts(4)) > 0
    journal, found = reopen(files, 2_000)
    assert list(found)[-28:] == entries[-28:]
    assert found[0] != entries[0]
    journal.begin_epoch(1)
    assert journal.drop_below(facts(8)) > 0
    assert journal.segments == 1 < segments
    _, found = Journal.open(files, JOURNAL, 1, 2_000)
    assert [decode(entry)[0] for entry in found] == [signed(Kind.NOTARIZE, 8), signed(Kind.FINALIZE, 8)]


def test_k12_a_view_above_the_committed_one_keeps_its_segment() -> None:
    """Goal: votes above the committed block stay, however low the blocks are. Method: nullify votes far above the last height."""
    files = MemoryFiles()
    journal = Journal.create(files, JOURNAL, EPOCH)
    journal.append(encode(signed(Kind.NULLIFY, 9)))
    journal.begin_epoch(0)
    assert journal.drop_below(facts(8)) == 0
    assert journal.drop_below(facts(9)) == 1
    assert [decode(entry)[0] for entry in reopen(files)[1]] == [signed(Kind.NULLIFY, 9)]


def test_k12_segments_are_of_one_epoch() -> None:
    """Goal: a new epoch starts a new segment, an older one is refused. Method: open for epoch 1, then for 0."""
    files = MemoryFiles()
    journal_with(files, 1)
    journal, _ = Journal.open(files, JOURNAL, 1)
    assert journal.segments == 2
    with pytest.raises(JournalCorrupt, match="epoch"):
        reopen(files)


def test_k12_replay_is_complete_however_votes_repeat() -> None:
    """Goal: a vote cast again counts as the newest, once. Method: the same vote twice, then drop."""
    files = MemoryFiles()
    journal = Journal.create(files, JOURNAL, EPOCH)
    for _ in range(2):
        journal.append(encode(signed(Kind.NOTARIZE, 3)))
        journal.begin_epoch(0)
    journal.drop_below(facts(3))
    found = [decode(entry)[0] for entry in reopen(files)[1]]
    assert found == [signed(Kind.NOTARIZE, 3)]
    assert isinstance(found[0], VoteRecord)


@pytest.mark.parametrize("operation", ["write", "sync", "create", "rename", "sync folder"])
def test_k12_a_failed_operation_is_never_retried(operation: str) -> None:
    """Goal: after a failed write or fsync the journal is dead. Method: fail each operation once, then try again."""
    failing: list[str] = []

    def step(name: str) -> None:
        if name in failing:
            raise StorageFailed(operation=name, path=FIRST, reason="broken")

    files = MemoryFiles(step)
    journal = Journal.create(files, JOURNAL, EPOCH, 1_000)
    failing.append(operation)

    def write_until_it_fails() -> None:
        for view in range(1, 10):
            for entry in entries_of(view):
                journal.append(entry)
            journal.sync()

    with pytest.raises(StorageFailed):
        write_until_it_fails()
    failing.clear()
    with pytest.raises(AssertionError):
        journal.sync()
    with pytest.raises(AssertionError):
        journal.append(entries_of(1)[0])
    reopen(files)


def test_a_full_disk_stops_with_its_own_code_and_loses_nothing_confirmed() -> None:
    """Goal: a full disk is a typed stop. Method: the disk fills while the second view is written; the first is still there."""
    files = MemoryFiles()
    entries = journal_with(files, 1)
    journal, _ = reopen(files)

    def full(name: str) -> None:
        if name == "write":
            raise DiskFull(operation=name, path=FIRST)

    files.step = full
    journal.append(entries_of(2)[0])
    with pytest.raises(DiskFull, match="free some space") as caught:
        journal.sync()
    assert caught.value.exit_code == 22
    files.step = lambda _: None
    assert list(reopen(files)[1]) == entries


def test_made_once_and_never_by_opening() -> None:
    """Goal: no journal appears or vanishes by accident. Method: open none, create twice."""
    files = MemoryFiles()
    with pytest.raises(JournalMissing):
        reopen(files)
    Journal.create(files, JOURNAL, EPOCH)
    with pytest.raises(JournalExists):
        Journal.create(files, JOURNAL, EPOCH)


def test_a_record_above_the_limit_is_our_fault() -> None:
    """Goal: the limit that recovery relies on holds. Method: one byte more."""
    journal = Journal.create(MemoryFiles(), JOURNAL, EPOCH)
    with pytest.raises(AssertionError):
        journal.append(Entry(RecordKind.BODY, bytes(RECORD_BYTES_MAX + 1)))


def test_closed_is_closed() -> None:
    """Goal: no write after close. Method: append."""
    journal = Journal.create(MemoryFiles(), JOURNAL, EPOCH)
    journal.close()
    with pytest.raises(AssertionError):
        journal.append(entries_of(1)[0])


def test_k12_zeros_lie_ahead_of_the_records_and_are_cut_at_rotation() -> None:
    """Goal: a sync rarely changes the file's length, and a full segment holds records only. Method: lengths as views are written."""
    files = MemoryFiles()
    journal = Journal.create(files, JOURNAL, EPOCH, 6_000)
    lengths = []
    for view in range(1, 5):
        for entry in entries_of(view):
            journal.append(entry)
        journal.sync()
        lengths.append(len(files.read(FIRST)))
    assert lengths == [6_000] * 4
    _, found = reopen(files, 6_000)
    assert len(found) == 28
    assert len(files.read(FIRST)) == 6_000
    journal, _ = reopen(files, 6_000)
    journal.begin_epoch(1)
    assert len(files.read(FIRST)) == end_of(found)
    assert len(Journal.open(files, JOURNAL, 1, 6_000)[1]) == 28


def test_k12_a_record_of_zeros_is_whole() -> None:
    """Goal: payloads that end in zeros are not taken for what lies ahead. Method: a body of zeros as the last record, and one torn."""
    files = MemoryFiles()
    journal = Journal.create(files, JOURNAL, EPOCH, 6_000)
    body = Entry(RecordKind.BODY, entries_of(1)[0].payload + bytes(500))
    journal.append(body)
    journal.sync()
    assert list(reopen(files, 6_000)[1]) == [body]
    files.damage(FIRST, flip(FIRST_BYTES + 40))
    assert list(reopen(files, 6_000)[1]) == []


def test_k12_what_a_killed_process_left_in_the_page_cache_is_synced_before_it_is_acted_on() -> None:
    """Goal: what recovery returned once it returns for ever. Method: written and not synced, reopened, then power is lost."""

    def killed(name: str) -> None:
        if name == "sync":
            raise InterruptedError

    files = MemoryFiles()
    journal = Journal.create(files, JOURNAL, EPOCH)
    journal.append(entries_of(1)[0])
    files.step = killed
    with pytest.raises(InterruptedError):
        journal.sync()
    files.step = lambda _: None
    assert list(reopen(files)[1]) == entries_of(1)[:1]
    files.lose_power(lambda _: 0)
    assert list(reopen(files)[1]) == entries_of(1)[:1]


def test_k12_a_block_above_the_committed_one_keeps_its_segment() -> None:
    """Goal: unfinal bodies stay, however low their views. Method: a block of a greater height in an earlier view."""
    files = MemoryFiles()
    journal = Journal.create(files, JOURNAL, EPOCH)
    journal.append(encode(CertifiedRecord(facts(3, height=9))))
    journal.begin_epoch(0)
    assert journal.drop_below(facts(5, height=8)) == 0
    assert journal.drop_below(facts(5, height=9)) == 1
