"""A block on a state: `(state, context, transactions, view key) -> BlockResult`, with every root that the header carries.

The builder goes transaction by transaction (`Execution`) and sets aside what raises; a judge executes the block whole (`execute_block`),
where the same raise makes the block invalid. Nothing is written anywhere: the result holds what is to be kept.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.blocks import Entry, Receipt, body_hash, encode_body, view_bytes
from ledger.canonical import encode
from ledger.commit import EmptyState, commit
from ledger.conditions import PurseReceipt
from ledger.disclosure import public_code, public_codes, public_receipt
from ledger.keys import keyed
from ledger.lapsing import TooMuchLapsedError
from ledger.leaves import PUBLIC_TREES, participant_secret
from ledger.lists import list_root
from ledger.outcomes import Outcome, entries_by_participant
from ledger.placement import ASSETS, GOVERNANCE
from ledger.state import Overlay, Record, UsedRef
from ledger.transactions import apply_transaction, begin_block, end_block, who_sees_all
from ledger.transactions.bodies import Pay, Settle
from ledger.transactions.proposals import legs_carried
from ledger.tree import Tree, root_of
from ledger.views import ViewBuilder, journal_root, salt_of, slot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ledger.commit import Commitment
    from ledger.parameters import BlockContext
    from ledger.state import StateReader
    from ledger.transactions.bodies import Transaction

    Verifier = Callable[[Transaction], bool]
    """Whether every signature of the transaction verifies; the node remembers the answer under the hash of the whole bytes."""

BODY_HEAD_BYTES = 3
"""Of the array that a body is, up to 65,535 transactions."""


class BlockTooLargeError(ValueError):
    """A block has more bytes, signatures or legs than the parameters allow, or sweeps more in passing (L19): it is invalid."""


class BlockResult(Struct, frozen=True):
    """Everything that follows from executing one block."""

    body: bytes
    """32 bytes: hash of the body, for the header."""
    body_bytes: bytes
    transactions_root: bytes
    participants_root: bytes
    assets_root: bytes
    governance_root: bytes
    receipts: tuple[Receipt, ...]
    transaction_leaves: tuple[bytes, ...]
    """Hashes under transactions_root, in order."""
    changes: dict[str, Record | None]
    """Records and index records that differ; None: removed."""
    leaves: dict[str, bytes | None]
    """Storage key -> canonical leaf value; None: removed."""
    trees: dict[str, Tree]
    """Each tree that changed, by name."""
    roots: dict[str, bytes]
    """Root of every tree, changed or not: participants, "A" and "G"."""
    used_refs: dict[bytes, UsedRef]
    """What each transaction has used, by ref_id, in order."""
    views: dict[str, tuple[bytes, ...]]
    """Participant -> its views of this block; an idle one has none."""
    journal_roots: dict[str, bytes]
    slots: tuple[bytes, ...]
    """Hashes under participants_root, in the order of the participants' ids (the keys of `journal_roots`)."""
    swept: tuple[Entry, ...]
    """Entries of holds that lapsed, which no receipt has (L19)."""
    due_left: bool
    """Whether a sweep is still due (L19): the chain has work."""
    next: bytes
    """32 bytes for the header: hash of the set of the epoch that begins after this block, zeros where none does (K22)."""


class FirstState(Struct, frozen=True):
    """State at height 0, from the genesis document."""

    leaves: dict[str, bytes | None]
    trees: dict[str, Tree]
    roots: dict[str, bytes]


class Execution:
    """One block under way. `apply` either takes a transaction or leaves no trace of it; `finish` ends the block, once."""

    __slots__ = (
        "_block_key",
        "_body_bytes",
        "_context",
        "_leaves",
        "_legs",
        "_outcomes",
        "_receipts",
        "_signatures",
        "_swept",
        "_transactions",
        "_verifier",
        "_view_key",
        "_views",
        "overlay",
    )

    def __init__(self, state: StateReader, context: BlockContext, view_key: bytes, verifier: Verifier) -> None:
        self.overlay = Overlay(state)
        self._context = context
        self._view_key = view_key
        self._verifier = verifier
        self._block_key = block_key(view_key, context.epoch, context.view)
        self._transactions: list[Transaction] = []
        self._receipts: list[Receipt] = []
        self._outcomes: list[Outcome] = []
        """Of those that `write_up` has still to see."""
        self._leaves: list[bytes] = []
        self._views = ViewBuilder(context.height)
        self._body_bytes = BODY_HEAD_BYTES
        self._signatures = 0
        self._legs = 0
        self._swept = begin_block(self.overlay, context)
        self.overlay.forget_undo()

    @property
    def count(self) -> int:
        """Transactions taken so far."""
        return len(self._transactions)

    def fits(self, tx: Transaction) -> bool:
        """Whether the limits of a block leave room for the transaction (M5)."""
        return self._has_room(tx, signatures_of(tx), legs_of(tx, self.overlay))

    def _has_room(self, tx: Transaction, signatures: int, legs: int) -> bool:
        limits = self._context.parameters
        return (
            self._body_bytes + len(tx.raw) <= limits.block_bytes_max
            and self._signatures + signatures <= limits.block_signatures_max
            and self._legs + legs <= limits.block_legs_max
        )

    def apply(self, tx: Transaction) -> Receipt:
        """Execute one transaction on the state after the preceding one.

        Raises
        ------
        Unorderable
            No block may contain it here; nothing has changed.
        BlockTooLargeError
            It does not fit; nothing has changed.
        """
        overlay, context = self.overlay, self._context
        signatures, legs = signatures_of(tx), legs_of(tx, overlay)
        if not self._has_room(tx, signatures, legs):
            raise BlockTooLargeError(f"transaction {self.count} does not fit into the block")
        try:
            outcome = apply_transaction(overlay, tx, context, self._verifier)
        except TooMuchLapsedError as error:
            raise BlockTooLargeError(str(error)) from error
        overlay.forget_undo()
        index, code = len(self._transactions), outcome.code
        receipt = Receipt(
            tx.tx_id,
            context.height,
            index,
            code,
            public_code(code) if code else code,
            outcome.failed_leg,
            public_codes(outcome.codes) if outcome.codes else (),
            outcome.entries,
        )
        self._transactions.append(tx)
        self._receipts.append(receipt)
        self._outcomes.append(outcome)
        self._body_bytes += len(tx.raw)
        self._signatures += signatures
        self._legs += legs
        return receipt

    def write_up(self) -> None:
        """Make the leaves and views of what was taken since the last time: now and then, and at the end.

        One pass over many transactions for each thing: together, transaction by transaction, they cost half as much again.
        """
        start = len(self._leaves)
        transactions, outcomes = self._transactions[start:], self._outcomes
        openings = [opening_of(self._block_key, index) for index in range(start, len(self._transactions))]
        self._leaves += map(transaction_leaf, transactions, self._receipts[start:], openings)
        entries = [entries_by_participant(outcome.entries) for outcome in outcomes]
        told = list(map(who_sees_all, transactions, outcomes, entries))
        for place, tx in enumerate(transactions):
            self._views.add(tx, outcomes[place], entries[place], told[place], index=start + place, opening=openings[place])
        self._outcomes = []

    def finish(self) -> BlockResult:
        """End the block: totals, leaves, trees, views, slots and roots."""
        overlay, context = self.overlay, self._context
        self.write_up()
        next_set = end_block(overlay, context)
        done = commit(overlay.base, overlay.changes, view_key=self._view_key, height=context.height)
        participants = tuple(overlay.participants())
        roots = {tree: done.roots.get(tree) or root_of(overlay.base.tree(tree)) for tree in (*participants, *PUBLIC_TREES)}
        self._end_views(done)
        views = {participant: self._views.of(participant) for participant in participants}
        journal_roots = {participant: journal_root(views[participant]) for participant in participants}
        slots = self._slots(roots, journal_roots)
        body = encode_body(tx.raw for tx in self._transactions)
        return BlockResult(
            body=body_hash(body, view_key=self._view_key, epoch=context.epoch, view=context.view),
            body_bytes=body,
            transactions_root=list_root(self._leaves),
            participants_root=list_root(slots),
            assets_root=roots[ASSETS],
            governance_root=roots[GOVERNANCE],
            receipts=tuple(self._receipts),
            transaction_leaves=tuple(self._leaves),
            changes=overlay.changes,
            leaves=done.leaves,
            trees=done.trees,
            roots=roots,
            used_refs=overlay.used,
            views={participant: lines for participant, lines in views.items() if lines},
            journal_roots=journal_roots,
            slots=slots,
            swept=self._swept,
            due_left=overlay.due_left,
            next=next_set,
        )

    def _end_views(self, done: Commitment) -> None:
        swept = entries_by_participant(self._swept)
        for tree, writes in done.writes.items():
            if tree not in PUBLIC_TREES:
                self._views.add_system(tree, entries=swept.get(tree, ()), writes=writes)

    def _slots(self, roots: Mapping[str, bytes], journal_roots: Mapping[str, bytes]) -> tuple[bytes, ...]:
        now = view_bytes(self._context.epoch, self._context.view)
        return tuple(
            slot_of(
                participant,
                salt=salt_of(participant_secret(self._view_key, participant), now),
                state_root=roots[participant],
                journal=journal,
            )
            for participant, journal in journal_roots.items()
        )


def execute_block(
    state: StateReader, context: BlockContext, transactions: Iterable[Transaction], view_key: bytes, verifier: Verifier
) -> BlockResult:
    """Execute a whole block.

    Raises
    ------
    Unorderable
        A transaction that no block may contain there: the block is invalid (L15).
    BlockTooLargeError
        The block is beyond a limit: it is invalid.

    Source: ledger/README.md, section 6 and L15.
    """
    execution = Execution(state, context, view_key, verifier)
    for tx in transactions:
        execution.apply(tx)
    return execution.finish()


def genesis_state(records: Mapping[str, Record], view_key: bytes) -> FirstState:
    """Leaves and trees of the genesis records: the state at height 0."""
    done = commit(EmptyState(), records, view_key=view_key, height=0)
    return FirstState(done.leaves, done.trees, done.roots)


def block_key(view_key: bytes, epoch: int, view: int) -> bytes:
    """`k` (32 bytes): what the leaves of one block's transactions_root are blinded with."""
    return keyed(view_key, view_bytes(epoch, view))


def opening_of(key: bytes, index: int) -> bytes:
    """SHA-256(k | index u32): opens one leaf of transactions_root and tells nothing about the others."""
    return sha256(key + index.to_bytes(4, "big")).digest()


def transaction_leaf(tx: Transaction, receipt: Receipt, opening: bytes) -> bytes:
    """Hash of one transaction under transactions_root: order and completeness without content."""
    valid_until = tx.valid_until.to_bytes(8, "big")
    return sha256(b"som/txleaf/1" + opening + tx.tx_id + tx.raw_id + tx.ref_id + valid_until + encode(public_receipt(receipt))).digest()


def legs_of(tx: Transaction, overlay: Overlay) -> int:
    """Legs that count towards the limit of a block, those of a pay that a vote may carry out too; every transaction is one at least."""
    return len(tx.body.legs) if isinstance(tx.body, Pay) else legs_carried(overlay, tx.body)


def signatures_of(tx: Transaction) -> int:
    """Signatures that count towards the limit of a block: those of the transaction, and of a device under its receipt."""
    body = tx.body
    return len(tx.signatures) + (isinstance(body, Settle) and isinstance(body.witness, PurseReceipt))
