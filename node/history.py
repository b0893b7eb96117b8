"""The journal of an account, for peers: its entries of each transaction, in order, under a key that sorts by height and index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import MsgspecError
from msgspec.msgpack import Decoder

from ledger.canonical import encode
from node.api.backend import HistoryRow
from node.errors import StoreCorrupt
from node.store import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.blocks import Entry
    from node.blocks import FinalBlock
    from node.store import Store

_Stored = tuple[bytes, tuple[tuple[int, int, str, int, int], ...]]
"""tx_id, and position in the receipt, leg, asset, posted, held of each entry."""
_DECODER: Final = Decoder(_Stored)
_INDEX_BYTES: Final = 4
_NOBODY: Final = bytes(32)
_LAST: Final = b"\xff" * 12


def entry_pairs(block: FinalBlock) -> list[tuple[bytes, bytes]]:
    """Return what a block adds to the history of each account, ascending."""
    pairs: list[tuple[bytes, bytes]] = []
    for index, tx_id, entries in _groups(block):
        by_account: dict[str, list[tuple[int, int, str, int, int]]] = {}
        for position, entry in enumerate(entries):
            by_account.setdefault(entry.account, []).append((position, entry.leg, entry.asset, entry.posted, entry.held))
        place = _place(block.facts.height, index)
        pairs.extend((_prefix(account) + place, encode((tx_id, rows))) for account, rows in by_account.items())
    return sorted(pairs)


def block_rows(block: FinalBlock, account: str) -> Iterator[HistoryRow]:
    """Rows of an account in a block that LMDB lacks."""
    height = block.facts.height
    for index, tx_id, entries in _groups(block):
        for position, entry in enumerate(entries):
            if entry.account == account:
                yield HistoryRow(height, index, position, tx_id, entry.leg, entry.asset, entry.posted, entry.held)


def _groups(block: FinalBlock) -> Iterator[tuple[int, bytes, tuple[Entry, ...]]]:
    """Index, tx_id and entries; those of lapsed holds come last with a tx_id of zeros, as in the views (L19)."""
    for receipt in block.receipts:
        yield receipt.index, receipt.tx_id, receipt.entries
    if block.swept:
        yield len(block.receipts), _NOBODY, block.swept


def stored_rows(store: Store, account: str, after: tuple[int, int, int], limit: int) -> list[HistoryRow]:
    """Rows of an account in LMDB above (height, index, position), ascending, at least `limit` of them where there are as many."""
    prefix = _prefix(account)
    found: list[HistoryRow] = []
    for key, value in store.range(Table.ENTRIES, prefix + _place(after[0], after[1]), prefix + _LAST, limit + 1):
        height, index = int.from_bytes(key[-12:-4], "big"), int.from_bytes(key[-4:], "big")
        try:
            tx_id, rows = _DECODER.decode(value)
        except MsgspecError as error:
            raise StoreCorrupt(folder=store.folder, reason=f"the history of {account} cannot be read ({error})") from error
        found.extend(HistoryRow(height, index, position, tx_id, leg, asset, posted, held) for position, leg, asset, posted, held in rows)
    return [row for row in found if (row.height, row.index, row.position) > after]


def _prefix(account: str) -> bytes:
    return account.encode() + b"\x00"


def _place(height: int, index: int) -> bytes:
    return height.to_bytes(8, "big") + index.to_bytes(_INDEX_BYTES, "big")
