"""`/v1/consensus` and `/v1/evidence`: why the chain does or does not move, and who was caught at a lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from consensus.signing import signing_bytes
from consensus.types import ChainId
from node.api.answers import answer
from node.api.diagnosis_structs import (
    ConsensusBody,
    DoubleVoteBody,
    EvidencePage,
    ProvenVoteBody,
    SeenValidatorBody,
    SeenVoteBody,
    StallBody,
    TimeoutBody,
)
from node.outlook import advice, silent, voteless

if TYPE_CHECKING:
    from aiohttp import web

    from consensus.types import Kind, SignedVote
    from node.api.arguments import Arguments
    from node.api.backend import KeptEvidence
    from node.api.diagnosis_structs import VoteKind
    from node.api.service import Service
    from node.outlook import Neighbour, Outlook

EVIDENCE_PAGE: Final = 20
"""Proofs in a page where `limit` is not given."""
KINDS: Final[dict[str, VoteKind]] = {"notarize": "notarize", "nullify": "nullify", "finalize": "finalize"}


async def show_consensus(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/consensus`: never an error, whatever the node does."""
    diagnosis = service.diagnosis
    return answer(request, consensus_body(diagnosis.outlook(), diagnosis.stalled_ms))


async def list_evidence(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/evidence`: a page by id."""
    limit = arguments.number("limit", EVIDENCE_PAGE)
    found = service.diagnosis.evidence(arguments.text("after"), limit + 1)
    shown = found[:limit]
    chain = service.reads.chain_id
    page = EvidencePage(
        chain=chain.hex(),
        evidence=tuple(_double_vote(ChainId(chain), each) for each in shown),
        next=shown[-1].id if len(found) > limit else "",
        count=service.diagnosis.evidence_count,
        halts=service.diagnosis.halts,
        as_of=service.height,
    )
    return answer(request, page)


def consensus_body(outlook: Outlook, stalled_ms: int) -> ConsensusBody:
    """Body of an outlook; ages are by the clock at which it was taken."""
    now, last = outlook.now_ms, outlook.last_timeout
    names = [each.name for each in outlook.neighbours]
    timeout = None
    if last is not None:
        timeout = TimeoutBody(last.view, last.leader, names[last.leader], last.cause, _age(now, last.at_ms))
    progress = StallBody(
        stalled_ms=stalled_ms,
        silent=tuple(each.name for each in silent(outlook)),
        voteless=tuple(each.name for each in voteless(outlook)),
        todo=advice(outlook) if stalled_ms else "",
    )
    return ConsensusBody(
        time_ms=now,
        role=outlook.role,
        index=outlook.own_index,
        epoch=outlook.epoch,
        view=outlook.view,
        final_view=outlook.final_view,
        height=outlook.height,
        committed_height=outlook.committed_height,
        leader=outlook.leader,
        leader_name=names[outlook.leader],
        quorum=outlook.quorum,
        busy=outlook.busy,
        waits_for=outlook.waits_for,
        waiting_ms=_age(now, outlook.since_ms),
        last_timeout=timeout,
        silenced=outlook.silenced,
        progress=progress,
        validators=tuple(_validator(each, now) for each in outlook.neighbours),
    )


def _validator(each: Neighbour, now_ms: int) -> SeenValidatorBody:
    newest = each.newest_vote
    return SeenValidatorBody(
        index=each.index,
        name=each.name,
        participant=each.participant,
        own=each.own,
        connected=each.connected,
        heard_ms_ago=None if each.heard_at_ms is None else _age(now_ms, each.heard_at_ms),
        newest_vote=None if newest is None else SeenVoteBody(KINDS[newest[0]], newest[1]),
        voted=tuple(KINDS[kind] for kind in each.voted),
        view=each.view,
        final_view=each.final_view,
        height=each.height,
        lag_views=each.lag_views,
        lag_heights=each.lag_heights,
        clock_ms=each.clock_ms,
        last_signed_height=each.last_signed_height,
    )


def _age(now_ms: int, then_ms: int) -> int:
    """Milliseconds since then; 0 where the clock was set back meanwhile."""
    return max(0, now_ms - then_ms)


def _double_vote(chain: ChainId, kept: KeptEvidence) -> DoubleVoteBody:
    first, second = kept.proof.first, kept.proof.second
    return DoubleVoteBody(
        id=kept.id,
        epoch=first.vote.epoch,
        view=first.vote.view,
        signer=first.signer,
        participant=kept.participant,
        public_key=kept.public_key.hex(),
        first=_proven(chain, first),
        second=_proven(chain, second),
    )


def _proven(chain: ChainId, signed: SignedVote) -> ProvenVoteBody:
    vote = signed.vote
    return ProvenVoteBody(
        kind=_kind(vote.kind),
        parent_view=vote.parent_view,
        block_id=vote.block_id.hex(),
        message=signing_bytes(chain, vote).hex(),
        signature=signed.signature.hex(),
    )


def _kind(kind: Kind) -> Literal["notarize", "nullify", "finalize"]:
    return KINDS[kind.name.lower()]
