"""People of the test network: holders with wallets at two banks, and an asset with limits; for cases, rules and histories."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import Asset
from ledger.grants import Quota
from ledger.holders import ANONYMOUS, Limit, PseudonymAt
from ledger.transactions.bodies import AccountOpen, AssetPut, GrantPut, HolderPut
from tests.ledger.world import BOARD, World, grant, signers

if TYPE_CHECKING:
    from ledger.assets import Policy

OPERATOR, BANK_A, BANK_B = signers("operator/ops"), signers("bank-a/ops"), signers("bank-b/ops")
BASIC = Limit("basic", 5_000, 1_000, 2_000, 3_000, anonymous=False)
FULL = Limit("full", None, None, None, None, anonymous=False)
NAMELESS = Limit("nameless", 500, 100, 200, 300, anonymous=True)
LIMITS = (BASIC, FULL, NAMELESS)
CAROL, DAVE = sha256(b"carol").digest()[:16], sha256(b"dave").digest()[:16]
CAROL_A, CAROL_A2, CAROL_B, DAVE_B = "bank-a/carol", "bank-a/carol.2", "bank-b/carol", "bank-b/dave"
"""Wallets without keysets of their own: their banks sign."""
GHOST_A, GHOST_B = "bank-a/ghost", "bank-b/ghost"
"""Anonymous wallets."""
COUNTED = 3
"""Anonymous wallets that a bank may open in a month."""


def pseudonym(holder: bytes, participant: str) -> bytes:
    """Return the name under which a participant knows a holder."""
    return sha256(holder + participant.encode()).digest()[:16]


def register(world: World, holder: bytes, tier: str = "basic", valid_until: int = 0) -> None:
    """Register a holder with a pseudonym at both banks."""
    known = tuple(PseudonymAt(name, pseudonym(holder, name)) for name in ("bank-a", "bank-b"))
    world.must(HolderPut(holder, tier, valid_until, known), by=OPERATOR)


def open_wallet(world: World, account: str, holder: bytes | None = None) -> None:
    """Open a wallet of a holder, or an anonymous one."""
    bank = account.partition("/")[0]
    behind, classes = (pseudonym(holder, bank), ()) if holder else (b"", (ANONYMOUS,))
    world.must(AccountOpen(account, "wallet", behind, None, classes), by=signers(f"{bank}/ops"), sender=bank)


def alter(world: World, **fields: object) -> None:
    """Give the asset another policy."""
    world.must(AssetPut(changed_policy(world, **fields)), by=[*OPERATOR, *BOARD])


def changed_policy(world: World, **fields: object) -> Policy:
    """Return the policy of KGS with other fields."""
    asset = world.state.get("asset/KGS")
    if not isinstance(asset, Asset):
        raise TypeError("there is no asset KGS")
    return replace(asset.policy, **fields)


def peopled(*, money: int = 10_000, limits: tuple[Limit, ...] = LIMITS) -> World:
    """Return a world in which carol banks at two banks, dave at one, and two wallets are anonymous; limits last, money in tills first."""
    world = World(money=money)
    settle_in(world)
    alter(world, limits=limits)
    return world


def settle_in(world: World) -> None:
    """Register carol and dave, open their wallets and two anonymous ones."""
    register(world, CAROL)
    register(world, DAVE, "full")
    for bank in ("bank-a", "bank-b"):
        counted = grant(f"wallet-{bank}-anonymous", "wallet", bank, participant=bank, quota=Quota(COUNTED, "month"))
        world.must(GrantPut(counted), by=[*OPERATOR, *BOARD])
    for account in (CAROL_A, CAROL_A2, CAROL_B):
        open_wallet(world, account, CAROL)
    open_wallet(world, DAVE_B, DAVE)
    for account in (GHOST_A, GHOST_B):
        open_wallet(world, account)
