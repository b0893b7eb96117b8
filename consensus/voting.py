"""Votes and certificates: what is counted, what becomes a certificate, what proves a liar. Acts on the state.

Only the first vote of a signer counts, for each kind and view. Own votes come in here only once they are durable (`CastDone`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.activity import hear
from consensus.blocks import commit, halt, note_block, want
from consensus.certificates import assemble, contradictory, vote_form
from consensus.effects import Cast, CertificateRecord, MilestoneKind, SendCertificates, StoreEvidence
from consensus.evidence import Evidence, conflicting
from consensus.memory import check_memory, check_signed, signature_of
from consensus.rules import follows_end, may_vote, skips_final, votes_go_up
from consensus.state import Stage
from consensus.types import Kind, Proposal, SignedVote, View

if TYPE_CHECKING:
    from consensus.effects import Record
    from consensus.state import State, ViewState
    from consensus.types import BlockFacts, Certificate, ValidatorId, Vote


def accepts_vote(state: State, vote: Vote) -> bool:
    """Tell whether a vote is in the window of K19: `[final - retention, view + 1]`, and no older than the newest `retention` views."""
    oldest = max(state.floor_view, state.view - state.timing.retention_views)
    return vote.epoch == state.epoch and oldest < vote.view <= state.view + 1 and vote_form(vote)


def accepts_certificate(state: State, subject: Vote) -> bool:
    """Tell whether a certificate is in the window of K19: any view above `final - retention`."""
    return subject.epoch == state.epoch and subject.view > max(0, state.floor_view) and vote_form(subject)


def holds(state: State, subject: Vote) -> bool:
    """Tell whether a certificate of exactly this subject is held; one with another subject must be looked at."""
    view = state.views.get(subject.view)
    held = None if view is None else view.certificates[subject.kind]
    return held is not None and held.subject == subject


def take_vote(state: State, signed: SignedVote) -> None:
    """Count a verified vote of another validator. One of our own is never counted from outside (K15)."""
    if not accepts_vote(state, signed.vote):
        return
    if signed.signer == state.me:
        check_memory(state, signed)
    elif 0 <= signed.signer < state.validators.size:
        hear(state, signed.signer)
        count(state, signed)


def count(state: State, signed: SignedVote) -> None:
    """Tally the first vote of a signer; at a quorum of one subject there is a certificate."""
    vote = signed.vote
    view = state.at(vote.view)
    votes = view.votes[vote.kind]
    first = votes.get(signed.signer)
    if first is not None:
        if conflicting(first.vote, vote):
            accuse(state, view, first, signed)
        return
    votes[signed.signer] = signed
    newest = state.newest.get(signed.signer)
    if newest is None or (vote.view, vote.kind) > (newest.vote.view, newest.vote.kind):
        state.newest[signed.signer] = signed
    if vote.kind is not Kind.NOTARIZE:
        other = view.votes[Kind.FINALIZE if vote.kind is Kind.NULLIFY else Kind.NULLIFY].get(signed.signer)
        if other is not None:
            accuse(state, view, other, signed)
    _accuse_by_certificates(state, view, signed)
    tally = view.tallies[vote.kind].setdefault((vote.parent_view, vote.block_id), [])
    tally.append(signed)
    if len(tally) == state.validators.quorum and not holds(state, vote):
        accept(state, assemble(tally, state.validators))


def accuse(state: State, view: ViewState, first: SignedVote, second: SignedVote) -> None:
    """Keep the proof that a validator signed two conflicting votes, once for each view and validator; if it is us, vote no more (K15)."""
    if first.signer not in view.accused:
        view.accused[first.signer] = None
        state.emit(StoreEvidence(Evidence(first, second)))
    if state.started:
        check_memory(state, second)


def accept(state: State, certificate: Certificate) -> None:
    """Take a verified certificate: keep it, relay it once (K10), act on it; stop on a contradiction.

    Above the final view it is journaled before anything rests on it, and relayed also where its block is not verified here.
    """
    subject = certificate.subject
    if state.halted or not accepts_certificate(state, subject) or holds(state, subject):
        return
    check_signed(state, certificate)
    view = state.at(subject.view)
    for held in view.certificates:
        if held is not None and contradictory(held.subject, subject):
            halt(state, f"two certificates of view {subject.view} contradict each other", held, certificate)
            return
    view.certificates[subject.kind] = certificate
    _accuse_signers(state, view, certificate)
    if subject.view <= state.final_view:
        return
    state.top_view = max(state.top_view, subject.view)
    state.record(CertificateRecord(certificate))
    state.emit(SendCertificates((certificate,), None))
    state.touched.append(subject.view)
    if follows_end(state, subject):
        halt(state, f"view {subject.view} certified another block after the end of epoch {state.epoch} was final", certificate)
        return
    if subject.kind is Kind.NOTARIZE:
        _notarized(state, certificate)
    elif subject.kind is Kind.FINALIZE:
        _finalized(state, certificate)


def _accuse_signers(state: State, view: ViewState, certificate: Certificate) -> None:
    subject = certificate.subject
    for signer, signature in certificate.signatures:
        for held in view.votes:
            first = held.get(signer)
            if first is not None and conflicting(first.vote, subject):
                accuse(state, view, first, SignedVote(subject, signer, signature))


def _accuse_by_certificates(state: State, view: ViewState, signed: SignedVote) -> None:
    """Compare a vote with what its signer signed inside the certificates of its view: they may have come without its votes."""
    for certificate in view.certificates:
        if certificate is not None and conflicting(certificate.subject, signed.vote):
            signature = signature_of(certificate, signed.signer)
            if signature is not None:
                accuse(state, view, SignedVote(certificate.subject, signed.signer, signature), signed)


def _notarized(state: State, certificate: Certificate) -> None:
    state.milestone(MilestoneKind.NOTARIZED, certificate.subject.view)
    if skips_final(state, certificate.subject):
        sides = (certificate,) if state.finalization is None else (state.finalization, certificate)
        halt(state, f"the notarization of view {certificate.subject.view} skips a finalized view", *sides)
        return
    _need(state, certificate)


def _need(state: State, certificate: Certificate) -> None:
    """Work on a block that a quorum voted for, whether or not we voted (K8, K9)."""
    subject = certificate.subject
    signers = tuple(signer for signer, _ in certificate.signatures)
    proposal = state.at(subject.view).proposal
    facts = proposal.facts if proposal is not None and proposal.facts.block_id == subject.block_id else None
    block = note_block(state, subject.block_id, subject.view, facts, signers)
    block.needed = True
    if block.stage is not Stage.EXECUTED:
        state.work.setdefault(block.block_id, subject.view)
    want(state, block)


def _finalized(state: State, certificate: Certificate) -> None:
    """Raise the final view (K11): what is at or below it is decided, whether or not its blocks are here."""
    state.finalization = certificate
    state.final_view = certificate.subject.view
    state.work = {block_id: view for block_id, view in state.work.items() if view > state.final_view}
    forget_views(state, state.floor_view)
    for number in range(state.final_view + 1, state.top_view + 1):
        above = state.views.get(View(number))
        notarization = None if above is None else above.certificates[Kind.NOTARIZE]
        if notarization is not None and skips_final(state, notarization.subject):
            halt(state, f"the notarization of view {number} skips a finalized view", certificate, notarization)
            return
    _need(state, certificate)
    state.work.pop(certificate.subject.block_id, None)
    commit(state)


def forget_views(state: State, floor: View) -> None:
    """Drop what is known of views at or below the floor of K19."""
    if floor - state.lowest_view > len(state.views):
        state.views = {number: view for number, view in state.views.items() if number > floor}
    else:
        for number in range(state.lowest_view, floor + 1):
            state.views.pop(View(number), None)
    state.lowest_view = max(state.lowest_view, View(floor + 1))


def cast(state: State, vote: Vote, *records: Record, proposing: BlockFacts | None = None) -> None:
    """Ask for a vote to be made durable, then sent. It counts as cast from here on; it is tallied when `CastDone` comes back."""
    if not may_vote(state):
        return
    if not votes_go_up(state, vote):
        raise AssertionError(f"a {vote.kind.name.lower()} vote for view {vote.view} would not be above {state.mark} (K21)")
    remember_cast(state, vote)
    proposal = None
    if proposing is not None:
        proposal = state.at(vote.view).proposal = unsigned_proposal(vote, state.me, proposing)
    state.emit(Cast((vote,), records, proposal))
    if proposal is not None:
        state.milestone(MilestoneKind.PROPOSED, vote.view)


def remember_cast(state: State, vote: Vote) -> None:
    """Keep an own vote as given: never another one of its kind in its view, none below it (K5, K6, K7, K21)."""
    state.at(vote.view).own[vote.kind] = vote
    state.mark = max(state.mark, (vote.view, vote.kind))


def unsigned_proposal(vote: Vote, me: ValidatorId, facts: BlockFacts) -> Proposal:
    """Make our own proposal before the signer has signed it."""
    return Proposal(SignedVote(vote, me, b""), facts)


def take_cast(state: State, signed: SignedVote) -> None:
    """Tally an own vote that is durable and sent; our own proposal is signed by it."""
    if signed.vote.view <= state.floor_view or signed.vote.epoch != state.epoch:
        return
    view = state.at(signed.vote.view)
    proposal = view.proposal
    if proposal is not None and signed.vote == proposal.vote.vote and signed.signer == proposal.vote.signer:
        view.proposal = Proposal(signed, proposal.facts)
    count(state, signed)
