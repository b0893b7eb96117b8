"""A route for soms on the small network of `world.py`: four participants attest, so three must agree and two may halt."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.attestations import Attestation, Sighting
from ledger.bridges import (
    Attestor,
    BridgeRoute,
    Burn,
    Expiry,
    Finality,
    Lock,
    Mint,
    Release,
    RouteLimits,
    RouteTerms,
    Word,
    lock_key,
    release_key,
    route_key,
)
from ledger.grants import Need
from ledger.indexes import recipient_of
from ledger.transactions.bodies import Attest, GrantPut
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeIn, BridgeOut, BridgeSet
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.world import ALICE, DAY_MS, MAIN_A, ROOT_MEMBERS, World, grant, make_genesis, signers

if TYPE_CHECKING:
    from ledger.genesis_document import Genesis
    from ledger.grants import Grant
    from ledger.outcomes import Outcome
    from tests.ledger.world import Signer

ROUTE = "kgs-bsc-1"
ROUTE_ID = sha256(b"route").digest()
BRIDGE, TOKEN = b"\xb1" * 20, b"\x70" * 20
ABROAD = b"\xaa" * 20
"""Somebody on the other chain."""
WITNESSES = ("bank-a", "bank-b", "operator", "treasury")
VAULT, SUSPENSE = f"operator/vault:{ROUTE}", f"operator/suspense:{ROUTE}"
BIG_DELAY_MS = 2 * DAY_MS
LIMITS = RouteLimits(
    min=10,
    per_lock=5_000,
    bucket=6_000,
    bucket_ms=DAY_MS,
    day_out=8_000,
    day_in=7_000,
    outstanding=20_000,
    big_amount=3_000,
    big_delay_ms=BIG_DELAY_MS,
)
BLOCK_HASH = sha256(b"block there").digest()


def address_of(participant: str) -> bytes:
    """Address of an attestor's key on the other chain."""
    return sha256(b"attestor " + participant.encode()).digest()[:20]


def attestors_of(*participants: str) -> tuple[Attestor, ...]:
    """Set of attestors with keys, in the order of the contract."""
    return tuple(sorted((Attestor(address_of(each), each) for each in participants), key=lambda each: each.address))


def terms_of(**fields: object) -> RouteTerms:
    """Terms of the route, but for what is said otherwise."""
    terms = RouteTerms(
        asset="KGS",
        decimals=2,
        kind="EVM",
        mode="enforced",
        chain_id=56,
        route_id=ROUTE_ID,
        bridge=BRIDGE,
        token=TOKEN,
        finality=Finality("finalized", 2),
        observe_step=100,
        lock_ttl_ms=0,
        limits=LIMITS,
        opening=0,
    )
    return replace(terms, **fields)


def defined(**fields: object) -> BridgeSet:
    """Body that defines the route and makes it active."""
    body = BridgeSet(ROUTE, terms_of(), "active", attestors_of(*WITNESSES), False, None, "")  # noqa: FBT003  # a field of a body
    return replace(body, **fields)


def bridge_grants(asset: str = "KGS") -> tuple[Grant, ...]:
    """Who may set routes, sign for them and watch them."""
    return (
        grant("bridge", "bridge", "operator", asset=asset, need=Need(2, ROOT_MEMBERS)),
        *(grant(f"sign-{each}", "attest.bridge", each, asset=asset) for each in WITNESSES),
        *(grant(f"watch-{each}", "attest.foreign", each, asset=asset) for each in WITNESSES),
    )


def fact_of(lock: Lock, kind: str = "mint") -> Expiry | Mint:
    """Say of a lock what is so: minted, or expired."""
    if kind == "expiry":
        return Expiry(lock.nonce, lock.lock_id, lock.deadline, 7_000, BLOCK_HASH, lock.deadline + 1)
    return Mint(lock.nonce, lock.lock_id, lock.recipient, lock.amount, 6_000, BLOCK_HASH, sha256(b"mint %d" % lock.nonce).digest(), 3)


def burn_of(nonce: int, amount: int, cumulative: int, to: str = MAIN_A) -> Burn:
    """Make a burn for an account."""
    recipient = recipient_of(to) + b"\0sum"
    tx_hash = sha256(b"burn %d" % nonce).digest()
    return Burn(ROUTE_ID, 56, BRIDGE, nonce, 9_000 + nonce, BLOCK_HASH, tx_hash, 1, ABROAD, recipient, amount, cumulative)


class BridgedWorld(World):
    """The small network with the route, and words for what happens on it."""

    def __init__(self, genesis: Genesis | None = None, *, money: int = 10_000, body: BridgeSet | None = None) -> None:
        super().__init__(genesis or make_genesis(), money=money)
        self.establish(body or defined())

    def establish(self, body: BridgeSet | None) -> None:
        """Give everybody who has to do with the route a grant; define it."""
        for each in bridge_grants():
            self.must(GrantPut(each), by=BY_ROOT)
        if body is not None:
            self.must(body, by=BY_ROOT if body.source is None else [*BY_ROOT, *signers_of(body.source)])

    @classmethod
    def of(cls, world: World, body: BridgeSet | None = None) -> BridgedWorld:
        """Go on with a small network that exists already: what happens here happens there."""
        bridged = cls.__new__(cls)
        bridged.__dict__ = world.__dict__
        bridged.establish(body or defined())
        return bridged

    @property
    def route(self) -> BridgeRoute:
        """Route as it is now."""
        record = self.state.get(route_key(ROUTE))
        if not isinstance(record, BridgeRoute):
            raise TypeError(ROUTE)
        return record

    def lock_of(self, nonce: int) -> Lock:
        """Lock as it is now."""
        record = self.state.get(lock_key(ROUTE, nonce))
        if not isinstance(record, Lock):
            raise TypeError(nonce)
        return record

    def release_of(self, nonce: int) -> Release:
        """Release as it is now."""
        record = self.state.get(release_key(ROUTE, nonce))
        if not isinstance(record, Release):
            raise TypeError(nonce)
        return record

    def set(self, body: BridgeSet, *more: Signer) -> Outcome:
        """Change the route by its quorum."""
        return self.do(body, by=[*BY_ROOT, *more])

    def status(self, status: str) -> int:
        """Set the status by the quorum, and return the code."""
        return self.set(defined(terms=None, attestors=None, status=status)).code

    def limit(self, **fields: object) -> None:
        """Change limits."""
        body = defined(terms=terms_of(limits=replace(LIMITS, **fields)), attestors=None, status="")
        if self.set(body).code:
            raise AssertionError

    def lock(self, amount: int, source: str = MAIN_A, recipient: bytes = ABROAD) -> int:
        """Lock an amount, and return the code."""
        body = BridgeOut("KGS", source, amount, ROUTE, recipient)
        return self.do(body, by=[*OPERATOR, *signers_of(source)]).code

    def locked(self, amount: int, source: str = MAIN_A) -> Lock:
        """Lock an amount."""
        if self.lock(amount, source):
            raise AssertionError
        return self.lock_of(self.route.locks)

    def tell(self, fact: Burn | Expiry | Mint, by: str) -> int:
        """Let one attestor say what it saw, and return the code."""
        return self.do(BridgeIn(ROUTE, by, fact), by=witness(by)).code

    def agree(self, fact: Burn | Expiry | Mint, by: tuple[str, ...] = WITNESSES[:3]) -> list[int]:
        """Let attestors say the same, and return the codes."""
        return [self.tell(fact, each) for each in by]

    def claim(self, kind: str, nonce: int, to: str | None = None, *, sender: str = "operator") -> int:
        """Claim, and return the code."""
        body = replace(BridgeClaim(ROUTE, "refund", nonce, to), kind=kind)
        by = [*OPERATOR, *(signers_of(to) if to else [])] if sender == "operator" else signers(f"{sender}/ops")
        return self.do(body, by=by, sender=sender).code

    def word(self, by: str, **fields: object) -> Outcome:
        """Let an attestor sign for the other chain."""
        return self.do(signature(by, self.time_ms, **fields), by=witness(by))

    def sight(self, by: str, block: int, supply: int = 0, asset: str = "KGS") -> Outcome:
        """Let an attestor say what it saw at a block."""
        return self.do(sighting(by, self.time_ms, block, supply, asset), by=witness(by))


def signature(by: str, now: int, **fields: object) -> Attest:
    """Body by which an attestor signs a checkpoint, but for what is said otherwise."""
    word = replace(Word("checkpoint", 1, 1, sha256(b"digest").digest(), b"\x51" * 65), **fields)
    about = f"KGS:{ROUTE}"
    return Attest(Attestation(about, "bridge", about, word, now, 0, bytes(32), "", by))


def sighting(by: str, now: int, block: int, supply: int = 0, asset: str = "KGS") -> Attest:
    """Body by which an attestor says what it saw at a block."""
    about = f"{asset}:{ROUTE}"
    return Attest(Attestation(about, "foreign", about, Sighting(supply, 0, 0, block, BLOCK_HASH), now, 0, bytes(32), "", by))


def witness(by: str) -> list[Signer]:
    """Who signs what an attestor says, sent by the operator."""
    return OPERATOR if by == "operator" else [*OPERATOR, *signers(f"{by}/ops")]


def signers_of(account: str) -> list[Signer]:
    """Who signs the debits of an account, beside the operator's `ops`."""
    servicer = account.partition("/")[0]
    return signers(f"{ALICE}/user") if account == ALICE else [] if servicer == "operator" else signers(f"{servicer}/ops")
