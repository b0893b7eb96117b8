"""Holds: reserved value (L8, L19). Stored under `hold/ID` in the tree of the source account's participant."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.assets import FeeRule
from ledger.conditions import Kept
from ledger.types import AccountText, AmountOrZero, AssetText, Hash32, TargetText, Text64, TimeMs


class Hold(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Value reserved on `source` for `target`. An open hold has left > 0; a used up, voided or lapsed one is removed from the state."""

    id: Hash32
    """tx_id of the hold transaction."""
    source: AccountText
    target: TargetText
    asset: AssetText
    amount: AmountOrZero
    """As placed, minor units."""
    left: AmountOrZero
    until: TimeMs
    """Void for every read and check from this block time on."""
    settle_by: Text64
    """Participant or account whose quorum settles; empty: whoever shows what the condition asks for."""
    void_by: Text64
    """Participant or account that releases; of a purse, that revokes it."""
    condition: Kept
    kind: Literal["authorisation", "escrow", "queue", "offline"]
    """queue: a redemption that waits for the issuer; its target is the contra account. offline: a purse."""
    fee_rule: FeeRule | None
    """The rule at placement; it stays (L17)."""
    fee_left: AmountOrZero
    """Fee still reserved: held on the source is left + fee_left."""
    window: Annotated[str, Meta(max_length=10)] = ""
    """Business date whose limits it counts in, as "2026-11-21"; empty: in none (L18)."""
