"""Bodies of unfinal blocks: put together from the pool, completed by the leader, fetched from others; never believed by name."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from consensus.types import BlockId, ValidatorId
from ledger.blocks import Header, body_hash, encode_body
from ledger.canonical import encode
from node.bodies import BLOCKS_MAX, LISTS_MAX, Bodies
from node.link import Link
from node.metrics import Metrics
from node.records import StoredBlock
from node.wire import (
    BlockIds,
    BlockRequest,
    BlockResponse,
    Lane,
    TransactionsRequest,
    TransactionsResponse,
    WireError,
    decode_frame,
    header_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.transactions.bodies import Transaction
    from node.wire import Frame

VIEW_KEY = b"v" * 32
KEYS = [bytes([number]) * 32 for number in range(4)]
RAWS = tuple(encode(f"transaction {number}") for number in range(3))
IDS = tuple(sha256(raw).digest() for raw in RAWS)


def block(raws: tuple[bytes, ...] = RAWS, view: int = 1) -> tuple[BlockId, StoredBlock]:
    """Make a block of validator view % 4."""
    body = encode_body(raws)
    fields = (body_hash(body, view_key=VIEW_KEY, epoch=0, view=view), bytes(32), bytes(32), bytes(32), bytes(32))
    header = encode(Header(1, b"C" * 32, 0, view, view, b"C" * 32, 1_000, view % 4, bytes(32), *fields))
    return header_of(header)[0], StoredBlock(header, body)


BLOCK_ID, BLOCK = block()
LEADER = 1


class Kept:
    """Blocks of a chain: what is kept, and the rule that a body fits its header."""

    def __init__(self) -> None:
        self.blocks: dict[BlockId, StoredBlock] = {}

    def bytes_of(self, block_id: BlockId) -> StoredBlock | None:
        """Return what was put there."""
        return self.blocks.get(block_id)

    def transactions_of(self, _: BlockId) -> tuple[Transaction, ...] | None:
        """Nothing is decoded here."""
        return None

    def body_fits(self, header_bytes: bytes, body: bytes) -> bool:
        """Compare the hash."""
        header = header_of(header_bytes)[1]
        return body_hash(body, view_key=VIEW_KEY, epoch=header.epoch, view=header.view) == header.body


class Pool(dict[bytes, bytes]):
    """Transactions by hash."""

    def find_raw(self, raw_id: bytes) -> bytes | None:
        """One of them."""
        return self.get(raw_id)


class Answering(Link):
    """A link whose other end answers at once, by a function."""

    def __init__(self, index: int, others: Others) -> None:
        super().__init__(KEYS[index], f"validator {index}", ValidatorId(index))
        self._others = others

    def send(self, lane: Lane, data: bytes) -> None:
        """Take a request, and answer it."""
        frame = decode_frame(lane, data)
        self._others.asked.append((self.validator, frame))
        answer = self._others.answer(self, frame)
        if answer is not None:
            asyncio.get_running_loop().call_soon(self._others.bodies.answer_arrived, self, answer)


class Others:
    """All other validators; silent but for what `answer` says."""

    def __init__(self, answer: Callable[[Link, Frame], BlockResponse | TransactionsResponse | None]) -> None:
        self.answer = answer
        self.asked: list[tuple[ValidatorId | None, Frame]] = []
        self.cut_off: list[str] = []
        self.links = [Answering(index, self) for index in range(4)]
        self.bodies: Bodies
        self.metrics = Metrics()

    def repairs(self, kind: str) -> tuple[float | None, float | None]:
        """Return the requests and the pieces that were counted."""
        value = self.metrics.registry.get_sample_value
        return value("som_repair_requests_total", {"kind": kind}), value("som_repair_pieces_total", {"kind": kind})

    def link_of(self, validator: ValidatorId) -> Link | None:
        """By index."""
        return self.links[validator]

    def link_by_key(self, node_key: bytes) -> Link | None:
        """By key."""
        return self.links[KEYS.index(node_key)]

    def cut(self, link: Link, error: WireError) -> None:
        """Remember."""
        self.cut_off.append(f"{link.name}: {error.kind}")


def world(
    answer: Callable[[Link, Frame], BlockResponse | TransactionsResponse | None] = lambda _, __: None, *, pool: tuple[bytes, ...] = RAWS
) -> tuple[Bodies, Others, Kept]:
    kept, others = Kept(), Others(answer)
    bodies = Bodies(kept, Pool({sha256(raw).digest(): raw for raw in pool}), others, KEYS, {}, 0, others.metrics)
    others.bodies = bodies
    return bodies, others, kept


def propose(bodies: Bodies, others: Others, ids: tuple[bytes, ...] = IDS, sender: int = LEADER) -> None:
    bodies.ids_arrived(others.links[sender], BlockIds(BLOCK_ID, b"".join(ids)))
    bodies.header_arrived(BLOCK_ID, BLOCK.header)


ASK = (ValidatorId(2), ValidatorId(3))


async def test_a_body_is_put_together_from_the_pool_without_a_question() -> None:
    """Goal: bodies travel once. Method: all transactions are here; the list came before the header."""
    bodies, others, _ = world()
    propose(bodies, others)
    assert await bodies.obtain(BLOCK_ID, ASK) == BLOCK
    assert others.asked == []


async def test_who_judges_a_body_put_together_here_knows_its_transactions() -> None:
    """Goal: no body is cut up that was just put together. Method: what is told of one from the pool, of one that came whole, and after."""
    bodies, others, _ = world()
    propose(bodies, others)
    await bodies.obtain(BLOCK_ID, ASK)
    assert bodies.ids_of(BLOCK_ID) == IDS
    bodies.forget([BLOCK_ID])
    assert bodies.ids_of(BLOCK_ID) is None
    bodies, others, _ = world(lambda _, __: BlockResponse(BLOCK_ID, BLOCK.header, BLOCK.body), pool=())
    assert await bodies.obtain(BLOCK_ID, ASK) == BLOCK
    assert bodies.ids_of(BLOCK_ID) is None


async def test_a_list_with_more_than_the_body_has_names_no_transactions() -> None:
    """Goal: a valid block is not executed with what is not in it. Method: the list names one more, which nobody has yet."""
    bodies, others, _ = world()
    propose(bodies, others, (*IDS, b"?" * 32))
    assert await bodies.obtain(BLOCK_ID, ()) == BLOCK
    assert bodies.ids_of(BLOCK_ID) is None


async def test_an_empty_block_needs_no_list() -> None:
    """Goal: an idle chain waits for nothing. Method: header only."""
    block_id, stored = block(())
    bodies, others, _ = world()
    bodies.header_arrived(block_id, stored.header)
    assert await bodies.obtain(block_id, ()) == stored
    assert others.asked == []


async def test_the_list_may_come_after_the_header() -> None:
    """Goal: two sockets have no order. Method: obtain first, then the list."""
    bodies, others, _ = world()
    bodies.header_arrived(BLOCK_ID, BLOCK.header)
    waiting = asyncio.create_task(bodies.obtain(BLOCK_ID, ()))
    asyncio.get_running_loop().call_soon(bodies.ids_arrived, others.links[LEADER], BlockIds(BLOCK_ID, b"".join(IDS)))
    assert await waiting == BLOCK


async def test_what_is_missing_comes_from_the_leader() -> None:
    """Goal: only what is missing travels. Method: one of three is not in the pool."""

    def answer(link: Link, frame: Frame) -> TransactionsResponse | None:
        assert isinstance(frame, TransactionsRequest)
        assert frame.places == (1,)
        assert link.validator == LEADER
        return TransactionsResponse(BLOCK_ID, (RAWS[1],))

    bodies, others, _ = world(answer, pool=(RAWS[0], RAWS[2]))
    propose(bodies, others)
    assert await bodies.obtain(BLOCK_ID, ASK) == BLOCK
    assert len(others.asked) == 1
    assert (others.repairs("transactions"), others.repairs("block")) == ((1, 1), (0, 0))


async def test_two_bodies_for_one_id_do_not_stop_anybody() -> None:
    """Goal: a body that does not hash to its header is not this block. Method: the leader sends another; one honest voter has the block."""

    def answer(link: Link, frame: Frame) -> BlockResponse | TransactionsResponse | None:
        if isinstance(frame, BlockRequest):
            return BlockResponse(BLOCK_ID, BLOCK.header, BLOCK.body if link.validator == 3 else encode_body(RAWS[:1]))
        return TransactionsResponse(BLOCK_ID, (b"x",))

    bodies, others, _ = world(answer)
    propose(bodies, others, (IDS[0], b"?" * 32))
    assert await bodies.obtain(BLOCK_ID, ASK) == BLOCK
    assert [validator for validator, _ in others.asked] == [LEADER, 2, 3]
    assert (others.repairs("transactions"), others.repairs("block")) == ((1, 0), (2, 1))
    assert others.cut_off == []


async def test_a_list_by_another_sender_is_not_the_leader_s() -> None:
    """Goal: never first-writer-wins. Method: a liar's list comes first, the leader's second."""
    bodies, others, _ = world()
    propose(bodies, others, (b"?" * 32,), sender=0)
    propose(bodies, others)
    assert await bodies.obtain(BLOCK_ID, ()) == BLOCK


async def test_no_answer_is_no_block_and_no_crash() -> None:
    """Goal: silence is no verdict. Method: nobody has anything; then a validator sends a header that is none, and is cut off."""
    bodies, _, _ = world(lambda _, __: BlockResponse(BLOCK_ID, b"", b""))
    assert await bodies.obtain(BLOCK_ID, ASK) is None
    bodies, others, _ = world(lambda _, __: BlockResponse(BLOCK_ID, b"junk", b""))
    assert await bodies.obtain(BLOCK_ID, (ValidatorId(2),)) is None
    assert others.cut_off == ["validator 2: malformed"]


async def test_an_answer_that_nobody_waits_for_changes_nothing() -> None:
    """Goal: late is not a lie. Method: an answer out of nowhere, and a block that was not asked for."""
    bodies, others, _ = world()
    bodies.answer_arrived(others.links[2], BlockResponse(BLOCK_ID, BLOCK.header, BLOCK.body))
    assert bodies.find(BLOCK_ID) is None


async def test_what_is_kept_is_bounded_and_journaled_blocks_stay() -> None:
    """Goal: memory has a limit, and a restart loses no body. Method: more lists and blocks than are kept, beside one of the journal."""
    kept, others = Kept(), Others(lambda _, __: None)
    journaled_id, journaled = block(RAWS[:1], 2)
    old_id, old = block(RAWS[:2], 1)
    pool = Pool()
    bodies = Bodies(kept, pool, others, KEYS, {journaled_id: journaled, old_id: old}, 1, Metrics())
    assert bodies.find(old_id) is None, "a block that is in the store is not kept twice"
    made = [block((encode(number),), 1) for number in range(BLOCKS_MAX + 5)]
    for number, (block_id, stored) in enumerate(made):
        pool[sha256(encode(number)).digest()] = encode(number)
        bodies.header_arrived(block_id, stored.header)
        bodies.ids_arrived(others.links[LEADER], BlockIds(block_id, sha256(encode(number)).digest()))
        assert await bodies.obtain(block_id, ()) == stored
    assert bodies.find(made[0][0]) is None
    assert bodies.find(made[-1][0]) is not None
    assert bodies.find(journaled_id) == journaled
    assert len(bodies.lists[KEYS[LEADER]]) == LISTS_MAX
    bodies.forget([journaled_id, made[-1][0]])
    assert bodies.find(journaled_id) is None
    assert bodies.find(made[-1][0]) is None


def test_a_list_that_is_cut_is_malformed() -> None:
    """Goal: whole ids only. Method: one byte less."""
    bodies, others, _ = world()
    with pytest.raises(WireError, match="cut"):
        bodies.ids_arrived(others.links[0], BlockIds(BLOCK_ID, b"".join(IDS)[:-1]))
