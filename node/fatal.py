"""What stops a node: faults of the world after which going on would not be safe. Each has its own exit code and says what to do.

A node never repairs by guessing (architecture.md, "Errors"): only `node/main.py` catches these, prints the sentence and exits.
"""

from __future__ import annotations


class Fatal(Exception):
    """The node must stop. The message says what is wrong and what the operator can do."""

    exit_code = 20
    """Exit code of the process, 20 <= code <= 119; one per class."""
