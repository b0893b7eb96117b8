"""What a block says of the next epoch: `header.next`, the hash of a set, finality of a block that ends one (K22, K23)."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import msgpack
import pytest
from msgspec.structs import replace

from ledger.blocks import decode_header, split_body
from ledger.codec import decode_transaction
from ledger.epochs import NO_EPOCH_BEGINS, Epoch, EpochPlan, Readiness, Validator, epoch_of, set_hash, validator_key, view_key_of
from ledger.execute import execute_block
from ledger.keys import public_key_of
from ledger.parameters import BlockContext, Parameters
from ledger.participants import KeyOwner
from ledger.proofs import Finality, ProofError, check_state_proof
from ledger.state import Governed, Record
from tests.ledger.chain import CHAIN, VIEW_KEY, MemoryLedger, finality_of, seed_of, verified
from tests.ledger.test_proofs import SEEDS, state_file

PINNED = Path(__file__).resolve().parents[1] / "vectors" / "ledger.json"


def test_k23_the_hash_of_a_set_byte_by_byte() -> None:
    """Goal: anybody can compute it. Method: another MessagePack library and SHA-256 alone, against the pinned vectors."""
    pinned = {name: bytes.fromhex(value) for name, value in json.loads(PINNED.read_text()).items()}
    number, validators = msgpack.unpackb(pinned["set"])
    assert msgpack.packb([number, validators]) == pinned["set"]
    assert sha256(b"som/validators/1" + pinned["set"]).digest() == pinned["set/hash"]
    assert msgpack.unpackb(pinned["boundary/header"])[8] == sha256(b"som/validators/1" + pinned["boundary/set"]).digest()


def test_k23_every_word_of_a_set_and_its_epoch_are_hashed() -> None:
    """Goal: no other set has the hash. Method: change each field, the order, the length and the number."""
    validators = epoch_of(MemoryLedger().state, 0).validators
    first = validators[0]
    others = [
        (2, validators),
        (1, validators[::-1]),
        (1, validators[:3]),
        (1, (replace(first, participant="bank-a"), *validators[1:])),
        (1, (replace(first, consensus_key=first.node_key), *validators[1:])),
        (1, (replace(first, node_key=first.consensus_key), *validators[1:])),
        (1, (replace(first, endpoint="http://x"), *validators[1:])),
    ]
    hashes = [set_hash(number, each) for number, each in [(1, validators), *others]]
    assert len(set(hashes)) == len(hashes)


def with_plan(ledger: MemoryLedger) -> tuple[Validator, ...]:
    """Put a plan with a ready newcomer into the state, as its transactions would have."""
    now = epoch_of(ledger.state, 0)
    newcomer = Validator("operator", public_key_of(seed_of("consensus 9")), now.validators[3].node_key, "")
    planned = (*now.validators[:3], newcomer)
    view_key = view_key_of(ledger.state, 0)
    records: dict[str, Record | None] = {
        "epoch/next": EpochPlan(1, planned, 0),
        f"key/{newcomer.consensus_key.hex()}": KeyOwner("operator", "~consensus"),
        validator_key(newcomer.consensus_key): Readiness("operator", newcomer.consensus_key, newcomer.node_key, 0, 0, view_key.hash, 0),
    }
    ledger.state.take(records)
    return planned


def test_k22_header_next_is_the_hash_of_the_next_set_on_a_boundary_and_zeros_elsewhere() -> None:
    """Goal: headers alone pass trust on. Method: five epochs of three blocks, a new set in the second; compare each header and record."""
    ledger = MemoryLedger(length=3)
    ledger.state.records["param/epoch_length"] = Governed(b"\x03")
    planned = with_plan(ledger)
    sets = []
    for _ in range(9):
        block = ledger.block()
        header = decode_header(block.bytes)
        if block.header.height % 3:
            assert header.next == NO_EPOCH_BEGINS
        else:
            epoch = epoch_of(ledger.state, header.epoch + 1)
            assert header.next == set_hash(header.epoch + 1, epoch.validators)
            assert epoch == Epoch(header.epoch + 1, header.height, header.height + 3, epoch.validators, 0)
            sets.append(epoch.validators)
    assert sets == [planned] * 3
    assert [(block.header.epoch, block.header.view) for block in ledger.blocks[2:5]] == [(0, 5), (1, 1), (1, 3)]


def test_invariant_19_a_boundary_is_the_same_on_every_node() -> None:
    """Goal: 19 across epochs. Method: execute every body again on another state, with the context of its header."""
    ledger, again = MemoryLedger(length=2), MemoryLedger(length=2)
    for each in (ledger, again):
        with_plan(each)
    for _ in range(5):
        block = ledger.block()
        header = block.header
        context = BlockContext(CHAIN, header.epoch, header.height, header.view, header.time_ms, Parameters())
        transactions = [decode_transaction(raw) for raw in split_body(block.result.body_bytes)]
        assert execute_block(again.state, context, transactions, VIEW_KEY, verified) == block.result
        again.block()
        assert again.blocks[-1].id == block.id


def test_k22_a_boundary_may_be_final_in_a_later_view_no_other_block_may() -> None:
    """Goal: the last block of an epoch is proposed again until it is final. Method: certificates of other views on both."""
    ledger = MemoryLedger(length=2)
    for ends in (False, True):
        block = ledger.block()
        made = finality_of([block], SEEDS)
        for later in (0, 7, -1):
            certificate = replace(made.certificate, view=made.certificate.view + later)
            file = state_file(ledger, Finality(made.header, made.links, certificate), "A", ["asset/KGS"])
            if later == 0 or (ends and later > 0):
                assert check_state_proof(file, chain=CHAIN).block.header == block.header
            else:
                with pytest.raises(ProofError):
                    check_state_proof(file, chain=CHAIN)
