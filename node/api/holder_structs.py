"""Bodies of `/v1/holders`; see `node.api.structs`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from node.api.parts import MinorUnits, Whole

Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$", description="16 bytes, lower-case hex")]


class PseudonymBody(Struct, frozen=True):
    """A name under which a participant knows the person, and the wallets that it opened."""

    participant: str
    pseudonym: Hex16
    wallets: tuple[str, ...]
    """Account ids, at most 256."""


class SpentBody(Struct, frozen=True):
    """What the person's limits in one asset are measured by."""

    asset: str
    total: MinorUnits
    """Posted on all wallets."""
    day: str
    """Business date that `day_out` counts in."""
    day_out: MinorUnits
    month: str
    month_out: MinorUnits


class HolderBody(Struct, frozen=True):
    """A person as the operator's registry last said."""

    id: Hex16
    tier: str
    """Empty: a legal person, which has no limits."""
    valid_until: Whole
    """0: no end."""
    pseudonyms: tuple[PseudonymBody, ...]
    spent: tuple[SpentBody, ...]
    as_of: Whole


class PseudonymAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a participant wants to know by a pseudonym."""

    holder: Hex16
    """As the operator's registry named the person to it."""


class GivenPseudonym(Struct, frozen=True):
    """By which name a participant knows a person."""

    participant: str
    pseudonym: Hex16
    registered: bool
    """Whether a holder.put has registered it, so that wallets can be opened with it; until then ask the operator to."""
    as_of: Whole
