"""What only a node of the operator does: pseudonyms for banks, and looking people up, both recorded in its audit log (L16).

A pseudonym follows from who asks and about whom, by a secret that a bank does not have: asking again gives the same one, on every node of
the operator, and two banks that compare theirs learn nothing. It counts once a holder.put has registered it, which people sign.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from ledger.holders import PSEUDONYM_BYTES
from ledger.leaves import participant_secret
from ledger.names import OPERATOR
from ledger.participants import Participant

if TYPE_CHECKING:
    from node.audit import Look
    from node.auditlog import AuditLog
    from node.chain import Chain

PSEUDONYM_TAG: Final = b"som/pseudonym/1"


class Registry:
    """The operator's desk at one node."""

    def __init__(self, chain: Chain, node_key: bytes, audit: AuditLog) -> None:
        self._chain, self._node_key, self._audit = chain, node_key, audit

    @property
    def is_here(self) -> bool:
        """Whether the ledger lists this node's key under the operator."""
        operator = self._chain.state.get(f"participant/{OPERATOR}")
        return isinstance(operator, Participant) and self._node_key in operator.node_keys

    def pseudonym(self, participant: str, holder: bytes) -> bytes:
        """Pseudonym that a participant is given for a holder who has none there yet.

        Raises
        ------
        ViewKeyMissing
            This node cannot open the view key of the current epoch.
        """
        secret = participant_secret(self._chain.view_key_of(self._chain.epoch_number), OPERATOR)
        return derive(secret, participant, holder)

    async def record(self, look: Look, now_ms: int) -> None:
        """Record a look before anything of it is shown; raises as `AuditLog.append`."""
        await self._audit.append(look, now_ms)


def derive(secret: bytes, participant: str, holder: bytes) -> bytes:
    """HMAC-SHA-256(secret of the operator, tag | participant | 0x00 | holder), the first 16 bytes."""
    return hmac.new(secret, PSEUDONYM_TAG + participant.encode() + b"\x00" + holder, sha256).digest()[:PSEUDONYM_BYTES]
