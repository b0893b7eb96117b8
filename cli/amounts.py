"""Amounts as people write them: decimal, in major units of the asset (`12.50`), never rounded and never a float."""

from __future__ import annotations

import re

from cli.faults import Misuse
from ledger.types import AMOUNT_MAX

_FORM = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)


def parse_amount(text: str, *, asset: str, decimals: int) -> int:
    """Minor units of a decimal text.

    Raises
    ------
    Misuse
        Not digits with at most one point, more digits after the point than the asset has, zero, or beyond 18 digits (L1).
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise Misuse(f"{text!r} is not an amount: write digits and at most one point, without signs or separators, such as 12.50")
    major, minor = found.group(1), found.group(2) or ""
    if len(minor) > decimals:
        raise Misuse(f"{text} has {len(minor)} digits after the point, {asset} has {_digits(decimals)}, and nothing is rounded here")
    amount = int(major + minor.ljust(decimals, "0"))
    if not 1 <= amount <= AMOUNT_MAX:
        low, high = format_amount(1, decimals), format_amount(AMOUNT_MAX, decimals)
        raise Misuse(f"{text} {asset} is out of range: {low} to {high} is possible")
    return amount


def format_amount(amount: int, decimals: int) -> str:
    """Decimal text of minor units, all digits of the asset shown; what `parse_amount` reads back."""
    sign, digits = ("-" if amount < 0 else ""), str(abs(amount)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def _digits(decimals: int) -> str:
    return "none" if decimals == 0 else f"at most {decimals}"
