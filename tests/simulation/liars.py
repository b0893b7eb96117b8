"""The liars: up to f validators with one mind, which reads every message of the honest ones the moment it is sent.

It knows every block and every vote, so it can make any certificate for which honest votes and all liars' signatures suffice, and give it to
whom it likes, when it likes. Partitions and loss do not hinder it. It cannot forge an honest signature.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.events import Status
from consensus.types import BlockId, Certificate, Epoch, Height, Kind, Proposal, TimeMs, View, Vote
from node.records import StoredBlock
from tests.simulation import messages as ms
from tests.simulation.blocks import make_block, root_after
from tests.simulation.epochs import NO_NEXT
from tests.simulation.plan import Ballot, Style

if TYPE_CHECKING:
    from consensus.types import BlockFacts, SignedVote
    from tests.simulation.splitmix import SplitMix64
    from tests.simulation.world import World

Moment = tuple[int, int]
"""Epoch and view."""
VIEWS_KEPT = 24
"""Older certificates and proposals that the mind still uses."""


class Mind:
    """One mind behind all liars of a run."""

    def __init__(self, world: World, liars: tuple[int, ...], random: SplitMix64) -> None:
        self._world, self._liars, self._random = world, liars, random
        self._ballots: dict[Vote, dict[int, SignedVote]] = {}
        """Votes of honest validators by subject."""
        self._certificates: dict[Vote, Certificate] = {}
        self._certified: dict[int, dict[int, BlockId]] = {0: {0: world.chain[0]}}
        """Epoch to view to block, of every notarization that could be made."""
        self._proposed: dict[Moment, list[tuple[Proposal, StoredBlock]]] = {}
        self._assigned: dict[tuple[Moment, int], Vote] = {}
        """What each honest node was told in a view."""
        self._woken: dict[int, int] = {}
        """Epoch to the last view in which they acted."""
        self._members: dict[int, tuple[int, ...]] = {}

    # Reading

    def read(self, sender: int, message: ms.Message) -> None:
        """Read a message of an honest validator, whoever it is for."""
        if not self._liars:
            return
        if type(message) is ms.VoteMessage:
            self._count(message.signed)
        elif type(message) is ms.ProposalMessage:
            proposal = message.proposal
            vote = proposal.vote.vote
            if self._world.calendar.committee(vote.epoch).members[proposal.vote.signer] == sender and message.body is not None:
                known = self._proposed.setdefault((vote.epoch, vote.view), [])
                if all(held[0].vote.vote != vote for held in known):
                    known.append((proposal, self._world.bodies[proposal.facts.block_id]))
            self._count(proposal.vote)

    def _of(self, epoch: int) -> tuple[int, ...]:
        """Return the liars who vote in an epoch."""
        found = self._members.get(epoch)
        if found is None:
            members = self._world.calendar.committee(epoch).members
            found = self._members[epoch] = tuple(liar for liar in self._liars if liar in members)
        return found

    def _count(self, signed: SignedVote) -> None:
        ballots = self._ballots.setdefault(signed.vote, {})
        if signed.signer in ballots:
            return
        ballots[signed.signer] = signed
        epoch = signed.vote.epoch
        quorum = self._world.calendar.committee(epoch).set.quorum
        if len(ballots) + len(self._of(epoch)) >= quorum and signed.vote not in self._certificates:
            self._certify(signed.vote, ballots, quorum)

    def _certify(self, subject: Vote, ballots: dict[int, SignedVote], quorum: int) -> None:
        """Make a certificate, and decide who sees it."""
        keys, random = self._world.keys, self._random
        signed = list(ballots.values())[:quorum]
        signed += [keys.sign(liar, subject) for liar in self._of(subject.epoch)[: quorum - len(signed)]]
        certificate = Certificate(subject, tuple(sorted((vote.signer, vote.signature) for vote in signed)))
        self._certificates[subject] = certificate
        if subject.kind is Kind.NOTARIZE:
            self._certified.setdefault(subject.epoch, {})[subject.view] = subject.block_id
        match random.below(5):
            case 0:
                self._tell_one(ms.CertificateMessage(certificate), random.between(1, 60))
            case 1:
                self._tell_one(ms.CertificateMessage(certificate), random.between(300, 3_000))
            case 2:
                for index in range(len(self._world.honest)):
                    self._tell(index, ms.CertificateMessage(certificate), random.between(1, 60))
            case _:
                pass
        if subject.kind is Kind.FINALIZE and self._world.known[subject.block_id][0].boundary:
            self._certified[subject.epoch + 1] = {0: subject.block_id}
            self.wake(1, subject.epoch + 1)
        self.wake(subject.view + 1, subject.epoch)

    # Telling

    def _tell(self, to: int, message: ms.Message, delay_ms: int, liar: int | None = None) -> None:
        sender = self._random.pick(self._liars) if liar is None else liar
        self._world.at(self._world.now + delay_ms, self._world.deliver, sender, to, message)

    def _tell_one(self, message: ms.Message, delay_ms: int) -> None:
        self._tell(self._random.below(len(self._world.honest)), message, delay_ms)

    # Acting

    def wake(self, view: int, epoch: int = 0) -> None:
        """Act in a view once some honest validator can be in it."""
        if not self._liars or view <= self._woken.get(epoch, 0):
            return
        self._woken[epoch] = view
        for old in [moment for moment in self._proposed if moment < (epoch, view - VIEWS_KEPT)]:
            del self._proposed[old]
        committee, liars = self._world.calendar.committee(epoch), self._of(epoch)
        leader = committee.members[committee.set.leader(committee.epoch, View(view))]
        if leader in liars:
            self._world.at(self._world.now + self._random.pick((2, 10, 80, 400)), self._propose, (epoch, view), leader)
        for liar in liars:
            ballot = self._random.pick(self._world.plan.ballots)
            for delay_ms in (self._random.between(1, 60), self._random.between(60, 700)):
                self._world.at(self._world.now + delay_ms, self._vote, (epoch, view), liar, ballot)
        if self._random.chance(100):
            self._repeat_old()
        if self._random.chance(50):
            self._lie_about_status(epoch, view)

    def _propose(self, moment: Moment, leader: int) -> None:
        style = self._random.pick(self._world.plan.styles)
        epoch, view = moment
        views = sorted(number for number in self._certified.get(epoch, ()) if number < view)[-3:]
        if style is Style.SILENT or not views:
            return
        parent_view = views[0] if style is Style.SKIP else views[-1]
        first = self._make(moment, leader, parent_view, style)
        second = self._make(moment, leader, self._random.pick(views), style) if style is Style.EQUIVOCATE else first
        self._proposed.setdefault(moment, []).extend([first] if second is first else [first, second])
        order = self._random.shuffled(range(len(self._world.honest)))
        if style is Style.EQUIVOCATE:
            self._world.counts.equivocations += 1
        if style is Style.WITHHOLD:
            order = order[: self._world.calendar.committee(epoch).set.quorum - len(self._of(epoch))]
        for place, index in enumerate(order):
            proposal, block = first if place % 2 else second
            body: bytes | None = block.body
            if style is Style.TWO_BODIES and place % 2:
                body = b"\x01another body"
            if style is Style.WITHHOLD and self._random.chance(500):
                body = None
            self._assigned[(moment, index)] = proposal.vote.vote
            self._tell(index, ms.ProposalMessage(proposal, block.header, body), self._random.between(1, 40), leader)

    def _make(self, moment: Moment, leader: int, parent_view: int, style: Style) -> tuple[Proposal, StoredBlock]:
        """Make a proposal. On an epoch's last block that is the block again, as K22 asks, or a child in the old epoch, which is none."""
        epoch, view = moment
        parent, parent_root = self._world.known[self._certified[epoch][parent_view]]
        if parent.boundary and parent.epoch == epoch:
            if self._random.chance(500):
                return self._sign(moment, leader, parent_view, parent), self._world.bodies[parent.block_id]
            parent = replace(parent, boundary=False)
        body = b"\x01" + self._random.below(2**32).to_bytes(4, "big")
        root = root_after(parent_root, body)
        claimed = bytes(32) if style is Style.WRONG_ROOT else root
        time_ms = max(self._world.now, parent.time_ms + 1)
        if style is Style.WRONG_TIME:
            time_ms = self._random.pick((parent.time_ms, parent.time_ms + 1, self._world.now + 2_000, self._world.now + 400))
        following = self._world.calendar.next_at(epoch, parent.height + 1)
        if style is Style.WRONG_NEXT:
            following = self._random.pick((NO_NEXT, self._world.calendar.committee(epoch).hash))
        place = self._world.calendar.committee(epoch).places[leader]
        facts, block = make_block(parent, view, place, time_ms, body, claimed, following)
        self._world.built(facts, root, block)
        return self._sign(moment, leader, parent_view, facts), block

    def _sign(self, moment: Moment, leader: int, parent_view: int, facts: BlockFacts) -> Proposal:
        vote = Vote(Kind.NOTARIZE, Epoch(moment[0]), View(moment[1]), View(parent_view), facts.block_id)
        return Proposal(self._world.keys.sign(leader, vote), facts)

    def _vote(self, moment: Moment, liar: int, ballot: Ballot) -> None:
        """Vote in a view, to each honest validator what suits."""
        proposed = [proposal.vote.vote for proposal, _ in self._proposed.get(moment, [])]
        nullify = Vote.nullify(Epoch(moment[0]), View(moment[1]))
        told: set[tuple[Kind, BlockId]] = set()
        for index in range(len(self._world.honest)):
            subject = self._assigned.get((moment, index))
            if subject is None and proposed:
                subject = self._random.pick(proposed)
            for vote in self._chosen(ballot, subject, nullify):
                told.add((vote.kind, vote.block_id))
                self._tell(index, ms.VoteMessage(self._world.keys.sign(liar, vote)), self._random.between(1, 30), liar)
        if len({kind for kind, _ in told}) < len(told):
            self._world.counts.equivocations += 1

    def _chosen(self, ballot: Ballot, subject: Vote | None, nullify: Vote) -> list[Vote]:
        """Return the votes one receiver is to see."""
        both = [] if subject is None else [subject, replace(subject, kind=Kind.FINALIZE)]
        match ballot:
            case Ballot.HELPER | Ballot.SPLIT:
                return both
            case Ballot.NULLER:
                return [nullify]
            case Ballot.CONFLICTER:
                return [*both, nullify]
            case Ballot.RANDOM:
                return self._random.some([*both, nullify], 500)
            case Ballot.SILENT:
                return []

    def _repeat_old(self) -> None:
        """Tell one validator something old."""
        certificates = list(self._certificates.values())[-VIEWS_KEPT:]
        if certificates:
            self._tell_one(ms.CertificateMessage(self._random.pick(certificates)), self._random.between(1, 500))
        proposals = [held for moment in self._proposed for held in self._proposed[moment]]
        if proposals:
            proposal, block = self._random.pick(proposals)
            self._tell_one(ms.ProposalMessage(proposal, block.header, block.body), self._random.between(1, 500))

    def _lie_about_status(self, epoch: int, view: int) -> None:
        """Claim to be far ahead, in this epoch or a later one."""
        far = View(view + self._random.pick((1, 100, 100_000)))
        claimed = Epoch(epoch + (self._random.pick((0, 0, 1, 7)) if self._world.calendar.last else 0))
        status = Status(claimed, far, far, Height(far), TimeMs(self._world.now), ((View(1), far),), (), None)
        self._tell_one(ms.StatusMessage(status), self._random.between(1, 100))

    # Being asked

    def asked(self, liar: int, sender: int, message: ms.Message) -> None:
        """Answer an honest validator's question to a liar: truly, wrongly or not at all."""
        match message:
            case ms.AskBlock(block_id):
                self._answer_block(liar, sender, block_id)
            case ms.AskCertificates(epoch, notarizations, nullifications) if self._random.chance(500):
                wanted = [(Kind.NOTARIZE, view) for view in notarizations] + [(Kind.NULLIFY, view) for view in nullifications]
                for subject, certificate in list(self._certificates.items()):
                    if subject.epoch == epoch and (subject.kind, subject.view) in wanted:
                        self._tell(sender, ms.CertificateMessage(certificate), self._random.between(1, 40), liar)
            case ms.AskRange(height) if self._random.chance(500):
                self._answer_range(liar, sender, height)
            case _:
                pass

    def _answer_block(self, liar: int, sender: int, block_id: BlockId) -> None:
        block = self._world.bodies.get(block_id)
        if block is None or self._random.chance(500):
            return
        if self._random.chance(500):
            block = StoredBlock(block.header, block.body + b"x")
        self._tell(sender, ms.BlockAnswer(block_id, block), self._random.between(1, 40), liar)

    def _answer_range(self, liar: int, sender: int, height: int) -> None:
        """Answer with an honest validator's range, of which one body or header is altered."""
        answer = self._world.honest[self._random.below(len(self._world.honest))].store.range_from(height)
        if answer.blocks:
            blocks = list(answer.blocks)
            place = self._random.below(len(blocks))
            block = blocks[place]
            is_body = self._random.chance(500)
            blocks[place] = StoredBlock(block.header if is_body else bytes(len(block.header)), block.body + b"x")
            answer = ms.RangeAnswer(tuple(blocks), answer.certificate)
        self._tell(sender, answer, self._random.between(1, 40), liar)
