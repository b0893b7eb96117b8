"""The version that a node tells is the one that the package is built with."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

from node.version import VERSION

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_the_package_is_built_with_the_version_that_a_node_tells() -> None:
    """Goal: one source. Method: follow what pyproject.toml names as its version to the value."""
    document = tomllib.loads(PROJECT.read_text())
    assert "version" in document["project"]["dynamic"]
    assert "version" not in document["project"]
    module, _, name = document["tool"]["setuptools"]["dynamic"]["version"]["attr"].rpartition(".")
    assert getattr(importlib.import_module(module), name) == VERSION
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", VERSION)
