"""`/v1/consensus` and `/v1/evidence` as clients see them, over an outlook and proofs made by hand."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from consensus.evidence import Evidence, check_evidence
from consensus.signing import parse_signing_bytes, signing_bytes
from consensus.types import BlockId, ChainId, Epoch, Kind, SignedVote, ValidatorId, ValidatorSet, View, Vote
from ledger.attestations import Accusation, evidence_index, evidence_key
from ledger.keys import public_key_of, sign, verify
from ledger.state import Mark
from node.api.backend import KeptEvidence
from node.api.diagnosis_structs import ConsensusBody, EvidencePage, ProvenVoteBody, RecordedEvidence, SeenVoteBody
from node.api.structs import ErrorBody, Health
from node.outlook import LastTimeout
from tests.node.api_world import CHAIN, World, client_of, get
from tests.node.diagnosis_world import NOW_MS

SEED = bytes([7]) * 32


def proof(view: int) -> Evidence:
    """Real double vote: a nullify and a finalize of one view."""
    votes = (
        Vote.nullify(Epoch(0), View(view)),
        Vote(Kind.FINALIZE, Epoch(0), View(view), View(view - 1), BlockId(sha256(b"%d" % view).digest())),
    )
    signed = tuple(SignedVote(vote, ValidatorId(2), sign(SEED, signing_bytes(ChainId(CHAIN), vote))) for vote in votes)
    return Evidence(signed[0], signed[1])


def kept(view: int) -> KeptEvidence:
    return KeptEvidence(sha256(b"%d" % view).hexdigest(), proof(view), "bank-a", public_key_of(SEED))


async def test_consensus_says_what_is_known_and_null_for_the_rest() -> None:
    """Goal: every field. Method: an outlook with a voter, a silent validator, and this node itself."""
    world = World()
    world.diagnosis.seen = replace(world.diagnosis.seen, last_timeout=LastTimeout(5, 3, "leader_silent", NOW_MS - 1_500))
    async with client_of(world.backend) as session:
        body = await get(session, "/v1/consensus", ConsensusBody)
    assert (body.role, body.index, body.epoch, body.view, body.final_view) == ("validator", 1, 0, 7, 6)
    assert (body.height, body.committed_height, body.quorum, body.busy) == (3, 3, 3, True)
    assert (body.leader, body.leader_name, body.waiting_ms) == (3, "operator/3", 400)
    assert body.last_timeout is not None
    assert (body.last_timeout.view, body.last_timeout.leader_name, body.last_timeout.ms_ago) == (5, "operator/3", 1_500)
    assert (body.progress.stalled_ms, body.progress.todo) == (0, "")
    assert (body.progress.silent, body.progress.voteless) == (("operator/3",), ("operator/2",))
    zero, own, _, three = body.validators
    assert (zero.newest_vote, zero.voted, zero.heard_ms_ago, zero.clock_ms) == (SeenVoteBody("notarize", 7), ("notarize",), 100, -2)
    assert (own.own, own.connected, own.heard_ms_ago) == (True, True, None)
    assert (three.connected, three.heard_ms_ago, three.view, three.lag_views, three.lag_heights) == (False, None, None, None, None)


async def test_a_standstill_comes_with_what_to_do() -> None:
    """Goal: `progress` and its series. Method: the watchdog has cried."""
    world = World()
    world.diagnosis.stalled_ms = 12_000
    async with client_of(world.backend) as session:
        body = await get(session, "/v1/consensus", ConsensusBody)
        async with session.get("/metrics") as answer:
            text = await answer.text()
    assert body.progress.stalled_ms == 12_000
    assert "operator/2 did not vote" in body.progress.todo
    assert "som_progress_stalled_seconds 12.0" in text


async def test_k15_a_silenced_key_is_no_secret() -> None:
    """Goal: not ready, with the reason; a series. Method: the same node before and after."""
    world = World()
    world.reads.add()
    async with client_of(world.backend) as session:
        assert (await get(session, "/readyz", Health)).reasons == ()
        world.diagnosis.silenced = "this node's key must not vote any more: run `som recover`"
        world.diagnosis.seen = replace(world.diagnosis.seen, silenced=world.diagnosis.silenced)
        assert (await get(session, "/readyz", Health, 503)).reasons == (world.diagnosis.silenced,)
        assert (await get(session, "/v1/consensus", ConsensusBody)).silenced == world.diagnosis.silenced
        async with session.get("/metrics") as answer:
            assert "som_silenced 1.0" in await answer.text()


async def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    """Goal: the documented form, whatever the clock does. Method: everything lies in the future."""
    world = World()
    world.diagnosis.seen = replace(world.diagnosis.seen, now_ms=NOW_MS - 3_600_000)
    async with client_of(world.backend) as session:
        body = await get(session, "/v1/consensus", ConsensusBody)
    assert (body.waiting_ms, body.validators[0].heard_ms_ago) == (0, 0)


def check(body: ProvenVoteBody, public_key: str) -> Vote:
    """Check a signature from the answer alone, and return what was signed."""
    message = bytes.fromhex(body.message)
    assert verify(bytes.fromhex(public_key), message, bytes.fromhex(body.signature))
    chain, vote = parse_signing_bytes(message)
    assert (chain, vote.kind.name.lower(), vote.block_id.hex(), vote.parent_view) == (CHAIN, body.kind, body.block_id, body.parent_view)
    return vote


async def test_evidence_can_be_checked_by_who_has_only_the_answer() -> None:
    """Goal: offline. Method: verify both signatures over the bytes that are shown, and that the two votes exclude each other."""
    world = World()
    world.diagnosis.proofs = [kept(9)]
    async with client_of(world.backend) as session:
        page = await get(session, "/v1/evidence", EvidencePage)
    assert (page.chain, page.count, page.next, page.halts) == (CHAIN.hex(), 1, "", 0)
    (shown,) = page.evidence
    assert (shown.epoch, shown.view, shown.signer, shown.participant) == (0, 9, 2, "bank-a")
    first, second = check(shown.first, shown.public_key), check(shown.second, shown.public_key)
    rebuilt = Evidence(
        SignedVote(first, ValidatorId(shown.signer), bytes.fromhex(shown.first.signature)),
        SignedVote(second, ValidatorId(shown.signer), bytes.fromhex(shown.second.signature)),
    )
    keys = ValidatorSet((bytes(32), bytes(32), bytes.fromhex(shown.public_key), bytes(32)))
    assert check_evidence(rebuilt, keys, ChainId(CHAIN), verify)


async def test_evidence_comes_in_pages() -> None:
    """Goal: limits, and nothing left out or given twice. Method: five proofs, two at a time; a page that is just full has no next."""
    world = World()
    world.diagnosis.proofs = sorted((kept(view) for view in range(1, 6)), key=lambda each: each.id)
    seen: list[str] = []
    async with client_of(world.backend) as session:
        after = ""
        while True:
            page = await get(session, f"/v1/evidence?limit=2{after}", EvidencePage)
            seen += [each.id for each in page.evidence]
            assert page.count == 5
            if not page.next:
                break
            after = f"&after={page.next}"
        assert (await get(session, "/v1/evidence?limit=5", EvidencePage)).next == ""
    assert seen == [each.id for each in world.diagnosis.proofs]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "after=xyz", "signer=3"])
async def test_what_a_page_does_not_take_is_refused(query: str) -> None:
    """Goal: 400 with a sentence. Method: limits and words out of range."""
    async with client_of(World().backend) as session:
        assert (await get(session, f"/v1/evidence?{query}", ErrorBody, 400)).name == "BAD_QUERY"


async def test_what_is_on_record_stands_beside_what_the_node_keeps() -> None:
    """Goal: both in one order of hashes, page by page, none left out. Method: three proofs here, three on record, one of them both."""
    world = World()
    world.diagnosis.proofs = sorted((kept(view) for view in range(1, 4)), key=lambda each: each.id)
    shown = [sha256(b"%d" % view).digest() for view in (3, 4, 5)]
    for number, each in enumerate(shown):
        record = Accusation(public_key_of(SEED), "bank-a", 100 + number, 2, 110)
        world.reads.state.records[evidence_key(each)] = record
        world.reads.state.records[evidence_index("bank-a", 2, each.hex())] = Mark()
    here: list[str] = []
    there: list[str] = []
    async with client_of(world.backend) as session:
        after = ""
        while True:
            page = await get(session, f"/v1/evidence?limit=2{after}", EvidencePage)
            here += [each.id for each in page.evidence]
            there += [each.id for each in page.recorded]
            if not page.next:
                break
            after = f"&after={page.next}"
        one = await get(session, f"/v1/evidence/{shown[0].hex()}", RecordedEvidence)
        assert (await get(session, f"/v1/evidence/{bytes(32).hex()}", ErrorBody, 404)).code == 404
    assert here == [each.id for each in world.diagnosis.proofs]
    assert there == sorted(each.hex() for each in shown)
    assert (one.public_key, one.by, one.as_of, one.height, one.time_ms) == (public_key_of(SEED).hex(), "bank-a", 100, 2, 110)
