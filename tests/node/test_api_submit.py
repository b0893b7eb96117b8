"""`POST /v1/transactions` over a fake pool: formats, outcomes, waiting, refusals, backpressure."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec
import pytest

from ledger.codec import decode_transaction, make_envelope, sign_transaction
from ledger.errors import BadSignature, Duplicate, Expired, LedgerError, QuorumNotMet, RefConflict, TooManyRefs, WrongChain
from ledger.transactions.bodies import Leg, Pay, Transaction
from node.api.backend import PoolFull
from node.api.structs import ErrorBody, Submissions
from tests.node.api_world import CHAIN, START_MS, World, client_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

SEED = bytes(32)
PATH = "/v1/transactions"


def signed(number: int = 0) -> bytes:
    """Canonical bytes of a signed payment."""
    leg = Leg("bank-a/main", "bank-b/main", "KGS", number + 1, 0, "")
    body = Pay((leg,), "atomic", "", None, "", None, None)
    envelope = make_envelope(
        chain=CHAIN, sender="bank-a", ref=f"ref-{number}", valid_until=START_MS + 60_000, salt=number.to_bytes(16, "big"), body=body
    )
    return sign_transaction(envelope, [("bank-a", "ops", SEED)])


async def post(session: aiohttp.ClientSession, body: object, query: str = "") -> tuple[int, Submissions]:
    """Send JSON, expect an answer below 400."""
    async with session.post(PATH + query, json=body) as response:
        text = await response.read()
        assert response.status < 400, text
        return response.status, msgspec.json.decode(text, type=Submissions)


async def post_refused(session: aiohttp.ClientSession, body: object) -> tuple[aiohttp.ClientResponse, ErrorBody]:
    """Send JSON, expect a refusal."""
    async with session.post(PATH, json=body) as response:
        text = await response.read()
        assert response.status >= 400, text
        return response, msgspec.json.decode(text, type=ErrorBody)


async def post_packed(session: aiohttp.ClientSession, body: bytes, kind: str = "application/msgpack") -> tuple[int, bytes]:
    """Send bytes, return status and body."""
    async with session.post(PATH, data=body, headers={"Content-Type": kind}) as response:
        return response.status, await response.read()


@pytest.fixture
def world() -> World:
    """No block yet; the pool takes everything."""
    return World()


async def test_one_transaction_in_hex_or_base64(world: World) -> None:
    """Goal: both texts mean the same bytes. Method: one each; what reaches the pool is decoded."""
    first, second = signed(1), signed(2)
    async with client_of(world.backend) as session:
        by_hex = await post(session, {"transaction": first.hex()})
        by_base64 = await post(session, {"transaction": b64encode(second).decode()})
    for raw, (status, answer) in ((first, by_hex), (second, by_base64)):
        tx_id = decode_transaction(raw).tx_id
        assert (status, answer.transactions[0].tx_id, answer.transactions[0].status) == (202, tx_id.hex(), "pending")
        assert world.pool.waiting[tx_id].raw == raw


async def test_list_in_messagepack_is_the_fast_way(world: World) -> None:
    """Goal: up to 1,000 bins, an outcome each in order, in the same format. Method: 250 good ones, then one bin alone."""
    raws = [signed(number) for number in range(250)]
    async with client_of(world.backend) as session:
        status, text = await post_packed(session, msgspec.msgpack.encode(raws))
        single, _ = await post_packed(session, msgspec.msgpack.encode(signed(999)))
    answer = msgspec.msgpack.decode(text, type=Submissions)
    assert (status, single) == (202, 202)
    assert [item.tx_id for item in answer.transactions] == [decode_transaction(raw).tx_id.hex() for raw in raws]
    assert len(world.pool.waiting) == 251


async def test_list_gives_each_item_its_own_outcome(world: World) -> None:
    """Goal: one bad item costs only itself. Method: garbage, a refused one and a good one; then the bad ones alone."""
    bad = decode_transaction(signed(2)).tx_id
    world.pool.refuse = lambda tx: BadSignature() if tx.tx_id == bad else None
    texts = ["zz", "92c0", signed(2).hex(), signed(3).hex()]
    async with client_of(world.backend) as session:
        status, answer = await post(session, {"transactions": texts})
        response, error = await post_refused(session, {"transactions": texts[1:3]})
    assert status == 202
    assert [(item.status, item.code, item.name) for item in answer.transactions] == [
        ("refused", 100, "MALFORMED"),
        ("refused", 100, "MALFORMED"),
        ("refused", 110, "BAD_SIGNATURE"),
        ("pending", 0, ""),
    ]
    assert answer.transactions[0].tx_id == ""
    assert answer.transactions[2].tx_id == bad.hex()
    assert (response.status, error.code, len(error.transactions)) == (400, 100, 2)


REFUSALS: list[tuple[LedgerError, int, str]] = [
    (WrongChain(found="a", expected="b"), 422, "AGNT"),
    (Expired(valid_until=1, time_ms=2, latest=3), 422, "DT01"),
    (RefConflict(sender="bank-a", ref="r"), 409, "RF01"),
    (TooManyRefs(participant="bank-a", live=1, most=1), 429, "AM18"),
    (BadSignature(), 403, "DS0E"),
    (QuorumNotMet(needed="bank-a/ops"), 403, "DS0A"),
    (Duplicate(sender="bank-a", ref="r"), 409, "AM05"),
]


@pytest.mark.parametrize(("refusal", "status", "iso"), REFUSALS, ids=lambda value: value.name if isinstance(value, LedgerError) else "")
async def test_refusal_of_the_ledger_has_its_status_and_reason(world: World, refusal: LedgerError, status: int, iso: str) -> None:
    """Goal: code, name, sentence, ISO reason and HTTP status of each. Method: a pool that refuses so; the metric counts it."""
    world.pool.refuse = lambda _: refusal
    async with client_of(world.backend) as session:
        response, error = await post_refused(session, {"transaction": signed().hex()})
        async with session.get("/metrics") as scraped:
            text = await scraped.text()
    assert (response.status, error.code, error.name, error.message, error.iso) == (status, refusal.code, refusal.name, str(refusal), iso)
    assert (status == 429) == ("Retry-After" in response.headers)
    assert f'som_transactions_refused_total{{name="{refusal.name}"}} 1.0' in text


async def test_full_pool_answers_429_with_retry_after(world: World) -> None:
    """Goal: M3's backpressure, for one, for a whole list, and for part of a list. Method: a pool with room for one more."""
    room = {decode_transaction(signed(1)).tx_id}
    world.pool.refuse = lambda tx: None if tx.tx_id in room else PoolFull(retry_after_s=2)
    async with client_of(world.backend) as session:
        alone, error = await post_refused(session, {"transaction": signed(2).hex()})
        whole, listed = await post_refused(session, {"transactions": [signed(2).hex(), signed(3).hex()]})
        async with session.post(PATH, json={"transactions": [signed(1).hex(), signed(2).hex()]}) as part:
            answer = msgspec.json.decode(await part.read(), type=Submissions)
    assert (alone.status, alone.headers["Retry-After"], error.code, error.name) == (429, "2", 429, "TOO_MANY")
    assert (whole.status, whole.headers["Retry-After"], [item.code for item in listed.transactions]) == (429, "2", [429, 429])
    assert (part.status, part.headers["Retry-After"], [item.status for item in answer.transactions]) == (202, "2", ["pending", "refused"])


def finalize_when_admitted(world: World, code: int = 0) -> Callable[[Transaction], None]:
    """Make the pool turn each admitted transaction into a block of its own, one turn of the loop later."""

    def admit(transaction: Transaction) -> None:
        asyncio.get_running_loop().call_soon(lambda: world.reads.add(transaction, codes={0: code}))

    world.pool.refuse = admit
    return admit


async def test_waiting_gives_the_receipt(world: World) -> None:
    """Goal: `?wait=final` answers 200 with receipts, also refused ones. Method: a pool whose transactions become final."""
    finalize_when_admitted(world, code=150)
    async with client_of(world.backend) as session:
        status, answer = await post(session, {"transactions": [signed(1).hex(), signed(2).hex(), signed(1).hex()]}, "?wait=final")
    assert status == 200
    receipts = [item.receipt for item in answer.transactions]
    assert [(item.status, receipt.code, receipt.name) for item, receipt in zip(answer.transactions, receipts, strict=True) if receipt] == [
        ("final", 150, "FUNDS")
    ] * 3


async def test_waiting_has_an_end(world: World) -> None:
    """Goal: the time is bounded; what is not final is pending, or expired. Method: no block; then blocks past `valid_until`."""
    async with client_of(world.backend) as session:
        status, answer = await post(session, {"transaction": signed(1).hex()}, "?wait=final&timeout_ms=1")
        for _ in range(601):
            world.reads.add()
        late, expired = await post(session, {"transaction": signed(1).hex()}, "?wait=final&timeout_ms=1")
        async with session.post(PATH + "?wait=final&timeout_ms=30001", json={"transaction": signed(1).hex()}) as response:
            assert response.status == 400
    assert (status, answer.transactions[0].status) == (202, "pending")
    assert (late, expired.transactions[0].status) == (200, "expired")


async def test_same_bytes_again_give_the_first_receipt(world: World) -> None:
    """Goal: L14, a retry is harmless. Method: a transaction that the pool calls a duplicate and the chain knows."""
    transaction = decode_transaction(signed(1))
    world.reads.add(transaction)
    world.pool.refuse = lambda tx: Duplicate(sender=tx.sender, ref=tx.ref)
    async with client_of(world.backend) as session:
        status, answer = await post(session, {"transaction": signed(1).hex()})
        waited, again = await post(session, {"transaction": signed(1).hex()}, "?wait=final")
    assert (status, waited) == (200, 200)
    assert answer == again
    assert answer.transactions[0].receipt is not None
    assert (answer.transactions[0].status, answer.transactions[0].receipt.height) == ("final", 1)


@pytest.mark.parametrize(
    ("body", "kind", "status", "name", "words"),
    [
        (b"", "application/json", 400, "BAD_BODY", "truncated"),
        (b"{", "application/json", 400, "BAD_BODY", "truncated"),
        (b"[]", "application/json", 400, "BAD_BODY", "Expected `object`"),
        (b"{}", "application/json", 400, "BAD_BODY", "one of both"),
        (b'{"transactions": []}', "application/json", 400, "BAD_BODY", "one of both"),
        (b'{"transaction": "92", "transactions": ["92"]}', "application/json", 400, "BAD_BODY", "one of both"),
        (b'{"transaction": 5}', "application/json", 400, "BAD_BODY", "Expected `str`"),
        (b'{"transaction": "92", "x": 1}', "application/json", 400, "BAD_BODY", "unknown field `x`"),
        (b'{"transaction": "\xff"}', "application/json", 400, "BAD_BODY", ""),
        (b'{"transactions": [' + b'"92",' * 1_000 + b'"92"]}', "application/json", 400, "BAD_BODY", "<= 1000"),
        (b"[" * 100_000, "application/json", 400, "BAD_BODY", ""),
        (b'{"transaction": "92zz"}', "application/json", 400, "MALFORMED", "neither hex nor base64"),
        (b'{"transaction": "\xd1\x8b"}', "application/json", 400, "MALFORMED", "neither hex nor base64"),
        (b"", "application/msgpack", 400, "BAD_BODY", "truncated"),
        (b"\x90", "application/msgpack", 400, "BAD_BODY", "has 0 transactions"),
        (b"\xdd\xff\xff\xff\xff", "application/msgpack", 400, "BAD_BODY", "at most 1000"),
        (b"\xdc\xff\xff", "application/msgpack", 400, "BAD_BODY", "truncated"),
        (b"\xdc\x03\xe9" + b"\xc4\x00" * 1_001, "application/msgpack", 400, "BAD_BODY", "has 1001"),
        (b"\xc6\xff\xff\xff\xff", "application/msgpack", 400, "BAD_BODY", "truncated"),
        (b"\x91\xa1x", "application/msgpack", 400, "BAD_BODY", "Expected `bytes`"),
        (b"\x91" * 100_000, "application/msgpack", 400, "BAD_BODY", ""),
        (b"\xc4\x00", "application/msgpack", 400, "MALFORMED", ""),
        (b"x", "text/plain", 415, "BAD_MEDIA_TYPE", "application/json or application/msgpack"),
    ],
    ids=lambda value: str(value[:24]) if isinstance(value, bytes) else None,
)
async def test_hostile_body_is_refused_in_a_sentence(world: World, body: bytes, kind: str, status: int, name: str, words: str) -> None:
    """Goal: typed refusals, nothing reaches the pool, no room made for claimed lengths. Method: the table above."""
    async with client_of(world.backend) as session:
        got, text = await post_packed(session, body, kind)
    decode = msgspec.msgpack.decode if kind == "application/msgpack" else msgspec.json.decode
    error = decode(text, type=ErrorBody)
    assert (got, error.name) == (status, name)
    assert words in error.message
    assert world.pool.waiting == {}


async def test_compressed_body_is_refused(world: World) -> None:
    """Goal: no bomb of a few bytes. Method: declare gzip."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with client_of(world.backend) as session, session.post(PATH, data=b"\x1f\x8b", headers=headers) as response:
        error = msgspec.json.decode(await response.read(), type=ErrorBody)
    assert (response.status, error.name) == (415, "BAD_ENCODING")
