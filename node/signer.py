"""The signer: the second guard of a validator's promises, with a memory of its own beside the key (K15, K21).

It keeps one mark: the highest `(epoch, view)` it signed in, and the votes signed there. The mark is durable before a signature leaves.
What the mark holds it signs again (Ed25519 is deterministic: the same bytes), what is above it it signs and remembers, everything else it
refuses, whatever the core says. Above means: a later view, or in the same view a nullify or finalize after a notarize.

The file has two slots of 512 bytes, written in turn at their fixed places, so that a torn write damages only the slot that is being
replaced, and the mark before it stands: no signature had left on the torn one. Slot::

    crc32 u32 | magic 16 | turn u64 | public key 32 | epoch u32 | view u64 | count u8 | count * (vote 53 | size u16 | signing bytes)
"""

from __future__ import annotations

import time
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, Protocol
from zlib import crc32

from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_seed_keypair

from consensus.types import Kind
from node.fatal import Fatal
from node.files import ignore_seconds
from node.records import VOTE_BYTES, decode_vote, encode_vote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from consensus.types import Vote
    from node.files import File, Files

SLOT_BYTES = 512
"""A disk's sector, or one of its eighths: never more than one slot is torn by one write."""
MARK_BYTES = 2 * SLOT_BYTES
SIGNED_BYTES_MAX = 128
"""Signing bytes of one vote: 100 for a notarize."""
VOTES_MAX = 2
"""In one view: a notarize, and a nullify or a finalize."""

_MAGIC = b"som/mark/1".ljust(16, b"\0")
_CRC = Struct(">I")
_HEAD = Struct(">16sQ32sIQB")
_SIZE = Struct(">H")


class SigningKey(Protocol):
    """A key that signs with Ed25519: a seed in memory here, a token later."""

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes, always the same for the same message."""
        ...


class SeedKey:
    """A key from its 32-byte seed."""

    def __init__(self, seed: bytes) -> None:
        self.public_key, self._secret = crypto_sign_seed_keypair(seed)

    def sign(self, message: bytes) -> bytes:
        """Ed25519 by libsodium."""
        return crypto_sign(message, self._secret)[:crypto_sign_BYTES]


class Marked(NamedTuple):
    """A vote with the bytes that were signed for it."""

    vote: Vote
    signing_bytes: bytes


class Mark(NamedTuple):
    """The signer's memory. A new one stands at (0, 0) and holds no vote: everything is above it."""

    public_key: bytes
    position: tuple[int, int]
    """(epoch, view)."""
    votes: tuple[Marked, ...]
    """What was signed there, in order; at most `VOTES_MAX`."""


class NotAboveMark(Exception):
    """The vote is not above the mark: signing it could contradict what this key signed before."""

    def __init__(self, *, vote: Vote, mark: Mark) -> None:
        super().__init__(
            f"{vote.kind.name} in epoch {vote.epoch}, view {vote.view} is not above the signer's mark at {mark.position} "
            f"({', '.join(held.vote.kind.name for held in mark.votes) or 'no vote'})"
        )
        self.vote, self.mark = vote, mark


class MarkExists(Fatal):
    """A mark was to be made where one is."""

    exit_code = 28

    def __init__(self, *, path: Path) -> None:
        super().__init__(f"{path} exists: a mark is made once, by `som init` or `som recover`; never remove or restore it")
        self.path = path


class MarkMissing(Fatal):
    """There is a journal and no mark, or a mark that cannot be read: what this key signed last is unknown."""

    exit_code = 29

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(f"the signer's mark {path} {reason}: this key never votes again (K15); make a new key with `som recover`")
        self.path = path


class MarkBehind(Fatal):
    """The journal holds a vote of ours that the mark does not know: the mark was restored from a copy, or the disk lost it."""

    exit_code = 30

    def __init__(self, *, vote: Vote, mark: Mark) -> None:
        super().__init__(
            f"the signer's mark at {mark.position} does not know the own {vote.kind.name} of epoch {vote.epoch}, view {vote.view} in the "
            "journal: the mark was restored or damaged, and this key never votes again (K15); make a new key with `som recover`"
        )
        self.vote, self.mark = vote, mark


class MarkOfOtherKey(Fatal):
    """The mark belongs to another key."""

    exit_code = 31

    def __init__(self, *, path: Path) -> None:
        super().__init__(f"{path} is the mark of another key: name the key that belongs to this data folder")
        self.path = path


class NoMemory(Fatal):
    """The key is in the validator set, and there is neither journal nor mark."""

    exit_code = 32

    def __init__(self) -> None:
        super().__init__(
            "this key is a validator's, and there is neither a journal nor a mark: if the chain never ran, make both with `som init`; "
            "if they were lost, this key never votes again (K15): make a new one with `som recover`"
        )


class Signer:
    """Signs votes with one key, never against its mark. After a failed write every call fails."""

    def __init__(self, file: File, key: SigningKey, mark: Mark, turn: int) -> None:
        self._file, self._key, self._mark, self._turn = file, key, mark, turn
        self._broken = False
        self.watch: Callable[[float], None] = ignore_seconds
        """Hears how long each sync of the mark took, in seconds."""

    @classmethod
    def create(cls, files: Files, path: Path, key: SigningKey) -> None:
        """Make the mark of a key that never signed: only `som init` before genesis and `som recover` may.

        Raises
        ------
        MarkExists
            There is one.
        StorageFailed
            The disk refused.
        """
        if files.exists(path):
            raise MarkExists(path=path)
        files.make_folder(path.parent)
        hidden = path.with_suffix(".new")
        if files.exists(hidden):
            files.unlink(hidden)
        slot = _pack(Mark(key.public_key, (0, 0), ()), turn=0)
        file = files.create(hidden)
        file.write_at(0, slot + bytes(SLOT_BYTES))
        file.sync()
        file.close()
        files.rename(hidden, path)
        files.sync_folder(path.parent)

    @classmethod
    def open(cls, files: Files, path: Path, key: SigningKey) -> Signer:
        """Open the mark, durable as read.

        Raises
        ------
        MarkMissing
            There is none, or neither slot can be read.
        MarkOfOtherKey
            It belongs to another key.
        StorageFailed
            The disk refused.
        """
        mark, turn = _read(files, path)
        if mark.public_key != key.public_key:
            raise MarkOfOtherKey(path=path)
        file = files.open(path)
        # A killed process may have left a mark in the page cache only; its signature may leave from now on, so it is synced first.
        file.sync()
        return cls(file, key, mark, turn)

    @property
    def mark(self) -> Mark:
        """What was signed last."""
        return self._mark

    def sign(self, vote: Vote, signing_bytes: bytes) -> bytes:
        """Sign one vote; see `sign_all`."""
        return self.sign_all((Marked(vote, signing_bytes),))[0]

    def sign_all(self, votes: Sequence[Marked]) -> tuple[bytes, ...]:
        """Sign the votes of one cast, in order, all or none; the mark is synced once, before any signature is made.

        Raises
        ------
        NotAboveMark
            A vote is neither what the mark holds nor above it and the votes before it.
        StorageFailed
            The disk refused; the signer is broken from here on.
        """
        if self._broken:
            raise AssertionError("the signer is closed or broken: the node should have stopped")
        mark = self._mark
        for marked in votes:
            mark = raised(mark, marked)
        if mark != self._mark:
            self._keep(mark)
        return tuple(self._key.sign(marked.signing_bytes) for marked in votes)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._broken = True

    def _keep(self, mark: Mark) -> None:
        self._broken = True
        slot = _pack(mark, self._turn + 1)
        began = time.perf_counter()
        self._file.write_synced((self._turn + 1) % 2 * SLOT_BYTES, slot)
        self._mark, self._turn, self._broken = mark, self._turn + 1, False
        self.watch(time.perf_counter() - began)


def raised(mark: Mark, marked: Marked) -> Mark:
    """Return the mark after this vote is signed: itself where it holds the very bytes, else one above it (K21).

    Raises
    ------
    NotAboveMark
        The vote is not above the mark.
    """
    vote = marked.vote
    position = (vote.epoch, vote.view)
    if position > mark.position:
        return Mark(mark.public_key, position, (marked,))
    if marked in mark.votes:
        return mark
    follows = len(mark.votes) == 1 and mark.votes[0].vote.kind is Kind.NOTARIZE and vote.kind is not Kind.NOTARIZE
    if position != mark.position or not follows:
        raise NotAboveMark(vote=vote, mark=mark)
    return Mark(mark.public_key, position, (*mark.votes, marked))


def votes_to_cast_again(mark: Mark, journaled: Iterable[Vote]) -> tuple[Marked, ...]:
    """Return what start-up casts again: the mark's votes that the journal lacks (K15). A lost journal lacks all of them.

    The mark is written before the journal, so after any crash it is level with the newest own vote in the journal or above it.

    Raises
    ------
    MarkBehind
        The journal holds an own vote that is above the mark or contradicts it.
    """
    held = {marked.vote for marked in mark.votes}
    seen = set()
    for vote in journaled:
        position = (vote.epoch, vote.view)
        if position > mark.position or (position == mark.position and vote not in held):
            raise MarkBehind(vote=vote, mark=mark)
        seen.add(vote)
    return tuple(marked for marked in mark.votes if marked.vote not in seen)


def _pack(mark: Mark, turn: int) -> bytes:
    if len(mark.votes) > VOTES_MAX or any(len(marked.signing_bytes) > SIGNED_BYTES_MAX for marked in mark.votes):
        raise AssertionError("more votes in one view, or longer ones, than the protocol has")
    parts = [_HEAD.pack(_MAGIC, turn, mark.public_key, *mark.position, len(mark.votes))]
    for marked in mark.votes:
        parts += (encode_vote(marked.vote), _SIZE.pack(len(marked.signing_bytes)), marked.signing_bytes)
    content = b"".join(parts).ljust(SLOT_BYTES - _CRC.size, b"\0")
    return _CRC.pack(crc32(content)) + content


def _read(files: Files, path: Path) -> tuple[Mark, int]:
    """Return the newer of the two slots that are whole, and its turn."""
    if not files.exists(path):
        raise MarkMissing(path=path, reason="is missing")
    data = files.read(path)
    if len(data) != MARK_BYTES:
        raise MarkMissing(path=path, reason=f"has {len(data)} bytes instead of {MARK_BYTES}")
    found = [slot for start in (0, SLOT_BYTES) if (slot := _unpack(data[start : start + SLOT_BYTES])) is not None]
    if not found:
        raise MarkMissing(path=path, reason="is damaged")
    return max(found, key=lambda slot: slot[1])


def _unpack(slot: bytes) -> tuple[Mark, int] | None:
    """Return mark and turn of a slot; None where it is torn or was never written."""
    content = slot[_CRC.size :]
    if _CRC.unpack_from(slot)[0] != crc32(content) or not content.startswith(_MAGIC):
        return None
    _, turn, public_key, epoch, view, count = _HEAD.unpack_from(content)
    votes: list[Marked] = []
    offset = _HEAD.size
    for _ in range(count):
        vote = decode_vote(content[offset : offset + VOTE_BYTES])
        (size,) = _SIZE.unpack_from(content, offset + VOTE_BYTES)
        start = offset + VOTE_BYTES + _SIZE.size
        votes.append(Marked(vote, content[start : start + size]))
        offset = start + size
    return Mark(public_key, (epoch, view), tuple(votes)), turn
