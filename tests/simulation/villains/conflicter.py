"""Conflicter: beside every vote for a block it casts the same vote for a block that does not exist."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from consensus.types import BlockId, Kind
from tests.simulation import messages as ms
from tests.simulation.villains.villain import Due, Villain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.types import Vote


class Conflicter(Villain):
    """Two notarize and two finalize votes in every view, to everybody, the true one first or second."""

    evidence = Due.EACH

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Add the other vote."""
        if type(message) is ms.ProposalMessage:
            return (message, self._other(sender, message.proposal.vote.vote))
        if type(message) is not ms.VoteMessage or message.signed.vote.kind is Kind.NULLIFY:
            return (message,)
        both = (message, self._other(sender, message.signed.vote))
        return both if to % 2 else both[::-1]

    def _other(self, sender: int, vote: Vote) -> ms.VoteMessage:
        return self.sign(sender, replace(vote, block_id=BlockId(sha256(b"nowhere" + vote.block_id).digest())))
