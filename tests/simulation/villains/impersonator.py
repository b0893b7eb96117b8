"""Impersonator: says its votes, certificates and proposals are another validator's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.types import Kind, ValidatorId, Vote
from tests.simulation import messages as ms
from tests.simulation.villains.villain import EPOCH, Villain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.types import SignedVote, View


class Impersonator(Villain):
    """Its own signature stands under the index of each honest validator in turn; its true votes it keeps back.

    A vote that does not verify under the key of its index is nobody's: it is not counted and proves nothing.
    """

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Name another signer."""
        if type(message) is ms.VoteMessage:
            return (ms.VoteMessage(self._as_another(message.signed, to)),)
        if type(message) is ms.ProposalMessage:
            return (message._replace(proposal=replace(message.proposal, vote=self._as_another(message.proposal.vote, to))),)
        if type(message) is ms.CertificateMessage:
            return (self._named_anew(message, sender),)
        return (message,)

    def _as_another(self, signed: SignedVote, to: int) -> SignedVote:
        others = [index for index in range(len(self.stage.honest)) if index != to]
        return replace(signed, signer=ValidatorId(self.random.pick(others)))

    def _named_anew(self, message: ms.CertificateMessage, sender: int) -> ms.CertificateMessage:
        """Put its own signature into every place of a certificate."""
        certificate = message.certificate
        own = self.stage.keys.sign(sender, certificate.subject).signature
        return ms.CertificateMessage(replace(certificate, signatures=tuple((signer, own) for signer, _ in certificate.signatures)))

    def seen(self, view: View) -> None:
        """Nullify each view, and vote for nothing in it, as some honest validator."""
        for sender in self.indices:
            for kind in Kind:
                vote = Vote.nullify(EPOCH, view) if kind is Kind.NULLIFY else Vote(kind, EPOCH, view, type(view)(0), self.stage.chain[0])
                signed = self.stage.keys.sign(sender, vote)
                victim = ValidatorId(self.random.below(len(self.stage.honest)))
                self.to_all(sender, ms.VoteMessage(replace(signed, signer=victim)))
