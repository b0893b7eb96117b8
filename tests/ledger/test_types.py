"""Each transaction type: what it needs, one thing at a time (acceptance 6, L15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledger.errors import BY_CODE, OK, Ordered, QuorumNotMet, Unorderable
from ledger.state import Overlay
from ledger.transactions import apply_transaction, begin_block, check_admission
from ledger.transactions.bodies import TYPES
from tests.ledger.cases import CASES
from tests.ledger.cast import MONEY, Case
from tests.ledger.world import World, verified

if TYPE_CHECKING:
    from tests.ledger.breaks import Break

NAMES = [case.name for case in CASES]
SIGNATURES = [pytest.param(case, index, id=f"{case.name}-{index}") for case in CASES for index in range(len(case.by))]
BREAKS = [pytest.param(case, each, id=f"{case.name}-{each.what}") for case in CASES for each in case.breaks]
OF_REFERENCES = ("refs/", "~refs/", "~live/")


def test_every_type_has_a_case() -> None:
    """Goal: the table is whole. Method: compare it with the catalogue."""
    assert sorted({case.name.split()[0].rstrip(",") for case in CASES}) == sorted(TYPES)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_whole_transaction_succeeds(case: Case) -> None:
    """Goal: what the other tests take away was the only thing missing. Method: take nothing away."""
    world = World(money=MONEY)
    body = case.make(world)
    assert world.do(body, by=case.by, sender=case.sender).code == OK


@pytest.mark.parametrize(("case", "index"), SIGNATURES)
def test_each_missing_signature_is_111_and_leaves_the_reference_free(case: Case, index: int) -> None:
    """Goal: L15, a stripped copy burns nothing. Method: strip one signature, see 111 in pool and block, then send the whole one."""
    world = World(money=MONEY)
    body = case.make(world)
    stripped = world.sign(body, by=[each for at, each in enumerate(case.by) if at != index], sender=case.sender, ref="once")
    overlay, context = Overlay(world.state), world.context()
    with pytest.raises(QuorumNotMet):
        check_admission(world.state, stripped, context, verified)
    with pytest.raises(QuorumNotMet):
        apply_transaction(overlay, stripped, context, verified)
    assert overlay.changes == {}
    assert overlay.used_ref(stripped.ref_id) is None
    assert world.do(body, by=case.by, sender=case.sender, ref="once").code == OK


@pytest.mark.parametrize(("case", "missing"), BREAKS)
def test_each_missing_precondition_has_its_code(case: Case, missing: Break) -> None:
    """Goal: the exact code and class of each refusal. Method: take one thing away; see what the refusal left behind."""
    world = World(money=MONEY)
    body = missing.change(world, case.make(world))
    tx = world.sign(body, by=case.by if missing.by is None else missing.by, sender=case.sender)
    overlay, context = Overlay(world.state), world.context()
    begin_block(overlay, context)
    before = dict(overlay.changes)
    if missing.code <= 111:
        assert BY_CODE[missing.code].error is not None
        with pytest.raises(Unorderable) as refusal:
            apply_transaction(overlay, tx, context, verified)
        assert refusal.value.code == missing.code
        assert overlay.changes == before
        assert overlay.used_ref(tx.ref_id) is None
        return
    outcome = apply_transaction(overlay, tx, context, verified)
    error = BY_CODE[missing.code].error
    assert outcome.code == missing.code, outcome.detail
    assert error is not None
    assert issubclass(error, Ordered)
    assert outcome.detail
    assert outcome.entries == ()
    changed = {key for key in overlay.changes if overlay.changes[key] != before.get(key, world.state.get(key))}
    assert [key for key in sorted(changed) if not key.startswith(OF_REFERENCES)] == []
    assert overlay.used_ref(tx.ref_id) is not None
