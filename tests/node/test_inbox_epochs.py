"""The inbox over epochs (K22): nobody is punished for being early or late; early frames wait, late nodes are told."""

from __future__ import annotations

import pytest

from consensus.events import CertificateReceived, ProposalReceived
from consensus.signing import signing_bytes
from consensus.types import BlockId, Certificate, Epoch, Kind, SignedVote, ValidatorId, View, Vote
from ledger.blocks import Header
from ledger.canonical import encode
from ledger.keys import sign
from node.later import BYTES_MAX, FRAMES_MAX, Later
from node.wire import (
    BlockIds,
    BlockRequest,
    BlockResponse,
    CertificateRequest,
    Certificates,
    Frame,
    Lane,
    ProposalFrame,
    StatusFrame,
    TransactionsRequest,
    Votes,
    WireError,
    encode_frame,
    header_of,
    wire_certificate,
    wire_vote,
)
from tests.node.test_inbox import BLOCK_ID, CHAIN, HEADER, SEEDS, Echo, World, certificate, vote

NEXT = 1


def status(epoch: int) -> StatusFrame:
    return StatusFrame(epoch, 5, 4, 3, 1_000, (), (), None)


def notarized(block_id: BlockId) -> SignedVote:
    """Vote of the leader of view 5."""
    subject = Vote(Kind.NOTARIZE, Epoch(0), View(5), View(1), block_id)
    return SignedVote(subject, ValidatorId(1), sign(SEEDS[1], signing_bytes(CHAIN, subject)))


@pytest.mark.parametrize("validator", [1, None], ids=["validator", "newcomer"])
async def test_k22_frames_of_the_next_epoch_wait_for_it_whoever_sent_them(validator: int | None) -> None:
    """Goal: the first proposal of an epoch is not lost by who is slower. Method: votes and lists of ids, then take them out in order."""
    world, link = World(), Echo(validator)
    frames: list[Frame] = [
        Votes((wire_vote(vote(2, epoch=NEXT)),)),
        ProposalFrame(HEADER, wire_vote(vote(1, epoch=NEXT))),
        Certificates((wire_certificate(Certificate(vote(1, epoch=NEXT).vote, ())),)),
    ]
    for frame in frames:
        assert await world.take(link, Lane.VOTES, frame) == []
    assert world.later.take(link.node_key) == [(Lane.VOTES, encode_frame(frame)) for frame in frames]
    assert world.later.take(link.node_key) == []
    await world.take(link, Lane.VOTES, Votes((wire_vote(vote(2, epoch=NEXT + 1)),)))
    assert world.later.take(link.node_key) == []
    await world.take(link, Lane.BULK, BlockIds(BLOCK_ID, bytes(32)))
    kept = world.later.take(link.node_key)
    assert kept == ([] if validator is not None else [(Lane.BULK, encode_frame(BlockIds(BLOCK_ID, bytes(32))))])


async def test_k22_who_shows_another_epoch_is_answered_or_followed_never_cut_off() -> None:
    """Goal: late and early nodes are honest. Method: statuses of an old and of a later epoch, of a validator and of a node that is none."""
    world = World()
    world.all.epoch = Epoch(3)
    for link in (Echo(1), Echo(None)):
        for epoch, heard in ((2, "behind"), (0, "behind"), (4, "ahead"), (9, "ahead")):
            assert await world.take(link, Lane.VOTES, status(epoch)) == []
            assert world.elsewhere.pop() == (link, heard, epoch)
        for frame in (Votes((wire_vote(vote(2, epoch=2)),)), ProposalFrame(HEADER, wire_vote(vote(1, epoch=0)))):
            assert await world.take(link, Lane.VOTES, frame) == []
    assert world.dropped("epoch") == 4


async def test_k22_a_newcomer_that_is_ahead_may_ask_and_answer_like_a_validator() -> None:
    """Goal: its frames that name no epoch are no lie. Method: each kind from a node that our set does not have."""
    world, link = World(), Echo(None)
    await world.take(link, Lane.BULK, BlockRequest(BLOCK_ID))
    assert link.sent == [BlockResponse(BLOCK_ID, HEADER, b"\x90")]
    await world.take(link, Lane.BULK, TransactionsRequest(BLOCK_ID, (0,)))
    await world.take(link, Lane.BULK, BlockResponse(BLOCK_ID, b"", b""))
    assert await world.take(link, Lane.VOTES, CertificateRequest((1,), ())) == []
    (event,) = await world.take(link, Lane.VOTES, Certificates((wire_certificate(certificate()),)))
    assert isinstance(event, CertificateReceived)
    lie = certificate()
    spoiled = type(lie)(lie.subject, tuple((index, bytes(64)) for index, _ in lie.signatures))
    with pytest.raises(WireError, match="signature"):
        await world.take(link, Lane.VOTES, Certificates((wire_certificate(spoiled),)))


async def test_k22_only_the_block_that_ends_its_epoch_is_proposed_again_under_a_later_view() -> None:
    """Goal: the one exception to header.view equals the proposal's. Method: view 1 under a vote of view 5, with a next set and without."""
    for following, fits in ((b"n" * 32, True), (bytes(32), False)):
        header = encode(Header(1, CHAIN, 0, 1, 1, CHAIN, 1_000, 1, following, *([bytes(32)] * 5)))
        block_id, _ = header_of(header)
        again = notarized(block_id)
        if fits:
            (event,) = await World().take(Echo(1), Lane.VOTES, ProposalFrame(header, wire_vote(again)))
            assert isinstance(event, ProposalReceived)
            assert event.proposal.facts.boundary
        else:
            with pytest.raises(WireError, match="belong together"):
                await World().take(Echo(1), Lane.VOTES, ProposalFrame(header, wire_vote(again)))
    early = encode(Header(1, CHAIN, 0, 1, 9, CHAIN, 1_000, 1, b"n" * 32, *([bytes(32)] * 5)))
    with pytest.raises(WireError, match="belong together"):
        await World().take(Echo(1), Lane.VOTES, ProposalFrame(early, wire_vote(notarized(header_of(early)[0]))))


def test_what_is_kept_for_later_is_bounded_by_number_and_bytes() -> None:
    """Goal: nothing unverified grows without bound. Method: too many, too long, and what is forgotten."""
    later, link = Later(), Echo(1)
    for number in range(FRAMES_MAX + 3):
        later.keep(link, Lane.VOTES, bytes([number]))
    assert [data[0] for _, data in later.take(link.node_key)] == list(range(3, FRAMES_MAX + 3))
    later.keep(link, Lane.BULK, bytes(BYTES_MAX + 1))
    assert later.take(link.node_key) == []
    later.keep(link, Lane.BULK, b"old" * (BYTES_MAX // 3))
    later.keep(link, Lane.BULK, b"new")
    assert [data for _, data in later.take(link.node_key)] == [b"new"]
    later.keep(link, Lane.BULK, b"gone")
    later.forget()
    assert later.take(link.node_key) == []
