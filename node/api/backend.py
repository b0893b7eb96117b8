"""What the client API needs from the node: reads of final state, a pool that takes transactions, and the node's own standing.

Protocols only: `node.reads`, `node.mempool` and `node.main` implement them, tests have small ones of their own. Reads are synchronous
and cheap (memory, or LMDB's page cache); only admission waits, because signatures are verified in chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consensus.evidence import Evidence
    from ledger.blocks import Receipt
    from ledger.errors import LedgerError
    from ledger.state import StateReader
    from ledger.transactions.bodies import Transaction
    from node.api.structs import Role
    from node.audit import Look
    from node.blocks import FinalBlock, Finality, Tip
    from node.metrics import Metrics
    from node.outlook import Outlook


@dataclass(frozen=True, slots=True)
class ValidatorEntry:
    """One validator of the epoch, as the genesis document names it."""

    participant: str
    consensus_key: bytes
    node_key: bytes
    endpoint: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One change of one balance of an account."""

    height: int
    index: int
    position: int
    """Of the entry within its receipt: with height and index it orders and names the row."""
    tx_id: bytes
    leg: int
    asset: str
    posted: int
    held: int


@dataclass(frozen=True, slots=True)
class FinalTransaction:
    """A final transaction, its receipt and the time of its block."""

    transaction: Transaction
    receipt: Receipt
    time_ms: int


class Reads(Protocol):
    """Final state, final blocks, and proofs; also of blocks that are final and not in the store yet."""

    @property
    def chain_id(self) -> bytes:
        """32 bytes."""

    @property
    def network(self) -> str:
        """The name in the genesis document, for people."""

    @property
    def genesis_json(self) -> str:
        """The genesis document."""

    @property
    def validators(self) -> Sequence[ValidatorEntry]:
        """The set of the current epoch, by index."""

    @property
    def tip(self) -> Tip:
        """Newest final block."""

    @property
    def began(self) -> int:
        """Height of the snapshot that this node began with: it has no block at or below it; 0: it has every block."""

    @property
    def committed_height(self) -> int:
        """Highest height in the store, synced."""

    @property
    def state(self) -> StateReader:
        """State after the newest final block."""

    def asset_codes(self) -> Sequence[str]:
        """Codes of all assets, ascending."""

    def keyset_names(self, owner: str) -> Sequence[str]:
        """Names of the keysets of a participant or account, ascending."""

    def block(self, height: int) -> FinalBlock | None:
        """Return a final block; None for genesis (0) and above the tip."""

    def finality(self, height: int) -> Finality | None:
        """Certificate of a final block or of its nearest descendant that has one."""

    def epoch_link(self, epoch: int) -> bytes | None:
        """How an epoch ended and what set it named, as `node.epochchain.encode_link` writes it; None where it has not ended here."""

    def transaction(self, tx_id: bytes) -> FinalTransaction | None:
        """Return a final transaction with its receipt."""

    def transaction_by_ref(self, ref_id: bytes) -> FinalTransaction | None:
        """Return the newest final transaction with this (from, ref): a reference may be used again once it is forgotten (L14)."""

    def returns(self, tx_id: bytes) -> Sequence[FinalTransaction]:
        """Return the final transactions that returned a payment, oldest first."""

    def history(self, account: str, after: tuple[int, int, int], limit: int) -> Sequence[HistoryRow] | None:
        """Rows of an account above (height, index, position), ascending, at most `limit`. None: this node keeps no history."""

    def prove(self, tree: str, keys: Sequence[str]) -> bytes:
        """Proof file: leaves of one tree by storage key, present or absent, and what makes them final."""

    def prove_account(self, account: str) -> bytes:
        """Proof file: the account, all of its balances, and what makes them final; also proves that the account is absent."""

    def route_changes(self, route: str, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Heights above `after` at which a bridge's route changed, ascending, at most `limit`, each with a proof of its record then."""

    def prove_transaction(self, tx_id: bytes) -> bytes:
        """Proof file of the inclusion of a final transaction, with its receipt."""

    def last_signed(self) -> Sequence[int]:
        """Newest final height that each validator's signature was seen under, by index; 0: none."""

    def subscribe(self, listener: Callable[[tuple[FinalBlock, ...]], None]) -> Callable[[], None]:
        """Call `listener` with each batch of final blocks; returns a function that ends it."""


class PoolFull(Exception):
    """The pool, or this participant's share of it, is full (M3): not a fault of the transaction."""

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(f"the pool of this node is full; send the same bytes again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Pool(Protocol):
    """Transactions admitted and not final (M1 to M6)."""

    async def admit(self, transactions: Sequence[Transaction]) -> Sequence[LedgerError | PoolFull | None]:
        """Verify, check on the last final state, keep and pass on to the validators.

        One outcome each, in order; None: kept, or here already.
        """

    def find(self, tx_id: bytes) -> Transaction | None:
        """Transaction waiting here."""

    def find_ref(self, ref_id: bytes) -> Transaction | None:
        """Transaction waiting here with this (from, ref)."""

    @property
    def count(self) -> int:
        """Transactions waiting."""

    @property
    def bytes(self) -> int:
        """Their bytes."""


class NodeStatus(Protocol):
    """The node itself."""

    @property
    def name(self) -> str:
        """From the configuration."""

    @property
    def version(self) -> str:
        """Of the program."""

    @property
    def role(self) -> Role:
        """A validator votes; a peer follows."""

    @property
    def epoch(self) -> int:
        """Current epoch."""

    @property
    def view(self) -> int:
        """Current view; of a peer: that of its newest final block."""

    @property
    def final_view(self) -> int:
        """Highest final view known."""

    @property
    def peers_connected(self) -> int:
        """Peers with an open connection."""

    @property
    def peers_known(self) -> int:
        """Peers in the configuration."""

    @property
    def peers_needed(self) -> int:
        """Connections below which the node cannot do its work: a validator needs quorum - 1, a peer one."""

    @property
    def peers_denied(self) -> int:
        """Nodes that the operator denies."""

    @property
    def syncing(self) -> bool:
        """Whether it is catching up."""

    @property
    def time_ms(self) -> int:
        """Own clock."""


@dataclass(frozen=True, slots=True)
class KeptEvidence:
    """A double vote, and who cast it by the set of its epoch; both are empty where that set is not known here."""

    id: str
    """64 hex digits."""
    proof: Evidence
    participant: str
    public_key: bytes


class Diagnosis(Protocol):
    """What an operator asks when something is wrong."""

    def outlook(self) -> Outlook:
        """Return what this node knows of its consensus, now."""

    @property
    def stalled_ms(self) -> int:
        """Since the last block became final, once that is too long; 0: the chain moves."""

    @property
    def silenced(self) -> str:
        """Why this node's key must not vote any more (K15); empty: it may."""

    def evidence(self, after: str, limit: int) -> Sequence[KeptEvidence]:
        """Double votes by id, above `after`, at most `limit`."""

    @property
    def evidence_count(self) -> int:
        """Double votes kept."""

    @property
    def halts(self) -> int:
        """Proofs kept of more than f liars."""


class Registry(Protocol):
    """What only a node of the operator does."""

    @property
    def is_here(self) -> bool:
        """Whether this is a node of the operator."""

    def pseudonym(self, participant: str, holder: bytes) -> bytes:
        """Pseudonym (16 bytes) that a participant is given for a holder."""

    async def record(self, look: Look, now_ms: int) -> None:
        """Record who looked whom up, durably; raises `AuditError`."""


@dataclass(frozen=True, slots=True)
class Backend:
    """All that `build_app` takes."""

    reads: Reads
    pool: Pool
    node: NodeStatus
    diagnosis: Diagnosis
    registry: Registry
    metrics: Metrics
    fail: Callable[[BaseException], None]
    """Stop the node: a read met a store that cannot be trusted any more."""
