"""All transaction types: their form, their effect, and what a block does before and after them.

The order of checks is part of the specification (section 5): every node gives the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.names import servicer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.blocks import Entry
    from ledger.outcomes import Outcome, Parties
    from ledger.parameters import BlockContext
    from ledger.state import Overlay, Record, StateReader
    from ledger.transactions.bodies import Body, Transaction

__all__ = ["apply_transaction", "begin_block", "check_admission", "check_form", "end_block", "parties", "servicer_of", "tree_of"]


def check_form(type_: str, body: Body) -> None:
    """Raise Malformed where a body breaks a rule of form that its struct cannot say."""
    raise NotImplementedError


def begin_block(overlay: Overlay, context: BlockContext) -> tuple[Entry, ...]:
    """Drop the references of past minutes and sweep what has lapsed (L14, L19); return the entries of released holds."""
    raise NotImplementedError


def apply_transaction(overlay: Overlay, tx: Transaction, context: BlockContext, verifier: Callable[[Transaction], bool]) -> Outcome:
    """Execute one transaction; an ordered refusal is an outcome, an unorderable one is raised and leaves no trace.

    Raises
    ------
    Unorderable
        No block may contain the transaction as it stands.
    """
    raise NotImplementedError


def end_block(overlay: Overlay, context: BlockContext) -> None:
    """Write the totals per participant and asset, once per block."""
    raise NotImplementedError


def check_admission(state: StateReader, tx: Transaction, context: BlockContext, verifier: Callable[[Transaction], bool]) -> None:
    """Raise the unorderable refusal that the transaction would meet on this state: what a pool checks before it takes one."""
    raise NotImplementedError


def parties(tx: Transaction, outcome: Outcome) -> Parties:
    """Whom a transaction concerns."""
    raise NotImplementedError


def tree_of(key: str, record: Record) -> str:
    """Tree in which a record lives: a participant's handle, "A" for assets or "G" for governance."""
    raise NotImplementedError
