"""Reconfigurer: votes, certifies and says statuses for epochs that are not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.types import Epoch
from tests.simulation import messages as ms
from tests.simulation.villains.villain import Villain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.types import Vote

EPOCHS_AHEAD = (1, 2, 2**32 - 2)


class Reconfigurer(Villain):
    """Every vote it owes to this epoch is signed for another one. What is of another epoch counts for nothing and proves nothing."""

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Move what is sent to another epoch."""
        del to
        if type(message) is ms.VoteMessage:
            return (self.sign(sender, self._moved(message.signed.vote)),)
        if type(message) is ms.ProposalMessage:
            vote = self._moved(message.proposal.vote.vote)
            return (message._replace(proposal=self.resign(message.proposal, vote)), self.sign(sender, vote))
        if type(message) is ms.CertificateMessage:
            subject = self._moved(message.certificate.subject)
            own = self.stage.keys.sign(sender, subject).signature
            signatures = tuple((signer, own if signer == sender else other) for signer, other in message.certificate.signatures)
            return (ms.CertificateMessage(replace(message.certificate, subject=subject, signatures=signatures)),)
        if type(message) is ms.StatusMessage:
            return (ms.StatusMessage(replace(message.status, epoch=Epoch(message.status.epoch + self.random.pick(EPOCHS_AHEAD)))),)
        return (message,)

    def _moved(self, vote: Vote) -> Vote:
        return replace(vote, epoch=Epoch(vote.epoch + self.random.pick(EPOCHS_AHEAD)))
