"""`som doctor --config`: what is seen of a node's machine, and that looking changes nothing."""

from __future__ import annotations

import os
import shutil
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from cli.doctor_ask import parse_series
from cli.doctor_look import holder, look, own_url
from cli.main import main
from ledger.genesis import chain_id, parse_genesis
from node.config import ApiConfig, load_config
from node.denied import DENIED_FILE
from node.files import FolderLock
from node.keyfiles import box_public_of, read_seed, write_seed
from node.keystore import Cost
from node.lastwords import keep_last_words
from node.memory import JOURNAL_FOLDER, MARK_FILE
from node.plan import trial_plan, with_ports
from node.provision import provision

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.doctor_facts import MachineFacts

CHEAP = Cost(memory_kib=8_192, iterations=1, lanes=1)
NAME = "validator-1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Make the configuration of one validator of a network that never ran."""
    return provision(tmp_path, with_ports(trial_plan(4, 0), 13_490), cost=CHEAP).configs[NAME]


def picture(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every name below a folder: mode, time of the last change, content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def test_a_node_that_is_whole_has_no_fault(config: Path) -> None:
    """Goal: facts are what is there. Method: a fresh node; then with its lock held; nothing is changed or made by looking."""
    before = picture(config.parent)
    found = look(config)
    assert (found.name, found.role, found.url, found.data) == (NAME, "validator", own_url(load_config(config)), str(config.parent / "data"))
    assert (found.config_fault, found.genesis_fault, found.view_key_fault, found.memory_fault, found.denied_fault) == ("", "", "", "", "")
    assert found.chain == chain_id(parse_genesis((config.parent.parent / "genesis.json").read_text())).hex()
    assert [(key.use, key.fault) for key in found.keys] == [("node_key", ""), ("box_key", ""), ("consensus_key", "")]
    assert found.keys[1].public == box_public_of(read_seed(Path(load_config(config).box_key))).hex()
    assert found.folder_mode == 0o700
    assert 0 < found.free_bytes <= found.disk_bytes
    assert (found.held.known, found.held.pid, found.last_words, found.denied, found.halts) == (True, 0, None, (), ())
    assert sorted(found.names.values()) == ["validator-0", "validator-2", "validator-3"]
    assert picture(config.parent) == before
    lock = FolderLock(config.parent / "data")
    try:
        assert look(config).held.pid == os.getpid()
    finally:
        lock.release()


def no_genesis(folder: Path) -> None:
    """Lose the document that all nodes share."""
    (folder.parent / "genesis.json").unlink()


def no_folder(folder: Path) -> None:
    """Lose the disk."""
    shutil.rmtree(folder / "data")


def open_key(folder: Path) -> None:
    """Let others read a key."""
    (folder / "node.key").chmod(0o644)


def no_key(folder: Path) -> None:
    """Put something else into a key file."""
    (folder / "box.key").write_text("secret\n")
    (folder / "box.key").chmod(0o600)


def other_box_key(folder: Path) -> None:
    """Name a box key that nothing is sealed to: no fault at start, since a snapshot may serve."""
    (folder / "box.key").unlink()
    write_seed(folder / "box.key", b"b" * 32)


def other_consensus_key(folder: Path) -> None:
    """Name the key of another data folder."""
    (folder / "consensus.key").unlink()
    write_seed(folder / "consensus.key", b"k" * 32)


def no_mark(folder: Path) -> None:
    """Lose the mark."""
    (folder / "data" / MARK_FILE).unlink()


def no_memory(folder: Path) -> None:
    """Lose mark and journal."""
    no_mark(folder)
    shutil.rmtree(folder / "data" / JOURNAL_FOLDER)


def damaged_journal(folder: Path) -> None:
    """Let the disk change what it had confirmed."""
    path = folder / "data" / JOURNAL_FOLDER / "00000001.log"
    path.write_bytes(b"x" + path.read_bytes()[1:])


def bad_list(folder: Path) -> None:
    """Write a name where a key should be."""
    (folder / "data" / DENIED_FILE).write_text("bank-a\n")


def good_list(folder: Path) -> None:
    """Deny somebody."""
    (folder / "data" / DENIED_FILE).write_text(f"{'e' * 64} # bank-a\n")


def proof(folder: Path) -> None:
    """Have stopped because of more than f liars."""
    (folder / "data" / "evidence").mkdir()
    (folder / "data" / "evidence" / "p.halt").write_bytes(b"proof")


def words(folder: Path) -> None:
    """Have ended for a reason."""
    keep_last_words(folder / "data", 22, "the disk is full; free some")


FAULTS: list[tuple[Callable[[Path], None], Callable[[MachineFacts], object], object]] = [
    (no_genesis, lambda found: "cannot be read" in found.genesis_fault, True),
    (no_folder, lambda found: (found.folder_mode, found.memory_code, found.free_bytes > 0), (None, 32, True)),
    (open_key, lambda found: found.keys[0].fault, "readable by others"),
    (no_key, lambda found: (found.keys[1].fault, found.view_key_fault), ("not a key", "")),
    (other_box_key, lambda found: (found.keys[1].fault, found.view_key_fault), ("", "")),
    (other_consensus_key, lambda found: (found.keys[2].fault, found.memory_code), ("", 31)),
    (no_mark, lambda found: found.memory_code, 29),
    (no_memory, lambda found: found.memory_code, 32),
    (damaged_journal, lambda found: found.memory_code, 27),
    (bad_list, lambda found: ("line 1" in found.denied_fault, found.denied), (True, ())),
    (good_list, lambda found: (found.denied_fault, found.denied), ("", ("e" * 64,))),
    (proof, lambda found: found.halts, ("p.halt",)),
    (words, lambda found: found.last_words and (found.last_words.code, found.last_words.sentence), (22, "the disk is full; free some")),
]


@pytest.mark.parametrize(("damage", "seen", "wanted"), FAULTS, ids=[damage.__name__ for damage, _, _ in FAULTS])
def test_each_fault_is_seen_and_left_as_it_is(
    config: Path, damage: Callable[[Path], None], seen: Callable[[MachineFacts], object], wanted: object
) -> None:
    """Goal: what is broken is seen, and only seen. Method: one fault each in a node's folder; names, modes and bytes stay."""
    damage(config.parent)
    before = picture(config.parent)
    assert seen(look(config)) == wanted
    assert picture(config.parent) == before


def test_a_memory_is_not_read_while_its_node_runs(config: Path) -> None:
    """Goal: a journal that is being written is no fault. Method: no mark, and the lock held by somebody."""
    no_mark(config.parent)
    lock = FolderLock(config.parent / "data")
    try:
        assert look(config).memory_code == 0
    finally:
        lock.release()


def test_a_node_that_is_down_is_examined_all_the_same(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Goal: exit code 3 and the reason. Method: the command on a node that never ran and lost its mark."""
    no_mark(config.parent)
    assert main(["doctor", "--config", str(config), "--json"]) == 3
    found = msgspec.json.decode(capsys.readouterr().out)
    assert [each["code"] for each in found["findings"]] == ["not-running", "memory"]
    assert (found["healthy"], found["machine"]["name"], found["nodes"][0]["reached"]) == (False, NAME, False)
    assert main(["doctor", "--config", str(config)]) == 3
    text = capsys.readouterr().out
    assert f"WRONG: {NAME} would not start (29): the signer's mark" in text
    assert "  make a new key with som recover --config FILE" in text


def test_a_configuration_that_cannot_be_used_is_the_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Goal: exit code 1, since nobody was asked. Method: a file that is not there."""
    assert main(["doctor", "--config", str(tmp_path / "x.toml")]) == 1
    assert "cannot read the configuration" in capsys.readouterr().out


def test_who_holds_a_lock_is_read_from_the_kernel_s_table() -> None:
    """Goal: the holder of this very file, nobody who waits for it or holds another kind. Method: lines as Linux writes them."""
    device, inode = os.makedev(0xFE, 0), 99
    lines = [
        "1: POSIX  ADVISORY  WRITE 10 fe:00:99 0 EOF",
        "2: FLOCK  ADVISORY  WRITE 11 fe:01:99 0 EOF",
        "3: FLOCK  ADVISORY  WRITE 12 fe:00:98 0 EOF",
        "3: -> FLOCK  ADVISORY  WRITE 13 fe:00:99 0 EOF",
        "garbage",
        "4: FLOCK  ADVISORY  WRITE 14 fe:00:99 0 EOF",
    ]
    assert holder(lines, device, inode) == 14
    assert holder(lines[:5], device, inode) == 0


def test_a_node_is_asked_where_this_machine_reaches_it(config: Path) -> None:
    """Goal: an address that can be called. Method: listeners on one address, on all, on IPv6."""
    found = load_config(config)
    for host, url in (
        ("127.0.0.1", "http://127.0.0.1:7"),
        (str(IPv4Address(0)), "http://127.0.0.1:7"),
        ("::", "http://[::1]:7"),
        ("10.1.2.3", "http://10.1.2.3:7"),
    ):
        assert own_url(msgspec.structs.replace(found, api=ApiConfig(host, 7))) == url


def test_series_are_read_by_name_and_labels() -> None:
    """Goal: Prometheus' text as the node writes it. Method: comments, labels with spaces, what is no number."""
    text = '# HELP a b\na 1.0\nb{kind="x y"} 2.5e+03\nc NaN\nd\ne f\n'
    found = parse_series(text)
    assert (found["a"], found['b{kind="x y"}'], sorted(found)) == (1.0, 2_500.0, ["a", 'b{kind="x y"}', "c"])
