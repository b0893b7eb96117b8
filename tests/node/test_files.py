"""The real disk: operations, and the faults that the system lets a test provoke."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.files import DiskFiles, DiskFull, FolderInUse, FolderLock, StorageFailed
from node.journal import Journal
from node.memory import create_memory, open_memory
from node.signer import SeedKey
from tests.node.durable import EPOCH, ME, SEED, entries_of

FILES = DiskFiles()


def test_journal_and_signer_on_the_real_disk(tmp_path: Path) -> None:
    """Goal: the real layer keeps what the journal needs. Method: make, write, rotate, reopen, drop."""
    folder = tmp_path / "a" / "b"
    create_memory(FILES, folder, EPOCH, SeedKey(SEED))
    memory = open_memory(FILES, folder, EPOCH, SeedKey(SEED), ME, 2_000)
    entries = [entry for view in range(1, 9) for entry in entries_of(view)]
    for entry in entries:
        memory.journal.append(entry)
    memory.journal.sync()
    memory.journal.close()
    memory.signer.close()
    journal, found = Journal.open(FILES, folder / "journal", EPOCH, 2_000)
    assert list(found) == entries
    assert journal.segments > 1
    assert (folder / "signer.mark").stat().st_mode & 0o777 == 0o600
    journal.close()


def test_operations_on_what_is_not_there_are_typed(tmp_path: Path) -> None:
    """Goal: no OSError leaves the layer. Method: every operation on a missing or unsuitable path."""
    missing = tmp_path / "missing" / "file"
    assert FILES.names(missing.parent) == []
    assert not FILES.exists(missing)
    for operation in (FILES.read, FILES.create, FILES.open, FILES.unlink, FILES.sync_folder):
        with pytest.raises(StorageFailed, match=r"missing.*No such file"):
            operation(missing)
    with pytest.raises(StorageFailed):
        FILES.truncate(missing, 0)
    with pytest.raises(StorageFailed):
        FILES.rename(missing, tmp_path / "x")
    taken = tmp_path / "taken"
    taken.write_bytes(b"")
    with pytest.raises(StorageFailed):
        FILES.create(taken)
    with pytest.raises(StorageFailed):
        FILES.names(taken)
    with pytest.raises(StorageFailed):
        FILES.make_folder(taken / "below")
    with pytest.raises(StorageFailed):
        FolderLock(tmp_path / "missing")


def test_writes_go_where_they_are_told(tmp_path: Path) -> None:
    """Goal: slots are overwritten in place. Method: write, overwrite, cut, rename, read."""
    file = FILES.create(tmp_path / "x")
    file.write_at(0, b"abcdef")
    file.write_at(2, b"CD")
    file.sync()
    file.write_synced(5, b"Fgh")
    file.close()
    file.close()
    with pytest.raises(StorageFailed, match="earlier operation"):
        file.write_at(0, b"z")
    FILES.truncate(tmp_path / "x", 7)
    FILES.rename(tmp_path / "x", tmp_path / "y")
    FILES.sync_folder(tmp_path)
    assert FILES.names(tmp_path) == ["y"]
    assert FILES.read(tmp_path / "y") == b"abCDeFg"
    FILES.unlink(tmp_path / "y")
    assert len(FILES.noise(4)) == 4


def test_a_full_disk_is_its_own_fault() -> None:
    """Goal: ENOSPC is told apart, and the file is dead afterwards. Method: /dev/full, which is always full."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    file = FILES.open(full)
    with pytest.raises(DiskFull, match="disk is full"):
        file.write_at(0, b"x")
    with pytest.raises(StorageFailed, match="earlier operation"):
        file.sync()
    file.close()


def test_a_write_that_fails_half_way_stops_and_leaves_a_tail_that_is_cut(tmp_path: Path) -> None:
    """Goal: a partial write on the real disk is recovered. Method: the system's limit on file sizes, in a child of its own."""
    folder = tmp_path / "journal"
    Journal.create(FILES, folder, EPOCH).close()
    child = (
        "import sys\nfrom pathlib import Path\nfrom node.files import DiskFiles, StorageFailed\nfrom node.journal import Journal\n"
        "from tests.node.durable import entries_of\njournal, _ = Journal.open(DiskFiles(), Path(sys.argv[1]), 0)\n"
        "for view in range(1, 50):\n    for entry in entries_of(view, 60_000):\n        journal.append(entry)\n"
        "    try:\n        journal.sync()\n"
        "    except StorageFailed as stopped:\n        print(view, stopped)\n        sys.exit(stopped.exit_code)\n"
    )

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))

    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", child, str(folder)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 21, done.stderr
    assert "File too large" in done.stdout
    views = int(done.stdout.split()[0]) - 1
    assert (folder / "00000001.log").stat().st_size == 1_500_000
    journal, found = Journal.open(FILES, folder, EPOCH)
    assert list(found)[: 7 * views] == [entry for view in range(1, views + 1) for entry in entries_of(view, 60_000)]
    assert views > 10
    assert len(found) <= 7 * (views + 1)
    journal.append(entries_of(99)[0])
    journal.sync()
    journal.close()


def test_one_folder_one_process(tmp_path: Path) -> None:
    """Goal: a key never runs in two processes. Method: lock twice, release, lock again."""
    lock = FolderLock(tmp_path)
    with pytest.raises(FolderInUse, match="another process"):
        FolderLock(tmp_path)
    lock.release()
    lock.release()
    FolderLock(tmp_path).release()
