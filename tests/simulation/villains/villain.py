"""What all villains have in common: an honest validator's code under a key that nobody watches, and a mind between it and its links.

The honest code (the *puppet*) keeps the villain in step: it knows views, certified parents and certificates, and so leads on what others
accept. What it sends goes through `twist`, what it is sent through `hear`; `seen` tells of every view that some honest validator votes in.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from consensus.types import Epoch
from tests.simulation import messages as ms
from tests.simulation.liars import Mind
from tests.simulation.validator import Validator, with_newest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.types import Proposal, View, Vote
    from tests.simulation.plan import Plan
    from tests.simulation.splitmix import SplitMix64
    from tests.simulation.villains.stage import Stage

EPOCH = Epoch(0)


class Due(Enum):
    """What evidence honest validators must hold at the end of a run."""

    NONE = "none"
    """The villain signs nothing that conflicts: no evidence may exist."""
    ALLOWED = "allowed"
    """It may have contradicted itself, by chance."""
    SOME = "some"
    """Against one villain at least."""
    EACH = "each"
    """Against every villain."""


class Villain(Mind):
    """The mind of all villains of a run."""

    evidence: ClassVar[Due] = Due.NONE

    def __init__(self, stage: Stage, liars: tuple[int, ...], random: SplitMix64) -> None:
        super().__init__(stage, liars, random)
        self.stage, self.random, self.indices = stage, random, liars
        self.puppets = {index: self.make_puppet(index) for index in liars}
        self.views_seen = 0

    # What a kind of villain changes

    @classmethod
    def plan(cls, plan: Plan) -> Plan:
        """Return the plan it needs: whether sets change, and when."""
        return plan

    def make_puppet(self, index: int) -> Validator:
        """Make the honest part of a villain."""
        return Validator(self.stage, index)

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Return what goes out in place of a message of a puppet."""
        del sender, to
        return (message,)

    def hear(self, to: int, sender: int, message: ms.Message) -> ms.Message | None:
        """Return what a puppet hears in place of a message; it is never told of votes it did not cast itself."""
        del to, sender
        if type(message) is ms.StatusMessage:
            return ms.StatusMessage(with_newest(message.status, None))
        return message

    def seen(self, view: View) -> None:
        """Act in a view, once, when the first honest vote in it goes out."""

    def checked(self) -> str:
        """Say what went wrong with the villains themselves at the end of a run, or nothing."""
        return ""

    # What it can do

    def sign(self, signer: int, vote: Vote) -> ms.VoteMessage:
        """Sign a vote with a villain's key."""
        return ms.VoteMessage(self.stage.keys.sign(signer, vote))

    def resign(self, proposal: Proposal, vote: Vote) -> Proposal:
        """Return the proposal under another vote of the same leader."""
        return replace(proposal, vote=self.stage.keys.sign(proposal.vote.signer, vote))

    def to_all(self, sender: int, message: ms.Message) -> None:
        """Send to every other validator, past the twist."""
        for to in range(self.stage.plan.validators):
            if to != sender:
                self.stage.pass_on(sender, to, message)

    # The world's side

    def read(self, sender: int, message: ms.Message) -> None:
        """Learn from a message of an honest validator which views there are."""
        if sender in self.puppets:
            return
        if type(message) is ms.VoteMessage:
            view = message.signed.vote.view
        elif type(message) is ms.ProposalMessage:
            view = message.proposal.vote.vote.view
        else:
            return
        if view > self.views_seen:
            self.views_seen = view
            self.seen(view)

    def asked(self, liar: int, sender: int, message: ms.Message) -> None:
        """Hand a puppet what it was sent."""
        heard = self.hear(liar, sender, message)
        if heard is not None:
            self.puppets[liar].deliver(sender, heard)

    def wake(self, view: int, epoch: int = 0) -> None:
        """Start the puppets."""
        if (epoch, view) == (0, 1):
            for puppet in self.puppets.values():
                puppet.start()
