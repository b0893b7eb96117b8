"""A node whose clock is wrong: `python -m tests.devnet.skewed OFFSET_FILE INTERPRETER -m cli node run ...`.

Everything is the real program; only its wall clock is ahead by the milliseconds that the file says (eight bytes, signed, big-endian), read
at every look, so that a test sets the clock right by writing zeros. Monotonic clocks stay as they are, as on a machine whose time is set.
"""

from __future__ import annotations

import mmap
import sys
import time
from pathlib import Path

from cli.main import main

OFFSET_BYTES = 8
NS_PER_MS = 1_000_000


def write_offset(path: Path, offset_ms: int) -> None:
    """Set the clock of the node that reads this file."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(offset_ms.to_bytes(OFFSET_BYTES, "big", signed=True))


def skew(path: Path) -> None:
    """Put this process's wall clock ahead by what the file says."""
    with path.open("rb") as file:
        offset = mmap.mmap(file.fileno(), OFFSET_BYTES, access=mmap.ACCESS_READ)
    real_ns, real = time.time_ns, time.time
    time.time_ns = lambda: real_ns() + int.from_bytes(offset[:], "big", signed=True) * NS_PER_MS
    time.time = lambda: real() + int.from_bytes(offset[:], "big", signed=True) / 1_000


if __name__ == "__main__":
    skew(Path(sys.argv[1]))
    sys.argv = ["som", *sys.argv[5:]]
    sys.exit(main())
