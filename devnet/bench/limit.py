"""The physical limit of this machine: four validators verify every signature once, on the cores there are.

limit = verifications per second of all cores together / validators. It is measured in the same run as what is held against it.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from ledger.keys import public_key_of, sign, verify

SECONDS = 3.0
CHUNK = 200


def _verify_for(seconds: float) -> tuple[float, float]:
    """Verifications per second of this process: of the clock, and of its own CPU time."""
    seed, message = bytes(range(32)), b"som/sig/1" + bytes(32)
    key, signature = public_key_of(seed), sign(seed, message)
    began, worked = time.perf_counter(), time.process_time()
    done = 0
    while time.perf_counter() - began < seconds:
        for _ in range(CHUNK):
            if not verify(key, message, signature):
                raise AssertionError("a good signature was refused")
        done += CHUNK
    return done / (time.perf_counter() - began), done / (time.process_time() - worked)


def signature_limit(validators: int, seconds: float = SECONDS) -> tuple[float, float, float]:
    """Return (transactions per second that `validators` could verify on all cores, microseconds per verification, of CPU alone).

    Where something else runs on the machine, CPU alone takes less than the clock says.
    """
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(max_workers=cores, mp_context=get_context("spawn")) as pool:
        rates = list(pool.map(_verify_for, [seconds] * cores))
    by_clock, by_cpu = (sum(column) for column in zip(*rates, strict=True))
    return by_clock / validators, 1e6 * cores / by_clock, 1e6 * cores / by_cpu
