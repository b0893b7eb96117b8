"""What was said to one set of attestors is decided by the next one: no burn and no lock stays behind a rotation (B4, B5, B9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.identifiers import ledger_recipient
from tests.bridge.contracts.world import ALICE
from tests.bridge.forking import Sent
from tests.ledger.bridge_world import WITNESSES, defined
from tests.ledger.cast import BY_ROOT
from tests.ledger.world import MAIN_A
from tests.simulation_bridge.course import CALM_SECONDS, warm_stage
from tests.simulation_bridge.history import History
from tests.simulation_bridge.home import FIFTH
from tests.simulation_bridge.stage import Witness, members_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIVE = (*WITNESSES, FIFTH)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """Make a route in calm, with the fifth beside the four."""
    made = History(0, tmp_path, warm_stage())
    made.calm = True
    made.witnesses.append(Witness(FIFTH, 0, made.road, made.chain, tmp_path))
    yield made
    for process in made.processes:
        process.end()


def rotate(history: History, names: tuple[str, ...]) -> None:
    """Let these be the attestors; everybody goes on in calm afterwards."""
    history.later(CALM_SECONDS)
    history.finalise(0)
    body = defined(terms=None, status="", attestors=members_of(dict.fromkeys(names, 0)))
    assert history.road.do(body, BY_ROOT) == 0


def burn(history: History, amount: int) -> None:
    """Let Alice burn for bank-a, in a final block."""
    data = history.contracts.bridge.interface.call("burn", (amount, ledger_recipient(MAIN_A)))
    history.chain.pool.append(Sent(ALICE, history.contracts.bridge.address, data, amount.to_bytes(32, "big")))
    history.mine(whole=True)
    history.finalise(0)


def step(history: History, *names: str) -> None:
    """Let these do a step."""
    for witness in history.witnesses:
        if witness.name in names:
            history.attest(witness)


def test_b4_a_burn_that_enough_of_a_smaller_set_have_seen_is_released(history: History) -> None:
    """Goal: three of four decide, who spoke when four of five were needed. Method: a set of five, two silent; one of them leaves."""
    rotate(history, FIVE)
    step(history, *FIVE[1:])
    burn(history, 100)
    step(history, "operator", "treasury", FIFTH)
    assert history.route.released == 0
    rotate(history, ("bank-a", "operator", "treasury", FIFTH))
    step(history, "operator", "treasury", FIFTH)
    assert history.route.released == 100


def test_b9_who_left_a_set_and_came_back_says_again_what_is_undecided(history: History) -> None:
    """Goal: a vote that left with its attestor comes back with it. Method: treasury votes, leaves, another votes, it comes back."""
    burn(history, 100)
    step(history, "treasury")
    rotate(history, ("bank-a", "bank-b", "operator", FIFTH))
    step(history, "operator")
    rotate(history, WITNESSES)
    step(history, "bank-a")
    assert history.route.released == 0
    step(history, "treasury")
    assert history.route.released == 100


def test_b5_an_expiry_that_was_said_to_a_larger_set_is_said_again(history: History) -> None:
    """Goal: a refund does not stay behind a rotation. Method: three of five say that a lock expired; then another leaves."""
    rotate(history, FIVE)
    step(history, *FIVE[1:])
    assert history.ledger.lock(50, MAIN_A, bytes.fromhex(ALICE[2:])) == 0
    history.road.changes()
    history.later(3 * 86_400)
    history.finalise(0)
    step(history, "operator", "treasury", FIFTH)
    assert history.route.refunded == 0
    rotate(history, ("bank-a", "operator", "treasury", FIFTH))
    step(history, "operator", "treasury", FIFTH)
    assert history.route.refunded == 50
