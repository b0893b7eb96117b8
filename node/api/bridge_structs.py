"""Bodies of `/v1/bridge`: amounts are text, bytes lower-case hex; times are Unix ms of blocks here, but `deadline`: Unix seconds there."""

from __future__ import annotations

from msgspec import Struct

from node.api.parts import Whole


class RouteLimitsBody(Struct, frozen=True):
    """What may pass, in minor units."""

    min: str
    per_lock: str
    bucket: str
    bucket_ms: Whole
    day_out: str
    day_in: str
    outstanding: str
    big_amount: str
    big_delay_ms: Whole


class AttestorBody(Struct, frozen=True):
    """A participant that attests; `address` is that of its key on the other chain."""

    participant: str
    address: str


class SightingBody(Struct, frozen=True):
    """What an attestor last saw there."""

    participant: str
    supply: str
    """S."""
    minted: str
    """M."""
    burned: str
    """B."""
    block: Whole
    block_hash: str
    as_of: Whole


class BridgeRouteBody(Struct, frozen=True):
    """A route: what is locked, what was seen, what is under way."""

    id: str
    asset: str
    decimals: Whole
    kind: str
    mode: str
    status: str
    reason: str
    chain_id: Whole
    route_id: str
    bridge: str
    token: str
    finality: str
    providers: Whole
    observe_step: Whole
    lock_ttl_ms: Whole
    """0: the parameter `lock_ttl`."""
    epoch: Whole
    threshold: Whole
    attestors: tuple[AttestorBody, ...]
    limits: RouteLimitsBody
    opening: str
    locked: str
    """L."""
    refunded: str
    """F."""
    released: str
    """R."""
    burned: str
    """B, as a threshold has agreed on."""
    minted: str
    """M, likewise."""
    vault: str
    """V, minor units in the vault."""
    in_flight: str
    """Locked and neither minted nor refunded, as agreed on."""
    parked: str
    """Burned and not released yet."""
    headroom: str
    """What one lock may be at most now."""
    locks: Whole
    """Nonce of the last lock."""
    burns: Whole
    """Nonce of the last burn that was observed in order."""
    seen: tuple[SightingBody, ...]
    as_of: Whole
    proof: str = ""
    """Proof file of the route's public leaf, base64."""


class BridgeRoutes(Struct, frozen=True):
    """All routes."""

    routes: tuple[BridgeRouteBody, ...]
    as_of: Whole


class SignatureBody(Struct, frozen=True):
    """An attestor's signature, with the address of its key in the set that it speaks for."""

    participant: str
    address: str
    signature: str


class BridgeAttestation(Struct, frozen=True):
    """What attestors signed of one digest: anyone can carry it to the other chain."""

    route: str
    what: str
    epoch: Whole
    number: Whole
    """checkpoint, reserve: the height; mint: the nonce; rotate: the new epoch."""
    digest: str
    """Of a rotation empty: the chain of sets keeps signatures only."""
    signatures: tuple[SignatureBody, ...]
    """By address, rising, as the contract wants them."""
    needed: Whole
    """Signatures that the contract takes; of a statement of the reserve 0: its signers are not attestors."""
    as_of: Whole


class Contradiction(Struct, frozen=True):
    """What an attestor said against itself, or against a threshold of the others."""

    participant: str
    what: str
    """checkpoint or mint (signed), burn, minted or expired (voted), sighting."""
    number: Whole
    """Height, nonce or block."""
    said: tuple[str, ...]
    """Digests, or what was sighted; two: it has equivocated."""
    agreed: str
    """What a threshold said; empty: nothing."""


class Contradictions(Struct, frozen=True):
    """By participant."""

    contradictions: tuple[Contradiction, ...]
    as_of: Whole


class RouteChange(Struct, frozen=True):
    """A height at which a route's record changed: what attestors sign for."""

    height: Whole
    proof: str
    """Proof file of the record as of the end of that block, base64."""


class RouteChanges(Struct, frozen=True):
    """Changes above a height, ascending."""

    changes: tuple[RouteChange, ...]
    as_of: Whole


class RotationBody(Struct, frozen=True):
    """A set of attestors of the chain of sets."""

    route: str
    epoch: Whole
    attestors: tuple[AttestorBody, ...]
    threshold: Whole
    immediate: bool
    """Whether the set before stops counting at once."""
    height: Whole
    """Block that made it."""
    as_of: Whole
    proof: str = ""
    """Proof file of its public leaf, base64."""


class Locks(Struct, frozen=True):
    """Locks above a nonce, ascending."""

    locks: tuple[LockBody, ...]
    as_of: Whole


class LockBody(Struct, frozen=True):
    """A lock: minted by its deadline, or refunded."""

    route: str
    nonce: Whole
    lock_id: str
    sender: str
    recipient: str
    asset: str
    amount: str
    cumulative: str
    height: Whole
    sign_from: Whole
    deadline: Whole
    refund_to: str
    state: str
    """locked, minted, expired (a refund may be claimed) or refunded."""
    votes: tuple[str, ...]
    """`PARTICIPANT mint` or `PARTICIPANT expiry`."""
    foreign_tx: str
    as_of: Whole
    proof: str = ""
    """Proof file of its leaf in the tree of whoever keeps the vault, base64."""


class ReleaseBody(Struct, frozen=True):
    """A burn, and how it was paid."""

    route: str
    nonce: Whole
    state: str
    """observing, agreed (one before it is missing), waiting (bridge.claim pays it), released or suspense."""
    asset: str
    amount: str
    """Empty while attestors do not agree, as are the next ones."""
    cumulative: str
    sender: str
    recipient: str
    block: Whole
    tx_hash: str
    not_before: Whole
    account: str
    """Who was paid."""
    votes: tuple[str, ...]
    as_of: Whole


class Transfers(Struct, frozen=True):
    """What one hash is about: a transaction here, a lock's id, or a transaction of the other chain."""

    locks: tuple[LockBody, ...]
    releases: tuple[ReleaseBody, ...]
    as_of: Whole


class QuoteBody(Struct, frozen=True):
    """What a lock would meet now."""

    amount: str
    code: Whole
    """0: it would pass, as far as the route goes."""
    reason: str
    sign_from: Whole
    """When attestors may sign it; later than now for big amounts."""
    deadline: Whole
    as_of: Whole
