"""Scalars of the client API with their patterns, and the small structs that stand inside those of `node.api.structs`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

MinorUnits = Annotated[str, Meta(pattern=r"^-?[0-9]{1,19}$", description="minor units of the asset, a whole number")]
Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="32 bytes, lower-case hex")]
HexBytes = Annotated[str, Meta(pattern=r"^([0-9a-f]{2})*$", description="bytes, lower-case hex")]
Base64 = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]*={0,2}$", description="bytes, base64 with padding")]
Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]

BATCH_MAX = 1_000
"""Transactions in one POST."""
ENTRIES_PAGE_MAX = 500
"""Entries of an account in one page: about 100 kB of JSON."""


class ScopeBody(Struct, frozen=True):
    """What a grant is limited to; an empty field does not limit."""

    asset: str
    participant: str
    account: str
    classes: tuple[str, ...] = ()
    """Of `wallet`: patterns of the classes that it may give to accounts."""


class LimitBody(Struct, frozen=True):
    """What holders of a tier may have and spend in one asset; None: no limit (L16)."""

    tier: str
    balance_max: MinorUnits | None
    tx_max: MinorUnits | None
    day_out_max: MinorUnits | None
    month_out_max: MinorUnits | None
    anonymous: bool
    """The tier of wallets without holder."""


class QuotaBody(Struct, frozen=True):
    """How much may be done under a grant, and what is used of it in the window that `window` names."""

    amount: MinorUnits
    per: str
    window: str
    used: MinorUnits


class NeedBody(Struct, frozen=True):
    """At least m of these keysets must sign."""

    m: Whole
    of: tuple[str, ...]


class KeyBody(Struct, frozen=True):
    """One public key of a keyset."""

    public_key: Hex32
    not_after: Whole


class WaitingBody(Struct, frozen=True):
    """What is to become of a keyset (L24)."""

    by: Literal["current", "recovery"]
    """`recovery`: it is being recovered; `current`: it changes who may recover it, or how slowly."""
    due: Whole
    """Unix ms from which on it is so."""
    objected: Whole
    """Unix ms at which the keyset objected; 0: it has not."""
    m: Whole
    keys: tuple[KeyBody, ...]
    recovery: str
    delay_ms: Whole


class KeysetBody(Struct, frozen=True):
    """m of n keys, as they count at the newest block."""

    name: str
    m: Whole
    keys: tuple[KeyBody, ...]
    recovery: str = ""
    """Keyset that may recover it: of the participant, or of who services the account. Empty: none."""
    delay_ms: Whole = 0
    suspended: bool = False
    """It objected to its recovery: it signs nothing until the registrar decides."""
    waiting: WaitingBody | None = None


class HeaderBody(Struct, frozen=True):
    """Fields of a block header, for reading; check `header` of the block, never these."""

    version: Whole
    chain: Hex32
    epoch: Whole
    height: Whole
    view: Whole
    parent: Hex32
    time_ms: Whole
    proposer: Whole
    next: Hex32
    body: Hex32
    transactions_root: Hex32
    participants_root: Hex32
    assets_root: Hex32
    governance_root: Hex32


class FeeRuleBody(Struct, frozen=True):
    """L17: min(max, max(min, fixed + floor(amount * bps / 10000))); a kind of "" fits every kind."""

    type: str
    debit_kind: str
    credit_kind: str
    fixed: MinorUnits
    bps: Whole
    min: MinorUnits
    max: MinorUnits


class BalanceBody(Struct, frozen=True):
    """Balances of one asset; available = posted - held."""

    asset: str
    posted: MinorUnits
    held: MinorUnits
    """By open holds. Those that have lapsed hold nothing, swept or not."""
    available: MinorUnits
    lapsed: MinorUnits = "0"
    """Held by lapsed holds that wait for their sweep: the leaf that a proof shows still counts it as held."""


class TotalBody(Struct, frozen=True):
    """Sums of one asset at one participant, its contra account included, as every block keeps them."""

    participant: str
    posted: MinorUnits
    held: MinorUnits
    """Lapsed holds count until their sweep, as in the leaves that a proof shows."""


class ReturnBody(Struct, frozen=True):
    """A payment that returned another one, or a part of it."""

    tx_id: Hex32
    height: Whole
    asset: str
    amount: MinorUnits
