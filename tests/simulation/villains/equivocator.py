"""Equivocator: a leader that proposes two blocks in one view, to halves, to one and all the others, or both to everybody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.types import Kind, TimeMs
from tests.simulation import messages as ms
from tests.simulation.blocks import make_block, root_after
from tests.simulation.villains.villain import Due, Villain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.types import BlockId, Proposal
    from tests.simulation.splitmix import SplitMix64
    from tests.simulation.villains.stage import Stage

HALVES, ONE, BOTH = range(3)


class Equivocator(Villain):
    """Two valid blocks on the same parent. A finalize for each goes to whoever was shown it."""

    evidence = Due.SOME

    def __init__(self, stage: Stage, liars: tuple[int, ...], random: SplitMix64) -> None:
        self._others: dict[BlockId, tuple[ms.ProposalMessage, int]] = {}
        super().__init__(stage, liars, random)

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Show the other block, or both."""
        if type(message) is ms.ProposalMessage and message.proposal.vote.signer == sender:
            other, plan = self._other(message)
            if plan is BOTH:
                return (message, other) if to % 2 else (other, message)
            return (other,) if self._is_other_half(plan, to) else (message,)
        if type(message) is ms.VoteMessage and message.signed.vote.kind is not Kind.NULLIFY:
            vote = message.signed.vote
            known = self._others.get(vote.block_id)
            if known is not None and self._is_other_half(known[1], to):
                return (self.sign(sender, replace(vote, block_id=known[0].proposal.facts.block_id)),)
        return (message,)

    def _is_other_half(self, plan: int, to: int) -> bool:
        return to % 2 == 0 if plan == HALVES else to == 0 if plan == ONE else False

    def _other(self, message: ms.ProposalMessage) -> tuple[ms.ProposalMessage, int]:
        """Make the second block of a view, once."""
        proposal: Proposal = message.proposal
        known = self._others.get(proposal.facts.block_id)
        if known is None:
            parent, parent_root = self.stage.known[proposal.facts.parent]
            body = b"\x01other"
            root = root_after(parent_root, body)
            time_ms = TimeMs(proposal.facts.time_ms + 1)
            facts, block = make_block(parent, proposal.facts.view, proposal.facts.proposer, time_ms, body, root)
            self.stage.built(facts, root, block)
            vote = replace(proposal.vote.vote, block_id=facts.block_id)
            other = ms.ProposalMessage(replace(self.resign(proposal, vote), facts=facts), block.header, block.body)
            known = self._others[proposal.facts.block_id] = (other, self.random.pick((HALVES, ONE, BOTH)))
        return known
