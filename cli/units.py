"""Decimals of assets, so that amounts can be read and shown in major units.

An amount is signed in minor units, so a wrong number of decimals would move a hundredfold. The assets of the genesis document are
therefore taken from there (they never change once there is a supply); only for later ones the node is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.amounts import format_amount, parse_amount
from cli.client import NotThere
from cli.faults import Refusal
from ledger.names import check_asset_code
from node.api.structs import AssetBody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.client import Client
    from ledger.genesis_document import GenesisAsset


class Units:
    """Decimals by asset, each looked up once."""

    def __init__(self, policies: Sequence[GenesisAsset], client: Client) -> None:
        self._known = {policy.code: policy.decimals for policy in policies}
        self._client = client

    def parse(self, amount: str, asset: str) -> int:
        """Minor units of a decimal text; raises `Misuse` and `Refusal`."""
        return parse_amount(amount, asset=asset, decimals=self.decimals(asset))

    def text(self, amount: str | int, asset: str) -> str:
        """Decimal text of minor units, with the asset's code."""
        return f"{format_amount(int(amount), self.decimals(asset))} {asset}"

    def decimals(self, asset: str) -> int:
        """Digits after the point, 0..8.

        Raises
        ------
        Refusal
            There is no such asset.
        """
        if asset not in self._known:
            self._known[asset] = self._look_up(asset)
        return self._known[asset]

    def _look_up(self, asset: str) -> int:
        check_asset_code(asset)
        try:
            return self._client.get(f"/v1/assets/{asset}", AssetBody).decimals
        except NotThere:
            raise Refusal(f"there is no asset {asset}: `som asset list` shows those there are") from None
