"""Withholder: proposes to a bare quorum, gives out no body to most, answers no question, passes no certificate on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation import messages as ms
from tests.simulation.villains.villain import Villain

if TYPE_CHECKING:
    from collections.abc import Iterable


class Withholder(Villain):
    """Its block reaches so few that it can just be notarized with its own help; all others must fetch it from them (K8, K9, K19).

    Of its votes every validator gets only the half that is of no use to it alone.
    """

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Keep back."""
        del sender
        if type(message) is ms.ProposalMessage:
            return self._proposal(to, message)
        if type(message) is ms.VoteMessage:
            return (message,) if (message.signed.vote.view + message.signed.vote.kind + to) % 2 else ()
        return (message,) if type(message) is ms.StatusMessage else ()

    def _proposal(self, to: int, message: ms.ProposalMessage) -> Iterable[ms.Message]:
        """Show it to so many honest validators as make a quorum with all villains, and its body to one in three of these."""
        shown = self.stage.keys.set.quorum - self.stage.plan.liars
        place = (to + message.proposal.vote.vote.view) % self.stage.plan.validators
        if to < len(self.stage.honest) and place >= shown:
            return ()
        return (message,) if to % 3 == 0 else (message._replace(body=None),)
