"""Final blocks by height, id or transaction: those that are not in LMDB yet in memory, the rest read when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import MsgspecError
from msgspec.msgpack import Decoder

from ledger.blocks import Entry, Receipt, split_body
from ledger.errors import Malformed
from ledger.keys import tagged
from ledger.transactions.bodies import Pay
from node.blocks import FinalBlock, Finality
from node.errors import StoreCorrupt
from node.places import Places
from node.records import StoredBlock, decode_certificate
from node.refs import pack_refs
from node.routechanges import RouteChanges
from node.store import Table, height_key
from node.wire import WireError, facts_of, header_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consensus.types import BlockFacts, BlockId, Certificate
    from ledger.blocks import Header
    from ledger.state import UsedRef
    from ledger.transactions.bodies import Transaction
    from node.places import Place
    from node.store import Store
    from node.transactions import TransactionCache

LINKS_MAX: Final = 4_096
"""Headers between a block and the one whose certificate makes it final (K23)."""

_RECEIPTS: Final = Decoder(tuple[tuple[Receipt, ...], tuple[Entry, ...]])
_LAST_KEY: Final = b"\xff" * 8


class BlockLog:
    """The final blocks of the chain, ascending from height 1."""

    def __init__(self, store: Store, cache: TransactionCache) -> None:
        self._store, self._cache = store, cache
        self.places, self.changes = Places(store), RouteChanges(store)
        self._unflushed: dict[int, FinalBlock] = {}
        self._used: dict[int, Mapping[bytes, UsedRef]] = {}
        self._certificates: dict[int, Certificate] = {}
        self._heights: dict[BlockId, int] = {}
        self._names: dict[bytes, Place] = {}
        """tx_id or ref_id -> where it is, of those of these blocks that somebody has looked for a transaction in."""
        self._unnamed: dict[int, FinalBlock] = {}
        """The others: where nobody asks for transactions, the index costs nothing."""
        self.transactions_unflushed = 0
        """Transactions in blocks that LMDB lacks."""

    def append(self, block: FinalBlock, used_refs: Mapping[bytes, UsedRef]) -> None:
        """Take a block that became final, with the references it used, by ref_id in the order of its transactions."""
        height = block.facts.height
        self._used[height] = used_refs
        self._unflushed[height] = block
        self._heights[block.facts.block_id] = height
        self._unnamed[height] = block
        self.transactions_unflushed += len(block.transactions)
        self._cache.final(block.transactions)

    def certify(self, height: int, certificate: Certificate) -> None:
        """Take the finalization of the block at a height."""
        self._certificates[height] = certificate

    def unflushed(self) -> list[FinalBlock]:
        """Blocks that LMDB lacks, ascending."""
        return list(self._unflushed.values())

    def unflushed_certificates(self, height: int) -> dict[int, Certificate]:
        """Certificates up to a height that LMDB lacks."""
        return {at: certificate for at, certificate in self._certificates.items() if at <= height}

    def used_by_minute(self, blocks: list[FinalBlock]) -> dict[tuple[int, int], bytes]:
        """Return the references used in these blocks as they are stored: (minute, height) -> `pack_refs`."""
        found: dict[tuple[int, int], tuple[list[bytes], list[str]]] = {}
        for block in blocks:
            height = block.facts.height
            for (ref_id, used), transaction in zip(self._used[height].items(), block.transactions, strict=True):
                place = (used.minute, height)
                refs = found.get(place)
                if refs is None:
                    refs = found[place] = ([], [])
                refs[0].append(ref_id + used.tx_id)
                refs[1].append(transaction.sender)
        return {place: pack_refs(*refs) for place, refs in found.items()}

    def names_of(self, blocks: list[FinalBlock]) -> Iterator[tuple[bytes, int, int]]:
        """Names under which the transactions of these blocks are found, and where they are."""
        for block in blocks:
            height = block.facts.height
            for index, transaction in enumerate(block.transactions):
                yield transaction.tx_id, height, index
                yield transaction.ref_id, height, index
                original = returned_by(transaction)
                if original is not None:
                    yield returns_name(original), height, index

    def flushed(self, blocks: list[FinalBlock]) -> None:
        """Forget blocks that LMDB has now."""
        self.changes.flushed(blocks[-1].facts.height if blocks else 0)
        names = self._names
        for block in blocks:
            height = block.facts.height
            del self._unflushed[height], self._used[height], self._heights[block.facts.block_id]
            self._certificates.pop(height, None)
            self.transactions_unflushed -= len(block.transactions)
            if self._unnamed.pop(height, None) is not None:
                continue
            for transaction in block.transactions:
                for name in (transaction.tx_id, transaction.ref_id):
                    if (place := names.get(name)) is not None and place[0] == height:
                        del names[name]

    # --- reading ---------------------------------------------------------------------------------------------------------

    def height_of(self, block_id: BlockId) -> int | None:
        """Height of a final block; None where it is not final here."""
        height = self._heights.get(block_id)
        if height is not None:
            return height
        value = self._store.get(Table.HEIGHTS, block_id)
        return None if value is None else int.from_bytes(value, "big")

    def header(self, height: int) -> bytes | None:
        """Header of a final block."""
        block = self._unflushed.get(height)
        return self._store.get(Table.HEADERS, height_key(height)) if block is None else block.stored.header

    def facts(self, height: int) -> BlockFacts | None:
        """Facts of a final block; None for genesis and above the tip."""
        block = self._unflushed.get(height)
        if block is not None:
            return block.facts
        header = self.header(height)
        return None if header is None else facts_of(*self._header_of(height, header))

    def stored(self, height: int) -> StoredBlock | None:
        """Header and body of a final block; None for genesis and above the tip."""
        block = self._unflushed.get(height)
        if block is not None:
            return block.stored
        key = height_key(height)
        header, body = self._store.get(Table.HEADERS, key), self._store.get(Table.BODIES, key)
        return None if header is None or body is None else StoredBlock(header, body)

    def block(self, height: int) -> FinalBlock | None:
        """Whole final block, decoded; None for genesis and above the tip."""
        found = self._unflushed.get(height)
        if found is not None:
            return found
        stored, encoded = self.stored(height), self._store.get(Table.RECEIPTS, height_key(height))
        if stored is None or encoded is None:
            return None
        block_id, header = self._header_of(height, stored.header)
        try:
            transactions = tuple(self._cache.decode_once(raw) for raw in split_body(stored.body))
            receipts, swept = _RECEIPTS.decode(encoded)
        except (Malformed, MsgspecError) as error:
            raise StoreCorrupt(folder=self._store.folder, reason=f"block {height} cannot be read ({error})") from error
        return FinalBlock(facts_of(block_id, header), header, stored, transactions, receipts, swept)

    def finality(self, height: int) -> Finality | None:
        """Certificate that makes a height final, and the headers that lead from it to the certificate's block."""
        found = self._next_certificate(height)
        if found is None:
            return None
        subject, certificate = found
        if subject - height > LINKS_MAX:
            return None
        links = tuple(header for at in range(height + 1, subject + 1) if (header := self.header(at)) is not None)
        if len(links) != subject - height:  # below the snapshot that this node began with
            return None
        return Finality(certificate, links)

    def candidates(self, name: bytes) -> list[Place]:
        """Places at which a transaction of this tx_id or ref_id may be, newest first; the caller compares."""
        self._name_all()
        place = self._names.get(name)
        below = [other for other in self.places.find(name) if other != place]
        return below if place is None else [place, *below]

    def returns(self, tx_id: bytes) -> list[Place]:
        """Places at which a payment may have been returned, oldest first; the caller compares."""
        above = [
            (block.facts.height, index)
            for block in self._unflushed.values()
            for index, transaction in enumerate(block.transactions)
            if returned_by(transaction) == tx_id
        ]
        return sorted({*self.places.find(returns_name(tx_id)), *above})

    def _name_all(self) -> None:
        """Index the blocks that came since somebody last asked."""
        names = self._names
        for height, block in self._unnamed.items():
            for index, transaction in enumerate(block.transactions):
                names[transaction.tx_id] = names[transaction.ref_id] = (height, index)
        self._unnamed.clear()

    def _next_certificate(self, height: int) -> tuple[int, Certificate] | None:
        stored = self._store.range(Table.CERTIFICATES, height_key(height), _LAST_KEY, 1)
        for key, value in stored:
            try:
                return int.from_bytes(key, "big"), decode_certificate(value)
            except ValueError as error:
                raise StoreCorrupt(folder=self._store.folder, reason=f"a certificate cannot be read ({error})") from error
        return min(((at, found) for at, found in self._certificates.items() if at >= height), key=lambda pair: pair[0], default=None)

    def _header_of(self, height: int, header: bytes) -> tuple[BlockId, Header]:
        try:
            return header_of(header)
        except WireError as error:
            raise StoreCorrupt(folder=self._store.folder, reason=f"header {height} cannot be read ({error})") from error


def returned_by(transaction: Transaction) -> bytes | None:
    """Payment that a transaction returns; None where it returns none. One that votes carry out is not looked into."""
    body = transaction.body
    return body.return_of.tx_id if isinstance(body, Pay) and body.return_of is not None else None


def returns_name(tx_id: bytes) -> bytes:
    """Name under which the returns of a payment are found."""
    return tagged(b"som/returns/1", tx_id)
