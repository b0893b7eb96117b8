"""What a validator remembers across a crash: its journal and its signer's mark, opened together by the start-up rules of K15.

| journal | mark | start-up |
|---|---|---|
| there | there, level or above | go on; the mark's votes that the journal lacks are cast again |
| there | behind, or contradicting | refuse: `MarkBehind` |
| there | missing or damaged | refuse: `MarkMissing` |
| missing | there | a new journal; the mark's votes are cast again, then only above it |
| missing | missing | refuse: `NoMemory`; only `som init` and `som recover` make them |

A memory may be of a later epoch than the store is, after the store was lost: it is opened (`recall`) at start, and used (`begin`) once the
chain has come to its epoch. One of an earlier epoch begins anew: a vote there can no longer contradict anything (K21).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consensus.effects import VoteRecord
from consensus.types import Epoch, SignedVote, ValidatorId
from node.journal import SEGMENT_BYTES_MAX, Journal, JournalExists
from node.records import encode, replay
from node.signer import NoMemory, Signer, votes_to_cast_again

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from consensus.effects import Replayed
    from consensus.types import BlockId
    from node.files import Files
    from node.records import Entry, StoredBlock
    from node.signer import Marked, SigningKey

JOURNAL_FOLDER = "journal"
MARK_FILE = "signer.mark"
NOBODY = ValidatorId(-1)
"""Before an epoch is begun."""


@dataclass(slots=True)
class Memory:
    """Journal and signer, and what the journal held. Nothing is promised before `begin`."""

    journal: Journal
    signer: Signer
    replayed: tuple[Replayed, ...]
    """For `Replica.restore`, in order; votes cast again stand at the end."""
    blocks: Mapping[BlockId, StoredBlock]
    """Header and body of every block in the journal."""
    again: tuple[Marked, ...] = ()
    """Votes of the mark that the journal lacks."""
    me: ValidatorId = NOBODY
    """Index in the set of the epoch that was begun."""

    @property
    def epoch(self) -> Epoch:
        """The latest epoch that anything here is of: in an earlier one this key must not vote."""
        return Epoch(max(self.journal.epoch, self.signer.mark.position[0]))

    def begin(self, epoch: Epoch, me: ValidatorId) -> None:
        """Make ready to promise as this validator of this epoch: a segment of its own, and the mark's votes of it cast again (K15).

        The caller has everything up to the epoch's first block in the store (K22), and `epoch` is not below our own.

        Raises
        ------
        AssertionError
            This memory is of a later epoch: our own fault.
        StorageFailed
            The disk refused.
        """
        if epoch < self.epoch:
            raise AssertionError(f"a memory of epoch {self.epoch} is to vote in epoch {epoch}")
        self.me = me
        if epoch > self.journal.epoch:
            self.journal.begin_epoch(epoch)
        again = [marked for marked in self.again if marked.vote.epoch == epoch]
        signatures = self.signer.sign_all(again)
        cast = tuple(VoteRecord(SignedVote(marked.vote, me, signature)) for marked, signature in zip(again, signatures, strict=True))
        for record in cast:
            self.journal.append(encode(record))
        self.journal.sync()
        self.replayed, self.again = (*self.replayed, *cast), ()

    def taken(self) -> None:
        """Forget what was replayed: the epoch's replica has it."""
        self.replayed, self.blocks = (), {}

    def promise(self, entries: Iterable[Entry], votes: Sequence[Marked]) -> tuple[SignedVote, ...]:
        """Do the durable half of `Cast`: when this returns, the votes may be sent.

        The records are synced before the mark moves: once the mark stands in a view, this key never votes below it, so what brought it
        there must not be lost. (With records and votes under one sync after the mark, a validator that lost power between the two forgot
        the only copy of a nullification, went back a view, and could never vote there again: the network stood still.)
        The votes are durable in the mark, which start-up casts again; in the journal they are with the sync that comes before the mark
        moves on. So a cast costs two syncs.

        Raises
        ------
        NotAboveMark
            The signer refuses: nothing was signed; the records stay.
        StorageFailed
            The disk refused.
        """
        for entry in entries:
            self.journal.append(entry)
        self.journal.sync()
        signatures = self.signer.sign_all(votes)
        signed = tuple(SignedVote(marked.vote, self.me, signature) for marked, signature in zip(votes, signatures, strict=True))
        for own in signed:
            self.journal.append(encode(VoteRecord(own)))
        return signed


def create_memory(files: Files, folder: Path, epoch: Epoch, key: SigningKey) -> None:
    """Make an empty journal and a mark that stands at nothing: what `som init` does before genesis.

    Raises
    ------
    JournalExists, MarkExists
        One of them is there: nothing is changed.
    StorageFailed
        The disk refused.
    """
    if Journal.exists(files, folder / JOURNAL_FOLDER):
        raise JournalExists(folder=folder / JOURNAL_FOLDER)
    Signer.create(files, folder / MARK_FILE, key)
    Journal.create(files, folder / JOURNAL_FOLDER, epoch).close()


def open_memory(
    files: Files, folder: Path, epoch: Epoch, key: SigningKey, me: ValidatorId, segment_bytes_max: int = SEGMENT_BYTES_MAX
) -> Memory:
    """Open both by the table above, and begin in an epoch. Everything returned is durable; raises as `recall`."""
    memory = recall(files, folder, key, segment_bytes_max)
    memory.begin(epoch, me)
    return memory


def recall(files: Files, folder: Path, key: SigningKey, segment_bytes_max: int = SEGMENT_BYTES_MAX) -> Memory:
    """Open both by the table above, whatever the epoch. Everything returned is durable.

    Raises
    ------
    NoMemory, MarkMissing, MarkBehind, MarkOfOtherKey, JournalCorrupt, RecordUnknown, StorageFailed
        The node must not start; each says what to do.
    """
    place = folder / JOURNAL_FOLDER
    has_journal = Journal.exists(files, place)
    if not has_journal and not files.exists(folder / MARK_FILE):
        raise NoMemory
    signer = Signer.open(files, folder / MARK_FILE, key)
    if has_journal:
        journal, entries = Journal.open(files, place, None, segment_bytes_max)
    else:
        journal, entries = Journal.create(files, place, signer.mark.position[0], segment_bytes_max), ()
    replayed, blocks = replay(entries)
    own = [record.signed.vote for record in replayed if isinstance(record, VoteRecord)]
    return Memory(journal, signer, replayed, blocks, votes_to_cast_again(signer.mark, own))
