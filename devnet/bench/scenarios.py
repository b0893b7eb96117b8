"""The scenarios of performance.md that exist: payments at saturation, batches, finality at a low rate."""

from __future__ import annotations

import asyncio
import resource
import statistics
import time
from typing import TYPE_CHECKING

from devnet.bench.cost import Resident, allowed_bytes, cpu_by_stage, per_transaction_us, resident
from devnet.bench.limit import limit_beside
from devnet.bench.report import Figure
from devnet.client import Client
from devnet.load import Load, Plan, block_events, presign
from ledger.transactions.bodies import AccountOpen, Issue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devnet.network import Network
    from devnet.wallet import Signed

ACCOUNTS_PER_BANK = 16
ASSET = "KGS"
WINDOW = 1_500
"""Transactions submitted and not final: a block and a half. More of them only wait longer, in memory that no cache holds."""
BATCH_LEGS = 1_000
SUBMIT_CHUNK = 200
LAST_SECONDS_MAX = 10
"""How long the last payments of a paced run may take."""


async def prepare(network: Network) -> dict[str, tuple[str, ...]]:
    """Open settlement accounts at both banks and issue money to each; return them by bank."""
    accounts = {bank: tuple(f"{bank}/desk-{number:02}" for number in range(ACCOUNTS_PER_BANK)) for bank in ("bank-a", "bank-b")}
    async with Client(network.validators[0].api_url) as client:
        for bank, names in accounts.items():
            opening = [_open(network, bank, name) for name in names]
            await final(client, opening)
        for names in accounts.values():
            await final(
                client,
                [network.wallet.sign("operator", Issue(ASSET, name, 10**12, "bench", None), *network.issue_keysets) for name in names],
            )
    return accounts


def _open(network: Network, bank: str, name: str) -> Signed:
    return network.wallet.sign(bank, AccountOpen(id=name, kind="settlement", pseudonym=b"", keyset=None, classes=()))


async def final(client: Client, batch: Sequence[Signed]) -> None:
    """Send what sets a scenario up, and wait until it is final; raises AssertionError where something was refused."""
    for start in range(0, len(batch), SUBMIT_CHUNK):
        for answer in await client.submit([one.raw for one in batch[start : start + SUBMIT_CHUNK]], wait="final"):
            if answer.receipt is None or answer.receipt.code != 0:
                raise AssertionError(f"setting up the bench failed: {answer}")


def plans(network: Network, accounts: dict[str, tuple[str, ...]], count: int, legs: int) -> list[Plan]:
    """One plan per bank: each pays from its own desks to the other's."""
    names = list(accounts)
    return [
        Plan(network.wallet.chain, bank, network.wallet.seeds[bank, "ops"], accounts[bank], accounts[other], ASSET, count // 2, legs)
        for bank, other in zip(names, reversed(names), strict=True)
    ]


async def payments(
    network: Network,
    accounts: dict[str, tuple[str, ...]],
    seconds: float,
    name: str = "signed payments",
    goal: str = ">= 35 % of the limit",
) -> list[Figure]:
    """Signed payments between the accounts of two banks, one signature, one leg, at saturation."""
    nodes = len(network.validators)
    first = await limit_beside(nodes)
    signed = await presign(plans(network, accounts, int(seconds * min(first.transactions_per_s, 8_000)) // 2 * 2, 1))
    load = Load([node.api_url for node in network.validators], signed, window=WINDOW, list_size=250)
    before, own = await cpu_by_stage(network.validators), _own_cpu()
    memory: list[Resident] = []
    refs_at: list[int] = []

    async def remember(after: float) -> None:
        await asyncio.sleep(after)
        memory.append(max(resident(node.pid) for node in network.validators))
        refs_at.append(load.progress.final)

    watchers = [asyncio.create_task(remember(seconds / 2)), asyncio.create_task(remember(seconds - 0.5))]
    took = await load.run(seconds)
    for watcher in watchers:
        watcher.cancel()
    progress = load.progress
    rate = progress.final / took
    cost = per_transaction_us(before, await cpu_by_stage(network.validators), progress.final, nodes)
    generator = (_own_cpu() - own) * 1e6 / max(1, progress.final)
    limit = first.mean(await limit_beside(nodes))
    details = {f"{stage} us": value for stage, value in cost.items()}
    details |= {
        "generator us per transaction": generator,
        "% of the limit by CPU alone": 100 * nodes * limit.verify_cpu_us / (nodes * cost["all"] + generator),
        "limit, tx/s": limit.transactions_per_s,
    }
    details |= {"refused": progress.refused, "answers 429": progress.busy}
    figures = [
        Figure(f"{name}, {took:.0f} s", rate, "tx/s", goal, rate / limit.transactions_per_s, details),
        _latency("finality at saturation", progress.latencies_ms, "later: p50 <= 80 ms"),
    ]
    if len(memory) == 2:
        figures.append(_memory(memory[0], memory[1], refs_at[1] - refs_at[0]))
    return figures


def _memory(half: Resident, end: Resident, refs: int) -> Figure:
    """Compare what a validator itself holds; files that it maps are told beside it."""
    details = {"MiB at half": half.own / 2**20, "MiB at end": end.own / 2**20, "refs between": refs}
    details |= {"MiB of files mapped at half": half.mapped / 2**20, "MiB of files mapped at end": end.mapped / 2**20}
    return Figure("memory at the end / allowed from its half", end.own / allowed_bytes(half.own, refs), "", "<= 1", None, details)


async def batches(network: Network, accounts: dict[str, tuple[str, ...]], seconds: float) -> list[Figure]:
    """Payments of 1,000 legs each."""
    signed = await presign(plans(network, accounts, int(seconds * 60) // 2 * 2, BATCH_LEGS))
    load = Load([node.api_url for node in network.validators], signed, window=40, list_size=2)
    before = await cpu_by_stage(network.validators)
    took = await load.run(seconds)
    legs = load.progress.final * BATCH_LEGS
    cost = per_transaction_us(before, await cpu_by_stage(network.validators), legs, len(network.validators))
    details = {f"{stage} us per leg": value for stage, value in cost.items()} | {"refused": load.progress.refused}
    return [Figure("batches of 1,000 legs", legs / took, "legs/s", ">= 15,000", None, details)]


async def paced(network: Network, accounts: dict[str, tuple[str, ...]], seconds: float, rate: int) -> list[Figure]:
    """Measure finality at a fixed rate: single transactions to the nodes in turn, each until node 0 shows its receipt."""
    signed = await presign(plans(network, accounts, int(seconds * rate) // 2 * 2, 1))
    sent: dict[str, float] = {}
    latencies: list[float] = []
    arrived = asyncio.Event()

    async def follow() -> None:
        async for event in block_events(network.validators[0].api_url):
            now = time.perf_counter()
            latencies.extend((now - sent.pop(tx_id)) * 1000 for tx_id in event.ids if tx_id in sent)
            arrived.set()

    following = asyncio.create_task(follow())
    clients = [Client(node.api_url) for node in network.validators]
    for client in clients:
        await client.__aenter__()
    posts: set[asyncio.Task[object]] = set()
    try:
        began = time.perf_counter()
        for number, (tx_id, raw) in enumerate(signed):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            sent[tx_id.hex()] = time.perf_counter()
            post = asyncio.create_task(clients[number % len(clients)].submit([raw]))
            posts.add(post)
            post.add_done_callback(posts.discard)
        async with asyncio.timeout(LAST_SECONDS_MAX):
            while sent:
                arrived.clear()
                await arrived.wait()
    finally:
        following.cancel()
        await asyncio.gather(following, *posts, return_exceptions=True)
        for client in clients:
            await client.__aexit__(None, None, None)
    return [_latency(f"finality at {rate} tx/s", latencies, "p50 <= 20 ms (later 10 / 20)")]


def _latency(name: str, latencies_ms: list[float], goal: str) -> Figure:
    """p50 as the value, the rest beside it."""
    if len(latencies_ms) < 2:
        return Figure(name, float("nan"), "ms", goal)
    cuts = statistics.quantiles(latencies_ms, n=100)
    return Figure(name, cuts[49], "ms p50", goal, None, {"p90 ms": cuts[89], "p99 ms": cuts[98], "max ms": max(latencies_ms)})


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
