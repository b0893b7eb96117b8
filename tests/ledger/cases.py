"""One transaction of every type that succeeds, and everything whose absence must make it fail, with the exact code (acceptance 6).

Signatures are not listed: the test takes each away in turn, and every time the answer is 111.
"""

from __future__ import annotations

from msgspec import structs

from ledger.grants import Need, Quota, Scope
from ledger.keys import public_key_of
from ledger.participants import Key
from ledger.transactions.bodies import (
    AccountOpen,
    AccountSet,
    AssetPut,
    GrantPut,
    KeysetPut,
    ParticipantPut,
)
from tests.ledger.backing_cases import BACKING
from tests.ledger.breaks import Break, asked, balance, both, edited, no_grant, parameter
from tests.ledger.bridge_cases import BRIDGES
from tests.ledger.bridge_vote_cases import WITNESSED
from tests.ledger.cast import (
    ALICE_SIGNS,
    BANK_A,
    BANK_B,
    BY_ROOT,
    CONTRA,
    FEES,
    KEY_5,
    LATER,
    MONEY,
    NEW_BANK,
    OLD,
    OPERATOR,
    PAY_FEE,
    POLICY,
    ROOT_OF_THREE,
    SMALL_ORDER,
    Case,
    emptied_account,
    known_grant,
)
from tests.ledger.condition_cases import CONDITIONS
from tests.ledger.debit_cases import DEBITS
from tests.ledger.flow_cases import FLOW
from tests.ledger.foreign_cases import FOREIGN
from tests.ledger.governance_cases import GOVERNANCE
from tests.ledger.key_cases import KEYS
from tests.ledger.matrix_cases import MATRIX
from tests.ledger.order_cases import ORDERS
from tests.ledger.people_cases import PEOPLE
from tests.ledger.purpose_cases import PURPOSE
from tests.ledger.voting_cases import VOTING
from tests.ledger.world import (
    ALICE,
    BOB,
    DAY_MS,
    MAIN_A,
    START_MS,
    grant,
    keyset,
    seed_of,
    signers,
)

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
        lambda _world: AssetPut(structs.replace(POLICY, code="KGS", decimals=2, fees=(PAY_FEE,), powers=("freeze", "pause", "seize"))),
        BY_ROOT,
        (
            Break("decimals that stay", 133, asked("policy", decimals=3)),
            Break("a list of fixed fields that stays", 133, asked("policy", fixed=("cap",))),
            Break("powers that stay", 133, asked("policy", powers=("freeze", "pause"))),
            Break("fees that are fixed", 133, both(edited("asset/KGS", "policy", fixed=("fees",)), asked("policy", fixed=("fees",)))),
            Break("a cap above the supply", 160, asked("policy", cap=5 * MONEY - 1)),
        ),
    ),
)

CASES: tuple[Case, ...] = (
    *REGISTRY,
    *KEYS,
    *AUTHORITY,
    *FLOW,
    *VOTING,
    *GOVERNANCE,
    *PEOPLE,
    *ORDERS,
    *BACKING,
    *PURPOSE,
    *FOREIGN,
    *CONDITIONS,
    *DEBITS,
    *BRIDGES,
    *WITNESSED,
    *MATRIX,
)
