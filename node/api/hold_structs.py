"""Bodies of `/v1/holds`: amounts are text, hashes and keys lower-case hex."""

from __future__ import annotations

from msgspec import Struct

from node.api.parts import Hex32, MinorUnits, Whole


class PurseBody(Struct, frozen=True):
    """What a hold says of the device that draws on it."""

    key: Hex32
    """Ed25519, of the device."""
    valid_to: Whole
    """The device signs nothing from then on."""
    grace: Whole
    """Milliseconds that payees have to bring receipts in, after `valid_to` or after it was revoked."""
    used: tuple[Whole, ...]
    """Counters of the receipts that were settled, ascending."""
    revoked: Whole
    """When its loss was reported; 0: it was not."""


class HoldDetail(Struct, frozen=True):
    """An open hold. One that is used up, voided or lapsed is not there any more."""

    id: Hex32
    source: str
    target: str
    """An account; or a pattern of classes, without slash: a settle names one of them. `*`: any account."""
    asset: str
    amount: MinorUnits
    left: MinorUnits
    until: Whole
    settle_by: str
    """Empty: whoever shows what the condition asks for."""
    void_by: str
    condition: str
    """`none`, `sha256`, `arbiter` or `device`."""
    kind: str
    fee_left: MinorUnits
    as_of: Whole
    hash: str = ""
    """Of `sha256`: the hash of the secret, 64 hex characters."""
    arbiter: str = ""
    """Of `arbiter`: the participant or account that agrees to a settle."""
    purse: PurseBody | None = None
    """Of `device`."""
