"""Proof files: canonical MessagePack that shows one thing of one final block to somebody who knows the chain's id and validators (K23).

Two kinds: of leaves in a tree (an account with its balances, an asset, the absence of a leaf), and of a transaction with its receipt.
Every field is used by the check, so a file with an altered byte fails. `build_` functions take the node's data.
Not here: the signatures of the certificate (whoever knows the validators checks the one that a check returns) and the age of the block.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

from msgspec import Meta, Struct

from ledger.blocks import U32, U63, Header, Receipt, block_id_of, decode_header, view_bytes
from ledger.canonical import decode, encode
from ledger.disclosure import public_receipt
from ledger.epochs import NO_EPOCH_BEGINS
from ledger.errors import BrokenState, Malformed
from ledger.keys import tagged
from ledger.leaves import LEAF_BYTES_MAX, PUBLIC_TREES, STORAGE_KEY_MAX, has_form_of, leaf_hash, leaf_key, record_of
from ledger.lists import PATH_MAX, list_path, root_by_path
from ledger.paths import LeafPath, path_of, root_if_absent, root_if_present
from ledger.placement import ASSETS, GOVERNANCE, tree_of
from ledger.state import Mark, Record
from ledger.types import Hash32, Signature64, Text16, TimeMs
from ledger.views import salt_of, slot_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ledger.state import StateReader
    from ledger.transactions.bodies import Transaction

T = TypeVar("T")

LINKS_MAX = 4_096
"""Headers from the proven block to the one whose certificate is shown (K23)."""
SIGNERS_MAX = 1_024
LEAVES_MAX = 1_024
"""An account with 256 holds and every asset fits."""
PROOF_BYTES_MAX = 8 * 1_048_576
STATE_FORMAT: Final = "som/state-proof/1"
TRANSACTION_FORMAT: Final = "som/tx-proof/1"

_ANYWHERE = ("grant", "hold", "key", "return")
"""Kinds whose tree the record alone tells: of one that is absent, whoever asks must know where it would be."""
_NO_RECORD = Mark()
_HeaderBytes = Annotated[bytes, Meta(max_length=512)]
_ListPath = Annotated[tuple[Hash32, ...], Meta(max_length=PATH_MAX)]


class ProofError(ValueError):
    """A proof file that shows nothing: which part of it fails, and why."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(f"{part}: {reason}")
        self.part = part


class Finalization(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A finality certificate: the fields of its subject that are signed, and the signatures by index of the validator."""

    epoch: U32
    view: U63
    parent_view: U63
    block_id: Hash32
    signatures: Annotated[tuple[tuple[U32, Signature64], ...], Meta(max_length=SIGNERS_MAX)]


class Finality(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Why a block is final: its header, the headers that follow it up to a certified one, and that one's certificate."""

    header: _HeaderBytes
    links: Annotated[tuple[_HeaderBytes, ...], Meta(max_length=LINKS_MAX)]
    """Children, oldest first; empty where the block itself is certified."""
    certificate: Finalization


class SlotOpening(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What opens a participant's slot of participants_root, but for the state root that the leaves lead to."""

    salt: Hash32
    journal_root: Hash32
    index: U32
    count: U32
    path: _ListPath


class ProvenLeaf(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One leaf with its path; a value of None is proven to be absent."""

    key: Annotated[str, Meta(max_length=STORAGE_KEY_MAX)]
    value: Annotated[bytes, Meta(max_length=LEAF_BYTES_MAX)] | None
    path: LeafPath


class StateProof(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """File of the first kind. `slot` is None in the public trees, whose roots stand in the header."""

    format: Literal["som/state-proof/1"]
    finality: Finality
    tree: Text16
    slot: SlotOpening | None
    leaves: Annotated[tuple[ProvenLeaf, ...], Meta(min_length=1, max_length=LEAVES_MAX)]
    """By storage key, ascending."""


class TransactionProof(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """File of the second kind. tx_id, height and index are those of the receipt."""

    format: Literal["som/tx-proof/1"]
    finality: Finality
    opening: Hash32
    whole: Hash32
    """SHA-256 of the whole transaction."""
    ref_id: Hash32
    valid_until: TimeMs
    receipt: Receipt
    count: U32
    """Transactions in the block."""
    path: _ListPath


class Proven(Struct, frozen=True):
    """The block that a file is about, and the certificate that the caller has still to check against the validators."""

    block_id: bytes
    header: Header
    certificate: Finalization


class ProvenState(Struct, frozen=True):
    """Leaves as of the block's end."""

    block: Proven
    tree: str
    records: dict[str, Record | None]
    """Storage key -> record; None: absent."""


class ProvenTransaction(Struct, frozen=True):
    """A transaction that the block contains."""

    block: Proven
    receipt: Receipt
    whole: bytes
    ref_id: bytes
    valid_until: int


def open_slot(slots: Sequence[bytes], *, index: int, salt: bytes, journal_root: bytes) -> SlotOpening:
    """Open the slot at `index` of a block's slots."""
    return SlotOpening(salt, journal_root, index, len(slots), list_path(slots, index))


def build_state_proof(
    state: StateReader, finality: Finality, *, tree: str, leaves: Mapping[str, bytes | None], slot: SlotOpening | None
) -> bytes:
    """File for leaves of one tree: storage key -> canonical value, None where it is absent. `state` is as of the end of the block."""
    here = state.tree(tree)
    proven = tuple(ProvenLeaf(key, leaves[key], path_of(here, leaf_key(key))) for key in sorted(leaves))
    return encode(StateProof(STATE_FORMAT, finality, tree, slot, proven))


def file_of_leaves(finality: Finality, tree: str, leaves: tuple[ProvenLeaf, ...]) -> bytes:
    """File for leaves of one public tree whose paths were kept: trees of past heights are gone."""
    return encode(StateProof(STATE_FORMAT, finality, tree, None, leaves))


def build_transaction_proof(finality: Finality, tx: Transaction, receipt: Receipt, *, opening: bytes, leaves: Sequence[bytes]) -> bytes:
    """File for one transaction of a block whose transaction leaves are `leaves`."""
    path = list_path(leaves, receipt.index)
    shown = public_receipt(receipt)
    return encode(TransactionProof(TRANSACTION_FORMAT, finality, opening, tx.raw_id, tx.ref_id, tx.valid_until, shown, len(leaves), path))


def check_state_proof(data: bytes, *, chain: bytes) -> ProvenState:
    """Check everything but the signatures of the certificate that is returned.

    Raises
    ------
    ProofError
        Names the part that fails.
    """
    proof = _decode(data, StateProof)
    block = _check_finality(proof.finality, chain)
    keys = [leaf.key for leaf in proof.leaves]
    if any(low >= high for low, high in pairwise(keys)):
        raise ProofError("leaves", "they are not in the order of their keys, each once")
    roots = [_root_through(leaf) for leaf in proof.leaves]
    if any(root != roots[0] for root in roots):
        raise ProofError("path", "the leaves lead to different roots")
    _check_tree(proof, roots[0], block.header)
    return ProvenState(block, proof.tree, {leaf.key: _record(leaf, proof.tree) for leaf in proof.leaves})


def check_slot_secret(data: bytes, secret: bytes, *, chain: bytes) -> ProvenState:
    """Check a proof in a participant's tree, and that this is the secret of the slot that it opens (L28).

    Raises
    ------
    ProofError
        Names the part that fails: `secret` where the slot was made with another one.
    """
    proven, slot = check_state_proof(data, chain=chain), _decode(data, StateProof).slot
    header = proven.block.header
    if slot is None or slot.salt != salt_of(secret, view_bytes(header.epoch, header.view)):
        raise ProofError("secret", "the slot of the participant was made with another one")
    return proven


def check_transaction_proof(data: bytes, *, chain: bytes) -> ProvenTransaction:
    """Check everything but the signatures of the certificate that is returned.

    Raises
    ------
    ProofError
        Names the part that fails.
    """
    proof = _decode(data, TransactionProof)
    block = _check_finality(proof.finality, chain)
    receipt = proof.receipt
    if receipt.height != block.header.height:
        raise ProofError("receipt", "it is of another height than the header")
    leaf = tagged(
        b"som/txleaf/1", proof.opening, receipt.tx_id, proof.whole, proof.ref_id, proof.valid_until.to_bytes(8, "big"), encode(receipt)
    )
    root = root_by_path(leaf, index=receipt.index, count=proof.count, path=proof.path)
    if root != block.header.transactions_root:
        raise ProofError("path", "it does not lead to the header's transactions_root")
    return ProvenTransaction(block, receipt, proof.whole, proof.ref_id, proof.valid_until)


def _decode(data: bytes, form: type[T]) -> T:
    if len(data) > PROOF_BYTES_MAX:
        raise ProofError("file", f"more than {PROOF_BYTES_MAX} bytes")
    try:
        return decode(data, form)
    except Malformed as error:
        raise ProofError("file", str(error)) from None


def _check_finality(finality: Finality, chain: bytes) -> Proven:
    """Follow the headers from the block to the certified one."""
    first = last = _header(finality.header, chain)
    block_id = newest = block_id_of(finality.header)
    for link in finality.links:
        child = _header(link, chain)
        if child.parent != newest or child.height != last.height + 1 or child.epoch != last.epoch:
            raise ProofError("links", f"the header of height {child.height} is no child of the one before it")
        last, newest = child, block_id_of(link)
    certificate = finality.certificate
    if (certificate.block_id, certificate.epoch) != (newest, last.epoch) or not _fits_view(certificate.view, last):
        raise ProofError("certificate", "it is not for the last header")
    return Proven(block_id, first, certificate)


def _fits_view(view: int, header: Header) -> bool:
    """Whether a block may be final in a view: its own; the last block of an epoch also in a later one, being proposed again (K22)."""
    return view == header.view or (view > header.view and header.next != NO_EPOCH_BEGINS)


def _header(data: bytes, chain: bytes) -> Header:
    try:
        header = decode_header(data)
    except Malformed as error:
        raise ProofError("header", str(error)) from None
    if header.chain != chain:
        raise ProofError("header", "it is of another chain")
    return header


def _root_through(leaf: ProvenLeaf) -> bytes:
    place = leaf_key(leaf.key)
    value = leaf.value
    root = root_if_absent(place, leaf.path) if value is None else root_if_present(place, leaf_hash(place, value), leaf.path)
    if root is None:
        raise ProofError("path", f"it shows nothing about {leaf.key}")
    return root


def _record(leaf: ProvenLeaf, tree: str) -> Record | None:
    """Record of a leaf, which must belong to the tree: what is missing in one participant's tree may well be in another's."""
    kind = leaf.key.partition("/")[0]
    try:
        record = None if leaf.value is None else record_of(leaf.key, leaf.value)
        home = tree if record is None and kind in _ANYWHERE else tree_of(leaf.key, _NO_RECORD if record is None else record)
    except (Malformed, BrokenState) as error:
        raise ProofError("leaf", str(error)) from None
    if home != tree:
        raise ProofError("leaf", f"{leaf.key} belongs to tree {home}, not {tree}")
    if record is not None and leaf.value is not None and not has_form_of(tree, leaf.value, record):
        raise ProofError("leaf", f"the value of {leaf.key} has not the form of its tree")
    return record


def _check_tree(proof: StateProof, root: bytes, header: Header) -> None:
    """Tie the root of the tree to the header: as it is, or through the participant's slot."""
    slot = proof.slot
    if slot is None:
        named = {ASSETS: header.assets_root, GOVERNANCE: header.governance_root}.get(proof.tree)
        if named != root:
            raise ProofError("tree", f"the header does not name this root for tree {proof.tree!r}")
        return
    if proof.tree in PUBLIC_TREES:
        raise ProofError("tree", "a public tree has no slot")
    here = slot_of(proof.tree, salt=slot.salt, state_root=root, journal=slot.journal_root)
    if root_by_path(here, index=slot.index, count=slot.count, path=slot.path) != header.participants_root:
        raise ProofError("slot", "it does not lead to the header's participants_root")
