"""The record of a bridge's route at each height where it changed, with its path to the root of then (bridge.md, section 3).

Attestors sign for heights at which a route changed, so that all of them name the same one; whoever asks later must be shown the record as
it was. Trees of past heights are gone by then, so the leaf and its path are kept at the moment of finality: some two kilobytes a change. A
node that began with a snapshot has those above it; header and certificate come from the log of blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import MsgspecError
from msgspec.msgpack import Decoder

from ledger.canonical import encode
from ledger.leaves import leaf_key
from ledger.paths import path_of
from ledger.placement import ASSETS
from ledger.proofs import ProvenLeaf
from node.errors import StoreCorrupt
from node.store import Table, height_key

if TYPE_CHECKING:
    from node.state import FinalState, Layer
    from node.store import Store

PREFIX: Final = "route/"
_LEAF: Final = Decoder(ProvenLeaf)
_END: Final = b"\xff" * 9


class RouteChanges:
    """Changes of all routes: those that LMDB lacks in memory, the rest read when asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fresh: dict[bytes, tuple[int, ProvenLeaf]] = {}
        self._root = b""
        """Of the tree that routes are in, as last seen: most blocks leave it as it is."""

    def add(self, height: int, layer: Layer, state: FinalState) -> None:
        """Take what a block changed that has just become the newest final one; `state` has it already."""
        before, self._root = self._root, layer.roots[ASSETS]
        if before == self._root:
            return
        for key, value in layer.leaves.items():
            if key.startswith(PREFIX):
                path = path_of(state.tree(ASSETS), leaf_key(key))
                self._fresh[_place(key.removeprefix(PREFIX), height)] = (height, ProvenLeaf(key, value, path))

    def rows(self, height: int) -> list[tuple[bytes, bytes]]:
        """Return what LMDB lacks up to a height, ascending."""
        return sorted((place, encode(leaf)) for place, (at, leaf) in self._fresh.items() if at <= height)

    def flushed(self, height: int) -> None:
        """Forget what LMDB has now."""
        self._fresh = {place: row for place, row in self._fresh.items() if row[0] > height}

    def after(self, route: str, height: int, limit: int) -> list[tuple[int, ProvenLeaf]]:
        """Return the changes of a route above a height, ascending, at most `limit`: height, and leaf after that block."""
        start, end = _place(route, height + 1), _prefix(route) + _END
        found = [(_height_of(key), self._decoded(route, value)) for key, value in self._store.range(Table.ROUTES, start, end, limit)]
        known = {at for at, _ in found}
        fresh = sorted(((at, leaf) for place, (at, leaf) in self._fresh.items() if start <= place < end), key=lambda row: row[0])
        return [*found, *(row for row in fresh if row[0] not in known)][:limit]

    def _decoded(self, route: str, value: bytes) -> ProvenLeaf:
        try:
            return _LEAF.decode(value)
        except MsgspecError as error:
            raise StoreCorrupt(folder=self._store.folder, reason=f"a change of route {route} cannot be read ({error})") from error


def _prefix(route: str) -> bytes:
    return route.encode() + b"\x00"


def _place(route: str, height: int) -> bytes:
    return _prefix(route) + height_key(height)


def _height_of(place: bytes) -> int:
    return int.from_bytes(place[-8:], "big")
