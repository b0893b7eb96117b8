"""Looking people up, and pseudonyms for banks: signed requests, who may, and a record of each that cannot be altered unseen (L16)."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from cli.client import Client, target_of
from ledger.grants import Grant, Need, Scope
from ledger.holders import PseudonymAt
from ledger.keys import public_key_of
from ledger.participants import Participant
from ledger.transactions.bodies import AccountOpen, GrantPut, HolderPut, ParticipantPut
from node.api.holder_structs import GivenPseudonym, HolderBody
from node.api.structs import ErrorBody
from node.audit import NAME, AuditError, AuditRecord, read_records
from node.callers import NONCES_MAX, WINDOW_MS, Busy, Callers, Claim, Stranger, make_header, read_header
from node.registry import derive
from tests.node.api_world import START_MS, client_of
from tests.node.ledger_world import ledger_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import aiohttp

    from ledger.transactions.bodies import Body
    from tests.node.ledger_world import LedgerWorld

NUMBERS = count()
PERSON = sha256(b"a person").digest()[:16]
UNKNOWN = sha256(b"another person").digest()[:16]
FIND = f"/v1/holders/{PERSON.hex()}"


class Desk(NamedTuple):
    """A node of the operator, and a client of it."""

    world: LedgerWorld
    session: aiohttp.ClientSession
    folder: Path

    async def ask(
        self, who: str, target: str, *, body: bytes | None = None, nonce: bytes = b"", late_ms: int = 0, key: str = ""
    ) -> tuple[int, bytes]:
        """Ask as a keyset (`OWNER/NAME`), with the key of another one where it is named; return status and body."""
        participant, _, keyset = who.rpartition("/")
        owner, _, name = (key or who).rpartition("/")
        seed = self.world.seed(owner, name)
        method = "GET" if body is None else "POST"
        drawn = nonce or sha256(b"%d" % next(NUMBERS)).digest()[:16]
        claim = Claim(participant, keyset, public_key_of(seed), self.world.node.time_ms + late_ms, drawn, b"")
        header = make_header(claim, seed, chain=self.world.chain.chain_id, method=method, target=target, body=body or b"")
        headers = {"Authorization": header, "Content-Type": "application/json"}
        async with self.session.request(method, target, data=body, headers=headers) as response:
            return response.status, await response.read()

    def records(self) -> list[AuditRecord]:
        """Return what the audit log has."""
        path = self.folder / NAME
        return [record for record, _, _ in read_records(path.read_bytes())] if path.exists() else []

    async def do(self, body: Body, *signers: tuple[str, str], sender: str = "operator") -> None:
        """Make a block of a transaction that takes effect."""
        raw = self.world.sign(self.world.envelope(body, sender=sender), *sorted(signers))
        async with self.session.post(
            "/v1/transactions", data=msgspec.msgpack.encode(raw), headers={"Content-Type": "application/msgpack"}
        ) as sent:
            assert sent.status == 202
        final = await self.world.settle()
        assert [receipt.code for receipt in final.receipts] == [0]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Register a person whom bank A knows, with a wallet there; the treasury's `ops` may look people up."""
    async with ledger_world(tmp_path / "data") as world, client_of(world.backend) as session:
        desk = Desk(world, session, tmp_path)
        await desk.do(HolderPut(PERSON, "basic", 0, (PseudonymAt("bank-a", bytes(16)),)), ("operator", "ops"))
        await desk.do(AccountOpen("bank-a/meerim", "wallet", bytes(16), None, ()), ("bank-a", "ops"), sender="bank-a")
        may = Grant("auditors", "treasury", "audit.read", Scope("", "", "", ()), None, None, (), 0, 0, 0)
        await desk.do(GrantPut(may), ("operator", "ops"), ("treasury", "ops"))
        yield desk


@pytest.mark.parametrize("who", ["operator/ops", "treasury/ops"])
async def test_who_may_looks_a_person_up_and_it_is_recorded(desk: Desk, who: str) -> None:
    """Goal: one person across banks, with a reason. Method: find; read the log, which names who, whom and why."""
    status, data = await desk.ask(who, f"{FIND}?reason=case%2017")
    body = msgspec.json.decode(data, type=HolderBody)
    assert (status, [each.wallets for each in body.pseudonyms]) == (200, [("bank-a/meerim",)])
    (record,) = desk.records()
    assert (record.by, record.action, record.subject, record.reason, record.found) == (who, "find", PERSON.hex(), "case 17", 1)
    assert record.time_ms == desk.world.node.time_ms


async def test_the_command_line_s_request_is_the_one_that_is_signed(desk: Desk) -> None:
    """Goal: path and query are signed as they travel. Method: the client of `som`, with a reason that has to be quoted."""
    seed, query = desk.world.seed("operator", "ops"), {"reason": "court & case: 100 % sure? + \u0430"}
    path, chain = f"/v1/holders/{PERSON.hex()}", desk.world.chain.chain_id
    claim = claimed(public_key=public_key_of(seed), time_ms=desk.world.node.time_ms)
    header = make_header(claim, seed, chain=chain, method="GET", target=target_of(path, query), body=b"")
    async with desk.session.get("/healthz") as response:
        client = Client([str(response.url.origin())])
    answer = await asyncio.to_thread(client.exchange, "GET", path, query=query, headers={"Authorization": header})
    assert (answer.status, [each.reason for each in desk.records()]) == (200, [query["reason"]])


async def test_a_search_for_nobody_is_recorded_too(desk: Desk) -> None:
    """Goal: what was tried can be seen. Method: an id that no holder has."""
    status, _ = await desk.ask("operator/ops", f"/v1/holders/{UNKNOWN.hex()}?reason=typo")
    assert (status, [(each.subject, each.found) for each in desk.records()]) == (404, [(UNKNOWN.hex(), 0)])


async def test_nobody_else_looks_people_up(desk: Desk) -> None:
    """Goal: no bank learns another's customers. Method: a bank, the board, no signature, no reason; nothing is shown or recorded."""
    for who in ("bank-a/ops", "operator/board"):
        status, data = await desk.ask(who, f"{FIND}?reason=curious")
        assert (status, b"meerim" in data) == (403, False), who
    async with desk.session.get(f"{FIND}?reason=curious") as response:
        assert response.status == 401
    assert (await desk.ask("operator/ops", FIND))[0] == 400
    assert desk.records() == []


async def test_a_grant_that_is_limited_or_over_is_none(desk: Desk) -> None:
    """Goal: audit.read as it was given. Method: one with a scope, one that begins later, one for another keyset."""
    grants = [
        Grant("scoped", "bank-a", "audit.read", Scope("", "bank-a", "", ()), None, None, (), 0, 0, 0),
        Grant("later", "bank-a", "audit.read", Scope("", "", "", ()), None, None, (), START_MS + 10**9, 0, 0),
        Grant("board", "bank-a", "audit.read", Scope("", "", "", ()), None, Need(1, ("operator/board",)), (), 0, 0, 0),
    ]
    for each in grants:
        await desk.do(GrantPut(each), ("operator", "ops"), ("treasury", "ops"))
    assert (await desk.ask("bank-a/ops", f"{FIND}?reason=r"))[0] == 403
    assert (await desk.ask("operator/board", f"{FIND}?reason=r"))[0] == 200


async def test_a_bank_is_given_the_same_pseudonym_whenever_it_asks(desk: Desk) -> None:
    """Goal: idempotent; a bank's own name, and no word on other banks. Method: a person known here, known elsewhere, not at all."""
    given = {}
    for who, holder, registered in (("bank-a/ops", PERSON, True), ("bank-b/ops", PERSON, False), ("bank-b/ops", UNKNOWN, False)):
        answers = []
        for _ in range(2):
            status, data = await desk.ask(who, "/v1/holders", body=msgspec.json.encode({"holder": holder.hex()}))
            assert status == 200
            answers.append(msgspec.json.decode(data, type=GivenPseudonym))
        assert answers[0] == answers[1]
        assert (answers[0].participant, answers[0].registered) == (who.partition("/")[0], registered)
        given[who, holder] = answers[0].pseudonym
    assert given["bank-a/ops", PERSON] == bytes(16).hex()
    assert len(set(given.values())) == len(given)
    assert [each.action for each in desk.records()] == ["pseudonym"] * 6
    name = bytes.fromhex(given["bank-b/ops", PERSON])
    await desk.do(HolderPut(PERSON, "basic", 0, (PseudonymAt("bank-b", name),)), ("operator", "ops"))
    _, data = await desk.ask("bank-b/ops", "/v1/holders", body=msgspec.json.encode({"holder": PERSON.hex()}))
    assert msgspec.json.decode(data, type=GivenPseudonym).registered


def test_a_pseudonym_follows_from_the_secret_participant_and_person() -> None:
    """Goal: whoever lacks one of the three cannot tell. Method: change each; the text's formula by hand."""
    whole = derive(bytes(32), "bank-a", PERSON)
    assert whole not in (derive(b"\x01" * 32, "bank-a", PERSON), derive(bytes(32), "bank-b", PERSON), derive(bytes(32), "bank-a", UNKNOWN))
    assert len(whole) == 16


async def test_only_a_node_of_the_operator_answers(desk: Desk) -> None:
    """Goal: one log. Method: the ledger lists another key for the operator's node."""
    operator = desk.world.reads.state.get("participant/operator")
    assert isinstance(operator, Participant)
    kept = tuple(key for key in operator.node_keys if key != public_key_of(desk.world.secrets.nodes["validator-0"].node))
    await desk.do(ParticipantPut(replace(operator, node_keys=kept)), ("operator", "ops"))
    status, data = await desk.ask("operator/ops", f"{FIND}?reason=r")
    assert (status, msgspec.json.decode(data, type=ErrorBody).name) == (501, "NOT_THE_OPERATOR")
    assert (await desk.ask("bank-a/ops", "/v1/holders", body=b"{}"))[0] == 501


@pytest.mark.parametrize(
    ("body", "status"), [(b"{}", 400), (b"[", 400), (b'{"holder": "00"}', 400), (b'{"holder": "' + b"0" * 32 + b'", "x": 1}', 400)]
)
async def test_what_is_no_question_is_refused(desk: Desk, body: bytes, status: int) -> None:
    """Goal: 400, and no record. Method: bodies that are none."""
    assert (await desk.ask("bank-a/ops", "/v1/holders", body=body))[0] == status
    assert desk.records() == []


async def test_only_ops_asks_for_pseudonyms(desk: Desk) -> None:
    """Goal: the keyset that opens wallets. Method: another one of the operator."""
    assert (await desk.ask("operator/board", "/v1/holders", body=msgspec.json.encode({"holder": PERSON.hex()})))[0] == 403


async def test_a_request_counts_once_and_now(desk: Desk) -> None:
    """Goal: nothing is replayed. Method: the same nonce again, a time too early and too late, both ends of the window, another's key."""
    target, nonce = f"{FIND}?reason=r", b"n" * 16
    assert [(await desk.ask("operator/ops", target, nonce=nonce))[0] for _ in range(2)] == [200, 401]
    late = [
        (await desk.ask("operator/ops", target, nonce=bytes([number]) * 16, late_ms=late))[0]
        for number, late in enumerate((-WINDOW_MS - 1, -WINDOW_MS, WINDOW_MS, WINDOW_MS + 1))
    ]
    assert late == [401, 200, 200, 401]
    assert (await desk.ask("operator/ops", target, nonce=b"k" * 16, key="bank-a/ops"))[0] == 401


async def test_a_suspended_participant_is_nobody(desk: Desk) -> None:
    """Goal: its keysets sign nothing (L29). Method: suspend the auditor."""
    treasury = desk.world.reads.state.get("participant/treasury")
    assert isinstance(treasury, Participant)
    assert (await desk.ask("treasury/ops", f"{FIND}?reason=r"))[0] == 200
    more = Grant("second", "operator", "root", Scope("", "", "", ()), None, Need(1, ("operator/board",)), (), 0, 0, 0)
    await desk.do(GrantPut(more), ("operator", "ops"), ("treasury", "ops"))
    await desk.do(ParticipantPut(replace(treasury, status="suspended")), ("operator", "ops"))
    assert (await desk.ask("treasury/ops", f"{FIND}?reason=r", nonce=b"s" * 16))[0] == 401


def claimed(**fields: object) -> Claim:
    """Claim of the operator's key, with other fields."""
    return replace(Claim("operator", "ops", public_key_of(bytes(32)), START_MS, b"n" * 16, b""), **fields)


async def test_a_signature_is_of_one_request_only(desk: Desk) -> None:
    """Goal: method, target, body, chain and every field of the header count. Method: change the request, or one field."""
    seed = desk.world.seed("operator", "ops")
    claim = claimed(public_key=public_key_of(seed))
    whole = {"method": "GET", "target": "/v1/x?a=1", "body": b"b"}
    header = make_header(claim, seed, chain=desk.world.chain.chain_id, **whole)  # type: ignore[arg-type]
    state = desk.world.reads.state

    def check(header: str, **other: object) -> object:
        callers = Callers(desk.world.chain.chain_id)
        return callers.check(header, state=state, block_ms=START_MS, now_ms=START_MS, **{**whole, **other})  # type: ignore[arg-type]

    assert check(header)
    for other in ({"method": "POST"}, {"target": "/v1/x?a=2"}, {"body": b""}):
        with pytest.raises(Stranger, match="not of this request"):
            check(header, **other)
    for change in ({"time_ms": START_MS + 1}, {"nonce": b"m" * 16}, {"keyset": "board"}, {"participant": "bank-a"}):
        parts = header.split(",")
        changed = replace(claim, **change)
        parts[0] = f"Som {changed.participant}/{changed.keyset}"
        parts[2:4] = [str(changed.time_ms), changed.nonce.hex()]
        with pytest.raises(Stranger):
            check(",".join(parts))
    other_chain = make_header(claim, seed, chain=bytes(32), **whole)  # type: ignore[arg-type]
    with pytest.raises(Stranger, match="not of this request"):
        check(other_chain)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer x",
        "Som",
        "Som a/b,c",
        "Som operator,00,1,00,00",
        "Som a/b," + "zz" * 32 + ",1," + "00" * 16 + "," + "00" * 64,
        "Som " + "x" * 600,
    ]
    + [f"Som a/b,{'00' * 32},{time},{'00' * 16},{'00' * 64}" for time in ("-1", "1" * 16, "\u0661", "")],
)
def test_a_header_of_another_form_is_no_signature(header: str) -> None:
    """Goal: hostile headers. Method: each way to be none."""
    with pytest.raises(Stranger):
        read_header(header)


async def test_what_is_remembered_of_requests_is_bounded(desk: Desk) -> None:
    """Goal: limits. Method: fill the memory of nonces; two minutes later there is room."""
    callers, state = Callers(desk.world.chain.chain_id), desk.world.reads.state
    seed = desk.world.seed("operator", "ops")

    def ask(number: int, now_ms: int) -> None:
        claim = claimed(public_key=public_key_of(seed), time_ms=now_ms, nonce=number.to_bytes(16, "big"))
        header = make_header(claim, seed, chain=desk.world.chain.chain_id, method="GET", target="/", body=b"")
        callers.check(header, method="GET", target="/", body=b"", state=state, block_ms=START_MS, now_ms=now_ms)

    for number in range(NONCES_MAX):
        ask(number, START_MS)
    with pytest.raises(Busy):
        ask(NONCES_MAX, START_MS)
    ask(NONCES_MAX, START_MS + 2 * WINDOW_MS + 1)


async def test_every_altered_byte_of_the_log_is_found(desk: Desk) -> None:
    """Goal: append-only. Method: three records; alter each byte of the first two, take one out, swap them; cut the end off."""
    for number in range(3):
        await desk.ask("operator/ops", f"{FIND}?reason=r{number}")
    path = desk.folder / NAME
    whole = path.read_bytes()
    ends = [end for _, _, end in read_records(whole)]
    for place in range(ends[1]):
        altered = whole[:place] + bytes((whole[place] ^ 1,)) + whole[place + 1 :]
        try:
            found = len(list(read_records(altered)))
        except AuditError:
            continue
        assert found < len(ends), place
    for wrong in (whole[ends[0] :], whole[: ends[0]] + whole[ends[1] :], whole[ends[0] : ends[1]] + whole[: ends[0]]):
        with pytest.raises(AuditError, match="follow"):
            list(read_records(wrong))
    for cut in (whole[:-1], whole[: ends[1] + 2], whole[: ends[1]] + bytes(40)):
        assert len(list(read_records(cut))) == 2


async def test_a_torn_record_is_dropped_and_the_log_goes_on(tmp_path: Path) -> None:
    """Goal: a crash while writing. Method: leave a part of a long record; the next one takes its place."""
    for number in range(2):
        async with ledger_world(tmp_path / f"data-{number}") as world, client_of(world.backend) as session:
            desk = Desk(world, session, tmp_path)
            await world.settle()
            await desk.ask("operator/ops", f"/v1/holders/{UNKNOWN.hex()}?reason=r{number}", nonce=bytes([number + 1]) * 16)
        path = tmp_path / NAME
        if number == 0:
            path.write_bytes(path.read_bytes() + b"\x00\x00\x03\xff" + b"torn" * 150)
    assert [each.reason for each in desk.records()] == ["r0", "r1"]


async def test_a_damaged_log_stops_all_looking_up(desk: Desk) -> None:
    """Goal: nothing without a record. Method: garbage where the log should be, before the first search."""
    (desk.folder / NAME).write_bytes(b"\x00\x00\x00\x04abcd")
    status, data = await desk.ask("operator/ops", f"{FIND}?reason=r", nonce=b"d" * 16)
    assert (status, b"meerim" in data) == (503, False)
