"""Own clock against the others': an alarm where it is off by more than 100 ms (section 6).

It changes nothing else: no clock is corrected here.
"""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING

import structlog

from node.driver import now_ms

if TYPE_CHECKING:
    from consensus.types import ValidatorId
    from node.metrics import Metrics

SKEW_MS_MAX = 100

log = structlog.get_logger("clock")


class ClockWatch:
    """Newest difference to each validator's clock, its message's way included."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._skews: dict[ValidatorId, int] = {}
        self._alarmed = False

    def heard(self, peer: ValidatorId, time_ms: int) -> None:
        """Take the time that a validator told."""
        self._skews[peer] = now_ms() - time_ms
        skew = median_low(self._skews.values())
        self._metrics.clock_skew_ms.set(skew)
        if abs(skew) < SKEW_MS_MAX:
            self._alarmed = False
        elif not self._alarmed:
            self._alarmed = True
            self._metrics.alarm("clock")
            log.warning("own clock differs from the others' median", skew_ms=skew, todo="check the time service of this machine")
