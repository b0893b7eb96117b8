"""The log of a node that has stopped, and what each participant can make of its own part of it.

Views are not kept: whoever has the view key makes them again from the bodies (`read_log`). A participant has the genesis document, its own
secret and its own views, and nothing else; `follow` gets no more than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.blocks import Header, block_id_of, decode_header, split_body, view_bytes
from ledger.canonical import encode
from ledger.codec import decode_transaction
from ledger.execute import execute_block, genesis_state
from ledger.genesis import Genesis, chain_id, first_records
from ledger.indexes import derive_indexes
from ledger.leaves import BLIND_BYTES, leaf_key, participant_secret
from ledger.lists import list_path, root_by_path
from ledger.parameters import BlockContext, load_parameters
from ledger.placement import tree_of
from ledger.views import journal_root, replay_views, salt_of, slot_of, state_root
from node.config import load_config
from node.keyfiles import read_seed
from node.prepare import STORE_FOLDER, load_genesis
from node.store import Store, Table, height_key
from node.viewkeys import open_view_key
from tests.ledger.chain import MemoryState, verified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.execute import BlockResult


@dataclass(frozen=True)
class Told:
    """What one participant gets of one block."""

    header: Header
    salt: bytes
    index: int
    count: int
    path: tuple[bytes, ...]
    views: tuple[bytes, ...]


@dataclass(frozen=True)
class Logged:
    """One block of the log, executed again."""

    header: Header
    header_bytes: bytes
    result: BlockResult


@dataclass(frozen=True)
class Log:
    """Everything that a stopped node has."""

    genesis: Genesis
    view_key: bytes
    blocks: tuple[Logged, ...]
    state: dict[str, bytes]
    """Storage key -> leaf value, as the node itself keeps it."""

    def participants(self) -> tuple[str, ...]:
        """All that there are, ascending."""
        return tuple(self.blocks[-1].result.journal_roots)

    def told(self, participant: str) -> Iterator[Told]:
        """Give one participant what it gets, block by block."""
        secret = participant_secret(self.view_key, participant)
        for block in self.blocks:
            slots, index = block.result.slots, tuple(block.result.journal_roots).index(participant)
            salt = salt_of(secret, view_bytes(block.header.epoch, block.header.view))
            views = block.result.views.get(participant, ())
            yield Told(block.header, salt, index, len(slots), list_path(slots, index), views)


def read_log(path: Path) -> Log:
    """Read headers, bodies and state of the stopped node with this configuration, and execute every block again."""
    config = load_config(path)
    genesis = load_genesis(Path(config.genesis))
    view_key = open_view_key(genesis, read_seed(Path(config.box_key)))
    chain = chain_id(genesis)
    store = Store.open(config.data_folder / STORE_FOLDER, chain, config.limits.map_bytes)
    try:
        keys = [height_key(at) for at in range(1, (store.height or 0) + 1)]
        stored = [(store.get(Table.HEADERS, key), store.get(Table.BODIES, key)) for key in keys]
        state = {key.decode(): value for key, value in store.items(Table.LEAVES)}
    finally:
        store.close()
    memory = MemoryState()
    records = first_records(genesis)
    memory.take({**records, **derive_indexes(records.items())})
    memory.trees.update(genesis_state(records, view_key).trees)
    blocks, parent = [], chain
    for header_bytes, body in stored:
        assert header_bytes is not None
        assert body is not None
        blocks.append(_execute(memory, header_bytes, body, view_key, parent))
        parent = block_id_of(header_bytes)
    return Log(genesis, view_key, tuple(blocks), state)


def _execute(memory: MemoryState, header_bytes: bytes, body: bytes, view_key: bytes, parent: bytes) -> Logged:
    """Execute a block on the state before it, and insist on everything that its header says."""
    header = decode_header(header_bytes)
    context = BlockContext(header.chain, header.epoch, header.height, header.view, header.time_ms, load_parameters(memory))
    result = execute_block(memory, context, [decode_transaction(raw) for raw in split_body(body)], view_key, verified)
    made = (result.body, result.transactions_root, result.participants_root, result.assets_root, result.governance_root)
    assert made == (header.body, header.transactions_root, header.participants_root, header.assets_root, header.governance_root)
    assert header.parent == parent
    memory.take(result.changes)
    memory.trees.update(result.trees)
    memory.refs.update(result.used_refs)
    return Logged(header, header_bytes, result)


def follow(participant: str, genesis: Genesis, secret: bytes, told: Iterator[Told]) -> dict[str, bytes]:
    """Rebuild a participant's tree from genesis and its own views alone; compare it with its slot in every header; return its leaves."""
    leaves = _first_leaves(participant, genesis, secret)
    for each in told:
        leaves = replay_views(leaves, each.views)
        assert each.salt == salt_of(secret, view_bytes(each.header.epoch, each.header.view))
        slot = slot_of(participant, salt=each.salt, state_root=state_root(leaves), journal=journal_root(each.views))
        opened = root_by_path(slot, index=each.index, count=each.count, path=each.path)
        assert opened == each.header.participants_root, (participant, each.header.height)
    return leaves


def _first_leaves(participant: str, genesis: Genesis, secret: bytes) -> dict[str, bytes]:
    """Leaves of a participant's tree at height 0, for which its own secret is enough."""
    first = {}
    for key, record in first_records(genesis).items():
        if tree_of(key, record) == participant:
            blind = sha256(b"som/blind/1" + secret + leaf_key(key) + bytes(8)).digest()[:BLIND_BYTES]
            first[key] = encode((blind, record))
    return first
