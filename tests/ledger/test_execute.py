"""Execution of blocks: same block, same roots; nothing unorderable inside; limits; what the result must hold."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.blocks import body_hash, decode_header, encode_body, header_bytes, split_body
from ledger.codec import decode_transaction
from ledger.commit import commit
from ledger.errors import Malformed, Unorderable
from ledger.execute import BlockTooLargeError, Execution, execute_block
from ledger.grants import Grant, GrantRecord, Scope
from ledger.invariants import check_whole
from ledger.keys import keyed, public_key_of
from ledger.leaves import is_blinded, leaf_hash, leaf_key
from ledger.parameters import BlockContext, Parameters
from ledger.participants import KeyOwner
from ledger.transactions.bodies import Issue, Leg, Pay
from ledger.tree import rebuild_tree, root_of
from tests.ledger.chain import CHAIN, VIEW_KEY, MemoryLedger, first_records, seed_of, verified
from tests.ledger.histories import funded, histories
from tests.ledger.test_views import of_tree

if TYPE_CHECKING:
    from ledger.state import Record

ROOT = Path(__file__).resolve().parents[2]


def tree_at(key: str, value: bytes) -> str:
    """Tree of a stored leaf: the participant's, else by its kind."""
    return of_tree(key, value) if is_blinded(value) else "A" if key.startswith("asset/") else "G"


@given(histories())
def test_roots_are_those_of_the_stored_leaves(ledger: MemoryLedger) -> None:
    """Goal: invariant 20 in the small, nothing hashed but the state. Method: every tree rebuilt from the leaves, node for node."""
    trees: dict[str, list[tuple[bytes, bytes]]] = {}
    for key, value in ledger.state.leaves.items():
        place = leaf_key(key)
        trees.setdefault(tree_at(key, value), []).append((place, leaf_hash(place, value)))
    result = ledger.blocks[-1].result
    rebuilt = {tree: rebuild_tree(trees.get(tree, [])) for tree in result.roots}
    assert {name: root_of(tree) for name, tree in rebuilt.items()} == result.roots
    assert rebuilt == {name: ledger.state.tree(name) for name in rebuilt}
    assert (result.assets_root, result.governance_root) == (result.roots["A"], result.roots["G"])
    check_whole({key: record for key, record in ledger.state.records.items() if key[0] != "~"})


@given(histories())
@settings(max_examples=25)
def test_invariant_19_the_same_block_gives_the_same_result(ledger: MemoryLedger) -> None:
    """Goal: invariant 19. Method: replay every body, as bytes, on a fresh ledger; the whole result is equal."""
    again = MemoryLedger()
    for block in ledger.blocks:
        context = BlockContext(CHAIN, 0, block.header.height, block.header.view, block.header.time_ms, Parameters())
        transactions = [decode_transaction(raw) for raw in split_body(block.result.body_bytes)]
        result = execute_block(again.state, context, transactions, VIEW_KEY, verified)
        assert result == block.result
        again.time_ms = block.header.time_ms
        again.block(*transactions)
        assert again.blocks[-1].bytes == block.bytes


@given(histories(), st.integers(1, 3))
@settings(max_examples=25)
def test_invariant_19_when_leaves_and_views_are_written_up_changes_nothing(ledger: MemoryLedger, page: int) -> None:
    """Goal: a builder and a judge may pause anywhere. Method: the last block in pages of a few transactions, against the block in one."""
    block, before = ledger.blocks[-1], MemoryLedger()
    for earlier in ledger.blocks[:-1]:
        before.time_ms = earlier.header.time_ms
        before.block(*(decode_transaction(raw) for raw in split_body(earlier.result.body_bytes)))
    context = BlockContext(CHAIN, 0, block.header.height, block.header.view, block.header.time_ms, Parameters())
    execution = Execution(before.state, context, VIEW_KEY, verified)
    for number, raw in enumerate(split_body(block.result.body_bytes)):
        execution.apply(decode_transaction(raw))
        if number % page == 0:
            execution.write_up()
    assert execution.finish() == block.result


HISTORY = """
from ledger.transactions.bodies import HoldBody, Leg, Pay
from tests.ledger.histories import BANKS, funded
ledger = funded()
for turn in range(6):
    made = []
    for payer in BANKS:
        legs = tuple(Leg(f"{payer}/settlement", f"{bank}/w1", "KGS", turn + 1, 0, "") for bank in BANKS)
        made.append(ledger.sign(Pay(legs, "each", "", None, "", None, None), sender=payer))
        until = ledger.time_ms + 1500
        body = HoldBody(f"{payer}/settlement", "operator/settlement", "KGS", 5, 0, until, payer, payer, "none", "escrow")
        made.append(ledger.sign(body, sender=payer))
    ledger.block(*made)
print(ledger.blocks[-1].id.hex())
"""


def test_invariant_19_roots_do_not_depend_on_the_hash_seed() -> None:
    """Goal: invariant 19. Method: the same history in processes with other hash seeds of Python."""
    ids = []
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", HISTORY], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        ids.append(done.stdout.strip())
    assert len(ids[0]) == 64
    assert len(dict.fromkeys(ids)) == 1


def pay(amount: int) -> Pay:
    return Pay((Leg("bank-a/settlement", "bank-b/settlement", "KGS", amount, 0, ""),), "atomic", "", None, "", None, None)


def test_a_block_with_an_unorderable_transaction_is_invalid() -> None:
    """Goal: L15. Method: a block that holds one transaction twice; a builder sets the second aside and goes on."""
    ledger = funded()
    tx = ledger.sign(pay(5), sender="bank-a")
    with pytest.raises(Unorderable):
        execute_block(ledger.state, ledger.context(), [tx, tx], VIEW_KEY, verified)
    execution = ledger.execution()
    execution.apply(tx)
    with pytest.raises(Unorderable):
        execution.apply(tx)
    alone = execute_block(ledger.state, ledger.context(), [tx], VIEW_KEY, verified)
    assert execution.finish() == alone


def test_what_an_unorderable_transaction_touched_is_no_change() -> None:
    """Goal: L15, a forged copy leaves no trace, in the trees either. Method: a copy signed by the wrong key before the right one."""
    ledger = funded()
    tx = ledger.sign(pay(5), sender="bank-a")
    forged = bytearray(tx.raw)
    forged[-1] ^= 1
    execution = ledger.execution()
    with pytest.raises(Unorderable):
        execution.apply(decode_transaction(bytes(forged)))
    execution.apply(tx)
    assert execution.finish() == execute_block(ledger.state, ledger.context(), [tx], VIEW_KEY, verified)


@pytest.mark.parametrize(
    "limits",
    [
        Parameters(block_bytes_max=600),
        Parameters(block_signatures_max=2),
        Parameters(block_legs_max=2),
    ],
    ids=["bytes", "signatures", "legs"],
)
def test_limits_of_a_block(limits: Parameters) -> None:
    """Goal: M5. Method: two payments fit, a third does not: the builder is told, the judge refuses."""
    ledger = funded()
    context = BlockContext(CHAIN, 0, 2, 3, ledger.time_ms, limits)
    made = [ledger.sign(pay(5), sender="bank-a") for _ in range(3)]
    execution = Execution(ledger.state, context, VIEW_KEY, verified)
    for tx in made[:2]:
        assert execution.fits(tx)
        execution.apply(tx)
    assert not execution.fits(made[2])
    with pytest.raises(BlockTooLargeError):
        execution.apply(made[2])
    assert execution.count == 2
    with pytest.raises(BlockTooLargeError):
        execute_block(ledger.state, context, made, VIEW_KEY, verified)


def test_the_body_binds_every_byte_signatures_included() -> None:
    """Goal: one block id has one body (L13). Method: another signature of the same transaction, another view, another key."""
    ledger = funded()
    tx = ledger.sign(pay(5), sender="bank-a")
    body = encode_body([tx.raw])
    altered = encode_body([tx.raw[:-1] + bytes([tx.raw[-1] ^ 1])])
    hashed = body_hash(body, view_key=VIEW_KEY, epoch=0, view=3)
    assert hashed == sha256(b"som/body/1" + keyed(VIEW_KEY, bytes(4) + (3).to_bytes(8, "big")) + body).digest()
    others = [
        body_hash(altered, view_key=VIEW_KEY, epoch=0, view=3),
        body_hash(body, view_key=VIEW_KEY, epoch=0, view=4),
        body_hash(body, view_key=VIEW_KEY, epoch=1, view=3),
        body_hash(body, view_key=bytes(32), epoch=0, view=3),
    ]
    assert hashed not in others


def test_split_body_gives_the_transactions_back_and_refuses_the_rest() -> None:
    """Goal: a body is one canonical array. Method: none, some, a wider head, bytes left over, no array, too long."""
    ledger = funded()
    made = [ledger.sign(pay(number), sender="bank-a").raw for number in range(1, 20)]
    for raws in ([], made[:1], made):
        assert list(split_body(encode_body(raws))) == raws
    for bad in (b"\xdc\x00\x00", encode_body(made) + b"\xc0", b"\xa1x", b"\xdd\xff\xff\xff\xff", b"\x90" * 1_048_577, b""):
        with pytest.raises(Malformed):
            split_body(bad)


def test_header_bytes_are_canonical_or_refused() -> None:
    """Goal: one header, one id. Method: the header of a block, cut, longer, wider, of another version."""
    header = funded().blocks[0].header
    data = header_bytes(header)
    assert decode_header(data) == header
    assert data[:2] == b"\x9e\x01"
    for bad in (data[:-1], data + b"\x00", data[:1] + b"\xcc\x01" + data[2:], data[:1] + b"\x02" + data[2:], b"\x00" * 600):
        with pytest.raises(Malformed):
            decode_header(bad)


MOVED_GRANT = Grant("wal", "operator", "wallet", Scope("", "bank-a", "", ()), None, None, (), 0, 0, 0)


@pytest.mark.parametrize(
    ("key", "moved", "tree"),
    [
        ("grant/wal", GrantRecord(MOVED_GRANT, "root", "", 0), "bank-a"),
        (f"key/{public_key_of(seed_of('bank-b')).hex()}", KeyOwner("bank-a/w1", "ops"), "operator"),
    ],
    ids=["grant", "key"],
)
def test_a_record_that_moves_to_another_tree_leaves_the_old_one(key: str, moved: Record, tree: str) -> None:
    """Goal: one record, one leaf. Method: within one block a grant ends and comes back with another scope, a key changes its owner."""
    ledger = funded()
    done = commit(ledger.state, {key: moved}, view_key=VIEW_KEY, height=2)
    value = done.leaves[key]
    assert value is not None
    assert is_blinded(value)
    assert done.writes == {"G": [(key, None)], tree: [(key, value)]}
    for name in ("G", tree):
        kept = {one: data for one, data in ledger.state.leaves.items() if tree_at(one, data) == name and one != key}
        left = kept | ({key: value} if name == tree else {})
        assert done.roots[name] == root_of(rebuild_tree((leaf_key(one), leaf_hash(leaf_key(one), data)) for one, data in left.items()))


def test_what_comes_and_goes_within_a_block_is_no_leaf() -> None:
    """Goal: a removal is one of something. Method: an absent record removed."""
    done = commit(funded().state, {"hold/" + "00" * 32: None}, view_key=VIEW_KEY, height=2)
    assert (done.leaves, done.writes, done.trees, done.roots) == ({}, {}, {}, {})


def test_the_ref_bucket_is_one_leaf_per_minute() -> None:
    """Goal: L14. Method: two transactions of one minute, one of the next: count and running hash by hand; dropped in time."""
    ledger = funded()
    one, two = (ledger.sign(pay(5), sender="bank-a") for _ in range(2))
    later = ledger.sign(pay(5), sender="bank-a", valid_ms=120_000)
    ledger.block(one, two, later)
    minute = one.valid_until // 60_000
    running = bytes(32)
    for tx in (one, two):
        running = sha256(b"som/refs/1" + running + tx.ref_id + tx.tx_id + (2).to_bytes(8, "big")).digest()
    bucket = ledger.state.get(f"refs/bank-a/{minute}")
    assert (getattr(bucket, "count", 0), getattr(bucket, "running", b"")) == (2, running)
    ledger.time_ms = (minute + 1) * 60_000
    assert ledger.block().result.leaves[f"refs/bank-a/{minute}"] is None
    assert ledger.state.get(f"refs/bank-a/{later.valid_until // 60_000}") is not None


def test_genesis_leaves_are_blinded_at_height_zero() -> None:
    """Goal: L32 from the first state on. Method: the blind of a genesis leaf by its formula."""
    ledger = MemoryLedger()
    records: dict[str, Record] = first_records()
    assert ledger.state.leaves.keys() == {key for key in records if key[0] != "~"}
    value = ledger.state.leaves["account/bank-a/w1"]
    secret = keyed(VIEW_KEY, b"bank-a")
    blind = sha256(b"som/blind/1" + secret + leaf_key("account/bank-a/w1") + bytes(8)).digest()[:16]
    assert value[:19] == b"\x92\xc4\x10" + blind


def test_issue_changes_the_assets_root_and_an_idle_block_only_the_slots() -> None:
    """Goal: what each root commits to. Method: an empty block, then an issue."""
    ledger = funded()
    idle = ledger.block()
    assert idle.header.assets_root == ledger.blocks[0].header.assets_root
    assert idle.header.governance_root == ledger.blocks[0].header.governance_root
    assert idle.header.participants_root != ledger.blocks[0].header.participants_root
    assert idle.result.views == {}
    busy = ledger.block(ledger.sign(Issue("KGS", "bank-a/settlement", 5, "basis", None), sender="operator"))
    assert busy.header.assets_root != idle.header.assets_root
