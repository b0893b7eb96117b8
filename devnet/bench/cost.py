"""Where the CPU of the validators went: stages from their metrics, memory from the kernel."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from devnet.client import Client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devnet.processes import NodeProcess

_STAGE = re.compile(r'^som_cpu_seconds_total\{stage="([a-z]+)"\} (\S+)$', re.MULTILINE)
"""Besides the stages: `loop`, what none of them claims, and `all`, the whole process."""
_RESIDENT = re.compile(r"^Rss(Anon|File|Shmem):\s+(\d+) kB$", re.MULTILINE)
REF_BYTES = 200
"""What a remembered reference may cost (performance.md): they are kept until their `valid_until`, whatever the load (L14)."""


def allowed_bytes(before: int, refs: int) -> float:
    """Return what memory may have become after so many references more (performance.md, "signed payments")."""
    return 1.05 * before + REF_BYTES * refs


async def cpu_by_stage(nodes: Sequence[NodeProcess]) -> dict[str, float]:
    """CPU seconds so far by stage, summed over the nodes."""
    seconds: dict[str, float] = {}
    for text in await asyncio.gather(*(_metrics(node.api_url) for node in nodes)):
        for stage, value in _STAGE.findall(text):
            seconds[stage] = seconds.get(stage, 0.0) + float(value)
    return seconds


async def _metrics(url: str) -> str:
    async with Client(url) as client:
        return await client.text("/metrics")


def per_transaction_us(before: dict[str, float], after: dict[str, float], transactions: int, nodes: int) -> dict[str, float]:
    """Microseconds of CPU per transaction and node, by stage, largest first."""
    cost = {stage: (after[stage] - before.get(stage, 0.0)) * 1e6 / max(1, transactions) / nodes for stage in after}
    return dict(sorted(cost.items(), key=lambda item: -item[1]))


class Resident(NamedTuple):
    """Resident memory of a process, bytes."""

    own: int
    """What the process itself holds; nobody else can use it."""
    mapped: int
    """Pages of files, the store's above all: they grow with the store, and the kernel takes them back when it wants them."""


def resident(pid: int) -> Resident:
    """Resident memory of a running process."""
    sizes = {name: int(kib) * 1024 for name, kib in _RESIDENT.findall(Path(f"/proc/{pid}/status").read_text())}
    return Resident(sizes["Anon"] + sizes["Shmem"], sizes["File"])


def write_bytes(node: NodeProcess) -> int:
    """Bytes a node's process has caused to be written to disk."""
    for line in Path(f"/proc/{node.pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    return 0
