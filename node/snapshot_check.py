"""Whether a snapshot is the state that its header names: every tree, slot and running hash recomputed from all of it (K20).

Chunks come in order; `finish` says whether they were all and right. What is returned on the way are the derived indexes, which no root
covers and which nobody sends. Not here: bytes and hashes of chunks (`node.snapshot`), files, network, database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.errors import BrokenState, LedgerError
from ledger.indexes import derive_indexes
from ledger.invariants import WholeSums
from ledger.keys import tagged
from ledger.leaves import PUBLIC_TREES, has_form_of, leaf_hash, leaf_key, record_of
from ledger.lists import list_root
from ledger.placement import ASSETS, GOVERNANCE
from ledger.state import Count, Refs
from ledger.transactions import tree_of
from ledger.tree import EMPTY, rebuild_tree, root_of
from ledger.views import slot_of
from node.refs import ENTRY_BYTES, HASH_BYTES, unpack_refs
from node.snapshot import VALUE_BYTES_MAX, ChunkKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.blocks import Header
    from ledger.state import Record
    from node.snapshot import Opening

_KEY_BYTES: Final = 16
"""Of a list of references: minute u64 | height u64."""
NOTHING: Final = (0, bytes(32))


class SnapshotWrong(Exception):
    """The snapshot is not the state of its block: whoever offered it lies, or its disk is broken."""


class StateCheck:
    """One snapshot as its chunks come."""

    def __init__(self) -> None:
        self._trees: dict[str, list[tuple[bytes, bytes]]] = {}
        self._sums = WholeSums()
        self._participants: list[str] = []
        self._due: dict[tuple[str, int], tuple[int, bytes]] = {}
        """(sender, minute) -> what its leaf says: count, running hash."""
        self._used: dict[tuple[str, int], tuple[int, bytes]] = {}
        """The same, computed from the references."""
        self._live: dict[str, int] = {}
        self._last = dict.fromkeys(ChunkKind, b"")
        self.leaves = 0
        """Leaves seen so far."""

    def add(self, kind: ChunkKind, pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, Record]:
        """Take a chunk; return the index records that follow from it, numbers excepted (`counts`).

        Raises
        ------
        SnapshotWrong
            A pair is out of order, is no record of this ledger, or stands in the wrong form.
        """
        self._check_order(kind, pairs)
        if kind is ChunkKind.REFS:
            for key, value in pairs:
                self._use(key, value)
            return {}
        records: dict[str, Record] = {}
        try:
            for stored, leaf in pairs:
                name = stored.decode()
                records[name] = self._add_leaf(name, leaf)
        except (LedgerError, BrokenState, ValueError) as error:
            raise SnapshotWrong(f"a leaf breaks the rules of the ledger: {error}") from None
        self.leaves += len(records)
        return self._marks_of(records)

    def counts(self) -> dict[str, Record]:
        """Return the derived numbers, once every chunk was added."""
        return {key: Count(count) for key, count in self._live.items()}

    def finish(self, header: Header, openings: Sequence[Opening]) -> tuple[dict[str, bytes], tuple[bytes, ...]]:
        """Compare everything with the header; return the root of every tree and the slots.

        Raises
        ------
        SnapshotWrong
            A root, a slot, a running hash or a sum over the whole state is not what it must be.
        """
        if self._used != self._due:
            raise SnapshotWrong("the remembered references are not those that the leaves name")
        roots = {tree: root_of(rebuild_tree(leaves)) for tree, leaves in self._trees.items()}
        names = sorted(self._participants)
        for tree in (*names, *PUBLIC_TREES):
            roots.setdefault(tree, EMPTY)
        if roots.keys() != {*names, *PUBLIC_TREES} or [each.participant for each in openings] != names:
            raise SnapshotWrong("its trees or slots are not those of the participants")
        if roots[ASSETS] != header.assets_root or roots[GOVERNANCE] != header.governance_root:
            raise SnapshotWrong("the trees of assets or governance do not have the roots of the header")
        slots = tuple(
            slot_of(each.participant, salt=each.salt, state_root=roots[each.participant], journal=each.journal_root) for each in openings
        )
        if list_root(slots) != header.participants_root:
            raise SnapshotWrong("the trees of the participants do not lead to the header's participants_root")
        try:
            self._sums.check()
        except LedgerError as error:
            raise SnapshotWrong(f"the sums of the whole state do not hold: {error}") from None
        return roots, slots

    def _check_order(self, kind: ChunkKind, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Keys ascend, each once, leaves before references: so no leaf stands in two places."""
        last, longest = self._last[kind], VALUE_BYTES_MAX[kind]
        if kind is ChunkKind.LEAVES and self._last[ChunkKind.REFS]:
            raise SnapshotWrong("leaves come after references")
        for key, value in pairs:
            if key <= last or len(value) > longest:
                raise SnapshotWrong("keys do not ascend, or a value is too long")
            last = key
        self._last[kind] = last

    def _add_leaf(self, key: str, value: bytes) -> Record:
        record = record_of(key, value)
        self._sums.add(key, record)
        tree = tree_of(key, record)
        if not has_form_of(tree, value, record):
            raise SnapshotWrong(f"the value of {key} has not the form of its tree")
        kind, _, rest = key.partition("/")
        if kind == "participant":
            self._participants.append(rest)
        if isinstance(record, Refs):
            sender, _, minute = rest.rpartition("/")
            self._due[sender, int(minute)] = (record.count, record.running)
        place = leaf_key.__wrapped__(key)
        self._trees.setdefault(tree, []).append((place, leaf_hash(place, value)))
        return record

    def _use(self, key: bytes, value: bytes) -> None:
        """Carry the running hash of each sender over the references that one block used (L14)."""
        try:
            entries, senders = unpack_refs(value)
        except ValueError as error:
            raise SnapshotWrong(f"references cannot be read: {error}") from None
        if len(key) != _KEY_BYTES:
            raise SnapshotWrong("references stand under no minute and height")
        minute, height = int.from_bytes(key[:8], "big"), key[8:]
        used = self._used
        for index, sender in enumerate(senders):
            at = index * ENTRY_BYTES
            count, running = used.get((sender, minute), NOTHING)
            ref_id, tx_id = entries[at : at + HASH_BYTES], entries[at + HASH_BYTES : at + ENTRY_BYTES]
            used[sender, minute] = (count + 1, tagged(b"som/refs/1", running, ref_id, tx_id, height))

    def _marks_of(self, records: dict[str, Record]) -> dict[str, Record]:
        marks: dict[str, Record] = {}
        for key, record in derive_indexes(records.items()).items():
            if isinstance(record, Count):
                self._live[key] = self._live.get(key, 0) + record.count
            else:
                marks[key] = record
        return marks
