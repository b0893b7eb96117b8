"""Records of the bridge's ledger side (bridge.md): routes, locks, releases, sets of attestors, and their signatures.

Supply is locked at home and attested abroad. Totals only grow: `locked`, `refunded` and `released` here, `minted` and `burned` there, as
far as a quorum of attestors has seen them. Ids of routes on the public chain, addresses and the attestors' signatures are opaque bytes: no
curve but Ed25519 and no hash but SHA-256 is computed here (L4, B12). Not here: limits (`ledger.bridge_limits`), what must hold
(`ledger.bridge_checks`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ledger.canonical import encode
from ledger.keys import tagged
from ledger.types import U32, U63, AccountText, Amount, AmountOrZero, AssetText, Hash32, Text16, Text140, TimeMs

ATTESTORS_MIN, ATTESTORS_MAX = 4, 34
"""Of an enforced route: fewer than four tolerate no fault, more cost too much gas to rotate (B9)."""
SIGNATURES_KEPT = 64
"""Newest signatures of one attestor on one route that are kept (B9)."""
BURNS_AHEAD = 64
"""Burns beyond the last observed one that may be voted on: attestors send in parallel, and the order of a block is not theirs."""
TTL_MS_MAX = 90 * 86_400_000
DELAY_MS_MAX = 30 * 86_400_000

RouteText = Annotated[str, Meta(min_length=2, max_length=23)]
"""`[a-z][a-z0-9.-]{1,22}`: `vault:ROUTE` and `suspense:ROUTE` are names of accounts."""
Opaque = Annotated[bytes, Meta(max_length=32)]
"""An address of the other chain."""
Signature = Annotated[bytes, Meta(min_length=1, max_length=80)]
RouteKind = Literal["EVM", "TVM"]
RouteStatus = Literal["proposed", "active", "paused_out", "paused_in", "halted", "retired"]
LockState = Literal["locked", "minted", "expired", "refunded"]
ReleaseState = Literal["observing", "agreed", "waiting", "released", "suspense"]
WordType = Literal["checkpoint", "mint", "rotate", "reserve"]


class RouteLimits(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What may pass, in minor units; live from the first block on, on the way back too (B7)."""

    min: Amount
    """Of one lock, at least."""
    per_lock: Amount
    bucket: Amount
    """What may pass at once in each direction; it fills again within `bucket_ms`."""
    bucket_ms: Annotated[int, Meta(ge=1, le=DELAY_MS_MAX)]
    day_out: Amount
    """Locked in one local date (Asia/Bishkek)."""
    day_in: Amount
    """Released in one local date."""
    outstanding: Amount
    """In the vault, at most."""
    big_amount: Amount
    """From here on a lock waits before attestors sign, and a burn before it is released."""
    big_delay_ms: Annotated[int, Meta(ge=0, le=DELAY_MS_MAX)]


class Finality(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What attestors take as final on the other chain (B6)."""

    tag: Literal["finalized", "solidified"]
    providers: Annotated[int, Meta(ge=1, le=9)]
    """That must tell the same, where an attestor has so many."""


class RouteTerms(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a route is. Asset, mode, decimals and opening never change; of an active route only limits, finality, step and time to live."""

    asset: AssetText
    decimals: Annotated[int, Meta(ge=0, le=8)]
    """Of the asset here and of the token there, so that no amount is ever rounded."""
    kind: RouteKind
    mode: Literal["enforced", "observed"]
    """observed: a contract that cannot be changed is watched, nothing more (B10)."""
    chain_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    route_id: Hash32
    """As the other chain knows the route; not zeros."""
    bridge: Opaque
    """Address of the bridge contract; empty while proposed, and of an observed route."""
    token: Opaque
    """Address of the token; empty while proposed."""
    finality: Finality
    observe_step: Annotated[int, Meta(ge=1, le=2**32)]
    """Blocks between two rounds of observation: all attestors name the same block (B10)."""
    lock_ttl_ms: Annotated[int, Meta(ge=0, le=TTL_MS_MAX)]
    """From when attestors may sign a lock until it can no longer be minted; 0: the parameter `lock_ttl`."""
    limits: RouteLimits
    opening: AmountOrZero
    """Supply that is out there already, locked in the vault by the transaction that defines the route (B11)."""


class Attestor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A participant that attests, and its key on the other chain."""

    address: Opaque
    """Of its key; empty on an observed route."""
    participant: Text16


Attestors = Annotated[tuple[Attestor, ...], Meta(min_length=1, max_length=ATTESTORS_MAX)]
"""Sorted by address (as the contract wants them), of an observed route by participant; each participant once (B9)."""


class BridgeRoute(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`route/ID`, in the public tree of assets."""

    id: RouteText
    terms: RouteTerms
    issuer: Text16
    """Of the asset: whose the vault and the suspense account are."""
    status: RouteStatus
    reason: Text140
    """Why it was halted by what attestors agreed on; else as whoever set the status said."""
    epoch: U32
    """Of the attestor set, from 1 on."""
    attestors: Attestors
    rotated_ms: TimeMs
    """Block time of the last rotation."""
    locks: U63
    """Nonce of the last lock."""
    locked: AmountOrZero
    """L, cumulative like all totals here."""
    refunded: AmountOrZero
    """F."""
    burns: U63
    """Nonce of the last burn that was observed in order."""
    burned: AmountOrZero
    """B, as agreed on."""
    released: AmountOrZero
    """R: paid to recipients or into suspense."""
    minted: AmountOrZero
    """M, as agreed on."""
    out_full_ms: TimeMs
    """Block time at which the bucket of locks is full again."""
    in_full_ms: TimeMs
    """The same of releases."""
    day: Annotated[str, Meta(max_length=10)]
    """Local date that the next two count in."""
    day_out: AmountOrZero
    day_in: AmountOrZero


class Rotation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`rotation/ROUTE/EPOCH`: one attestor set of the chain of sets; all of them stay, so any contract can catch up."""

    epoch: U32
    attestors: Attestors
    immediate: bool
    """Whether the set before stops counting at once."""
    height: U63
    """Block that made it."""
    signatures: Annotated[tuple[tuple[Text16, Signature], ...], Meta(max_length=ATTESTORS_MAX)]
    """RotateAttestors, by members of the set before; sorted by participant."""


class BridgeVote(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What one attestor says: the digest covers every field that is executed (B3)."""

    by: Text16
    kind: Literal["burn", "expiry", "mint"]
    digest: Hash32


Votes = Annotated[tuple[BridgeVote, ...], Meta(max_length=2 * ATTESTORS_MAX)]
"""Sorted by (by, kind); one of each kind per attestor."""


class Lock(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`lock/ROUTE/NONCE`, in the tree of the vault."""

    route: RouteText
    nonce: U63
    lock_id: Hash32
    sender: AccountText
    recipient: Opaque
    amount: Amount
    cumulative: Amount
    """L with this lock."""
    height: U63
    sign_from_ms: TimeMs
    """Block time from which attestors may sign; later than its block for big amounts (B7)."""
    deadline: U63
    """Unix seconds of the public chain, after which it cannot be minted (B5)."""
    refund_to: AccountText
    vault: AccountText
    state: LockState
    votes: Votes
    foreign_tx: Opaque
    """Transaction that minted it; empty before."""


class Burn(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="burn"):
    """A burn that an attestor saw in a finalised block; every field is executed or binds what is (B3)."""

    route_id: Hash32
    chain_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    contract: Opaque
    nonce: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    block: U63
    block_hash: Hash32
    tx_hash: Hash32
    log_index: U32
    sender: Opaque
    """Who burned."""
    recipient: Hash32
    """ledgerRecipient (B13)."""
    amount: Amount
    cumulative: Amount
    """B with this burn."""


class Expiry(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="expiry"):
    """A finalised block whose time is after a lock's deadline, in which its nonce is unused (B5)."""

    nonce: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    lock_id: Hash32
    deadline: U63
    block: U63
    """Evidence, as are the next two: no two attestors need name the same block."""
    block_hash: Hash32
    block_time: U63
    """Unix seconds."""


class Mint(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="mint"):
    """A mint that an attestor saw in a finalised block."""

    nonce: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    lock_id: Hash32
    recipient: Opaque
    amount: Amount
    block: U63
    block_hash: Hash32
    tx_hash: Hash32
    log_index: U32


class Release(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`release/ROUTE/NONCE`, in the tree of the vault: a burn, as attestors vote on it and as it was paid out."""

    route: RouteText
    nonce: U63
    vault: AccountText
    burn: Burn | None
    """None while votes differ or are too few."""
    votes: Votes
    state: ReleaseState
    """agreed: a burn before it was not observed yet. waiting: for `not_before_ms`, and for room within the limits."""
    not_before_ms: TimeMs
    account: Annotated[str, Meta(max_length=49)]
    """Who was paid, in the end; empty before."""


class Word(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="word"):
    """An attestor's signature for the other chain, as attest of kind bridge carries it."""

    what: WordType
    epoch: U32
    """Of the set that it speaks for."""
    number: U63
    """checkpoint, reserve: the height; mint: the nonce; rotate: the new epoch."""
    digest: Hash32
    signature: Signature


class Signed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`signed/ROUTE/BY/SLOT`: one of the newest signatures of an attestor; `sequence` modulo SIGNATURES_KEPT is its slot."""

    sequence: U63
    word: Word
    at: TimeMs


class SignedCount(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`attestor/ROUTE/BY`: how many signatures an attestor has given."""

    count: U63


def route_key(route: str) -> str:
    """Storage key of a route."""
    return f"route/{route}"


def lock_key(route: str, nonce: int) -> str:
    """Storage key of a lock."""
    return f"lock/{route}/{nonce}"


def release_key(route: str, nonce: int) -> str:
    """Storage key of a release."""
    return f"release/{route}/{nonce}"


def rotation_key(route: str, epoch: int) -> str:
    """Storage key of an attestor set."""
    return f"rotation/{route}/{epoch}"


def signed_key(route: str, by: str, slot: int) -> str:
    """Storage key of one of an attestor's newest signatures."""
    return f"signed/{route}/{by}/{slot}"


def signed_count_key(route: str, by: str) -> str:
    """Storage key of the number of an attestor's signatures."""
    return f"attestor/{route}/{by}"


def lock_index(lock_id: bytes) -> str:
    """Begin of the index key of a lock, by its id on the other chain."""
    return f"~locks/{lock_id.hex()}/"


def foreign_index(tx_hash: bytes) -> str:
    """Begin of the index keys of what a transaction of the other chain did: mints and burns."""
    return f"~foreign/{tx_hash.hex()}/"


def routes_index(route_id: bytes) -> str:
    """Begin of the index key of a route, by its id on the other chain."""
    return f"~routes/{route_id.hex()}/"


def threshold_of(attestors: int) -> int:
    """Attestors that must agree: floor(2n/3) + 1 (B9)."""
    return 2 * attestors // 3 + 1


def halters_of(attestors: int) -> int:
    """Attestors that may halt: f + 1, so that one of them is honest."""
    return (attestors - 1) // 3 + 1


def lock_id_of(route_id: bytes, nonce: int, amount: int, cumulative: int, recipient: bytes) -> bytes:
    """Id (32 bytes) of a lock on the other chain: it binds what is locked, for whom and as which, and says nothing of who locked it."""
    numbers = b"".join(number.to_bytes(8, "big") for number in (nonce, amount, cumulative))
    return tagged(b"som/lock/1", route_id, numbers, recipient)


def digest_of(route_id: bytes, fact: Burn | Expiry | Mint) -> bytes:
    """Digest (32 bytes) that attestors must agree on: every executed field, and of an expiry no evidence (B3)."""
    if isinstance(fact, Expiry):
        return tagged(b"som/expiry/1", encode((route_id, fact.nonce, fact.lock_id, fact.deadline)))
    return tagged(b"som/burn/1" if isinstance(fact, Burn) else b"som/mint/1", encode((route_id, fact)))
