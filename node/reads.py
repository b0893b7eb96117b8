"""What the client API reads: final state, final blocks, histories and proofs; also of blocks that are final and not in LMDB yet.

Implements `node.api.backend.Reads`. Everything is read in the loop's thread, from memory or LMDB's page cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger import proofs
from ledger.blocks import view_bytes
from ledger.execute import block_key, opening_of, transaction_leaf
from ledger.genesis import genesis_to_json
from ledger.leaves import PUBLIC_TREES, participant_secret
from ledger.names import servicer_of
from ledger.placement import ASSETS
from ledger.views import salt_of
from node.api.backend import FinalTransaction, ValidatorEntry
from node.blocklog import returned_by
from node.epochchain import encode_link
from node.epochlinks import link_of
from node.history import block_rows, stored_rows
from node.viewkeys import ViewKeyMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.state import StateReader
    from node.api.backend import HistoryRow
    from node.blocks import FinalBlock, Finality, Tip
    from node.chain import Chain

ASSETS_MAX: Final = 1_024
"""The largest `assets_max` a network may set."""


class NothingFinalError(LookupError):
    """There is no final block to prove anything with, or none that has this transaction."""


class Reads:
    """Reads of one chain."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.genesis_json: str = genesis_to_json(chain.genesis)
        """The genesis document."""

    @property
    def chain_id(self) -> bytes:
        """32 bytes."""
        return self._chain.chain_id

    @property
    def network(self) -> str:
        """The name in the genesis document, for people."""
        return self._chain.genesis.name

    @property
    def validators(self) -> Sequence[ValidatorEntry]:
        """The set of the current epoch, by index."""
        return tuple(
            ValidatorEntry(each.participant, each.consensus_key, each.node_key, each.endpoint) for each in self._chain.council.members
        )

    @property
    def tip(self) -> Tip:
        """Newest final block."""
        return self._chain.tip

    @property
    def began(self) -> int:
        """Height of the snapshot that this node began with: it has no block at or below it; 0: it has every block."""
        return self._chain.store.began

    @property
    def committed_height(self) -> int:
        """Highest height in the store, synced."""
        return self._chain.committed_height

    @property
    def state(self) -> StateReader:
        """State after the newest final block."""
        return self._chain.state

    def asset_codes(self) -> list[str]:
        """Codes of all assets, ascending."""
        prefix = "~assets/"
        return [key[len(prefix) :] for key in self._chain.state.scan(prefix, prefix + "\x7f", ASSETS_MAX)]

    def keyset_names(self, owner: str) -> list[str]:
        """Names of the keysets of a participant or account, ascending."""
        prefix = f"keyset/{owner}/"
        return [name for key in self._chain.state.leaf_keys(prefix) if "/" not in (name := key[len(prefix) :])]

    def block(self, height: int) -> FinalBlock | None:
        """Return a final block; None for genesis (0) and above the tip."""
        return self._chain.log.block(height)

    def finality(self, height: int) -> Finality | None:
        """Certificate of a final block or of its nearest descendant that has one."""
        return self._chain.finality(height)

    def epoch_link(self, epoch: int) -> bytes | None:
        """How an epoch ended and what set it named (K23, point 2); None where it has not ended here."""
        link = link_of(self._chain, epoch)
        return None if link is None else encode_link(link)

    def transaction(self, tx_id: bytes) -> FinalTransaction | None:
        """Return a final transaction with its receipt."""
        for height, index in self._chain.log.candidates(tx_id):
            found = self._at(height, index)
            if found is not None and found.transaction.tx_id == tx_id:
                return found
        return None

    def transaction_by_ref(self, ref_id: bytes) -> FinalTransaction | None:
        """Return the newest final transaction with this (from, ref): a reference may be used again once it is forgotten (L14)."""
        for height, index in self._chain.log.candidates(ref_id):
            found = self._at(height, index)
            if found is not None and found.transaction.ref_id == ref_id:
                return found
        return None

    def returns(self, tx_id: bytes) -> list[FinalTransaction]:
        """Return the final transactions that returned a payment, oldest first; not those that votes carried out."""
        found = (self._at(height, index) for height, index in self._chain.log.returns(tx_id))
        return [each for each in found if each is not None and each.receipt.code == 0 and returned_by(each.transaction) == tx_id]

    def history(self, account: str, after: tuple[int, int, int], limit: int) -> list[HistoryRow] | None:
        """Rows of an account above (height, index, position), ascending, at most `limit`. None: this node keeps no history."""
        if not self._chain.keeps_history:
            return None
        rows = stored_rows(self._chain.store, account, after, limit)
        for block in self._chain.log.unflushed():
            if len(rows) >= limit:
                break
            rows.extend(row for row in block_rows(block, account) if (row.height, row.index, row.position) > after)
        return rows[:limit]

    def last_signed(self) -> list[int]:
        """Newest final height that each validator's signature was seen under, by index; 0: none."""
        return list(self._chain.last_signed)

    def subscribe(self, listener: Callable[[tuple[FinalBlock, ...]], None]) -> Callable[[], None]:
        """Call `listener` with each batch of final blocks; returns a function that ends it."""
        return self._chain.subscribe(listener)

    # --- proofs ------------------------------------------------------------------------------------------------------------

    def prove_account(self, account: str) -> bytes:
        """Proof file: the account, all of its balances, and what makes them final; also proves that the account is absent.

        Raises
        ------
        NothingFinalError
            No block is final yet, or the account's participant does not exist, so there is no tree to prove anything in.
        """
        keys = [f"account/{account}", *self._chain.state.leaf_keys(f"balance/{account}/")]
        return self.prove(servicer_of(account), keys)

    def prove(self, tree: str, keys: Sequence[str]) -> bytes:
        """Proof file: leaves of one tree by storage key, present or absent, and what makes them final.

        Raises
        ------
        NothingFinalError
            No block is final yet, or there is no tree of that name.
        """
        state = self._chain.state
        slot = None if tree in PUBLIC_TREES else self._slot(tree)
        leaves = {each: state.leaf(each) for each in keys}
        return proofs.build_state_proof(state, self._finality(self.tip.facts.height), tree=tree, leaves=leaves, slot=slot)

    def route_changes(self, route: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Heights above `after` at which a route changed, ascending, at most `limit`, each with a proof file of its record as of then.

        Raises
        ------
        NothingFinalError
            There is no certificate for one of them here.
        """
        found = self._chain.log.changes.after(route, after, limit)
        return [(height, proofs.file_of_leaves(self._finality(height), ASSETS, (leaf,))) for height, leaf in found]

    def prove_transaction(self, tx_id: bytes) -> bytes:
        """Proof file of the inclusion of a final transaction, with its receipt.

        Raises
        ------
        NothingFinalError
            It is not final here.
        """
        found = self.transaction(tx_id)
        block = None if found is None else self.block(found.receipt.height)
        if found is None or block is None:
            raise NothingFinalError(f"transaction {tx_id.hex()} is not final here")
        key = block_key(self._view_key_of(block.facts.epoch), block.facts.epoch, block.facts.view)
        leaves = [
            transaction_leaf(transaction, receipt, opening_of(key, index))
            for index, (transaction, receipt) in enumerate(zip(block.transactions, block.receipts, strict=True))
        ]
        return proofs.build_transaction_proof(
            self._finality(found.receipt.height),
            found.transaction,
            found.receipt,
            opening=opening_of(key, found.receipt.index),
            leaves=leaves,
        )

    # --- inside ------------------------------------------------------------------------------------------------------------

    def _view_key_of(self, epoch: int) -> bytes:
        try:
            return self._chain.view_key_of(epoch)
        except ViewKeyMissing as missing:
            raise NothingFinalError(str(missing)) from missing

    def _at(self, height: int, index: int) -> FinalTransaction | None:
        block = self.block(height)
        if block is None or index >= len(block.transactions):
            return None
        return FinalTransaction(block.transactions[index], block.receipts[index], block.facts.time_ms)

    def _finality(self, height: int) -> proofs.Finality:
        found, header = self._chain.finality(height), self._chain.log.header(height)
        if found is None or header is None:
            raise NothingFinalError(f"no certificate for height {height} is here")
        subject = found.certificate.subject
        signed = proofs.Finalization(subject.epoch, subject.view, subject.parent_view, subject.block_id, found.certificate.signatures)
        return proofs.Finality(header, found.links, signed)

    def _slot(self, participant: str) -> proofs.SlotOpening:
        slots, facts = self._chain.slots, self.tip.facts
        journal_roots = {} if slots is None else dict(slots.journal_roots)
        if slots is None or participant not in journal_roots:
            raise NothingFinalError(f"there is no final block with a tree of {participant}")
        salt = salt_of(participant_secret(self._view_key_of(facts.epoch), participant), view_bytes(facts.epoch, facts.view))
        index = list(journal_roots).index(participant)
        return proofs.open_slot(slots.hashes, index=index, salt=salt, journal_root=journal_roots[participant])
