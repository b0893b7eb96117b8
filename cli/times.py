"""Times as people write them: lengths (`30m`), points (`2026-12-31`, `2026-12-31T18:00Z`, or a length from now); always told in UTC."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from cli.faults import Misuse
from ledger.types import TIME_MS_MAX

_LENGTH = re.compile(r"([0-9]{1,6})(ms|s|m|h|d)", re.ASCII)
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def now_ms() -> int:
    """Clock of this machine, Unix ms."""
    return time.time_ns() // 1_000_000


def parse_length(text: str) -> int:
    """Milliseconds of a text such as `90s`, `30m`, `2h` or `7d`."""
    found = _LENGTH.fullmatch(text)
    if found is None or int(found.group(1)) == 0:
        raise Misuse(f"{text!r} is not a length of time: write a number and a unit, such as 90s, 30m, 2h or 7d")
    return int(found.group(1)) * _UNITS_MS[found.group(2)]


def parse_point(text: str) -> int:
    """Unix ms of a point in time: a date or time in ISO form (UTC where no zone is given), or a length from now.

    Raises
    ------
    Misuse
        Neither of both, or out of range.
    """
    if _LENGTH.fullmatch(text) is not None:
        return now_ms() + parse_length(text)
    try:
        point = datetime.fromisoformat(text)
    except ValueError:
        raise Misuse(f"{text!r} is not a time: write 2026-12-31, 2026-12-31T18:00Z, or a length from now such as 7d") from None
    if point.tzinfo is None:
        point = point.replace(tzinfo=UTC)
    whole = point - datetime(1970, 1, 1, tzinfo=UTC)
    time_ms = (whole.days * 86_400 + whole.seconds) * 1_000 + whole.microseconds // 1_000
    if not 0 <= time_ms <= TIME_MS_MAX:
        raise Misuse(f"{text!r} is before 1970: no such time is possible")
    return time_ms


def time_text(time_ms: int) -> str:
    """Time for people, UTC, with milliseconds."""
    if not 0 <= time_ms < 253_402_300_800_000:
        return f"{time_ms} ms"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_ms // 1_000)) + f".{time_ms % 1_000:03} UTC"
