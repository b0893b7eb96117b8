"""The program's version: `pyproject.toml` takes it from here, so that a bare checkout knows it as well as an installed program."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
"""Semantic Versioning."""
