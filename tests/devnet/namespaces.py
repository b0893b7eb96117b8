"""Hosts of one's own: every node in a network namespace, joined by a network as wide and as bad as asked for.

Run inside a namespace of one's own (`python -m tests.devnet.wan` enters one first), so that the machine's network is not touched and
nothing is left behind: a namespace goes with its last process. Each host has two ways out: `wan`, a TUN device whose packets
`tests.devnet.switch` delays, loses or cuts off, and `api`, a plain link to whoever measures: a client sits beside its node, not an ocean
away.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import struct
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INSIDE = "SOM_TEST_NAMESPACE"
"""Set in the process that was started anew inside a namespace."""
TOOLS = ("unshare", "nsenter", "setpriv", "ip")
TUN = "/dev/net/tun"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
QUEUE_PACKETS = 10_000
SEED = 1
CONGESTION = "reno"
"""Every kernel lets a namespace choose it, and like the usual default (cubic) it does not pace. BBR, the default of some machines, spreads
small messages by what a quiet line has carried so far: 10 ms more at 20 ms one way, 40 ms more at 100 ms."""


class NoNamespaces(Exception):
    """Network namespaces cannot be made on this machine."""


@dataclass(frozen=True, slots=True)
class Line:
    """What happens to a packet between any two hosts."""

    delay_ms: int
    """One way."""
    loss_per_cent: int = 0
    apart: tuple[int, ...] = ()
    """Hosts that reach each other and nobody else."""


def way_in() -> tuple[str, ...]:
    """Command that starts a program in a fresh network namespace: as root, or by a user namespace where that is allowed.

    Raises
    ------
    NoNamespaces
        A tool is missing, or neither way is allowed.
    """
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise NoNamespaces(f"{', '.join(missing)} not installed (Debian: util-linux, iproute2)")
    for way in (("unshare", "--net"), ("unshare", "--user", "--map-root-user", "--net")):
        tried = ("ip", "tuntap", "add", "dev", "wan", "mode", "tun")
        if subprocess.run([*way, *tried], capture_output=True, check=False).returncode == 0:
            return way
    raise NoNamespaces("neither root nor a user namespace may make a network namespace with a TUN device here")


def enter(module: str, arguments: Sequence[str]) -> int:
    """Run a module of the tests again inside a namespace; return its exit code."""
    command = [*way_in(), sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False).returncode


class Hosts:
    """One namespace per node. Use as a context manager, inside a namespace of one's own."""

    def __init__(self, count: int, line: Line) -> None:
        self.count, self.line = count, line
        self._holders: list[subprocess.Popen[bytes]] = []
        self._ways: list[int] = []
        self._switch: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        _run("ip", "link", "set", "lo", "up")
        for index in range(self.count):
            self._make(index)
        command = [sys.executable, "-m", "tests.devnet.switch", str(SEED), *map(str, self._ways)]
        self._switch = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, pass_fds=self._ways)
        self.shape(self.line)
        return self

    def __exit__(self, *_: object) -> None:
        if self._switch is not None and self._switch.stdin is not None:
            self._switch.stdin.close()
            self._switch.wait()
        for way in self._ways:
            os.close(way)
        for holder in self._holders:
            holder.kill()
            holder.wait()

    def wan_address(self, index: int) -> str:
        """Address on the wide network."""
        return f"10.1.0.{index + 1}"

    def api_address(self, index: int) -> str:
        """Address for the client beside the node."""
        return f"10.2.{index}.2"

    def prefix(self, index: int) -> tuple[str, ...]:
        """Command that starts a program on this host; it becomes that program, so its process id stays."""
        return ("nsenter", f"--net=/proc/{self._holders[index].pid}/ns/net", "--")

    @contextmanager
    def probed(self) -> Iterator[dict[str, float]]:
        """Measure what the line from the first host to the last really takes, one way; filled in at the end: p50, p90, p99, ms."""
        last, taken = self.count - 1, dict[str, float]()
        roles = (("receive", last), ("send", 0))
        command = (sys.executable, "-m", "tests.devnet.probe")
        receiver, sender = (
            subprocess.Popen(
                [*self.prefix(at), *command, role, self.wan_address(last)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for role, at in roles
        )
        try:
            yield taken
        finally:
            sender.communicate()
            taken.update(json.loads(receiver.communicate()[0]))

    def shape(self, line: Line) -> None:
        """Change what happens between hosts from now on."""
        if self._switch is None or self._switch.stdin is None:
            raise AssertionError("the hosts are used outside their context")
        self.line = line
        order = {"delay_ms": line.delay_ms, "loss_per_mille": 10 * line.loss_per_cent, "apart": line.apart}
        self._switch.stdin.write(json.dumps(order) + "\n")
        self._switch.stdin.flush()

    def part(self, apart: Sequence[int]) -> None:
        """Cut these hosts off from the others; none heals."""
        self.shape(Line(self.line.delay_ms, self.line.loss_per_cent, tuple(apart)))

    def _make(self, index: int) -> None:
        holder = subprocess.Popen(["unshare", "--net", "setpriv", "--pdeathsig", "KILL", "sleep", "infinity"])
        self._holders.append(holder)
        _wait_for_namespace(holder.pid)
        wan, api, pid = f"wan{index}", f"api{index}", str(holder.pid)
        self._ways.append(_open_tun(wan))
        _run("ip", "link", "set", wan, "netns", pid)
        _run("ip", "link", "add", api, "type", "veth", "peer", "name", "api", "netns", pid)
        _run("ip", "address", "add", f"10.2.{index}.1/30", "dev", api)
        _run("ip", "link", "set", api, "up")
        self._inside(index, "ip", "address", "add", f"{self.wan_address(index)}/24", "dev", wan)
        self._inside(index, "ip", "address", "add", f"{self.api_address(index)}/30", "dev", "api")
        self._inside(index, "ip", "link", "set", wan, "txqueuelen", str(QUEUE_PACKETS))
        for device in ("lo", wan, "api"):
            self._inside(index, "ip", "link", "set", device, "up")
        self._inside(index, "sh", "-c", f"echo {CONGESTION} > /proc/sys/net/ipv4/tcp_congestion_control")

    def _inside(self, index: int, *command: str) -> None:
        _run(*self.prefix(index), *command)


def _open_tun(name: str) -> int:
    """Make a TUN device and return the descriptor that its packets come out of; it stays that device's in whatever namespace."""
    descriptor = os.open(TUN, os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def _wait_for_namespace(pid: int) -> None:
    """Wait until the holder has left our namespace: it does so before it becomes `sleep`."""
    own = Path("/proc/self/ns/net").readlink()
    while Path(f"/proc/{pid}/ns/net").readlink() == own:
        os.sched_yield()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoNamespaces(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
