"""What the long simulation plays: scenes, each a ledger and a naive model side by side.

To plug a new rule in: write its model as `tests/naive_TOPIC.py` (standard library only, see `tests/naive.py`), a `Stage` beside its
history test whose `carry_out(choose)` plays one random command on both and asserts that they agree, and one line in `SCENES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from tests.ledger import (
    test_bridge_histories,
    test_closing_histories,
    test_condition_histories,
    test_order_histories,
    test_people_histories,
    test_recovery_histories,
)
from tests.simulation_ledger.parts import BackingScene, EpochScene
from tests.simulation_ledger.whole import Everything

if TYPE_CHECKING:
    import random
    from collections import Counter
    from collections.abc import Callable


class Played(Protocol):
    """The ledger of a scene, as far as the simulation looks at it; a `tests.ledger.world.World` is one."""

    check_every: int
    """Blocks between two checks of the whole state."""

    @property
    def seen(self) -> Counter[tuple[str, int]]:
        """How often a type had a code, set-up included."""


class Scene(Protocol):
    """A ledger and a model of it."""

    @property
    def world(self) -> Played:
        """The ledger."""

    def carry_out(self, choose: random.Random) -> object:
        """Play a random command on both.

        Raises
        ------
        AssertionError
            They differ: in a code, or in what the state is afterwards.
        """


class Kind(NamedTuple):
    """One scene of the programme."""

    name: str
    make: Callable[[], Scene]
    share: int
    """Of the transactions, in relation to the shares of the others."""
    length: int
    """Transactions after which another one begins on an empty ledger."""


SCENES = (
    Kind("everything", Everything, 80, 3_000),
    Kind("orders", test_order_histories.Stage, 5, 1_000),
    Kind("people", test_people_histories.Stage, 5, 1_000),
    Kind("backing", BackingScene, 5, 1_000),
    Kind("epochs", EpochScene, 5, 500),
    Kind("keys", test_recovery_histories.Stage, 4, 150),
    Kind("conditions", test_condition_histories.Stage, 6, 1_000),
    Kind("bridge", test_bridge_histories.Stage, 8, 500),
    Kind("closings", test_closing_histories.Stage, 2, 300),
)
