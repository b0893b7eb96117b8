"""A genesis document with every kind of asset, tiers and people: by the same rules as transactions, and each fault on its line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgpack
import pytest

from ledger.accounts import Account
from ledger.assets import Asset
from ledger.genesis import chain_id, check_draft, first_records, genesis_to_json, parse_genesis
from ledger.genesis_document import GenesisError
from ledger.holders import Holder, Limit, Pseudonym
from ledger.invariants import check_whole
from ledger.keys import tagged
from ledger.parameters import DAY_MS
from ledger.reserves import Expiry, Feed, Locker, Reserve, Terms
from tests.ledger.test_genesis import TEXT, at, sorted_keys
from tests.ledger.world import MAIN_A, START_MS, TILL, World, pay, signers

if TYPE_CHECKING:
    from tests.ledger.test_genesis import Document, Edit

PERSON, OF_A, OF_B = "aa" * 16, "0a" * 16, "0b" * 16
BASIC = {"tier": "basic", "balance_max": "5000", "tx_max": "100", "day_out_max": None, "month_out_max": None, "anonymous": False}
PLAIN: dict[str, object] = {"limits": [], "queued": 0, "receive": [], "expires": None, "publish": "block", "travel_min": "0"}
VAULT = {"kind": "vault", "vault": "KGS", "ratio_bps": 10_000, "terms": [], "feeds": [], "routes": []}
GOLD = {"type": "gold", "feed": "XAU-USD", "haircut_bps": 1_000, "share_max_bps": 10_000, "max_age_ms": DAY_MS}
XAU: dict[str, object] = {
    "name": "XAU-USD",
    "base": "XAU",
    "quote": "USD",
    "unit": "311034768",
    "decimals": 6,
    "sources": ["bank-a", "bank-b", "treasury"],
    "max_age_ms": 3_600_000,
}
LOCKER = {"name": "eth", "chain": "ethereum", "contract": "aa" * 20, "sources": ["bank-a"], "max_age_ms": 3_600_000}
ABROAD = {"kind": "foreign", "vault": "", "ratio_bps": 10_000, "terms": [], "feeds": [], "routes": [], "lockers": [LOCKER]}
ATTESTED = {"kind": "attested", "vault": "", "ratio_bps": 10_000, "terms": [GOLD], "feeds": [XAU], "routes": []}


def asset(code: str, issuer: str, reserve: object, decimals: int = 2, **policy: object) -> Document:
    """Asset of a document."""
    whole: Document = {
        "code": code,
        "decimals": decimals,
        "issuer": issuer,
        "reserve": reserve,
        "cap": None,
        "fees": [],
        "fixed": [],
        "powers": [],
    }
    return whole | {"policy": PLAIN | policy} if policy else whole


def document() -> Document:
    """Document with tiers, gold, purpose money, and one person with a wallet at a bank."""
    whole: Document = json.loads(TEXT)
    at(whole, "assets", 0)["policy"] = PLAIN | {"limits": [BASIC], "publish": "day", "travel_min": "70000"}
    assets = whole["assets"]
    assert isinstance(assets, list)
    ends = {"at": START_MS + 100 * DAY_MS, "budget_line": TILL}
    assets += [
        asset("USDKG", "treasury", ATTESTED, 6, queued=DAY_MS),
        asset("KGS.LUNCH", "treasury", VAULT, receive=["mcc:8211"], expires=ends),
    ]
    whole["holders"] = [
        {
            "id": PERSON,
            "tier": "basic",
            "valid_until": 0,
            "pseudonyms": [{"participant": "bank-a", "pseudonym": OF_A}, {"participant": "bank-b", "pseudonym": OF_B}],
        }
    ]
    accounts = whole["accounts"]
    assert isinstance(accounts, list)
    accounts.append({"id": "bank-a/meerim", "kind": "wallet", "keyset": None, "pseudonym": OF_A})
    copy: Document = json.loads(json.dumps(whole))
    return copy


def test_every_kind_of_asset_and_people_stand_in_a_document() -> None:
    """Goal: a network can begin with its region's assets. Method: the records, by hand."""
    text = json.dumps(document(), indent=2)
    genesis = parse_genesis(text)
    check_draft(genesis, text)
    records = first_records(genesis)
    check_whole(records)
    som, gold, lunch = (records[f"asset/{code}"] for code in ("KGS", "USDKG", "KGS.LUNCH"))
    assert isinstance(som, Asset)
    assert isinstance(gold, Asset)
    assert isinstance(lunch, Asset)
    assert (som.policy.limits, som.policy.publish, som.policy.travel_min) == (
        (Limit("basic", 5_000, 100, None, None, anonymous=False),),
        "day",
        70_000,
    )
    terms, feed = (
        Terms("gold", "XAU-USD", 1_000, 10_000, DAY_MS),
        Feed("XAU-USD", "XAU", "USD", 311_034_768, 6, ("bank-a", "bank-b", "treasury"), 3_600_000),
    )
    assert (gold.policy.reserve, gold.policy.queued) == (Reserve("attested", "", 10_000, (terms,), (feed,), ()), DAY_MS)
    assert (lunch.policy.receive, lunch.policy.expires) == (("mcc:8211",), Expiry(START_MS + 100 * DAY_MS, TILL))
    vault, wallet = records["account/treasury/vault:KGS.LUNCH"], records["account/bank-a/meerim"]
    assert isinstance(vault, Account)
    assert isinstance(wallet, Account)
    assert (vault.kind, wallet.pseudonym.hex()) == ("vault", OF_A)
    assert records[f"holder/{PERSON}"] == Holder(bytes.fromhex(PERSON), "basic", 0, 2)
    assert records[f"pseudonym/bank-b/{OF_B}"] == Pseudonym(bytes.fromhex(PERSON))


def test_limits_of_a_document_hold_from_the_first_payment() -> None:
    """Goal: it is the same state as by transactions. Method: pay a person more than the tier may have and spend."""
    text = json.dumps(document())
    world = World(parse_genesis(text))
    world.issue(MAIN_A, 10_000)
    assert world.do(pay((MAIN_A, "bank-a/meerim", 5_001)), by=signers("bank-a/ops"), sender="bank-a").code == 154
    world.must(pay((MAIN_A, "bank-a/meerim", 5_000)), by=signers("bank-a/ops"), sender="bank-a")
    assert world.do(pay(("bank-a/meerim", MAIN_A, 101)), by=signers("bank-a/ops"), sender="bank-a").code == 155


def test_the_chain_follows_from_the_text_with_these_members_and_without() -> None:
    """Goal: what is written counts, and nothing else. Method: another library; the default, written out, is another document."""
    for whole in (json.loads(TEXT), document()):
        genesis = parse_genesis(json.dumps(whole))
        signed = {name: value for name, value in whole.items() if name != "signatures"}
        assert chain_id(genesis) == tagged(b"som/genesis/1", msgpack.packb(sorted_keys(signed)))
        assert json.loads(genesis_to_json(genesis)) == whole
    plain, written = json.loads(TEXT), json.loads(TEXT)
    at(written, "assets", 0)["policy"] = PLAIN
    assert chain_id(parse_genesis(json.dumps(plain))) != chain_id(parse_genesis(json.dumps(written)))


def policy(index: int, **fields: object) -> Edit:
    return lambda d: at(d, "assets", index, "policy").update(**fields)


def reserve(index: int, **fields: object) -> Edit:
    return lambda d: at(d, "assets", index, "reserve").update(**fields)


EDITS: list[tuple[str, str, Edit]] = [
    ("a tier twice", "assets[0]", policy(0, limits=[BASIC, BASIC])),
    ("a limit with digits after the point", "assets[0].policy.limits[0].balance_max", policy(0, limits=[{**BASIC, "balance_max": "1.5"}])),
    ("a way to publish", "assets[0].policy.publish", policy(0, publish="hour")),
    ("a field missing", "assets[0].policy", lambda d: at(d, "assets", 0, "policy").pop("queued")),
    ("a field unknown", "assets[0].policy", policy(0, magic=1)),
    ("terms without their feed", "assets[1]", reserve(1, feeds=[])),
    ("an even number of sources", "assets[1]", reserve(1, feeds=[{**XAU, "sources": ["bank-a", "bank-b"]}])),
    ("a ratio below one", "assets[1].reserve.ratio_bps", reserve(1, ratio_bps=9_999)),
    ("a vault of nothing", "assets[2]", reserve(2, vault="USD")),
    ("a vault of itself", "assets[2]", reserve(2, vault="KGS.LUNCH")),
    ("a vault of other decimals", "assets[2]", reserve(2, vault="USDKG")),
    ("a pattern that is none", "assets[2]", policy(2, receive=["MCC 8211"])),
    ("an end that is past", "assets[2].policy.expires", policy(2, expires={"at": 1, "budget_line": TILL})),
    (
        "a budget line that is not there",
        "assets[2].policy.expires",
        policy(2, expires={"at": START_MS + DAY_MS, "budget_line": "treasury/no"}),
    ),
    ("a tier that is none", "holders[0]", lambda d: at(d, "holders", 0).update(tier="Not A Tier")),
    ("a person twice", "holders[1]", lambda d: d.update(holders=[{**at(d, "holders", 0)}, {**at(d, "holders", 0), "pseudonyms": []}])),
    ("a pseudonym twice", "holders[1]", lambda d: d.update(holders=[{**at(d, "holders", 0)}, {**at(d, "holders", 0), "id": "bb" * 16}])),
    ("a pseudonym of nobody's bank", "holders[0]", lambda d: at(d, "holders", 0, "pseudonyms", 0).update(participant="bank-z")),
    ("an id of another length", "holders[0].id", lambda d: at(d, "holders", 0).update(id="aa")),
    ("a wallet of nobody", "accounts[5]", lambda d: at(d, "accounts", 5).update(pseudonym="cc" * 16)),
    ("a person behind a till", "accounts[5]", lambda d: at(d, "accounts", 5).update(kind="settlement")),
]


@pytest.mark.parametrize(("path", "edit"), [(path, edit) for _, path, edit in EDITS], ids=[what for what, _, _ in EDITS])
def test_each_fault_of_assets_and_people_is_refused_with_its_place_and_line(path: str, edit: Edit) -> None:
    """Goal: what transactions could not do, no document can; a person finds what is wrong. Method: one edit each."""
    whole = document()
    edit(whole)
    text = json.dumps(whole, indent=2)
    with pytest.raises(GenesisError) as refused:
        check_draft(parse_genesis(text), text)
    assert refused.value.path.removeprefix("$").removeprefix(".") == path
    assert refused.value.line is not None


def test_an_asset_that_is_locked_abroad_stands_in_a_document() -> None:
    """Goal: L9 from the start. Method: its record by hand; the same contract for two assets; an issuer that watches."""
    whole = document()
    assets, grants = whole["assets"], whole["grants"]
    assert isinstance(assets, list)
    assert isinstance(grants, list)
    assets.append(asset("WUSD", "treasury", ABROAD, 6))
    record = first_records(parse_genesis(json.dumps(whole)))["asset/WUSD"]
    assert isinstance(record, Asset)
    lockers = (Locker("eth", "ethereum", b"\xaa" * 20, ("bank-a",), 3_600_000),)
    assert record.policy.reserve == Reserve("foreign", "", 10_000, (), (), (), lockers)
    scope = {"asset": "WUSD", "participant": "", "account": ""}
    plain: Document = {
        "to": "treasury",
        "scope": scope,
        "quota": None,
        "need": None,
        "lifted_by": [],
        "not_before": 0,
        "until": 0,
        "rank": 0,
    }
    both = [{"id": each, "permission": each, **plain} for each in ("issue", "attest.foreign")]
    with pytest.raises(GenesisError, match="WUSD"):
        first_records(parse_genesis(json.dumps({**whole, "grants": [*grants, *both]})))
    assets.append(asset("WUSE", "treasury", {**ABROAD, "lockers": [{**LOCKER, "name": "again"}]}, 6))
    with pytest.raises(GenesisError, match="as eth of WUSD"):
        first_records(parse_genesis(json.dumps(whole)))
