"""The physical limit of this machine: four validators verify every signature once, on the cores there are.

limit = verifications per second of all cores together / validators. It is measured in the same run as what is held against it, right before
and right after: on a machine that others share the same code differs by a tenth between minutes.

Each signature is another one, as in a node, which verifies none twice. Which branches a check takes follows from the bits of its signature,
and a processor that sees one over and over knows them beforehand: on one machine 42.3 microseconds instead of 44.6.
"""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from itertools import cycle, islice
from multiprocessing import get_context

from ledger.keys import public_key_of, sign, verify

SECONDS = 3.0
CHUNK = 200
SIGNATURES = 4_000
"""Different ones: with 50 a processor still knows most of what comes."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What the cores of this machine could do at best, for a number of validators."""

    transactions_per_s: float
    verify_us: float
    """Microseconds of the clock per verification, all cores busy."""
    verify_cpu_us: float
    """Microseconds of CPU: less where something else runs on the machine."""

    def mean(self, other: Limit) -> Limit:
        """Return what lies between two measurements."""
        return Limit(
            (self.transactions_per_s + other.transactions_per_s) / 2,
            (self.verify_us + other.verify_us) / 2,
            (self.verify_cpu_us + other.verify_cpu_us) / 2,
        )


def _verify_for(seconds: float) -> tuple[float, float]:
    """Verifications per second of this process: of the clock, and of its own CPU time."""
    seed = bytes(range(32))
    key, messages = public_key_of(seed), [b"som/sig/1" + sha256(b"%d" % number).digest() for number in range(SIGNATURES)]
    signed = cycle([(message, sign(seed, message)) for message in messages])
    began, worked = time.perf_counter(), time.process_time()
    done = 0
    while time.perf_counter() - began < seconds:
        for message, signature in islice(signed, CHUNK):
            if not verify(key, message, signature):
                raise AssertionError("a good signature was refused")
        done += CHUNK
    return done / (time.perf_counter() - began), done / (time.process_time() - worked)


def signature_limit(validators: int, seconds: float = SECONDS) -> Limit:
    """Measure for so many seconds, on all cores."""
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(max_workers=cores, mp_context=get_context("spawn")) as pool:
        rates = list(pool.map(_verify_for, [seconds] * cores))
    by_clock, by_cpu = (sum(column) for column in zip(*rates, strict=True))
    return Limit(by_clock / validators, 1e6 * cores / by_clock, 1e6 * cores / by_cpu)


async def limit_beside(validators: int) -> Limit:
    """Measure while a network that has nothing to do is running."""
    return await asyncio.to_thread(signature_limit, validators)
