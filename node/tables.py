"""The tables of the store, and how their keys sort. What is in them means nothing here."""

from __future__ import annotations

from enum import Enum


class Table(Enum):
    """The named tables; keys in brackets, numbers big-endian so that they sort."""

    META = b"meta"
    """[name] format, chain, lmdb, height, roots."""
    HEADERS = b"headers"
    """[height u64] canonical header."""
    BODIES = b"bodies"
    """[height u64] canonical body."""
    RECEIPTS = b"receipts"
    """[height u64] canonical array of the block's receipts and of the entries of lapsed holds."""
    CERTIFICATES = b"certificates"
    """[height u64] finalization of the block at that height, where it was the subject of one."""
    HEIGHTS = b"heights"
    """[block id] height u64."""
    LEAVES = b"leaves"
    """[storage key] canonical value of the leaf, its blind included: what the trees are rebuilt from."""
    INDEXES = b"indexes"
    """[index key `~...`] mark or count: sorted keys that execution scans."""
    REFS = b"refs"
    """[minute u64, height u64] remembered references that a block used, see `node.refs`."""
    PLACES = b"places"
    """Where transactions are; see `node.places`."""
    ENTRIES = b"entries"
    """[account 0x00 height u64 index u32] the account's entries of one transaction, where history is kept."""
    EPOCHS = b"epochs"
    """[epoch u32] how the epoch ended, where this store began at a snapshot above it; see `node.epochlinks`."""
    ROUTES = b"routes"
    """[route 0x00 height u64] leaf of a bridge's route and its path, where it changed; see `node.routechanges`."""


ADDED: frozenset[Table] = frozenset({Table.ROUTES})
"""Tables that a store made before them lacks; they are made when it is opened for writing."""
