"""Reconfigurer: acts on epochs: for those that are not, for sets that are not active, with a wrong `next`, on a boundary that is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.types import Epoch, Kind, Proposal, TimeMs, ValidatorId, Vote
from tests.simulation import messages as ms
from tests.simulation.blocks import make_block, open_header, root_after
from tests.simulation.epochs import NO_NEXT
from tests.simulation.villains.villain import Due, Villain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.types import BlockFacts, SignedVote
    from tests.simulation.plan import Plan
    from tests.simulation.splitmix import SplitMix64
    from tests.simulation.villains.stage import Stage

EPOCH_MAX = 2**32 - 1
EPOCH_HEIGHTS = 12


class Reconfigurer(Villain):
    """Three epochs of the same nodes, who change places.

    Every vote it owes to the epoch at hand it signs for another one, or under the place it has in another set.
    As leader it names a wrong next set (none at the end, one too early, another one), and proposes a child of a boundary in the boundary's
    own epoch where the boundary itself is due again (K22). Nothing of it may count or lead anybody out of step. What it signed ahead for an
    epoch may contradict what it signs there: evidence may come of that.
    """

    evidence = Due.ALLOWED

    def __init__(self, stage: Stage, liars: tuple[int, ...], random: SplitMix64) -> None:
        self._replaced: dict[Vote, ms.ProposalMessage] = {}
        self._wrong_next = 0
        super().__init__(stage, liars, random)

    @classmethod
    def plan(cls, plan: Plan) -> Plan:
        """Let two epochs end: in the second everybody has another place."""
        nodes = tuple(range(plan.validators))
        return replace(plan, sets=(nodes, (*nodes[1:], nodes[0]), nodes), lengths=(EPOCH_HEIGHTS, EPOCH_HEIGHTS))

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Move what is sent to another epoch, another place, another next set."""
        del to
        if type(message) is ms.VoteMessage:
            return self._cast_elsewhere(sender, message.signed)
        if type(message) is ms.ProposalMessage:
            vote = message.proposal.vote.vote
            if vote not in self._replaced:
                self._replaced[vote] = self._replacement(sender, message)
            return (self._replaced[vote], self.sign(sender, self._moved(vote)))
        if type(message) is ms.CertificateMessage:
            subject = self._moved(message.certificate.subject)
            own = self.stage.keys.sign(sender, subject)
            signatures = tuple(
                (signer, own.signature if signer == own.signer else other) for signer, other in message.certificate.signatures
            )
            return (ms.CertificateMessage(replace(message.certificate, subject=subject, signatures=signatures)),)
        if type(message) is ms.StatusMessage:
            return (ms.StatusMessage(replace(message.status, epoch=self._another(message.status.epoch))),)
        return (message,)

    def _cast_elsewhere(self, sender: int, signed: SignedVote) -> Iterable[ms.Message]:
        """Vote for another epoch, or in this one under the place of another."""
        if self.random.chance(300):
            place = self.stage.calendar.committee((signed.vote.epoch + 1) % 3).places[sender]
            if place != signed.signer:
                return (ms.VoteMessage(replace(signed, signer=ValidatorId(place))),)
        return (self.sign(sender, self._moved(signed.vote)),)

    def _moved(self, vote: Vote) -> Vote:
        return replace(vote, epoch=self._another(vote.epoch))

    def _another(self, epoch: Epoch) -> Epoch:
        """Pick an epoch that is not this one: later, far later, earlier."""
        return Epoch(self.random.pick([other for other in (epoch + 1, epoch + 2, EPOCH_MAX, epoch - 1) if other >= 0]))

    def _replacement(self, sender: int, message: ms.ProposalMessage) -> ms.ProposalMessage:
        """Return another block of this view: on the same parent with a wrong next set, or on the boundary that should come again."""
        facts, vote = message.proposal.facts, message.proposal.vote.vote
        opened = open_header(message.header)
        if facts.view != vote.view or opened is None:
            return self._block(sender, vote, replace(facts, boundary=False), NO_NEXT)
        self._wrong_next += 1
        committee = self.stage.calendar.committee
        others = [NO_NEXT, committee(vote.epoch).hash, committee(self.stage.calendar.last).hash, bytes(31) + b"\x01"]
        parent, _ = self.stage.known[facts.parent]
        return self._block(sender, vote, parent, self.random.pick([other for other in others if other != opened.next]))

    def _block(self, sender: int, vote: Vote, parent: BlockFacts, following: bytes) -> ms.ProposalMessage:
        """Make a block and propose it. It says the view that the vote says."""
        _, parent_root = self.stage.known[parent.block_id]
        body = b"\x01next"
        root = root_after(parent_root, body)
        time_ms = TimeMs(max(self.stage.now, parent.time_ms + 1))
        place = self.stage.calendar.committee(vote.epoch).places[sender]
        facts, block = make_block(parent, vote.view, place, time_ms, body, root, following)
        self.stage.built(facts, root, block)
        proposal = self.stage.keys.sign(sender, Vote(Kind.NOTARIZE, vote.epoch, vote.view, vote.parent_view, facts.block_id))
        return ms.ProposalMessage(Proposal(proposal, facts), block.header, block.body)

    def checked(self) -> str:
        """See that sets changed, and that a wrong next set was named."""
        if not self._wrong_next:
            return "no wrong next set was named"
        return "" if self.stage.honest[0].epoch == self.stage.calendar.last else "the sets did not change"
