"""A naive model of business dates, closings and daily publication: `datetime`, dicts and sums, sharing no code with the ledger (L2).

It keeps what every participant has at every moment, and works out by walking over all days what a closing must say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

OK, FUNDS, CONDITION, QUOTA = 0, 150, 172, 113
AHEAD_DAYS = 800
BISHKEK = timezone(timedelta(hours=6))
DAY = timedelta(days=1)


@dataclass
class Closed:
    """What was when a date was over."""

    next: date
    first: int
    last: int
    had: dict[str, int]
    supply: int


@dataclass
class NaiveClosings:
    """One asset, accounts named by their participant, and the calendar."""

    had: dict[str, int]
    quota_a_day: int
    cutoff: int = 1_440
    closed_weekdays: frozenset[int] = frozenset()
    """0 is Monday."""
    holidays: set[date] = field(default_factory=set)
    open: date | None = None
    first: int = 0
    ends: datetime | None = None
    height: int = 0
    closings: dict[date, Closed] = field(default_factory=dict)
    published: dict[date, int] = field(default_factory=dict)
    """Supply that was opened, by date."""
    daily: bool = False
    issued_on: dict[date, int] = field(default_factory=dict)

    @property
    def supply(self) -> int:
        """All that anybody has."""
        return sum(self.had.values())

    def block(self, time_ms: int) -> None:
        """Begin a block: the date that counts may be another one."""
        self.height += 1
        now = datetime.fromtimestamp(time_ms // 1_000, BISHKEK).replace(microsecond=time_ms % 1_000 * 1_000)
        if self.ends is not None and now < self.ends:
            return
        day = now.date()
        if now >= self._end(day):
            day += DAY
        if self.open is not None and day <= self.open:
            day = self.open + DAY
        while day.weekday() in self.closed_weekdays or day in self.holidays:
            day += DAY
        if self.open is not None:
            self.closings[self.open] = Closed(day, self.first, self.height - 1, dict(self.had), self.supply)
            if self.daily:
                self.published[self.open] = self.supply
            self.holidays = {each for each in self.holidays if not self.open < each < day}
        self.open, self.first, self.ends = day, self.height, self._end(day)

    def pay(self, debtor: str, creditor: str, amount: int) -> int:
        """Code of a payment."""
        if self.had[debtor] < amount:
            return FUNDS
        self.had[debtor] -= amount
        self.had[creditor] += amount
        return OK

    def issue(self, to: str, amount: int) -> int:
        """Code of an issue under a daily quota, which counts by business date."""
        if self.open is None:
            raise AssertionError("issue without a block")
        used = self.issued_on.get(self.open, 0) + amount
        if used > self.quota_a_day:
            return QUOTA
        self.issued_on[self.open] = used
        self.had[to] += amount
        return OK

    def holiday(self, day: date, *, closed: bool) -> int:
        """Code of declaring a holiday, or of taking it back."""
        if self.open is None or not timedelta(0) < day - self.open <= AHEAD_DAYS * DAY:
            return CONDITION
        self.holidays.add(day) if closed else self.holidays.discard(day)
        return OK

    def at(self, day: date) -> Closed | None:
        """Return what holds at the end of a past day: the closing of the newest date at or before it."""
        if self.open is None or day >= self.open:
            return None
        before = [each for each in self.closings if each <= day]
        return self.closings[max(before)] if before else None

    def _end(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=BISHKEK) + timedelta(minutes=self.cutoff)
