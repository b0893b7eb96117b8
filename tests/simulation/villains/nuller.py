"""Nuller: nullifies every view at once, and finalizes it too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.types import Kind, Vote
from tests.simulation import messages as ms
from tests.simulation.villains.villain import EPOCH, Due, Villain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.types import View


class Nuller(Villain):
    """Breaks K6 and K7 in every view: a nullify beside a finalize for whatever was proposed."""

    evidence = Due.EACH

    def seen(self, view: View) -> None:
        """Nullify as soon as the view is heard of."""
        for sender in self.indices:
            self.to_all(sender, self.sign(sender, Vote.nullify(EPOCH, view)))

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Finalize what its honest part notarizes."""
        del to
        if type(message) is ms.VoteMessage and message.signed.vote.kind is Kind.NOTARIZE:
            return (message, self.sign(sender, replace(message.signed.vote, kind=Kind.FINALIZE)))
        if type(message) is ms.ProposalMessage:
            return (message, self.sign(sender, replace(message.proposal.vote.vote, kind=Kind.FINALIZE)))
        return (message,)
