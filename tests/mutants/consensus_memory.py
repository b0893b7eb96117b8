"""Kurultai broken on purpose: what the node keeps of a validator's promises, the journal (K12) and the signer's mark (K15, K21)."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

JOURNAL_TESTS = ("tests/node/test_journal.py",)
SIGNER_TESTS = ("tests/node/test_signer.py",)
MEMORY_TESTS = ("tests/node/test_memory.py",)

JOURNAL = "node/journal.py"
SIGNER = "node/signer.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "K12",
        "sync_does_not_reach_the_disk",
        JOURNAL,
        "        write = self._open_file().write_synced if synced else",
        "        write = self._open_file().write_at if synced else",
        (*JOURNAL_TESTS, "tests/node/test_recording_layer.py"),
    ),
    Mutant(
        "K12",
        "a_segment_is_dropped_with_the_newest_own_vote",
        JOURNAL,
        "        for entry in copied:\n            self.append(entry)\n",
        "",
        JOURNAL_TESTS,
    ),
    Mutant(
        "K12",
        "a_segment_is_dropped_by_height_alone",
        JOURNAL,
        "if needed.height > committed.height or needed.position > position:",
        "if needed.height > committed.height:",
        JOURNAL_TESTS,
    ),
    Mutant(
        "K12",
        "goes_on_after_a_failed_write",
        JOURNAL,
        '        if self._broken:\n            raise AssertionError("the journal is closed or broken',
        '        if False:\n            raise AssertionError("the journal is closed or broken',
        JOURNAL_TESTS,
    ),
    Mutant(
        "K12",
        "a_missing_segment_is_not_noticed",
        JOURNAL,
        "if numbers != list(range(numbers[0], numbers[-1] + 1)):",
        "if not numbers:",
        JOURNAL_TESTS,
    ),
    Mutant(
        "K15",
        "the_mark_is_not_synced_before_the_signature",
        SIGNER,
        "        self._file.write_synced((",
        "        self._file.write_at((",
        (*SIGNER_TESTS, "tests/node/test_recording_layer.py"),
    ),
    Mutant(
        "K15",
        "the_marks_votes_are_not_cast_again",
        SIGNER,
        "return tuple(marked for marked in mark.votes if marked.vote not in seen)",
        "return ()",
        (*SIGNER_TESTS, *MEMORY_TESTS),
    ),
    Mutant(
        "K15",
        "a_mark_behind_the_journal_is_taken",
        SIGNER,
        "            raise MarkBehind(vote=vote, mark=mark)\n",
        "            continue\n",
        (*SIGNER_TESTS, *MEMORY_TESTS),
    ),
    Mutant(
        "K15",
        "starts_with_neither_journal_nor_mark",
        "node/memory.py",
        "        raise NoMemory\n",
        "        Signer.create(files, folder / MARK_FILE, key)\n",
        MEMORY_TESTS,
    ),
    Mutant(
        "K21",
        "the_signer_signs_below_its_mark",
        SIGNER,
        "    if position != mark.position or not follows:\n",
        "    if position == mark.position and not follows:\n",
        SIGNER_TESTS,
    ),
    Mutant(
        "K21",
        "the_signer_signs_a_second_vote_of_a_kind",
        SIGNER,
        "mark.votes[0].vote.kind is Kind.NOTARIZE and vote.kind is not Kind.NOTARIZE",
        "mark.votes[0].vote.kind is Kind.NOTARIZE",
        SIGNER_TESTS,
    ),
)
