"""One valid value of every kind that bridges bring; see `samples.py`."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from ledger.bridges import (
    Attestor,
    BridgeRoute,
    BridgeVote,
    Burn,
    Finality,
    Lock,
    Release,
    Rotation,
    RouteLimits,
    RouteTerms,
    Signed,
    SignedCount,
    Word,
)
from ledger.transactions.bridge_bodies import BridgeBody, BridgeClaim, BridgeIn, BridgeOut, BridgeSet

if TYPE_CHECKING:
    from ledger.state import Record

HASH = sha256(b"hash").digest()
NOW = 1_700_000_000_000
ADDRESS, TRON = bytes(range(1, 21)), b"\x41" + bytes(range(1, 21))
ROUTE = "kgst-bsc-1"
VAULT = f"treasury/vault:{ROUTE}"

LIMITS = RouteLimits(100, 10**9, 10**10, 86_400_000, 10**10, 10**10, 10**12, 10**8, 3_600_000)
TERMS = RouteTerms("KGST", 2, "EVM", "enforced", 56, HASH, ADDRESS, ADDRESS[::-1], Finality("finalized", 2), 1_000, 0, LIMITS, 10**9)
ATTESTORS = tuple(Attestor(bytes([number]) * 20, name) for number, name in enumerate(("bank-a", "bank-b", "operator", "treasury"), 1))
BURN = Burn(HASH, 56, ADDRESS, 3, 41_000_000, HASH, HASH[::-1], 7, ADDRESS, HASH, 500, 1_700)
VOTES: tuple[BridgeVote, ...] = (BridgeVote("bank-a", "burn", HASH), BridgeVote("operator", "burn", HASH))
WORD = Word("mint", 2, 7, HASH, bytes(range(65)))

BRIDGE_BODIES: dict[str, BridgeBody] = {
    "bridge.out": BridgeOut("KGST", "bank-a/w1", 500, ROUTE, ADDRESS),
    "bridge.in": BridgeIn(ROUTE, "bank-a", BURN),
    "bridge.set": BridgeSet(ROUTE, TERMS, "proposed", ATTESTORS, True, "treasury/main", "board of 7 May"),  # noqa: FBT003  # a field of a body
    "bridge.claim": BridgeClaim(ROUTE, "suspense", 3, "bank-a/w1"),
}

BRIDGE_RECORDS: dict[str, Record] = {
    f"route/{ROUTE}": BridgeRoute(
        ROUTE, TERMS, "treasury", "active", "", 2, ATTESTORS, NOW, 7, 9_000, 500, 3, 1_700, 1_200, 8_000, NOW, NOW, "2026-11-21", 70, 80
    ),
    f"rotation/{ROUTE}/2": Rotation(2, ATTESTORS, False, 41, (("bank-a", bytes(range(65))),)),  # noqa: FBT003  # a field of a record
    f"attestor/{ROUTE}/bank-a": SignedCount(65),
    f"signed/{ROUTE}/bank-a/0": Signed(64, WORD, NOW),
    f"lock/{ROUTE}/7": Lock(
        ROUTE, 7, HASH, "bank-a/w1", ADDRESS, 500, 9_000, 40, NOW, 1_700_604_800, "bank-a/w1", VAULT, "minted", VOTES, HASH
    ),
    f"release/{ROUTE}/3": Release(ROUTE, 3, VAULT, BURN, VOTES, "released", NOW, "bank-a/w1"),
}
