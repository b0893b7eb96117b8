"""Proof files: what is true is shown, and every byte of a file counts."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.accounts import Account, Balance
from ledger.assets import Asset
from ledger.blocks import view_bytes
from ledger.canonical import decode, encode
from ledger.execute import block_key, opening_of
from ledger.keys import public_key_of, verify
from ledger.leaves import participant_secret
from ledger.proofs import (
    LEAVES_MAX,
    LINKS_MAX,
    ProofError,
    ProvenState,
    ProvenTransaction,
    SlotOpening,
    StateProof,
    TransactionProof,
    build_state_proof,
    build_transaction_proof,
    check_state_proof,
    check_transaction_proof,
    open_slot,
)
from ledger.transactions.bodies import Issue, Leg, Pay
from ledger.views import salt_of
from tests.ledger.chain import CHAIN, PARTICIPANTS, VIEW_KEY, Block, MemoryLedger, finality_of, finalize_bytes, seed_of
from tests.ledger.histories import BANKS, funded, histories

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.proofs import Finality, Proven

SEEDS = [seed_of(f"validator {index}") for index in range(3)]
KEYS = [public_key_of(seed) for seed in SEEDS]
ACCOUNT, BALANCE = "account/bank-a/settlement", "balance/bank-a/settlement/KGS"


def slot(block: Block, participant: str) -> SlotOpening:
    salt = salt_of(participant_secret(VIEW_KEY, participant), view_bytes(block.header.epoch, block.header.view))
    index = PARTICIPANTS.index(participant)
    return open_slot(block.result.slots, index=index, salt=salt, journal_root=block.result.journal_roots[participant])


def state_file(ledger: MemoryLedger, finality: Finality, tree: str, keys: Sequence[str]) -> bytes:
    """File about the newest block's state."""
    leaves = {key: ledger.state.leaves.get(key) for key in keys}
    opened = slot(ledger.blocks[-1], tree) if tree in PARTICIPANTS else None
    return build_state_proof(ledger.state, finality, tree=tree, leaves=leaves, slot=opened)


def transaction_file(block: Block, finality: Finality, index: int) -> bytes:
    opening = opening_of(block_key(VIEW_KEY, block.header.epoch, block.header.view), index)
    return build_transaction_proof(
        finality, block.transactions[index], block.result.receipts[index], opening=opening, leaves=block.result.transaction_leaves
    )


def certified(block: Proven, newest: Block) -> bool:
    """Check the certificate as a light client does: by the validators' keys."""
    certificate = block.certificate
    if certificate.parent_view != newest.header.view - 1:
        return False
    signed = finalize_bytes(newest.header, certificate.block_id)
    if [index for index, _ in certificate.signatures] != [0, 1, 2]:
        return False
    return all(verify(KEYS[index], signed, signature) for index, signature in certificate.signatures)


def busy() -> tuple[MemoryLedger, Block]:
    """Return a ledger and its newest block of three payments, with enough accounts for branches in bank-a's tree."""
    ledger = funded()
    extra = {f"account/bank-a/n{number}": Account(f"bank-a/n{number}", "wallet", b"", "", "open", (), 0) for number in range(80)}
    legs = tuple(Leg("bank-a/settlement", f"bank-a/n{number}", "KGS", 1 + number, 0, "") for number in range(80))
    ledger.state.records.update(extra)
    ledger.block(ledger.sign(Pay(legs, "atomic", "", None, "", None, None), sender="bank-a"))
    made = [
        ledger.sign(
            Pay((Leg(f"{bank}/settlement", "operator/settlement", "KGS", 3, 0, ""),), "atomic", "", None, "", None, None), sender=bank
        )
        for bank in BANKS
    ]
    return ledger, ledger.block(*made)


@given(histories(), st.data())
@settings(max_examples=40)
def test_whatever_is_in_the_state_is_shown_and_whatever_is_not_is_not(ledger: MemoryLedger, data: st.DataObject) -> None:
    """Goal: presence and absence of any leaf of any tree. Method: any history, some leaves and some keys that are absent."""
    block = ledger.blocks[-1]
    finality = finality_of([block], SEEDS)
    tree = data.draw(st.sampled_from(PARTICIPANTS))
    present = [key for key in ledger.state.leaves if key.startswith((f"account/{tree}/", f"balance/{tree}/", f"total/{tree}/"))]
    keys = data.draw(st.lists(st.sampled_from(present), min_size=1, max_size=4, unique=True))
    keys.append(f"account/{tree}/nobody")
    proven = check_state_proof(state_file(ledger, finality, tree, keys), chain=CHAIN)
    assert (proven.tree, proven.block.block_id, proven.block.header) == (tree, block.id, block.header)
    assert proven.records == {key: ledger.state.records.get(key) for key in sorted(keys)}
    assert certified(proven.block, block)
    for index, tx in enumerate(block.transactions):
        shown = check_transaction_proof(transaction_file(block, finality, index), chain=CHAIN)
        assert (shown.receipt, shown.whole) == (block.result.receipts[index], sha256(tx.raw).digest())
        assert (shown.ref_id, shown.valid_until) == (tx.ref_id, tx.valid_until)


def test_public_trees_are_shown_against_the_header_alone() -> None:
    """Goal: the asset's leaf and its path are the proof of supply. Method: an asset, a participant, and something absent."""
    ledger, block = busy()
    finality = finality_of([block], SEEDS)
    asset = check_state_proof(state_file(ledger, finality, "A", ["asset/KGS", "asset/XYZ"]), chain=CHAIN).records
    assert isinstance(asset["asset/KGS"], Asset)
    assert asset["asset/XYZ"] is None
    shown = check_state_proof(state_file(ledger, finality, "G", ["participant/bank-a"]), chain=CHAIN).records
    assert shown["participant/bank-a"] == ledger.state.get("participant/bank-a")
    issued = ledger.block(ledger.sign(Issue("KGS", "bank-a/settlement", 5, "basis", None), sender="operator"))
    with pytest.raises(ProofError, match="does not name this root"):
        check_state_proof(state_file(ledger, finality, "A", ["asset/KGS"]), chain=CHAIN)
    assert check_state_proof(state_file(ledger, finality_of([issued], SEEDS), "A", ["asset/KGS"]), chain=CHAIN).tree == "A"


def test_a_descendant_s_certificate_serves() -> None:
    """Goal: K23 (4). Method: headers link the proven block to a certified one; every way to break the chain of links fails."""
    ledger, block = busy()
    data = ledger.state
    proof = state_file(ledger, finality_of([block], SEEDS), "bank-a", [BALANCE])
    later = [ledger.block() for _ in range(3)]
    assert data is ledger.state
    finality = finality_of([block, *later], SEEDS)
    linked = replace(decode(proof, StateProof), finality=finality)
    proven = check_state_proof(encode(linked), chain=CHAIN)
    assert (proven.block.header, proven.block.certificate.block_id) == (block.header, later[-1].id)
    assert certified(proven.block, later[-1])
    links = finality.links
    for wrong in (links[1:], links[:-1], (links[1], links[0], links[2]), (*links, links[-1]), (links[0], links[2])):
        with pytest.raises(ProofError):
            check_state_proof(encode(replace(linked, finality=replace(finality, links=wrong))), chain=CHAIN)


def files() -> dict[str, tuple[bytes, Block, Callable[[bytes], ProvenState | ProvenTransaction]]]:
    """Return a file of each kind with a link, its certified block and its check."""
    ledger, block = busy()
    account = decode(state_file(ledger, finality_of([block], SEEDS), "bank-a", [ACCOUNT, BALANCE]), StateProof)
    absent = decode(state_file(ledger, finality_of([block], SEEDS), "bank-a", ["account/bank-a/nobody"]), StateProof)
    newest = ledger.block()
    finality = finality_of([block, newest], SEEDS)

    def check_absent(data: bytes) -> ProvenState:
        proven = check_state_proof(data, chain=CHAIN)
        if (proven.tree, proven.records) != ("bank-a", {"account/bank-a/nobody": None}):
            raise ProofError("question", "another one is answered")
        return proven

    return {
        "account": (encode(replace(account, finality=finality)), newest, lambda data: check_state_proof(data, chain=CHAIN)),
        "absence": (encode(replace(absent, finality=finality)), newest, check_absent),
        "transaction": (transaction_file(block, finality, 1), newest, lambda data: check_transaction_proof(data, chain=CHAIN)),
    }


@pytest.mark.parametrize("kind", ["account", "absence", "transaction"])
def test_every_byte_of_a_file_counts(kind: str) -> None:
    """Goal: acceptance 7. Method: flip one bit of each byte, then two others, cut at each length, add a byte; none of it passes."""
    data, newest, check = files()[kind]
    assert certified(check(data).block, newest)
    for at in range(len(data)):
        for mask in (1, 0x80, 0x10):
            altered = bytearray(data)
            altered[at] ^= mask
            assert not passes(bytes(altered), newest, check), f"byte {at} of {len(data)}"
        assert not passes(data[:at], newest, check), f"cut at {at}"
    assert not passes(data + b"\x00", newest, check)


def passes(data: bytes, newest: Block, check: Callable[[bytes], ProvenState | ProvenTransaction]) -> bool:
    try:
        return certified(check(data).block, newest)
    except ProofError:
        return False


def test_absence_from_another_participant_s_tree_is_refused() -> None:
    """Goal: acceptance 7. Method: an account of bank-b does not exist in bank-a's tree; say that it is bank-b's tree, in every way."""
    ledger, block = busy()
    finality = finality_of([block], SEEDS)
    key = "account/bank-b/settlement"
    assert check_state_proof(state_file(ledger, finality, "bank-b", [key]), chain=CHAIN).records[key] is not None
    absent = build_state_proof(ledger.state, finality, tree="bank-a", leaves={key: None}, slot=slot(block, "bank-a"))
    with pytest.raises(ProofError, match="belongs to tree bank-b"):
        check_state_proof(absent, chain=CHAIN)
    elsewhere = decode(absent, StateProof)
    for lie in (
        replace(elsewhere, tree="bank-b"),
        replace(elsewhere, tree="bank-b", slot=slot(block, "bank-b")),
        replace(elsewhere, slot=slot(block, "bank-b")),
        replace(elsewhere, tree="A", slot=None),
        replace(elsewhere, tree="G", slot=None),
        replace(elsewhere, slot=None),
        replace(elsewhere, tree="A"),
    ):
        with pytest.raises(ProofError):
            check_state_proof(encode(lie), chain=CHAIN)


def test_a_present_leaf_cannot_be_denied_nor_an_absent_one_made() -> None:
    """Goal: soundness. Method: the file of a leaf that is there says None; that of one that is not carries a value."""
    ledger, block = busy()
    finality = finality_of([block], SEEDS)
    present = decode(state_file(ledger, finality, "bank-a", [BALANCE]), StateProof)
    absent = decode(state_file(ledger, finality, "bank-a", ["balance/bank-a/settlement/USD"]), StateProof)
    value = present.leaves[0].value
    for lie in (
        replace(present, leaves=(replace(present.leaves[0], value=None),)),
        replace(absent, leaves=(replace(absent.leaves[0], value=value),)),
        replace(present, leaves=(replace(present.leaves[0], path=absent.leaves[0].path),)),
        replace(present, leaves=(present.leaves[0], present.leaves[0])),
        replace(present, leaves=(present.leaves[0], replace(present.leaves[0], key=ACCOUNT))),
        replace(present, leaves=(replace(present.leaves[0], value=encode((bytes(16), Balance(10**9, 0)))),)),
        replace(present, leaves=(replace(present.leaves[0], value=encode((Balance(10**9, 0),))),)),
    ):
        with pytest.raises(ProofError):
            check_state_proof(encode(lie), chain=CHAIN)


def test_a_receipt_cannot_be_bent() -> None:
    """Goal: soundness. Method: another code, height, index, length, opening, hash or time of the same transaction."""
    _, block = busy()
    finality = finality_of([block], SEEDS)
    proof = decode(transaction_file(block, finality, 1), TransactionProof)
    receipt = proof.receipt
    for lie in (
        *(replace(proof, receipt=replace(receipt, **change)) for change in ({"code": 150}, {"height": 9}, {"index": 0}, {"index": 2})),
        *(replace(proof, count=count) for count in (0, 1, 2, 4)),
        *(replace(proof, **{name: bytes(32)}) for name in ("opening", "whole", "ref_id")),
        replace(proof, valid_until=proof.valid_until + 1),
        replace(proof, path=proof.path[:-1]),
        replace(proof, finality=replace(finality, header=block.bytes[:-1] + b"\x00")),
    ):
        with pytest.raises(ProofError):
            check_transaction_proof(encode(lie), chain=CHAIN)


def test_limits_and_other_chains() -> None:
    """Goal: lengths before work, and the right chain. Method: files beyond each limit, of another chain, of the other kind, of nothing."""
    ledger, block = busy()
    finality = finality_of([block], SEEDS)
    data = state_file(ledger, finality, "bank-a", [BALANCE])
    proof = decode(data, StateProof)
    for bad in (
        b"",
        b"\x00" * (8 * 1_048_576 + 1),
        transaction_file(block, finality, 0),
        encode(replace(proof, leaves=())),
        encode(replace(proof, leaves=proof.leaves * (LEAVES_MAX + 1))),
        encode(replace(proof, finality=replace(finality, links=(block.bytes,) * (LINKS_MAX + 1)))),
    ):
        with pytest.raises(ProofError):
            check_state_proof(bad, chain=CHAIN)
    with pytest.raises(ProofError, match="another chain"):
        check_state_proof(data, chain=bytes(32))
    with pytest.raises(ProofError):
        check_transaction_proof(data, chain=CHAIN)


def test_a_proof_shows_neither_keys_nor_hashes_without_blinds_of_others() -> None:
    """Goal: L32. Method: one account's file has no other leaf's place, and no hash of a guessed balance without its blind."""
    ledger, block = busy()
    data = state_file(ledger, finality_of([block], SEEDS), "bank-a", [BALANCE])
    for number in range(80):
        name = f"bank-a/n{number}/KGS"
        place = sha256(b"som/key/1balance\x00" + name.encode()).digest()
        assert place not in data
        for value in (encode((Balance(1 + number, 0),)), encode((bytes(16), Balance(1 + number, 0)))):
            assert sha256(b"som/leaf/1" + place + value).digest() not in data
