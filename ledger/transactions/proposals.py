"""propose and approve (types 8 and 9): a body that waits for its quorum, and the votes that carry it out (L26).

Votes are counted as signatures on one envelope are (L25): the body's own action asks `Signers` who agrees, and here these speak by the keys
that signed the votes. So every type that exists can be proposed, and whoever its action asks may vote.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace

from ledger.authority import Signers, Voice, check_member_active, has_key
from ledger.canonical import decode
from ledger.errors import BrokenState, LedgerError, NoProposal, NotAuthority, Ordered, ProposalTime, QuorumNotMet, TooMany
from ledger.indexes import put_indexed
from ledger.lapsing import has_lapsed
from ledger.names import servicer_of
from ledger.outcomes import Ballot
from ledger.proposals import OPEN_MAX, VOTES_MAX, Proposal, Vote, open_keys, proposal_key
from ledger.recovery import in_force, keys_of, keyset_record
from ledger.transactions.bodies import TYPES, AccountOpen, AccountSet, Approve, KeysetPut, Pay
from ledger.transactions.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ledger.participants import Keyset, KeysetRecord
    from ledger.state import Overlay
    from ledger.transactions.bodies import Body, Propose
    from ledger.transactions.work import Action

    Act = Callable[[Work, Body], Action]
    """Action of a body: the catalogue's own choice."""


class Asked(Signers):
    """Notes who is asked to agree to a body. Everybody does, so nothing but the body itself can stand in the way."""

    __slots__ = ("brought", "change", "members")

    answer: ClassVar[bool] = True

    def __init__(self, overlay: Overlay, time_ms: int) -> None:
        super().__init__(overlay, (), time_ms)
        self.members: dict[str, None] = {}
        """Keysets (`OWNER/NAME`), in the order in which they were asked."""
        self.change: tuple[str, Keyset | None, Keyset] | None = None
        """Owner, current and new keyset, where the current one changes it."""
        self.brought: tuple[str, KeysetRecord, Keyset] | None = None
        """Owner, keyset as it stands and new one, where somebody else does: a recovery, or the registrar's decision."""

    def agrees(self, member: str) -> bool:
        """Note who is asked."""
        self.members[member] = None
        return self.answer

    def need(self, member: str) -> None:
        """Note who is needed."""
        self.members[member] = None

    def allow(self, members: Iterable[str]) -> None:
        """Note who may."""
        self.members.update(dict.fromkeys(members))

    def need_change(self, owner: str, current: Keyset | None, new: Keyset) -> None:
        """Note the change, and the keyset that must agree to it."""
        self.change = (owner, current, new)
        if current is not None:
            self.need(f"{owner}/{current.name}")

    def need_brought(self, owner: str, record: KeysetRecord, new: Keyset) -> None:
        """Note what is brought."""
        self.brought = (owner, record, new)


class AskedInVain(Asked):
    """Nobody agrees: so the quorums of all grants that fit are asked, not of the first one only."""

    __slots__ = ()

    answer: ClassVar[bool] = False


class Proposing:
    """One propose transaction."""

    __slots__ = ("act", "asked", "body", "content", "work")

    asked: Asked

    def __init__(self, work: Work, body: Propose, act: Act) -> None:
        self.work = work
        self.body = body
        self.act = act
        self.content = content_of(body.type, body.content)
        keyset = _brought_by(self.content)
        if keyset is not None:
            work.signers.bring(*keyset)

    def authorise(self) -> None:
        """See that nothing but votes stands in the way of the body, that somebody who may vote opens, and that new keys sign (L24)."""
        work, body, signers = self.work, self.body, self.work.signers
        self.asked = _voters(work, Proposal(work.tx.tx_id, work.tx.sender, body.type, b"", (), 0, 0, ()), self.content, self.act)
        if not any(signers.agrees(member) for member in self.asked.members):
            raise QuorumNotMet(needed="a keyset that may vote on the proposal")
        signers.allow(self.asked.members)
        if self.asked.change is not None:
            signers.need_new_keys(*self.asked.change)
        elif self.asked.brought is not None:
            signers.need_brought(*self.asked.brought)

    def perform(self) -> None:
        """Check the number of open proposals and the times; open."""
        work, body, tx = self.work, self.body, self.work.tx
        overlay, parameters = work.overlay, work.context.parameters
        participant = servicer_of(tx.sender)
        count, most = _count_open(overlay, participant, work.time_ms), parameters.proposals_open_max
        if count >= most:
            raise TooMany(subject=participant, count=count, what="open proposals", most=most)
        latest = work.time_ms + parameters.proposal_ms_max
        if not work.time_ms < body.until <= latest:
            raise ProposalTime(until=body.until, time_ms=work.time_ms, latest=latest)
        proposal = Proposal(tx.tx_id, tx.sender, body.type, body.content, self._new_keys(), body.not_before, body.until, ())
        put_indexed(overlay, proposal_key(tx.tx_id), proposal)
        work.ballot = Ballot(_told(proposal, self.asked.members))

    def _new_keys(self) -> tuple[bytes, ...]:
        change = self.asked.change or self.asked.brought
        if change is None:
            return ()
        owner, _, new = change
        signed = self.work.signers.keys_of(f"{owner}/{new.name}")
        return tuple(key.public_key for key in new.keys if key.public_key in signed)


class Voting:
    """One approve transaction: a vote, and what it carries out."""

    __slots__ = ("act", "action", "body", "content", "inner", "proposal", "votes", "work")

    proposal: Proposal
    content: Body
    votes: tuple[Vote, ...]
    """All, with this one."""
    action: Action | None
    """Of the body, where the votes make its quorum."""
    inner: Work

    def __init__(self, work: Work, body: Approve, act: Act) -> None:
        self.work = work
        self.body = body
        self.act = act

    def authorise(self) -> None:
        """Find the open proposal; its keyset agrees and has a say. A yes that makes the quorum must be one that the body takes."""
        work, body = self.work, self.body
        self.action = None
        self.proposal = proposal = _open_proposal(work, body.proposal)
        self.content = content_of(proposal.type, proposal.content)
        members, refusal = self._electorate()
        work.ballot = Ballot(_told(proposal, members))
        check_member_active(work.overlay, body.keyset)
        work.signers.need(body.keyset)
        if body.vote == "yes" or not self._has_voted():
            if refusal is not None:
                raise refusal
            if body.keyset not in members or body.vote == "withdraw":
                raise NotAuthority(keyset=body.keyset, what="vote", subject=f"proposal {proposal.id.hex()}")
        self.votes = self._cast()
        if body.vote == "yes" and work.time_ms >= proposal.not_before:
            self._count()

    def perform(self) -> None:
        """Keep the vote, or close the proposal and carry its body out; where that is refused the vote is, too, and it stays open."""
        work, proposal = self.work, self.proposal
        key = proposal_key(proposal.id)
        if self.action is None:
            if len(self.votes) > VOTES_MAX:
                raise TooMany(subject=f"proposal {proposal.id.hex()}", count=len(self.votes) - 1, what="votes", most=VOTES_MAX)
            put_indexed(work.overlay, key, replace(proposal, votes=self.votes))
            return
        put_indexed(work.overlay, key, None)
        try:
            self.action.perform()
        finally:
            work.codes = self.inner.codes
        work.tx, work.told = self.inner.tx, self.inner.told
        if work.ballot is not None:
            work.ballot = Ballot(work.ballot.told, self.content)

    def _electorate(self) -> tuple[dict[str, None], Ordered | None]:
        """Return who may vote now; or why nobody can say so, as the body would be refused whoever agreed."""
        try:
            return _voters(self.work, self.proposal, self.content, self.act).members, None
        except Ordered as refusal:
            return {}, refusal

    def _has_voted(self) -> bool:
        return any(vote.keyset == self.body.keyset for vote in self.proposal.votes)

    def _cast(self) -> tuple[Vote, ...]:
        body = self.body
        votes = {vote.keyset: vote for vote in self.proposal.votes if vote.keyset != body.keyset}
        if body.vote != "withdraw":
            votes[body.keyset] = Vote(body.keyset, body.vote, self.work.signers.keys_of(body.keyset))
        return tuple(votes[member] for member in sorted(votes))

    def _count(self) -> None:
        """Ask the body's action whether the votes that are valid now are enough."""
        work = self.work
        signers = Signers(work.overlay, _voices(work, replace(self.proposal, votes=self.votes), self.content), work.time_ms)
        self.inner = _inner_work(work, self.proposal, self.content, signers)
        action = self.act(self.inner, self.content)
        with suppress(QuorumNotMet):
            action.authorise()
            self.action = action


def content_of(type_: str, content: bytes) -> Body:
    """Body that a proposal carries; its form was checked when its propose was decoded.

    Raises
    ------
    BrokenState
        No type is called so.
    """
    kind = TYPES.get(type_)
    if kind is None:
        raise BrokenState(f"a proposal to {type_}, which no type is called")
    return decode(content, kind)


def legs_carried(overlay: Overlay, body: Body) -> int:
    """Legs that a vote may carry out: those of the pay that it is on; 1 for everything else."""
    if not isinstance(body, Approve):
        return 1
    proposal = overlay.get(proposal_key(body.proposal))
    if not isinstance(proposal, Proposal) or proposal.type != "pay":
        return 1
    content = content_of(proposal.type, proposal.content)
    return len(content.legs) if isinstance(content, Pay) else 1


def _open_proposal(work: Work, proposal_id: bytes) -> Proposal:
    record = work.overlay.get(proposal_key(proposal_id))
    if not isinstance(record, Proposal) or has_lapsed(record.until, work.time_ms):
        raise NoProposal(proposal=proposal_id.hex())
    return record


def _count_open(overlay: Overlay, participant: str, time_ms: int) -> int:
    """Count the open proposals of a participant and its accounts; those that have lapsed and wait for their sweep are swept (L19)."""
    count = 0
    for index in overlay.scan(*open_keys(participant), OPEN_MAX):
        key = "proposal/" + index.rpartition("/")[2]
        record = overlay.get(key)
        if not isinstance(record, Proposal):
            raise BrokenState(f"{index} points at no proposal")
        if has_lapsed(record.until, time_ms):
            put_indexed(overlay, key, None)
        else:
            count += 1
    return count


def _voters(work: Work, proposal: Proposal, content: Body, act: Act) -> Asked:
    """Ask the body's action who must or may agree: once where everybody does, once where nobody does.

    Raises
    ------
    Ordered
        The body would be refused whoever agreed.
    """
    willing = Asked(work.overlay, work.time_ms)
    act(_inner_work(work, proposal, content, willing), content).authorise()
    unwilling = AskedInVain(work.overlay, work.time_ms)
    with suppress(LedgerError):
        act(_inner_work(work, proposal, content, unwilling), content).authorise()
    willing.members.update(unwilling.members)
    return willing


def _inner_work(work: Work, proposal: Proposal, content: Body, signers: Signers) -> Work:
    """Work of the body: sent by the proposer, under the id of the proposal; its entries are those of the vote."""
    tx = replace(work.tx, tx_id=proposal.id, sender=proposal.proposer, type=proposal.type, body=content, signatures=())
    inner = Work(work.overlay, tx, work.context)
    inner.signers = signers
    inner.entries = work.entries
    return inner


def _voices(work: Work, proposal: Proposal, content: Body) -> list[Voice]:
    """Keys that speak now: of each yes those that still count, and the new ones of a keyset that the body brings."""
    voices = []
    for vote in proposal.votes:
        owner, _, name = vote.keyset.rpartition("/")
        record = keyset_record(work.overlay, owner, name)
        keyset = None if record is None else in_force(record, work.time_ms)
        if vote.choice == "yes" and keyset is not None:
            voices += [Voice(owner, name, key) for key in vote.keys if has_key(keyset, key, work.time_ms)]
    brought = _brought_by(content)
    if brought is not None:
        owner, new = brought
        known = keys_of(keyset_record(work.overlay, owner, new.name))
        # A new key that has come into the current keyset since would vote there without having been asked.
        voices += [Voice(owner, new.name, key) for key in proposal.new_keys if key not in known]
    return voices


def _brought_by(content: Body) -> tuple[str, Keyset] | None:
    """Owner and keyset that a body brings."""
    if isinstance(content, KeysetPut):
        return content.owner, content.keyset
    if isinstance(content, AccountOpen | AccountSet) and content.keyset is not None:
        return content.id, content.keyset
    return None


def _told(proposal: Proposal, members: Iterable[str]) -> tuple[str, ...]:
    """Participants that see the votes: the proposer's, those of who may vote now and of who has voted."""
    keysets = (*members, *(vote.keyset for vote in proposal.votes))
    return tuple(sorted(dict.fromkeys((servicer_of(proposal.proposer), *map(servicer_of, keysets)))))
