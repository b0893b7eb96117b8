"""The specification in `ledger/README.md` says what the code does: tables of types, codes, parameters and the tests that hold the rules."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.errors import BY_CODE
from ledger.parameters import RANGES, Parameters
from tests.ledger.matrix import rows

FOLDER = Path(__file__).parent


def test_the_codes_are_those_of_the_code() -> None:
    """Goal: a client can print every code. Method: compare number, name and reason."""
    said = {int(code): (name, iso, bool(later)) for code, name, iso, later in rows("Codes")}
    assert said == {code: (refusal.name, refusal.iso, refusal.error is None) for code, refusal in BY_CODE.items()}


def test_the_parameters_are_those_of_the_code() -> None:
    """Goal: an operator knows the ranges. Method: compare name, default and range."""
    said = {name.strip("`"): (default, bounds) for name, default, bounds in rows("Parameters")}
    default = Parameters()
    assert said == {name: (f"{getattr(default, name):,}", f"{low:,} to {high:,}") for name, (low, high) in RANGES.items()}


def test_each_rule_names_tests_that_exist() -> None:
    """Goal: a reader finds the test of a rule in a minute. Method: each word of the last column is in the name of a test or file."""
    source = "\n".join(path.read_text() for path in sorted(FOLDER.glob("test_*.py")))
    names = re.findall(r"^def (test_\w+)", source, re.MULTILINE) + [path.stem for path in FOLDER.glob("test_*.py")]
    for rule, _, _, _, held in rows("Rules"):
        for word in re.findall(r"`([\w*]+)`", held):
            assert any(word.rstrip("*") in name for name in names), (rule, word)
