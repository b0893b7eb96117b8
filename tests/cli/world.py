"""A network of one process for tests of the command line: a real genesis, real execution, real proofs and certificates.

Every block is final at once, signed by three of the four validators.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ledger.blocks import Header, view_bytes
from ledger.execute import Execution, block_key, genesis_state, opening_of
from ledger.genesis import first_records, parse_genesis
from ledger.indexes import derive_indexes
from ledger.keys import sign
from ledger.leaves import participant_secret
from ledger.names import servicer_of
from ledger.parameters import BlockContext, load_parameters
from ledger.proofs import Finality, Finalization, build_state_proof, build_transaction_proof, open_slot
from ledger.views import salt_of
from node.keystore import Cost
from node.plan import trial_plan, with_ports
from node.provision import provision
from tests.ledger.chain import Block, MemoryState, keep, verified

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.transactions.bodies import Transaction

CHEAP = Cost(memory_kib=8_192, iterations=1, lanes=1)
"""The least a key file may say: tests need no protection."""
QUORUM = 3


class World:
    """The network: its folder, its state, its blocks."""

    def __init__(self, folder: Path) -> None:
        self.made = provision(folder, with_ports(trial_plan(4, 0), 8_800), cost=CHEAP)
        self.genesis = parse_genesis(self.made.genesis.read_text())
        self.view_key = self.made.secrets.view_key
        self.seeds = [self.made.secrets.nodes[f"validator-{index}"].consensus for index in range(4)]
        self.state = MemoryState()
        records = first_records(self.genesis)
        self.state.take({**records, **derive_indexes(records.items())})
        first = genesis_state(records, self.view_key)
        keep(self.state.leaves, first.leaves.items())
        keep(self.state.nodes, first.nodes.items())
        self.blocks: list[Block] = []
        self.behind_ms = 0
        """How far the network's clock is behind this machine's."""

    @property
    def chain(self) -> bytes:
        """Id of the chain."""
        return self.made.chain

    @property
    def height(self) -> int:
        """Height of the newest block."""
        return len(self.blocks)

    def execute(self, *transactions: Transaction) -> Block:
        """Make a final block."""
        last_ms = self.blocks[-1].header.time_ms if self.blocks else self.genesis.time_ms
        time_ms = max(last_ms + 1, time.time_ns() // 1_000_000 - self.behind_ms)
        context = BlockContext(self.chain, 0, self.height + 1, self.height + 1, time_ms, load_parameters(self.state))
        execution = Execution(self.state, context, self.view_key, verified)
        for tx in transactions:
            execution.apply(tx)
        result = execution.finish()
        header = Header(
            version=1,
            chain=self.chain,
            epoch=0,
            height=context.height,
            view=context.view,
            parent=self.blocks[-1].id if self.blocks else self.chain,
            time_ms=time_ms,
            proposer=context.view % 4,
            next=bytes(32),
            body=result.body,
            transactions_root=result.transactions_root,
            participants_root=result.participants_root,
            assets_root=result.assets_root,
            governance_root=result.governance_root,
        )
        self.state.take(result.changes)
        keep(self.state.leaves, result.leaves.items())
        keep(self.state.nodes, result.nodes.items())
        block = Block(header, result, transactions)
        self.blocks.append(block)
        return block

    def finality(self, height: int, *, up_to: int = 0, seeds: list[bytes] | None = None) -> Finality:
        """Make the finality of a block by a certificate on itself or on a later one."""
        blocks = self.blocks[height - 1 : (up_to or height)]
        header, block_id = blocks[-1].header, blocks[-1].id
        parent_view = header.view - 1
        message = (
            b"som/finalize/1".ljust(16, b"\x00")
            + self.chain
            + header.epoch.to_bytes(4, "big")
            + header.view.to_bytes(8, "big")
            + parent_view.to_bytes(8, "big")
            + block_id
        )
        signers = self.seeds[:QUORUM] if seeds is None else seeds
        signatures = tuple((index, sign(seed, message)) for index, seed in enumerate(signers))
        certificate = Finalization(header.epoch, header.view, parent_view, block_id, signatures)
        return Finality(blocks[0].bytes, tuple(block.bytes for block in blocks[1:]), certificate)

    def prove_keys(self, tree: str, keys: list[str], finality: Finality | None = None) -> bytes:
        """Proof of keys in the tree of a participant, as of the newest block; what is not there is proven absent."""
        result, header = self.blocks[-1].result, self.blocks[-1].header
        participants = sorted(result.journal_roots)
        slot = open_slot(
            result.slots,
            index=participants.index(tree),
            salt=salt_of(participant_secret(self.view_key, tree), view_bytes(header.epoch, header.view)),
            journal_root=result.journal_roots[tree],
        )
        leaves = {key: self.state.leaves.get(key) if servicer_of(key.partition("/")[2]) == tree else None for key in keys}
        return build_state_proof(self.state, finality or self.finality(self.height), tree=tree, leaves=leaves, slot=slot)

    def prove_account(self, account: str, finality: Finality | None = None) -> bytes:
        """Proof of an account and all of its balances."""
        balances = [key for key in self.state.leaves if key.startswith(f"balance/{account}/")]
        return self.prove_keys(servicer_of(account), [f"account/{account}", *balances], finality)

    def find(self, tx_id: str) -> tuple[Block, int] | None:
        """Block and index of a transaction."""
        for block in self.blocks:
            for index, tx in enumerate(block.transactions):
                if tx.tx_id.hex() == tx_id:
                    return block, index
        return None

    def prove_transaction(self, tx_id: str, finality: Finality | None = None) -> bytes:
        """Proof of a transaction and its receipt."""
        found = self.find(tx_id)
        if found is None:
            raise AssertionError(f"no transaction {tx_id}")
        block, index = found
        opening = opening_of(block_key(self.view_key, block.header.epoch, block.header.view), index)
        return build_transaction_proof(
            finality or self.finality(block.header.height),
            block.transactions[index],
            block.result.receipts[index],
            opening=opening,
            leaves=block.result.transaction_leaves,
        )
