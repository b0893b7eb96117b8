"""`/v1/consensus` and `/v1/evidence`: why the chain does or does not move, and who was caught at a lie."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final, Literal

from msgspec.structs import replace

from consensus.signing import signing_bytes
from consensus.types import ChainId
from ledger.attestations import ACCUSATIONS_MAX, Accusation, evidence_key
from ledger.placement import GOVERNANCE
from node.api.answers import answer
from node.api.diagnosis_structs import (
    ConsensusBody,
    DoubleVoteBody,
    EvidencePage,
    ProvenVoteBody,
    RecordedEvidence,
    SeenValidatorBody,
    SeenVoteBody,
    StallBody,
    TimeoutBody,
)
from node.api.errors import NotFound
from node.outlook import advice, silent, voteless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from consensus.types import Kind, SignedVote
    from node.api.arguments import Arguments
    from node.api.backend import KeptEvidence
    from node.api.diagnosis_structs import VoteKind
    from node.api.service import Service
    from node.outlook import Neighbour, Outlook

EVIDENCE_PAGE: Final = 20
"""Proofs in a page where `limit` is not given."""
RECORDED_MAX: Final = 1_024 * ACCUSATIONS_MAX
"""What the ledger can have on record."""
KINDS: Final[dict[str, VoteKind]] = {"notarize": "notarize", "nullify": "nullify", "finalize": "finalize"}


async def show_consensus(service: Service, request: web.Request, _: Arguments) -> web.StreamResponse:
    """`GET /v1/consensus`: never an error, whatever the node does."""
    diagnosis = service.diagnosis
    return answer(request, consensus_body(diagnosis.outlook(), diagnosis.stalled_ms))


async def list_evidence(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/evidence`: a page by id, of this node's own files and of what the ledger has on record together."""
    limit, after = arguments.number("limit", EVIDENCE_PAGE), arguments.text("after")
    found = service.diagnosis.evidence(after, limit + 1)
    recorded = sorted(name for name in _recorded_ids(service) if name > after)[: limit + 1]
    names = sorted({*recorded, *(each.id for each in found)})
    shown = names[:limit]
    chain = service.reads.chain_id
    page = EvidencePage(
        chain=chain.hex(),
        evidence=tuple(double_vote(ChainId(chain), each) for each in found if each.id in shown),
        next=shown[-1] if len(names) > limit else "",
        count=service.diagnosis.evidence_count,
        halts=service.diagnosis.halts,
        as_of=service.height,
        recorded=tuple(body for name in shown if (body := _recorded(service, name)) is not None),
    )
    return answer(request, page)


async def show_evidence(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/evidence/{id}`: what the ledger has on record of one file."""
    name = arguments.text("id")
    found = _recorded(service, name)
    if found is None:
        raise NotFound(f"nothing is on record of evidence {name}; GET /v1/evidence lists what is")
    if arguments.text("proof") == "1":
        found = replace(found, proof=b64encode(service.prove(GOVERNANCE, [evidence_key(bytes.fromhex(name))])).decode("ascii"))
    return answer(request, found)


def _recorded_ids(service: Service) -> Iterator[str]:
    """Hashes of the files of which the ledger has something on record."""
    return (key.rpartition("/")[2] for key in service.reads.state.scan("~evidence/", "~evidence/~", RECORDED_MAX))


def _recorded(service: Service, name: str) -> RecordedEvidence | None:
    record = service.record(evidence_key(bytes.fromhex(name)), Accusation)
    if record is None:
        return None
    return RecordedEvidence(name, record.consensus_key.hex(), record.by, record.as_of, record.height, record.at)


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


def double_vote(chain: ChainId, kept: KeptEvidence) -> DoubleVoteBody:
    """Body of a proof that the node keeps."""
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
