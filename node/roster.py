"""Who is who on the peer network, as the ledger says.

Validators by the genesis document, every node by the keys that its participant registered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.types import ValidatorId
from ledger.participants import Participant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.state import StateReader


class LedgerRoster:
    """Looks keys up in the newest final state, so that a key registered by participant.put is let in at once, and a removed one no more."""

    def __init__(self, state: StateReader, validators: Sequence[tuple[str, bytes]]) -> None:
        """Take participant and node key of each validator, by index."""
        self._state = state
        self._validators = {key: ValidatorId(index) for index, (_, key) in enumerate(validators)}
        self._names = {key: f"{name}/{index}" for index, (name, key) in enumerate(validators)}

    def validator_of(self, node_key: bytes) -> ValidatorId | None:
        """Index of the validator with this node key."""
        return self._validators.get(node_key)

    def name_of(self, node_key: bytes) -> str | None:
        """Return participant/index of a validator, else the participant with this node key; None: not listed."""
        known = self._names.get(node_key)
        if known is not None:
            return known
        for name in self._state.participants():
            record = self._state.get(f"participant/{name}")
            if isinstance(record, Participant) and record.status != "closed" and node_key in record.node_keys:
                return name
        return None
