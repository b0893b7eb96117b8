"""Accounts: where value sits. Stored under `account/ID` and `balance/ID/ASSET` in the tree of the participant before the slash."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.types import AccountText, AmountOrZero, AmountSigned, ClassText, Text35

AccountKind = Literal["settlement", "wallet", "vault", "contra", "fee", "clearing"]
AccountStatus = Literal["open", "closing", "closed"]
CLASSES_MAX = 16
"""Classes of one account, and patterns of one policy or grant."""


class Account(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Kind, authority, class and status of an account."""

    id: AccountText
    kind: AccountKind
    pseudonym: Annotated[bytes, Meta(max_length=16)]
    """Of a wallet: whose it is, in the words of its participant (16 bytes); empty: nobody's that the ledger knows."""
    keyset: Text35
    """Name of its keyset (`keyset/ACCOUNT/NAME`); empty: its servicer signs."""
    status: AccountStatus
    classes: Annotated[tuple[ClassText, ...], Meta(max_length=CLASSES_MAX)]
    """Sorted, unique; see `ledger.classes`."""
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
