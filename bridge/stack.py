"""How deep this process may recurse. py_ecc comes with eth-account and web3, and raises Python's limit a hundredfold when it is imported.

Then a hostile answer of 100,000 arrays within each other is no typed error any more: msgspec follows them until the stack of the process
ends, and the process with it. Whoever imports one of the two calls `bounded` right after its imports.
"""

from __future__ import annotations

import sys
from typing import Final

DEPTH_MAX: Final = 1_000
"""Python's own."""


def bounded() -> None:
    """Put the limit back where Python has it, if it is above."""
    sys.setrecursionlimit(min(sys.getrecursionlimit(), DEPTH_MAX))
