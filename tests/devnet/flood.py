"""A listed peer floods a validator: the flooder waits, the payments of everybody else do not.

`python -m tests.devnet.flood --frames 100000` measures the p99 of finality before and during the flood and fails where it doubles.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from devnet.bench.scenarios import paced, prepare
from devnet.network import Network, Plan
from ledger.keys import public_key_of
from node.config import load_config
from node.greeting import Identity, greet_server
from node.keyfiles import read_seed
from node.wire import BlockRequest, Lane, PeerStatus, encode_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devnet.processes import NodeProcess

FLOODER = "peer-0"
RATE = 100


async def flood_lane(network: Network, victim: NodeProcess, lane: Lane, frames: int, sent: list[int]) -> None:
    """Send valid but useless frames on one lane as fast as the victim takes them."""
    flooder = load_config(network.named(FLOODER).config)
    identity = Identity(network.wallet.chain, read_seed(Path(flooder.node_key)))
    victim_key = public_key_of(read_seed(Path(load_config(victim.config).node_key)))
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{victim.peer_url}/peer/v1/stream?lane={lane.value}", max_msg_size=lane.frame_bytes_max) as socket,
    ):
        await greet_server(socket, identity, victim_key)
        for _ in range(frames):
            frame = PeerStatus(0, time.time_ns() // 1_000_000) if lane is Lane.VOTES else BlockRequest(secrets.token_bytes(32))
            await socket.send_bytes(encode_frame(frame))
            sent[0] += 1


async def drain(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the flood to end; a victim that cuts the flooder off is in its right."""
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, aiohttp.ClientError | ConnectionError):
            raise outcome


async def flood(folder: Path, frames: int, seconds: float) -> tuple[float, float, int]:
    """Return p99 of finality in ms before and during the flood, and the frames that the victim let the flooder send."""
    async with Network(Plan(data=folder, peers=1, port_base=9000, absent=(FLOODER,))) as network:
        accounts = await prepare(network)
        calm = (await paced(network, accounts, seconds, RATE))[0].details["p99 ms"]
        sent = [0]
        tasks = [asyncio.create_task(flood_lane(network, network.validators[0], lane, frames // 2, sent)) for lane in Lane]
        flooded = (await paced(network, accounts, seconds, RATE))[0].details["p99 ms"]
        await drain(tasks)
    return calm, flooded, sent[0]


def main() -> int:
    """Run the long form."""
    parser = argparse.ArgumentParser(prog="python -m tests.devnet.flood", description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="som-flood-") as folder:
        calm, flooded, sent = asyncio.run(flood(Path(folder) / "net", options.frames, options.seconds))
    sys.stdout.write(f"p99 of finality: {calm:.1f} ms before, {flooded:.1f} ms during a flood; {sent} of {options.frames} frames taken\n")
    return 0 if flooded < 2 * calm else 1


if __name__ == "__main__":
    raise SystemExit(main())
