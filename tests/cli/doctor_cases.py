"""Cases of `som doctor`: each a fault among healthy nodes, and the finding that must come of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from cli.doctor_facts import Silent
from node.api.diagnosis_structs import StallBody
from node.api.structs import Health
from tests.cli.clinic import (
    CONSENSUS_KEYS,
    NOW,
    URL,
    double_vote,
    gave_up,
    healthy,
    with_consensus,
    with_seen,
    with_series,
    with_status,
)

if TYPE_CHECKING:
    from cli.doctor_facts import Asked

REASONS = ("the newest final block is 40 s old; look whether a quorum runs", "the node is catching up; wait")
SILENCED = "this node's key must not vote any more: a vote was shown; stop the node, run `som recover`"
SLOW = {'som_fsync_seconds_count{file="journal"}': 100.0, 'som_fsync_seconds_sum{file="journal"}': 8.0}
LIES = {'som_messages_dropped_total{reason="signature"}': 2.0, 'som_messages_dropped_total{reason="malformed"}': 1.0}
STALLED = StallBody(12_000, ("operator/1",), (), "start or reconnect operator/1")

NODES: list[tuple[str, tuple[Asked, ...], str, str, str, str, str]] = [
    # name of the case, nodes, code, level, about, what it says, what to do
    ("unreachable", (healthy(), Silent(f"{URL}1", "timed out")), "node-unreachable", "wrong", f"{URL}1", "timed out", "whether it runs"),
    (
        "not ready",
        (replace(healthy(), health=Health("not ready", REASONS, 41)),),
        "not-ready",
        "wrong",
        "validator-0",
        "40 s old, and the node is catching up",
        "look whether a quorum runs; wait",
    ),
    (
        "stalled",
        (with_consensus(healthy(), progress=STALLED, last_timeout=gave_up(90_000)),),
        "stalled",
        "wrong",
        "validator-0",
        "which it entered 0.5 s ago, it waits for the proposal of operator/2; it gave up view 41 of operator/1 90.0 s ago, since",
        "start or reconnect operator/1",
    ),
    (
        "a view given up",
        (with_consensus(healthy(), last_timeout=gave_up(2_000)),),
        "view-given-up",
        "note",
        "validator-0",
        "gave up view 41 of operator/1 2.0 s ago, since its leader proposed nothing in time",
        "unless it goes on",
    ),
    (
        "silenced",
        (replace(with_consensus(healthy(), silenced=SILENCED), health=Health("not ready", (SILENCED,), 41)),),
        "silenced",
        "wrong",
        "validator-0",
        "a vote was shown",
        "som recover",
    ),
    (
        "own clock ahead",
        (with_seen(healthy(), 1, 2, 3, clock_ms=-150),),
        "clock",
        "warning",
        "validator-0",
        "150 ms ahead of",
        "time service",
    ),
    ("own clock behind", (with_seen(healthy(), 1, 2, clock_ms=100),), "clock", "warning", "validator-0", "100 ms behind", "time service"),
    (
        "this clock",
        (with_consensus(healthy(), time_ms=NOW + 110),),
        "clock-here",
        "warning",
        "validator-0",
        "100 ms off this",
        "one of the two",
    ),
    (
        "that clock",
        (with_consensus(healthy(), time_ms=NOW - 400),),
        "clock-here",
        "warning",
        "validator-0",
        "400 ms off this",
        "one of the two",
    ),
    ("chain time", (with_status(healthy(), time_ms=NOW + 1_005),), "chain-time", "warning", "validator-0", "1.0 s ahead", "crawls"),
    (
        "a validator is gone",
        (with_seen(healthy(), 1, connected=False, heard_ms_ago=9_000),),
        "validator-missing",
        "warning",
        "operator/1",
        "is not connected, and was last heard 9.0 s ago",
        "http://v1:8900",
    ),
    (
        "a validator was never there",
        (with_seen(with_status(healthy(), peers_denied=1), 1, connected=False, heard_ms_ago=None),),
        "validator-missing",
        "warning",
        "operator/1",
        "never heard since this node started",
        "not in the file `denied`",
    ),
    (
        "a validator is mute",
        (with_seen(healthy(), 3, heard_ms_ago=6_001),),
        "validator-missing",
        "warning",
        "operator/3",
        "connected and says nothing: last heard 6.0 s ago",
        "process is stopped",
    ),
    ("views behind", (with_seen(healthy(), 3, lag_views=257),), "validator-behind", "warning", "operator/3", "257 views", "CPU, disk"),
    (
        "heights behind",
        (with_seen(healthy(), 3, lag_heights=1_001),),
        "validator-behind",
        "warning",
        "operator/3",
        "1001 heights",
        "CPU, disk",
    ),
    ("its clock", (with_seen(healthy(), 2, clock_ms=-101),), "validator-clock", "warning", "operator/2", "101 ms behind", "time service"),
    (
        "no reserve",
        (with_seen(healthy(), 1, connected=False),),
        "no-reserve",
        "warning",
        "the network",
        "3 of 4 validators at work",
        "bring the missing ones back",
    ),
    (
        "no quorum",
        (with_seen(healthy(), 1, 2, heard_ms_ago=7_000),),
        "no-quorum",
        "wrong",
        "validator-0",
        "hears 2 of 4 validators",
        "goes on by itself",
    ),
    (
        "a double vote",
        (replace(healthy(), evidence=msgspec.structs.replace(healthy().evidence, evidence=(double_vote(CONSENSUS_KEYS[1]),), count=1)),),
        "double-vote",
        "wrong",
        "operator",
        "signed two votes that exclude each other (epoch 0, view 41)",
        "som validator remove",
    ),
    (
        "a double vote of old",
        (replace(healthy(), evidence=msgspec.structs.replace(healthy().evidence, evidence=(double_vote("f" * 64),), count=1)),),
        "double-vote-past",
        "note",
        "operator",
        "votes no more",
        "keep the proof",
    ),
    (
        "more than f liars",
        (replace(healthy(), evidence=msgspec.structs.replace(healthy().evidence, halts=1)),),
        "more-than-f-liars",
        "wrong",
        "validator-0",
        "more than f validators lie",
        "call the other operators",
    ),
    *(
        (
            f"alarm {kind}",
            (with_series(healthy(), **{kind: 2.0}),),
            f"alarm-{kind.replace('_', '-')}",
            level,
            "validator-0",
            "(2 since",
            todo,
        )
        for kind, level, todo in (
            ("no_verdict", "note", "alarm no_verdict"),
            ("false_verdict", "wrong", "call the other operators"),
            ("refused", "warning", "alarm refused"),
            ("invariant", "wrong", "report it"),
            ("poison", "warning", "report them"),
        )
    ),
    (
        "slow disk",
        (replace(healthy(), series=SLOW),),
        "slow-disk",
        "warning",
        "validator-0",
        "80 ms for each sync of its journal",
        "a millisecond",
    ),
    ("denied", (with_status(healthy(), peers_denied=2),), "denied", "note", "validator-0", "2 other nodes", "file `denied`"),
    ("lies", (replace(healthy(), series=LIES),), "bad-messages", "note", "validator-0", "(3 messages)", "peer cut off"),
    ("chain", (healthy(), with_status(healthy(1), chain="a" * 64)), "other-chain", "wrong", "validator-1", "is on chain aaaa", "genesis"),
    (
        "fork",
        (healthy(), with_status(healthy(1), final_block="a" * 64)),
        "fork",
        "wrong",
        "the network",
        "validator-0 and validator-1",
        "call all",
    ),
    (
        "versions",
        (healthy(), with_status(healthy(1), version="2")),
        "versions",
        "note",
        "the network",
        "validator-1 2",
        "finish the upgrade",
    ),
    ("lag", (healthy(), with_status(healthy(1), height=1_042)), "node-behind", "warning", "validator-0", "1001 blocks behind", "wait if"),
]
