"""One transaction of every type that succeeds, and everything whose absence must make it fail, with the exact code (acceptance 6).

Signatures are not listed: the test takes each away in turn, and every time the answer is 111.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from ledger.assets import FeeRule, Policy
from ledger.grants import Need, Quota, Scope
from ledger.keys import public_key_of
from ledger.participants import Key, Participant
from ledger.transactions.bodies import (
    AccountOpen,
    AccountSet,
    AssetPut,
    GrantEnd,
    GrantPut,
    Issue,
    KeysetPut,
    Leg,
    ParticipantPut,
    Pay,
    Redeem,
    Settle,
    Void,
)
from ledger.types import AMOUNT_MAX
from tests.ledger.breaks import Break, asked, balance, both, edited, leg, no_grant, parameter
from tests.ledger.world import (
    ALICE,
    BOARD,
    BOB,
    DAY_MS,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    START_MS,
    Signer,
    World,
    grant,
    hold,
    keyset,
    seed_of,
    signers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.transactions.bodies import Body

OPERATOR, BANK_A, BANK_B = signers("operator/ops"), signers("bank-a/ops"), signers("bank-b/ops")
ALICE_SIGNS = signers(f"{ALICE}/user")
MONEY = 10_000
"""Minor units on each account of the world."""
SMALL_ORDER = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
CONTRA, FEES = "operator/contra:KGS", "operator/fee:KGS"
NEW_BANK = Participant("bank-c", "bank", "Bank C", "", "", "KG", "active", "", (), (), ())
POLICY = Policy("GOLD", 4, "operator", "sovereign", 10**12, (), (), 0, (), None, (), "block", ())
PAY_FEE = FeeRule("pay", "", "", 3, 0, 0, 100)


@dataclass(frozen=True)
class Case:
    """A transaction that succeeds as it stands, and what breaks it."""

    name: str
    make: Callable[[World], Body]
    by: list[Signer]
    breaks: tuple[Break, ...]
    sender: str = "operator"


def placed_hold(world: World) -> bytes:
    """Place a hold of 300 from alice for bob; the bank of bob settles it, alice's bank voids it."""
    body = hold(ALICE, BOB, 300, until=world.time_ms + HOUR_MS, settle_by="bank-b", void_by="bank-a")
    return world.must(body, by=ALICE_SIGNS, sender=ALICE).tx_id


def known_grant(world: World) -> GrantEnd:
    """Give a grant that can be ended."""
    world.must(GrantPut(grant("extra", "register", "bank-b")), by=[*OPERATOR, *BOARD])
    return GrantEnd("extra")


def emptied_account(world: World) -> AccountSet:
    """Open an account that can be closed."""
    world.open("bank-a/old", own=keyset("bank-a/old", "user"))
    return AccountSet("bank-a/old", "closed", None)


LEGS = (Leg(MAIN_A, BOB, "KGS", 100, 0, "one"), Leg(BOB, ALICE, "KGS", 200, 0, "two"), Leg(ALICE, MAIN_B, "KGS", 300, 0, "three"))
LATER = START_MS + 10 * DAY_MS

KEY_5 = signers("bank-b/ops", 6)[5]
OLD = "bank-a/old"
ROOT_OF_THREE = Need(3, ("operator/board", "operator/ops", "treasury/treasury"))
BY_ROOT = [*OPERATOR, *BOARD]

REGISTRY = (
    Case(
        "participant.put",
        lambda _world: ParticipantPut(NEW_BANK),
        OPERATOR,
        (
            Break("grant register", 112, no_grant("register", "register")),
            Break("its begin", 112, edited("grant/register", "grant", not_before=LATER)),
            Break("its end", 112, edited("grant/register", "grant", until=START_MS)),
            Break("its scope", 112, edited("grant/register", "grant", scope=Scope("", "bank-a", "", ()))),
            Break("its quota", 113, both(edited("grant/register", used=1), edited("grant/register", "grant", quota=Quota(1, "once")))),
            Break("one operator", 124, asked("participant", kind="operator")),
            Break("a kind that stays", 133, asked("participant", id="bank-a", kind="issuer")),
            Break("not closed before", 121, both(asked("participant", id="bank-b"), edited("participant/bank-b", status="closed"))),
            Break("room for participants", 127, parameter("participants_max", 4)),
            Break("a usable node key", 128, asked("participant", node_keys=(SMALL_ORDER,))),
            Break("a node key of its own", 128, asked("participant", node_keys=(public_key_of(seed_of("operator", "node")),))),
            Break("a box key of its own", 128, asked("participant", box_keys=(public_key_of(seed_of("operator", "node")),))),
            Break(
                "a root that can act",
                112,
                both(
                    asked("participant", id="treasury", kind="treasury", status="suspended"),
                    edited("grant/root", "grant", need=ROOT_OF_THREE),
                ),
            ),
        ),
    ),
    Case(
        "keyset.put, rotation by a participant",
        lambda _world: KeysetPut("bank-b", keyset("bank-b", "ops", start=5)),
        [*OPERATOR, *BANK_B, KEY_5],
        (
            Break("participant", 120, asked(owner="bank-x")),
            Break("active participant", 121, edited("participant/bank-b", status="suspended")),
            Break("keys that last 30 days", 128, asked("keyset", keys=(Key(public_key_of(KEY_5[2]), START_MS + 30 * DAY_MS),))),
            Break(
                "a key that is in no other keyset",
                128,
                asked("keyset", keys=keyset(ALICE, "user").keys),
                [*OPERATOR, *BANK_B, ("bank-b", "ops", ALICE_SIGNS[0][2])],
            ),
        ),
    ),
    Case(
        "keyset.put, first of its name",
        lambda _world: KeysetPut("bank-b", keyset("bank-b", "board", 2, 2)),
        [*OPERATOR, *signers("bank-b/board", 2)],
        (
            Break("grant register", 112, no_grant("register", "register")),
            Break("its quota", 113, both(edited("grant/register", used=1), edited("grant/register", "grant", quota=Quota(1, "once")))),
            Break("active participant", 121, edited("participant/bank-b", status="suspended")),
        ),
    ),
    Case(
        "keyset.put, first of an account",
        lambda _world: KeysetPut(BOB, keyset(BOB, "user")),
        [*OPERATOR, *BANK_B, *signers(f"{BOB}/user")],
        (
            Break("account", 122, asked(owner="bank-b/nobody")),
            Break("open account", 123, edited(f"account/{BOB}", status="closed")),
            Break("an account of people", 124, asked(owner=CONTRA)),
            Break("active servicer", 121, edited("participant/bank-b", status="suspended")),
        ),
    ),
    Case(
        "keyset.put, rotation by an account",
        lambda _world: KeysetPut(ALICE, keyset(ALICE, "user", start=5)),
        [*ALICE_SIGNS, signers(f"{ALICE}/user", 6)[5]],
        (
            Break(
                "the name of its keyset",
                128,
                asked("keyset", name="other"),
                [*ALICE_SIGNS, (ALICE, "other", signers(f"{ALICE}/user", 6)[5][2])],
            ),
        ),
        ALICE,
    ),
    Case(
        "account.open",
        lambda _world: AccountOpen("bank-a/new", "wallet", b"", keyset("bank-a/new", "user"), ()),
        [*OPERATOR, *BANK_A, *signers("bank-a/new/user")],
        (
            Break("servicer", 120, asked(id="bank-x/new")),
            Break("active servicer", 121, edited("participant/bank-a", status="suspended")),
            Break("a kind that opens", 124, asked(kind="vault")),
            Break("a kind of its own", 124, asked(kind="contra")),
            Break("a free id", 125, asked(id=MAIN_A)),
            Break("grant wallet", 112, no_grant("wallet-bank-a", "wallet")),
            Break("a grant to the servicer", 112, edited("grant/wallet-bank-a", "grant", to="bank-b")),
            Break("its scope", 112, edited("grant/wallet-bank-a", "grant", scope=Scope("", "bank-b", "", ()))),
            Break(
                "its quota",
                113,
                both(edited("grant/wallet-bank-a", used=1), edited("grant/wallet-bank-a", "grant", quota=Quota(1, "once"))),
            ),
            Break(
                "keys that last 30 days", 128, asked("keyset", keys=(Key(public_key_of(seed_of("bank-a/new", "user")), START_MS + DAY_MS),))
            ),
            Break(
                "a key that is in no other keyset",
                128,
                asked("keyset", keys=keyset(ALICE, "user").keys),
                [*OPERATOR, *BANK_A, ("bank-a/new", "user", ALICE_SIGNS[0][2])],
            ),
        ),
    ),
    Case(
        "account.set, closed",
        emptied_account,
        [*OPERATOR, *BANK_A],
        (
            Break("account", 122, asked(id="bank-a/nobody")),
            Break("active servicer", 121, edited("participant/bank-a", status="suspended")),
            Break("an account of people", 124, asked(id=FEES)),
            Break("not closed before", 123, edited(f"account/{OLD}", status="closed")),
            Break("no value", 126, balance(OLD, 1)),
            Break("no open hold", 126, edited(f"account/{OLD}", holds=1)),
        ),
    ),
    Case(
        "account.set, keyset",
        lambda _world: AccountSet(ALICE, "", keyset(ALICE, "next")),
        [*BANK_A, *ALICE_SIGNS, *signers(f"{ALICE}/next")],
        (
            Break("open account", 123, edited(f"account/{ALICE}", status="closed")),
            Break("keys that last 30 days", 128, asked("keyset", keys=(Key(public_key_of(seed_of(ALICE, "next")), START_MS + DAY_MS),))),
        ),
        "bank-a",
    ),
)

AUTHORITY = (
    Case(
        "grant.put by root",
        lambda _world: GrantPut(grant("new", "issue", "treasury", asset="KGS", need=Need(1, ("treasury/ops",)), quota=Quota(5, "month"))),
        BY_ROOT,
        (
            Break("grant root", 112, no_grant("root", "root")),
            Break("holder", 120, asked("grant", to="bank-x")),
            Break("participant of the scope", 120, asked("grant", scope=Scope("KGS", "bank-x", "", ()))),
            Break("account of the scope", 122, asked("grant", scope=Scope("KGS", "", "bank-a/nobody", ()))),
            Break("asset of the scope", 130, asked("grant", scope=Scope("GOLD", "", "", ()))),
            Break("a free id", 125, asked("grant", id="root")),
            Break("an end that is to come", 114, asked("grant", until=START_MS)),
            Break("separate duties", 115, asked("grant", permission="attest.reserve", to="operator", need=None)),
            Break("separate duties of the quorum", 115, asked("grant", permission="attest.price", need=Need(1, ("operator/ops",)))),
            Break("keysets of the quorum", 128, asked("grant", need=Need(1, ("treasury/gone",)))),
            Break("quota of root", 113, both(edited("grant/root", used=1), edited("grant/root", "grant", quota=Quota(1, "once")))),
        ),
    ),
    Case(
        "grant.put by the issuer",
        lambda _world: GrantPut(grant("audit", "attest.reserve", "bank-b", asset="KGS")),
        OPERATOR,
        (Break("a permission that an issuer gives", 111, asked("grant", permission="issue")),),
    ),
    Case(
        "grant.end by root",
        known_grant,
        BY_ROOT,
        (
            Break("grant", 112, asked(id="nothing")),
            Break("a grant that has not lapsed", 112, edited("grant/extra", "grant", until=START_MS)),
            Break("a root that remains", 112, asked(id="root")),
            Break("quota of root", 113, both(edited("grant/root", used=1), edited("grant/root", "grant", quota=Quota(1, "once")))),
        ),
    ),
    Case("grant.end by the holder", known_grant, BANK_B, (), "bank-b"),
    Case(
        "asset.put, new",
        lambda _world: AssetPut(POLICY),
        BY_ROOT,
        (
            Break("issuer", 120, asked("policy", issuer="bank-x")),
            Break("active issuer", 121, both(asked("policy", issuer="treasury"), edited("participant/treasury", status="suspended"))),
            Break("grant root", 112, no_grant("root", "root")),
            Break("quota of root", 113, both(edited("grant/root", used=1), edited("grant/root", "grant", quota=Quota(1, "once")))),
            Break("room for assets", 127, parameter("assets_max", 1)),
        ),
    ),
    Case(
        "asset.put, altered",
        lambda _world: AssetPut(structs.replace(POLICY, code="KGS", decimals=2, fees=(PAY_FEE,))),
        BY_ROOT,
        (
            Break("decimals that stay", 133, asked("policy", decimals=3)),
            Break("a list of fixed fields that stays", 133, asked("policy", fixed=("cap",))),
            Break("fees that are fixed", 133, both(edited("asset/KGS", "policy", fixed=("fees",)), asked("policy", fixed=("fees",)))),
            Break("a cap above the supply", 160, asked("policy", cap=5 * MONEY - 1)),
        ),
    ),
)

FLOW = (
    Case(
        "issue",
        lambda _world: Issue("KGS", MAIN_A, 500, "order 7", None),
        BY_ROOT,
        (
            Break("account", 122, asked(to="bank-a/nobody")),
            Break("asset", 130, asked(asset="GOLD")),
            Break("open account", 123, edited(f"account/{MAIN_A}", status="closing")),
            Break("an account of people", 124, asked(to=CONTRA)),
            Break(
                "active issuer",
                121,
                both(edited("participant/treasury", status="suspended"), edited("asset/KGS", "policy", issuer="treasury")),
            ),
            Break("grant issue", 112, no_grant("issue-kgs", "issue")),
            Break("its begin", 112, edited("grant/issue-kgs", "grant", not_before=LATER)),
            Break("its end", 112, edited("grant/issue-kgs", "grant", until=START_MS)),
            Break("its asset", 112, edited("grant/issue-kgs", "grant", scope=Scope("GOLD", "", "", ()))),
            Break("its participant", 112, edited("grant/issue-kgs", "grant", scope=Scope("KGS", "bank-b", "", ()))),
            Break("its account", 112, edited("grant/issue-kgs", "grant", scope=Scope("KGS", "", MAIN_B, ()))),
            Break("its quota", 113, edited("grant/issue-kgs", "grant", quota=Quota(499, "month"))),
            Break("cap", 160, edited("asset/KGS", "policy", cap=5 * MONEY + 499)),
            Break("18 digits of the account", 140, balance(MAIN_A, AMOUNT_MAX - 499)),
            Break("18 digits of all issued", 140, edited("asset/KGS", issued=AMOUNT_MAX - 499)),
        ),
    ),
    Case(
        "redeem",
        lambda _world: Redeem("KGS", MAIN_B, 500, "payout 7", None),
        [*OPERATOR, *BANK_B],
        (
            Break("account", 122, asked(source="bank-b/nobody")),
            Break("asset", 130, asked(asset="GOLD")),
            Break("open account", 123, edited(f"account/{MAIN_B}", status="closed")),
            Break("an account of people", 124, asked(source=CONTRA)),
            Break("active servicer", 121, edited("participant/bank-b", status="suspended")),
            Break("funds", 150, balance(MAIN_B, 499)),
            Break("funds that are not held", 150, balance(MAIN_B, MONEY, MONEY - 499)),
        ),
    ),
    Case(
        "pay",
        lambda _world: Pay(LEGS, "atomic", "test", None, "", None, None),
        [*BANK_A, *BANK_B, *ALICE_SIGNS],
        (
            Break("debtor's account", 122, leg(0, debit="bank-a/nobody")),
            Break("creditor's account", 122, leg(1, credit="bank-a/nobody")),
            Break("asset", 130, leg(2, asset="GOLD")),
            Break("active servicer of a debtor", 121, edited("participant/bank-b", status="suspended")),
            Break("debtor's account open", 123, edited(f"account/{BOB}", status="closed")),
            Break("creditor's account open", 123, edited(f"account/{MAIN_B}", status="closing")),
            Break("an account of people debited", 124, leg(0, debit=CONTRA)),
            Break("an account of people credited", 124, leg(0, credit=CONTRA)),
            Break("legs within the limit", 142, parameter("legs_max", 2)),
            Break("the fee", 143, leg(1, fee=1)),
            Break("the fee of the rule", 143, edited("asset/KGS", "policy", fees=(PAY_FEE,))),
            Break("funds", 150, balance(MAIN_A, 99)),
            Break("net funds", 150, balance(BOB, 99)),
            Break("funds that are not held", 150, balance(ALICE, 300, 201)),
            Break("18 digits", 140, balance(MAIN_B, AMOUNT_MAX - 299)),
        ),
        "bank-a",
    ),
    Case(
        "hold",
        lambda world: hold(ALICE, BOB, 300, until=world.time_ms + HOUR_MS, settle_by="bank-b", void_by=BOB),
        [*OPERATOR, *ALICE_SIGNS],
        (
            Break("source", 122, asked(source="bank-a/nobody")),
            Break("target", 122, asked(target="bank-b/nobody")),
            Break("who settles", 120, asked(settle_by="bank-x")),
            Break("who voids", 122, asked(void_by="bank-b/nobody")),
            Break("asset", 130, asked(asset="GOLD")),
            Break("open source", 123, edited(f"account/{ALICE}", status="closed")),
            Break("open target", 123, edited(f"account/{BOB}", status="closing")),
            Break("a source of people", 124, asked(source=CONTRA)),
            Break("a target of people", 124, asked(target=CONTRA)),
            Break("the fee", 143, asked(fee=1)),
            Break("funds", 150, balance(ALICE, 299)),
            Break("room for holds", 127, both(parameter("holds_per_account_max", 1), edited(f"account/{ALICE}", holds=1))),
            Break("a time to come", 171, asked(until=START_MS)),
            Break("a time not too far", 171, asked(until=START_MS + 500 * DAY_MS)),
        ),
    ),
    Case(
        "hold on an account of a bank",
        lambda world: hold(MAIN_B, BOB, 300, until=world.time_ms + HOUR_MS),
        [*OPERATOR, *BANK_B],
        (Break("active servicer", 121, edited("participant/bank-b", status="suspended")),),
    ),
    Case(
        "settle",
        lambda world: Settle(placed_hold(world), 200, b""),
        [*OPERATOR, *BANK_B],
        (
            Break("hold", 170, asked(hold=bytes(32))),
            Break("active party", 121, edited("participant/bank-b", status="suspended")),
            Break("open target", 123, edited(f"account/{BOB}", status="closed")),
            Break("so much left", 173, asked(amount=301)),
            Break("18 digits", 140, balance(BOB, AMOUNT_MAX - 199)),
        ),
    ),
    Case(
        "void",
        lambda world: Void(placed_hold(world)),
        [*OPERATOR, *BANK_A],
        (
            Break("hold", 170, asked(hold=bytes(32))),
            Break("active party", 121, edited("participant/bank-a", status="suspended")),
        ),
    ),
)

CASES: tuple[Case, ...] = (*REGISTRY, *AUTHORITY, *FLOW)
