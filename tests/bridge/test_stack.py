"""A library raises the limit of recursion on import, and hostile bytes then end the process instead of an error (L6)."""

from __future__ import annotations

import subprocess
import sys

import pytest

DEEP = """
import sys
import {modules}
from ledger.canonical import decode
from ledger.errors import Malformed
try:
    decode(b"\\x91" * 300_000 + b"\\x01", object)
except Malformed:
    sys.exit(sys.getrecursionlimit() != 1_000)
sys.exit("taken")
"""


@pytest.mark.parametrize("modules", ["eth_account, bridge.keys", "bridge.rpc, web3", "cli.bridge", "bridge.process, cli.bridge_run"])
def test_deep_bytes_are_malformed_whatever_a_library_did(modules: str) -> None:
    """Goal: a typed refusal, no end of the process. Method: a process of its own with each door to the libraries, in either order."""
    ended = subprocess.run([sys.executable, "-c", DEEP.format(modules=modules)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-500:])
