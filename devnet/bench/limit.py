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


def _verify_for(seconds: float) -> float:
    """Verifications per second of this process."""
    seed, message = bytes(range(32)), b"som/sig/1" + bytes(32)
    key, signature = public_key_of(seed), sign(seed, message)
    began = time.perf_counter()
    done = 0
    while time.perf_counter() - began < seconds:
        for _ in range(CHUNK):
            if not verify(key, message, signature):
                raise AssertionError("a good signature was refused")
        done += CHUNK
    return done / (time.perf_counter() - began)


def signature_limit(validators: int, seconds: float = SECONDS) -> tuple[float, float]:
    """Return (transactions per second that `validators` could verify on all cores, microseconds per verification)."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(max_workers=cores, mp_context=get_context("spawn")) as pool:
        rates = list(pool.map(_verify_for, [seconds] * cores))
    return sum(rates) / validators, 1e6 * cores / sum(rates)
