"""Own counters and histograms tell what the client library's do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from node.tallies import Spreads, Tallies

BOUNDS = (0.005, 0.1, 1.0, 30.0)
NAMES = ("a", 'b "quoted"')


def told(registry: CollectorRegistry) -> list[str]:
    """Return the text of all series, without the times at which the library made its own."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(BOUNDS) | st.floats(0, 60))))
def test_series_are_told_as_the_library_tells_them(steps: list[tuple[str, float]]) -> None:
    """Goal: nobody who scrapes sees a difference. Method: the same steps to both, values on the bounds of buckets among them."""
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    counter, histogram = Counter("c", "text", ["name"], registry=theirs), Histogram("h", "text", ["name"], buckets=BOUNDS, registry=theirs)
    tallies, spreads = Tallies("c", "text", ("name",), ours), Spreads("h", "text", ("name",), ours, BOUNDS)
    for name in NAMES:
        counter.labels(name)
        tallies.labels(name)
    for name, value in steps:
        counter.labels(name).inc(value)
        histogram.labels(name).observe(value)
        tallies.labels(name).inc(value)
        spreads.labels(name).observe(value)
    assert told(ours) == told(theirs)


def test_a_series_that_is_removed_begins_anew() -> None:
    """Goal: leaders of old epochs have none. Method: count, remove, look, ask again."""
    registry = CollectorRegistry()
    tallies = Tallies("c", "text", ("name",), registry)
    tallies.labels("a").inc()
    tallies.remove("a")
    assert registry.get_sample_value("c_total", {"name": "a"}) is None
    tallies.labels("a")
    assert registry.get_sample_value("c_total", {"name": "a"}) == 0


def test_a_series_with_other_labels_is_our_fault() -> None:
    """Goal: no series that nobody can read. Method: a label too many."""
    with pytest.raises(AssertionError, match="has the labels"):
        Tallies("c", "text", ("name",), CollectorRegistry()).labels("a", "b")
