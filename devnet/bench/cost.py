"""Where the CPU of the validators went: stages from their metrics, memory from the kernel."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

from devnet.client import Client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devnet.processes import NodeProcess

_STAGE = re.compile(r'^som_cpu_seconds_total\{stage="([a-z]+)"\} (\S+)$', re.MULTILINE)
"""Besides the stages: `loop`, what none of them claims, and `all`, the whole process."""


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


def resident_bytes(node: NodeProcess) -> int:
    """Resident memory of a node's process."""
    for line in Path(f"/proc/{node.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def write_bytes(node: NodeProcess) -> int:
    """Bytes a node's process has caused to be written to disk."""
    for line in Path(f"/proc/{node.pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    return 0
