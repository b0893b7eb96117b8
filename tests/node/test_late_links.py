"""Transactions whose first way was blocked (M1, K18): a link that opens late, a sender that told one validator only."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from consensus.types import Epoch, View
from node import gossip
from node.greeting import Identity, greet_server
from node.keyfiles import read_seed
from node.peers import client_session
from node.wire import Lane, Transactions, encode_frame
from tests.node.network import SECONDS_MAX, LocalNetwork, codes, network
from tests.node.test_node_end_to_end import fund, issue, pay

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from node.blocks import FinalBlock

TRIES = 8
"""Payments of a liar: one or two in four views are led by whom they were sent to, or by nobody."""


@contextmanager
def blocks_with_work(net: LocalNetwork, name: str) -> Iterator[asyncio.Queue[FinalBlock]]:
    """Watch a node's final blocks for such with transactions."""
    found: asyncio.Queue[FinalBlock] = asyncio.Queue()

    def watch(blocks: tuple[FinalBlock, ...]) -> None:
        for block in blocks:
            if block.transactions:
                found.put_nowait(block)

    end = net.running[name].chain.subscribe(watch)
    yield found
    end()


def proposer_of(net: LocalNetwork, block: FinalBlock) -> str:
    """Name of the validator that proposed a block."""
    keys = net.running["validator-0"].chain.council.keys
    return net.validators[keys.leader(Epoch(block.facts.epoch), View(block.facts.view))]


def handed_over(net: LocalNetwork, name: str) -> float:
    """How many transactions a node has sent again."""
    return net.running[name].prepared.metrics.registry.get_sample_value("som_transactions_handed_over_total") or 0.0


async def test_what_came_before_the_links_is_handed_over_when_they_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: M1: no payment waits until its node leads. Method: pay at a lone peer, at the first validator; two more come, one never."""
    monkeypatch.setattr(gossip, "REPEAT_SECONDS", SECONDS_MAX)
    async with network(tmp_path, peers=1) as net:
        for name, account in (("peer-0", "bank-b/main"), ("validator-0", "bank-a/main")):
            await net.start(name)
            async with net.client(name) as client:
                assert codes(await client.submit([issue(net, account, 5)])) == [-1], "accepted, not final"
        with blocks_with_work(net, "validator-0") as found:
            await net.start("validator-1", "validator-2")
            async with asyncio.timeout(SECONDS_MAX):
                paid = 0
                while paid < 2:
                    paid += len((await found.get()).transactions)
        assert handed_over(net, "validator-0") >= 1
        assert handed_over(net, "peer-0") >= 1


async def test_k18_who_was_told_alone_tells_the_late_leader(tmp_path: Path) -> None:
    """Goal: who tells one of three holds no others asleep. Method: as validator 3, send to validator 0 alone; others propose it."""
    async with network(tmp_path, params={"heartbeat_ms": 1_000}) as net:
        await net.start("validator-0", "validator-1", "validator-2")
        await fund(net, "validator-0")
        identity = Identity(net.made.chain, read_seed(Path(net.configs["validator-3"].node_key)))
        key = bytes.fromhex(next(entry.node_key for entry in net.configs["validator-3"].peers if entry.name == "validator-0"))
        url = f"http://127.0.0.1:{net.configs['validator-0'].peer.port}/peer/v1/stream?lane={Lane.BULK.value}"
        proposers = []
        async with client_session() as session, session.ws_connect(url) as bulk:
            await greet_server(bulk, identity, key)
            with blocks_with_work(net, "validator-0") as found:
                for _ in range(TRIES):
                    raw = pay(net, "bank-a", "bank-a/main", "bank-b/main", 1)
                    await bulk.send_bytes(encode_frame(Transactions((raw,))))
                    async with asyncio.timeout(SECONDS_MAX):
                        block = await found.get()
                    assert [tx.raw for tx in block.transactions] == [raw]
                    proposers.append(proposer_of(net, block))
                    if proposers[-1] != "validator-0":
                        break
        assert proposers[-1] in {"validator-1", "validator-2"}, proposers
        assert handed_over(net, "validator-0") >= 1
