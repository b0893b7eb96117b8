"""The house rules that no linter knows: sizes, links of the documents, and mutants that still fit the code."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.mutants.__main__ import all_mutants

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("consensus", "ledger", "node", "bridge", "cli", "devnet", "tests")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LINES_MAX = 400


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_one_thought(path: Path) -> None:
    """Goal: style rule 2. Method: count lines."""
    assert len(path.read_text().splitlines()) <= LINES_MAX


def test_no_assert_in_product_code() -> None:
    """Goal: checks survive `python -O`. Method: look for assert statements outside the tests."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if "tests" not in path.relative_to(ROOT).parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_documents_link_to_files_that_exist() -> None:
    """Goal: no dead link. Method: every relative link of every Markdown file."""
    dead = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in ROOT.rglob("*.md")
        if not {".venv", "node_modules"} & set(page.parts)
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert dead == []


def test_every_mutant_still_fits_the_code() -> None:
    """Goal: no stale mutant. Method: its `find` stands exactly once in its file, and the tests it names exist."""
    stale = []
    for mutant in all_mutants():
        file = ROOT / mutant.file
        if not file.is_file() or file.read_text().count(mutant.find) != 1:
            stale.append(f"{mutant.rule} {mutant.name}: not once in {mutant.file}")
        stale.extend(f"{mutant.name}: no {test}" for test in mutant.tests if not (ROOT / test.split("::")[0]).exists())
    assert stale == []


def imports_of(path: Path, modules: dict[str, Path]) -> set[str]:
    """Modules of the house that a file imports, wherever the import stands: for types only and within functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole & modules.keys() or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & modules.keys()


def test_no_module_imports_itself_in_a_circle() -> None:
    """Goal: every file can be read after what it builds on. Method: take away modules that import nothing that is left, until none goes."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in SOURCES
        if "tests" not in path.relative_to(ROOT).parts
    }
    left = {name: imports_of(path, modules) - {name} for name, path in modules.items()}
    while done := {name for name, imported in left.items() if not imported & left.keys()}:
        left = {name: imported for name, imported in left.items() if name not in done}
    assert left == {}


@pytest.mark.parametrize("path", sorted((ROOT / "tests").glob("naive*.py")), ids=lambda path: path.stem)
def test_the_naive_models_share_no_code_with_the_ledger(path: Path) -> None:
    """Goal: a fault is not on both sides. Method: what they import, wherever it stands, is the standard library or another model."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    foreign = [name for name in found if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("tests.naive")]
    assert foreign == []
