"""Amounts: what is read back is what was written, and nothing is ever rounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from cli.amounts import format_amount, parse_amount
from cli.faults import Misuse
from ledger.types import AMOUNT_MAX


@given(amount=integers(1, AMOUNT_MAX), decimals=integers(0, 8))
def test_what_is_shown_is_read_back(amount: int, decimals: int) -> None:
    """Goal: no amount changes between screen and ledger. Method: every amount, every number of decimals."""
    assert parse_amount(format_amount(amount, decimals), asset="KGS", decimals=decimals) == amount


@pytest.mark.parametrize(
    ("text", "minor"), [("12.50", 1250), ("12.5", 1250), ("12", 1200), ("0.01", 1), ("007", 700), ("9999999999999999.99", AMOUNT_MAX)]
)
def test_major_units(text: str, minor: int) -> None:
    assert parse_amount(text, asset="KGS", decimals=2) == minor


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1,000.00", "1 000", "1e3", ".5", "5.", "1.2.3", "0x10", "12.50 ", "\u0661", "NaN", "1_000", "9" * 19]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Misuse, match="is not an amount"):
        parse_amount(text, asset="KGS", decimals=2)


def test_more_digits_than_the_asset_has_are_refused() -> None:
    """Goal: 12.505 is not 12.50 and not 12.51. Method: one digit too many, and any digit where there are none."""
    with pytest.raises(Misuse, match=r"12\.505 has 3 digits after the point, KGS has at most 2"):
        parse_amount("12.505", asset="KGS", decimals=2)
    with pytest.raises(Misuse, match="JPYC has none"):
        parse_amount("1.0", asset="JPYC", decimals=0)


@pytest.mark.parametrize("text", ["0", "0.00", "10000000000000000", "99999999999999999.99"])
def test_zero_and_more_than_18_digits_are_refused(text: str) -> None:
    with pytest.raises(Misuse, match="out of range"):
        parse_amount(text, asset="KGS", decimals=2)


def test_negative_amounts_are_shown_with_their_sign() -> None:
    assert (format_amount(-5, 2), format_amount(-1250, 2), format_amount(-7, 0)) == ("-0.05", "-12.50", "-7")
