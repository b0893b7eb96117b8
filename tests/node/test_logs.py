"""The fixture that keeps one test's logging from the next (`tests/conftest.py`): captured is captured, in whatever order tests run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from structlog.testing import capture_logs

from node.logs import start_logs
from node.plan import trial_plan
from node.provision import provision
from tests.node.network import CHEAP, LocalNetwork

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger("of this test")


def test_a_logger_that_was_used_before_logging_was_set_up_again_is_captured(tmp_path: Path) -> None:
    """Goal: no flake by order. Method: set up, use, set up anew as another node does, capture."""
    made = provision(tmp_path, trial_plan(1, 0), cost=CHEAP)
    config = LocalNetwork._config(made.configs["validator-0"])
    start_logs(config)
    log.info("before")
    start_logs(config)
    with capture_logs() as lines:
        log.warning("after")
    assert [line["event"] for line in lines] == ["after"]
