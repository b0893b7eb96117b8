"""The matrix of types and codes in `ledger/README.md`, written by hand: every marked pair is seen, and every pair that is seen is marked.

What is seen does not depend on which worker runs what: the tables of cases, each of whose pairs is held by a test of its own
(`test_types.py`, `test_proposals_types.py`); which of propose and the last vote refuses, which is found out here; and histories of
fixed seeds.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from ledger.errors import BY_CODE, OK, Unorderable
from ledger.state import Overlay
from ledger.transactions import apply_transaction, begin_block
from ledger.transactions.bodies import TYPES
from tests.ledger.cases import CASES
from tests.ledger.cast import MONEY
from tests.ledger.matrix import marked
from tests.ledger.voting_cases import proposing
from tests.ledger.world import World, verified
from tests.simulation_ledger.runs import Run, play
from tests.simulation_ledger.scenes import SCENES

LAST_UNORDERABLE, BROKEN = 111, 900
HISTORIES = (Run("everything", "matrix", 1_500), *(Run(kind.name, "matrix", 250) for kind in SCENES if kind.name != "everything"))

Pair = tuple[str, int]


def direct() -> set[Pair]:
    """Pairs of the tables of cases."""
    return {(case.name.split()[0].rstrip(","), each.code) for case in CASES for each in case.breaks if each.code > LAST_UNORDERABLE}


@cache
def by_votes() -> frozenset[Pair]:
    """Pairs of propose and approve: the propose of a body that is refused whoever agrees, else the vote that makes the quorum."""
    found = set()
    for case in CASES:
        for missing in case.breaks:
            if missing.code > LAST_UNORDERABLE and not case.name.startswith(("propose", "approve")):
                world = World(money=MONEY)
                body = missing.change(world, case.make(world))
                overlay, context = Overlay(world.state), world.context()
                begin_block(overlay, context)
                tx = world.sign(proposing(body), by=case.by if missing.by is None else missing.by, sender=case.sender)
                with suppress(Unorderable):  # what needs nobody's agreement is not voted on
                    code = apply_transaction(overlay, tx, context, verified).code
                    found.add(("approve", missing.code) if code == OK else ("propose", code))
    return frozenset(found)


def in_histories() -> set[Pair]:
    """Pairs that random histories of fixed seeds meet."""
    found: set[Pair] = set()
    for run in HISTORIES:
        outcome = play(run)
        assert outcome.failure == ""
        found |= set(outcome.seen)
    return {pair for pair in found if pair[1] > LAST_UNORDERABLE}


def pairs_of(matrix: dict[str, list[int]]) -> set[Pair]:
    """Pairs of a matrix."""
    return {(type_, code) for type_, codes in matrix.items() for code in codes}


def test_every_marked_pair_is_seen_in_the_tables_of_cases() -> None:
    """Goal: acceptance 4, nothing is only claimed. Method: take what the tables hold off what is marked."""
    assert sorted(pairs_of(marked()) - direct() - by_votes()) == []


def test_every_pair_of_the_tables_of_cases_is_marked() -> None:
    """Goal: acceptance 4, no refusal is undocumented. Method: the other way round."""
    assert sorted((direct() | by_votes()) - pairs_of(marked())) == []


def test_every_pair_that_a_history_meets_is_marked() -> None:
    """Goal: acceptance 4, for pairs that nobody thought of. Method: histories of fixed seeds; 900 is our own fault and never met."""
    seen = in_histories()
    assert sorted(seen - pairs_of(marked())) == []
    assert BROKEN not in {code for _, code in seen}


def test_the_matrix_is_a_table_of_all_types_in_order() -> None:
    """Goal: it can be read. Method: every type once, its codes rising, each one that the ledger has and that stands in a block."""
    matrix = marked()
    assert sorted(matrix) == sorted(TYPES)
    for codes in matrix.values():
        assert codes == sorted(set(codes))
        assert all(LAST_UNORDERABLE < code < BROKEN and BY_CODE[code].error is not None for code in codes)
