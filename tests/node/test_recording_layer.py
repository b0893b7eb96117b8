"""Power loss: journal and signer on a disk that forgets what was not synced. SIGKILL keeps the page cache and would prove nothing.

A fixed life of a validator runs until the k-th operation on the disk, for every k. There power is lost, and every unsynced write is
dropped, kept, torn or zeroed, in all combinations up to a limit. Then the validator starts again, and may lose power once more while it
recovers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count, cycle
from typing import TYPE_CHECKING

from consensus.effects import VoteRecord
from consensus.types import Kind
from node.memory import create_memory, open_memory
from node.records import Entry, decode, encode, reach
from node.signer import Marked, NotAboveMark, SeedKey
from tests.node.durable import EPOCH, FOLDER, MARK, ME, SEED, entries_of, facts, signing_bytes, vote
from tests.simulation.disk import MemoryFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consensus.types import Vote
    from node.memory import Memory
    from tests.simulation.disk import Choose

KEY = SeedKey(SEED)
SEGMENT_BYTES = 2_000
"""Two views: segments rotate and are dropped several times in the life below."""
VIEWS = 6
STATES_MIN = 2_000
TEARS = (0, 1, 17, 40, 300)
"""Where a torn write ends, from its beginning; the last is beyond most records."""


class PowerLost(Exception):
    """The plug was pulled."""


class WatchedKey(SeedKey):
    """A key that remembers what it signed, whether or not the signature got any further."""

    def __init__(self) -> None:
        super().__init__(SEED)
        self.messages: list[bytes] = []

    def sign(self, message: bytes) -> bytes:
        """Sign and remember."""
        self.messages.append(message)
        return super().sign(message)


@dataclass
class Promised:
    """What the validator may have acted on: it must be there after every power loss."""

    key: WatchedKey = field(default_factory=WatchedKey)
    asked: list[Vote] = field(default_factory=list)
    synced: list[Entry] = field(default_factory=list)
    dropped_to: int = 0
    has_memory: bool = False


def live(files: MemoryFiles, promised: Promised) -> None:
    """Six views: body, notarize, certificate; in odd views finalize, in even ones nullify; now and then a segment is dropped."""
    create_memory(files, FOLDER, EPOCH, KEY)
    promised.has_memory = True
    memory = open_memory(files, FOLDER, EPOCH, promised.key, ME, SEGMENT_BYTES)
    for view in range(1, VIEWS + 1):
        entries = entries_of(view)
        act(memory, promised, entries[:3], vote(Kind.NOTARIZE, view))
        act(memory, promised, entries[4:5], vote(Kind.FINALIZE if view % 2 else Kind.NULLIFY, view))
        if view in {4, 6}:
            promised.dropped_to = view - 2
            memory.journal.drop_below(facts(view - 2))


def act(memory: Memory, promised: Promised, entries: list[Entry], subject: Vote) -> None:
    """Do the durable half of one `Cast`; after it the vote is on its way."""
    promised.asked.append(subject)
    (own,) = memory.promise(entries, [Marked(subject, signing_bytes(subject))])
    promised.synced += [*entries, encode(VoteRecord(own))]


def until(stop: int) -> tuple[MemoryFiles, Promised, bool]:
    """Run the life up to the operation number `stop`; the last value says whether it was reached."""
    left = count(stop, -1)
    promised = Promised()

    def step(_: str) -> None:
        if next(left) == 0:
            raise PowerLost

    files = MemoryFiles(step)
    try:
        live(files, promised)
    except PowerLost:
        return files, promised, True
    return files, promised, False


def outcomes(limit: int) -> Iterator[list[int]]:
    """Return the answers of the disk to "what became of this write": the most telling ones first."""
    fates = [[0], [1], [3], *([2, tear] for tear in TEARS)]
    yield from fates
    pairs = [[*first, *second] for first in fates for second in fates]
    yield from pairs[: limit - len(fates)]


def disk(given: list[int]) -> Choose:
    """Repeat the answers for ever, each within what is asked for."""
    answers = cycle(given)
    return lambda limit: next(answers) % limit


def check(memory: Memory, promised: Promised) -> None:
    """Everything promised is there, nothing contradicts it, and it goes on from here."""
    for entry in promised.synced:
        record = decode(entry)[0]
        if reach(entry).position[1] > promised.dropped_to:
            assert record in memory.replayed
    for subject in promised.asked:
        if signing_bytes(subject) in promised.key.messages:
            refuses_to_contradict(memory, subject)
    subject = vote(Kind.NOTARIZE, 99)
    assert len(memory.signer.sign_all((Marked(subject, signing_bytes(subject)),))) == 1


def refuses_to_contradict(memory: Memory, subject: Vote) -> None:
    """Ask for what would be evidence against the vote."""
    other = vote(Kind.NULLIFY if subject.kind is Kind.FINALIZE else Kind.FINALIZE, subject.view)
    contradicting = [(subject, b"other bytes")] if subject.kind is Kind.NOTARIZE else [(other, signing_bytes(other))]
    for wanted, message in contradicting:
        try:
            memory.signer.sign(wanted, message)
        except NotAboveMark:
            continue
        raise AssertionError(f"signed against {subject}")


def recover(files: MemoryFiles, promised: Promised) -> None:
    """Start again; before the memory was ever complete, `som init` is simply repeated."""
    files.step = lambda _: None
    if not promised.has_memory and not files.exists(MARK):
        return
    check(open_memory(files, FOLDER, EPOCH, KEY, ME, SEGMENT_BYTES), promised)


def test_every_prefix_of_writes_recovers() -> None:
    """Goal: acceptance 5. Method: power loss at every operation, unsynced writes dropped, kept, torn, zeroed, in combinations."""
    states = 0
    reached = True
    stop = 0
    while reached:
        for given in outcomes(40):
            files, promised, reached = until(stop)
            files.lose_power(disk(given))
            recover(files, promised)
            states += 1
        stop += 1
    assert stop > 60
    assert states >= STATES_MIN, states


def test_power_lost_again_while_recovering() -> None:
    """Goal: recovery itself loses nothing. Method: a second power loss at each operation of the start after a first one."""
    states = 0
    for stop in range(5, 60, 3):
        for given in ([1], [2, 17], [3], [2, 40, 1]):
            for again in range(6):
                files, promised, _ = until(stop)
                files.lose_power(disk(given))
                left = count(again, -1)

                def step(_: str, left: Iterator[int] = left) -> None:
                    if next(left) == 0:
                        raise PowerLost

                files.step = step
                try:
                    if files.exists(MARK):
                        open_memory(files, FOLDER, EPOCH, KEY, ME, SEGMENT_BYTES)
                except PowerLost:
                    files.lose_power(disk(given))
                recover(files, promised)
                states += 1
    assert states == 19 * 4 * 6
