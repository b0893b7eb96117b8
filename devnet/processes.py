"""One node as a real process: start, kill, pause, resume, wait. Children die with their parent.

A child asks the kernel to be killed when its parent ends (PR_SET_PDEATHSIG), so that not even SIGKILL of the devnet leaves a node behind.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_SECONDS_MAX = 15
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Run in the child before it becomes the node."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class NodeFailed(Exception):
    """A node ended when it should run."""

    def __init__(self, *, name: str, code: int, log: Path) -> None:
        tail = " | ".join(log.read_text(errors="replace").splitlines()[-3:]) if log.exists() else ""
        super().__init__(f"{name} ended with exit code {code}; the end of {log}: {tail}")
        self.name, self.code = name, code


@dataclass
class NodeProcess:
    """A node of the devnet: where it listens, where it logs, and its process while it runs."""

    name: str
    config: Path
    log: Path
    api_url: str
    peer_url: str
    role: str
    prefix: tuple[str, ...] = ()
    """Command that the node's own is given to: how it gets onto another host of a shaped network."""
    command: tuple[str, ...] = ()
    """What is run instead of a node: a process of a bridge, or a public chain."""
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    paused: bool = False
    """Whether it was stopped with SIGSTOP."""

    @property
    def running(self) -> bool:
        """Whether the process is there (paused counts)."""
        return self.process is not None and self.process.returncode is None

    @property
    def pid(self) -> int:
        """Process id; 0 where it does not run."""
        return self.process.pid if self.process is not None and self.running else 0

    @property
    def state(self) -> Literal["running", "paused", "stopped"]:
        """In a word."""
        if not self.running:
            return "stopped"
        return "paused" if self.paused else "running"

    async def start(self) -> None:
        """Start the node; its output is appended to its log."""
        self.paused = False
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.prefix,
                *(self.command or (sys.executable, "-m", "cli", "node", "run", "--config", str(self.config))),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to a running node."""
        if self.process is not None and self.running:
            self.process.send_signal(number)

    def pause(self) -> None:
        """SIGSTOP: the node is there and says nothing."""
        self.signal(signal.SIGSTOP)
        self.paused = True

    def go_on(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)
        self.paused = False

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self.wait()

    async def wait(self) -> int:
        """Wait for the end; return the exit code (negative: the signal)."""
        return 0 if self.process is None else await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM for a graceful stop; SIGKILL where that takes longer than 15 s."""
        self.go_on()
        self.signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            await self.kill()
            return -int(signal.SIGKILL)

    def check(self) -> None:
        """Raise NodeFailed where the node ended by itself."""
        if self.process is not None and self.process.returncode is not None:
            raise NodeFailed(name=self.name, code=self.process.returncode, log=self.log)
