"""What this node knows of a block: its bytes, what judging it came to, and what is told once it is final.

Only data; the life of a block is in `node.chain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from consensus.events import Verdict
    from consensus.types import BlockFacts, BlockId, Certificate
    from ledger.blocks import Entry, Header, Receipt
    from ledger.transactions.bodies import Transaction
    from node.records import StoredBlock


class BodyMismatch(Exception):
    """The body does not hash to its header: these bytes are not this block. Drop them and ask another voter (section 2)."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What judging came to (K8). `reason` is for the log: empty where valid."""

    block_id: BlockId
    verdict: Verdict
    facts: BlockFacts
    reason: str
    work: int
    """Transactions and swept records in the block (K18); 0 where it is not valid."""


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """A final block as subscribers see it. All of its parts are shared, none may be altered."""

    facts: BlockFacts
    header: Header
    stored: StoredBlock
    transactions: tuple[Transaction, ...]
    receipts: tuple[Receipt, ...]
    swept: tuple[Entry, ...]
    """Entries of holds that lapsed, which no receipt has (L19)."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest final block. Genesis has no header and no certificate: it is final by definition."""

    facts: BlockFacts
    header: Header | None
    header_bytes: bytes
    certificate: Certificate | None
    """Finalization of this very block, or None at genesis."""


class Slots(Struct, frozen=True, array_like=True):
    """What opens a slot of a block's participants_root, for proofs."""

    hashes: tuple[bytes, ...]
    """By participant, ascending."""
    journal_roots: tuple[tuple[str, bytes], ...]
    """Participant and its journal root, in the same order."""


@dataclass(frozen=True, slots=True)
class Finality:
    """Why a final block is final: its own finalization, or that of a descendant with the headers that link both (K23)."""

    certificate: Certificate
    links: tuple[bytes, ...]
    """Headers above the block up to and including the one the certificate names, ascending; empty where the certificate is its own."""


@dataclass(frozen=True, slots=True)
class TransactionPlace:
    """Where a final transaction is."""

    tx_id: bytes
    height: int
    index: int


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What the leader needs for a block of its own (K3)."""

    view: int
    parent: BlockFacts
    proposer: int
    time_ms_min: int
    unfinal_views: int
    """Views since the final one: the budget is halved for each (K18)."""
    empty: bool
    """The unfinal chain is too deep: take nothing."""


@dataclass(frozen=True, slots=True)
class BuiltBlock:
    """A block of our own; the chain keeps its result, so it needs no judging."""

    facts: BlockFacts
    stored: StoredBlock
    transactions: tuple[Transaction, ...]
    work: int
    """Transactions and swept records in it (K18)."""
