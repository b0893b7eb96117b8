"""Chains whose finalizations are really signed, so that snapshots of them can be believed by who knows the genesis document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.certificates import assemble
from consensus.signing import signing_bytes
from consensus.types import ChainId, Kind, SignedVote, ValidatorId, ValidatorSet, View, Vote
from ledger.keys import public_key_of, sign
from node.files import DiskFiles
from node.snapshot_capture import Capture
from node.snapshot_files import FOLDER, line_of
from tests.node.chain_world import World

if TYPE_CHECKING:
    from pathlib import Path

    from consensus.types import Certificate
    from node.blocks import BuiltBlock, FinalBlock
    from node.snapshot import Manifest


class SignedWorld(World):
    """A world whose four validators sign what becomes final."""

    @property
    def seeds(self) -> list[bytes]:
        """Consensus seeds, by index."""
        by_key = {public_key_of(node.consensus).hex(): node.consensus for node in self.secrets.nodes.values() if node.consensus}
        return [by_key[each.consensus_key] for each in self.genesis.validators]

    def certificate(self, built: BuiltBlock) -> Certificate:
        """Sign the finalization of a block by three of four."""
        chain, seeds, facts = ChainId(self.chain_id), self.seeds, built.facts
        vote = Vote(Kind.FINALIZE, facts.epoch, facts.view, View(0), facts.block_id)
        signed = [SignedVote(vote, ValidatorId(index), sign(seeds[index], signing_bytes(chain, vote))) for index in range(3)]
        return assemble(signed, ValidatorSet(tuple(public_key_of(seed) for seed in seeds)))

    def finalize(self, *built: BuiltBlock) -> tuple[FinalBlock, ...]:
        """Make blocks final under a certificate that holds."""
        return self.chain.finalize([each.facts.block_id for each in built], self.certificate(built[-1]))

    async def snapshot(self, data: Path) -> tuple[Manifest, list[bytes]]:
        """Flush, make a snapshot under a data folder, and return its manifest and chunks."""
        await self.chain.flush()
        folder = await Capture(self.chain.store.pin(), DiskFiles(), data / FOLDER, self.chain.view_key_of).make()
        found = line_of(folder)
        assert found is not None
        manifest = found[1]
        return manifest, [(folder / f"{index:05}").read_bytes() for index in range(len(manifest.chunks))]
