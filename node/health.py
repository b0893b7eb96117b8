"""Whether the node is fit to be asked: alive (`/healthz`), and ready (`/readyz`): committed recently, enough peers, not catching up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.parameters import load_parameters

if TYPE_CHECKING:
    from node.api.backend import NodeStatus, Reads

FINAL_AGE_MS_MAX: Final = 30_000
"""A light client refuses a state older than this (K23)."""
HEARTBEATS_MAX: Final = 3
"""An idle chain makes a block every heartbeat; a leader or two may be down. The larger of both limits holds."""


def not_ready(reads: Reads, node: NodeStatus, silenced: str) -> tuple[str, ...]:
    """Return why the node should get no clients, a sentence each; empty: it is ready. Reads only memory, so it is safe to call often.

    `silenced` is why its key must not vote any more (K15), empty where it may.
    """
    reasons = []
    age_ms = node.time_ms - reads.tip.facts.time_ms
    if reads.tip.facts.height == 0:
        reasons.append("no block is final yet; wait for the validators to find each other")
    elif age_ms > max(FINAL_AGE_MS_MAX, HEARTBEATS_MAX * load_parameters(reads.state).heartbeat_ms):
        reasons.append(f"the newest final block is {age_ms // 1_000} s old; look whether a quorum of validators runs and can be reached")
    if node.peers_connected < node.peers_needed:
        reasons.append(f"{node.peers_connected} peers are connected, {node.peers_needed} are needed; look at addresses, firewalls and keys")
    if node.syncing:
        reasons.append("the node is catching up; wait")
    if silenced:
        reasons.append(silenced)
    return tuple(reasons)
