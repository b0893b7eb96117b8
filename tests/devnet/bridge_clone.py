"""A stranger with a fresh clone and two files, proof and genesis document: no node, no profile, no data of ours."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tests.devnet.bridge_flow import ALICE, demand, until
from tests.devnet.bridge_net import PARTICIPANTS, ROUTE, BridgeNet
from tests.devnet.bridge_stranger import altered, som

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
LOCKED = 123_456
AT_ONCE = 2
"""Commands side by side."""


class Stranger:
    """A clone of what is committed, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.clone, self._home = folder / "clone", folder / "stranger"
        self._home.mkdir()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def fetch(self) -> None:
        """Clone; see that its code is what runs."""
        code, said = await self._run("git", "clone", "--quiet", str(ROOT), str(self.clone), folder=ROOT)
        demand(code, 0, f"git clone: {said}")
        _, said = await self._run(sys.executable, "-c", "import cli; print(cli.__file__)", folder=self.clone)
        demand(Path(said.strip()).parents[1], self.clone, "the code of the clone runs")

    async def verify(self, proof: Path, genesis: Path) -> tuple[int, dict[str, object]]:
        """Run the command; return its exit code and what it tells."""
        line = [sys.executable, "-m", "cli", "bridge", "verify", str(proof), "--genesis", str(genesis), "--json"]
        async with self._slots:
            code, said = await self._run(*line, folder=self.clone)
        return code, msgspec.json.decode(said, type=dict[str, object])

    async def _run(self, *line: str, folder: Path) -> tuple[int, str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._home), "PYTHONPATH": str(self.clone)}
        made = await asyncio.create_subprocess_exec(
            *line, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await made.communicate()
        return made.returncode or 0, out.decode()


async def stranger(folder: Path, port_base: int) -> str:
    """Have a live network prove a route; let a stranger check it whole, then with each field altered; return what was found."""
    proof, genesis = folder / "proof.json", folder / "genesis.json"
    async with BridgeNet(folder, port_base) as net:
        net.go_on(1)
        await asyncio.gather(*(net.processes[name].start() for name in (*PARTICIPANTS[:3], "relayer")))
        await net.lock(LOCKED, ALICE)

        async def minted() -> bool:
            return int((await net.route()).minted) == LOCKED

        await until(net, "the lock is minted", minted)
        code, said = await som("--config", str(net.folder / "relayer" / "som.toml"), "bridge", "proof", ROUTE, "--output", str(proof))
        demand(code, 0, said)
        genesis.write_bytes((net.network.plan.data / "genesis.json").read_bytes())
    visitor = Stranger(folder)
    await visitor.fetch()
    began = time.monotonic()
    code, found = await visitor.verify(proof, genesis)
    took = time.monotonic() - began
    demand((code, found["true"], found["locked"]), (0, True, str(LOCKED)), "the real one is true")
    changes = list(altered(proof.read_bytes()))
    answers = await asyncio.gather(*(_altered(visitor, folder, genesis, place, data) for place, (_, data) in enumerate(changes)))
    for (field, _), (code, found) in zip(changes, answers, strict=True):
        demand((code, found["true"], found["field"]), (1, False, field), "an altered one is not, and the field is named")
    return (
        f"true for the real one ({took:.1f} s), false for {len(changes)} altered ones; named: {_counted([field for field, _ in changes])}"
    )


async def _altered(visitor: Stranger, folder: Path, genesis: Path, place: int, data: bytes) -> tuple[int, dict[str, object]]:
    file = folder / f"altered-{place}.json"
    file.write_bytes(data)
    return await visitor.verify(file, genesis)


def _counted(fields: Sequence[str]) -> str:
    """Return each field once, with how often it was altered where that was more."""
    return ", ".join(f"{field} ({fields.count(field)})" if fields.count(field) > 1 else field for field in dict.fromkeys(fields))
