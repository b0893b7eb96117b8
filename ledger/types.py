"""Identifiers and bounded scalars shared by every record and transaction (L1 to L3, L14)."""

from __future__ import annotations

from typing import Annotated, NewType

from msgspec import Meta

AMOUNT_MAX = 10**18 - 1
"""L1: 18 digits, as in ISO 20022."""
TIME_MS_MAX = 2**48
"""Unix ms; about the year 10889: far beyond any date, far below 64 bits."""

ParticipantId = NewType("ParticipantId", str)
"""`[a-z][a-z0-9-]{1,15}`."""
AccountId = NewType("AccountId", str)
"""`participant/local`, local `[A-Za-z0-9:._-]{1,32}`."""
AssetCode = NewType("AssetCode", str)
"""`[A-Z][A-Z0-9.]{1,15}`."""
GrantId = NewType("GrantId", str)
"""`[A-Za-z0-9:._-]{1,64}`, chosen by the giver."""

Amount = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
"""Minor units of the asset."""
AmountOrZero = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
AmountSigned = Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
"""A contra account's balance, or a change of a balance."""
TimeMs = Annotated[int, Meta(ge=0, le=TIME_MS_MAX)]
"""Unix time in milliseconds."""
U32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
U63 = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A height."""
Text16 = Annotated[str, Meta(max_length=16)]
Text35 = Annotated[str, Meta(max_length=35)]
Text64 = Annotated[str, Meta(max_length=64)]
Text140 = Annotated[str, Meta(max_length=140)]
Hash32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Salt16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
PublicKey = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature64 = Annotated[bytes, Meta(min_length=64, max_length=64)]
ClassText = Annotated[str, Meta(min_length=1, max_length=35)]
"""A class of accounts, or a pattern of classes (`ledger.classes`)."""
Text20 = Annotated[str, Meta(max_length=20)]
AssetText = Annotated[str, Meta(min_length=2, max_length=16)]
AccountText = Annotated[str, Meta(min_length=4, max_length=49)]
TargetText = Annotated[str, Meta(min_length=1, max_length=49)]
"""Of a hold: an account, or a pattern of classes, which has no slash."""
