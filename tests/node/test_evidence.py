"""The book of double votes: kept once, whole, across restarts, and never filled by one liar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from consensus.evidence import Evidence
from consensus.types import BlockId, Certificate, Epoch, Kind, SignedVote, ValidatorId, View, Vote
from node.errors import MoreThanFLiars
from node.evidence import EVIDENCE_PER_SIGNER_MAX, EvidenceBook
from node.files import DiskFiles

if TYPE_CHECKING:
    from pathlib import Path

    from node.fatal import Fatal


def vote(view: int, block: int, signer: int = 3, epoch: int = 0) -> SignedVote:
    subject = Vote(Kind.NOTARIZE, Epoch(epoch), View(view), View(0), BlockId(bytes([block]) * 32))
    return SignedVote(subject, ValidatorId(signer), bytes([block]) * 64)


def lie(view: int, signer: int = 3, epoch: int = 0) -> Evidence:
    return Evidence(vote(view, 1, signer, epoch), vote(view, 2, signer, epoch))


def book(folder: Path, stopped: list[Fatal] | None = None) -> EvidenceBook:
    return EvidenceBook(DiskFiles(), folder / "evidence", ([] if stopped is None else stopped).append)


def proofs(kept: EvidenceBook) -> list[Evidence]:
    return [proof for _, proof in kept.page("", 1_000)]


def test_a_lie_is_kept_once_told_once_and_found_after_a_restart(tmp_path: Path) -> None:
    """Goal: stored. Method: the same proof twice, then a new book on the same folder."""
    kept = book(tmp_path)
    with capture_logs() as logs:
        kept.store(lie(5))
        kept.store(lie(5))
    assert [(line["event"], line["log_level"], line["validator"], line["view"]) for line in logs] == [("double vote", "error", 3, 5)]
    assert (proofs(kept), kept.count) == ([lie(5)], 1)
    again = book(tmp_path)
    assert proofs(again) == [lie(5)]
    again.store(lie(5))
    assert again.count == 1


def test_one_liar_does_not_fill_the_book(tmp_path: Path) -> None:
    """Goal: room for the next liar, and no sync for every lie. Method: one more than its share, in one epoch; then others."""
    kept = book(tmp_path)
    for view in range(EVIDENCE_PER_SIGNER_MAX + 1):
        kept.store(lie(view))
    assert kept.count == EVIDENCE_PER_SIGNER_MAX
    again = book(tmp_path)
    again.store(lie(99))
    assert again.count == EVIDENCE_PER_SIGNER_MAX, "the share outlives a restart"
    again.store(lie(0, signer=2))
    again.store(lie(0, epoch=1))
    assert again.count == EVIDENCE_PER_SIGNER_MAX + 2


def test_pages_go_by_name_and_leave_nothing_out(tmp_path: Path) -> None:
    """Goal: paging. Method: seven proofs, two at a time."""
    kept = book(tmp_path)
    for view in range(7):
        kept.store(lie(view, signer=view % 2))
    seen: list[tuple[str, Evidence]] = []
    while page := kept.page(seen[-1][0] if seen else "", 2):
        seen += page
    assert len(seen) == 7
    assert seen == sorted(seen, key=lambda each: each[0])


def test_what_cannot_be_read_is_passed_over_and_left_alone(tmp_path: Path) -> None:
    """Goal: a damaged proof stops nothing and is not written over. Method: a torn file, an altered one, one with a name of its own."""
    kept = book(tmp_path)
    kept.store(lie(5))
    (whole,) = [path for path in (tmp_path / "evidence").iterdir() if path.suffix == ".evidence"]
    data = whole.read_bytes()
    whole.write_bytes(data[:-1])
    (tmp_path / "evidence" / "mine.evidence").write_bytes(data)
    with capture_logs() as logs:
        again = book(tmp_path)
    assert again.count == 0
    assert [line["event"] for line in logs] == ["evidence cannot be read"] * 2
    again.store(lie(5))
    assert whole.read_bytes() == data[:-1]


def test_a_crash_in_the_middle_of_a_write_leaves_no_half_a_proof(tmp_path: Path) -> None:
    """Goal: whole or not at all. Method: what a crash leaves lies there; the next proof is written all the same."""
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "new").write_bytes(b"half")
    kept = book(tmp_path)
    kept.store(lie(5))
    assert proofs(book(tmp_path)) == [lie(5)]
    assert not (tmp_path / "evidence" / "new").exists()


def test_certificates_that_exclude_each_other_are_kept_and_stop_the_node(tmp_path: Path) -> None:
    """Goal: the proof outlives the stop, and is counted after the next start. Method: halt twice on the same."""
    stopped: list[Fatal] = []
    kept = book(tmp_path, stopped)
    first = Certificate(vote(5, 1).vote, ((ValidatorId(0), bytes(64)),))
    second = replace(first, subject=vote(5, 2).vote)
    kept.halt("two notarizations of view 5", (first, second))
    kept.halt("two notarizations of view 5", (first, second))
    assert [type(fault) for fault in stopped] == [MoreThanFLiars, MoreThanFLiars]
    assert kept.halts == book(tmp_path).halts == 1
