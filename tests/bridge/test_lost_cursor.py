"""An attestor whose cursor is lost after several sets: its marks forbid what is old, and that must not silence it (B9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.bridges import Attestor as Member
from tests.bridge.keys import key
from tests.bridge.whole import Whole
from tests.ledger.bridge_world import WITNESSES, defined
from tests.ledger.world import HOUR_MS

if TYPE_CHECKING:
    from pathlib import Path

THREE = WITNESSES[:3]


def rotate(whole: Whole, number: int) -> None:
    """Give the fourth attestor, who is silent, another key, two hours after what was before."""
    whole.later(2 * HOUR_MS // 1_000)
    members = [Member(each.address, name) for each, name in zip(whole.keys, WITNESSES, strict=True) if name != "treasury"]
    attestors = tuple(sorted((*members, Member(key(number).address, "treasury")), key=lambda each: each.address))
    assert whole.ledger.set(defined(terms=None, status="", attestors=attestors)).code == 0
    whole.changes()
    work(whole)


def work(whole: Whole) -> None:
    """Let three attestors and the relayer go on; nothing may be refused."""
    for _ in range(3):
        for name in THREE:
            whole.attestor(name).step()
        whole.relayer.step()


def test_b9_a_lost_cursor_after_two_rotations_silences_nobody(tmp_path: Path) -> None:
    """Goal: a lost cursor costs work alone. Method: sets 2 and 3 are signed, every cursor is removed; a new lock is minted all the same."""
    whole = Whole(tmp_path)
    whole.lock(500)
    work(whole)
    rotate(whole, 98)
    rotate(whole, 99)
    assert whole.contract("epoch") == 3
    for name in THREE:
        whole.end(name)
        (whole.folder / name / "cursor.json").unlink()
    whole.lock(20)
    work(whole)
    assert whole.contract("cumulativeMinted") == 520
    assert whole.attestor("bank-a").state.spoken.rotation == 3
