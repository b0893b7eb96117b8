"""What leaves circulation: the totals of every way by which an asset is redeemed (L7, L18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.backing import reweighed
from ledger.indexes import put_indexed
from ledger.transactions.work import existing_asset

if TYPE_CHECKING:
    from ledger.transactions.work import Work


def count_redeemed(work: Work, code: str, amount: int) -> None:
    """Take an amount off the supply, and weigh what backs the rest: a redemption may end a shortfall."""
    asset = existing_asset(work.overlay, code)
    asset = replace(asset, supply=asset.supply - amount, redeemed=asset.redeemed + amount)
    put_indexed(work.overlay, f"asset/{code}", reweighed(work.overlay, asset, work.context))
