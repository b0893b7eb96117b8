"""Accounts: where value sits. Stored under `account/ID` and `balance/ID/ASSET` in the tree of the participant before the slash."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.types import AccountText, AmountOrZero, AmountSigned, Text35

AccountKind = Literal["settlement", "wallet", "vault", "contra", "fee", "clearing"]
AccountStatus = Literal["open", "closing", "closed"]


class Account(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Kind, authority and status of an account. `pseudonym` and `classes` belong to later rules and must be empty."""

    id: AccountText
    kind: AccountKind
    pseudonym: Annotated[bytes, Meta(max_length=0)]
    keyset: Text35
    """Name of its keyset (`keyset/ACCOUNT/NAME`); empty: its servicer signs."""
    status: AccountStatus
    classes: Annotated[tuple[Text35, ...], Meta(max_length=0)]
    holds: Annotated[int, Meta(ge=0, le=256)]
    """Number of open holds (L19)."""


class Balance(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Posted and held minor units of one asset. Only a contra account is negative: minus its posted *is* the supply."""

    posted: AmountSigned
    held: AmountOrZero


class Total(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Sums over all accounts of one participant and asset, contra included; kept once per block (`total/ASSET` in each tree)."""

    posted: AmountSigned
    held: AmountOrZero
