"""Headers and bodies of blocks that are not final: where they come from, and that they are what the block id names.

A proposal brings a header (votes lane) and the ids of its transactions (bulk lane). The body is put together from the pool, what is
missing comes from the leader, and where that does not hash to the header, whole blocks are asked of others. Nothing is kept because of
who sent it: a header lies under its own hash, a body is kept once it hashes to its header, a list of ids lies under block and sender, so
no liar spoils what another says.

Source: consensus.md section 2 ("A body that does not hash to its header is not this block"), K4, K8, K19; performance.md, structure 3.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol, TypeVar

from consensus.types import BlockId
from ledger.blocks import encode_body
from node.records import StoredBlock
from node.wire import (
    BlockIds,
    BlockRequest,
    BlockResponse,
    Lane,
    TransactionsRequest,
    TransactionsResponse,
    WireError,
    encode_frame,
    header_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from consensus.types import ValidatorId
    from ledger.transactions.bodies import Transaction
    from node.link import Link
    from node.metrics import RepairKind

HEADERS_MAX = 1_024
"""Headers remembered: every view that is retained may have one, and a few."""
LISTS_MAX = 8
"""Lists of ids kept per sender: a leader leads few views at once."""
BLOCKS_MAX = 64
"""Whole blocks kept that were fetched and not judged yet: the unfinal depth."""
EMPTY_BODY = encode_body(())
ASK_SECONDS = 1.0
"""How long one node is given to answer before the next one is asked."""
LIST_SECONDS = 0.2
"""How long a list of ids may stay behind its header: the bulk lane may be busy, but not for long."""


V = TypeVar("V")


class RawPool(Protocol):
    """Transactions by their hash, wherever this node has them: admitted, or waiting to be verified."""

    def find_raw(self, raw_id: bytes) -> bytes | None:
        """Whole transaction with this hash."""
        ...


class Blocks(Protocol):
    """Blocks that were judged, built, or are final (`node.chain.Chain`)."""

    def bytes_of(self, block_id: BlockId) -> StoredBlock | None:
        """Header and body."""
        ...

    def transactions_of(self, block_id: BlockId) -> tuple[Transaction, ...] | None:
        """Transactions of an unfinal block."""
        ...

    def body_fits(self, header_bytes: bytes, body: bytes) -> bool:
        """Whether the body hashes to the header."""
        ...


class Links(Protocol):
    """Ways to other nodes (`node.peers.Peers`)."""

    def link_of(self, validator: ValidatorId) -> Link | None:
        """Link to a validator."""
        ...

    def link_by_key(self, node_key: bytes) -> Link | None:
        """Link to the node with this key."""
        ...

    def cut(self, link: Link, error: WireError) -> None:
        """Cut a liar off."""
        ...


class Repairs(Protocol):
    """Who counts what is asked of others, and what came of it (`node.metrics.Metrics`)."""

    def repair_asked(self, kind: RepairKind, count: int = 1) -> None:
        """Count requests."""
        ...

    def repaired(self, kind: RepairKind, count: int = 1) -> None:
        """Count pieces."""
        ...


class Bodies:
    """What a validator knows of unfinal blocks before they are judged. Judged ones are the chain's."""

    def __init__(
        self,
        chain: Blocks,
        pool: RawPool,
        peers: Links,
        node_keys: Sequence[bytes],
        journaled: Mapping[BlockId, StoredBlock],
        height: int,
        repairs: Repairs,
    ) -> None:
        """Begin an epoch: the node keys of its validators by index, and what the journal holds above a height."""
        self._chain, self._pool, self._peers, self._node_keys, self._repairs = chain, pool, peers, node_keys, repairs
        self._headers: dict[BlockId, bytes] = {}
        self.lists: dict[bytes, dict[BlockId, tuple[bytes, ...]]] = {}
        """Node key of the sender -> block id -> ids. They name no epoch, so the next epoch's bodies take them over."""
        self._journaled = _above(journaled, height)
        """What a restart has to judge again: never dropped to make room, for all nodes may have stopped at once."""
        self._blocks: dict[BlockId, StoredBlock] = {}
        self._ids: dict[BlockId, tuple[bytes, ...]] = {}
        """Of the bodies that were put together here: which transactions they are made of."""
        self._listed: dict[tuple[bytes, BlockId], asyncio.Event] = {}
        self._answers: dict[tuple[bytes, BlockId], asyncio.Future[BlockResponse | TransactionsResponse]] = {}
        """(node key, block id) -> the answer that is awaited."""

    # --- what arrives -------------------------------------------------------------------------------------------------

    def header_arrived(self, block_id: BlockId, header: bytes) -> None:
        """Keep the header of a proposal whose leader's vote was verified."""
        if block_id not in self._headers:
            _make_room(self._headers, HEADERS_MAX)
            self._headers[block_id] = header

    def ids_arrived(self, link: Link, frame: BlockIds) -> None:
        """Keep a list of ids under its sender; the header may come after it.

        Raises
        ------
        WireError
            `malformed`: not a whole number of ids.
        """
        if len(frame.ids) % 32:
            raise WireError("malformed", "a list of ids is cut")
        lists = self.lists.setdefault(link.node_key, {})
        block_id = BlockId(frame.block_id)
        _make_room(lists, LISTS_MAX)
        lists[block_id] = tuple(frame.ids[at : at + 32] for at in range(0, len(frame.ids), 32))
        if (event := self._listed.get((link.node_key, block_id))) is not None:
            event.set()

    def answer_arrived(self, link: Link, frame: BlockResponse | TransactionsResponse) -> None:
        """Hand an answer to whoever waits for it; one that nobody waits for is late, not a lie."""
        waiting = self._answers.get((link.node_key, BlockId(frame.block_id)))
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)

    def forget(self, block_ids: Sequence[BlockId]) -> None:
        """Drop what is known of blocks that are final."""
        for block_id in block_ids:
            self._headers.pop(block_id, None)
            self._blocks.pop(block_id, None)
            self._ids.pop(block_id, None)
            self._journaled.pop(block_id, None)

    # --- what is asked ------------------------------------------------------------------------------------------------

    def find(self, block_id: BlockId) -> StoredBlock | None:
        """Header and body of a block that is here, judged or not."""
        return self._chain.bytes_of(block_id) or self._journaled.get(block_id) or self._blocks.get(block_id)

    def ids_of(self, block_id: BlockId) -> tuple[bytes, ...] | None:
        """Hashes of the transactions that a body was put together of here, in order; its bytes were seen to hash to the header."""
        return self._ids.get(block_id)

    def transactions_at(self, request: TransactionsRequest) -> tuple[bytes, ...]:
        """Transactions at some places of a block that is kept here; empty where it is not, or a place is none.

        Only what fits a frame: the rest is asked for again.
        """
        held = self._chain.transactions_of(BlockId(request.block_id))
        if held is None or any(place >= len(held) for place in request.places):
            return ()
        return tuple(held[place].raw for place in request.places)

    async def obtain(self, block_id: BlockId, ask: Sequence[ValidatorId]) -> StoredBlock | None:
        """Header and body of a block, from here or from these validators in order; None where nobody has bytes that hash to its id."""
        found = self.find(block_id)
        if found is not None:
            return found
        found = await self._assemble(block_id)
        if found is None:
            found = await self._fetch(block_id, ask)
        if found is not None:
            _make_room(self._blocks, BLOCKS_MAX)
            self._blocks[block_id] = found
        return found

    # --- from the pool ------------------------------------------------------------------------------------------------

    async def _assemble(self, block_id: BlockId) -> StoredBlock | None:
        """Put the body together from the leader's list; None where header, list or transactions are not to be had."""
        header = self._headers.get(block_id)
        if header is None:
            return None
        if self._chain.body_fits(header, EMPTY_BODY):
            return StoredBlock(header, EMPTY_BODY)
        leader = self._node_keys[header_of(header)[1].proposer]
        ids = await self._list_of(block_id, leader)
        if ids is None:
            return None
        held = [self._pool.find_raw(raw_id) for raw_id in ids]
        if None in held:
            await self._complete(block_id, leader, ids, held)
        raws = [raw for raw in held if raw is not None]
        body = encode_body(raws)
        if not self._chain.body_fits(header, body):
            return None
        if None not in held:  # a leader may list more than its block has, and what is not here now may be here by and by
            _make_room(self._ids, BLOCKS_MAX)
            self._ids[block_id] = ids
        return StoredBlock(header, body)

    async def _list_of(self, block_id: BlockId, leader: bytes) -> tuple[bytes, ...] | None:
        """Ids of the block as its leader lists them; waits a moment for them.

        What others list is not looked at: they could only delay us.
        """
        lists = self.lists.setdefault(leader, {})
        if block_id not in lists:
            event = self._listed.setdefault((leader, block_id), asyncio.Event())
            try:
                async with asyncio.timeout(LIST_SECONDS):
                    await event.wait()
            except TimeoutError:
                return None
            finally:
                self._listed.pop((leader, block_id), None)
        return lists.get(block_id)

    async def _complete(self, block_id: BlockId, leader: bytes, ids: tuple[bytes, ...], held: list[bytes | None]) -> None:
        """Ask the leader for what is not here; fill `held` with what it answers."""
        places = tuple(place for place, raw in enumerate(held) if raw is None)
        link = self._peers.link_by_key(leader)
        if link is None:
            return
        answer = await self._question(link, TransactionsRequest(block_id, places))
        if not isinstance(answer, TransactionsResponse):
            return
        missing = {ids[place]: place for place in places}
        for raw in answer.transactions:
            place = missing.get(sha256(raw).digest())
            if place is not None:
                held[place] = raw
                self._repairs.repaired("transactions")

    # --- from others --------------------------------------------------------------------------------------------------

    async def _fetch(self, block_id: BlockId, ask: Sequence[ValidatorId]) -> StoredBlock | None:
        """Ask validators in turn for the whole block."""
        for validator in ask:
            link = self._peers.link_of(validator)
            if link is None:
                continue
            answer = await self._question(link, BlockRequest(block_id))
            if not isinstance(answer, BlockResponse) or not answer.header:
                continue
            try:
                named, _ = header_of(answer.header)
            except WireError as problem:
                self._peers.cut(link, problem)
                continue
            if named == block_id and self._chain.body_fits(answer.header, answer.body):
                self._repairs.repaired("block")
                return StoredBlock(answer.header, answer.body)
        return None

    async def _question(self, link: Link, request: BlockRequest | TransactionsRequest) -> BlockResponse | TransactionsResponse | None:
        """Ask one node; None where it does not answer in time. Two who ask the same share the answer."""
        key = (link.node_key, BlockId(request.block_id))
        waiting = self._answers.get(key)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._answers[key] = waiting
            link.send(Lane.BULK, encode_frame(request))
            self._repairs.repair_asked("block" if isinstance(request, BlockRequest) else "transactions")
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await asyncio.shield(waiting)
        except TimeoutError:
            return None
        finally:
            self._answers.pop(key, None)


def _above(journaled: Mapping[BlockId, StoredBlock], height: int) -> dict[BlockId, StoredBlock]:
    """Return the blocks that are not in the store yet."""
    return {block_id: stored for block_id, stored in journaled.items() if header_of(stored.header)[1].height > height}


def _make_room(kept: dict[BlockId, V], limit: int) -> None:
    """Forget the oldest until there is room for one more."""
    while len(kept) >= limit:
        del kept[next(iter(kept))]
