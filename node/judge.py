"""Judging a block (K8): the rules of its header, its body decoded and verified in chunks, executed on its parent's state, roots compared.

Between chunks the loop runs, so a vote is never kept waiting by a block; what changes meanwhile is only what is final, and a block whose
parent was dropped by it is given up. Nothing here keeps anything: `node.chain` does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ledger.blocks import BLOCK_BYTES_MAX, BLOCK_SIGNATURES_MAX, split_body
from ledger.epochs import NO_EPOCH_BEGINS, is_boundary
from ledger.errors import Malformed, Unorderable
from ledger.execute import BlockTooLargeError, Execution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consensus.types import BlockFacts
    from ledger.blocks import Header
    from ledger.execute import BlockResult
    from ledger.parameters import BlockContext
    from ledger.state import StateReader
    from ledger.transactions.bodies import Transaction
    from node.stages import Stages
    from node.transactions import TransactionCache

CHUNK: Final = 100
"""Transactions between two turns of the loop: about 2 ms, 7 where their signatures have still to be verified."""


class Invalid(Exception):
    """A matching body, or the header itself, breaks a rule: permanent (K8)."""


class Overtaken(Exception):
    """Finality dropped the parent while its child was executed: the block can never be final."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a block is judged in."""

    parent: BlockFacts
    state: StateReader
    context: BlockContext
    view_key: bytes
    validators: int
    """Size of the epoch's set."""
    alive: Callable[[], bool]
    """Whether the parent is still part of the chain."""


def check_header(header: Header, around: Surroundings) -> None:
    """Check what the header must be, given its parent; local clocks are the core's matter (section 6 of consensus.md).

    Whether it ends its epoch follows from its parent's state alone (K22); which set it names, only from executing it (`check_result`).

    Raises
    ------
    Invalid
        It is not.
    """
    parent, context = around.parent, around.context
    ends = is_boundary(around.state, context.epoch, context.height)
    rules = (
        (header.chain == context.chain, "another chain"),
        (header.epoch == context.epoch, "another epoch than its parent leads to"),
        (header.height == context.height, "a height that does not follow its parent's"),
        (header.view > (0 if parent.boundary else parent.view), "a view that does not follow its parent's"),
        (header.time_ms > parent.time_ms, "a time that does not follow its parent's"),
        (header.proposer == (header.epoch + header.view) % around.validators, "a proposer that does not lead its view"),
        (ends or header.next == NO_EPOCH_BEGINS, "a next validator set, and does not end its epoch"),
        (header.next != NO_EPOCH_BEGINS or not ends, "no next validator set, and ends its epoch"),
    )
    for kept, broken in rules:
        if not kept:
            raise Invalid(f"the header has {broken}")


async def decode_body(body: bytes, cache: TransactionCache, stages: Stages, ids: Sequence[bytes] | None = None) -> tuple[Transaction, ...]:
    """Transactions of a body, those that are known taken from memory.

    `ids`: the hashes of what it was put together of, where known: then its bytes need not be cut up and hashed again.

    Raises
    ------
    Invalid
        It is too long, or no canonical array of transactions.
    """
    if ids is not None and len(ids) <= BLOCK_SIGNATURES_MAX and len(body) <= BLOCK_BYTES_MAX:
        with stages.stage("decode"):
            known = [found for raw_id in ids if (found := cache.find(raw_id)) is not None]
        if len(known) == len(ids):
            return tuple(known)
    try:
        raws = split_body(body)
        transactions: list[Transaction] = []
        for start in range(0, len(raws), CHUNK):
            if start:
                await asyncio.sleep(0)
            with stages.stage("decode"):
                transactions.extend(cache.decode(raw) for raw in raws[start : start + CHUNK])
    except Malformed as error:
        raise Invalid(f"the body is malformed: {error}") from error
    return tuple(transactions)


async def execute(transactions: Sequence[Transaction], around: Surroundings, cache: TransactionCache, stages: Stages) -> BlockResult:
    """Execute a whole block in chunks.

    Raises
    ------
    Invalid
        A transaction is unorderable, or a limit of the block is passed.
    Overtaken
        The parent was dropped meanwhile.
    """
    execution = Execution(around.state, around.context, around.view_key, cache.verified)
    for start in range(0, len(transactions), CHUNK):
        if start:
            await asyncio.sleep(0)
        if not around.alive():
            raise Overtaken("its parent can no longer be final")
        chunk = transactions[start : start + CHUNK]
        with stages.stage("verify"):
            for transaction in chunk:
                cache.verified(transaction)
        with stages.stage("execute"):
            _apply(execution, chunk)
    with stages.stage("tree"):
        return execution.finish()


def _apply(execution: Execution, chunk: Sequence[Transaction]) -> None:
    for transaction in chunk:
        try:
            execution.apply(transaction)
        except Unorderable as error:
            raise Invalid(f"transaction {transaction.tx_id.hex()} cannot be ordered: {error.code} {error}") from error
        except BlockTooLargeError as error:
            raise Invalid(f"the block is too large: {error}") from error
    execution.write_up()


def check_result(header: Header, result: BlockResult) -> None:
    """Compare our roots, and the validator set that the next epoch begins with, with the header's.

    Raises
    ------
    Invalid
        One differs.
    """
    for name in ("next", "transactions_root", "participants_root", "assets_root", "governance_root"):
        if getattr(header, name) != getattr(result, name):
            raise Invalid(f"{name} differs from ours")
