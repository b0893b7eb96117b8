"""Assets that are published once a day: no figure in between, and what it was when the date is over, to be checked from the text alone."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from ledger.assets import Asset
from ledger.canonical import decode, encode
from ledger.closings import Published, published_key
from ledger.keys import keyed
from ledger.leaves import is_blinded, leaf_hash, leaf_key
from ledger.parameters import DAY_MS
from ledger.paths import path_of
from ledger.proofs import STATE_FORMAT, ProofError, ProvenLeaf, StateProof, check_state_proof
from ledger.transactions.bodies import AssetPut, Issue
from ledger.tree import rebuild_tree, root_of
from tests import standalone_verifier as verifier
from tests.ledger.chain import CHAIN, VIEW_KEY, Block, MemoryLedger, finality_of
from tests.ledger.histories import funded
from tests.ledger.test_proofs import KEYS, SEEDS, state_file

if TYPE_CHECKING:
    from typing import Any, Literal

KEY = "asset/KGS"
DATE, NEXT = "2023-11-15", "2023-11-16"
"""Of the first blocks of the small ledger, 2023-11-14 22:13:20 UTC."""


def publish(ledger: MemoryLedger, how: Literal["block", "day"]) -> Block:
    """Give the asset another way to be published, by root."""
    return ledger.block(ledger.sign(AssetPut(replace(asset_of(ledger).policy, publish=how)), sender="operator"))


def asset_of(ledger: MemoryLedger) -> Asset:
    record = ledger.state.get(KEY)
    assert isinstance(record, Asset)
    return record


def issue(ledger: MemoryLedger, amount: int) -> Block:
    return ledger.block(ledger.sign(Issue("KGS", "bank-a/settlement", amount, "basis", None), sender="operator"))


def hidden() -> MemoryLedger:
    ledger = funded()
    publish(ledger, "day")
    return ledger


def proof(ledger: MemoryLedger, *keys: str) -> bytes:
    return state_file(ledger, finality_of(ledger.blocks[-1:], SEEDS), "A", keys)


def test_publish_day_hides_the_leaf_and_block_shows_it() -> None:
    """Goal: the form of a leaf follows the policy. Method: shown, hidden, shown again; each time the root and a proof agree with it."""
    ledger = funded()
    forms = []
    for how in ("block", "day", "block"):
        publish(ledger, how)
        forms.append(is_blinded(ledger.state.leaves[KEY]))
        assert check_state_proof(proof(ledger, KEY), chain=CHAIN).records == {KEY: asset_of(ledger)}
    assert forms == [False, True, False]


def test_publish_day_leaves_nothing_to_be_guessed() -> None:
    """Goal: who knows every figure but the secret cannot confirm it. Method: the blind by hand; other secrets give another leaf."""
    ledger = hidden()
    block = issue(ledger, 7)
    place = leaf_key(KEY)

    def leaf_by(secret: bytes, height: int) -> bytes:
        blind = sha256(b"som/blind/1" + secret + place + height.to_bytes(8, "big")).digest()[:16]
        return encode((blind, asset_of(ledger)))

    mine, height = ledger.state.leaves[KEY], block.header.height
    assert mine == leaf_by(keyed(VIEW_KEY, b"A"), height)
    others = [keyed(VIEW_KEY, b"operator"), keyed(VIEW_KEY, b"G"), bytes(32), b""]
    found = [leaf_by(secret, height) for secret in others] + [leaf_by(keyed(VIEW_KEY, b"A"), height - 1), encode((asset_of(ledger),))]
    assert leaf_hash(place, mine) not in [leaf_hash(place, each) for each in found]


def test_publish_day_shows_no_figure_before_the_closing() -> None:
    """Goal: no intraday issuance. Method: issue on two dates; all public leaves without a blind know the supply of the evening only."""
    ledger = hidden()
    evening = issue(ledger, 1_000).header.height
    supply = asset_of(ledger)
    assert published_key("KGS", DATE) not in ledger.state.records
    ledger.time_ms += DAY_MS
    issue(ledger, 20_000)
    issue(ledger, 300_000)
    record = ledger.state.get(published_key("KGS", DATE))
    assert record == Published(NEXT, evening, supply)
    open_leaves = [
        value for key, value in ledger.state.leaves.items() if key.startswith(("asset/", "published/")) and not is_blinded(value)
    ]
    assert [decode(value, tuple[Published])[0] for value in open_leaves] == [record]


def test_publish_block_needs_no_published_record() -> None:
    """Goal: what is public anyway is not written twice. Method: a date is over."""
    ledger = funded()
    ledger.time_ms += DAY_MS
    ledger.block()
    assert not [key for key in ledger.state.leaves if key.startswith("published/")]


def test_a_published_record_is_checked_from_the_text_alone() -> None:
    """Goal: PROOFS.md, section 5. Method: the verifier that shares no code reads the opening; every altered byte of it is refused."""
    ledger = hidden()
    issue(ledger, 1_000)
    evening = asset_of(ledger)
    ledger.time_ms += DAY_MS
    issue(ledger, 20_000)
    key = published_key("KGS", DATE)
    data = proof(ledger, key)
    trusted = (CHAIN, [([*KEYS, bytes(32)], 0)])
    policy, supply = read_published(trusted, data, key)
    assert (policy[0], supply) == ("KGS", evening.supply)
    shown = check_state_proof(data, chain=CHAIN).records[key]
    assert shown == Published(NEXT, 3, evening)
    value = decode(data, StateProof).leaves[0].value or b""
    start = data.index(value)
    for place in range(start, start + len(value)):
        altered = data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]
        with pytest.raises((ValueError, TypeError)):
            read_published(trusted, altered, key)


def read_published(trusted: verifier.Trust, data: bytes, asked: str) -> tuple[list[Any], int]:
    """Policy and supply of an asset on the evening of a date, by sections 5, 6 and 10 of PROOFS.md."""
    tag, finality, tree, slot, leaves = verifier.unpack(data, "sasZa")
    header = verifier.final_header(trusted, finality)
    ((key, value, path),) = (verifier.fields(leaf, "sba") for leaf in leaves)
    verifier.require((tag, tree, slot, key) == ("som/state-proof/1", "A", None, asked), "not of this asset and date")
    verifier.require(verifier.tree_root(key, value, path) == header[12], "not of this block")
    ((_, _, asset),) = (verifier.fields(record, "sia") for record in verifier.unpack(value, "a"))
    policy, supply, *_ = verifier.fields(asset, "aiiiiiiss")
    return policy, supply


@pytest.mark.parametrize(("how", "blind"), [("day", False), ("block", True)])
def test_a_leaf_in_the_wrong_form_proves_nothing(how: str, *, blind: bool) -> None:
    """Goal: a hidden asset cannot be shown without its blind, nor another one with. Method: a proof of a tree that has such a leaf."""
    ledger = funded()
    block = publish(ledger, how)  # type: ignore[arg-type]
    value = encode((bytes(16), asset_of(ledger)) if blind else (asset_of(ledger),))
    place = leaf_key(KEY)
    tree = rebuild_tree([(place, leaf_hash(place, value))])
    lying = Block(replace(block.header, assets_root=root_of(tree)), block.result, ())
    leaf = ProvenLeaf(KEY, value, path_of(tree, place))
    with pytest.raises(ProofError, match="has not the form of its tree"):
        check_state_proof(encode(StateProof(STATE_FORMAT, finality_of([lying], SEEDS), "A", None, (leaf,))), chain=CHAIN)
