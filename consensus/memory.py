"""K15: what this key is known to have signed. A replica that forgot one of its votes may contradict another: it must vote no more.

The signer's mark and the journal are the node's guard; this is the core's: others show a validator the newest vote they have of it, and
certificates carry signatures of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.effects import Alarm, AlarmKind, VoteRecord
from consensus.evidence import conflicting
from consensus.rules import votes_go_up
from consensus.types import Kind, SignedVote, View

if TYPE_CHECKING:
    from consensus.state import State
    from consensus.types import Certificate, ValidatorId, Vote


def newest_vote(state: State, validator: ValidatorId) -> SignedVote | None:
    """Return the newest vote held of a validator, by view, then in the order of K21: from its votes, and from inside certificates.

    After a restart a replica holds certificates of others' votes and none of the votes themselves; a validator that was restored from an
    old copy of its disk must hear of its vote all the same.
    """
    newest = state.newest.get(validator)
    lowest = state.lowest_view if newest is None else max(state.lowest_view, newest.vote.view)
    for number in range(state.top_view, lowest - 1, -1):
        found = _signed_in(state, View(number), validator)
        if found is not None:
            return found if newest is None or _order(found.vote) > _order(newest.vote) else newest
    return newest


def _order(vote: Vote) -> tuple[View, Kind]:
    return vote.view, vote.kind


def _signed_in(state: State, number: View, validator: ValidatorId) -> SignedVote | None:
    """Find the last vote of a validator in a view's certificates."""
    view = state.views.get(number)
    for certificate in () if view is None else reversed(view.certificates):
        if certificate is not None and (signature := signature_of(certificate, validator)) is not None:
            return SignedVote(certificate.subject, validator, signature)
    return None


def signature_of(certificate: Certificate, validator: ValidatorId) -> bytes | None:
    """Return a validator's signature in a certificate, None where it did not sign."""
    return next((signature for signer, signature in certificate.signatures if signer == validator), None)


def check_memory(state: State, signed: SignedVote) -> None:
    """Fall silent for good where a valid vote of ours is shown that is above all we remember, or contradicts it (K15).

    The vote is journaled: at the next start the signer's mark is found behind the journal, and the node refuses to vote with this key.
    """
    vote = signed.vote
    if signed.signer != state.me or vote.epoch != state.epoch or state.silenced:
        return
    view = state.views.get(vote.view)
    contradicts = view is not None and any(own is not None and conflicting(own, vote) for own in view.own)
    if not contradicts and not votes_go_up(state, vote):
        return
    state.silenced = True
    state.record(VoteRecord(signed))
    name = vote.kind.name.lower()
    what = f"contradicts a vote of ours in view {vote.view}" if contradicts else f"for view {vote.view} is not in our journal"
    state.emit(Alarm(AlarmKind.FORGOTTEN_VOTE, f"a {name} vote of this key {what}: it must not vote again; make a new key"))


def check_signed(state: State, certificate: Certificate) -> None:
    """Look for a vote of ours in a certificate that we do not remember (K15)."""
    if not state.started or not votes_go_up(state, certificate.subject):
        return
    signature = signature_of(certificate, state.me)
    if signature is not None:
        check_memory(state, SignedVote(certificate.subject, state.me, signature))


def check_restored(state: State) -> None:
    """Look for a vote of ours in the certificates that the journal and the store hold (K15), once, at the start."""
    newest = newest_vote(state, state.me)
    if newest is not None:
        check_memory(state, newest)
