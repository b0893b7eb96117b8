"""Somebody who believes the genesis document's hash and nobody else: asks one node for a proof of now and checks it by two programs.

One is the light client of the command line with nothing remembered; the other one `tests/standalone_verifier.py`, which shares no code
with this project, as a process of its own that never asks a node.
"""

from __future__ import annotations

import asyncio
import sys
from base64 import b64decode
from typing import TYPE_CHECKING

import msgpack
import msgspec

from devnet.client import Client
from node.api.epoch_structs import EpochBody
from tests import standalone_verifier
from tests.devnet.commands import CommandFailed, run

if TYPE_CHECKING:
    from pathlib import Path

    from devnet.network import Network


class Proven(msgspec.Struct, frozen=True):
    """What `som account show --verify` says of the block, as far as it matters here."""

    epoch: int
    height: int


async def audit(network: Network, url: str, account: str, folder: Path) -> tuple[Proven, str]:
    """Check an account's proof from a node; return the place of its block, and what the stand-alone program said.

    Raises
    ------
    CommandFailed
        One of the two programs does not take it.
    """
    genesis, chain = network.plan.data / "genesis.json", network.wallet.chain.hex()
    profile, proof, links = folder / "outsider.toml", folder / "proof", folder / "links"
    profile.write_text(f'nodes = ["{url}"]\ngenesis = "{genesis.resolve()}"\nchain = "{chain}"\nstate = "state"\nkeystore = "keys"\n')
    shown = await run("--config", str(profile), "account", "show", account, "--verify", "--save", str(proof), "--json")
    proven = msgspec.json.decode(shown, type=Proven)
    async with Client(url) as client:
        steps = [await client.get(f"/v1/epochs/{number}", EpochBody) for number in range(1, proven.epoch + 1)]
    links.write_bytes(msgpack.packb([msgpack.unpackb(b64decode(step.proof)) for step in steps]))
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, standalone_verifier.__file__, str(genesis), str(links), str(proof), chain, account),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
    )
    out, err = await program.communicate()
    if program.returncode != 0:
        raise CommandFailed(f"the stand-alone verifier refuses the proof of {account} in epoch {proven.epoch}: {err.decode()[-600:]}")
    return proven, out.decode().strip()
