"""Mutations of valid messages through every decoder: nothing but typed errors (acceptance 6; the long form is `python -m tests.fuzz`)."""

from __future__ import annotations

import pytest

from tests.fuzz.run import UntypedError, all_targets, check_samples, run
from tests.fuzz.target import Target

TARGETS = all_targets()
MUTATIONS = 20_000


def test_samples_are_valid() -> None:
    """Goal: mutations of garbage would prove nothing. Method: every decoder takes its samples."""
    check_samples(TARGETS)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_only_typed_errors(target: Target) -> None:
    """Goal: acceptance 6, short form. Method: the same mutations at every run; most are refused, and the refusals are typed."""
    each = MUTATIONS // len(TARGETS)
    tally = run(target, each, seed=1)
    assert tally.refused + tally.accepted + tally.unchanged == each
    # The body in a journal's record of kind 1 is any bytes at all: its crc guards it, not its form.
    assert tally.refused > each // (4 if target.name == "journal 1" else 2)


def test_an_untyped_error_is_reported() -> None:
    """Goal: the net has no hole. Method: a decoder that raises something else for odd bytes."""

    def careless(data: bytes) -> int:
        return {90: 1}[data[0]]

    with pytest.raises(UntypedError, match="careless"):
        run(Target("careless", careless, (b"\x5a",), (ValueError,)), 100, seed=1)
