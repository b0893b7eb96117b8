"""Transactions on their way (M1): once to every validator, verified before they go further, a backlog per sender."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from consensus.types import ValidatorId
from ledger.codec import decode_transaction, encode_transaction, make_envelope, sign_envelope
from ledger.errors import BadSignature
from ledger.transactions.bodies import Leg, Pay
from node.gossip import BACKLOG_MAX, TURN, Gossip
from node.link import Link
from node.metrics import Metrics
from node.peers import Peers
from node.tasks import Tasks
from node.transactions import TransactionCache
from node.verify import TransactionVerifier
from node.wire import GOSSIP_MAX, Lane, Transactions, WireError, decode_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.errors import LedgerError
    from ledger.transactions.bodies import Transaction
    from node.api.backend import PoolFull

SEED = b"s" * 32


def payment(number: int) -> bytes:
    body = Pay((Leg("bank-a/main", "bank-b/main", "KGS", 1, 0, ""),), "atomic", "", None, "", None, None)
    envelope = make_envelope(chain=b"C" * 32, sender="bank-a", ref=f"r{number}", valid_until=10, salt=bytes(16), body=body)
    return encode_transaction(envelope, [sign_envelope(envelope, owner="bank-a", keyset="ops", seed=SEED)])


def forged(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


class Pool:
    """A pool that takes what is verified, with room for so many."""

    def __init__(self, cache: TransactionCache, room: int) -> None:
        self._cache, self._room = cache, room
        self.kept: dict[bytes, Transaction] = {}
        self.over: set[bytes] = set()

    def has_room(self, _: Transaction) -> bool:
        """Whether fewer than so many wait."""
        return len(self.kept) < self._room

    def is_over(self, tx: Transaction) -> bool:
        """Tell what the test says."""
        return tx.raw_id in self.over

    def admit(self, transactions: Sequence[Transaction]) -> list[LedgerError | PoolFull | None]:
        """Keep."""
        return [self._admit(tx) for tx in transactions]

    def _admit(self, tx: Transaction) -> LedgerError | PoolFull | None:
        if not self._cache.verified(tx):
            return BadSignature()
        if self.has_room(tx):
            self.kept[tx.raw_id] = tx
        return None

    def find_raw(self, raw_id: bytes) -> bytes | None:
        """One of them."""
        return self.kept[raw_id].raw if raw_id in self.kept else None

    def has(self, raw_id: bytes) -> bool:
        """Whether it waits."""
        return raw_id in self.kept

    def waiting_since(self, seconds: float) -> Iterable[bytes]:
        """All, however long."""
        assert seconds
        return [tx.raw for tx in self.kept.values()]

    def oldest(self, count_max: int, bytes_max: int) -> list[bytes]:
        """All that a frame holds."""
        assert bytes_max
        return [tx.raw for tx in self.kept.values()][:count_max]


class Outside(Peers):
    """Peers without sockets: remembers what goes out and who is cut off."""

    def __init__(self) -> None:  # super's needs an identity and a roster, which nothing here asks for
        self.sent: list[bytes] = []
        self.cut_off: list[str] = []
        self.cut_now = asyncio.Event()

    def to_validators(self, lane: Lane, data: bytes) -> None:
        """Remember."""
        assert lane is Lane.BULK
        self.sent.append(data)

    def cut(self, link: Link, error: WireError) -> None:
        """Remember."""
        self.cut_off.append(f"{link.name}: {error.kind}")
        self.cut_now.set()


class Wire(Link):
    """A link without sockets: remembers the transactions that it is given."""

    def __init__(self, node_key: bytes, name: str, validator: ValidatorId) -> None:
        super().__init__(node_key, name, validator)
        self.took: list[tuple[bytes, ...]] = []

    def send(self, lane: Lane, data: bytes) -> None:
        """Remember."""
        frame = decode_frame(lane, data)
        assert isinstance(frame, Transactions)
        self.took.append(frame.transactions)


class World:
    """Gossip over both."""

    def __init__(self, room: int = 10_000) -> None:
        self.cache = TransactionCache()
        self.pool, self.outside = Pool(self.cache, room), Outside()
        self.metrics = Metrics()
        self.changed = asyncio.Event()
        self.gossip = Gossip(
            pool=self.pool,
            cache=self.cache,
            verifier=TransactionVerifier(self.cache, self.metrics),
            peers=self.outside,
            metrics=self.metrics,
        )
        self.gossip.changed = self.changed.set
        self.failures: list[BaseException] = []
        self.tasks = Tasks(self.failures.append)

    def sent(self) -> list[tuple[bytes, ...]]:
        """Frames that went to the validators."""
        frames = [decode_frame(Lane.BULK, data) for data in self.outside.sent]
        return [frame.transactions for frame in frames if isinstance(frame, Transactions)]

    async def settle(self) -> None:
        """Run until everything that waits was taken."""
        task = self.tasks.spawn(self.gossip.run(), "gossip")
        async with asyncio.timeout(10):
            await self.changed.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self.changed.clear()
        assert self.failures == []


async def test_what_a_client_brings_goes_once_to_every_validator() -> None:
    """Goal: M1. Method: a list with a bad one, and one twice; then the same list again, which sends nothing."""
    world = World()
    good, bad = [decode_transaction(payment(number)) for number in range(3)], decode_transaction(forged(payment(9)))
    outcomes = await world.gossip.admit([*good, good[0], bad])
    assert [type(outcome) for outcome in outcomes] == [type(None)] * 4 + [BadSignature]
    await asyncio.sleep(0)
    assert world.sent() == [tuple(tx.raw for tx in good)]
    await world.gossip.admit(good)
    await asyncio.sleep(0)
    assert len(world.sent()) == 1


async def test_many_travel_in_frames_of_500() -> None:
    """Goal: one frame is no burden. Method: 1,100 small ones, then a few large ones."""
    world = World()
    world.gossip.send([b"x"] * 1_100)
    assert [len(frame) for frame in world.sent()] == [GOSSIP_MAX, GOSSIP_MAX, 100]
    world.outside.sent.clear()
    world.gossip.send([bytes(250_000)] * 9)
    assert [len(frame) for frame in world.sent()] == [4, 4, 1]


async def test_what_comes_from_a_node_is_kept_and_not_sent_on() -> None:
    """Goal: M1: one that came from a validator is not sent on. Method: three arrive; a repetition changes nothing."""
    world, link = World(), Link(bytes(32), "v1", ValidatorId(1))
    raws = [payment(number) for number in range(3)]
    world.gossip.arrived(link, [*raws, raws[0]])
    assert world.gossip.find_raw(decode_transaction(raws[0]).raw_id) == raws[0], "a proposal may need it before it is verified"
    await world.settle()
    assert [tx.raw for tx in world.pool.kept.values()] == raws
    assert world.outside.sent == []
    assert world.gossip.find_raw(decode_transaction(raws[2]).raw_id) == raws[2]
    assert world.gossip.find_raw(bytes(32)) is None


async def test_what_waits_is_handed_over_whoever_brought_it() -> None:
    """Goal: M1, K18: who was just connected, or is late, hears of it. Method: one of a client, one of a node; to one validator, to all."""
    world, late = World(), Wire(b"3" * 32, "late", ValidatorId(3))
    world.gossip.hand_over(None)
    assert world.sent() == [], "nothing waits: nothing is sent"
    await world.gossip.admit([decode_transaction(payment(1))])
    world.changed.clear()
    world.gossip.arrived(Link(b"1" * 32, "v1", ValidatorId(1)), [payment(2)])
    await world.settle()
    world.outside.sent.clear()
    both = (payment(1), payment(2))
    world.gossip.hand_over(late)
    assert (late.took, world.sent()) == ([both], [])
    world.gossip.hand_over(None)
    assert (late.took, world.sent()) == ([both], [both])
    assert world.metrics.registry.get_sample_value("som_transactions_handed_over_total") == 4


@pytest.mark.parametrize(("lie", "kind"), [(forged(payment(1)), "signature"), (b"no transaction", "malformed")])
async def test_a_liar_is_cut_off_and_forgotten_while_others_are_served(lie: bytes, kind: str) -> None:
    """Goal: unverified is never passed on, so a bad one is the sender's fault. Method: a liar with much more to say, and an honest node."""
    world = World()
    liar, honest = Link(b"1" * 32, "liar", None), Link(b"2" * 32, "honest", ValidatorId(2))
    later = [payment(number) for number in range(100, 110 + TURN)]
    world.gossip.arrived(liar, [lie, *later])
    world.gossip.arrived(honest, [payment(2)])
    await world.settle()
    assert world.outside.cut_off == [f"liar: {kind}"]
    assert decode_transaction(payment(2)).raw_id in world.pool.kept
    assert world.gossip.find_raw(decode_transaction(later[-1]).raw_id) is None


async def test_a_backlog_is_bounded() -> None:
    """Goal: a flood waits behind itself and costs no memory. Method: more than fits, of one sender; another's still fits."""
    world = World()
    world.gossip.arrived(Link(b"1" * 32, "flooder", None), [number.to_bytes(4, "big") for number in range(BACKLOG_MAX + 10)])
    assert world.metrics.registry.get_sample_value("som_messages_dropped_total", {"reason": "queue_full"}) == 10
    world.gossip.arrived(Link(b"2" * 32, "other", None), [payment(1)])
    assert world.gossip.find_raw(decode_transaction(payment(1)).raw_id) is not None


async def test_what_is_over_or_has_no_room_buys_no_verification() -> None:
    """Goal: replays and a full pool cost nothing. Method: a forged one that is over, and one more than there is room."""
    world = World(room=1)
    over = forged(payment(5))
    world.pool.over.add(decode_transaction(over).raw_id)
    world.gossip.arrived(Link(b"1" * 32, "v1", ValidatorId(1)), [over, payment(1)])
    await world.settle()
    before = world.cache.signatures_verified
    world.gossip.arrived(Link(b"1" * 32, "v1", ValidatorId(1)), [payment(2)])
    await world.settle()
    assert world.cache.signatures_verified == before
    assert world.outside.cut_off == []


async def test_checks_wait_while_a_proposal_is_judged() -> None:
    """Goal: verify first what a proposal needs. Method: hold back, look that nothing is verified, let go."""
    world = World()
    verifier = TransactionVerifier(world.cache, world.metrics)
    transactions = [decode_transaction(payment(number)) for number in range(70)]
    with verifier.held_back(), verifier.held_back():
        task = asyncio.create_task(verifier.check(transactions))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert world.cache.signatures_verified == 0
    assert await task == [True] * 70
    assert world.cache.signatures_verified == 70
