"""What a validator remembers across a crash: its journal and its signer's mark, opened together by the start-up rules of K15.

| journal | mark | start-up |
|---|---|---|
| there | there, level or above | go on; the mark's votes that the journal lacks are cast again |
| there | behind, or contradicting | refuse: `MarkBehind` |
| there | missing or damaged | refuse: `MarkMissing` |
| missing | there | a new journal; the mark's votes are cast again, then only above it |
| missing | missing | refuse: `NoMemory`; only `som init` and `som recover` make them |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consensus.effects import VoteRecord
from consensus.types import SignedVote
from node.journal import SEGMENT_BYTES_MAX, Journal, JournalExists
from node.records import encode, replay
from node.signer import NoMemory, Signer, votes_to_cast_again

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from consensus.effects import Replayed
    from consensus.types import BlockId, Epoch, ValidatorId
    from node.files import Files
    from node.records import Entry, StoredBlock
    from node.signer import Marked, SigningKey

JOURNAL_FOLDER = "journal"
MARK_FILE = "signer.mark"


@dataclass(frozen=True, slots=True)
class Memory:
    """Journal and signer, ready for use, and what the journal held."""

    journal: Journal
    signer: Signer
    replayed: tuple[Replayed, ...]
    """For `Replica.restore`, in order; votes cast again stand at the end."""
    blocks: Mapping[BlockId, StoredBlock]
    """Header and body of every block in the journal."""
    me: ValidatorId

    def promise(self, entries: Iterable[Entry], votes: Sequence[Marked]) -> tuple[SignedVote, ...]:
        """Do the durable half of `Cast`: when this returns, the votes may be sent.

        The records are synced before the mark moves, and the votes after it, so a cast costs up to three syncs. The first one is for
        liveness: once the mark stands in a view, this key never votes below it, so what brought it there must not be lost. (With records
        and votes under one sync after the mark, a validator that lost power between the two forgot the only copy of a nullification,
        went back a view, and could never vote there again: the network stood still.)

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
        self.journal.sync()
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
    """Open both by the table above. Everything returned is durable.

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
        journal, entries = Journal.open(files, place, epoch, segment_bytes_max)
    else:
        journal, entries = Journal.create(files, place, epoch, segment_bytes_max), ()
    replayed, blocks = replay(entries)
    own = [record.signed.vote for record in replayed if isinstance(record, VoteRecord)]
    again = votes_to_cast_again(signer.mark, own)
    signatures = signer.sign_all(again)
    cast = tuple(VoteRecord(SignedVote(marked.vote, me, signature)) for marked, signature in zip(again, signatures, strict=True))
    for record in cast:
        journal.append(encode(record))
    journal.sync()
    return Memory(journal, signer, (*replayed, *cast), blocks, me)
