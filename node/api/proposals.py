"""`/v1/proposals`: what waits for its quorum, and the votes it has (L26)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.lapsing import has_lapsed
from ledger.proposals import OPEN_MAX, Proposal, open_keys, proposal_key
from node.api.answers import answer
from node.api.epoch_structs import ProposalBody, Proposals, VoteBody
from node.api.errors import NotFound

if TYPE_CHECKING:
    from aiohttp import web

    from node.api.arguments import Arguments
    from node.api.service import Service

PAGE_BYTES: Final = 1_048_576
"""Of proposals in one answer, about: a participant may have 64 of 24 KiB open, and is never cut in two."""


async def show_proposal(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/proposals/{id}`."""
    found = _open(service, proposal_key(bytes.fromhex(arguments.text("id"))))
    if found is None:
        raise NotFound("there is no such open proposal: it was carried out, has lapsed, or was never made")
    return answer(request, proposal_body(found, service.height))


async def list_proposals(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`GET /v1/proposals`: those of one participant, or of all in pages."""
    one, after = arguments.text("participant"), arguments.text("after")
    names = [one] if one else [name for name in service.reads.state.participants() if name > after]
    found: list[Proposal] = []
    size, last = 0, ""
    for name in names:
        if size > PAGE_BYTES:
            return answer(request, Proposals(tuple(proposal_body(each, service.height) for each in found), last, service.height))
        mine = _open_of(service, name)
        size, last = size + sum(len(each.content) for each in mine), name
        found += mine
    return answer(request, Proposals(tuple(proposal_body(each, service.height) for each in found), "", service.height))


def _open_of(service: Service, participant: str) -> list[Proposal]:
    indexes = service.reads.state.scan(*open_keys(participant), OPEN_MAX)
    found = (_open(service, "proposal/" + index.rpartition("/")[2]) for index in indexes)
    return [each for each in found if each is not None]


def _open(service: Service, key: str) -> Proposal | None:
    """Return a proposal that has not lapsed by the time of the newest final block (L19)."""
    record = service.record(key, Proposal)
    return None if record is None or has_lapsed(record.until, service.reads.tip.facts.time_ms) else record


def proposal_body(proposal: Proposal, as_of: int) -> ProposalBody:
    """Proposal as the API shows it."""
    return ProposalBody(
        id=proposal.id.hex(),
        proposer=proposal.proposer,
        type=proposal.type,
        content=proposal.content.hex(),
        not_before=proposal.not_before,
        until=proposal.until,
        votes=tuple(VoteBody(vote.keyset, vote.choice, tuple(key.hex() for key in vote.keys)) for vote in proposal.votes),
        as_of=as_of,
    )
