"""K13, K19, K20: what is sent again, what is told of ourselves, what others lack, what we lack. Decides, changes nothing."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from consensus.certificates import ranges_of
from consensus.effects import CatchUp, FetchCertificates, Resend, SendCertificates
from consensus.events import Status
from consensus.rules import CERTIFICATES_MAX
from consensus.state import Missing
from consensus.types import Kind, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consensus.effects import Effects
    from consensus.state import State
    from consensus.types import Certificate, SignedVote, ValidatorId

RANGES_MAX = 64
"""Pairs of views in a `Status`."""
CATCH_UP_VIEWS = 64
"""A finalization further ahead than one bundle reaches is caught up with by ranges of final blocks (K20)."""
SCAN_VIEWS_MAX = 1_024
"""How many views of a peer's claim are looked through for what is missing here: a claim costs its sender nothing."""

Ranges = tuple[tuple[View, View], ...]


def resend_own(state: State, to: ValidatorId | None) -> Effects:
    """Send own votes of every view above the final one and the own proposal of the current view again (K13).

    If q validators crash after they journaled a nullify, nobody else can make the certificate that frees them.
    """
    proposal = state.at(state.view).proposal
    if proposal is not None and (proposal.vote.signer != state.me or not proposal.vote.signature):
        proposal = None
    signed = own_votes(state, View(state.final_view + 1))
    return (Resend(signed, proposal, to),) if signed else ()


def resend_on_retry(state: State) -> Effects:
    """Send again what loss may have kept from being counted: finalize votes above the final view, every vote of the current one."""
    proposal = state.at(state.view).proposal
    if proposal is not None and (proposal.vote.signer != state.me or not proposal.vote.signature):
        proposal = None
    signed = tuple(
        own for own in own_votes(state, View(state.final_view + 1)) if own.vote.view == state.view or own.vote.kind is Kind.FINALIZE
    )
    return (Resend(signed, proposal, None),) if signed else ()


def own_votes(state: State, lowest: View) -> tuple[SignedVote, ...]:
    """List own signed votes from a view on, rising, of the newest `retention_views` views."""
    lowest = View(max(lowest, state.view - state.timing.retention_views))
    found: list[SignedVote] = []
    for number in range(lowest, state.view + 1):
        view = state.views.get(View(number))
        if view is not None:
            found.extend(votes[state.me] for votes in view.votes if state.me in votes)
    return tuple(found)


def own_status(state: State) -> Status:
    """Tell what is held (K19): certificates above the final view as ranges, the newest if there are too many."""
    return Status(
        epoch=state.epoch,
        view=state.view,
        final_view=state.final_view,
        committed_height=state.committed_height,
        time_ms=state.now,
        notarized=ranges_of(list(held_views(state, Kind.NOTARIZE)), RANGES_MAX),
        nullified=ranges_of(list(held_views(state, Kind.NULLIFY)), RANGES_MAX),
        newest_vote_of_receiver=None,
    )


def held_views(state: State, kind: Kind) -> Iterator[View]:
    """Go down through the views above the final one that have a certificate of this kind."""
    for number in range(state.top_view, state.final_view, -1):
        view = state.views.get(View(number))
        if view is not None and view.certificates[kind] is not None:
            yield View(number)


def bundle_for(state: State, peer: Status) -> tuple[Certificate, ...]:
    """Collect what a peer lacks (K19): the finalization and the newest 64 certificates above it."""
    bundle: list[Certificate] = []
    if peer.final_view < state.final_view and state.finalization is not None:
        bundle.append(state.finalization)
    nullified, notarized = _starts(peer.nullified), _starts(peer.notarized)
    for number in range(state.top_view, max(state.final_view, peer.final_view), -1):
        view = state.views.get(View(number))
        if view is None:
            continue
        for kind, ranges, starts in ((Kind.NULLIFY, peer.nullified, nullified), (Kind.NOTARIZE, peer.notarized, notarized)):
            certificate = view.certificates[kind]
            if certificate is not None and not _covers(ranges, starts, view.number):
                bundle.append(certificate)
        if len(bundle) >= CERTIFICATES_MAX:
            break
    return tuple(bundle[:CERTIFICATES_MAX])


def fetch_from(state: State, sender: ValidatorId, peer: Status) -> Effects:
    """Ask a peer for the certificates above our final view that it has and we lack (K19, background repair)."""
    missing = Missing(_lacking(state, Kind.NOTARIZE, peer.notarized), _lacking(state, Kind.NULLIFY, peer.nullified))
    return (FetchCertificates(sender, missing.notarizations, missing.nullifications),) if missing else ()


def answer_request(
    state: State, peer: ValidatorId, notarizations: tuple[View, ...], nullifications: tuple[View, ...]
) -> tuple[SendCertificates, ...]:
    """Answer a request for certificates (K19): what is held of it, a finalization in place of a notarization, at most 64."""
    found: list[Certificate] = []
    below = False
    for numbers, kinds in ((notarizations, (Kind.NOTARIZE, Kind.FINALIZE)), (nullifications, (Kind.NULLIFY,))):
        for number in numbers[:CERTIFICATES_MAX]:
            below = below or number <= state.final_view
            view = state.views.get(number)
            held = [] if view is None else [certificate for kind in kinds if (certificate := view.certificates[kind]) is not None]
            found.extend(held[:1])
    if below and state.finalization is not None:
        found.insert(0, state.finalization)
    return (SendCertificates(tuple(found[:CERTIFICATES_MAX]), peer),) if found else ()


def who_has(state: State, missing: Missing) -> tuple[ValidatorId, ...]:
    """Choose f + 1 validators to ask for missing certificates: those whose status shows some of them first; one of them is honest."""
    showing: list[ValidatorId] = []
    silent: list[ValidatorId] = []
    for peer in state.others():
        status = state.peers.get(peer)
        shows = status is not None and (
            any(_covers(status.nullified, _starts(status.nullified), view) for view in missing.nullifications)
            or any(_covers(status.notarized, _starts(status.notarized), view) for view in missing.notarizations)
        )
        (showing if shows else silent).append(peer)
    return tuple((showing + silent)[: state.validators.faults + 1])


def catch_up(state: State) -> CatchUp:
    """Choose whom to ask for ranges of final blocks (K20): in turn those that say they are there, else those that signed."""
    certificate = state.finalization
    if certificate is None:
        raise AssertionError("catching up without a finalization")
    ahead = [peer for peer in state.others() if peer in state.peers and state.peers[peer].final_view >= state.final_view]
    signers = [signer for signer, _ in certificate.signatures if signer != state.me]
    candidates = ahead or signers
    return CatchUp(candidates[state.catch_up_attempts % len(candidates)], state.final_view)


def _lacking(state: State, kind: Kind, ranges: Ranges) -> tuple[View, ...]:
    found: list[View] = []
    steps = SCAN_VIEWS_MAX
    for first, last in reversed(ranges):
        for number in range(last, max(first - 1, state.final_view), -1):
            steps -= 1
            if steps < 0 or len(found) == CERTIFICATES_MAX // 2:
                return tuple(found)
            view = state.views.get(View(number))
            if view is None or view.certificates[kind] is None:
                found.append(View(number))
    return tuple(found)


def _starts(ranges: Ranges) -> list[View]:
    return [first for first, _ in ranges]


def _covers(ranges: Ranges, starts: list[View], number: View) -> bool:
    index = bisect_right(starts, number) - 1
    return index >= 0 and ranges[index][1] >= number
