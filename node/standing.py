"""How the node stands, for status, readiness and metrics (`NodeStatus` of the client API)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.driver import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from consensus.replica import Replica
    from node.api.structs import Role
    from node.chain import Chain
    from node.peers import Peers


@dataclass(frozen=True, slots=True)
class Standing:
    """Reads everything at the moment it is asked."""

    name: str
    version: str
    role: Role
    chain: Chain
    peers: Peers
    peers_known: int
    peers_needed: int
    replica: Replica | None
    catching_up: Callable[[], bool]

    @property
    def epoch(self) -> int:
        """Current epoch."""
        return self.chain.tip.facts.epoch

    @property
    def view(self) -> int:
        """Current view; of a peer: that of its newest final block."""
        return self.chain.tip.facts.view if self.replica is None else self.replica.view

    @property
    def final_view(self) -> int:
        """Highest final view known."""
        return self.chain.tip.facts.view if self.replica is None else self.replica.final_view

    @property
    def peers_connected(self) -> int:
        """Nodes with both lanes open; of a peer: validators only."""
        links = self.peers.links()
        return len(links) if self.role == "validator" else sum(1 for link in links if link.validator is not None)

    @property
    def syncing(self) -> bool:
        """Whether the node is catching up."""
        return self.catching_up()

    @property
    def time_ms(self) -> int:
        """Own clock."""
        return now_ms()
