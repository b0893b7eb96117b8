"""What the kernel saw of a live validator: no vote on a socket before the sync of its record (section 4 of the consensus)."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from devnet.bench.scenarios import plans, prepare
from devnet.client import Client
from devnet.load import Load, presign
from devnet.network import Network, Plan
from tests.devnet.system_calls import Sent, SyncedJournal, Wrote, read_trace, votes_in

if TYPE_CHECKING:
    from pathlib import Path

STRACE = shutil.which("strace")
PAYMENTS = 400
VOTES_MIN = 20


async def trace(folder: Path) -> tuple[Path, int, int]:
    """Put load on a network, one validator of which is traced; return the trace, the validator's index and its view at the beginning."""
    path = folder / "trace.txt"
    async with Network(Plan(data=folder / "net", peers=0, port_base=9400)) as network:
        accounts = await prepare(network)
        payments = await presign(plans(network, accounts, PAYMENTS, 1))
        async with Client(network.validators[0].api_url) as client:
            view = (await client.status()).view
        tracer = await asyncio.create_subprocess_exec(
            str(STRACE), "-f", "-y", "-xx", "-s", "400000", "-o", str(path),
            "-e", "trace=write,writev,pwrite64,sendto,sendmsg,fdatasync,fsync", "-p", str(network.validators[0].pid),
        )  # fmt: skip
        load = Load([node.api_url for node in network.validators[1:]], payments, window=20, list_size=2)
        await load.run(30)
        assert load.progress.final >= PAYMENTS // 2
        tracer.send_signal(signal.SIGINT)
        await tracer.wait()
    return path, 0, view


@pytest.mark.skipif(STRACE is None or not hasattr(os, "fork"), reason="strace is not installed: apt-get install strace")
async def test_no_vote_on_a_socket_before_the_sync_of_its_record(tmp_path: Path) -> None:
    """Goal: K12 and section 4 as the kernel sees them. Method: trace a live validator under load, follow each own vote's signature."""
    path, index, view = await trace(tmp_path)
    unsynced, synced = bytearray(), bytearray()
    votes = 0
    with path.open() as lines:
        for seen in read_trace(lines):
            match seen:
                case Wrote(data):
                    unsynced += data
                case SyncedJournal():
                    synced += unsynced
                    unsynced.clear()
                case Sent(data):
                    for vote in votes_in(data):
                        if vote.signer == index and vote.view > view + 1:
                            votes += 1
                            assert vote.signature in synced, f"view {vote.view}, kind {vote.kind}: sent before its record was synced"
    assert votes >= VOTES_MIN
