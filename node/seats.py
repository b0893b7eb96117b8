"""What people call the validators of a set: in logs, in metrics and in answers of the client API."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.epochs import Validator


def names_of(members: Sequence[Validator]) -> tuple[str, ...]:
    """Name each validator of a set, by index: by its participant, and by its place too where that participant has several of them."""
    seats = Counter(each.participant for each in members)
    return tuple(each.participant if seats[each.participant] == 1 else f"{each.participant}/{index}" for index, each in enumerate(members))
