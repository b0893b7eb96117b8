"""Limits, classes and the travel rule of an asset, as `som asset put` takes them and `som asset show` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cli.amounts import format_amount, parse_amount
from cli.faults import Misuse
from ledger.classes import check_pattern
from ledger.holders import Limit
from ledger.transactions.people_forms import check_tier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.api.parts import LimitBody
    from node.api.structs import AssetBody

LIMIT_FORM = "TIER:BALANCE:TRANSACTION:DAY:MONTH[:anonymous]"
NONE = "none"
ANONYMOUS = "anonymous"
PARTS, PARTS_ANONYMOUS = 5, 6

Units = tuple[str, int]
"""Code and decimals of an asset."""


def limits_of(texts: Sequence[str] | None, old: AssetBody | None, units: Units) -> tuple[Limit, ...]:
    """Limits of a policy: as written, or as they are where nothing was."""
    if texts is not None:
        return tuple(sorted((_limit(text, units) for text in texts if text != NONE), key=lambda each: each.tier))
    return tuple(_known(each) for each in old.limits) if old is not None else ()


def patterns_of(texts: Sequence[str] | None, old: AssetBody | None) -> tuple[str, ...]:
    """Patterns of classes that may be paid."""
    if texts is None:
        return old.receive if old is not None else ()
    found = tuple(sorted({text for text in texts if text != NONE}))
    for pattern in found:
        check_pattern(pattern)
    return found


def travel_min_of(text: str, old: AssetBody | None, units: Units) -> int:
    """Amount from which on travel data is needed; 0: never."""
    if not text:
        return int(old.travel_min) if old is not None else 0
    return 0 if text == NONE else parse_amount(text, asset=units[0], decimals=units[1])


def limit_lines(found: AssetBody) -> list[tuple[str, str]]:
    """Lines of `som asset show`."""

    def text(amount: str | None) -> str:
        return "no limit" if amount is None else format_amount(int(amount), found.decimals)

    lines = []
    for each in found.limits:
        whose = f"{each.tier}, for wallets without holder" if each.anonymous else each.tier
        spending = f"transaction {text(each.tx_max)}, day {text(each.day_out_max)}, month {text(each.month_out_max)}"
        lines.append(("limit", f"{whose}: balance {text(each.balance_max)}, {spending}"))
    if found.receive:
        lines.append(("receives", ", ".join(found.receive)))
    if int(found.travel_min):
        lines.append(("travel data", f"from {text(found.travel_min)} {found.code} on"))
    return lines


def _limit(text: str, units: Units) -> Limit:
    parts = text.split(":")
    if len(parts) not in (PARTS, PARTS_ANONYMOUS) or parts[PARTS:] not in ([], [ANONYMOUS]):
        raise Misuse(f"{text!r} is not a limit: write {LIMIT_FORM}")
    check_tier(parts[0])
    balance, transaction, day, month = (None if not part else _minor(part, units) for part in parts[1:PARTS])
    return Limit(parts[0], balance, transaction, day, month, anonymous=len(parts) == PARTS_ANONYMOUS)


def _minor(text: str, units: Units) -> int:
    return 0 if not text.strip("0.") else parse_amount(text, asset=units[0], decimals=units[1])


def _known(limit: LimitBody) -> Limit:
    numbers = (limit.balance_max, limit.tx_max, limit.day_out_max, limit.month_out_max)
    try:
        return msgspec.convert((limit.tier, *(None if number is None else int(number) for number in numbers), limit.anonymous), Limit)
    except msgspec.ValidationError as error:
        raise Misuse(f"the node shows a limit that is none: {error}") from None
