"""`som doctor` on a live network: healthy, one validator stopped, killed, told to stop, and whole again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from cli.main import main
from devnet.network import Network, Plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from devnet.processes import NodeProcess

PORT_BASE = 13_400
SECONDS_MAX = 90.0
"""A busy machine makes clocks look wrong and validators late: what is waited for is the diagnosis, not the first look."""

DISK = {"disk-space"}
"""May be true of the machine of the test."""

Document = dict[str, list[dict[str, str]]]


class Doctor:
    """The command, as people and programs run it."""

    def __init__(self, profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._profile, self._capsys = profile, capsys

    def says(self, *arguments: str) -> tuple[int, Document]:
        """Exit code and document."""
        self._capsys.readouterr()
        code = main(["--config", str(self._profile), "doctor", "--json", *arguments])
        return code, msgspec.json.decode(self._capsys.readouterr().out)

    def of(self, node: NodeProcess) -> tuple[int, set[str]]:
        """Exit code, and codes of the findings, where the node's own machine is looked at."""
        code, document = self.says("--config", str(node.config))
        return code, {finding["code"] for finding in document["findings"]}

    def until(self, true: Callable[[int, set[tuple[str, str]]], bool]) -> set[tuple[str, str]]:
        """Ask all nodes until exit code and findings (code, about) are as wanted; return the findings."""
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            code, document = self.says()
            found = {(finding["code"], finding["about"]) for finding in document["findings"]}
            if true(code, found):
                return found
            assert time.monotonic() < deadline, (code, document)
            time.sleep(0.5)


@pytest.mark.timeout(300)
async def test_a_live_network_is_diagnosed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Goal: healthy is 0, a fault is 1 and named, a node that is down 3 with why. Method: real processes and signals."""
    async with Network(Plan(tmp_path / "net", validators=4, peers=1, port_base=PORT_BASE)) as network:
        doctor = Doctor(tmp_path / "net" / "som.toml", capsys)
        victim, other = network.validators[2], network.validators[1]
        doctor.until(lambda code, _: code == 0)
        code, document = doctor.says("--config", str(other.config))
        assert ([node["url"] for node in document["nodes"]], code in (0, 1)) == ([other.api_url], True)
        assert not {"not-answering", "not-running", "memory", "key-file", "data-folder"} & {each["code"] for each in document["findings"]}

        victim.pause()
        wanted = {("node-unreachable", victim.api_url), ("validator-missing", "operator/2"), ("no-reserve", "the network")}
        doctor.until(lambda code, found: code == 1 and wanted <= found)
        code, found = doctor.of(victim)
        assert (code, found - DISK) == (3, {"not-answering"})
        await victim.kill()
        code, found = doctor.of(victim)
        assert (code, found - DISK) == (3, {"not-running"})
        doctor.until(lambda code, found: code == 1 and wanted <= found)

        await victim.start()
        await network.ready(victim)
        doctor.until(lambda code, _: code == 0)
        await victim.stop()
        code, document = doctor.says("--config", str(victim.config))
        assert (code, document["findings"][0]["code"]) == (3, "not-running")
        assert "was told to stop at" in document["findings"][0]["says"]
    assert doctor.says()[0] == 3
