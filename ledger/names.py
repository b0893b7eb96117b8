"""The patterns of identifiers (L3): whoever decodes a transaction or a genesis document passes every name through here.

Checks are cached: a busy ledger sees the same few hundred thousand names again and again.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ledger.errors import Malformed

CACHE = 65_536
"""Names remembered per check; about 10 MB for all together."""
_HANDLE = r"[a-z][a-z0-9-]{1,15}"
_KEYSET = r"[a-z][a-z0-9-]{0,34}"
_PARTICIPANT = re.compile(_HANDLE)
_ACCOUNT = re.compile(_HANDLE + r"/[A-Za-z0-9:._-]{1,32}")
_ASSET = re.compile(r"[A-Z][A-Z0-9.]{1,15}")
_KEYSET_NAME = re.compile(_KEYSET)
_GRANT = re.compile(r"[A-Za-z0-9:._-]{1,64}")
_MEMBER = re.compile(_HANDLE + "/" + _KEYSET)

OPERATOR = "operator"
"""Handle of the one participant of kind operator: its tree keeps what belongs to no single participant (section 6)."""
CONTRA = "contra:"
FEE = "fee:"
VAULT = "vault:"
SUSPENSE = "suspense:"
RESERVED = (CONTRA, FEE, VAULT, SUSPENSE)
"""Local parts with these beginnings belong to assets and routes (L17): only asset.put and bridge.set open such accounts."""


def servicer_of(account_id: str) -> str:
    """Participant in whose tree an account lives: the part before the slash, for ever (L3). Of a participant: itself."""
    return account_id.partition("/")[0]


def contra_of(issuer: str, asset: str) -> str:
    """Account whose negative balance is the supply of the asset (L7)."""
    return f"{issuer}/{CONTRA}{asset}"


def fee_account_of(issuer: str, asset: str) -> str:
    """Account that takes the fees of the asset (L17)."""
    return f"{issuer}/{FEE}{asset}"


def vault_account_of(issuer: str, asset: str) -> str:
    """Account in which the reserve of a vault asset is locked, or what a route has out there (L21); routes are in lower case."""
    return f"{issuer}/{VAULT}{asset}"


def suspense_of(issuer: str, route: str) -> str:
    """Account of a route for what nobody could be paid (B4)."""
    return f"{issuer}/{SUSPENSE}{route}"


def is_suspense(account_id: str) -> bool:
    """Whether an account is a route's, for what nobody could be paid (B4)."""
    return account_id.partition("/")[2].startswith(SUSPENSE)


@lru_cache(maxsize=CACHE)
def check_participant_id(name: str) -> None:
    """Raise Malformed unless the name is a participant's handle."""
    if _PARTICIPANT.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is no participant id")


@lru_cache(maxsize=CACHE)
def check_account_id(name: str) -> None:
    """Raise Malformed unless the name is `participant/local`."""
    if _ACCOUNT.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is no account id")


@lru_cache(maxsize=CACHE)
def check_owner(name: str) -> None:
    """Raise Malformed unless the name is a participant's handle or an account id: whatever may own a keyset, send or settle."""
    if _ACCOUNT.fullmatch(name) is None and _PARTICIPANT.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is neither a participant nor an account id")


@lru_cache(maxsize=CACHE)
def check_asset_code(name: str) -> None:
    """Raise Malformed unless the name is an asset code."""
    if _ASSET.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is no asset code")


@lru_cache(maxsize=CACHE)
def check_keyset_name(name: str) -> None:
    """Raise Malformed unless the name is a keyset's: `[a-z][a-z0-9-]{0,34}`."""
    if _KEYSET_NAME.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is no name of a keyset")


@lru_cache(maxsize=CACHE)
def check_grant_id(name: str) -> None:
    """Raise Malformed unless the name is a grant's: `[A-Za-z0-9:._-]{1,64}`."""
    if _GRANT.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is no grant id")


@lru_cache(maxsize=CACHE)
def check_member(name: str) -> None:
    """Raise Malformed unless the name is `participant/keyset`, as in `need.of`."""
    if _MEMBER.fullmatch(name) is None:
        raise Malformed(reason=f"{name!r} is not participant/keyset")
