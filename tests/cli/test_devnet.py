"""`som devnet` hands its arguments on and comes back with the devnet's own exit code."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def som(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and complaint of `som` in a folder."""
    done = subprocess.run([sys.executable, "-m", "cli", *arguments], capture_output=True, text=True, check=False, timeout=60, cwd=folder)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("devnet", "status"), 3, "no devnet runs on devnet-data"),
        (("--json", "devnet", "status"), 3, "no devnet runs on devnet-data"),
        (("devnet", "load", "--rate", "0"), 2, "not a whole number from 1 to"),
        (("devnet", "melt"), 2, "invalid choice"),
        (("devnet", "partition"), 2, "required: NODE"),
        (("devnet", "heal"), 3, "no devnet runs on devnet-data"),
        (("devnet", "kill"), 2, "required: NODE"),
        (("devnet", "reset", "--data", "."), 1, "nothing was removed"),
    ],
)
def test_the_exit_code_is_the_devnets(tmp_path: Path, arguments: tuple[str, ...], code: int, sentence: str) -> None:
    """Goal: exit codes 1, 2 and 3 as in README.md. Method: an order of each kind in an empty folder."""
    found, out, err = som(tmp_path, *arguments)
    assert (found, out) == (code, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_the_help_lists_the_verbs_there_are(tmp_path: Path) -> None:
    """Goal: help without a verb, and of a verb; nothing is offered that does not exist. Method: read them."""
    code, out, _ = som(tmp_path, "devnet")
    assert code == 0
    assert all(verb in out for verb in ("up", "down", "status", "reset", "kill", "pause", "resume", "partition", "heal", "load"))
    assert "melt" not in out
    code, out, _ = som(tmp_path, "devnet", "load", "--help")
    assert code == 0
    assert "--rate" in out
    assert "--json" in out


def test_no_completion_is_offered(tmp_path: Path) -> None:
    """Goal: the help lists what belongs to the ledger. Method: look for the options that typer adds by itself."""
    code, out, _ = som(tmp_path, "--help")
    assert code == 0
    assert "completion" not in out
