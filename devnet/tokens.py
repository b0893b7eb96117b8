"""The part of the demonstration day about other assets than the som: KGST on locked soms, USDKG on attested gold.

Each is defined once; a network that is started again has it already. The devnet has few roles: the treasury issues both, the operator
decides an issue of USDKG with it, bank A attests the gold and bank B reports its price (L10: neither of them issues).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, Protocol

from ledger.assets import Policy
from ledger.attestations import Attestation
from ledger.grants import Grant, Need, Scope
from ledger.reserves import Feed, Reserve, Route, Terms
from ledger.transactions.bodies import AssetPut, Attest, GrantPut, Issue, Redeem
from node.api.reserve_structs import ReserveBody

if TYPE_CHECKING:
    from devnet.client import Client
    from devnet.output import Output
    from devnet.wallet import Signed, Wallet
    from ledger.grants import Permission

ISSUER, AUDITOR, SOURCE = "treasury", "bank-a", "bank-b"
QUORUM = ("operator/ops", "treasury/ops")
"""Of root, and of an issue of USDKG."""
DAY_MS = 86_400_000
BEHIND_MS = 1_000
"""A fact of now is dated this far back: the block that takes it may have a clock that is a little behind."""
GOLD = 3_760_000_000_000
"""376 kg in 10^-7 g."""
OUNCE = 311_034_768
"""10^-7 g."""
OUNCE_USD = 4_160_917_242
"""4,160.917242 dollars."""
ISSUED = 45_269_999_000_000
"""45,269,999.00 USDKG: what that gold is good for after a haircut of a tenth, in whole dollars."""
UNIT = 1_000_000
BACKING = 161


class Day(Protocol):
    """The day that these steps are part of."""

    client: Client
    output: Output
    wallet: Wallet

    async def do(self, what: str, signed: Signed) -> None:
        """Submit, show the receipt, insist that it took effect."""

    async def refused(self, what: str, signed: Signed, code: int) -> None:
        """Submit, show the receipt, insist that it was refused with this code."""


async def wrapped_soms(day: Day) -> None:
    """Mint KGST against soms that are locked in its vault, and take some of them out again."""
    day.output.title("KGST: 250,000.00 minted against as many soms locked in its vault, then 50,000.00 of them taken out again")
    await define_wrapped(day)
    mint = Issue(asset="KGST", to="bank-a/main", amount=25_000_000, basis="soms locked", source="bank-a/main")
    await day.do("bank-a locks soms and gets KGST", day.wallet.sign(ISSUER, mint, f"{ISSUER}/ops", "bank-a/ops"))
    back = Redeem(asset="KGST", source="bank-a/main", amount=5_000_000, payout_ref="soms back", to="bank-a/main")
    await day.do("bank-a takes 50,000.00 soms out", day.wallet.sign("bank-a", back))


async def define_wrapped(day: Day) -> None:
    """Define KGST, where no earlier day did."""
    if not await exists(day, "KGST"):
        vault = Reserve("vault", "KGS", 10_000, (), (), ())
        await day.do("define KGST, 1:1 on KGS", day.wallet.sign("operator", AssetPut(policy("KGST", 2, vault)), *QUORUM))
        await give(day, "issue", "KGST", ISSUER, Need(1, (f"{ISSUER}/ops",)))


async def gold(day: Day) -> None:
    """Attest gold and its price, issue what they are good for, and see one dollar more refused."""
    day.output.title("USDKG: 376 kg of gold at USD 4,160.917242 an ounce, 10 % haircut: issues 45,269,999.00, refuses 1.00 more")
    await define_gold(day)
    await watch(day, ())
    await day.do("bank-a attests 376 kg of gold", day.wallet.sign(AUDITOR, attest("reserve", "gold", "gold-2026-1", GOLD, AUDITOR)))
    price = attest("price", "XAU-USD", "USDKG:XAU-USD", OUNCE_USD, SOURCE)
    await day.do("bank-b reports the price of an ounce", day.wallet.sign(SOURCE, price))
    balances = (await day.client.account("bank-a/main")).balances
    left = next((int(each.available) for each in balances if each.asset == "USDKG"), 0)
    if left:
        away = Redeem(asset="USDKG", source="bank-a/main", amount=left, payout_ref="of another day", to=None)
        await day.do("what another day issued is redeemed", day.wallet.sign("bank-a", away))
    room = ISSUED - (await supplies(day)).get("USDKG", 0)
    await day.do(f"issue {decimal(room, 6)} USDKG", day.wallet.sign(ISSUER, dollars(room), *QUORUM))
    await day.refused("issue 1.00 USDKG more", day.wallet.sign(ISSUER, dollars(UNIT), *QUORUM), BACKING)


async def define_gold(day: Day) -> None:
    """Define USDKG, where no earlier day did."""
    if not await exists(day, "USDKG"):
        await day.do("define USDKG on gold", day.wallet.sign("operator", AssetPut(policy("USDKG", 6, _gold_reserve(()))), *QUORUM))
        await give(day, "issue", "USDKG", ISSUER, Need(2, QUORUM))
        await give(day, "attest.reserve", "USDKG", AUDITOR)
        await give(day, "attest.price", "USDKG", SOURCE)


async def watch(day: Day, routes: tuple[Route, ...]) -> None:
    """Let USDKG count what circulates on these routes, and on no other: a chain of an earlier day is gone, and nobody sees it any more."""
    if {route.id for route in (await reserve_of(day, "USDKG")).routes} != {route.id for route in routes}:
        named = ", ".join(route.id for route in routes) or "no route"
        await day.do(f"USDKG counts {named}", day.wallet.sign("operator", AssetPut(policy("USDKG", 6, _gold_reserve(routes))), *QUORUM))


def _gold_reserve(routes: tuple[Route, ...]) -> Reserve:
    terms = Terms("gold", "XAU-USD", 1_000, 10_000, 31 * DAY_MS)
    feed = Feed("XAU-USD", "XAU", "USD", OUNCE, 6, (SOURCE,), DAY_MS)
    return Reserve("attested", "", 10_000, (terms,), (feed,), routes)


async def supply_against_reserves(day: Day) -> list[tuple[str, bool]]:
    """Say what circulates of each asset and what stands behind it, and whether that covers it."""
    lines = []
    supply_of = await supplies(day)
    for asset in (await day.client.assets()).assets:
        found = await reserve_of(day, asset.code)
        out = supply_of.get(asset.code, 0)
        supply, eligible, market = (decimal(amount, asset.decimals) for amount in (out, int(found.eligible), int(found.market)))
        behind = f"eligible reserve {eligible}, at market {market}"
        if found.vault:
            behind = f"locked {found.locked} {eligible}"
        elif found.kind == "sovereign":
            behind = "on the central bank's word"
        lines.append((f"{asset.code}: supply {supply}, {behind}", found.kind == "sovereign" or out <= int(found.eligible)))
    return lines


async def exists(day: Day, code: str) -> bool:
    """Whether an asset was defined on an earlier day."""
    return any(asset.code == code for asset in (await day.client.assets()).assets)


async def supplies(day: Day) -> dict[str, int]:
    """Return what circulates of each asset, of those that are published once a day, too: the demonstration's node sees everything."""
    return {line.asset: int(line.supply) for line in (await day.client.trial_balance()).assets}


async def reserve_of(day: Day, code: str) -> ReserveBody:
    """Return what stands behind an asset."""
    return await day.client.get(f"/v1/assets/{code}/reserve", ReserveBody)


async def give(day: Day, permission: Permission, asset: str, to: str, need: Need | None = None) -> None:
    """Let root give a grant over an asset."""
    grant = Grant(f"{permission}:{asset}", to, permission, Scope(asset, "", "", ()), None, need, (), 0, 0, 0)
    await day.do(f"grant {grant.id} to {to}", day.wallet.sign("operator", GrantPut(grant), *QUORUM))


def attest(kind: Literal["reserve", "price"], name: str, subject_id: str, value: int, by: str) -> Attest:
    """Make a fact about USDKG, found just now."""
    as_of = time.time_ns() // 1_000_000 - BEHIND_MS
    return Attest(
        Attestation(
            id=subject_id,
            kind=kind,
            subject=f"USDKG:{name}",
            value=value,
            as_of=as_of,
            valid_until=0,
            doc_hash=bytes(32),
            standard="",
            by=by,
        )
    )


def dollars(amount: int) -> Issue:
    """Issue so many millionths of a dollar to bank A."""
    return Issue(asset="USDKG", to="bank-a/main", amount=amount, basis="gold attested", source=None)


def policy(code: str, decimals: int, reserve: Reserve) -> Policy:
    """Policy of an asset of the treasury, without limits, fees or cap."""
    return Policy(
        code=code,
        decimals=decimals,
        issuer=ISSUER,
        reserve=reserve,
        cap=None,
        limits=(),
        fees=(),
        queued=0,
        receive=(),
        expires=None,
        powers=("freeze", "pause", "seize"),
        publish="block",
        fixed=(),
    )


def decimal(amount: int, decimals: int) -> str:
    """Write an amount in major units, thousands apart."""
    whole, part = divmod(amount, 10**decimals)
    return f"{whole:,}.{part:0{decimals}}" if decimals else f"{whole:,}"
