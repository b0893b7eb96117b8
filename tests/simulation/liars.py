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
from tests.simulation.plan import Ballot, Style

if TYPE_CHECKING:
    from consensus.types import SignedVote
    from tests.simulation.splitmix import SplitMix64
    from tests.simulation.world import World

EPOCH = Epoch(0)
VIEWS_KEPT = 24
"""Older certificates and proposals that the mind still uses."""


class Mind:
    """One mind behind all liars of a run."""

    def __init__(self, world: World, liars: tuple[int, ...], random: SplitMix64) -> None:
        self._world, self._liars, self._random = world, liars, random
        self._ballots: dict[Vote, dict[int, SignedVote]] = {}
        """Votes of honest validators by subject."""
        self._certificates: dict[Vote, Certificate] = {}
        self._certified: dict[int, BlockId] = {0: world.chain[0]}
        """View to block, of every notarization that could be made."""
        self._proposed: dict[int, list[tuple[Proposal, StoredBlock]]] = {}
        self._assigned: dict[tuple[int, int], Vote] = {}
        """What each honest validator was told in a view: (view, validator) to subject."""
        self._woken = 0

    # Reading

    def read(self, sender: int, message: ms.Message) -> None:
        """Read a message of an honest validator, whoever it is for."""
        if not self._liars:
            return
        if type(message) is ms.VoteMessage:
            self._count(message.signed)
        elif type(message) is ms.ProposalMessage:
            proposal = message.proposal
            if sender == proposal.vote.signer and message.body is not None:
                known = self._proposed.setdefault(proposal.vote.vote.view, [])
                if all(held[0].vote.vote != proposal.vote.vote for held in known):
                    known.append((proposal, self._world.bodies[proposal.facts.block_id]))
            self._count(proposal.vote)

    def _count(self, signed: SignedVote) -> None:
        ballots = self._ballots.setdefault(signed.vote, {})
        if signed.signer in ballots:
            return
        ballots[signed.signer] = signed
        if len(ballots) + len(self._liars) >= self._world.keys.set.quorum and signed.vote not in self._certificates:
            self._certify(signed.vote, ballots)

    def _certify(self, subject: Vote, ballots: dict[int, SignedVote]) -> None:
        """Make a certificate, and decide who sees it."""
        quorum, keys, random = self._world.keys.set.quorum, self._world.keys, self._random
        signed = list(ballots.values())[:quorum]
        signed += [keys.sign(liar, subject) for liar in self._liars[: quorum - len(signed)]]
        certificate = Certificate(subject, tuple(sorted((vote.signer, vote.signature) for vote in signed)))
        self._certificates[subject] = certificate
        if subject.kind is Kind.NOTARIZE:
            self._certified[subject.view] = subject.block_id
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
        self.wake(subject.view + 1)

    # Telling

    def _tell(self, to: int, message: ms.Message, delay_ms: int, liar: int | None = None) -> None:
        sender = self._random.pick(self._liars) if liar is None else liar
        self._world.at(self._world.now + delay_ms, self._world.deliver, sender, to, message)

    def _tell_one(self, message: ms.Message, delay_ms: int) -> None:
        self._tell(self._random.below(len(self._world.honest)), message, delay_ms)

    # Acting

    def wake(self, view: int) -> None:
        """Act in a view once some honest validator can be in it."""
        if not self._liars or view <= self._woken:
            return
        self._woken = view
        for old in [number for number in self._proposed if number < view - VIEWS_KEPT]:
            del self._proposed[old]
        leader = self._world.keys.set.leader(EPOCH, View(view))
        if leader in self._liars:
            self._world.at(self._world.now + self._random.pick((2, 10, 80, 400)), self._propose, view, leader)
        for liar in self._liars:
            ballot = self._random.pick(self._world.plan.ballots)
            for delay_ms in (self._random.between(1, 60), self._random.between(60, 700)):
                self._world.at(self._world.now + delay_ms, self._vote, view, liar, ballot)
        if self._random.chance(100):
            self._repeat_old()
        if self._random.chance(50):
            self._lie_about_status(view)

    def _propose(self, view: int, leader: int) -> None:
        style = self._random.pick(self._world.plan.styles)
        if style is Style.SILENT:
            return
        views = sorted(number for number in self._certified if number < view)[-3:]
        parent_view = views[0] if style is Style.SKIP else views[-1]
        first = self._make(view, leader, parent_view, style)
        second = self._make(view, leader, self._random.pick(views), style) if style is Style.EQUIVOCATE else first
        self._proposed.setdefault(view, []).extend([first] if second is first else [first, second])
        order = self._random.shuffled(range(len(self._world.honest)))
        if style is Style.EQUIVOCATE:
            self._world.counts.equivocations += 1
        if style is Style.WITHHOLD:
            order = order[: self._world.keys.set.quorum - len(self._liars)]
        for place, index in enumerate(order):
            proposal, block = first if place % 2 else second
            body: bytes | None = block.body
            if style is Style.TWO_BODIES and place % 2:
                body = b"\x01another body"
            if style is Style.WITHHOLD and self._random.chance(500):
                body = None
            self._assigned[(view, index)] = proposal.vote.vote
            self._tell(index, ms.ProposalMessage(proposal, block.header, body), self._random.between(1, 40), leader)

    def _make(self, view: int, leader: int, parent_view: int, style: Style) -> tuple[Proposal, StoredBlock]:
        parent, parent_root = self._world.known[self._certified[parent_view]]
        body = b"\x01" + self._random.below(2**32).to_bytes(4, "big")
        root = root_after(parent_root, body)
        claimed = bytes(32) if style is Style.WRONG_ROOT else root
        time_ms = max(self._world.now, parent.time_ms + 1)
        if style is Style.WRONG_TIME:
            time_ms = self._random.pick((parent.time_ms, parent.time_ms + 1, self._world.now + 2_000, self._world.now + 400))
        facts, block = make_block(parent, view, leader, time_ms, body, claimed)
        self._world.built(facts, root, block)
        vote = Vote(Kind.NOTARIZE, EPOCH, View(view), View(parent_view), facts.block_id)
        return Proposal(self._world.keys.sign(leader, vote), facts), block

    def _vote(self, view: int, liar: int, ballot: Ballot) -> None:
        """Vote in a view, to each honest validator what suits."""
        proposed = [proposal.vote.vote for proposal, _ in self._proposed.get(view, [])]
        nullify = Vote.nullify(EPOCH, View(view))
        told: set[tuple[Kind, BlockId]] = set()
        for index in range(len(self._world.honest)):
            subject = self._assigned.get((view, index))
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
        proposals = [held for view in self._proposed for held in self._proposed[view]]
        if proposals:
            proposal, block = self._random.pick(proposals)
            self._tell_one(ms.ProposalMessage(proposal, block.header, block.body), self._random.between(1, 500))

    def _lie_about_status(self, view: int) -> None:
        """Claim to be far ahead."""
        far = View(view + self._random.pick((1, 100, 100_000)))
        status = Status(EPOCH, far, far, Height(far), TimeMs(self._world.now), ((View(1), far),), (), None)
        self._tell_one(ms.StatusMessage(status), self._random.between(1, 100))

    # Being asked

    def asked(self, liar: int, sender: int, message: ms.Message) -> None:
        """Answer an honest validator's question to a liar: truly, wrongly or not at all."""
        match message:
            case ms.AskBlock(block_id):
                self._answer_block(liar, sender, block_id)
            case ms.AskCertificates(notarizations, nullifications) if self._random.chance(500):
                wanted = [(Kind.NOTARIZE, view) for view in notarizations] + [(Kind.NULLIFY, view) for view in nullifications]
                for subject, certificate in list(self._certificates.items()):
                    if (subject.kind, subject.view) in wanted:
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
