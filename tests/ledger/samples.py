"""One valid value of every kind, by construction: for pinned bytes, for the cross-check and for mutation."""

from __future__ import annotations

from hashlib import sha256

from ledger.accounts import Account, Balance, Total
from ledger.assets import Asset, FeeRule, Policy
from ledger.attestations import Accusation, ReadyValue, ready_attestation
from ledger.blocks import Entry, Header, Receipt
from ledger.canonical import encode
from ledger.closings import BusinessDay, ClosedSupply, ClosedTotal, Closing, Published
from ledger.codec import make_envelope, sign_transaction
from ledger.conditions import Arbiter, Device, HashLock, Payee, Purse, PurseReceipt
from ledger.epochs import Epoch, EpochPlan, Readiness, Validator, ViewKey
from ledger.grants import Grant, GrantRecord, Need, Quota, Scope
from ledger.holders import Holder, Limit, Pseudonym, PseudonymAt, Returnable, Spent
from ledger.holds import Hold
from ledger.keys import public_key_of
from ledger.orders import Order, OrderRecord
from ledger.participants import Key, KeyOwner, Keyset, KeysetRecord, Participant, Waiting
from ledger.proposals import Proposal, Vote
from ledger.reserves import Item, Locked, Observation, Report
from ledger.state import Governed, PlannedParameter, PlannedParameters, Record, Refs
from ledger.transactions.bodies import (
    AccountOpen,
    AccountSet,
    Approve,
    AssetPut,
    Attest,
    Body,
    GrantEnd,
    GrantPut,
    HoldBody,
    HolderPut,
    Issue,
    KeysetPut,
    Leg,
    OrderLift,
    OrderPut,
    ParamSet,
    ParticipantPut,
    Pay,
    Propose,
    Redeem,
    Seize,
    Settle,
    ValidatorsSet,
    Void,
)
from ledger.travel import Travel
from tests.ledger.bridge_samples import BRIDGE_BODIES, BRIDGE_RECORDS

CHAIN = sha256(b"chain").digest()
HASH = sha256(b"hash").digest()
SALT = bytes(range(16))
SEED = sha256(b"seed").digest()
OTHER_SEED = sha256(b"other seed").digest()
NOW = 1_700_000_000_000

PARTICIPANT = Participant("bank-a", "bank", "Bank A", "BANKKG22", "", "KG", "active", "", (HASH,), (HASH,), ("tcp://a:1",))
KEYSET = Keyset("ops", 1, (Key(public_key_of(SEED), 0),), "", 0)
RECOVERABLE = Keyset("ops", 1, KEYSET.keys, "recovery", 300_000_000)
GRANT = Grant(
    "g1", "operator", "issue", Scope("KGS", "", "", ()), Quota(10**9, "day"), Need(2, ("operator/board", "operator/ops")), (), NOW, 0, 0
)
FEES = (FeeRule("pay", "", "", 5, 10, 1, 1_000),)
LIMITS = (Limit("basic", 10**7, 10**6, 10**6, 10**7, anonymous=False), Limit("none", 10**5, None, None, 10**5, anonymous=True))
POLICY = Policy("KGS", 2, "operator", "sovereign", 10**15, LIMITS, FEES, 0, ("mcc:8211", "school*"), None, (), "block", ("cap",), 10**6)
ASSET = Asset(POLICY, 10**8, 10**8, 0, 10**7, 10**7, 0, "", "open")
LEGS = (
    Leg("bank-a/settlement", "bank-b/settlement", "KGS", 12_50, 0, "first"),
    Leg("bank-a/settlement", "bank-c/x1", "KGS", 1, 5, ""),
)
ORDER = Order("case-1", "operator", HASH, "account", "bank-a/w1", "KGS", "arrest", 300, ("holds",), "operator/settlement", NOW, open=True)
VALIDATORS = (
    Validator("bank-a", HASH, CHAIN, "http://a:1"),
    Validator("operator", sha256(b"consensus key").digest(), sha256(b"node key").digest(), ""),
)
VIEW_KEY = ViewKey(HASH, ((HASH, bytes(range(80))),))

BODIES: dict[str, Body] = {
    "participant.put": ParticipantPut(PARTICIPANT),
    "keyset.put": KeysetPut("bank-a", RECOVERABLE),
    "holder.put": HolderPut(SALT, "basic", NOW, (PseudonymAt("bank-a", HASH[:16]),)),
    "account.open": AccountOpen("bank-a/w1", "wallet", SALT, KEYSET, ("mcc:8211@treasury", "school")),
    "account.set": AccountSet("bank-a/w1", "closing", None, ("school",)),
    "grant.put": GrantPut(GRANT),
    "grant.end": GrantEnd("g1"),
    "propose": Propose("grant.end", encode(GrantEnd("g1")), NOW, NOW + 86_400_000),
    "approve": Approve(HASH, "operator/board", "yes"),
    "asset.put": AssetPut(POLICY),
    "issue": Issue("KGS", "bank-a/settlement", 10**8, "order 7", None),
    "redeem": Redeem("KGS", "bank-a/settlement", 10**6, "payout 7", None),
    "pay": Pay(LEGS, "each", "salary", None, "memo", (Travel("bank-c", "IVMS101", HASH),), None),
    "hold": HoldBody("bank-a/w1", "bank-b/settlement", "KGS", 500, 0, NOW + 86_400_000, "bank-b", "bank-b", "none", "authorisation"),
    "settle": Settle(HASH, 200, b""),
    "void": Void(HASH),
    "order.put": OrderPut(ORDER),
    "order.lift": OrderLift("case-1", CHAIN),
    "seize": Seize("case-1", "bank-a/w1", "KGS", 40),
    "attest": Attest(ready_attestation("bank-a", HASH, ReadyValue(6, 1, 3), view_key_hash=HASH, as_of=NOW)),
    "param.set": ParamSet("view_key", VIEW_KEY, 0),
    "validator.set": ValidatorsSet(VALIDATORS, 3),
    **BRIDGE_BODIES,
}
"""A body of each type."""

RECORDS: dict[str, Record] = {
    "account/bank-a/w1": Account("bank-a/w1", "wallet", SALT, "ops", "open", ("mcc:8211@treasury", "school"), 1),
    "asset/KGS": ASSET,
    "balance/bank-a/w1/KGS": Balance(1_250, 500),
    "balance/operator/contra:KGS/KGS": Balance(-(10**8), 0),
    "epoch/0": Epoch(0, 0, 10_000, VALIDATORS, 0),
    "epoch/next": EpochPlan(1, VALIDATORS, 7),
    "grant/g1": GrantRecord(GRANT, "root", "2026-11-21", 10**8),
    f"hold/{HASH.hex()}": Hold(
        HASH, "bank-a/w1", "bank-b/settlement", "KGS", 700, 500, NOW, "bank-b", "bank-b", "none", "escrow", FEES[0], 6
    ),
    f"holder/{SALT.hex()}": Holder(SALT, "basic", NOW, 2),
    f"key/{HASH.hex()}": KeyOwner("bank-a", "ops"),
    "keyset/bank-a/ops": KeysetRecord("ops", 1, KEYSET.keys, "recovery", 300_000_000, Waiting(KEYSET, NOW + 300_000_000, "recovery", NOW)),
    f"limit/{SALT.hex()}/KGS": Spent(900, "2026-11-21", 150, "2026-11", 250),
    "order/case-1": OrderRecord(
        ORDER, 2, 7, 3, NOW, Need(2, ("operator/board", "operator/ops")), ("treasury",), 0, 40, "lifted", "treasury", CHAIN
    ),
    "param/legs_max": Governed(b"\xcd\x01\xf4"),
    "param/next": PlannedParameters((PlannedParameter("epoch_length", 500, 0),)),
    "participant/bank-a": PARTICIPANT,
    f"proposal/{HASH.hex()}": Proposal(
        HASH, "bank-a", "grant.end", encode(GrantEnd("g1")), (HASH,), 0, NOW, (Vote("operator/board", "yes", (HASH,)),)
    ),
    f"pseudonym/bank-a/{HASH[:16].hex()}": Pseudonym(SALT),
    "refs/bank-a/28333333": Refs(3, HASH),
    f"return/{HASH.hex()}/0": Returnable("bank-a/w1", "bank-b/x", "KGS", 500, 20, NOW),
    "item/bars-7": Item("bars-7", "USDKG", "gold", 3_760 * 10**9, NOW, 0, HASH, "LBMA", "bank-b", NOW),
    "feed/USDKG:XAU-USD/bank-a": Report(4_160_917_242, NOW, 0, NOW),
    "observed/USDKG:tron/bank-a": Observation(5 * 10**13, NOW, 0, NOW),
    f"evidence/{HASH.hex()}": Accusation(CHAIN, "bank-a", NOW - 5_000, 7, NOW),
    "locked/WUSD:eth-vault/bank-a": Locked(5 * 10**13, NOW, 0, NOW),
    "total/bank-a/KGS": Total(1_250, 500),
    "day/open": BusinessDay("2023-11-15", 7, NOW, NOW + 86_400_000),
    "closing/bank-a/2023-11-14": Closing("2023-11-15", 3, 6, (ClosedTotal("KGS", 1_250, 500),), (ClosedSupply("KGST", 40),)),
    "published/KGS/2023-11-14": Published("2023-11-15", 6, ASSET),
    f"validator/{HASH.hex()}": Readiness("bank-a", HASH, HASH, 6, 7, HASH, 0),
    "viewkey/0": VIEW_KEY,
    "viewkey/next": VIEW_KEY,
    **BRIDGE_RECORDS,
}
"""A record of each kind, under a storage key it could have."""

LOCK, ARBITER, DEVICE = HashLock(HASH), Arbiter("operator"), Device(public_key_of(SEED), NOW + 86_400_000, 3_600_000)
PURSE = Purse(public_key_of(SEED), NOW, 3_600_000, b"\x21\x00\x80", NOW)
CONDITIONED: dict[str, Body | Hold] = {
    "hold sha256": HoldBody("bank-a/w1", "bank-b/x", "KGS", 500, 0, NOW, "", "bank-b", LOCK, "escrow"),
    "hold arbiter": HoldBody("bank-a/w1", "bank-b/x", "KGS", 500, 0, NOW, "bank-b", "operator", ARBITER, "escrow"),
    "hold class": HoldBody("bank-a/w1", "mcc:58*", "KGS", 500, 0, NOW, "bank-a", "bank-a", "none", "authorisation"),
    "hold device": HoldBody("bank-a/w1", "*", "KGS", 500, 0, NOW + 90_000_000, "", "bank-a", DEVICE, "offline"),
    "settle sha256": Settle(HASH, 500, b"secret"),
    "settle class": Settle(HASH, 200, Payee("bank-b/x")),
    "settle device": Settle(HASH, 200, PurseReceipt(7, "bank-b/x", bytes(64))),
    "record sha256": Hold(HASH, "bank-a/w1", "bank-b/x", "KGS", 700, 500, NOW, "", "bank-b", LOCK, "escrow", None, 0),
    "record device": Hold(HASH, "bank-a/w1", "*", "KGS", 700, 500, NOW, "", "bank-a", PURSE, "offline", None, 0, "2026-11-21"),
}
"""Holds with a condition, and what settles them."""

HEADER = Header(1, CHAIN, 0, 7, 9, HASH, NOW, 1, bytes(32), HASH, HASH, HASH, HASH, HASH)
RECEIPT = Receipt(
    HASH, 7, 0, 0, 0, None, (0, 150), (Entry("bank-a/settlement", "KGS", -1_250, 0, 0), Entry("bank-b/x", "KGS", 1_250, 0, 0))
)


def transaction(name: str) -> bytes:
    """Return a whole transaction of the type, signed by two keysets."""
    return signed(f"ref {name}", BODIES[name])


def signed(ref: str, body: Body) -> bytes:
    """Return a whole transaction of a body, signed by two keysets."""
    envelope = make_envelope(chain=CHAIN, sender="bank-a", ref=ref, valid_until=NOW, salt=SALT, body=body)
    return sign_transaction(envelope, [("bank-a", "ops", SEED), ("operator", "ops", OTHER_SEED)])
