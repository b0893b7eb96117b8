"""People: holders, their pseudonyms at each participant, and what counts towards their limits (L16, L18).

A holder is a natural or legal person, known to the ledger by 16 random bytes of a registry outside it. Each participant knows the person
by a pseudonym of its own, so one limit holds over all banks and no bank learns of another's customers. All of it is in the operator's tree.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ledger.types import AccountText, AmountOrZero, AssetText, Salt16, Text16, TimeMs

ANONYMOUS = "anonymous"
"""Class of a wallet that has no holder, given at opening and for ever: its limits hold for the wallet alone."""
PSEUDONYMS_MAX = 256
"""Of one holder, over all participants."""
PSEUDONYM_BYTES = 16

TierText = Annotated[str, Meta(max_length=20)]


class Limit(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a tier may have and spend in one asset, in minor units; None: no limit."""

    tier: TierText
    balance_max: AmountOrZero | None
    """Over all wallets of a holder."""
    tx_max: AmountOrZero | None
    """Debits of one transaction, fees included."""
    day_out_max: AmountOrZero | None
    """Debits of one date in Bishkek (UTC+6)."""
    month_out_max: AmountOrZero | None
    anonymous: bool
    """The tier of wallets without holder; at most one of a policy."""


class Holder(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`holder/H`: a person's tier, as the operator's registry last said."""

    id: Salt16
    tier: TierText
    """Empty: a legal person, which has no tier and no limits."""
    valid_until: TimeMs
    """From then on the holder has no tier that any policy lists; 0: no end."""
    pseudonyms: Annotated[int, Meta(ge=0, le=PSEUDONYMS_MAX)]
    """How many are registered."""


class Pseudonym(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """`pseudonym/P/X`: who participant P's pseudonym X is. It never moves to another holder and never ends."""

    holder: Salt16


class PseudonymAt(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A pseudonym for one participant, as holder.put registers it."""

    participant: Text16
    pseudonym: Salt16


class Spent(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """`limit/H/ASSET`, or `limit/ACCOUNT/ASSET` of an anonymous wallet: what its limits are measured by, in minor units.

    Kept whether or not the asset has limits now, so a policy may get them at any time.
    """

    total: AmountOrZero
    """Posted on all wallets of the holder."""
    day: Annotated[str, Meta(max_length=10)]
    """Date in Bishkek that `day_out` counts in, as "2026-11-21"; empty: nothing yet."""
    day_out: AmountOrZero
    month: Annotated[str, Meta(max_length=7)]
    month_out: AmountOrZero


class Returnable(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`return/TXID/LEG`: a payment that can be returned, and what has been (L18). In the tree of who was paid."""

    debit: AccountText
    credit: AccountText
    asset: AssetText
    amount: AmountOrZero
    returned: AmountOrZero
    """All returns together."""
    until: TimeMs
    """From then on it cannot be returned; swept when due (L19)."""


def holder_key(holder: bytes) -> str:
    """Storage key of a holder."""
    return f"holder/{holder.hex()}"


def pseudonym_key(participant: str, pseudonym: bytes) -> str:
    """Storage key of a pseudonym."""
    return f"pseudonym/{participant}/{pseudonym.hex()}"


def spent_key(person: str, asset: str) -> str:
    """Storage key of what a person's limits are measured by; a person is a holder in hex, or an anonymous wallet's id."""
    return f"limit/{person}/{asset}"


def return_key(tx_id: bytes, leg: int) -> str:
    """Storage key of a payment that can be returned."""
    return f"return/{tx_id.hex()}/{leg}"
