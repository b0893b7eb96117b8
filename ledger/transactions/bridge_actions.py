"""Which action a body of the bridge's types, or an attestation, is carried out by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.attestations import Sighting
from ledger.transactions.accusing import Accusing
from ledger.transactions.attesting import Attesting
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeIn, BridgeOut, BridgeSet
from ledger.transactions.bridge_claims import Claiming
from ledger.transactions.bridge_locks import Locking
from ledger.transactions.bridge_routes import Routing
from ledger.transactions.bridge_votes import Witnessing
from ledger.transactions.bridge_words import Countersigning, Watching
from ledger.transactions.governance import Readying

if TYPE_CHECKING:
    from ledger.transactions.bodies import Attest
    from ledger.transactions.bridge_bodies import BridgeBody
    from ledger.transactions.work import Action, Work


def bridge_action(work: Work, body: BridgeBody) -> Action:
    """Choose the action of a body of the bridge's types."""
    match body:
        case BridgeOut():
            return Locking(work, body)
        case BridgeIn():
            return Witnessing(work, body)
        case BridgeSet():
            return Routing(work, body)
        case BridgeClaim():
            return Claiming(work, body)


def attest_action(work: Work, body: Attest) -> Action:
    """Choose the action of an attestation: about validators, about a route, or about what backs an asset."""
    said = body.attestation
    if said.kind == "ready":
        return Readying(work, body)
    if said.kind == "evidence":
        return Accusing(work, body)
    if said.kind == "bridge":
        return Countersigning(work, body)
    return Watching(work, body) if isinstance(said.value, Sighting) else Attesting(work, body)
