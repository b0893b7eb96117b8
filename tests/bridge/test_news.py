"""What a process of the bridge logs of a problem: enough to see it, not so much that nobody reads it."""

from __future__ import annotations

from bridge.process import AGAIN_SECONDS, News


def test_a_problem_is_logged_when_it_begins_changes_lasts_and_ends() -> None:
    """Goal: one line each. Method: a stall whose seconds are counted, another problem, its end, twice each."""
    news = News()
    stall = [news.is_new(f"not final for {seconds} s: block 7", 1_000.0 + seconds) for seconds in range(int(AGAIN_SECONDS) + 2)]
    assert [place for place, new in enumerate(stall) if new] == [0, AGAIN_SECONDS]
    assert [news.is_new(each, 2_000.0) for each in ("silent", "silent", "", "", "silent")] == [True, False, True, False, True]
    assert not News().is_new("", 0.0)
