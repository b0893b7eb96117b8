"""`som recover` (K15): when a new key is made, when it is refused, and that a crash on the way never lets the old key vote again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from consensus.effects import VoteRecord
from consensus.types import Epoch, Kind, SignedVote, ValidatorId, View, Vote
from ledger.keys import public_key_of
from node.config import ConfigError, load_config
from node.files import DiskFiles, FolderInUse, FolderLock, StorageFailed
from node.init import init_node
from node.keyfiles import read_seed
from node.memory import JOURNAL_FOLDER, MARK_FILE, recall
from node.records import encode
from node.recover import NothingLost, recover_node
from node.signer import Marked, MarkOfOtherKey, SeedKey

if TYPE_CHECKING:
    from node.config import Config

TEXT = """
role = "{role}"
name = "validator-0"
data = "data"
genesis = "genesis.json"
node_key = "node.key"
box_key = "box.key"
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Make a validator that has cast one vote."""
    path = tmp_path / "node.toml"
    path.write_text(TEXT.format(role="validator") + 'consensus_key = "consensus.key"\n')
    made = load_config(path)
    init_node(made)
    cast(made, 1, marked=True)
    return made


def cast(config: Config, view: int, *, marked: bool) -> None:
    """Journal a vote of ours; `marked`: by our signer, else as one that a peer has shown."""
    memory = recall(DiskFiles(), config.data_folder, key_of(config))
    memory.begin(Epoch(0), ValidatorId(0))
    vote = Vote.nullify(Epoch(0), View(view))
    signature = memory.signer.sign_all((Marked(vote, b"nullify %d" % view),))[0] if marked else bytes(64)
    memory.journal.append(encode(VoteRecord(SignedVote(vote, ValidatorId(0), signature))))
    memory.journal.sync()
    memory.journal.close()
    memory.signer.close()


def key_of(config: Config) -> SeedKey:
    return SeedKey(read_seed(Path(config.consensus_key)))


def lose_mark(config: Config) -> None:
    (config.data_folder / MARK_FILE).unlink()


def lose_both(config: Config) -> None:
    lose_mark(config)
    lose_journal(config)


def lose_journal(config: Config) -> None:
    for path in (config.data_folder / JOURNAL_FOLDER).iterdir():
        path.unlink()


def damage_mark(config: Config) -> None:
    path = config.data_folder / MARK_FILE
    path.write_bytes(bytes(len(path.read_bytes())))


def damage_mark_and_lose_journal(config: Config) -> None:
    damage_mark(config)
    lose_journal(config)


def be_shown_a_later_vote(config: Config) -> None:
    cast(config, 9, marked=False)


def lose_key(config: Config) -> None:
    Path(config.consensus_key).unlink()


LOSSES = (lose_mark, lose_both, damage_mark, damage_mark_and_lose_journal, be_shown_a_later_vote, lose_key)


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
def test_k15_a_lost_memory_gets_a_new_key_and_an_empty_one(config: Config, lose: object) -> None:
    """Goal: a validator comes back under a new key. Method: each way to lose a memory; old files stay, node and box keys too."""
    assert callable(lose)
    old, node, box = key_of(config).public_key, read_seed(Path(config.node_key)), read_seed(Path(config.box_key))
    lose(config)
    made = recover_node(config)
    fresh = key_of(config)
    assert fresh.public_key != old
    assert made.keys.consensus_key == fresh.public_key.hex()
    assert (read_seed(Path(config.node_key)), read_seed(Path(config.box_key))) == (node, box)
    assert made.new_node_key == made.new_box_key == ""
    memory = recall(DiskFiles(), config.data_folder, fresh)
    assert memory.signer.mark.position == (0, 0)
    assert memory.replayed == ()
    memory.journal.close()
    memory.signer.close()
    for path in made.moved:
        assert Path(path).exists()
    kept = [Path(path) for path in made.moved if "consensus.key" in path]
    assert [public_key_of(read_seed(path)) for path in kept] == ([] if lose is lose_key else [old])
    assert any("validator.set" in sentence for sentence in made.next)
    assert not any("participant.put" in sentence for sentence in made.next)


def test_k15_a_whole_memory_is_not_replaced(config: Config) -> None:
    """Goal: no mistake retires a good key. Method: nothing is lost; then only the journal; then a damaged one."""
    old = key_of(config).public_key
    with pytest.raises(NothingLost, match="start the node"):
        recover_node(config)
    segment = next((config.data_folder / JOURNAL_FOLDER).iterdir())
    data = segment.read_bytes()
    segment.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(NothingLost, match="move the folder"):
        recover_node(config)
    lose_journal(config)
    with pytest.raises(NothingLost, match="only the journal"):
        recover_node(config)
    assert key_of(config).public_key == old
    assert not list(config.data_folder.glob("*.lost-*"))


def test_a_second_recovery_keeps_what_the_first_moved(config: Config) -> None:
    """Goal: nothing is ever overwritten. Method: lose the memory twice."""
    lose_mark(config)
    first = recover_node(config)
    lose_mark(config)
    second = recover_node(config)
    assert not set(first.moved) & set(second.moved)
    assert all(Path(path).exists() for path in (*first.moved, *second.moved))


def test_node_and_box_keys_that_are_gone_are_new_and_said_so(config: Config) -> None:
    """Goal: a whole lost disk. Method: every key is gone; the sentences name participant.put and param.set with the new keys."""
    lose_both(config)
    for path in (config.node_key, config.box_key, config.consensus_key):
        Path(path).unlink()
    made = recover_node(config)
    assert made.new_node_key == made.keys.node_key != ""
    assert made.new_box_key == made.keys.box_key != ""
    text = "\n".join(made.next)
    assert text.index("participant.put") < text.index("param.set") < text.index("validator.set")
    assert made.new_box_key in text


def test_a_running_node_a_peer_and_anothers_mark_are_refused(config: Config, tmp_path: Path) -> None:
    """Goal: each refusal says what is wrong. Method: the lock is held; the mark of another key; a peer's configuration."""
    lock = FolderLock(config.data_folder)
    with pytest.raises(FolderInUse):
        recover_node(config)
    lock.release()
    path = Path(config.consensus_key)
    mine = path.read_text()
    path.write_text("22" * 32 + "\n")
    with pytest.raises(MarkOfOtherKey):
        recover_node(config)
    path.write_text(mine)
    peer = tmp_path / "peer.toml"
    peer.write_text(TEXT.format(role="peer"))
    with pytest.raises(ConfigError, match="peer"):
        recover_node(load_config(peer))


class Failing(DiskFiles):
    """A disk that fails at the n-th change."""

    def __init__(self, changes: int) -> None:
        self.left = changes

    def _change(self, path: Path) -> None:
        self.left -= 1
        if self.left < 0:
            raise StorageFailed(operation="change", path=path, reason="as the test wants")

    def rename(self, path: Path, target: Path) -> None:
        """Rename, or fail."""
        self._change(path)
        super().rename(path, target)

    def sync_folder(self, folder: Path) -> None:
        """Sync, or fail."""
        self._change(folder)
        super().sync_folder(folder)


def test_k15_a_crash_on_the_way_never_lets_the_old_key_vote(config: Config) -> None:
    """Goal: no step leaves a state in which the old key starts. Method: a forgotten vote was shown; fail at each step, then go on."""
    be_shown_a_later_vote(config)
    old = key_of(config).public_key
    failed = 0
    for changes in range(100):
        try:
            recover_node(config, Failing(changes))
        except StorageFailed:
            failed += 1
        except NothingLost:
            break  # the step that failed came after all that matters
        else:
            break
        if Path(config.consensus_key).exists() and key_of(config).public_key == old:
            with pytest.raises(Exception, match="som recover"):
                recall(DiskFiles(), config.data_folder, key_of(config))
    assert failed >= 5
    assert key_of(config).public_key != old
    memory = recall(DiskFiles(), config.data_folder, key_of(config))
    assert not any(isinstance(record, VoteRecord) and record.signed.vote.kind is Kind.NULLIFY for record in memory.replayed)
    memory.journal.close()
    memory.signer.close()
