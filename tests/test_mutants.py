"""What the list of planted bugs covers, and what counts as caught."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bridge.contracts import FOLDER
from tests.bridge.contracts.test_histories import MUTANTS
from tests.mutants.__main__ import CAUGHT, FAILED, NOT_ENDED, SURVIVED, TIMED_OUT, all_mutants, outcome_of

ROOT = Path(__file__).resolve().parents[1]
HOLES = ("tests/ledger/test_holes.py", "tests/ledger/test_holes_round.py")
RULES = [f"L{number}" for number in range(1, 33)]
BRIDGE = [f"B{number}" for number in range(1, 14)]
"""Of both sides of a bridge and of the processes between them."""
CONTRACT = ("nonce", "bound", "membership", "watermark", "burn_accounting", "deadline")
"""What the design names to be broken in the contract; those bugs are byte code, beside its sources."""
INVARIANTS = [f"invariant {number}" for number in range(1, 25)]


def not_built_yet() -> str:
    """Return what the ledger's specification says is still missing."""
    return (ROOT / "ledger" / "README.md").read_text().partition("## Not built yet")[2].partition("\n## ")[0]


@pytest.mark.parametrize("rule", [*RULES, *BRIDGE, *INVARIANTS])
def test_every_rule_and_every_invariant_has_a_planted_bug(rule: str) -> None:
    """Goal: acceptance 3 of the rules of money. Method: look for a mutant that is named after it."""
    if rule == "L29" and "`successor`" in not_built_yet():
        pytest.skip("succession is not built yet, and refused")
    assert [mutant.name for mutant in all_mutants() if mutant.rule == rule]


@pytest.mark.parametrize("name", CONTRACT)
def test_every_planted_bug_of_the_contract_that_the_design_names_is_there_and_is_hunted(name: str) -> None:
    """Goal: the six of the bridge's design. Method: each is an edit of the sources, built to other code, and tried by histories."""
    one = next(each for each in json.loads((FOLDER.parent / "mutants.json").read_text()) if each["name"] == name)
    assert (FOLDER.parent / one["file"]).read_text().count(one["find"]) == 1
    whole = json.loads((FOLDER / "SomBridge.json").read_text())["bytecode"]
    assert json.loads((FOLDER / "mutants" / f"{name}.json").read_text())["bytecode"] != whole
    assert name in {path.stem for path in MUTANTS}


def test_every_hole_and_every_way_round_has_a_planted_bug() -> None:
    """Goal: the test of each hole is red when its rule is taken out. Method: each is named by a mutant, and each that is named exists."""
    written = [f"{file}::{name}" for file in HOLES for name in re.findall(r"^def (test_\w+)", (ROOT / file).read_text(), re.MULTILINE)]
    named = [test for mutant in all_mutants() for test in mutant.tests if test.startswith(HOLES)]
    assert sorted(written) == sorted(dict.fromkeys(named))


def test_every_mutant_has_a_name_of_its_own() -> None:
    """Goal: a line of the report says which bug it was. Method: look for names that stand twice under one rule."""
    names = [(mutant.rule, mutant.name) for mutant in all_mutants()]
    assert sorted(names) == sorted(dict.fromkeys(names))


@pytest.mark.parametrize(
    ("code", "hangs", "outcome"),
    [(FAILED, False, CAUGHT), (0, False, SURVIVED), (0, True, SURVIVED), (NOT_ENDED, False, TIMED_OUT), (NOT_ENDED, True, CAUGHT)],
)
def test_tests_that_do_not_end_catch_nothing_unless_the_bug_hangs_by_design(code: int, outcome: str, *, hangs: bool) -> None:
    """Goal: a slow machine proves nothing. Method: every exit code that pytest and the clock give."""
    assert outcome_of(code, hangs=hangs) == outcome
    assert re.match("STALE", outcome_of(4, hangs=hangs))
