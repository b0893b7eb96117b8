"""Authenticated trees: the root follows from the set, every change costs its path only, presence and absence can be shown."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.paths import LeafPath, path_of, root_if_absent, root_if_present
from ledger.tree import BUCKET_LEAVES_MAX, EMPTY, is_branch, node_hash, rebuild_tree, root_of, split_bucket, update_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def spread(number: int) -> bytes:
    """Key as real leaves have it."""
    return sha256(number.to_bytes(4, "big")).digest()


def crowded(number: int) -> bytes:
    """Key that shares 60 hex digits with all others: branches all the way down."""
    return bytes(30) + number.to_bytes(2, "big")


def paired(number: int) -> bytes:
    """Key beside one of a few others, at changing depths."""
    return sha256(bytes((number % 5,))).digest()[: 1 + number % 29].ljust(30, b"\x00") + number.to_bytes(2, "big")


MAKERS = (spread, crowded, paired)


def leaf(number: int) -> bytes:
    return sha256(b"leaf" + number.to_bytes(4, "big")).digest()


def naive_root(leaves: Mapping[bytes, bytes], depth: int = 0) -> bytes:
    """Root of a map by the words of PROOFS.md, section 6, from the whole set each time."""
    if not leaves:
        return bytes(32)
    if len(leaves) <= 32:
        places = sorted(leaves)
        keys_hash = sha256(b"som/keys/1" + b"".join(places)).digest()
        return sha256(b"som/bucket/1" + keys_hash + b"".join(leaves[place] for place in places)).digest()
    children: dict[str, dict[bytes, bytes]] = {digit: {} for digit in "0123456789abcdef"}
    for place, value in leaves.items():
        children[place.hex()[depth]][place] = value
    return sha256(b"som/branch/1" + b"".join(naive_root(child, depth + 1) for child in children.values())).digest()


class Store:
    """A tree kept as the node keeps it: nodes by path."""

    def __init__(self) -> None:
        self.nodes: dict[bytes, bytes] = {}
        self.root = EMPTY

    def update(self, changes: Mapping[bytes, bytes | None]) -> int:
        """Apply a batch and return how many nodes it changed."""
        update = update_tree(self.nodes.get, changes)
        for path, node in update.nodes.items():
            if node is None:
                self.nodes.pop(path, None)
            else:
                self.nodes[path] = node
        self.root = update.root
        return len(update.nodes)


def check_shape(nodes: Mapping[bytes, bytes | None]) -> None:
    """See that no bucket has more leaves than it may, and no branch so few that it should be one."""
    for path, node in nodes.items():
        if node is not None and is_branch(node):
            below = sum(leaves_of(one) for deeper, one in nodes.items() if one is not None and deeper.startswith(path))
            assert below > BUCKET_LEAVES_MAX
        elif node is not None:
            assert 0 < leaves_of(node) <= BUCKET_LEAVES_MAX


def leaves_of(node: bytes) -> int:
    """Leaves in a bucket; a branch has none of its own."""
    return 0 if is_branch(node) else len(split_bucket(node)[2]) // 32


@st.composite
def histories(draw: st.DrawFn) -> tuple[Callable[[int], bytes], list[dict[int, int | None]]]:
    """Batches of changes over few keys, so that leaves come, change and go, and buckets split and merge."""
    maker = draw(st.sampled_from(MAKERS))
    many = draw(st.integers(1, 200))
    batch = st.dictionaries(st.integers(0, many), st.one_of(st.none(), st.integers(0, 9)), max_size=120)
    batches = draw(st.lists(batch, max_size=6))
    return maker, [dict.fromkeys(range(draw(st.integers(0, many))), 1), *batches]


@given(histories())
def test_root_and_nodes_follow_from_the_set_alone(history: tuple[Callable[[int], bytes], list[dict[int, int | None]]]) -> None:
    """Goal: history independence. Method: any batches of changes against a tree rebuilt from what is left, node for node."""
    maker, batches = history
    store, model = Store(), {}
    for batch in batches:
        store.update({maker(number): None if value is None else leaf(value) for number, value in batch.items()})
        model.update({maker(number): value for number, value in batch.items()})
        left = {key: leaf(value) for key, value in model.items() if value is not None}
        rebuilt = rebuild_tree(left.items())
        assert store.root == rebuilt.root == root_of(store.nodes.get)
        assert store.nodes == rebuilt.nodes
        check_shape(store.nodes)


@given(histories())
def test_roots_are_those_of_the_specification(history: tuple[Callable[[int], bytes], list[dict[int, int | None]]]) -> None:
    """Goal: the format is the written one. Method: any batches of changes against a naive recursion over the whole set."""
    maker, batches = history
    store, left = Store(), {}
    for batch in batches:
        store.update({maker(number): None if value is None else leaf(value) for number, value in batch.items()})
        left.update({maker(number): value for number, value in batch.items()})
        assert store.root == naive_root({key: leaf(value) for key, value in left.items() if value is not None})


def test_the_root_of_a_large_tree_is_that_of_the_specification() -> None:
    """Goal: also where buckets lie at several depths. Method: 9,000 leaves, then a batch in which some change, go and come."""
    store = Store()
    left = {spread(number): leaf(number) for number in range(9_000)}
    store.update(left)
    assert store.root == naive_root(left)
    changed = {spread(number): leaf(number + 1) for number in [*range(0, 9_000, 10), *range(9_000, 9_500)]}
    gone = dict.fromkeys(spread(number) for number in range(3, 9_000, 7))
    store.update(changed | gone)
    assert store.root == naive_root({key: value for key, value in (left | changed).items() if key not in gone})


@given(histories(), st.integers(0, 250))
def test_presence_and_absence_are_shown(history: tuple[Callable[[int], bytes], list[dict[int, int | None]]], asked: int) -> None:
    """Goal: whatever the tree, exactly one of presence and absence can be shown for a key. Method: both paths of every kind of key."""
    maker, batches = history
    model: dict[bytes, bytes | None] = {}
    for batch in batches:
        model.update({maker(number): None if value is None else leaf(value) for number, value in batch.items()})
    update = rebuild_tree([(key, value) for key, value in model.items() if value is not None])
    for key in [maker(asked), *list(model)[:20]]:
        path = path_of(update.nodes.get, key)
        value = model.get(key)
        if value is None:
            assert root_if_absent(key, path) == update.root
            assert root_if_present(key, leaf(1), path) != update.root
        else:
            assert root_if_present(key, value, path) == update.root
            assert root_if_present(key, sha256(value).digest(), path) != update.root
            assert root_if_absent(key, path) != update.root


def test_a_bucket_holds_so_many_leaves_and_no_more() -> None:
    """Goal: the shape is canonical. Method: fill a bucket to its limit, pass it, and go back."""
    store = Store()
    store.update({spread(number): leaf(number) for number in range(BUCKET_LEAVES_MAX)})
    assert list(store.nodes) == [b""]
    full = dict(store.nodes)
    store.update({spread(999): leaf(999)})
    assert len(store.nodes) > 1
    store.update({spread(999): None})
    assert store.nodes == full


def test_merging_goes_on_upwards_until_it_is_enough() -> None:
    """Goal: the shape is canonical. Method: 33 leaves that part at the last digits, one removed: a single bucket at the root."""
    store = Store()
    store.update({crowded(number): leaf(number) for number in range(BUCKET_LEAVES_MAX + 1)})
    assert len(store.nodes) > 60
    check_shape(store.nodes)
    store.update({crowded(5): None})
    assert list(store.nodes) == [b""]
    store.update({crowded(5): leaf(5), crowded(6): leaf(6)})
    assert store.nodes == rebuild_tree([(crowded(number), leaf(number)) for number in range(BUCKET_LEAVES_MAX + 1)]).nodes


def test_an_update_changes_the_paths_of_its_leaves_only() -> None:
    """Goal: O(log n) per touched leaf. Method: count the nodes that one changed leaf of 20,000 changes."""
    store = Store()
    store.update({spread(number): leaf(number) for number in range(20_000)})
    assert store.update({spread(7): leaf(8)}) <= 5
    assert store.update({}) == 0
    assert store.update({spread(20_001): None}) <= 5


def test_empty_tree() -> None:
    """Goal: the root of nothing is zeros, and absence from it can be shown. Method: empty, emptied, rebuilt."""
    store = Store()
    assert store.root == rebuild_tree([]).root == EMPTY
    store.update({spread(1): leaf(1), spread(2): None})
    assert store.root != EMPTY
    store.update({spread(1): None})
    assert (store.root, store.nodes) == (EMPTY, {})
    assert root_if_absent(spread(1), path_of(store.nodes.get, spread(1))) == EMPTY


def test_absence_from_another_tree_is_none_here() -> None:
    """Goal: a path is worth something under its own root only. Method: absence shown in one tree, presence in the other."""
    mine = rebuild_tree([(spread(number), leaf(number)) for number in range(100)])
    other = rebuild_tree([(spread(number), leaf(number)) for number in range(1, 100)])
    path = path_of(other.nodes.get, spread(0))
    assert root_if_absent(spread(0), path) == other.root != mine.root


@pytest.mark.parametrize(
    "path",
    [
        LeafPath((), b"", b"", bytes(32)),
        LeafPath((), spread(1), b"", b""),
        LeafPath((), spread(1)[:31], b"", b""),
        LeafPath((), spread(1), bytes(32), bytes(32)),
        LeafPath((), b"".join(sorted([spread(1), spread(2)], reverse=True)), bytes(64), b""),
        LeafPath((), spread(1) * 2, bytes(64), b""),
        LeafPath((), spread(0), bytes(32), b""),
    ],
    ids=["after", "fewer leaves than keys", "odd length", "more", "not ascending", "twice", "the key is there"],
)
def test_malformed_absence_shows_nothing(path: LeafPath) -> None:
    """Goal: only one form of a path is accepted. Method: each rule of form broken."""
    assert root_if_absent(spread(0), path) is None


def test_malformed_presence_shows_nothing() -> None:
    """Goal: only one form of a path is accepted. Method: lengths that are no whole hashes."""
    for path in (LeafPath((), bytes(31), b"", b""), LeafPath((), bytes(32), b"x", b""), LeafPath((), bytes(32), b"", b"x")):
        assert root_if_present(spread(0), leaf(0), path) is None


def test_node_kinds_cannot_be_confused() -> None:
    """Goal: no bucket can be read as a branch. Method: sixteen leaf hashes hash otherwise as children than as leaves."""
    children = b"".join(leaf(number) for number in range(16))
    as_branch = sha256(b"som/branch/1" + children).digest()
    bucket = rebuild_tree([(spread(number), leaf(number)) for number in range(16)])
    assert as_branch != bucket.root == node_hash(bucket.nodes[b""] or b"")
