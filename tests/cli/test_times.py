"""Times as people write them."""

from __future__ import annotations

import pytest

from cli.faults import Misuse
from cli.times import now_ms, parse_length, parse_point, time_text


@pytest.mark.parametrize(
    ("text", "length_ms"), [("500ms", 500), ("90s", 90_000), ("30m", 1_800_000), ("2h", 7_200_000), ("7d", 604_800_000)]
)
def test_lengths(text: str, length_ms: int) -> None:
    assert parse_length(text) == length_ms
    assert 0 <= parse_point(text) - now_ms() - length_ms + 1_000 <= 1_000


@pytest.mark.parametrize("text", ["", "0s", "-1s", "1", "1w", "1.5h", "9999999s"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(Misuse, match="length of time"):
        parse_length(text)


def test_points_are_utc_unless_they_say_otherwise() -> None:
    assert parse_point("2026-12-31") == 1_798_675_200_000
    assert parse_point("2026-12-31T06:00+06:00") == 1_798_675_200_000
    assert time_text(1_798_675_200_123) == "2026-12-31 00:00:00.123 UTC"


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "1969-01-01", "31.12.2026"])
def test_what_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(Misuse, match="time"):
        parse_point(text)


def test_any_number_has_a_text() -> None:
    """Goal: a node's nonsense never breaks a command. Method: times beyond the calendar."""
    assert time_text(2**62) == f"{2**62} ms"
    assert time_text(-1) == "-1 ms"
