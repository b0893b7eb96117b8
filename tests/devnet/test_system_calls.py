"""What the kernel saw of a live validator: no vote on a socket before the sync of its record (section 4 of the consensus)."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from consensus.signing import signing_bytes
from consensus.types import ChainId
from devnet.bench.scenarios import plans, prepare
from devnet.client import Client
from devnet.load import Load, presign
from devnet.network import Network, Plan
from node.wire import core_vote
from tests.devnet.system_calls import CALLS, Durable, File, read_trace, votes_in

if TYPE_CHECKING:
    from pathlib import Path

    from node.wire import WireVote

STRACE = shutil.which("strace")
PAYMENTS = 400
WINDOW = 4
"""Payments on their way at any time: a block has no more, so there are many blocks."""
VOTES_MIN = 20


async def trace(folder: Path) -> tuple[Path, int, int, ChainId]:
    """Put load on a network, one validator of which is traced; return the trace, its index, its view at the beginning, and the chain."""
    path = folder / "trace.txt"
    async with Network(Plan(data=folder / "net", peers=0, port_base=9400)) as network:
        accounts = await prepare(network)
        payments = await presign(plans(network, accounts, PAYMENTS, 1))
        async with Client(network.validators[0].api_url) as client:
            status = await client.status()
        tracer = await asyncio.create_subprocess_exec(
            str(STRACE), "-f", "-y", "-xx", "-s", "400000", "-o", str(path),
            "-e", f"trace={','.join(CALLS)}", "-p", str(network.validators[0].pid),
        )  # fmt: skip
        load = Load([node.api_url for node in network.validators[1:]], payments, window=WINDOW, list_size=2)
        await load.run(30)
        assert load.progress.final >= PAYMENTS // 2
        tracer.send_signal(signal.SIGINT)
        await tracer.wait()
    return path, 0, status.view, ChainId(bytes.fromhex(status.chain))


@pytest.mark.skipif(STRACE is None or not hasattr(os, "fork"), reason="strace is not installed: apt-get install strace")
async def test_no_vote_on_a_socket_before_it_is_durable(tmp_path: Path) -> None:
    """Goal: K12, K15 and section 4 as the kernel sees them. Method: trace a live validator under load, follow each own vote.

    What is signed is in the synced mark before the signature is sent, and in the synced journal before the mark is of a later view.
    """
    path, index, view, chain = await trace(tmp_path)
    durable = {file: bytearray() for file in File}
    sent: dict[int, WireVote] = {}
    journaled = 0
    with path.open() as lines:
        for seen in read_trace(lines):
            if isinstance(seen, Durable):
                durable[seen.file] += seen.data
                continue
            for vote in votes_in(seen.data):
                if vote.signer != index or vote.view <= view + 1:
                    continue
                told = f"view {vote.view}, kind {vote.kind}"
                assert signing_bytes(chain, core_vote(vote).vote) in durable[File.MARK], f"{told}: sent before the mark was synced"
                for older in [each for each in sent if each < vote.view]:
                    assert sent.pop(older).signature in durable[File.JOURNAL], f"{told}: the journal does not have view {older} yet"
                    journaled += 1
                sent[vote.view] = vote
    assert journaled >= VOTES_MIN
