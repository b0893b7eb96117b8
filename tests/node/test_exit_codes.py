"""Exit codes are what scripts and supervisors rely on: one per class, each in the manual, and which ask for no restart."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import node
from node.errors import AddressInUse, OurFault, StoreError
from node.fatal import Fatal
from node.files import DiskFull, StorageFailed

MANUAL = (Path(__file__).parents[2] / "node" / "README.md").read_text()
AGAIN = {0, StorageFailed.exit_code, DiskFull.exit_code, StoreError.exit_code, 44, 45, AddressInUse.exit_code, OurFault.exit_code}
"""After these a start reads everything anew, and may go on."""
COMMANDS = {33, 34, 35, 36}
"""Of commands that end by themselves; no supervisor runs them."""


def faults() -> list[type[Fatal]]:
    """Every class of fault in the node."""
    for module in pkgutil.walk_packages(node.__path__, "node."):
        importlib.import_module(module.name)
    found, left = [], [Fatal]
    while left:
        each = left.pop()
        found.append(each)
        left.extend(each.__subclasses__())
    return found


def test_every_fault_has_a_code_of_its_own() -> None:
    """Goal: a code tells the fault. Method: all classes below Fatal."""
    codes = {each: each.exit_code for each in faults()}
    assert len(set(codes.values())) == len(codes), sorted((code, each.__name__) for each, code in codes.items())
    assert all(20 <= code <= 119 for code in codes.values())


def test_every_code_is_in_the_manual() -> None:
    """Goal: an operator finds every code. Method: the table; the two that are only bases are never raised by themselves."""
    table = MANUAL.split("## Exit codes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([0-9 ]+) \|", table, re.MULTILINE)
    listed = [int(code) for row in rows for code in row.split()]
    assert sorted(listed) == sorted({0, *(each.exit_code for each in faults())} - {Fatal.exit_code, StoreError.exit_code})


def test_a_supervisor_knows_after_which_it_must_not_start_the_node_again() -> None:
    """Goal: no loop of starts where a key, a chain or a rule is at stake. Method: the line for systemd names all but the passing ones."""
    line = re.search(r"RestartPreventExitStatus=([0-9 ]+)", MANUAL)
    assert line is not None
    named = {int(code) for code in line[1].split()}
    assert named == {each.exit_code for each in faults()} - AGAIN - COMMANDS - {Fatal.exit_code}
