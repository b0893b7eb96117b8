"""Payments between wallets whose holders have limits, at saturation: two more leaves for each payment (performance.md, Goals)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec.structs import replace

from devnet.bench.scenarios import ACCOUNTS_PER_BANK, ASSET, final, payments
from devnet.client import Client
from ledger.assets import Asset
from ledger.genesis import first_records
from ledger.genesis_document import parse_genesis
from ledger.holders import Limit, PseudonymAt
from ledger.transactions.bodies import AccountOpen, AssetPut, HolderPut, Issue

if TYPE_CHECKING:
    from devnet.bench.report import Figure
    from devnet.network import Network
    from ledger.assets import Policy

BANKS = ("bank-a", "bank-b")
TIER = "bench"
MOST = 10**17
"""Limit of a balance, a transaction, a day and a month: looked up and counted, and never reached."""


async def prepare_wallets(network: Network) -> dict[str, tuple[str, ...]]:
    """Register a person for each wallet, open the wallets, give them money and give the asset limits; return them by bank."""
    wallet = network.wallet
    made = {bank: tuple(f"{bank}/person-{number:02}" for number in range(ACCOUNTS_PER_BANK)) for bank in BANKS}
    known = {name: secrets.token_bytes(16) for names in made.values() for name in names}
    people = [
        wallet.sign("operator", HolderPut(secrets.token_bytes(16), TIER, 0, (PseudonymAt(name.partition("/")[0], pseudonym),)))
        for name, pseudonym in known.items()
    ]
    opening = [wallet.sign(name.partition("/")[0], AccountOpen(name, "wallet", pseudonym, None, ())) for name, pseudonym in known.items()]
    money = [wallet.sign("operator", Issue(ASSET, name, 10**12, "bench", None), *network.issue_keysets) for name in known]
    limited = wallet.sign("operator", AssetPut(policy_with_limits(network)), *network.issue_keysets)
    async with Client(network.validators[0].api_url) as client:
        for batch in (people, opening, money, [limited]):
            await final(client, batch)
    return made


def policy_with_limits(network: Network) -> Policy:
    """Return the asset's policy with a tier."""
    genesis = parse_genesis((network.plan.data / "genesis.json").read_text())
    asset = first_records(genesis)[f"asset/{ASSET}"]
    if not isinstance(asset, Asset):
        raise TypeError(f"there is no asset {ASSET}")
    return replace(asset.policy, limits=(Limit(TIER, MOST, MOST, MOST, MOST, anonymous=False),))


async def wallet_payments(network: Network, seconds: float) -> list[Figure]:
    """Signed payments between wallets with limits, one signature, one leg: how many, and what they cost."""
    made = await prepare_wallets(network)
    return (await payments(network, made, seconds, "payments between wallets with limits", ">= 42 % of the limit"))[:1]
