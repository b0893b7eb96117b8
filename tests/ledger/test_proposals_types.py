"""Every type by votes (L25, L26): they do what signatures on one envelope do, and are refused for the same reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.errors import OK, QuorumNotMet
from ledger.holds import Hold
from ledger.keys import public_key_of
from ledger.orders import OrderRecord
from ledger.participants import Keyset
from ledger.proposals import Proposal, proposal_key
from ledger.state import Overlay
from ledger.transactions import apply_transaction, begin_block
from ledger.transactions.bodies import Approve
from tests.ledger.cases import CASES
from tests.ledger.cast import MONEY, Case
from tests.ledger.voting_cases import proposing
from tests.ledger.world import World, signers, verified

if TYPE_CHECKING:
    from ledger.outcomes import Outcome
    from ledger.transactions.bodies import Body
    from tests.ledger.breaks import Break

PROPOSED = [case for case in CASES if case.voted and not case.name.startswith(("propose", "approve"))]
UNVOTED = [case for case in CASES if not case.voted]
BREAKS = [pytest.param(case, each, id=f"{case.name}-{each.what}") for case in PROPOSED for each in case.breaks if each.code > 111]


def by_votes(world: World, case: Case, body: Body) -> tuple[Overlay, list[Outcome], bytes]:
    """Propose a body and let everybody vote who would sign it, in one block; stop at what is refused or carried out."""
    overlay, context = Overlay(world.state), world.context()
    begin_block(overlay, context)
    propose = world.sign(proposing(body), by=case.by, sender=case.sender)
    outcomes = [apply_transaction(overlay, propose, context, verified)]
    for member in dict.fromkeys(f"{owner}/{name}" for owner, name, _ in case.by):
        if outcomes[-1].code or overlay.get(proposal_key(propose.tx_id)) is None:
            break
        if isinstance(overlay.get("keyset/" + member), Keyset):
            voters = [each for each in case.by if f"{each[0]}/{each[1]}" == member and _is_current(overlay, member, each[2])]
            ops = voters if "/" in voters[0][0] else signers(f"{voters[0][0]}/ops")
            tx = world.sign(Approve(propose.tx_id, member, "yes"), by=list(dict.fromkeys([*ops, *voters])), sender=voters[0][0])
            outcome = apply_transaction(overlay, tx, context, verified)
            if " has no vote on " not in outcome.detail:
                outcomes.append(outcome)
    return overlay, outcomes, propose.tx_id


def _is_current(overlay: Overlay, member: str, seed: bytes) -> bool:
    record = overlay.get("keyset/" + member)
    return isinstance(record, Keyset) and any(key.public_key == public_key_of(seed) for key in record.keys)


def effect(overlay: Overlay, *, without: bytes) -> dict[str, object]:
    """Return what a block changed but for references, proposals and the id of the transaction itself."""
    found: dict[str, object] = {}
    for key, record in overlay.changes.items():
        if not key.startswith(("refs/", "~refs/", "~live/", "proposal/", "~proposals/")) and "/proposal/" not in key:
            known = replace(record, id=bytes(32)) if isinstance(record, Hold) else record
            known = replace(record, index=0) if isinstance(record, OrderRecord) else known
            found[key.replace(without.hex(), "ID")] = known
    return found


@pytest.mark.parametrize("case", PROPOSED, ids=[case.name for case in PROPOSED])
def test_l26_votes_do_what_signatures_do(case: Case) -> None:
    """Goal: L25, the same check. Method: every type on one envelope, and by proposal: same entries, same records."""
    world = World(money=MONEY)
    body = case.make(world)
    overlay, context = Overlay(world.state), world.context()
    begin_block(overlay, context)
    direct = world.sign(body, by=case.by, sender=case.sender)
    expected = apply_transaction(overlay, direct, context, verified)
    voted, outcomes, found = by_votes(world, case, body)
    assert [outcome.code for outcome in outcomes] == [OK] * len(outcomes)
    assert voted.get(proposal_key(found)) is None
    assert outcomes[-1].entries == expected.entries
    assert effect(voted, without=found) == effect(overlay, without=direct.tx_id)


@pytest.mark.parametrize(("case", "missing"), BREAKS)
def test_l26_votes_are_refused_as_the_body_would_be(case: Case, missing: Break) -> None:
    """Goal: every check of the type. Method: break each precondition; the propose or the last vote meets the body's own code."""
    world = World(money=MONEY)
    body = missing.change(world, case.make(world))
    if missing.by is not None:
        case = replace_by(case, missing)
    overlay, outcomes, found = by_votes(world, case, body)
    codes = [outcome.code for outcome in outcomes]
    assert codes == [OK] * (len(codes) - 1) + [missing.code]
    if len(codes) > 1:
        assert outcomes[-1].entries == ()
        record = overlay.get(proposal_key(found))
        assert isinstance(record, Proposal)
        assert len(record.votes) == len(codes) - 2


@pytest.mark.parametrize("case", UNVOTED, ids=[case.name for case in UNVOTED])
def test_l26_what_anybody_may_do_and_what_a_mandate_allows_is_not_voted_on(case: Case) -> None:
    """Goal: a vote is of whom the body needs. Method: a lock and a receipt, which need nobody, and debits under a grant: no propose."""
    world = World(money=MONEY)
    tx = world.sign(proposing(case.make(world)), by=case.by, sender=case.sender)
    with pytest.raises(QuorumNotMet):
        world.block(tx)


def replace_by(case: Case, missing: Break) -> Case:
    """Let those sign whom the break names."""
    return Case(case.name, case.make, missing.by or case.by, (), case.sender)
