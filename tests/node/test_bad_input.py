"""Hostile transactions through the HTTP API on the real ledger: each gets its status, code and sentence, and nothing is lost or changed.

Unorderable ones (100 to 111) are answered at once and leave no trace: the pool stays empty, and the same reference is still free. Ordered
ones get their receipt from a block, use their reference, and move nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from ledger.codec import decode_transaction, encode_transaction, sign_envelope, sign_transaction, tx_id_of
from ledger.transactions.bodies import TX_BYTES_MAX, HoldBody, Issue, Leg, Pay, Settle, Signature
from node.api.structs import ErrorBody, Submissions, TransactionBody, TrialBalance
from tests.node.api_world import client_of
from tests.node.ledger_world import LedgerWorld, ledger_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import aiohttp

    from ledger.transactions.bodies import Body

PATH = "/v1/transactions"
A, B = "bank-a/main", "bank-b/main"
FUNDED = 100_000


class Scene(NamedTuple):
    """A funded world and a client of its API."""

    world: LedgerWorld
    session: aiohttp.ClientSession

    async def send(self, raw: bytes) -> tuple[int, bytes]:
        """Send one transaction as MessagePack, take JSON."""
        headers = {"Content-Type": "application/json"}
        async with self.session.post(PATH, data=msgspec.json.encode({"transaction": raw.hex()}), headers=headers) as response:
            return response.status, await response.read()

    async def receipt(self, raw: bytes) -> TransactionBody:
        """Send one that must be taken, make a block, and show what became of it."""
        status, text = await self.send(raw)
        assert status == 202, text
        await self.world.settle()
        tx_id = msgspec.json.decode(text, type=Submissions).transactions[0].tx_id
        async with self.session.get(f"{PATH}/{tx_id}") as response:
            return msgspec.json.decode(await response.read(), type=TransactionBody)

    async def sums(self) -> tuple[str, ...]:
        """Return the trial balance as text, without its height."""
        async with self.session.get("/v1/trial-balance") as response:
            balance = msgspec.json.decode(await response.read(), type=TrialBalance)
        return tuple(str(line) for line in balance.assets)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Bank A has 1,000.00 som."""
    async with ledger_world(tmp_path / "data") as world, client_of(world.backend) as session:
        scene = Scene(world, session)
        assert (await scene.receipt(world.issue(A, FUNDED))).status == "final"
        yield scene


def envelope_of(world: LedgerWorld, **changes: object) -> bytes:
    """Canonical envelope with any field replaced by anything, so that a fault is the only fault."""
    leg = [A, B, "KGS", 100, 0, ""]
    fields: dict[str, object] = {
        "version": 1,
        "chain": world.chain.chain_id,
        "type": "pay",
        "from": "bank-a",
        "ref": "bad-input",
        "valid_until": world.now_ms + 60_000,
        "salt": bytes(16),
        "body": [[leg], "atomic", "", None, "", None, None],
    }
    return msgspec.msgpack.encode(list((fields | changes).values()))


def signed(world: LedgerWorld, envelope: bytes, *signers: tuple[str, str]) -> bytes:
    """Whole transaction, signed by bank A's operations unless told otherwise."""
    return world.sign(envelope, *(signers or (("bank-a", "ops"),)))


def pay(
    world: LedgerWorld, *, amount: object = 100, debit: object = A, credit: object = B, asset: object = "KGS", fee: object = 0
) -> bytes:
    """Signed payment with any of a leg's fields replaced by anything."""
    return signed(world, envelope_of(world, body=[[[debit, credit, asset, amount, fee, ""]], "atomic", "", None, "", None, None]))


def pay_with(world: LedgerWorld, place: int, value: object) -> bytes:
    """Signed payment with one field of its body replaced."""
    body: list[object] = [[[A, B, "KGS", 100, 0, ""]], "atomic", "", None, "", None, None]
    body[place] = value
    return signed(world, envelope_of(world, body=body))


def flipped(raw: bytes) -> bytes:
    """Break the last signature."""
    return raw[:-1] + bytes([raw[-1] ^ 1])


def stripped(raw: bytes) -> bytes:
    """Take all signatures away."""
    envelope = bytes(msgspec.msgpack.decode(raw, type=tuple[msgspec.Raw, msgspec.Raw])[0])
    assert tx_id_of(envelope) == decode_transaction(raw).tx_id
    return encode_transaction(envelope, [])


def wider(world: LedgerWorld) -> bytes:
    """Write the amount in nine bytes instead of one: the same value, other bytes, well signed."""
    envelope = envelope_of(world)
    at = envelope.index(b"\xa3KGS\x64") + 4
    return signed(world, envelope[:at] + b"\xcf" + (100).to_bytes(8, "big") + envelope[at + 1 :])


def twice_signed(world: LedgerWorld) -> bytes:
    """Carry one signature twice."""
    envelope = envelope_of(world)
    signature = sign_envelope(envelope, owner="bank-a", keyset="ops", seed=world.seed("bank-a"))
    return encode_transaction(envelope, [signature, signature])


def unsorted(world: LedgerWorld) -> bytes:
    """Carry two signatures in the wrong order."""
    envelope = envelope_of(world)
    pair = [sign_envelope(envelope, owner=owner, keyset="ops", seed=world.seed(owner)) for owner in ("bank-b", "bank-a")]
    return b"\x92" + envelope + msgspec.msgpack.encode(pair)


def by_stranger(world: LedgerWorld) -> bytes:
    """Name bank A's keyset, sign with a key that is not in it."""
    return sign_transaction(envelope_of(world), [("bank-a", "ops", bytes(32))])


def with_small_order_key(world: LedgerWorld) -> bytes:
    """Use the identity as key, under which some verifiers accept anything."""
    envelope = envelope_of(world)
    identity = b"\x01" + bytes(31)
    return encode_transaction(envelope, [Signature("bank-a", "ops", identity, identity + bytes(32))])


def issue(world: LedgerWorld, sender: str, *signers: tuple[str, str]) -> bytes:
    """Signed issue under the reference of these tests."""
    return world.sign(world.envelope(Issue("KGS", A, 5, "", None), sender=sender, ref="bad-input"), *signers)


UNORDERABLE: list[tuple[str, Callable[[LedgerWorld], bytes], int, str, str]] = [
    ("empty", lambda _: b"\x92", 400, "MALFORMED", ""),
    ("garbage", lambda _: b"\x92" + bytes(range(200)), 400, "MALFORMED", ""),
    ("truncated", lambda w: pay(w)[:-1], 400, "MALFORMED", ""),
    ("a byte too many", lambda w: pay(w) + b"\x00", 400, "MALFORMED", ""),
    ("claims four billion items", lambda _: b"\x92\xdd\xff\xff\xff\xff", 400, "MALFORMED", ""),
    ("nested a thousand deep", lambda _: b"\x92" + b"\x91" * 5_000 + b"\xc0", 400, "MALFORMED", ""),
    ("wider integer", wider, 400, "MALFORMED", "not canonical"),
    ("a map for an array", lambda w: b"\x92" + msgspec.msgpack.encode({"type": "pay"}) + pay(w)[-1:], 400, "MALFORMED", ""),
    ("too large", lambda w: pay(w) + bytes(TX_BYTES_MAX), 400, "MALFORMED", f"at most {TX_BYTES_MAX}"),
    ("unknown type", lambda w: signed(w, envelope_of(w, type="steal")), 400, "MALFORMED", "no transaction type is called 'steal'"),
    ("type of a later version", lambda w: signed(w, envelope_of(w, type="account.merge")), 400, "MALFORMED", "no transaction type"),
    ("unknown version", lambda w: signed(w, envelope_of(w, version=2)), 400, "MALFORMED", ""),
    ("short salt", lambda w: signed(w, envelope_of(w, salt=bytes(15))), 400, "MALFORMED", ""),
    ("empty reference", lambda w: signed(w, envelope_of(w, ref="")), 400, "MALFORMED", ""),
    ("long reference", lambda w: signed(w, envelope_of(w, ref="x" * 36)), 400, "MALFORMED", ""),
    ("sender that is no name", lambda w: signed(w, envelope_of(w, **{"from": "Bank A"})), 400, "MALFORMED", "neither a participant"),
    ("negative amount", lambda w: pay(w, amount=-1), 400, "MALFORMED", ">= 1"),
    ("zero amount", lambda w: pay(w, amount=0), 400, "MALFORMED", ">= 1"),
    ("amount beyond 18 digits", lambda w: pay(w, amount=10**18), 400, "MALFORMED", "<= 999999999999999999"),
    ("amount of 64 bits", lambda w: pay(w, amount=2**64 - 1), 400, "MALFORMED", ""),
    ("amount as float", lambda w: pay(w, amount=1.0), 400, "MALFORMED", ""),
    ("amount as text", lambda w: pay(w, amount="100"), 400, "MALFORMED", ""),
    ("negative fee", lambda w: pay(w, fee=-1), 400, "MALFORMED", ""),
    ("account without a slash", lambda w: pay(w, credit="bank-b"), 400, "MALFORMED", ""),
    ("account with a space", lambda w: pay(w, credit="bank-b/my account"), 400, "MALFORMED", "no account id"),
    ("small letters in an asset", lambda w: pay(w, asset="kgs"), 400, "MALFORMED", ""),
    ("payment to itself", lambda w: pay(w, credit=A), 400, "MALFORMED", ""),
    ("no legs", lambda w: pay_with(w, 0, []), 400, "MALFORMED", ""),
    ("1,001 legs", lambda w: pay_with(w, 0, [[A, B, "KGS", 1, 0, ""]] * 1_001), 400, "MALFORMED", ""),
    ("unknown mode", lambda w: pay_with(w, 1, "maybe"), 400, "MALFORMED", ""),
    ("travel data, a later rule", lambda w: pay_with(w, 5, ["x"]), 400, "MALFORMED", ""),
    ("signatures out of order", unsorted, 400, "MALFORMED", "sorted"),
    ("signature twice", twice_signed, 400, "MALFORMED", "each once"),
    ("signature that is not needed", lambda w: signed(w, envelope_of(w), ("bank-a", "ops"), ("bank-b", "ops")), 400, "MALFORMED", ""),
    ("other chain", lambda w: signed(w, envelope_of(w, chain=bytes(32))), 422, "WRONG_CHAIN", "is for chain"),
    ("expired", lambda w: signed(w, envelope_of(w, valid_until=w.now_ms - 1)), 422, "EXPIRED", "valid_until"),
    ("valid too long", lambda w: signed(w, envelope_of(w, valid_until=w.now_ms + 3_700_000)), 422, "EXPIRED", "valid_until"),
    ("unsigned", lambda w: encode_transaction(envelope_of(w), []), 403, "QUORUM", "bank-a"),
    ("signed by another bank", lambda w: signed(w, envelope_of(w), ("bank-b", "ops")), 403, "QUORUM", ""),
    ("signed by a key of nobody", by_stranger, 403, "QUORUM", ""),
    ("small-order key", with_small_order_key, 403, "BAD_SIGNATURE", "does not verify"),
    ("sender that does not exist", lambda w: signed(w, envelope_of(w, **{"from": "bank-z"})), 403, "QUORUM", ""),
    ("issue by one who may not", lambda w: issue(w, "bank-a", ("bank-a", "ops")), 403, "QUORUM", "grant issue:KGS"),
    ("issue by one keyset of two", lambda w: issue(w, "operator", ("operator", "ops")), 403, "QUORUM", "grant issue:KGS"),
    ("wrongly signed", lambda w: flipped(pay(w)), 403, "BAD_SIGNATURE", "does not verify"),
]


@pytest.mark.parametrize(("make", "status", "name", "words"), [case[1:] for case in UNORDERABLE], ids=[case[0] for case in UNORDERABLE])
async def test_unorderable_is_refused_and_leaves_no_trace(
    scene: Scene, make: Callable[[LedgerWorld], bytes], status: int, name: str, words: str
) -> None:
    """Goal: L15, the first class. Method: one fault each; then the good transaction under the same reference is taken and final."""
    before, height = await scene.sums(), scene.world.chain.tip.facts.height
    got, text = await scene.send(make(scene.world))
    error = msgspec.json.decode(text, type=ErrorBody)
    assert (got, error.name) == (status, name), error
    assert words in error.message
    assert error.iso != ""
    assert "\n" not in error.message
    assert len(error.message) < 300
    assert (scene.world.pool.count, scene.world.chain.tip.facts.height, await scene.sums()) == (0, height, before)
    good = await scene.receipt(pay(scene.world))
    assert good.receipt is not None
    assert (good.ref, good.receipt.code) == ("bad-input", 0)


def paying(body: Body, sender: str = "bank-a") -> Callable[[LedgerWorld], bytes]:
    """Sign a body by its sender's operations."""
    return lambda world: world.sign(world.envelope(body, sender=sender), (sender, "ops"))


def leg_to(credit: str, amount: int = 100, asset: str = "KGS", debit: str = A, fee: int = 0) -> Pay:
    """Payment of one leg."""
    return Pay((Leg(debit, credit, asset, amount, fee, ""),), "atomic", "", None, "", None, None)


def badly_issued(world: LedgerWorld) -> bytes:
    """Issue to an account that does not exist, with all signatures."""
    body = Issue("KGS", "bank-b/none", 5, "", None)
    return world.sign(world.envelope(body, sender="operator"), ("operator", "board"), ("operator", "ops"))


ORDERED: list[tuple[str, Callable[[LedgerWorld], bytes], int, str]] = [
    ("creditor does not exist", paying(leg_to("bank-b/none")), 122, "NO_ACCOUNT"),
    ("creditor's participant does not exist", paying(leg_to("bank-z/main")), 122, "NO_ACCOUNT"),
    ("asset does not exist", paying(leg_to(B, asset="XYZ")), 130, "NO_ASSET"),
    ("more than there is", paying(leg_to(B, amount=FUNDED + 1)), 150, "FUNDS"),
    ("all the digits", paying(leg_to(B, amount=10**18 - 1)), 150, "FUNDS"),
    ("wrong fee", paying(leg_to(B, fee=1)), 143, "FEE_MISMATCH"),
    ("money from contra", paying(leg_to(B, debit="operator/contra:KGS"), "operator"), 124, "WRONG_KIND"),
    ("issue to nobody", badly_issued, 122, "NO_ACCOUNT"),
    ("hold that is not there", paying(Settle(bytes(32), 5, b"")), 170, "NO_HOLD"),
    ("hold of more than there is", paying(HoldBody(A, B, "KGS", 10**9, 0, 2**41, "bank-a", "bank-a", "none", "escrow")), 150, "FUNDS"),
]


@pytest.mark.parametrize(("make", "code", "name"), [case[1:] for case in ORDERED], ids=[case[0] for case in ORDERED])
async def test_ordered_refusal_has_a_receipt_and_moves_nothing(
    scene: Scene, make: Callable[[LedgerWorld], bytes], code: int, name: str
) -> None:
    """Goal: L15, the second class. Method: one fault each; the receipt, then the trial balance, then the reference is used."""
    before = await scene.sums()
    raw = make(scene.world)
    shown = await scene.receipt(raw)
    assert shown.receipt is not None
    assert (shown.status, shown.receipt.code, shown.receipt.name, shown.receipt.entries) == ("final", code, name, ())
    assert await scene.sums() == before
    status, text = await scene.send(raw)
    again = msgspec.json.decode(text, type=Submissions).transactions[0]
    assert (status, again.status, again.receipt) == (200, "final", shown.receipt)


async def test_replay_moves_money_once(scene: Scene) -> None:
    """Goal: invariant 18 at the door. Method: the same bytes again get the first receipt; stripped and forged copies get nothing."""
    raw = scene.world.pay(A, B, 700, ref="rent")
    first = await scene.receipt(raw)
    before = await scene.sums()
    for _ in range(3):
        status, text = await scene.send(raw)
        item = msgspec.json.decode(text, type=Submissions).transactions[0]
        assert (status, item.status, item.receipt) == (200, "final", first.receipt)
        for copy, name in ((stripped(raw), "QUORUM"), (flipped(raw), "BAD_SIGNATURE")):
            status, text = await scene.send(copy)
            assert (status, msgspec.json.decode(text, type=ErrorBody).name) == (403, name)
    assert (scene.world.pool.count, await scene.sums()) == (0, before)


async def test_forged_copy_does_not_burn_the_reference(scene: Scene) -> None:
    """Goal: a stripped copy that comes first keeps nobody out. Method: stripped, forged, then the real one."""
    raw = scene.world.pay(A, B, 700, ref="rent")
    for copy, name in ((stripped(raw), "QUORUM"), (flipped(raw), "BAD_SIGNATURE")):
        status, text = await scene.send(copy)
        assert (status, msgspec.json.decode(text, type=ErrorBody).name) == (403, name)
    shown = await scene.receipt(raw)
    assert shown.receipt is not None
    assert shown.receipt.code == 0


async def test_reference_of_another_transaction_conflicts(scene: Scene) -> None:
    """Goal: 105 while it waits and after it is final, 409. Method: another payment under the same reference, before and after the block."""
    first, second = scene.world.pay(A, B, 700, ref="rent"), scene.world.pay(A, B, 800, ref="rent")
    assert (await scene.send(first))[0] == 202
    for _ in range(2):
        status, text = await scene.send(second)
        error = msgspec.json.decode(text, type=ErrorBody)
        assert (status, error.name, error.iso) == (409, "REF_CONFLICT", "RF01")
        await scene.world.settle()
    async with scene.session.get(f"{PATH}?from=bank-a&ref=rent") as response:
        shown = msgspec.json.decode(await response.read(), type=TransactionBody)
    assert shown.tx_id == decode_transaction(first).tx_id.hex()
