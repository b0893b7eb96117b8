"""The inbox: what becomes an event, what is dropped and counted, and what costs the sender its connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from consensus.certificates import assemble
from consensus.events import (
    CertificateReceived,
    CertificatesRequested,
    Event,
    PeerConnected,
    ProposalReceived,
    StatusReceived,
    VoteReceived,
)
from consensus.signing import signing_bytes
from consensus.types import BlockId, Certificate, ChainId, Epoch, Kind, SignedVote, ValidatorId, ValidatorSet, View, Vote
from ledger.blocks import Header
from ledger.canonical import encode
from ledger.keys import public_key_of, sign
from node.bodies import Bodies
from node.clockwatch import ClockWatch
from node.inbox import CHECKS_BURST, Inbox
from node.later import Later
from node.link import Link
from node.metrics import Metrics
from node.rates import ASKS_BURST
from node.records import StoredBlock
from node.verify import VoteVerifier
from node.wire import (
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
    Votes,
    WireError,
    decode_frame,
    encode_frame,
    header_of,
    wire_certificate,
    wire_vote,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.transactions.bodies import Transaction

CHAIN = ChainId(b"C" * 32)
SEEDS = [bytes([number]) * 32 for number in range(1, 5)]
VALIDATORS = ValidatorSet(tuple(public_key_of(seed) for seed in SEEDS))
ME = ValidatorId(0)
HEADER = encode(Header(1, CHAIN, 0, 1, 5, CHAIN, 1_000, 1, *([bytes(32)] * 6)))
BLOCK_ID, _ = header_of(HEADER)


class Everything:
    """A core that looks at views 3 to 6, and the ears of queue, chain and gossip in one."""

    def __init__(self) -> None:
        self.epoch = Epoch(0)
        self.events: list[Event] = []
        self.raws: list[bytes] = []
        self.handed_to: list[Link | None] = []
        self.full = False
        self.held: set[Vote] = set()

    def accepts_vote(self, vote: Vote) -> bool:
        """By view."""
        return 3 <= vote.view <= 6

    def accepts_certificate(self, subject: Vote) -> bool:
        """By view."""
        return subject.view >= 3

    def holds(self, subject: Vote) -> bool:
        """Tell what the test put there."""
        return subject in self.held

    def post(self, event: Event) -> None:
        """Remember."""
        self.events.append(event)

    def offer(self, event: Event) -> bool:
        """Remember, unless full."""
        if not self.full:
            self.events.append(event)
        return not self.full

    def arrived(self, link: Link, raws: Sequence[bytes]) -> None:
        """Remember."""
        assert link
        self.raws.extend(raws)

    def hand_over(self, link: Link | None) -> None:
        """Remember to whom."""
        self.handed_to.append(link)

    def find_raw(self, _: bytes) -> bytes | None:
        """Nothing waits."""
        return None

    def bytes_of(self, block_id: BlockId) -> StoredBlock | None:
        """One block is known."""
        return StoredBlock(HEADER, b"\x90") if block_id == BLOCK_ID else None

    def transactions_of(self, _: BlockId) -> tuple[Transaction, ...] | None:
        """None of its transactions."""
        return None

    def body_fits(self, header_bytes: bytes, body: bytes) -> bool:
        """Never asked here."""
        raise AssertionError((header_bytes, body))

    def link_of(self, _: ValidatorId) -> Link | None:
        """Nobody."""
        return None

    def link_by_key(self, _: bytes) -> Link | None:
        """Nobody."""
        return None

    def cut(self, link: Link, error: WireError) -> None:
        """Not by this way."""
        raise AssertionError((link, error))


class Echo(Link):
    """A link that remembers what is sent back."""

    def __init__(self, validator: int | None) -> None:
        super().__init__(bytes(32), "other", None if validator is None else ValidatorId(validator))
        self.sent: list[Frame] = []

    def send(self, lane: Lane, data: bytes) -> None:
        """Decode, so that what is sent is a frame of that lane."""
        self.sent.append(decode_frame(lane, data))


class World:
    """An inbox over all of it."""

    def __init__(self) -> None:
        self.all = Everything()
        self.metrics = Metrics()
        self.later = Later()
        self.elsewhere: list[tuple[Link, str, int]] = []
        self.inbox = Inbox(
            chain_id=CHAIN,
            validators=VALIDATORS,
            me=ME,
            replica=self.all,
            driver=self.all,
            verifier=VoteVerifier(CHAIN, VALIDATORS, self.metrics),
            bodies=Bodies(self.all, self.all, self.all, [bytes(32)] * 4, {}, 0, self.metrics),
            gossip=self.all,
            clocks=ClockWatch(self.metrics),
            metrics=self.metrics,
            later=self.later,
            others=self,
        )

    def behind(self, link: Link, epoch: int) -> None:
        """Remember who is behind."""
        self.elsewhere.append((link, "behind", epoch))

    def ahead(self, link: Link, epoch: int) -> None:
        """Remember who is ahead."""
        self.elsewhere.append((link, "ahead", epoch))

    async def take(self, link: Link, lane: Lane, frame: Frame) -> list[Event]:
        """Feed a frame; return the events it made."""
        self.all.events.clear()
        await self.inbox.receive(link, lane, encode_frame(frame))
        return list(self.all.events)

    def dropped(self, reason: str) -> float:
        """How many messages were dropped for a reason."""
        return self.metrics.registry.get_sample_value("som_messages_dropped_total", {"reason": reason}) or 0.0


def vote(signer: int, view: int = 5, kind: Kind = Kind.NOTARIZE, epoch: int = 0) -> SignedVote:
    block = BlockId(bytes(32)) if kind is Kind.NULLIFY else BLOCK_ID
    subject = Vote(kind, Epoch(epoch), View(view), View(0), block)
    return SignedVote(subject, ValidatorId(signer), sign(SEEDS[signer], signing_bytes(CHAIN, subject)))


def certificate(view: int = 5) -> Certificate:
    return assemble([vote(signer, view) for signer in range(3)], VALIDATORS)


def forged(signed: SignedVote) -> SignedVote:
    return SignedVote(signed.vote, signed.signer, signed.signature[:-1] + bytes([signed.signature[-1] ^ 1]))


async def test_good_messages_of_validators_become_events() -> None:
    """Goal: one consensus message through the house. Method: one of each."""
    world, link = World(), Echo(1)
    assert await world.take(link, Lane.VOTES, Votes((wire_vote(vote(2)),))) == [VoteReceived(vote(2), world.all.events[0].now_ms)]
    (event,) = await world.take(link, Lane.VOTES, ProposalFrame(HEADER, wire_vote(vote(1))))
    assert isinstance(event, ProposalReceived)
    assert event.proposal.facts.block_id == BLOCK_ID
    (event,) = await world.take(link, Lane.VOTES, Certificates((wire_certificate(certificate()),)))
    assert isinstance(event, CertificateReceived)
    (event,) = await world.take(link, Lane.VOTES, StatusFrame(0, 5, 4, 3, 1_000, ((1, 4),), (), wire_vote(vote(ME))))
    assert isinstance(event, StatusReceived)
    assert event.status.newest_vote_of_receiver == vote(ME)
    (event,) = await world.take(link, Lane.VOTES, CertificateRequest((4,), (3,)))
    assert isinstance(event, CertificatesRequested)
    world.inbox.connected(link)
    assert isinstance(world.all.events[-1], PeerConnected)
    assert world.all.handed_to == [link]
    world.inbox.connected(Link(bytes(32), "bank-a", None))
    assert world.all.handed_to == [link], "who does not vote proposes nothing"


async def test_what_is_late_or_elsewhere_is_dropped_and_counted() -> None:
    """Goal: never punish what may be honest. Method: other views, another epoch, a certificate that is held, our own vote come back."""
    world, link = World(), Echo(1)
    assert await world.take(link, Lane.VOTES, Votes((wire_vote(vote(2, 2)), wire_vote(vote(2, 7)), wire_vote(vote(ME))))) == []
    assert await world.take(link, Lane.VOTES, Votes((wire_vote(vote(2, epoch=1)),))) == []
    assert (world.dropped("view"), world.dropped("epoch")) == (2, 1)
    world.all.held.add(certificate().subject)
    assert await world.take(link, Lane.VOTES, Certificates((wire_certificate(certificate()), wire_certificate(certificate(2))))) == []
    assert await world.take(link, Lane.VOTES, PeerStatus(3, 1_000)) == []


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Votes((wire_vote(forged(vote(2))),)), "signature"),
        (Votes((wire_vote(SignedVote(vote(2).vote, ValidatorId(4), bytes(64))),)), "membership"),
        (Certificates((wire_certificate(Certificate(vote(1).vote, certificate().signatures[:2])),)), "signature"),
        (Certificates((wire_certificate(Certificate(vote(1, 6).vote, certificate().signatures)),)), "signature"),
        (ProposalFrame(HEADER, wire_vote(vote(2))), "malformed"),
        (ProposalFrame(HEADER, wire_vote(vote(1, 6))), "malformed"),
        (ProposalFrame(HEADER, wire_vote(vote(1, kind=Kind.FINALIZE))), "malformed"),
        (ProposalFrame(HEADER, wire_vote(forged(vote(1)))), "signature"),
        (ProposalFrame(b"junk", wire_vote(vote(1))), "malformed"),
    ],
)
async def test_what_no_honest_validator_sends_is_a_lie(frame: Frame, reason: str) -> None:
    """Goal: nothing unverified is passed on, so it is the sender's fault. Method: one lie at a time."""
    world = World()
    with pytest.raises(WireError, match=reason):
        await world.take(Echo(1), Lane.VOTES, frame)
    assert world.all.events == []


async def test_a_vote_shown_in_a_status_counts_only_when_it_is_ours() -> None:
    """Goal: nobody silences a validator by a made-up vote (K15). Method: another's vote, a forged one."""
    for shown in (vote(2), forged(vote(ME))):
        (event,) = await World().take(Echo(1), Lane.VOTES, StatusFrame(0, 5, 4, 3, 1_000, (), (), wire_vote(shown)))
        assert isinstance(event, StatusReceived)
        assert event.status.newest_vote_of_receiver is None


async def test_a_node_that_does_not_vote_may_bring_transactions_and_ask_but_says_no_votes_of_this_epoch() -> None:
    """Goal: peers say no votes. Method: what they may, then what they may not. A newcomer that is ahead asks as a validator does."""
    world, link = World(), Echo(None)
    assert await world.take(link, Lane.BULK, Transactions((b"one", b"two"))) == []
    assert world.all.raws == [b"one", b"two"]
    follows = []
    for wanted in (1, 0):
        await world.inbox.receive(link, Lane.BULK, encode_frame(Follow(wanted)))
        follows.append(link.follows)
    assert follows == [True, False]
    await world.take(link, Lane.VOTES, PeerStatus(3, 1_000))
    await world.take(link, Lane.BULK, BlockRequest(BLOCK_ID))
    world.inbox.connected(link)
    assert world.all.events == []
    for lane, frame in (
        (Lane.VOTES, Votes(())),
        (Lane.VOTES, Votes((wire_vote(vote(1)),))),
        (Lane.VOTES, ProposalFrame(HEADER, wire_vote(vote(1)))),
        (Lane.VOTES, StatusFrame(0, 5, 4, 3, 1_000, (), (), None)),
    ):
        with pytest.raises(WireError, match="membership"):
            await world.take(link, lane, frame)
    with pytest.raises(WireError, match="membership"):
        await world.take(Echo(1), Lane.BULK, FinalBlock(HEADER, None, b"\x90"))


async def test_blocks_are_served_up_to_a_rate() -> None:
    """Goal: a request costs the asker. Method: one block that is here, one that is not, then more than the burst."""
    world, link = World(), Echo(1)
    await world.take(link, Lane.BULK, BlockRequest(BLOCK_ID))
    await world.take(link, Lane.BULK, BlockRequest(bytes(32)))
    assert link.sent == [BlockResponse(BLOCK_ID, HEADER, b"\x90"), BlockResponse(bytes(32), b"", b"")]
    for _ in range(int(ASKS_BURST)):
        await world.take(link, Lane.BULK, BlockRequest(BLOCK_ID))
    assert len(link.sent) <= ASKS_BURST + 1
    assert world.dropped("rate") > 0
    world.inbox.disconnected(link)
    await world.take(link, Lane.BULK, BlockRequest(BLOCK_ID))
    assert link.sent[-1] == BlockResponse(BLOCK_ID, HEADER, b"\x90")


async def test_a_validator_can_cost_so_many_verifications_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a liar with a key buys little. Method: more votes at one moment than the budget, of one; another one's vote still passes."""
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: 0.0)  # on a slow machine the budget would grow as fast as it is spent
    world = World()
    frame = Votes((wire_vote(vote(2)),) * 256)
    for _ in range(int(CHECKS_BURST) // 256 + 2):
        await world.take(Echo(1), Lane.VOTES, frame)
    assert world.dropped("rate") > 0
    other = Echo(3)
    other.node_key = b"3" * 32
    assert len(await world.take(other, Lane.VOTES, Votes((wire_vote(vote(2)),)))) == 1


async def test_a_full_queue_drops_and_counts() -> None:
    """Goal: the inbox is bounded. Method: a driver that takes nothing."""
    world = World()
    world.all.full = True
    assert await world.take(Echo(1), Lane.VOTES, Votes((wire_vote(vote(2)),))) == []
    assert world.dropped("queue_full") == 1
