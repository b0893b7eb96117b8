"""Settings that every test shares: hypothesis profiles, sockets only where the shell is under test, and no silent skip.

SOM_REQUIRE_ALL=1 turns a skip into a failure: `.ci/run` sets it, so that a missing part of the machine cannot hide a test.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).parent
WITH_SOCKETS = ("node", "cli", "devnet", "bridge")
"""Folders of tests that may open sockets; everywhere else the cores are under test, and a socket is a bug."""

settings.register_profile("ci", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live networks first, whatever the order is else: the first of two workers has them one after another, and none is left for the end.

    They wait more than they work, so the other worker's tests have their core meanwhile.
    """
    items.sort(key=lambda item: not item.path.is_relative_to(ROOT / "devnet"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Allow sockets where the shell is under test, nowhere else."""
    inside = item.path.relative_to(ROOT).parts[0] if item.path.is_relative_to(ROOT) else ""
    if inside in WITH_SOCKETS:
        enable_socket()
    else:
        disable_socket(allow_unix_socket=True)


@pytest.fixture(autouse=True)
def logs_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    """Keep the logging that a test sets up from the tests after it: a logger that was made for good would not be captured any more."""
    configure = structlog.configure

    def for_now(**settings: Any) -> None:  # noqa: ANN401 - whatever structlog takes
        configure(**(settings | {"cache_logger_on_first_use": False}))

    monkeypatch.setattr(structlog, "configure", for_now)
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where everything is required."""
    report = yield
    if report.skipped and os.environ.get("SOM_REQUIRE_ALL") and call.excinfo is not None:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and SOM_REQUIRE_ALL allows none: {call.excinfo.value}"
    return report
