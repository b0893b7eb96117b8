"""What an operator asks when something is wrong (`Diagnosis` of the client API): the outlook, the watchdog, proofs of double votes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.api.backend import KeptEvidence
from node.lookout import Lookout
from node.watchdog import Watchdog

if TYPE_CHECKING:
    from consensus.evidence import Evidence
    from node.outlook import Outlook
    from node.parts import Parts
    from node.roles import Roles


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Reads everything at the moment it is asked."""

    parts: Parts
    lookout: Lookout
    watchdog: Watchdog

    def outlook(self) -> Outlook:
        """Return what this node knows of its consensus, now."""
        return self.lookout.outlook()

    @property
    def stalled_ms(self) -> int:
        """Since the last block became final, once that is too long; 0: the chain moves."""
        return self.watchdog.stalled_ms

    @property
    def silenced(self) -> str:
        """Why this node's key must not vote any more (K15); empty: it may."""
        return self.parts.teller.silenced

    def evidence(self, after: str, limit: int) -> list[KeptEvidence]:
        """Double votes by id, above `after`, at most `limit`."""
        return [self._named(name, proof) for name, proof in self.parts.evidence.page(after, limit)]

    @property
    def evidence_count(self) -> int:
        """Double votes kept."""
        return self.parts.evidence.count

    @property
    def halts(self) -> int:
        """Proofs kept of more than f liars."""
        return self.parts.evidence.halts

    def _named(self, name: str, proof: Evidence) -> KeptEvidence:
        """Add who it was; the file of a chain that is fetched anew may name an epoch that has not begun here again."""
        signer, council = proof.first.signer, self.parts.chain.council_of(proof.first.vote.epoch)
        if council is None or signer >= council.keys.size:
            return KeptEvidence(name, proof, "", b"")
        return KeptEvidence(name, proof, council.members[signer].participant, council.members[signer].consensus_key)


def watch(parts: Parts, roles: Roles) -> Diagnosis:
    """Join what diagnoses a node that is about to run, its watchdog awake."""
    lookout = Lookout(parts, roles)
    watchdog = Watchdog(lookout.seen, lookout.outlook, asyncio.get_running_loop().time)
    parts.tasks.spawn(watchdog.run(), "watchdog")
    return Diagnosis(parts, lookout, watchdog)
