"""A network of one process for tests of the command line: a real genesis, real execution, real proofs and certificates.

Every block is final at once, signed by a quorum of its epoch's validators: three of four.
"""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import replace
from nacl.bindings import crypto_box_seal

from cli.trust import Shelf, Trusted
from ledger.attestations import ReadyValue, ready_attestation
from ledger.blocks import Header, block_id_of, header_bytes, view_bytes
from ledger.codec import decode_transaction, make_envelope, sign_transaction
from ledger.epochs import Validator, ViewKey, epoch_of
from ledger.execute import Execution, block_key, genesis_state, opening_of
from ledger.genesis import first_records, parse_genesis, validators, view_key_hash
from ledger.indexes import derive_indexes
from ledger.keys import public_key_of, sign
from ledger.leaves import participant_secret
from ledger.names import servicer_of
from ledger.parameters import BlockContext, load_parameters
from ledger.participants import Participant
from ledger.proofs import Finality, Finalization, build_state_proof, build_transaction_proof, open_slot
from ledger.transactions.bodies import Attest, ParamSet, ParticipantPut, ValidatorsSet
from ledger.views import salt_of
from node.epochchain import EpochLink, encode_link
from node.keyfiles import box_public_of
from node.keystore import Cost
from node.plan import trial_plan, with_ports
from node.provision import provision
from node.wire import WireCertificate
from tests.ledger.chain import Block, MemoryState, keep, verified

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.transactions.bodies import Body, Transaction

CHEAP = Cost(memory_kib=8_192, iterations=1, lanes=1)
"""The least a key file may say: tests need no protection."""
QUORUM = 3


class World:
    """The network: its folder, its state, its blocks."""

    def __init__(self, folder: Path, params: dict[str, int] | None = None) -> None:
        plan = replace(with_ports(trial_plan(4, 0), 8_800), params=params or {})
        self.made = provision(folder, plan, cost=CHEAP)
        self.genesis = parse_genesis(self.made.genesis.read_text())
        self.view_key = self.made.secrets.view_key
        self.seeds = [self.made.secrets.nodes[f"validator-{index}"].consensus for index in range(4)]
        self.by_key = {public_key_of(seed): seed for seed in self.seeds}
        """Consensus key -> seed, of everybody who ever votes."""
        self.state = MemoryState()
        records = first_records(self.genesis)
        self.state.take({**records, **derive_indexes(records.items())})
        first = genesis_state(records, self.view_key)
        keep(self.state.leaves, first.leaves.items())
        self.state.trees.update(first.trees)
        self.blocks: list[Block] = []
        self.epoch, self.base = 0, 0
        """Of the next block, and the height that it stands on."""
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
        view = self.height + 1 - self.base
        context = BlockContext(self.chain, self.epoch, self.height + 1, view, time_ms, load_parameters(self.state))
        execution = Execution(self.state, context, self.view_key, verified)
        for tx in transactions:
            execution.apply(tx)
        result = execution.finish()
        header = Header(
            version=1,
            chain=self.chain,
            epoch=self.epoch,
            height=context.height,
            view=context.view,
            parent=self.blocks[-1].id if self.blocks else self.chain,
            time_ms=time_ms,
            proposer=context.view % 4,
            next=result.next,
            body=result.body,
            transactions_root=result.transactions_root,
            participants_root=result.participants_root,
            assets_root=result.assets_root,
            governance_root=result.governance_root,
        )
        self.state.take(result.changes)
        keep(self.state.leaves, result.leaves.items())
        self.state.trees.update(result.trees)
        block = Block(header, result, transactions)
        self.blocks.append(block)
        if result.next != bytes(32):
            self.epoch, self.base = self.epoch + 1, self.height
        return block

    def do(self, body: Body, sender: str, *keysets: str) -> None:
        """Make a final block of one transaction, signed by keysets `OWNER/NAME`, that must take effect."""
        envelope = make_envelope(
            chain=self.chain,
            sender=sender,
            ref=f"world-{self.height}",
            valid_until=time.time_ns() // 1_000_000 + 60_000,
            salt=self.height.to_bytes(16, "big"),
            body=body,
        )
        pairs = [tuple(name.rsplit("/", 1)) for name in keysets]
        signed = sign_transaction(envelope, [(owner, name, self.made.secrets.keysets[owner, name][0]) for owner, name in pairs])
        code = self.execute(decode_transaction(signed)).result.receipts[0].code
        if code:
            raise AssertionError(f"{body} is refused with {code}")

    def pass_boundary(self) -> int:
        """Make empty blocks to the end of the epoch; return the number of the next one."""
        epoch = self.epoch
        while self.epoch == epoch:
            self.execute()
        return self.epoch

    def change_set(self, bank: str) -> None:
        """Let a bank's new validator take the last place of the set from the next epoch on (K22)."""
        consensus, node, box = (
            sha256(f"{role} of {bank} in epoch {self.epoch}".encode()).digest() for role in ("consensus", "node", "box")
        )
        newcomer = Validator(bank, public_key_of(consensus), public_key_of(node), "")
        self.by_key[newcomer.consensus_key] = consensus
        record = self.state.get(f"participant/{bank}")
        if not isinstance(record, Participant):
            raise TypeError(bank)
        box_key = box_public_of(box)
        self.do(ParticipantPut(replace(record, node_keys=(newcomer.node_key,), box_keys=(box_key,))), "operator", "operator/ops")
        now = epoch_of(self.state, self.epoch)
        copies = ((box_key, crypto_box_seal(self.view_key, box_key)),)
        root = ("operator/ops", "treasury/ops")
        self.do(ParamSet("view_key", ViewKey(view_key_hash(self.view_key), copies), 0), "operator", *root)
        self.do(ValidatorsSet((*now.validators[:-1], newcomer), self.epoch + 1), "operator", *root)
        value = ReadyValue(self.height, now.view_key, QUORUM)
        word = ready_attestation(
            bank, newcomer.consensus_key, value, view_key_hash=view_key_hash(self.view_key), as_of=self.blocks[-1].header.time_ms
        )
        self.do(Attest(word), bank, f"{bank}/ops")

    def voters(self, epoch: int) -> list[bytes]:
        """Seeds of an epoch's validators, by index."""
        return [self.by_key[each.consensus_key] for each in epoch_of(self.state, epoch).validators]

    def finality(self, height: int, *, up_to: int = 0, seeds: list[bytes] | None = None) -> Finality:
        """Make the finality of a block by a certificate on itself or on a later one."""
        blocks = self.blocks[height - 1 : (up_to or height)]
        header, block_id = blocks[-1].header, blocks[-1].id
        signers = self.voters(header.epoch)[:QUORUM] if seeds is None else seeds
        certificate = self.finalization(header, block_id, signers)
        return Finality(blocks[0].bytes, tuple(block.bytes for block in blocks[1:]), certificate)

    def finalization(self, header: Header, block_id: bytes, seeds: list[bytes]) -> Finalization:
        """Certificate of a header by these seeds, as indices from 0 on."""
        parent_view = header.view - 1
        message = (
            b"som/finalize/1".ljust(16, b"\x00")
            + self.chain
            + header.epoch.to_bytes(4, "big")
            + header.view.to_bytes(8, "big")
            + parent_view.to_bytes(8, "big")
            + block_id
        )
        signatures = tuple((index, sign(seed, message)) for index, seed in enumerate(seeds))
        return Finalization(header.epoch, header.view, parent_view, block_id, signatures)

    def link(self, epoch: int, *, header: Header | None = None, seeds: list[bytes] | None = None) -> EpochLink:
        """How an epoch ended and what set it named; a forged one by another header or other seeds."""
        shown = header or self.blocks[epoch_of(self.state, epoch).end - 1].header
        data = header_bytes(shown)
        made = self.finalization(shown, block_id_of(data), self.voters(epoch)[:QUORUM] if seeds is None else seeds)
        certificate = WireCertificate(3, made.epoch, made.view, made.parent_view, made.block_id, made.signatures)
        return EpochLink(data, certificate, epoch_of(self.state, epoch + 1).validators)

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


def trusting(world: World, folder: Path) -> Trusted:
    """Light client with its memory in a folder, whose node is honest."""
    first = [Validator(each.participant, each.consensus_key, each.node_key, each.endpoint) for each in validators(world.genesis)]
    return Trusted(world.chain, first, Shelf(folder, world.chain), lambda epoch: encode_link(world.link(epoch - 1)))
