"""Merkle lists: the root binds order and number."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from ledger.lists import list_path, list_root, root_by_path


def items(count: int) -> list[bytes]:
    return [sha256(bytes((number,))).digest() for number in range(count)]


@given(st.integers(1, 70), st.data())
def test_every_element_is_shown_at_its_own_index_only(count: int, data: st.DataObject) -> None:
    """Goal: index and number are bound. Method: the path of any element, tried at any index and any number."""
    hashes = items(count)
    index = data.draw(st.integers(0, count - 1))
    path = list_path(hashes, index)
    assert root_by_path(hashes[index], index=index, count=count, path=path) == list_root(hashes)
    other = data.draw(st.integers(0, 200))
    if other != index:
        assert root_by_path(hashes[index], index=other, count=count, path=path) != list_root(hashes)
    if other != count:
        assert root_by_path(hashes[index], index=index, count=other, path=path) != list_root(hashes)


@given(st.integers(1, 70), st.data())
def test_another_path_shows_nothing(count: int, data: st.DataObject) -> None:
    """Goal: a path has one form. Method: one half more, one fewer, one changed."""
    hashes = items(count)
    index = data.draw(st.integers(0, count - 1))
    path = list_path(hashes, index)
    assert root_by_path(hashes[index], index=index, count=count, path=(*path, bytes(32))) is None
    if path:
        assert root_by_path(hashes[index], index=index, count=count, path=path[:-1]) is None
        at = data.draw(st.integers(0, len(path) - 1))
        changed = (*path[:at], bytes(32), *path[at + 1 :])
        assert root_by_path(hashes[index], index=index, count=count, path=changed) != list_root(hashes)


def test_length_is_bound() -> None:
    """Goal: L4, a list of n is no list of m. Method: the inner hash of two as a list of one, zeros as a list of none."""
    left, right = items(2)
    inner = sha256(b"som/pair/1" + left + right).digest()
    assert list_root([inner]) != list_root([left, right])
    assert list_root([bytes(32)]) != list_root([])
    assert list_root(items(3)) != list_root([*items(3), items(3)[2]])


def test_by_hand() -> None:
    """Goal: pinned shape. Method: a list of three, hashed here."""
    one, two, three = items(3)
    pair = sha256(b"som/pair/1" + one + two).digest()
    top = sha256(b"som/pair/1" + pair + three).digest()
    assert list_root([one, two, three]) == sha256(b"som/list/1" + (3).to_bytes(8, "big") + top).digest()
    assert list_path([one, two, three], 2) == (pair,)
    assert list_path([one, two, three], 0) == (two, three)
