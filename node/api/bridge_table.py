"""Routes of the client API about bridges; `node.api.table` lists them with all others."""

from __future__ import annotations

from typing import Final

from ledger.types import AMOUNT_MAX
from node.api import bridge_faults, bridge_history, bridges
from node.api.arguments import HASH, YES, Key, Number, OneOf, Text
from node.api.bridge_structs import (
    BridgeAttestation,
    BridgeRouteBody,
    BridgeRoutes,
    Contradictions,
    LockBody,
    Locks,
    QuoteBody,
    ReleaseBody,
    RotationBody,
    RouteChanges,
    Transfers,
)
from node.api.routes import Answer, Route

BRIDGE: Final = Text(r"[a-z][a-z0-9.\-]{1,22}", "a route: a letter, then 1 to 22 of a-z, 0-9, . -")
NONCE: Final = Number(1, 2**63 - 1)

BRIDGE_ROUTES: Final = (
    Route("GET", "/v1/bridge/routes", bridges.list_routes, "All routes of bridges.", {200: Answer("by id", BridgeRoutes)}),
    Route(
        "GET",
        "/v1/bridge/routes/{id}",
        bridges.show_route,
        "A route: locked, seen there, in flight, and what may pass. The proof is of its public leaf.",
        {200: Answer("the route", BridgeRouteBody)},
        errors=(404,),
        parts={"id": BRIDGE},
        keys={"proof": Key(YES, "1: with a proof file, to be checked against the certificate")},
    ),
    Route(
        "GET",
        "/v1/bridge/routes/{id}/attestation",
        bridges.show_attestation,
        "What attestors signed for the other chain, for anyone to carry there.",
        {200: Answer("the newest that enough have signed, else the newest", BridgeAttestation)},
        errors=(404,),
        parts={"id": BRIDGE},
        keys={
            "what": Key(OneOf(bridges.WORDS), "checkpoint where it is not given"),
            "number": Key(NONCE, "height, nonce or new epoch; the newest where it is not given"),
        },
    ),
    Route(
        "GET",
        "/v1/bridge/routes/{id}/changes",
        bridge_history.list_changes,
        "Heights at which a route changed, which attestors sign for, with a proof of its record at each.",
        {200: Answer("ascending", RouteChanges)},
        errors=(404,),
        parts={"id": BRIDGE},
        keys={
            "after": Key(Number(0, 2**63 - 1), "above this height; 0 where it is not given"),
            "count": Key(Number(1, bridge_history.CHANGES_MAX), "at most so many"),
        },
    ),
    Route(
        "GET",
        "/v1/bridge/routes/{id}/contradictions",
        bridge_faults.list_contradictions,
        "Attestors that contradict themselves or a threshold of the others, as far as what they said is kept.",
        {200: Answer("by participant", Contradictions)},
        errors=(404,),
        parts={"id": BRIDGE},
    ),
    Route(
        "GET",
        "/v1/bridge/routes/{id}/rotations/{epoch}",
        bridge_history.show_rotation,
        "A set of attestors, of any epoch.",
        {200: Answer("the set", RotationBody)},
        errors=(404,),
        parts={"id": BRIDGE, "epoch": Number(1, 2**32 - 1)},
        keys={"proof": Key(YES, "1: with a proof file, to be checked against the certificate")},
    ),
    Route(
        "GET",
        "/v1/bridge/routes/{id}/locks",
        bridge_history.list_locks,
        "Locks of a route, by nonce.",
        {200: Answer("ascending", Locks)},
        errors=(404,),
        parts={"id": BRIDGE},
        keys={
            "after": Key(Number(0, 2**63 - 1), "above this nonce; 0 where it is not given"),
            "count": Key(Number(1, bridge_history.LOCKS_MAX), "at most so many"),
        },
    ),
    Route(
        "GET",
        "/v1/bridge/routes/{id}/quote",
        bridges.show_quote,
        "What a lock of an amount would meet now: refused until when, or signed from when on.",
        {200: Answer("the quote", QuoteBody)},
        errors=(404,),
        parts={"id": BRIDGE},
        keys={"amount": Key(Number(1, AMOUNT_MAX), "minor units", required=True)},
    ),
    Route(
        "GET",
        "/v1/bridge/routes/{id}/locks/{nonce}",
        bridges.show_lock,
        "A lock.",
        {200: Answer("the lock", LockBody)},
        errors=(404,),
        parts={"id": BRIDGE, "nonce": NONCE},
        keys={"proof": Key(YES, "1: with a proof file, to be checked against the certificate")},
    ),
    Route(
        "GET",
        "/v1/bridge/routes/{id}/releases/{nonce}",
        bridges.show_release,
        "A burn on the other chain, and how it was paid here.",
        {200: Answer("the release", ReleaseBody)},
        errors=(404,),
        parts={"id": BRIDGE, "nonce": NONCE},
    ),
    Route(
        "GET",
        "/v1/bridge/transfers/{hash}",
        bridges.find_transfers,
        "Where a transfer is, by one hash: a bridge.out here, a lock's id, or a transaction of the other chain.",
        {200: Answer("locks and releases", Transfers)},
        errors=(404,),
        parts={"hash": HASH},
    ),
)
