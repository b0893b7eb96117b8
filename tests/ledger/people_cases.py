"""The cases of what is about people: holder.put, wallets of holders, classes, limits, returns and travel data; see `cases.py`."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from ledger.grants import Quota, Scope
from ledger.holders import ANONYMOUS, Holder, Limit, Pseudonym, PseudonymAt, pseudonym_key
from ledger.transactions.bodies import AccountOpen, AccountSet, AssetPut, GrantPut, HolderPut, Issue, Leg, Pay, ReturnOf, Settle
from ledger.travel import Travel
from tests.ledger.backing_world import TREASURY, WRAPPED, vault_policy
from tests.ledger.breaks import Break, asked, both, edited, leg, no_grant, put
from tests.ledger.cast import BANK_A, BANK_B, BY_ROOT, LATER, OPERATOR, Case
from tests.ledger.people import CAROL, CAROL_A, CAROL_B, DAVE, DAVE_B, LIMITS, alter, pseudonym, register, settle_in
from tests.ledger.world import BOB, HOUR_MS, START_MS, World, grant, hold, signers

if TYPE_CHECKING:
    from tests.ledger.breaks import Change

TINY = Limit("tiny", 799, None, None, None, anonymous=False)
TRAVEL_MIN = 700
TODAY = "2026-11-18"
"""Business date of the world's first block."""
COMPLIANCE = signers("bank-b/compliance")
TRAVEL = Travel("bank-b", "IVMS101", sha256(b"who pays whom").digest())
UETR = bytes(range(16))
HOLDER = f"holder/{CAROL.hex()}"
KNOWN = tuple(PseudonymAt(name, pseudonym(CAROL, name)) for name in ("bank-a", "bank-b"))


def spent(day_out: int, month_out: int) -> Change:
    """Let carol have spent so much."""
    return edited(f"limit/{CAROL.hex()}/KGS", day=TODAY, day_out=day_out, month=TODAY[:7], month_out=month_out)


def policy(**fields: object) -> Change:
    """Change the policy of KGS."""
    return edited("asset/KGS", "policy", **fields)


def limited(world: World) -> None:
    """Give carol 3,000, then limits and a travel rule to everybody."""
    settle_in(world)
    world.issue(CAROL_A, 3_000)
    alter(world, limits=(*LIMITS, TINY), travel_min=TRAVEL_MIN)


def to_dave(world: World) -> Pay:
    """Pay 800 to dave, who banks elsewhere."""
    limited(world)
    return Pay((Leg(CAROL_A, DAVE_B, "KGS", 800, 0, ""),), "atomic", "test", None, "", (TRAVEL,), None)


def back_from_dave(world: World) -> Pay:
    """Return 200 of 500 that carol paid with a UETR."""
    limited(world)
    legs = (Leg(CAROL_A, DAVE_B, "KGS", 500, 0, ""),)
    paid = world.must(Pay(legs, "atomic", "test", UETR, "", None, None), by=BANK_A, sender="bank-a")
    return Pay((Leg(DAVE_B, CAROL_A, "KGS", 200, 0, ""),), "atomic", "test", None, "", None, ReturnOf(paid.tx_id, 0))


def too_old(world: World, body: object) -> object:
    """Let the time for returns be over."""
    for key in [key for key in world.state.records if key.startswith("return/")]:
        edited(key, until=START_MS)(world, body)  # type: ignore[arg-type]
    return body


def held_for_dave(world: World) -> object:
    """Hold 800 for dave."""
    limited(world)
    return hold(CAROL_A, DAVE_B, 800, until=world.time_ms + HOUR_MS, settle_by="bank-b", void_by="bank-a")


def held_for_carol(world: World) -> Settle:
    """Hold 3,000 for carol, who may get only 2,000 more by now."""
    limited(world)
    body = hold("bank-a/main", CAROL_B, 3_000, until=world.time_ms + HOUR_MS, settle_by="bank-b")
    return Settle(world.must(body, by=BANK_A, sender="bank-a").tx_id, 3_000, b"")


def of_carol(world: World) -> AccountOpen:
    """Open a wallet of carol's."""
    register(world, CAROL)
    return AccountOpen(CAROL_A, "wallet", pseudonym(CAROL, "bank-a"), None, ())


def issued_to_carol(world: World) -> Issue:
    """Issue 2,000 to carol, as much as she may get."""
    limited(world)
    return Issue("KGS", CAROL_B, 2_000, "order 7", None)


def wrapped_by_carol(world: World) -> Issue:
    """Let carol wrap 800 of her soms."""
    limited(world)
    world.must(AssetPut(vault_policy()), by=[*BY_ROOT, *TREASURY])
    world.must(GrantPut(grant("issue-KGST", "issue", "treasury", asset=WRAPPED)), by=BY_ROOT)
    return Issue(WRAPPED, CAROL_A, 800, "deposit", CAROL_A)


TIERS = (
    Break("a tier that is listed", 132, edited(HOLDER, tier="gone")),
    Break("a tier that lasts", 132, edited(HOLDER, valid_until=START_MS)),
    Break("a tier of the other side", 132, edited(f"holder/{DAVE.hex()}", tier="gone")),
)
PEOPLE = (
    Case(
        "holder.put",
        lambda _world: HolderPut(CAROL, "basic", LATER, KNOWN),
        OPERATOR,
        (
            Break("participant", 120, asked(pseudonyms=(PseudonymAt("bank-x", KNOWN[0].pseudonym),))),
            Break("a pseudonym of nobody else", 125, put(pseudonym_key("bank-b", KNOWN[1].pseudonym), Pseudonym(DAVE))),
            Break("grant tier", 112, no_grant("tier", "tier")),
            Break("its begin", 112, edited("grant/tier", "grant", not_before=LATER)),
            Break("its quota", 113, both(edited("grant/tier", used=1), edited("grant/tier", "grant", quota=Quota(1, "once")))),
            Break("room for pseudonyms", 127, put(HOLDER, Holder(CAROL, "basic", 0, 255))),
        ),
    ),
    Case(
        "account.open of a holder",
        of_carol,
        [*OPERATOR, *BANK_A],
        (Break("a registered pseudonym", 132, asked(pseudonym=bytes(16))),),
    ),
    Case(
        "account.open with classes",
        lambda _world: AccountOpen("bank-a/shop", "wallet", b"", None, ("mcc:8211@treasury", "school")),
        [*OPERATOR, *BANK_A, *signers("treasury/ops")],
        (
            Break("who vouches", 120, asked(classes=("mcc:8211@bank-x",))),
            Break("active who vouches", 121, edited("participant/treasury", status="suspended")),
            Break("classes of the grant", 112, edited("grant/wallet-bank-a", "grant", scope=Scope("", "", "", ("mcc:*",)))),
            Break("a limited number of anonymous wallets", 112, asked(classes=(ANONYMOUS,))),
        ),
    ),
    Case(
        "account.set, classes",
        lambda _world: AccountSet(BOB, "", None, ("mcc:8211@treasury", "school")),
        [*OPERATOR, *BANK_B, *signers("treasury/ops")],
        (
            Break("who vouches", 120, asked(classes=("mcc:8211@bank-x",))),
            Break("grant wallet", 112, no_grant("wallet-bank-b", "wallet")),
            Break("classes of the grant", 112, edited("grant/wallet-bank-b", "grant", scope=Scope("", "", "", ("mcc:*",)))),
            Break(
                "its quota",
                113,
                both(edited("grant/wallet-bank-b", used=1), edited("grant/wallet-bank-b", "grant", quota=Quota(1, "once"))),
            ),
            Break(
                "anonymity from the start",
                133,
                both(edited("grant/wallet-bank-b", "grant", quota=Quota(9, "month")), asked(classes=(ANONYMOUS,))),
                [*OPERATOR, *BANK_B],
            ),
        ),
    ),
    Case(
        "pay between people",
        to_dave,
        [*BANK_A, *COMPLIANCE],
        (
            Break("room for the creditor", 154, edited(f"holder/{DAVE.hex()}", tier="tiny")),
            Break("a transaction within the tier", 155, leg(0, amount=1_001)),
            Break("a day within the tier", 156, spent(1_201, 1_201)),
            Break("a month within the tier", 156, spent(0, 2_201)),
            Break("travel data", 157, asked(travel=None), BANK_A),
            Break("travel data that is needed", 158, policy(travel_min=801)),
            *TIERS,
            Break("a holder", 132, leg(0, credit=BOB)),
            Break("a class that may receive", 132, policy(receive=("mcc:*",))),
        ),
        "bank-a",
    ),
    Case(
        "pay, a return",
        back_from_dave,
        BANK_B,
        (
            Break("the payment", 172, asked("return_of", tx_id=bytes(32))),
            Break("its leg", 172, asked("return_of", leg=1)),
            Break("its payer", 172, leg(0, credit=CAROL_B)),
            Break("so much left of it", 172, leg(0, amount=501)),
            Break("a payment not too old", 172, too_old),  # type: ignore[arg-type]
        ),
        "bank-b",
    ),
    Case(
        "hold between people",
        held_for_dave,  # type: ignore[arg-type]
        [*BANK_A, *COMPLIANCE],
        (
            Break("a transaction within the tier", 155, asked(amount=1_001)),
            Break("a day within the tier", 156, spent(1_201, 1_201)),
            *TIERS,
            Break("a class that may receive", 132, policy(receive=("mcc:*",))),
        ),
        "bank-a",
    ),
    Case(
        "settle beyond a limit",
        held_for_carol,
        BANK_B,
        (Break("a settlement account for the excess", 122, edited("account/bank-b/main", status="closed")),),
        "bank-b",
    ),
    Case(
        "issue to a holder",
        issued_to_carol,
        BY_ROOT,
        (
            Break("room", 154, asked(amount=2_001)),
            *TIERS[:2],
        ),
    ),
    Case(
        "issue, a wrap by a person",
        wrapped_by_carol,
        [*TREASURY, *BANK_A],
        (
            Break("a transaction within the tier", 155, asked(amount=1_001)),
            Break("a day within the tier", 156, spent(1_201, 1_201)),
            Break("a month within the tier", 156, spent(0, 2_201)),
            *TIERS[:2],
        ),
        "treasury",
    ),
)
