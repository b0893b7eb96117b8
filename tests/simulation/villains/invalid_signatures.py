"""Invalid signatures: every signature it sends has a bit turned, in votes, proposals and certificates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.simulation import messages as ms
from tests.simulation.villains.villain import Villain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.types import SignedVote


class InvalidSignatures(Villain):
    """Nothing of it counts. Of a certificate one signature is wrong, the others are true: a check of some would not do."""

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Spoil each signature."""
        del sender, to
        if type(message) is ms.VoteMessage:
            return (ms.VoteMessage(self._spoil(message.signed)),)
        if type(message) is ms.ProposalMessage:
            return (message._replace(proposal=replace(message.proposal, vote=self._spoil(message.proposal.vote))),)
        if type(message) is ms.CertificateMessage:
            rows = list(message.certificate.signatures)
            place = self.random.below(len(rows))
            rows[place] = (rows[place][0], self._turned(rows[place][1]))
            return (ms.CertificateMessage(replace(message.certificate, signatures=tuple(rows))),)
        return (message,)

    def _spoil(self, signed: SignedVote) -> SignedVote:
        return replace(signed, signature=self._turned(signed.signature))

    def _turned(self, signature: bytes) -> bytes:
        bit = self.random.below(512)
        return bytes(byte ^ (1 << bit % 8 if place == bit // 8 else 0) for place, byte in enumerate(signature))
