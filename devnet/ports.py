"""Find ports that are free before anything is written into a genesis or a config."""

from __future__ import annotations

import errno
import socket

HOST = "127.0.0.1"
STEP = 100
TRIES_MAX = 40


class NoFreePorts(Exception):
    """No run of free ports near the base that was asked for."""

    def __init__(self, *, base: int, count: int) -> None:
        super().__init__(f"no {count} free ports from {base} upwards: choose another --port-base, or stop what listens there")


def is_free(port: int) -> bool:
    """Whether a listener on loopback could be opened now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_run(base: int, count: int) -> int:
    """Return the first port p of base, base + 100, ... such that p .. p + count - 1 are free.

    Raises
    ------
    NoFreePorts
        None of the first 40 candidates fits.
    """
    for start in range(base, min(base + STEP * TRIES_MAX, 65_536 - count), STEP):
        if all(is_free(port) for port in range(start, start + count)):
            return start
    raise NoFreePorts(base=base, count=count)
