"""Who is who on the peer network, as the ledger says.

Validators by the record of the current epoch, every node by the keys that its participant registered, and those of the planned set, who
must be let in before they vote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.participants import Participant

if TYPE_CHECKING:
    from consensus.types import ValidatorId
    from node.chain import Chain


class LedgerRoster:
    """Looks keys up in the newest final state, so that a key registered by participant.put is let in at once, and a removed one no more."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def validator_of(self, node_key: bytes) -> ValidatorId | None:
        """Index of the validator with this node key in the current epoch."""
        return self._chain.council.place_of(node_key)

    def name_of(self, node_key: bytes) -> str | None:
        """Return participant/index of a validator, else the participant with this node key; None: not listed."""
        place = self.validator_of(node_key)
        if place is not None:
            return f"{self._chain.council.members[place].participant}/{place}"
        state = self._chain.state
        for name in state.participants():
            record = state.get(f"participant/{name}")
            if isinstance(record, Participant) and record.status != "closed" and node_key in record.node_keys:
                return name
        return self._chain.epochs.planned(node_key)
