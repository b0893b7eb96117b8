"""A receipt for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cli.explain import explain

if TYPE_CHECKING:
    from cli.output import Json
    from cli.session import Session
    from node.api.structs import EntryBody, ReceiptBody

ROWS_MAX = 20
"""Entries shown to people; `--json` gives all."""


def receipt_json(receipt: ReceiptBody | None) -> Json:
    """Return the receipt as the API gives it."""
    built: Json = msgspec.to_builtins(receipt)
    return built


def receipt_rows(session: Session, receipt: ReceiptBody | None) -> list[tuple[str, str]]:
    """Lines for people: where it stands, what the network said, what changed."""
    if receipt is None:
        return []
    rows = [
        ("block", f"{receipt.height}, position {receipt.index}"),
        ("outcome", "OK" if receipt.code == 0 else f"refused with {receipt.code} {receipt.name}, nothing moved"),
    ]
    if receipt.failed_leg is not None:
        rows.append(("failed leg", str(receipt.failed_leg)))
    refused = [f"leg {leg}: {explain(code)}" for leg, code in enumerate(receipt.codes) if code]
    rows.extend(("refused", text) for text in refused[:ROWS_MAX])
    rows.extend(("change", _change(session, entry)) for entry in receipt.entries[:ROWS_MAX])
    more = max(0, len(receipt.entries) - ROWS_MAX)
    return [*rows, *([("", f"and {more} more changes (--json shows all)")] if more else [])]


def _change(session: Session, entry: EntryBody) -> str:
    parts = [_signed(session, entry.posted, entry.asset)] if int(entry.posted) else []
    if int(entry.held):
        parts.append(f"held {_signed(session, entry.held, entry.asset)}")
    return f"{entry.account}  {', '.join(parts) or 'nothing'}"


def _signed(session: Session, amount: str, asset: str) -> str:
    text = session.units.text(amount, asset)
    return text if text.startswith("-") else f"+{text}"
