"""attest (type 11) of kind evidence: a participant that validates has the proof of a double vote (consensus.md, section 8).

It puts on record which file was shown to prove what against whom; it judges nothing. Governance acts with the file in hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.attestations import ACCUSATIONS_MAX, Accusation, evidence_index, evidence_key
from ledger.authority import OPS, active_participant
from ledger.epochs import epoch_of
from ledger.errors import ConditionNotMet, Exists, NoGrant
from ledger.indexes import put_indexed
from ledger.keysets import CONSENSUS_ROLE
from ledger.participants import KeyOwner

if TYPE_CHECKING:
    from ledger.transactions.bodies import Attest
    from ledger.transactions.work import Work


class Accusing:
    """One attest transaction of kind evidence."""

    __slots__ = ("said", "work")

    def __init__(self, work: Work, body: Attest) -> None:
        self.work = work
        self.said = body.attestation

    def authorise(self) -> None:
        """See that the file is not on record, and that who says it has a validator of the current set, whose `ops` agrees: no grant."""
        work, said = self.work, self.said
        active_participant(work.overlay, said.by)
        if work.overlay.get(evidence_key(said.doc_hash)) is not None:
            raise Exists(subject=f"evidence {said.doc_hash.hex()}")
        if all(each.participant != said.by for each in epoch_of(work.overlay, work.context.epoch).validators):
            raise NoGrant(permission="attest.evidence", subject=said.subject)
        work.signers.need(f"{said.by}/{OPS}")

    def perform(self) -> None:
        """Check its date, and that it is about a key that votes, will vote or did; keep it, instead of the oldest one of many."""
        work, said = self.work, self.said
        overlay = work.overlay
        if said.as_of > work.time_ms:
            raise ConditionNotMet(subject=said.subject, condition="a date that has come")
        owner = overlay.get(f"key/{said.subject}")
        if not isinstance(owner, KeyOwner) or owner.keyset != CONSENSUS_ROLE:
            raise ConditionNotMet(subject=said.subject, condition="a consensus key that is registered, or once was in force")
        start = evidence_index(said.by)
        known = overlay.scan(start, start + "~", ACCUSATIONS_MAX)
        if len(known) >= ACCUSATIONS_MAX:
            put_indexed(overlay, evidence_key(bytes.fromhex(known[0].rpartition("/")[2])), None)
        record = Accusation(bytes.fromhex(said.subject), said.by, said.as_of, work.context.height, work.time_ms)
        put_indexed(overlay, evidence_key(said.doc_hash), record)
