"""What travels on the simulator's links."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from consensus.events import Status
    from consensus.types import BlockId, Certificate, Proposal, SignedVote, View
    from node.records import StoredBlock


class ProposalMessage(NamedTuple):
    """A proposal with its header, and its body unless that was lost."""

    proposal: Proposal
    header: bytes
    body: bytes | None

    @property
    def epoch(self) -> int:
        """The epoch it is of."""
        return self.proposal.vote.vote.epoch


class VoteMessage(NamedTuple):
    """One signed vote."""

    signed: SignedVote

    @property
    def epoch(self) -> int:
        """The epoch it is of."""
        return self.signed.vote.epoch


class CertificateMessage(NamedTuple):
    """One certificate."""

    certificate: Certificate

    @property
    def epoch(self) -> int:
        """The epoch it is of."""
        return self.certificate.subject.epoch


class StatusMessage(NamedTuple):
    """A status; the receiver's newest vote is filled in."""

    status: Status

    @property
    def epoch(self) -> int:
        """The epoch it is of."""
        return self.status.epoch


class AskCertificates(NamedTuple):
    """Targeted repair (K19)."""

    epoch: int
    notarizations: tuple[View, ...]
    nullifications: tuple[View, ...]


class AskBlock(NamedTuple):
    """Ask for header and body."""

    block_id: BlockId


class BlockAnswer(NamedTuple):
    """Header and body, or what somebody says they are."""

    block_id: BlockId
    block: StoredBlock | None


class AskRange(NamedTuple):
    """Ask for final blocks from this height up (K20)."""

    height: int


class RangeAnswer(NamedTuple):
    """Final blocks, rising, and the finalization of the last one."""

    blocks: tuple[StoredBlock, ...]
    certificate: Certificate | None


OfEpoch = ProposalMessage | VoteMessage | CertificateMessage | StatusMessage | AskCertificates
"""What a replica of one epoch says to others of the same."""
Question = AskBlock | BlockAnswer | AskRange | RangeAnswer
"""What any node asks any other, and the answers."""
Message = OfEpoch | Question
CODES: dict[type, int] = {
    kind: number
    for number, kind in enumerate(
        (
            ProposalMessage,
            VoteMessage,
            CertificateMessage,
            StatusMessage,
            AskCertificates,
            AskBlock,
            BlockAnswer,
            AskRange,
            RangeAnswer,
        ),
        start=1,
    )
}
"""Numbers for the trace hash."""


def view_of(message: Message) -> int:
    """Return a view, or a height, for the trace."""
    match message:
        case VoteMessage(signed):
            return signed.vote.view * 4 + signed.vote.kind
        case ProposalMessage(proposal):
            return proposal.vote.vote.view
        case CertificateMessage(certificate):
            return certificate.subject.view * 4 + certificate.subject.kind
        case StatusMessage(status):
            return status.view
        case AskRange(height):
            return height
        case AskBlock(block_id) | BlockAnswer(block_id):
            return int.from_bytes(block_id[:4], "big")
        case AskCertificates(_, notarizations, nullifications):
            return sum(notarizations) + sum(nullifications)
        case RangeAnswer(blocks):
            return len(blocks)
