"""The genesis document: what people review and sign, as JSON. Keys and hashes are lower-case hexadecimal, amounts are decimal text.

Every field is written out but those of `ledger.genesis_policies`, which need not be there; what is there stays as it is written. So the
canonical bytes follow from the text alone: MessagePack of the same maps and lists, keys of every map sorted, without `signatures`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.accounts import AccountKind
from ledger.assets import FeeType, Power
from ledger.epochs import COPIES_MAX, VALIDATORS_MAX
from ledger.genesis_policies import Decimal, GenesisHolder, GenesisPolicy, GenesisReserve, Hex16
from ledger.grants import Permission, Rank
from ledger.json_lines import RepeatedKeyError, line_at, lines_of, nearest_line
from ledger.keys import tagged
from ledger.participants import ParticipantKind
from ledger.types import AccountText, AssetText, Text16, Text35, Text64, Text140, TimeMs

GENESIS_BYTES_MAX = 32 * 1_048_576
"""A hundred thousand accounts fit; what is longer is no document that people review."""

Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]
HexSealed = Annotated[str, Meta(pattern="^[0-9a-f]{160}$")]
"""crypto_box_seal of 32 bytes."""


class GenesisKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A public key of a keyset."""

    public_key: Hex32
    not_after: TimeMs
    """0: no end."""


class GenesisKeyset(Struct, frozen=True, forbid_unknown_fields=True):
    """m of n keys."""

    name: Text35
    m: Annotated[int, Meta(ge=1, le=32)]
    keys: Annotated[tuple[GenesisKey, ...], Meta(min_length=1, max_length=32)]


class GenesisParticipant(Struct, frozen=True, forbid_unknown_fields=True):
    """A legal entity with its keysets and nodes."""

    id: Text16
    kind: ParticipantKind
    name: Text140
    bic: Text16
    lei: Text35
    country: Annotated[str, Meta(max_length=2)]
    keysets: Annotated[tuple[GenesisKeyset, ...], Meta(min_length=1, max_length=32)]
    node_keys: Annotated[tuple[Hex32, ...], Meta(max_length=16)]
    box_keys: Annotated[tuple[Hex32, ...], Meta(max_length=16)]
    endpoints: Annotated[tuple[Text140, ...], Meta(max_length=16)]


class GenesisScope(Struct, frozen=True, forbid_unknown_fields=True):
    """What a grant is limited to; empty: not limited."""

    asset: Text16
    participant: Text16
    account: Text64


class GenesisQuota(Struct, frozen=True, forbid_unknown_fields=True):
    """How much may be done under a grant."""

    amount: Decimal
    per: Literal["once", "day", "month"]


class GenesisNeed(Struct, frozen=True, forbid_unknown_fields=True):
    """At least m of these keysets, as `participant/keyset`, sorted."""

    m: Annotated[int, Meta(ge=1, le=32)]
    of: Annotated[tuple[Text64, ...], Meta(min_length=1, max_length=32)]


class GenesisGrant(Struct, frozen=True, forbid_unknown_fields=True):
    """Authority from the start."""

    id: Text64
    to: Text16
    permission: Permission
    scope: GenesisScope
    quota: GenesisQuota | None
    need: GenesisNeed | None
    lifted_by: Annotated[tuple[Text16, ...], Meta(max_length=8)]
    """Of `order.*` (L27)."""
    not_before: TimeMs
    until: TimeMs
    """0: no end."""
    rank: Rank
    """Of `order.*` (L31); else 0."""


class GenesisFee(Struct, frozen=True, forbid_unknown_fields=True):
    """A fee rule (L17)."""

    type: FeeType
    debit_kind: Text16
    credit_kind: Text16
    fixed: Decimal
    bps: Annotated[int, Meta(ge=0, le=10_000)]
    min: Decimal
    max: Decimal


class GenesisAsset(Struct, frozen=True, forbid_unknown_fields=True):
    """An asset's policy."""

    code: AssetText
    decimals: Annotated[int, Meta(ge=0, le=8)]
    issuer: Text16
    reserve: Literal["sovereign"] | GenesisReserve
    cap: Decimal | None
    fees: Annotated[tuple[GenesisFee, ...], Meta(max_length=16)]
    fixed: Annotated[tuple[Literal["cap", "fees", "powers"], ...], Meta(max_length=3)]
    powers: Annotated[tuple[Power, ...], Meta(max_length=3)]
    """What orders may do in it, sorted."""
    policy: GenesisPolicy | UnsetType = UNSET
    """Tiers, purpose, end and publication, where it has any."""


class GenesisAccount(Struct, frozen=True, forbid_unknown_fields=True):
    """An account that is open from the start; money comes from issue only."""

    id: AccountText
    kind: AccountKind
    keyset: GenesisKeyset | None
    pseudonym: Hex16 | UnsetType = UNSET
    """Of a wallet: whose it is, by the pseudonym of a holder of this document."""


class GenesisValidator(Struct, frozen=True, forbid_unknown_fields=True):
    """A validator; its place in the list is its index."""

    participant: Text16
    consensus_key: Hex32
    node_key: Hex32
    endpoint: Text140


class GenesisSealed(Struct, frozen=True, forbid_unknown_fields=True):
    """The view key for one box key."""

    box_key: Hex32
    sealed: HexSealed


class GenesisViewKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The hash of the view key, and its sealed copies (L28)."""

    hash: Hex32
    """SHA-256("som/viewkey/1" | key)."""
    sealed: Annotated[tuple[GenesisSealed, ...], Meta(min_length=1, max_length=COPIES_MAX)]


class GenesisSignature(Struct, frozen=True, forbid_unknown_fields=True):
    """A signature over "som/gensig/1" | chain; the key says whose it is."""

    public_key: Hex32
    signature: Hex64


class Genesis(Struct, frozen=True, forbid_unknown_fields=True):
    """The first state of a network, and who vouches for it."""

    format: Literal[1]
    devnet: bool
    """For trials only: fewer than four validators are allowed. Part of the chain's id."""
    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{1,31}$")]
    protocol: Literal[1]
    time_ms: TimeMs
    params: Annotated[dict[str, int], Meta(max_length=64)]
    """Only what differs from the default."""
    participants: Annotated[tuple[GenesisParticipant, ...], Meta(min_length=1, max_length=1_024)]
    grants: Annotated[tuple[GenesisGrant, ...], Meta(max_length=4_096)]
    assets: Annotated[tuple[GenesisAsset, ...], Meta(max_length=1_024)]
    accounts: Annotated[tuple[GenesisAccount, ...], Meta(max_length=100_000)]
    validators: Annotated[tuple[GenesisValidator, ...], Meta(min_length=1, max_length=VALIDATORS_MAX)]
    view_key: GenesisViewKey
    signatures: Annotated[tuple[GenesisSignature, ...], Meta(max_length=2_048)]
    """Sorted by public key."""
    holders: Annotated[tuple[GenesisHolder, ...], Meta(max_length=100_000)] | UnsetType = UNSET
    """People who are registered from the start, where there are any."""


class GenesisError(Exception):
    """The document cannot begin a network; says where and why."""

    def __init__(self, reason: str, *, path: str = "$", line: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.path, self.line = reason, path, line

    def __str__(self) -> str:
        place = self.path.removeprefix("$").removeprefix(".")
        where = ", ".join(part for part in (f"line {self.line}" if self.line else "", place) if part)
        return f"genesis document{': ' if where else ''}{where}: {self.reason}"


_DECODER = msgspec.json.Decoder(Genesis)
_CANONICAL = msgspec.msgpack.Encoder(order="sorted")
_PLACE = re.compile(r" - at `(?P<path>[^`]*)`$")
_BYTE = re.compile(r"\(byte (?P<byte>\d+)\)")


def parse_genesis(text: str) -> Genesis:
    """Document of a JSON text; whether it can begin a network is for `check_genesis`.

    Raises
    ------
    GenesisError
        Not JSON, a field unknown, missing, repeated or out of range; names the line.
    """
    if len(text) > GENESIS_BYTES_MAX:
        raise GenesisError(f"it has {len(text)} characters, at most {GENESIS_BYTES_MAX} are allowed")
    try:
        genesis = _DECODER.decode(text)
        lines_of(text)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        path = place["path"] if place else "$"
        raise GenesisError(_PLACE.sub("", str(error)), path=path, line=nearest_line(lines_of(text), path)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        byte = _BYTE.search(str(error))
        raise GenesisError(str(error), line=line_at(text, int(byte["byte"])) if byte else None) from None
    except RepeatedKeyError as error:
        raise GenesisError("the field stands twice", path=error.path, line=error.line) from None
    return genesis


def genesis_to_json(genesis: Genesis) -> str:
    """JSON text of a document, two spaces deep, every field written out."""
    return msgspec.json.format(msgspec.json.encode(genesis), indent=2).decode() + "\n"


def canonical_genesis(genesis: Genesis) -> bytes:
    """Bytes that the chain's id is the hash of: MessagePack, keys of every map sorted, without signatures."""
    fields = {name: value for name in genesis.__struct_fields__ if name != "signatures" and (value := getattr(genesis, name)) is not UNSET}
    return _CANONICAL.encode(fields)


def chain_id(genesis: Genesis) -> bytes:
    """Id (32 bytes) of the chain: what envelopes, votes and handshakes carry."""
    return tagged(b"som/genesis/1", canonical_genesis(genesis))
