"""Authenticated trees: the root follows from the set, every change costs its path only, presence and absence can be shown."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.paths import LeafPath, path_of, root_if_absent, root_if_present
from ledger.tree import BRANCHES_MIN, BUCKET_LEAVES_MAX, EMPTY, Branch, Bucket, child_hashes, rebuild_tree, root_of, update_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ledger.tree import Tree


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
ALONE = [bytes(depth) for depth in range(BRANCHES_MIN + 1)]
"""Digits that lead to the nodes of a tree whose leaves are all in one bucket, that of the lowest keys."""


def leaf(number: int) -> bytes:
    return sha256(b"leaf" + number.to_bytes(4, "big")).digest()


def naive_root(leaves: Mapping[bytes, bytes], depth: int = 0) -> bytes:
    """Root of a map by the words of PROOFS.md, section 6, from the whole set each time."""
    if not leaves:
        return bytes(32)
    if depth >= 4 and len(leaves) <= 32:
        places = sorted(leaves)
        keys_hash = sha256(b"som/keys/1" + b"".join(places)).digest()
        return sha256(b"som/bucket/1" + keys_hash + b"".join(leaves[place] for place in places)).digest()
    children: dict[str, dict[bytes, bytes]] = {digit: {} for digit in "0123456789abcdef"}
    for place, value in leaves.items():
        children[place.hex()[depth]][place] = value
    return sha256(b"som/branch/1" + b"".join(naive_root(child, depth + 1) for child in children.values())).digest()


def walk(tree: Tree, path: bytes = b"") -> Iterator[tuple[bytes, Branch | Bucket]]:
    """Go through all nodes, each with the digits that lead to it."""
    if tree is None:
        return
    yield path, tree
    if isinstance(tree, Branch):
        for digit, child in enumerate(tree.children):
            yield from walk(child, path + bytes((digit,)))


def paths(tree: Tree) -> list[bytes]:
    return [path for path, _ in walk(tree)]


def fresh(tree: Tree, before: Tree) -> int:
    """Count the nodes of a tree that another one does not share."""
    known = {id(node) for _, node in walk(before)}
    return sum(id(node) not in known for _, node in walk(tree))


def check_shape(tree: Tree) -> None:
    """See that buckets and branches have as many leaves as they may, and that a branch names its children."""
    for path, node in walk(tree):
        if isinstance(node, Branch):
            assert child_hashes(node) == b"".join(root_of(child) for child in node.children)
            assert leaves_below(node) > (BUCKET_LEAVES_MAX if len(path) >= BRANCHES_MIN else 0)
        else:
            assert len(path) >= BRANCHES_MIN
            assert 0 < leaves_below(node) <= BUCKET_LEAVES_MAX


def leaves_below(tree: Tree) -> int:
    return sum(len(node.keys) // 32 for _, node in walk(tree) if isinstance(node, Bucket))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Callable[[int], bytes], list[dict[int, int | None]]]:
    """Batches of changes over few keys, so that leaves come, change and go, and buckets split and merge."""
    maker = draw(st.sampled_from(MAKERS))
    many = draw(st.integers(1, 200))
    batch = st.dictionaries(st.integers(0, many), st.one_of(st.none(), st.integers(0, 9)), max_size=120)
    batches = draw(st.lists(batch, max_size=6))
    return maker, [dict.fromkeys(range(draw(st.integers(0, many))), 1), *batches]


@given(histories())
def test_a_tree_follows_from_the_set_alone(history: tuple[Callable[[int], bytes], list[dict[int, int | None]]]) -> None:
    """Goal: history independence. Method: any batches of changes against a tree rebuilt from what is left, node for node."""
    maker, batches = history
    tree: Tree = None
    model: dict[bytes, int | None] = {}
    for batch in batches:
        tree = update_tree(tree, {maker(number): None if value is None else leaf(value) for number, value in batch.items()})
        model.update({maker(number): value for number, value in batch.items()})
        assert tree == rebuild_tree((key, leaf(value)) for key, value in model.items() if value is not None)
        check_shape(tree)


@given(histories())
def test_roots_are_those_of_the_specification(history: tuple[Callable[[int], bytes], list[dict[int, int | None]]]) -> None:
    """Goal: the format is the written one. Method: any batches of changes against a naive recursion over the whole set."""
    maker, batches = history
    tree: Tree = None
    left: dict[bytes, int | None] = {}
    for batch in batches:
        tree = update_tree(tree, {maker(number): None if value is None else leaf(value) for number, value in batch.items()})
        left.update({maker(number): value for number, value in batch.items()})
        assert root_of(tree) == naive_root({key: leaf(value) for key, value in left.items() if value is not None})


def test_the_root_of_a_large_tree_is_that_of_the_specification() -> None:
    """Goal: also where buckets lie at several depths. Method: 9,000 leaves beside 300 crowded ones, then some change, go and come."""
    left = {spread(number): leaf(number) for number in range(9_000)} | {crowded(number): leaf(number) for number in range(300)}
    tree = update_tree(None, left)
    assert root_of(tree) == naive_root(left)
    changed = {spread(number): leaf(number + 1) for number in [*range(0, 9_000, 10), *range(9_000, 9_500)]}
    gone = dict.fromkeys([*(spread(number) for number in range(3, 9_000, 7)), *(crowded(number) for number in range(0, 300, 3))])
    tree = update_tree(tree, changed | gone)
    assert root_of(tree) == naive_root({key: value for key, value in (left | changed).items() if key not in gone})


@given(histories(), st.integers(0, 250))
def test_presence_and_absence_are_shown(history: tuple[Callable[[int], bytes], list[dict[int, int | None]]], asked: int) -> None:
    """Goal: whatever the tree, exactly one of presence and absence can be shown for a key. Method: both paths of every kind of key."""
    maker, batches = history
    model: dict[bytes, bytes | None] = {}
    for batch in batches:
        model.update({maker(number): None if value is None else leaf(value) for number, value in batch.items()})
    tree = rebuild_tree((key, value) for key, value in model.items() if value is not None)
    root = root_of(tree)
    for key in [maker(asked), *list(model)[:20]]:
        path = path_of(tree, key)
        value = model.get(key)
        if value is None:
            assert root_if_absent(key, path) == root
            assert root_if_present(key, leaf(1), path) != root
        else:
            assert root_if_present(key, value, path) == root
            assert root_if_present(key, sha256(value).digest(), path) != root
            assert root_if_absent(key, path) != root


def test_a_bucket_holds_so_many_leaves_and_no_more() -> None:
    """Goal: the shape is canonical. Method: fill a bucket to its limit, pass it, and go back."""
    full = update_tree(None, {crowded(number): leaf(number) for number in range(BUCKET_LEAVES_MAX)})
    assert paths(full) == ALONE
    split = update_tree(full, {crowded(999): leaf(999)})
    assert len(paths(split)) > len(ALONE)
    assert update_tree(split, {crowded(999): None}) == full


def test_a_key_that_stands_across_two_others_is_not_there() -> None:
    """Goal: a key is one of 32 bytes from its own start on. Method: one made of the end of a neighbour and the beginning of the next."""
    low, high = bytes(2) + b"\x01" * 14 + bytes(2) + b"\x02" * 14, bytes(2) + b"\x03" * 30
    across = low[16:] + high[:16]
    two = rebuild_tree([(low, leaf(1)), (high, leaf(2))])
    three = update_tree(two, {across: leaf(3)})
    assert three == rebuild_tree([(low, leaf(1)), (high, leaf(2)), (across, leaf(3))])
    assert update_tree(two, {across: None}) is two


def test_branches_stand_above_the_first_leaf_and_go_with_the_last() -> None:
    """Goal: four levels of branches over any leaf, nothing over none. Method: two leaves that part at once come and go."""
    first, other = bytes(32), b"\xff" * 32
    alone = update_tree(None, {first: leaf(1)})
    assert paths(alone) == ALONE
    both = update_tree(alone, {other: leaf(2)})
    assert len(paths(both)) == 2 * len(ALONE) - 1
    assert update_tree(both, {other: None}) == alone
    assert update_tree(alone, {first: None}) is None


def test_merging_goes_on_upwards_until_it_is_enough() -> None:
    """Goal: the shape is canonical. Method: 33 leaves that part at the last digits, one removed: a single bucket, as high as it may be."""
    crowd = update_tree(None, {crowded(number): leaf(number) for number in range(BUCKET_LEAVES_MAX + 1)})
    assert len(paths(crowd)) > 60
    check_shape(crowd)
    merged = update_tree(crowd, {crowded(5): None})
    assert paths(merged) == ALONE
    assert update_tree(merged, {crowded(5): leaf(5), crowded(6): leaf(6)}) == crowd


def test_an_update_makes_the_paths_of_its_leaves_anew_and_shares_the_rest() -> None:
    """Goal: O(log n) per touched leaf, the old tree stays. Method: of 20,000 leaves change one, none, remove an absent one."""
    before = update_tree(None, {spread(number): leaf(number) for number in range(20_000)})
    root = root_of(before)
    after = update_tree(before, {spread(7): leaf(8)})
    assert fresh(after, before) == len(ALONE)
    assert root_of(after) != root == root_of(before)
    assert update_tree(before, {}) is before
    assert update_tree(before, {spread(20_001): None}) is before
    assert update_tree(None, {spread(1): None}) is None


def test_empty_tree() -> None:
    """Goal: the root of nothing is zeros, and absence from it can be shown. Method: empty, emptied, rebuilt."""
    assert root_of(None) == root_of(rebuild_tree([])) == EMPTY
    one = update_tree(None, {spread(1): leaf(1), spread(2): None})
    assert root_of(one) != EMPTY
    assert update_tree(one, {spread(1): None}) is None
    assert root_if_absent(spread(1), path_of(None, spread(1))) == EMPTY


def test_absence_from_another_tree_is_none_here() -> None:
    """Goal: a path is worth something under its own root only. Method: absence shown in one tree, presence in the other."""
    mine = rebuild_tree((spread(number), leaf(number)) for number in range(100))
    other = rebuild_tree((spread(number), leaf(number)) for number in range(1, 100))
    path = path_of(other, spread(0))
    assert root_if_absent(spread(0), path) == root_of(other) != root_of(mine)


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
    bucket = dict(walk(rebuild_tree((crowded(number), leaf(number)) for number in range(16))))[ALONE[-1]]
    assert isinstance(bucket, Bucket)
    assert as_branch != root_of(bucket)
