"""Run mutations through decoders and say what came of it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.fuzz.mutate import mutate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fuzz.target import Target


@dataclass(slots=True)
class Tally:
    """What became of the mutations of one target."""

    refused: int = 0
    accepted: int = 0
    unchanged: int = 0


class UntypedError(AssertionError):
    """A decoder raised something that its callers do not expect."""


def all_targets() -> list[Target]:
    """Return the targets of every `targets_*.py` in this folder."""
    found: list[Target] = []
    for path in sorted(Path(__file__).parent.glob("targets_*.py")):
        found.extend(importlib.import_module(f"tests.fuzz.{path.stem}").TARGETS)
    return found


def run(target: Target, mutations: int, seed: int) -> Tally:
    """Feed so many mutations to a decoder.

    Raises
    ------
    UntypedError
        With the message, in hex, that made it raise anything but its typed errors.
    """
    random, tally = Random(f"{seed} {target.name}"), Tally()  # noqa: S311
    for _ in range(mutations):
        sample = random.choice(target.samples)
        data = mutate(random, sample, target.samples)
        if data == sample:
            tally.unchanged += 1
            continue
        try:
            target.decode(data)
        except target.errors:
            tally.refused += 1
        except Exception as error:
            raise UntypedError(f"{target.name} raised {error!r} on {data.hex()}") from error
        else:
            tally.accepted += 1
    return tally


def check_samples(targets: Sequence[Target]) -> None:
    """See that every sample is valid: mutations of garbage would prove nothing."""
    for target in targets:
        for sample in target.samples:
            target.decode(sample)
