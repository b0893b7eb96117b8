"""Wire format: what is sent comes back the same, and whatever else arrives is the typed error."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.types import BlockId, Certificate, Epoch, Kind, SignedVote, ValidatorId, View, Vote
from ledger.blocks import Header
from ledger.canonical import encode
from node.wire import (
    BULK_FRAME_MAX,
    CERTIFICATES_MAX,
    VOTES_FRAME_MAX,
    BlockIds,
    BlockRequest,
    BlockResponse,
    CertificateRequest,
    Certificates,
    FinalBlock,
    Follow,
    Frame,
    Lane,
    PeerStatus,
    ProposalFrame,
    StatusFrame,
    Transactions,
    TransactionsRequest,
    TransactionsResponse,
    Votes,
    WireError,
    core_certificate,
    core_vote,
    decode_frame,
    encode_frame,
    facts_of,
    header_of,
    split_certificates,
    wire_certificate,
    wire_vote,
)

HASH = bytes(range(32))
SIGNATURE = bytes(64)
VOTE = SignedVote(Vote(Kind.NOTARIZE, Epoch(0), View(7), View(5), BlockId(HASH)), ValidatorId(3), SIGNATURE)
NULLIFY = SignedVote(Vote.nullify(Epoch(0), View(7)), ValidatorId(1), SIGNATURE)
CERTIFICATE = Certificate(VOTE.vote, tuple((ValidatorId(index), SIGNATURE) for index in range(3)))
HEADER = encode(Header(1, HASH, 0, 9, 7, HASH, 1_700_000_000_000, 3, bytes(32), HASH, HASH, HASH, HASH, HASH))

VOTES_LANE: tuple[Frame, ...] = (
    Votes((wire_vote(VOTE), wire_vote(NULLIFY))),
    ProposalFrame(HEADER, wire_vote(VOTE)),
    Certificates((wire_certificate(CERTIFICATE),)),
    StatusFrame(0, 7, 5, 4, 1_700_000_000_000, ((1, 5),), ((6, 6),), wire_vote(VOTE)),
    StatusFrame(0, 7, 5, 4, 1_700_000_000_000, (), (), None),
    CertificateRequest((1, 2), (3,)),
    PeerStatus(4, 1_700_000_000_000),
)
BULK_LANE: tuple[Frame, ...] = (
    BlockIds(HASH, HASH * 3),
    BlockRequest(HASH),
    BlockResponse(HASH, HEADER, b"\x90"),
    TransactionsRequest(HASH, (0, 5)),
    TransactionsResponse(HASH, (b"one", b"two")),
    Transactions((b"one",)),
    FinalBlock(HEADER, wire_certificate(CERTIFICATE), b"\x90"),
    FinalBlock(HEADER, None, b"\x90"),
    Follow(1),
)
FRAMES = [(Lane.VOTES, frame) for frame in VOTES_LANE] + [(Lane.BULK, frame) for frame in BULK_LANE]


@pytest.mark.parametrize(("lane", "frame"), FRAMES)
def test_every_frame_comes_back_the_same(lane: Lane, frame: Frame) -> None:
    """Goal: nothing is lost on the way. Method: encode, decode on its lane; and it is an array that any MessagePack reader takes."""
    data = encode_frame(frame)
    assert decode_frame(lane, data) == frame
    assert isinstance(msgpack.unpackb(data), list)


@pytest.mark.parametrize(("lane", "frame"), FRAMES)
def test_no_frame_passes_on_the_other_lane(lane: Lane, frame: Frame) -> None:
    """Goal: nothing large is ever ahead of a vote. Method: each frame on the lane that is not its own."""
    other = Lane.BULK if lane is Lane.VOTES else Lane.VOTES
    with pytest.raises(WireError, match="malformed"):
        decode_frame(other, encode_frame(frame))


@pytest.mark.parametrize(("lane", "limit"), [(Lane.VOTES, VOTES_FRAME_MAX), (Lane.BULK, BULK_FRAME_MAX)])
def test_long_frames_are_refused_by_their_length(lane: Lane, limit: int) -> None:
    """Goal: length before anything else. Method: one byte more than the lane takes, of garbage."""
    with pytest.raises(WireError, match="too_long"):
        decode_frame(lane, bytes(limit + 1))


@pytest.mark.parametrize(
    "frame",
    [
        [1, [[1, 0, 1, 0, HASH, 0, SIGNATURE]] * 257],
        [1, [[4, 0, 1, 0, HASH, 0, SIGNATURE]]],
        [1, [[1, -1, 1, 0, HASH, 0, SIGNATURE]]],
        [1, [[1, 0, 2**63, 0, HASH, 0, SIGNATURE]]],
        [1, [[1, 0, 1, 0, HASH[:31], 0, SIGNATURE]]],
        [1, [[1, 0, 1, 0, HASH, 0, SIGNATURE + b"\0"]]],
        [1, [[1, 0, 1, 0, HASH, 2**32, SIGNATURE]]],
        [1, [[1, 0, 1, 0, HASH, 0, SIGNATURE, 0]]],
        [1, [], 0],
        [2, bytes(1_025), [1, 0, 1, 0, HASH, 0, SIGNATURE]],
        [3, [[1, 0, 1, 0, HASH, [[0, SIGNATURE]] * 257]]],
        [5, list(range(65)), []],
        [4, 0, 1, 0, 0, 0, [[0, 1]] * 65, [], None],
        [99, 1],
        {"a": 1},
        7,
        "votes",
        None,
    ],
)
def test_fields_beyond_their_limits_are_refused(frame: object) -> None:
    """Goal: every field has a limit. Method: each one passed by one."""
    with pytest.raises(WireError, match="malformed"):
        decode_frame(Lane.VOTES, msgpack.packb(frame))


@given(st.sampled_from(FRAMES), st.data())
def test_damaged_frames_decode_or_raise_the_typed_error(case: tuple[Lane, Frame], data: st.DataObject) -> None:
    """Goal: no other error ever. Method: flip, cut, insert in a valid frame."""
    lane, frame = case
    raw = bytearray(encode_frame(frame))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(raw) - 1)))
        change = data.draw(st.sampled_from(("flip", "cut", "insert")))
        if change == "cut":
            del raw[place:]
        elif change == "insert":
            raw[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        elif raw:
            raw[place] ^= data.draw(st.integers(1, 255))
    try:
        found = decode_frame(lane, bytes(raw))
        if isinstance(found, Votes):
            for vote in found.votes:
                core_vote(vote)
        if isinstance(found, ProposalFrame):
            header_of(found.header)
    except WireError:
        return


@given(st.binary(max_size=300), st.sampled_from(tuple(Lane)))
def test_garbage_raises_the_typed_error(data: bytes, lane: Lane) -> None:
    """Goal: any bytes may come. Method: random ones."""
    try:
        decode_frame(lane, data)
    except WireError:
        return


def test_deep_nesting_is_refused() -> None:
    """Goal: no recursion error escapes. Method: 60,000 open arrays where a field is due."""
    with pytest.raises(WireError, match="malformed"):
        decode_frame(Lane.VOTES, b"\x92\x01" + b"\x91" * 60_000)


def test_a_nullify_vote_that_names_a_block_is_malformed() -> None:
    """Goal: one vote has one form. Method: nullify with a block id, and with a parent view."""
    wire = wire_vote(VOTE)
    for fields in ((2, 0, 7, 0, HASH), (2, 0, 7, 5, bytes(32))):
        with pytest.raises(WireError, match="nullify"):
            core_vote(type(wire)(*fields, 3, SIGNATURE))


def test_votes_certificates_and_headers_keep_their_meaning() -> None:
    """Goal: the core hears what was said. Method: there and back."""
    assert core_vote(wire_vote(VOTE)) == VOTE
    assert core_vote(wire_vote(NULLIFY)) == NULLIFY
    assert core_certificate(wire_certificate(CERTIFICATE)) == CERTIFICATE
    block_id, header = header_of(HEADER)
    facts = facts_of(block_id, header)
    assert (facts.height, facts.view, facts.parent, facts.proposer) == (9, 7, HASH, 3)
    with pytest.raises(WireError, match="header"):
        header_of(HEADER + b"\0")


@pytest.mark.parametrize(("count", "signers"), [(1, 3), (64, 3), (65, 3), (64, 21), (200, 171)])
def test_certificates_are_split_into_frames_of_the_votes_lane(count: int, signers: int) -> None:
    """Goal: a repair bundle of any set fits its lane. Method: bundles for 4, 31 and 256 validators."""
    certificate = Certificate(VOTE.vote, tuple((ValidatorId(index), SIGNATURE) for index in range(signers)))
    frames = split_certificates((certificate,) * count)
    assert sum(len(frame.certificates) for frame in frames) == count
    for frame in frames:
        assert 0 < len(frame.certificates) <= CERTIFICATES_MAX
        assert len(encode_frame(frame)) <= VOTES_FRAME_MAX
