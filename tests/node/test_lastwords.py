"""What a node that ended leaves behind for whoever asks why, and looking at a memory without touching it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from consensus.types import Epoch
from node.files import DiskFiles, FolderLock
from node.journal import Journal
from node.lastwords import LAST_WORDS_FILE, SENTENCE_MAX, LastWords, forget_last_words, keep_last_words, read_last_words
from node.main import run_node
from node.memory import JOURNAL_FOLDER, MARK_FILE, create_memory, recall
from node.records import Entry, RecordKind
from node.signer import MarkMissing, NoMemory, SeedKey
from node.still import StillFiles
from tests.node.network import LocalNetwork

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from node.files import Files

KEY = SeedKey(b"k" * 32)


def picture(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a folder: content, and when it was changed."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_last_words_are_kept_read_and_forgotten(tmp_path: Path) -> None:
    """Goal: what was said is what is read, cut to its limit. Method: keep, keep again, forget; a folder that is not there stays so."""
    assert read_last_words(tmp_path) is None
    keep_last_words(tmp_path, 51, "a final block\nis not ours; " + "x" * SENTENCE_MAX)
    found = read_last_words(tmp_path)
    assert found is not None
    assert (found.code, len(found.sentence)) == (51, SENTENCE_MAX)
    assert found.sentence.startswith("a final block is not ours; xxx")
    keep_last_words(tmp_path, 0, "")
    assert msgspec.structs.replace(read_last_words(tmp_path) or found, time_ms=1) == LastWords(0, "", 1)
    forget_last_words(tmp_path)
    forget_last_words(tmp_path)
    assert list(tmp_path.iterdir()) == []
    keep_last_words(tmp_path / "gone", 1, "")
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b'{"code": -1, "sentence": "", "time_ms": 0}', b"\xff", b" " * 50_000])
def test_last_words_that_cannot_be_read_are_none(tmp_path: Path, content: bytes) -> None:
    """Goal: a damaged file is no news. Method: what no node writes."""
    (tmp_path / LAST_WORDS_FILE).write_bytes(content)
    assert read_last_words(tmp_path) is None


def test_a_node_that_refuses_to_start_says_why_in_its_folder(tmp_path: Path) -> None:
    """Goal: `som doctor` finds the reason. Method: no memory (32), then another process on the folder, whose words must not be replaced."""
    config = LocalNetwork(tmp_path, 4, 0).configs["validator-0"]
    for path in (config.data_folder / MARK_FILE, *(config.data_folder / JOURNAL_FOLDER).iterdir()):
        path.unlink()
    config = msgspec.structs.replace(config, sync=msgspec.structs.replace(config.sync, snapshot="never"))
    assert run_node(config) == NoMemory.exit_code
    found = read_last_words(config.data_folder)
    assert found is not None
    assert (found.code, "som recover" in found.sentence) == (NoMemory.exit_code, True)
    lock = FolderLock(config.data_folder)
    try:
        assert run_node(config) == 23
    finally:
        lock.release()
    assert read_last_words(config.data_folder) == found


def whole(folder: Path) -> None:
    """Nothing is wrong."""


def torn(folder: Path) -> None:
    """Tear the tail of the journal, as a crash does."""
    path = folder / JOURNAL_FOLDER / "00000001.log"
    path.write_bytes(path.read_bytes() + b"\1" * 100)


def unmarked(folder: Path) -> None:
    """Lose the mark."""
    (folder / MARK_FILE).unlink()


def unjournaled(folder: Path) -> None:
    """Lose the journal."""
    (folder / JOURNAL_FOLDER / "00000001.log").unlink()


def empty(folder: Path) -> None:
    """Lose both."""
    unmarked(folder)
    unjournaled(folder)


@pytest.mark.parametrize(
    ("damage", "fault"), [(whole, None), (torn, None), (unjournaled, None), (unmarked, MarkMissing), (empty, NoMemory)]
)
def test_the_rules_of_a_start_are_tried_without_a_change(
    tmp_path: Path, damage: Callable[[Path], None], fault: type[Exception] | None
) -> None:
    """Goal: a doctor that changes nothing (K15). Method: the table of `node.memory`: the verdicts of a real start, the same files."""
    create_memory(DiskFiles(), tmp_path, Epoch(0), KEY)
    journal, _ = Journal.open(DiskFiles(), tmp_path / JOURNAL_FOLDER, 0)
    journal.append(Entry(RecordKind.BODY, bytes(121)))
    journal.sync()
    journal.close()
    damage(tmp_path)
    before = picture(tmp_path)
    both: tuple[Files, ...] = (StillFiles(), DiskFiles())
    for files in both:
        if fault is None:
            memory = recall(files, tmp_path, KEY)
            memory.journal.close()
            memory.signer.close()
        else:
            with pytest.raises(fault):
                recall(files, tmp_path, KEY)
        assert picture(tmp_path) == before or isinstance(files, DiskFiles)
