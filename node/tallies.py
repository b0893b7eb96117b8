"""Counters and histograms of one event loop, for Prometheus: plain numbers, put together when they are scraped.

The client library's own take a lock at each step and walk through all buckets, since any thread may use them; a validator counts about
fifty things in each view, from one thread.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry


class Tally:
    """One number that only rises."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        """Add to it; `amount` is never negative."""
        self.value += amount


class Spread:
    """How many values were at most how large, and their sum."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Of values above the bound before and not above this one; the last: above all."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


S = TypeVar("S", Tally, Spread)


class _Labelled(Collector, Generic[S]):
    """A metric with a series for each combination of labels that was asked for; without labels, that of none."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...], registry: CollectorRegistry) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._series: dict[tuple[str, ...], S] = {}
        registry.register(self)

    def _make(self) -> S:
        raise AssertionError("a metric of no kind")

    def labels(self, *values: str) -> S:
        """Return the series with these values of its labels; new ones begin at zero."""
        series = self._series.get(values)
        if series is None:
            if len(values) != len(self._labels):
                raise AssertionError(f"{self._name} has the labels {self._labels}, and was asked for {values}")
            series = self._series[values] = self._make()
        return series

    def remove(self, *values: str) -> None:
        """Forget a series."""
        del self._series[values]


class Tallies(_Labelled[Tally]):
    """A counter."""

    def _make(self) -> Tally:
        return Tally()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Tell every series."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for values, tally in self._series.items():
            family.add_metric(values, tally.value)
        yield family


class Spreads(_Labelled[Spread]):
    """A histogram."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...], registry: CollectorRegistry, bounds: tuple[float, ...]) -> None:
        super().__init__(name, text, labels, registry)
        self._bounds = bounds

    def _make(self) -> Spread:
        return Spread(self._bounds)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Tell every series."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        for values, spread in self._series.items():
            family.add_metric(values, list(zip(names, accumulate(spread.counts), strict=True)), spread.total)
        yield family
