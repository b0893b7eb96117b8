"""What a running node does in the current epoch, and the switch when the next one begins (K22).

At the final block that ends an epoch the tasks of the old role end, the store is flushed past that block, the journal begins a segment,
the links are labelled by the new set, and a new role begins: `Voting` where this node's key is in the set, else `Following`. Links, pool,
gossip and the client API go on meanwhile; frames that come early are kept and replayed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from node.errors import KeyUnfit
from node.following import Following
from node.seats import names_of
from node.voting import Voting
from node.wire import WireError

if TYPE_CHECKING:
    from consensus.types import ValidatorId
    from node.parts import Parts
    from node.prepare import Voter
    from node.voting import Lists

log = structlog.get_logger("epochs")


class Roles:
    """The role of one node, whichever it is now."""

    def __init__(self, parts: Parts, voter: Voter | None, node_key: bytes) -> None:
        """Begin with the role that the newest final state gives this node.

        Raises
        ------
        KeyUnfit
            The set names another node for our consensus key.
        """
        self._parts, self._voter, self._node_key = parts, voter, node_key
        self._ended = asyncio.Event()
        self._epoch = parts.chain.epoch_number
        parts.teller.begin(names_of(parts.chain.council.members))
        self.role: Voting | Following = self._make({})
        parts.peers.receiver = self.role.receiver

    @property
    def voting(self) -> bool:
        """Whether this node votes in the current epoch."""
        return isinstance(self.role, Voting)

    def start(self) -> None:
        """Start the role, and what waits for the next epoch."""
        self.role.start(None)
        self._parts.tasks.spawn(self._run(), "epochs")

    async def flush(self) -> None:
        """Write everything final to the store, and tell whoever is to know."""
        await self.role.flusher.flush()

    async def close(self) -> None:
        """Stop the role."""
        await self.role.close()

    def ended(self) -> None:
        """Hear that the block which ends the epoch is final."""
        self._ended.set()

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Switch at every boundary, until cancelled."""
        while True:
            await self._ended.wait()
            self._ended.clear()
            if self._parts.chain.epoch_number > self._epoch:
                await self._switch()

    async def _switch(self) -> None:
        """Leave the old epoch and begin the one that the chain is in now."""
        parts, old = self._parts, self.role
        clock = asyncio.get_running_loop().time
        began = clock()
        votes = self._seat() is not None
        if votes or isinstance(old, Voting):
            source = old.sync.source
            await old.close()
            # No record of the new epoch may be journaled before the store holds the block that it stands on: a restart finds its set there.
            await parts.chain.flush()
            self._epoch = parts.chain.epoch_number
            parts.peers.relabel()
            parts.teller.begin(names_of(parts.chain.council.members))
            self.role = self._make(old.bodies.lists if isinstance(old, Voting) else {})
            parts.peers.receiver = self.role.receiver
            self.role.start(source)
            await self._replay()
        else:
            self._epoch = parts.chain.epoch_number
            parts.peers.relabel()
            parts.teller.begin(names_of(parts.chain.council.members))
        parts.peers.aim(parts.addresses())
        seconds = clock() - began
        parts.metrics.epoch_switch.observe(seconds)
        facts = parts.chain.tip.facts
        log.info(
            "epoch began",
            epoch=self._epoch,
            height=facts.height,
            validators=parts.chain.validators,
            votes=self.voting,
            ms=round(1_000 * seconds, 1),
        )

    async def _replay(self) -> None:
        """Greet every node again, and take what came too early."""
        peers, receiver = self._parts.peers, self.role.receiver
        for link in peers.links():
            receiver.connected(link)
        for link in peers.links():
            for lane, data in self._parts.later.take(link.node_key):
                try:
                    await receiver.receive(link, lane, data)
                except WireError as lie:
                    peers.cut(link, lie)
                    break
        self._parts.later.forget()

    def _make(self, lists: Lists) -> Voting | Following:
        """Make the role of the current epoch."""
        seat, voter = self._seat(), self._voter
        if seat is None or voter is None:
            self._parts.gossip.quiet()
            return Following(self._parts, self.ended)
        member = self._parts.chain.council.members[seat]
        if member.node_key != self._node_key:
            raise KeyUnfit(
                f"the node key {self._node_key.hex()} is not the one that the ledger lists for validator {seat}, whose key this node has"
            )
        voter.memory.begin(self._parts.chain.epoch_number, seat)
        voter.memory.journal.drop_below(self._parts.chain.tip.facts)
        return Voting(self._parts, voter.memory, lists, self.ended)

    def _seat(self) -> ValidatorId | None:
        """Index at which this node votes in the current epoch.

        None where its key is not in the set, where its memory is of a later epoch (the chain here has yet to come to that), and once a
        vote of the key was shown that it does not remember: such a key votes in no later epoch either (K15).
        """
        chain, voter = self._parts.chain, self._voter
        if voter is None or voter.memory.epoch > chain.epoch_number:
            return None
        return None if self._parts.teller.silenced else chain.council.seat_of(voter.key)
