"""`POST /v1/transactions`: take signed transactions, one or up to 1,000, and answer at once or when they are final.

MessagePack is the fast way in. Each transaction is decoded here (canonical or refused), then admitted by the pool, which verifies
its signatures. An answer of 202 is no promise (M1).
"""

from __future__ import annotations

import asyncio
import binascii
from typing import TYPE_CHECKING, Final

import msgspec

from ledger.codec import decode_transaction
from ledger.errors import Duplicate, LedgerError, Malformed
from node.api.answers import JSON, MSGPACK, answer, read_body
from node.api.backend import PoolFull
from node.api.convert import receipt_body
from node.api.errors import ApiError, BadBody, Refused, TooMany
from node.api.parts import BATCH_MAX
from node.api.structs import Submission, Submissions, Submitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from ledger.transactions.bodies import Transaction
    from node.api.arguments import Arguments
    from node.api.backend import FinalTransaction
    from node.api.service import Service

WAIT_MS_DEFAULT: Final = 10_000
WAIT_MS_MAX: Final = 30_000
DECODE_CHUNK: Final = 100
"""Transactions decoded between two turns of the loop: about 1 ms."""
ARRAY32: Final = b"\xdd"
"""First byte of a MessagePack list with a 32-bit length."""

_submission = msgspec.json.Decoder(Submission)
_bins = msgspec.msgpack.Decoder(bytes | list[bytes])


class Item:
    """One transaction on its way in."""

    __slots__ = ("final", "refusal", "transaction")

    def __init__(self, transaction: Transaction | None, refusal: LedgerError | PoolFull | None) -> None:
        self.transaction = transaction
        """None where the bytes were none."""
        self.refusal = refusal
        """None: taken, or here already."""
        self.final: FinalTransaction | None = None


async def submit(service: Service, request: web.Request, arguments: Arguments) -> web.StreamResponse:
    """`POST /v1/transactions`."""
    raws, single = await _read_raws(request)
    items = await _decode(service, raws)
    if arguments.has("wait"):
        await _admit_and_wait(service, items, arguments.number("timeout_ms", WAIT_MS_DEFAULT) / 1_000)
        bodies = tuple(_standing(service, item) for item in items)
    else:
        await _admit(service, items)
        bodies = tuple(_taken(service, item) for item in items)
    errors = [_error(item.refusal) for item in items if item.refusal is not None]
    for error in errors:
        service.metrics.refused(error.body.name)
    if len(errors) == len(items):
        raise errors[0] if single else errors[0].with_transactions(bodies)
    status = 202 if any(body.status == "pending" for body in bodies) else 200
    retry_after_s = max((error.retry_after_s for error in errors), default=0)
    return answer(request, Submissions(bodies), status=status, retry_after_s=retry_after_s)


async def _read_raws(request: web.Request) -> tuple[list[bytes | Malformed], bool]:
    """Bytes of each transaction, and whether one was sent by itself."""
    body = await read_body(request)
    if request.content_type == MSGPACK:
        return _read_bins(body)
    if request.content_type != JSON:
        raise ApiError(415, "BAD_MEDIA_TYPE", f"send {JSON} or {MSGPACK}")
    try:
        submission = _submission.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise BadBody(f"the body is not what POST /v1/transactions takes: {problem}") from problem
    if bool(submission.transaction) == bool(submission.transactions):
        raise BadBody('send {"transaction": "..."} or {"transactions": ["...", ...]}, one of both')
    if submission.transaction:
        return [_unpack(submission.transaction)], True
    return [_unpack(text) for text in submission.transactions], False


def _read_bins(body: bytes) -> tuple[list[bytes | Malformed], bool]:
    """Return one bin or a list of bins. The claimed length of a list is checked before room for it is made."""
    if body[:1] == ARRAY32:
        raise BadBody(f"at most {BATCH_MAX} transactions fit in one request")
    try:
        decoded = _bins.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise BadBody(f"the body is neither a MessagePack bin nor a list of at most {BATCH_MAX} bins: {problem}") from problem
    if isinstance(decoded, bytes):
        return [decoded], True
    if not 1 <= len(decoded) <= BATCH_MAX:
        raise BadBody(f"the list has {len(decoded)} transactions, 1 to {BATCH_MAX} fit in one request")
    return list(decoded), False


def _unpack(text: str) -> bytes | Malformed:
    """Bytes of hex or base64 text. Every transaction begins with 92 in hex, no base64 of one does."""
    try:
        return binascii.unhexlify(text) if text.startswith("92") else binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return Malformed(reason="the transaction is neither hex nor base64")


async def _decode(service: Service, raws: Sequence[bytes | Malformed]) -> list[Item]:
    items: list[Item] = []
    stage = service.metrics.stage("decode")
    for start in range(0, len(raws), DECODE_CHUNK):
        if start:
            await asyncio.sleep(0)
        with stage:
            items.extend(_decode_one(raw) for raw in raws[start : start + DECODE_CHUNK])
    return items


def _decode_one(raw: bytes | Malformed) -> Item:
    if isinstance(raw, Malformed):
        return Item(None, raw)
    try:
        return Item(decode_transaction(raw), None)
    except Malformed as refusal:
        return Item(None, refusal)


async def _admit(service: Service, items: Sequence[Item]) -> None:
    """Let the pool decide; the same transaction again, ordered already, is no fault: its receipt is the answer (L14)."""
    known = [item for item in items if item.transaction is not None]
    if not known:
        return
    refusals = await service.pool.admit([item.transaction for item in known if item.transaction is not None])
    for item, refusal in zip(known, refusals, strict=True):
        item.refusal = refusal
        if isinstance(refusal, Duplicate) and item.transaction is not None:
            item.final = service.reads.transaction(item.transaction.tx_id)
            item.refusal = refusal if item.final is None else None


async def _admit_and_wait(service: Service, items: Sequence[Item], seconds: float) -> None:
    """Wait for what was taken. Who waits is noted before the pool decides: what is final by then, the pool calls a duplicate."""
    expected = service.finals.expect(item.transaction.tx_id for item in items if item.transaction is not None)
    try:
        await _admit(service, items)
        taken = [item for item in items if item.transaction is not None and item.refusal is None and item.final is None]
        futures = {expected[item.transaction.tx_id] for item in taken if item.transaction is not None}
        if futures:
            await asyncio.wait(futures, timeout=seconds)
    finally:
        service.finals.forget(expected)
    for item in taken:
        if item.transaction is not None and expected[item.transaction.tx_id].done():
            item.final = service.reads.transaction(item.transaction.tx_id)


def _taken(service: Service, item: Item) -> Submitted:
    """Outcome without waiting: this is once per transaction under load."""
    if item.transaction is not None and item.refusal is None and item.final is None:
        return Submitted(item.transaction.tx_id.hex(), "pending")
    return _standing(service, item)


def _standing(service: Service, item: Item) -> Submitted:
    """Outcome as of now."""
    transaction = item.transaction
    tx_id = "" if transaction is None else transaction.tx_id.hex()
    if transaction is None or item.refusal is not None:
        error = _error(item.refusal or Malformed(reason="these bytes are no transaction")).body
        return Submitted(tx_id, "refused", error.code, error.name, error.message, error.iso)
    if item.final is not None:
        return Submitted(tx_id, "final", receipt=receipt_body(item.final.receipt))
    return Submitted(tx_id, "pending" if transaction.valid_until >= service.reads.tip.facts.time_ms else "expired")


def _error(refusal: LedgerError | PoolFull) -> ApiError:
    if isinstance(refusal, PoolFull):
        return TooMany(str(refusal), retry_after_s=refusal.retry_after_s)
    return Refused(refusal)
