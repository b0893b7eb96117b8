"""Whole nodes over the ends of epochs (K22): money goes on, nobody is lost, and whoever was away comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ledger.epochs import set_hash
from ledger.transactions.bodies import Leg, Pay
from tests.node.network import LocalNetwork, codes, network
from tests.node.test_node_end_to_end import fund, posted

if TYPE_CHECKING:
    from pathlib import Path

SHORT = {"epoch_length": 10, "heartbeat_ms": 200}


def pay(net: LocalNetwork, amount: int = 1) -> bytes:
    legs = (Leg("bank-a/main", "bank-b/main", "KGS", amount, 0, ""),)
    return net.wallet.sign("bank-a", Pay(legs, "atomic", "", None, "", None, None)).raw


async def past(net: LocalNetwork, epoch: int, *names: str) -> None:
    """Wait until these nodes are in an epoch or above it."""
    await net.until(lambda: all(net.running[name].chain.epoch_number >= epoch for name in names))


async def test_k22_epochs_end_under_payments_and_nothing_is_lost(tmp_path: Path) -> None:
    """Goal: a boundary is one more block. Method: epochs of ten heights under a stream of payments; every payment counts once everywhere."""
    async with network(tmp_path, peers=1, params=SHORT) as net:
        await net.start(*net.configs)
        await fund(net, "validator-0")
        paid = 0
        async with net.client("validator-1") as one, net.client("peer-0") as other:
            while net.running["validator-0"].chain.epoch_number < 4:
                for client in (one, other):
                    assert codes(await client.submit([pay(net) for _ in range(5)], wait="final")) == [0] * 5
                paid += 10
        await past(net, 4, *net.configs)
        await net.until(lambda: all(net.running[name].chain.state.get("epoch/4") is not None for name in net.configs))
        for name in net.configs:
            chain = net.running[name].chain
            for number in range(4):
                record = chain.epochs.record(number)
                header = chain.log.block(record.end).header
                assert header.next == set_hash(number + 1, chain.council_of(number + 1).members)
                certificate = chain.boundary_finality(number)
                assert certificate is not None
                assert certificate.subject.block_id == chain.log.facts(record.end).block_id
        await net.same_tip(*net.configs)
        for name in net.configs:
            async with net.client(name) as client:
                assert await posted(client, "bank-b/main") == 1_000_000 + paid
