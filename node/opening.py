"""Loading the chain at start: genesis into an empty store; then the trees from the stored leaves, and what is remembered.

Nothing is believed because it was written once: the root of every tree rebuilt here must be the one that was written with the committed
height, and those of assets and governance the ones in the header. A store that fails is not repaired; the network has the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec import MsgspecError
from msgspec.msgpack import Decoder

from consensus.types import NO_BLOCK, BlockFacts, BlockId, Epoch, Height, TimeMs, ValidatorId, View
from ledger.canonical import encode
from ledger.errors import BrokenState, LedgerError
from ledger.execute import genesis_state
from ledger.genesis import chain_id, first_records, sealed_copies
from ledger.indexes import derive_indexes
from ledger.invariants import WholeSums
from ledger.leaves import leaf_hash, leaf_key, record_of
from ledger.parameters import MINUTE_MS
from ledger.placement import ASSETS, GOVERNANCE
from ledger.transactions import tree_of
from ledger.tree import rebuild_tree, root_of
from node.blocklog import BlockLog
from node.blocks import Slots, Tip
from node.errors import StoreCorrupt
from node.flush import META_HEIGHT, META_ROOTS, META_SLOTS
from node.refs import entries_of
from node.state import FinalState
from node.store import Table, height_key
from node.transactions import TransactionCache
from node.viewkeys import no_genesis_key
from node.wire import WireError, facts_of, header_of

if TYPE_CHECKING:
    from ledger.genesis import Genesis
    from node.store import Store
    from node.viewkeys import KeyRing

_ROOTS: Final = Decoder(tuple[tuple[str, bytes], ...])
_SLOTS: Final = Decoder(Slots)


@dataclass(frozen=True, slots=True)
class Opened:
    """What the chain begins with."""

    store: Store
    genesis: Genesis
    chain_id: bytes
    genesis_facts: BlockFacts
    ring: KeyRing
    state: FinalState
    log: BlockLog
    cache: TransactionCache
    tip: Tip
    slots: Slots | None
    """None at genesis."""
    history: bool


def open_chain(store: Store, genesis: Genesis, ring: KeyRing, *, history: bool) -> Opened:
    """Load the chain.

    Raises
    ------
    StoreError
        The store does not hold what it must.
    KeyUnfit
        The store is empty, and the ring does not have the view key that the genesis document names.
    """
    chain = chain_id(genesis)
    first = _genesis_facts(genesis, chain)
    if store.height is None:
        _write_genesis(store, genesis, ring)
    cache = TransactionCache()
    log = BlockLog(store, cache)
    tip = _load_tip(store, log, first)
    state = FinalState(store)
    try:
        _load_trees(store, state)
    except (LedgerError, BrokenState) as error:
        raise StoreCorrupt(folder=store.folder, reason=f"its state breaks the rules of the ledger ({error})") from error
    _check_roots(store, state, tip)
    _load_refs(store, state, tip.facts.time_ms // MINUTE_MS)
    return Opened(store, genesis, chain, first, ring, state, log, cache, tip, _load_slots(store), history)


def _genesis_facts(genesis: Genesis, chain: bytes) -> BlockFacts:
    return BlockFacts(BlockId(chain), NO_BLOCK, Epoch(0), Height(0), View(0), ValidatorId(0), TimeMs(genesis.time_ms))


def _write_genesis(store: Store, genesis: Genesis, ring: KeyRing) -> None:
    view_key = ring.find(bytes.fromhex(genesis.view_key.hash), sealed_copies(genesis))
    if view_key is None:
        raise no_genesis_key(ring)
    records = first_records(genesis)
    result = genesis_state(records, view_key)
    batch = store.begin()
    batch.put(Table.LEAVES, sorted((key.encode(), value) for key, value in result.leaves.items() if value is not None))
    batch.put(Table.INDEXES, sorted((key.encode(), encode(record)) for key, record in derive_indexes(records.items()).items()))
    batch.put(Table.META, [(META_HEIGHT, height_key(0)), (META_ROOTS, encode(sorted(result.roots.items())))])
    store.commit(batch)


def _load_tip(store: Store, log: BlockLog, first: BlockFacts) -> Tip:
    height = store.height
    if not height:
        return Tip(first, None, b"", None)
    header_bytes, finality = log.header(height), log.finality(height)
    if header_bytes is None or finality is None:
        raise StoreCorrupt(folder=store.folder, reason=f"block {height} or its certificate is missing")
    try:
        block_id, header = header_of(header_bytes)
    except WireError as error:
        raise StoreCorrupt(folder=store.folder, reason=f"header {height} cannot be read ({error})") from error
    return Tip(facts_of(block_id, header), header, header_bytes, finality.certificate)


def _load_slots(store: Store) -> Slots | None:
    value = store.get(Table.META, META_SLOTS)
    try:
        return None if value is None else _SLOTS.decode(value)
    except MsgspecError as error:
        raise StoreCorrupt(folder=store.folder, reason="the slots of its newest block cannot be read") from error


def _load_trees(store: Store, state: FinalState) -> None:
    """Rebuild every tree from its leaves, and check the sums over the whole state on the way (L12)."""
    trees: dict[str, list[tuple[bytes, bytes]]] = {}
    participants: list[str] = []
    place_of = leaf_key.__wrapped__
    sums = WholeSums()
    for stored, value in store.items(Table.LEAVES):
        key = stored.decode()
        kind, _, rest = key.partition("/")
        record = record_of(key, value)
        sums.add(key, record)
        tree = tree_of(key, record)
        if kind == "participant":
            participants.append(rest)
        place = place_of(key)
        trees.setdefault(tree, []).append((place, leaf_hash(place, value)))
    for tree, leaves in trees.items():
        state.trees[tree] = rebuild_tree(leaves)
        state.roots[tree] = root_of(state.trees[tree])
    state.load_participants(participants)
    sums.check()


def _check_roots(store: Store, state: FinalState, tip: Tip) -> None:
    try:
        expected = dict(_ROOTS.decode(store.get(Table.META, META_ROOTS) or b""))
    except MsgspecError as error:
        raise StoreCorrupt(folder=store.folder, reason="the roots of its trees cannot be read") from error
    if tip.header is not None:
        expected[ASSETS], expected[GOVERNANCE] = tip.header.assets_root, tip.header.governance_root
    for tree, root in expected.items():
        if state.roots.setdefault(tree, bytes(32)) != root:
            raise StoreCorrupt(folder=store.folder, reason=f"the tree of {tree} does not have the root of block {tip.facts.height}")
    if state.roots.keys() != expected.keys():
        raise StoreCorrupt(folder=store.folder, reason="it holds a tree that no block names")


def _load_refs(store: Store, state: FinalState, minute: int) -> None:
    for key, value in store.items(Table.REFS):
        bucket = int.from_bytes(key[:8], "big")
        if bucket >= minute:
            state.refs.add_stored(bucket, entries_of(value))
