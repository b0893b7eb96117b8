"""How the node stands, for status, readiness and metrics (`NodeStatus` of the client API)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.driver import now_ms

if TYPE_CHECKING:
    from consensus.replica import Replica
    from node.api.structs import Role
    from node.chain import Chain
    from node.peers import Peers
    from node.roles import Roles


@dataclass(frozen=True, slots=True)
class Standing:
    """Reads everything at the moment it is asked."""

    name: str
    version: str
    chain: Chain
    peers: Peers
    roles: Roles
    peers_known: int

    @property
    def role(self) -> Role:
        """A validator votes in the current epoch; a peer follows, whatever its configuration hopes for."""
        return "validator" if self.roles.voting else "peer"

    @property
    def replica(self) -> Replica | None:
        """Core of the current epoch; None where this node does not vote in it."""
        return self.roles.role.replica

    @property
    def epoch(self) -> int:
        """Current epoch."""
        return self.chain.epoch_number

    @property
    def peers_needed(self) -> int:
        """Connections without which it cannot do its work: a validator needs q - 1, a peer one."""
        return self.chain.council.keys.quorum - 1 if self.roles.voting else 1

    @property
    def view(self) -> int:
        """Current view; of a peer: that of its newest final block."""
        replica = self.replica
        return self.chain.tip.facts.view if replica is None else replica.view

    @property
    def final_view(self) -> int:
        """Highest final view known."""
        replica = self.replica
        return self.chain.tip.facts.view if replica is None else replica.final_view

    @property
    def peers_connected(self) -> int:
        """Nodes with both lanes open; of a peer: validators only."""
        links = self.peers.links()
        return len(links) if self.roles.voting else sum(1 for link in links if link.validator is not None)

    @property
    def peers_denied(self) -> int:
        """Nodes on the operator's own list (`node.denied`)."""
        return self.peers.denied

    @property
    def syncing(self) -> bool:
        """Whether the node is catching up."""
        return self.roles.role.catching_up

    @property
    def time_ms(self) -> int:
        """Own clock."""
        return now_ms()
