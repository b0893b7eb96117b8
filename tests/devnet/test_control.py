"""A running devnet takes orders from another terminal, through `som devnet` as people type it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest

from devnet.orders import NodeStanding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VICTIM = "validator-3"


class Terminal:
    """A second terminal beside a devnet."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def som(self, verb: str, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and complaint of one order."""
        line = [sys.executable, "-m", "cli", "devnet", verb, *arguments, "--data", str(self.data)]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def good(self, verb: str, *arguments: str) -> dict[str, object]:
        """JSON of an order that is carried out."""
        code, out, err = self.som(verb, *arguments, "--json")
        assert (code, err) == (0, "")
        return msgspec.json.decode(out, type=dict[str, object])

    def nodes(self) -> dict[str, NodeStanding]:
        """How the nodes stand, by name."""
        return {each.name: each for each in msgspec.convert(self.good("status")["nodes"], list[NodeStanding])}

    def refused(self, verb: str, *arguments: str, code: int = 1) -> str:
        """Return the one sentence of a refusal."""
        found, out, err = self.som(verb, *arguments)
        assert (found, out) == (code, "")
        assert err.startswith("devnet: ")
        assert err.count("\n") == 1
        return err


@contextmanager
def running(data: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a devnet without its demonstration day and wait until it stays up."""
    line = [sys.executable, "-m", "devnet", "--no-demo", "--peers", "1", "--port-base", "10600", "--data", str(data)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "stays up" not in said:
                text = process.stdout.readline()
                said += text
                assert text, said
            yield process
        finally:
            process.terminate()


@pytest.mark.timeout(300)
def test_a_running_devnet_takes_orders(tmp_path: Path) -> None:
    """Goal: every verb does what it says, and says why not. Method: one network from first start to reset."""
    data = tmp_path / "net"
    there = Terminal(data)
    assert "no devnet runs" in there.refused("status", code=3)
    assert "nothing was removed" in there.refused("reset")
    with running(data) as process:
        assert {node.state for node in there.nodes().values()} == {"running"}
        assert "there is no node validator-9" in there.refused("kill", VICTIM, "validator-9")
        assert there.nodes()[VICTIM].state == "running"  # all or nothing
        faults_and_repairs(there)
        cuts(there)
        assert "a devnet runs on" in there.refused("reset")
        assert "a devnet runs on" in there.refused("up")
        found = there.good("load", "--seconds", "2", "--rate", "50")
        assert (found["sent"], found["final"], found["refused"], found["unknown"]) == (100, 100, 0, 0)
        assert 0 < float(str(found["p50_ms"])) <= float(str(found["p99_ms"]))
        there.good("down")
        assert "no devnet runs" in there.refused("kill", VICTIM, code=3)
        assert process.wait(30) == 0
    there.good("reset")
    assert list(tmp_path.iterdir()) == []


def faults_and_repairs(there: Terminal) -> None:
    """Kill and resume, pause and resume; what makes no sense is refused."""
    before = there.nodes()[VICTIM].pid
    there.good("kill", VICTIM)
    node = there.nodes()[VICTIM]
    assert (node.state, node.pid, node.height) == ("stopped", 0, None)
    assert "runs no more" in there.refused("kill", VICTIM)
    assert "does not run" in there.refused("pause", VICTIM)
    there.good("resume", VICTIM)
    node = there.nodes()[VICTIM]
    assert node.state == "running"
    assert node.pid not in (0, before)
    assert "runs already" in there.refused("resume", VICTIM)
    there.good("pause", VICTIM, "peer-0")
    assert [node.name for node in there.nodes().values() if node.state == "paused"] == ["peer-0", VICTIM]
    there.good("resume", VICTIM, "peer-0")
    assert {node.state for node in there.nodes().values()} == {"running"}


def cuts(there: Terminal) -> None:
    """Cut one off from another and from all, heal one and all; what makes no sense is refused."""
    assert "for one side only" in there.refused("partition", VICTIM, "peer-0", "--from", VICTIM)
    there.good("partition", "peer-0", "--from", "validator-0")
    there.good("partition", VICTIM)
    found = {name: node.cut_from for name, node in there.nodes().items()}
    assert found == {
        "peer-0": ("validator-0", VICTIM),
        "validator-0": ("peer-0", VICTIM),
        "validator-1": (VICTIM,),
        "validator-2": (VICTIM,),
        VICTIM: ("peer-0", "validator-0", "validator-1", "validator-2"),
    }
    there.good("heal", VICTIM)
    code, out, _ = there.som("status")
    assert (code, out.count("cut off from")) == (0, 1)
    assert there.som("heal")[1] == "no node is cut off from another\n"


@pytest.mark.parametrize("missing", ["genesis.json", "som.toml", "devnet"])
def test_reset_removes_only_what_a_devnet_made(tmp_path: Path, missing: str) -> None:
    """Goal: no other folder is ever removed. Method: a devnet's folder that lacks one sign of it."""
    data = tmp_path / "net"
    data.mkdir()
    if missing != "genesis.json":
        (data / "genesis.json").write_text("{}")
    if missing != "som.toml":
        (data / "som.toml").write_text("")
    assert "nothing was removed" in Terminal(data).refused("reset")
    assert data.is_dir()


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    """Goal: `--data` in the wrong place costs nothing. Method: start a devnet on a folder with a file of somebody's."""
    (tmp_path / "thesis").write_text("chapter 1")
    assert "holds no devnet" in Terminal(tmp_path).refused("up")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]
