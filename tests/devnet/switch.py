"""The wide network in one process: every packet of every host comes here, waits for the delay, may get lost, and goes to whom it names.

The kernel's own shaper (netem) is a module that many machines lack; a TUN device for each host is enough. Packets are real, so what is
lost is repeated by the kernel's TCP, as on a real line. `python -m tests.devnet.switch` takes descriptors and orders from
`tests.devnet.namespaces`.

Orders come on standard input, one JSON object a line: `{"delay_ms": 20, "loss_per_mille": 10, "apart": [0, 1]}`; the ones apart reach each
other and nobody else. A packet that was taken before an order keeps its delay.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import time
from collections import deque
from contextlib import suppress

PACKET_BYTES_MAX = 65_536
IPV4 = 4
LAST_BYTE_OF_TARGET = 19
"""Hosts are 10.1.0.1, 10.1.0.2, ...: the last byte of the target says which."""
PASSING_SECONDS = 0.000_13
"""What the way into this process and out of it takes beside the delay, as `tests.devnet.probe` saw it."""
PRIORITY = 2
"""Above everything else: a real line does not wait for a core of the machines that it joins."""
WAITING_MAX = 200_000
"""Packets on their way; beyond it the line is full, and what comes is lost."""


class Switch:
    """Hosts by their descriptors, and what is on its way."""

    def __init__(self, hosts: list[int], seed: int) -> None:
        self._hosts = hosts
        self._chance = random.Random(seed)  # noqa: S311 - which packets are lost protects nothing
        self._waiting: deque[tuple[float, int, bytes]] = deque()
        self._delay, self._loss = 0.0, 0
        self._apart: frozenset[int] = frozenset()

    def order(self, line: str) -> None:
        """Take an order."""
        order = json.loads(line)
        delay = max(0.0, order["delay_ms"] / 1_000 - PASSING_SECONDS)
        if delay < self._delay:
            self._waiting = deque(sorted(self._waiting))
        self._delay, self._loss, self._apart = delay, order["loss_per_mille"], frozenset(order["apart"])

    def run(self) -> None:
        """Pass packets on until standard input is closed."""
        sources = {descriptor: index for index, descriptor in enumerate(self._hosts)}
        orders = sys.stdin.fileno()
        while True:
            wait = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            readable, _, _ = select.select([orders, *self._hosts], [], [], wait)
            for descriptor in readable:
                if descriptor == orders:
                    line = sys.stdin.readline()
                    if not line:
                        return
                    self.order(line)
                else:
                    self._take(descriptor, sources[descriptor])
            self._pass_on()

    def _take(self, descriptor: int, source: int) -> None:
        """Read what a host has sent; one descriptor gives one packet at a time and never blocks."""
        due = time.monotonic() + self._delay
        while True:
            try:
                packet = os.read(descriptor, PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            target = packet[LAST_BYTE_OF_TARGET] - 1 if len(packet) > LAST_BYTE_OF_TARGET and packet[0] >> 4 == IPV4 else -1
            if not 0 <= target < len(self._hosts) or (source in self._apart) != (target in self._apart):
                continue
            if len(self._waiting) < WAITING_MAX and not (self._loss and self._chance.randrange(1_000) < self._loss):
                self._waiting.append((due, target, packet))

    def _pass_on(self) -> None:
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, target, packet = self._waiting.popleft()
            try:
                os.write(self._hosts[target], packet)
            except BlockingIOError:
                continue  # its queue is full: a line loses packets then


def main() -> int:
    """Serve the descriptors that the arguments name; the first is the seed of losses."""
    seed, *hosts = (int(argument) for argument in sys.argv[1:])
    for descriptor in hosts:
        os.set_blocking(descriptor, False)
    with suppress(PermissionError):  # only root may, and `tests.devnet.probe` tells what the line takes without it
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    Switch(hosts, seed).run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
