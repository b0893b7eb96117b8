"""Refusals of the rules of backing (L9, L20, L21). `ledger.errors` lists them with all others."""

from __future__ import annotations

from ledger.refusals import Ordered


class BackingTooLow(Ordered):
    """What is eligible does not cover the supply after the issue."""

    code = 161
    sentence = "{asset} has {eligible} eligible; {circulating} would circulate, {foreign} of it abroad, at a ratio of {ratio} bps"


class StaleReserve(Ordered):
    """An attestation of the reserve or of a supply abroad is missing or too old."""

    code = 162
    sentence = "{asset}: {what} is missing or too old"


class StalePrice(Ordered):
    """Too few sources have reported a price lately."""

    code = 163
    sentence = "{asset}: feed {feed} has no price now"


class VaultRule(Ordered):
    """The reserve is locked in a vault, and this does not go through it as it must."""

    code = 164
    sentence = "{asset}: {reason}"
