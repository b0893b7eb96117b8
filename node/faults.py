"""Faults of ours, as far as a running node can meet them: what a mistake in the code raises while a block is executed.

They are listed, not caught as `Exception`: what is meant for others (cancellation, a store that failed, a refusal) must pass.
"""

from __future__ import annotations

from typing import Final

FAULTS: Final = (
    AssertionError,
    ArithmeticError,
    AttributeError,
    BufferError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""K8: any of these while a block is judged is no verdict; while one is built, the transaction is set aside with an alarm."""
