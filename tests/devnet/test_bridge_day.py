"""`python -m devnet --bridge` as people type it: the day's scenes on two public chains; what runs is listed and ends with the devnet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from devnet.abroad import find_anvil
from devnet.control import ProcessLine, Request, ask
from tests.bridge.anvil import binary

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = (
    "checker: code, roles, limits, ceiling and every attestor are as planned",
    "treasury.kgst-bsc-1 is dead from the beginning",
    "3 attestors of 4 run, and three are enough",
    "minted for Aida on BNB Chain",
    "Aida pays Bek 3,000.00 there",
    "was reorganised away: no block has that transaction, and Bek has his 3,000.00 again",
    "is final and observed: 0 burns, released 0.00",
    "said by 3 attestors",
    "abroad 1,500,000.000000",
    "V in the vault        10,345.67",
    "V - S = 0.00, never below 0",
)


@pytest.mark.timeout(600)
def test_soms_go_to_another_chain_and_come_back(tmp_path: Path) -> None:
    """Goal: the demonstration with bridges, whole. Method: run it until it stays up, read what it showed, ask for its processes, end it."""
    data = tmp_path / "net"
    line = [sys.executable, "-m", "devnet", "--bridge", "--peers", "0", "--port-base", "19000", "--data", str(data)]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "SOM_ANVIL": binary()}
    ) as run:
        try:
            assert run.stdout is not None
            said = ""
            for text in run.stdout:
                said += text
                if "The devnet stays up" in text:
                    break
            assert [each for each in SHOWN if each not in said] == [], said[-4_000:]
            beside = {each.name: each for each in ask(data, Request("status")).beside}
            assert (len(beside), beside["treasury.kgst-bsc-1"].state) == (10, "stopped")
            assert [each.url for each in beside.values() if each.url] == ["http://127.0.0.1:19400", "http://127.0.0.1:19401"]
            resumed = {each.name: each for each in ask(data, Request("resume", ("treasury.kgst-bsc-1",))).beside}
            assert resumed["treasury.kgst-bsc-1"].state == "running"
            run.send_signal(signal.SIGINT)
            assert run.wait(timeout=60) == 0
        finally:
            run.kill()
    assert [each for each in beside.values() if _lives(each)] == []


def test_an_anvil_that_is_not_there_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: --bridge is no hurdle where there is no anvil. Method: name one that is not there, then one that is."""
    monkeypatch.setenv("SOM_ANVIL", str(tmp_path / "none"))
    assert find_anvil() is None
    monkeypatch.setenv("SOM_ANVIL", sys.executable)
    assert str(find_anvil()) == sys.executable


def _lives(line: ProcessLine) -> bool:
    try:
        os.kill(line.pid, 0)
    except ProcessLookupError:
        return False
    return line.state == "running"
