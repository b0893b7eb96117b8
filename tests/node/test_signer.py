"""K15 and K21: the signer's mark."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.types import BlockId, Kind, Vote
from ledger.keys import public_key_of, verify
from node.files import StorageFailed
from node.signer import (
    SLOT_BYTES,
    MarkBehind,
    Marked,
    MarkExists,
    MarkMissing,
    MarkOfOtherKey,
    NotAboveMark,
    SeedKey,
    Signer,
    votes_to_cast_again,
)
from tests.node.durable import MARK, SEED, signing_bytes, vote
from tests.simulation.disk import MemoryFiles

KEY = SeedKey(SEED)
NOTARIZE, NULLIFY, FINALIZE = Kind.NOTARIZE, Kind.NULLIFY, Kind.FINALIZE


def marked(kind: Kind, view: int, epoch: int = 0) -> Marked:
    return Marked(vote(kind, view, epoch), signing_bytes(vote(kind, view, epoch)))


def fresh(files: MemoryFiles) -> Signer:
    Signer.create(files, MARK, KEY)
    return Signer.open(files, MARK, KEY)


def accepts(signer: Signer, *votes: Marked) -> bool:
    try:
        signer.sign_all(votes)
    except NotAboveMark:
        return False
    return True


def test_k15_the_mark_is_synced_before_a_signature_leaves() -> None:
    """Goal: no signature outlives its mark. Method: the order of steps, with the key's own step among them."""
    steps: list[str] = []

    class Key(SeedKey):
        def sign(self, message: bytes) -> bytes:
            steps.append("sign")
            return super().sign(message)

    files = MemoryFiles(steps.append)
    Signer.create(files, MARK, KEY)
    signer = Signer.open(files, MARK, Key(SEED))
    steps.clear()
    signature = signer.sign(*marked(NOTARIZE, 1))
    assert steps == ["write", "sync", "sign"]
    assert verify(public_key_of(SEED), signing_bytes(vote(NOTARIZE, 1)), signature)


def test_k15_the_same_bytes_are_signed_again_without_a_write() -> None:
    """Goal: a vote can be cast again after any crash. Method: twice, reopened between, no write the second time."""
    steps: list[str] = []
    files = MemoryFiles(steps.append)
    first = fresh(files).sign(*marked(NOTARIZE, 3))
    signer = Signer.open(files, MARK, KEY)
    steps.clear()
    assert signer.sign(*marked(NOTARIZE, 3)) == first
    assert steps == []


def test_k15_other_bytes_in_the_same_place_are_refused() -> None:
    """Goal: no equivocation, whatever the core says. Method: another block in the view voted in; the refusal changes nothing."""
    signer = fresh(MemoryFiles())
    signer.sign(*marked(NOTARIZE, 3))
    before = signer.mark
    other = Vote(NOTARIZE, vote(NOTARIZE, 3).epoch, vote(NOTARIZE, 3).view, vote(NOTARIZE, 3).parent_view, BlockId(b"x" * 32))
    with pytest.raises(NotAboveMark, match="not above"):
        signer.sign(other, signing_bytes(other))
    assert signer.mark == before
    with pytest.raises(NotAboveMark):
        signer.sign(vote(NOTARIZE, 3), b"other bytes for the same vote")


@pytest.mark.parametrize(
    ("held", "kind", "allowed"),
    [
        ((NOTARIZE,), NULLIFY, True),
        ((NOTARIZE,), FINALIZE, True),
        ((NULLIFY,), FINALIZE, False),
        ((NULLIFY,), NOTARIZE, False),
        ((FINALIZE,), NULLIFY, False),
        ((FINALIZE,), NOTARIZE, False),
        ((NOTARIZE, NULLIFY), FINALIZE, False),
        ((NOTARIZE, FINALIZE), NULLIFY, False),
    ],
)
def test_k21_within_a_view_notarize_then_nullify_or_finalize(held: tuple[Kind, ...], kind: Kind, *, allowed: bool) -> None:
    """Goal: finalize and nullify exclude each other on disk, too. Method: every order of kinds in one view."""
    signer = fresh(MemoryFiles())
    for earlier in held:
        signer.sign(*marked(earlier, 5))
    assert accepts(signer, marked(kind, 5)) is allowed


def test_k21_votes_only_go_up() -> None:
    """Goal: no vote below the mark. Method: a finalize of an earlier view, an earlier epoch, the next view and epoch."""
    signer = fresh(MemoryFiles())
    signer.sign(*marked(NOTARIZE, 5, epoch=1))
    assert not accepts(signer, marked(FINALIZE, 4, epoch=1))
    assert not accepts(signer, marked(FINALIZE, 9, epoch=0))
    assert accepts(signer, marked(FINALIZE, 5, epoch=1))
    assert accepts(signer, marked(NOTARIZE, 6, epoch=1))
    assert accepts(signer, marked(NOTARIZE, 1, epoch=2))


def test_k21_a_cast_is_signed_whole_or_not_at_all() -> None:
    """Goal: one sync for a cast, nothing signed of a refused one. Method: a cast whose second vote is not above its first."""
    steps: list[str] = []
    files = MemoryFiles(steps.append)
    signer = fresh(files)
    steps.clear()
    assert len(signer.sign_all((marked(FINALIZE, 5), marked(NOTARIZE, 6)))) == 2
    assert steps == ["write", "sync"]
    before = signer.mark
    assert not accepts(signer, marked(NOTARIZE, 7), marked(FINALIZE, 6))
    assert signer.mark == before


@given(st.lists(st.tuples(st.sampled_from(Kind), st.integers(1, 4), st.integers(0, 1)), max_size=30))
def test_k21_no_history_of_requests_leads_to_conflicting_signatures(requests: list[tuple[Kind, int, int]]) -> None:
    """Goal: evidence (section 8) against this key cannot exist. Method: any requests, reopened after each; collect what was signed."""
    files = MemoryFiles()
    fresh(files).close()
    signed: list[tuple[int, int, Kind]] = []
    for kind, view, epoch in requests:
        signer = Signer.open(files, MARK, KEY)
        if accepts(signer, marked(kind, view, epoch)):
            signed.append((epoch, view, kind))
    places = [(epoch, view) for epoch, view, _ in signed]
    assert places == sorted(places)
    for place in set(places):
        kinds = {kind for epoch, view, kind in signed if (epoch, view) == place}
        assert not {NULLIFY, FINALIZE} <= kinds


@pytest.mark.parametrize("cut", range(0, 450, 7))
def test_k15_a_torn_slot_leaves_the_mark_before_it(cut: int) -> None:
    """Goal: a torn write costs nothing: no signature had left. Method: keep only `cut` bytes of the newest slot."""
    files = MemoryFiles()
    signer = fresh(files)
    signer.sign(*marked(NOTARIZE, 1))
    before = signer.mark
    slots = files.read(MARK)
    signer.sign(*marked(NOTARIZE, 2))

    def tear(content: bytearray) -> None:
        content[cut:SLOT_BYTES] = slots[cut:SLOT_BYTES]

    files.damage(MARK, tear)
    assert Signer.open(files, MARK, KEY).mark in (before, signer.mark)
    if 4 < cut < 100:
        assert Signer.open(files, MARK, KEY).mark == before


def test_k15_a_missing_or_damaged_mark_refuses() -> None:
    """Goal: a key whose memory is lost never votes again. Method: no file, a short file, both slots damaged, another key's file."""
    files = MemoryFiles()
    with pytest.raises(MarkMissing, match="som recover"):
        Signer.open(files, MARK, KEY)
    fresh(files)
    with pytest.raises(MarkOfOtherKey):
        Signer.open(files, MARK, SeedKey(bytes(32)))
    files.damage(MARK, lambda content: content.__setitem__(5, content[5] ^ 1))
    with pytest.raises(MarkMissing, match="damaged"):
        Signer.open(files, MARK, KEY)
    files.truncate(MARK, SLOT_BYTES)
    with pytest.raises(MarkMissing, match="512 bytes"):
        Signer.open(files, MARK, KEY)
    with pytest.raises(MarkExists):
        Signer.create(files, MARK, KEY)


@pytest.mark.parametrize("operation", ["write", "sync"])
def test_k15_after_a_failed_write_nothing_is_signed(operation: str) -> None:
    """Goal: a mark that may not be durable gives no signature, ever. Method: fail once, then ask for the same vote again."""
    failing: list[str] = []

    def step(name: str) -> None:
        if name in failing:
            raise StorageFailed(operation=name, path=MARK, reason="broken")

    signer = fresh(MemoryFiles(step))
    failing.append(operation)
    with pytest.raises(StorageFailed):
        signer.sign(*marked(NOTARIZE, 1))
    failing.clear()
    with pytest.raises(AssertionError):
        signer.sign(*marked(NOTARIZE, 1))


def test_k15_an_unfinished_creation_is_begun_anew() -> None:
    """Goal: `som init` can be repeated after a crash in it. Method: leave the hidden file behind."""
    files = MemoryFiles()
    files.create(MARK.with_suffix(".new"))
    assert fresh(files).mark.votes == ()


def test_k15_what_is_cast_again() -> None:
    """Goal: the start-up rule, case by case. Method: the pure function on marks and journals."""
    signer = fresh(MemoryFiles())
    assert votes_to_cast_again(signer.mark, []) == ()
    signer.sign(*marked(NOTARIZE, 4))
    signer.sign(*marked(FINALIZE, 4))
    mark = signer.mark
    assert votes_to_cast_again(mark, []) == (marked(NOTARIZE, 4), marked(FINALIZE, 4))
    assert votes_to_cast_again(mark, [vote(NULLIFY, 3), vote(NOTARIZE, 4)]) == (marked(FINALIZE, 4),)
    assert votes_to_cast_again(mark, [vote(NOTARIZE, 4), vote(FINALIZE, 4)]) == ()
    for ahead in (vote(NOTARIZE, 5), vote(NULLIFY, 4), vote(NOTARIZE, 1, epoch=1)):
        with pytest.raises(MarkBehind, match="never votes again"):
            votes_to_cast_again(mark, [vote(NOTARIZE, 4), ahead])
