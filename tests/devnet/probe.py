"""What a line of the wide network really takes, one way: datagrams beside the load, stamped by sender and receiving kernel.

`tests.devnet.wan` has one sender on the first host and one receiver on the last, and prints what they saw: the line is made of a process
(`tests.devnet.switch`) on the same cores as everything else, and may be slower than it was asked to be.
"""

from __future__ import annotations

import json
import select
import socket
import statistics
import struct
import sys
import time

PORT = 9
INTERVAL_SECONDS = 0.05
SO_TIMESTAMPNS = 35
"""Linux: the kernel's time of arrival comes with each datagram, so that a reader who waits for a core adds nothing."""
STAMP = struct.Struct("=q")
KERNEL_STAMP = struct.Struct("=qq")
BILLION = 1_000_000_000


def send(address: str) -> None:
    """Send a stamp every 50 ms until standard input is closed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        while not select.select([sys.stdin], [], [], INTERVAL_SECONDS)[0]:
            wire.sendto(STAMP.pack(time.time_ns()), (address, PORT))


def receive(address: str) -> list[float]:
    """Take stamps until standard input is closed; return how long each was on its way, ms."""
    taken: list[float] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        wire.bind((address, PORT))
        while True:
            readable, _, _ = select.select([wire, sys.stdin], [], [])
            if sys.stdin in readable:
                return taken
            data, ancillary, _, _ = wire.recvmsg(STAMP.size, socket.CMSG_SPACE(KERNEL_STAMP.size))
            seconds, nanoseconds = KERNEL_STAMP.unpack(ancillary[0][2][: KERNEL_STAMP.size])
            taken.append((seconds * BILLION + nanoseconds - STAMP.unpack(data)[0]) / 1_000_000)


def main() -> int:
    """`send ADDRESS` or `receive ADDRESS`; the receiver prints quantiles as JSON."""
    role, address = sys.argv[1:]
    if role == "send":
        send(address)
        return 0
    cuts = statistics.quantiles(receive(address), n=100)
    sys.stdout.write(json.dumps({"p50": round(cuts[49], 2), "p90": round(cuts[89], 2), "p99": round(cuts[98], 2)}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
