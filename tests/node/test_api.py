"""The client API over fakes: every route's answer, every refusal one JSON error, limits before reading."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
import pytest
from msgspec.structs import replace

from ledger.participants import Key, Keyset, Waiting
from ledger.recovery import record_of
from node.api.answers import BODY_BYTES_MAX
from node.api.hold_structs import HoldDetail
from node.api.parts import KeysetBody
from node.api.structs import (
    AccountBody,
    Assets,
    BlockBody,
    ErrorBody,
    GrantBody,
    Health,
    HistoryEntry,
    HistoryPage,
    ParticipantBody,
    Participants,
    StatusBody,
    TransactionBody,
    TrialBalance,
    Validators,
)
from node.errors import StoreCorrupt
from tests.node.api_world import CHAIN, HOLD, START_MS, World, client_of, furnish, get, payment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def world() -> World:
    """Three final blocks of two payments each, the last with a refused one, and a record of each kind."""
    world = World()
    furnish(world)
    for height in range(3):
        world.reads.add(payment(2 * height), payment(2 * height + 1), codes={1: 150} if height == 2 else None)
    return world


async def test_account_shows_balances_and_what_is_available(world: World) -> None:
    """Goal: available = posted - held, amounts are strings. Method: an account with a hold."""
    async with client_of(world.backend) as session:
        account = await get(session, "/v1/accounts/bank-a/main", AccountBody)
        proved = await get(session, "/v1/accounts/bank-a/main?proof=1", AccountBody)
    assert [(b.asset, b.posted, b.held, b.available) for b in account.balances] == [("KGS", "500", "30", "470")]
    assert (account.servicer, account.holds, account.as_of, account.proof) == ("bank-a", 1, 3, "")
    assert proved.proof == "cHJvb2Ygb2YgYmFuay1hL21haW4="


async def test_absent_account_is_proven_absent(world: World) -> None:
    """Goal: a node cannot hide an account. Method: 404 with a proof where the participant exists, without where it has no tree."""
    async with client_of(world.backend) as session:
        absent = await get(session, "/v1/accounts/bank-a/none?proof=1", ErrorBody, 404)
        nobody = await get(session, "/v1/accounts/bank-z/none?proof=1", ErrorBody, 404)
    assert absent.proof == b64encode(b"proof of bank-a/none").decode()
    assert nobody.proof == ""


async def test_the_keyset_of_an_account_says_what_waits_and_who_services_it(world: World) -> None:
    """Goal: a wallet sees a recovery in time, and whom to ask. Method: none; one that waits, objected, and past its time; a failed bank."""
    records = world.reads.state.records
    now = world.reads.tip.facts.time_ms
    old, new = (Keyset("main", 1, (Key(bytes([index]) * 32, 0),), "ops", 300_000_000) for index in (1, 2))
    async with client_of(world.backend) as session:
        error = await get(session, "/v1/accounts/bank-a/main/keyset", ErrorBody, 404)
        assert "its servicer signs for it" in error.message
        account = records["account/bank-a/main"]
        records["account/bank-a/main"] = replace(account, keyset="main")
        found = []
        for waiting in (Waiting(new, now + 1, "recovery", 0), Waiting(new, now + 1, "recovery", now), Waiting(new, now, "recovery", 0)):
            records["keyset/bank-a/main/main"] = record_of(old, waiting)
            found.append(await get(session, "/v1/accounts/bank-a/main/keyset", KeysetBody))
        assert [(each.keys[0].public_key[:2], each.suspended, each.waiting is not None) for each in found] == [
            ("01", False, True),
            ("01", True, True),
            ("02", False, False),
        ]
        assert (await get(session, "/v1/accounts/bank-a/main", AccountBody)).servicer == "bank-a"
        records["participant/bank-a"] = replace(records["participant/bank-a"], status="suspended", successor="bank-b")
        assert (await get(session, "/v1/accounts/bank-a/main", AccountBody)).servicer == "bank-b"
        assert (await get(session, "/v1/participants/bank-a", ParticipantBody)).successor == "bank-b"


async def test_entries_come_in_pages_without_gap_or_repeat(world: World) -> None:
    """Goal: a cursor walks the whole history. Method: pages of two against all at once."""
    async with client_of(world.backend) as session:
        whole = await get(session, "/v1/accounts/bank-a/main/entries", HistoryPage)
        walked: list[HistoryEntry] = []
        cursor = ""
        while True:
            page = await get(session, f"/v1/accounts/bank-a/main/entries?limit=2{cursor}", HistoryPage)
            walked.extend(page.entries)
            if not page.next:
                break
            cursor = f"&after={page.next}"
    assert len(whole.entries) == 5
    assert whole.next == ""
    assert tuple(walked) == whole.entries


async def test_node_without_history_says_whom_to_ask(world: World) -> None:
    """Goal: 501 and a sentence, not an empty page. Method: a node that keeps no history."""
    world.reads.keeps_history = False
    async with client_of(world.backend) as session:
        error = await get(session, "/v1/accounts/bank-a/main/entries", ErrorBody, 501)
    assert error.code == 501
    assert "ask a peer" in error.message


async def test_nouns_are_shown_as_they_are(world: World) -> None:
    """Goal: hold, grant, participant, asset, validators. Method: one record of each."""
    async with client_of(world.backend) as session:
        hold = await get(session, f"/v1/holds/{HOLD.hex()}", HoldDetail)
        grant = await get(session, "/v1/grants/issue-kgs", GrantBody)
        bank = await get(session, "/v1/participants/bank-a", ParticipantBody)
        everybody = await get(session, "/v1/participants", Participants)
        assets = await get(session, "/v1/assets", Assets)
        validators = await get(session, "/v1/validators", Validators)
    assert (hold.amount, hold.left, hold.source) == ("40", "30", "bank-a/main")
    assert grant.need is not None
    assert grant.quota is not None
    assert (grant.quota.used, grant.need.m, grant.giver) == ("600", 2, "root")
    assert (bank.kind, bank.keysets[0].name) == ("bank", "ops")
    assert [participant.id for participant in everybody.participants] == ["bank-a", "bank-b", "operator"]
    assert (assets.assets[0].cap, assets.assets[0].supply, assets.assets[0].fixed) == ("1000000000000", "500", ("cap",))
    assert (validators.quorum, [v.last_signed_height for v in validators.validators]) == (3, [3] * 4)


async def test_lapsed_hold_is_not_there(world: World) -> None:
    """Goal: L19, a hold past `until` is void for every read. Method: a state whose sweep has not come yet."""
    world.reads.state.records[f"hold/{HOLD.hex()}"] = msgspec.structs.replace(
        world.reads.state.records[f"hold/{HOLD.hex()}"],
        until=START_MS + 300,
    )
    async with client_of(world.backend) as session:
        error = await get(session, f"/v1/holds/{HOLD.hex()}", ErrorBody, 404)
    assert (error.code, error.name) == (170, "NO_HOLD")


async def test_trial_balance_sums_to_zero(world: World) -> None:
    """Goal: L7 can be read off. Method: contra and one bank."""
    async with client_of(world.backend) as session:
        balance = await get(session, "/v1/trial-balance", TrialBalance)
    line = balance.assets[0]
    assert (line.sum, line.supply, line.held) == ("0", "500", "30")
    assert [(total.participant, total.posted) for total in line.totals] == [("bank-a", "500"), ("operator", "-500")]


async def test_block_shows_header_certificate_and_ids(world: World) -> None:
    """Goal: what a light client needs. Method: by height and as latest; genesis and the future are 404 with a reason."""
    async with client_of(world.backend) as session:
        block = await get(session, "/v1/blocks/2", BlockBody)
        latest = await get(session, "/v1/blocks/latest", BlockBody)
        genesis = await get(session, "/v1/blocks/0", ErrorBody, 404)
        future = await get(session, "/v1/blocks/9", ErrorBody, 404)
    assert (block.height, block.fields.height, latest.height) == (2, 2, 3)
    assert block.transactions == (payment(2).tx_id.hex(), payment(3).tx_id.hex())
    assert bytes.fromhex(block.header) == b"header 2"
    assert len(msgspec.msgpack.decode(bytes.fromhex(block.certificate))) == 6
    assert "genesis" in genesis.message
    assert "newest final block is 3" in future.message


async def test_transaction_by_id_and_by_reference(world: World) -> None:
    """Goal: final with receipt and proof, pending, expired, unknown. Method: one of each."""
    waiting, old = payment(100), payment(101)
    old = msgspec.structs.replace(old, valid_until=START_MS)
    world.pool.waiting = {waiting.tx_id: waiting, old.tx_id: old}
    async with client_of(world.backend) as session:
        final = await get(session, f"/v1/transactions/{payment(5).tx_id.hex()}?proof=1", TransactionBody)
        by_ref = await get(session, "/v1/transactions?from=bank-a&ref=ref-5", TransactionBody)
        pending = await get(session, f"/v1/transactions/{waiting.tx_id.hex()}", TransactionBody)
        pending_by_ref = await get(session, "/v1/transactions?from=bank-a&ref=ref-100", TransactionBody)
        expired = await get(session, f"/v1/transactions/{old.tx_id.hex()}", TransactionBody)
        told = await get(session, f"/v1/transactions/{'ab' * 32}?valid_until=5", TransactionBody)
        unknown = await get(session, f"/v1/transactions/{'ab' * 32}", ErrorBody, 404)
        unknown_ref = await get(session, "/v1/transactions?from=bank-a&ref=never", ErrorBody, 404)
    assert final.receipt is not None
    assert (final.status, final.receipt.code, final.receipt.name, final.receipt.iso, final.sender) == (
        "final",
        150,
        "FUNDS",
        "AM04",
        "bank-a",
    )
    assert final.proof != ""
    assert (by_ref.tx_id, by_ref.proof) == (final.tx_id, "")
    assert (pending.status, pending_by_ref.status, expired.status, told.status) == ("pending", "pending", "expired", "expired")
    assert unknown.code == unknown_ref.code == 404


async def test_status_and_readiness(world: World) -> None:
    """Goal: where the node stands, and when it should get no clients. Method: good, then each cause by itself."""
    async with client_of(world.backend) as session:
        status = await get(session, "/v1/status", StatusBody)
        ready = await get(session, "/readyz", Health)
        alive = await get(session, "/healthz", Health)
        world.node.peers_connected = 1
        lonely = await get(session, "/readyz", Health, 503)
        world.node.peers_connected, world.node.syncing = 5, True
        syncing = await get(session, "/readyz", Health, 503)
        world.node.syncing, world.node.time_ms = False, START_MS + 40_000
        stale = await get(session, "/readyz", Health, 503)
    assert (status.chain, status.height, status.view, status.role, status.network) == (CHAIN.hex(), 3, 7, "validator", "tests")
    assert (ready.status, alive.status) == ("ok", "ok")
    assert "1 peers are connected, 2 are needed" in lonely.reasons[0]
    assert syncing.reasons == ("the node is catching up; wait",)
    assert "39 s old" in stale.reasons[0]


async def test_node_without_blocks_is_alive_and_not_ready() -> None:
    """Goal: genesis is no commit. Method: a fresh node; roots are zeros, `latest` is 404."""
    world = World()
    async with client_of(world.backend) as session:
        status = await get(session, "/v1/status", StatusBody)
        health = await get(session, "/readyz", Health, 503)
        await get(session, "/v1/blocks/latest", ErrorBody, 404)
        await get(session, "/v1/trial-balance", TrialBalance)
    assert (status.height, status.participants_root) == (0, "00" * 32)
    assert "no block is final yet" in health.reasons[0]


@pytest.mark.parametrize(
    ("path", "status", "name", "words"),
    [
        ("/v1/accounts/Bank/main", 400, "BAD_QUERY", "`participant` must be a participant id"),
        ("/v1/accounts/bank-a/a%20b", 400, "BAD_QUERY", "`local` must be"),
        ("/v1/accounts/bank-a/" + "x" * 33, 400, "BAD_QUERY", "1 to 32"),
        ("/v1/accounts/bank-a/none", 404, "NO_ACCOUNT", "bank-a/none does not exist"),
        ("/v1/accounts/bank-a/main?proof=2", 400, "BAD_QUERY", "`proof` must be 0 or 1"),
        ("/v1/accounts/bank-a/main?prof=1", 400, "BAD_QUERY", "takes no query key `prof`; it takes `proof`"),
        ("/v1/accounts/bank-a/main?proof=1&proof=1", 400, "BAD_QUERY", "given twice"),
        ("/v1/accounts/bank-a/main/entries?limit=0", 400, "BAD_QUERY", "from 1 to 500"),
        ("/v1/accounts/bank-a/main/entries?limit=1e3", 400, "BAD_QUERY", "whole number"),
        ("/v1/accounts/bank-a/main/entries?limit=%D9%A1", 400, "BAD_QUERY", "whole number"),
        ("/v1/accounts/bank-a/main/entries?after=1.2", 400, "BAD_QUERY", "`next` of the page before"),
        ("/v1/transactions/AB", 400, "BAD_QUERY", "64 lower-case hex digits"),
        ("/v1/transactions?from=bank-a", 400, "BAD_QUERY", "`ref` is missing"),
        ("/v1/transactions?from=bank-a&ref=" + "x" * 36, 400, "BAD_QUERY", "1 to 35"),
        ("/v1/status?x=1", 400, "BAD_QUERY", "takes no query key"),
        ("/v1/blocks/-1", 400, "BAD_QUERY", "a height or `latest`"),
        ("/v1/holds/" + "0" * 64, 404, "NO_HOLD", "no open hold"),
        ("/v1/grants/none", 404, "NOT_FOUND", "no grant none"),
        ("/v1/participants/none", 404, "NO_PARTICIPANT", "does not exist"),
        ("/v1/assets/XYZ", 404, "NO_ASSET", "does not exist"),
        ("/v1/settlements/1", 404, "NO_ROUTE", "/openapi.json"),
        ("/v1/settlements", 404, "NO_ROUTE", "there is no"),
        ("/v2/status", 404, "NO_ROUTE", "there is no /v2/status here"),
        ("/v1/events?after=x", 400, "BAD_QUERY", "height.index"),
        ("/v1/events?after=9999999999.0", 400, "BAD_QUERY", "far above this chain"),
        ("/v1/events?receipts=ids&from=bank-a", 400, "BAD_QUERY", "leave out"),
        ("/v1/events?receipts=all", 400, "BAD_QUERY", "must be ids"),
    ],
)
async def test_bad_path_or_query_is_one_sentence(world: World, path: str, status: int, name: str, words: str) -> None:
    """Goal: a typed refusal each. Method: the table above."""
    async with client_of(world.backend) as session:
        error = await get(session, path, ErrorBody, status)
    assert error.name == name
    assert words in error.message
    assert error.code == status or error.code < 200


async def test_wrong_method_names_the_right_ones(world: World) -> None:
    """Goal: 405 with Allow, in our JSON. Method: DELETE a transaction."""
    async with client_of(world.backend) as session, session.delete("/v1/transactions") as response:
        error = msgspec.json.decode(await response.read(), type=ErrorBody)
        assert (response.status, response.headers["Allow"], error.name) == (405, "GET, POST", "BAD_METHOD")


async def test_answers_in_messagepack_where_asked(world: World) -> None:
    """Goal: the same body in the other format. Method: Accept on an answer and on an error."""
    headers = {"Accept": "application/msgpack"}
    async with client_of(world.backend) as session:
        async with session.get("/v1/status", headers=headers) as response:
            assert response.content_type == "application/msgpack"
            assert msgspec.msgpack.decode(await response.read(), type=StatusBody).height == 3
        async with session.get("/v1/nothing", headers=headers) as response:
            assert msgspec.msgpack.decode(await response.read(), type=ErrorBody).code == 404


async def test_declared_length_is_refused_unread(world: World) -> None:
    """Goal: 413 before the body is read. Method: declare too much and send nothing but the headers."""
    async with client_of(world.backend) as session:
        host, port = session._base_url.host, session._base_url.port  # type: ignore[union-attr]
        reader, writer = await asyncio.open_connection(host, port)
        head = (
            f"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {BODY_BYTES_MAX + 1}\r\n\r\n"
        )
        writer.write(head.encode())
        status = await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert b" 413 " in status


async def test_body_without_length_is_cut_off(world: World) -> None:
    """Goal: 413 also where the length is not declared. Method: chunks up to one byte too many."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 65_536):
            yield bytes(65_536)
        yield b"x"

    async with client_of(world.backend) as session:
        async with session.post("/v1/transactions", data=chunks(), headers={"Content-Type": "application/json"}) as response:
            error = msgspec.json.decode(await response.read(), type=ErrorBody)
        assert (response.status, error.name) == (413, "TOO_LARGE")


async def test_long_headers_are_refused(world: World) -> None:
    """Goal: a limit on every header. Method: a line beyond it, then too many headers."""
    async with client_of(world.backend) as session:
        async with session.get("/v1/status", headers={"X-Long": "x" * 9_000}) as response:
            assert response.status == 400
        async with session.get("/v1/status", headers={f"X-{number}": "1" for number in range(100)}) as response:
            assert response.status == 400


async def test_failed_store_stops_the_node_and_tells_the_client(world: World) -> None:
    """Goal: nothing is read from a store that cannot be trusted. Method: a read meets corruption, another one a fault of ours."""

    def corrupt(tx_id: bytes) -> NoReturn:
        raise StoreCorrupt(folder=Path("data"), reason=tx_id.hex())

    def broken(height: int) -> NoReturn:
        raise AssertionError(f"block {height} is gone")

    world.reads.transaction, world.reads.block = corrupt, broken  # type: ignore[method-assign]
    async with client_of(world.backend) as session:
        stopping = await get(session, f"/v1/transactions/{'ab' * 32}", ErrorBody, 503)
        fault = await get(session, "/v1/blocks/1", ErrorBody, 500)
    assert [type(each) for each in world.faults] == [StoreCorrupt]
    assert (stopping.name, fault.name) == ("STOPPING", "OUR_FAULT")
    assert "block 1 is gone" in fault.message


async def test_metrics_show_every_series_from_the_start(world: World) -> None:
    """Goal: an alarm can be tested before the first fault. Method: scrape, look for zeros; gauges are as of now."""
    async with client_of(world.backend) as session:
        async with session.get("/v1/settlements/1"):
            pass
        async with session.get("/metrics") as response:
            text = await response.text()
    for series in (
        "som_height 3.0",
        "som_peers_connected 5.0",
        'som_cpu_seconds_total{stage="verify"} 0.0',
        'som_cpu_seconds_total{stage="loop"}',
        'som_alarms_total{kind="evidence"} 0.0',
        'som_transactions_refused_total{name="REF_CONFLICT"} 0.0',
        'som_http_requests_total{method="GET",route="/v1/holds/{id}",status="200"} 0.0',
        'som_http_requests_total{method="unmatched",route="unmatched",status="404"} 1.0',
    ):
        assert series in text
