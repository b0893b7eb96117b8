"""Marks of what a key signed, as properties (B3, B9): one digest per (route, type, key), across restarts; and torn files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from bridge.digests import Checkpoint, Domain, Message, MintAuth, ReserveStatement, RotateAttestors, digest
from bridge.errors import MarksExist, MarksMissing, NotAboveMark, OtherContract
from bridge.keys import FileKey, recovered
from bridge.marks import Marks
from bridge.signer import Signer

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = bytes([9] * 32)
KEY = FileKey(SECRET)
DOMAIN = Domain(56, bytes([7] * 20))
FEW = st.integers(1, 4)
ROUTES = st.sampled_from((b"\x01" * 32, b"\x02" * 32))
HASHES = st.sampled_from((b"\x03" * 32, b"\x04" * 32))
ADDRESSES = st.sampled_from((b"\x05" * 20, b"\x06" * 20))
"""Few values each, so that keys meet again."""
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Checkpoint, ROUTES, FEW, FEW, HASHES, FEW, FEW, FEW, FEW),
    st.builds(ReserveStatement, ROUTES, FEW, HASHES, FEW, FEW, FEW, FEW, FEW),
    st.builds(RotateAttestors, ROUTES, FEW, st.tuples(ADDRESSES), FEW, FEW, st.booleans()),
    st.builds(MintAuth, ROUTES, FEW, FEW, HASHES, ADDRESSES, FEW, FEW, FEW, HASHES, FEW, FEW),
)
KEY_OF: dict[type, str] = {
    Checkpoint: "ledger_height",
    ReserveStatement: "ledger_height",
    RotateAttestors: "new_epoch",
    MintAuth: "nonce",
}
CORE = ("lock_id", "recipient", "amount", "deadline")
MINT = MintAuth(b"\x01" * 32, 1, 3, b"\x03" * 32, b"\x05" * 20, 700, 9_000, 100, b"\x03" * 32, 5_000, 10)


class Rule:
    """B9 from the design's words: what a key may still sign."""

    def __init__(self) -> None:
        self.signed: dict[tuple[bytes, type, int], set[bytes]] = {}
        self.newest: dict[tuple[bytes, type], int] = {}
        self.cores: dict[tuple[bytes, int], tuple[object, ...]] = {}

    def allows(self, message: Message) -> bool:
        """Say whether it may be signed, and remember that it was."""
        kind = type(message)
        key = int(getattr(message, KEY_OF[kind]))
        made = digest(DOMAIN, message)
        if isinstance(message, MintAuth):
            core = tuple(getattr(message, name) for name in CORE)
            return self.cores.setdefault((message.route_id, key), core) == core
        before = self.signed.setdefault((message.route_id, kind, key), set())
        newest = self.newest.get((message.route_id, kind), 0)
        if key < newest or (before and made not in before):
            return False
        before.add(made)
        self.newest[message.route_id, kind] = max(key, newest)
        return True


class Attestor:
    """A key with its marks in a folder; it can be restarted."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "marks"
        self._marks = Marks.create(self._path, KEY.address)

    def restart(self) -> None:
        """End, and begin again with what is on disk."""
        self._marks.close()
        self._marks = Marks.open(self._path, KEY.address)

    def signs(self, message: Message, domain: Domain = DOMAIN) -> bool:
        """Whether it signs."""
        try:
            signature = Signer(KEY, self._marks).sign(domain, message)
        except (NotAboveMark, OtherContract):
            return False
        assert recovered(digest(domain, message), signature) == KEY.address
        return True

    def close(self) -> None:
        """End."""
        self._marks.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.one_of(MESSAGES, st.just("restart"), st.just("again")), max_size=30))
@example(steps=[MINT, replace(MINT, set_epoch=2, ledger_height=7), "restart", replace(MINT, amount=701), "again"])
@example(steps=[MINT, replace(MINT, deadline=9_001), replace(MINT, lock_id=b"\x04" * 32), "restart", replace(MINT, recipient=b"\x06" * 20)])
def test_b9_a_key_signs_what_the_rule_allows_in_any_order_and_across_restarts(steps: list[Message | str]) -> None:
    """Goal: one digest per (route, type, key); a mint again only with equal lock, recipient, amount, deadline. Method: a rule beside it."""
    rule = Rule()
    signed: list[Message] = []
    with tempfile.TemporaryDirectory() as folder:
        attestor = Attestor(Path(folder))
        for step in steps:
            if step == "restart":
                attestor.restart()
            elif isinstance(step, str):
                for message in signed:
                    assert attestor.signs(message) == rule.allows(message)
            else:
                allowed = rule.allows(step)
                assert attestor.signs(step) == allowed, step
                signed += [step] if allowed else []
        attestor.close()
    checked: dict[tuple[bytes, type, int], set[object]] = {}
    for message in signed:
        kind = type(message)
        place = (message.route_id, kind, int(getattr(message, KEY_OF[kind])))
        what = tuple(getattr(message, name) for name in CORE) if isinstance(message, MintAuth) else digest(DOMAIN, message)
        checked.setdefault(place, set()).add(what)
    assert all(len(each) == 1 for each in checked.values())


@pytest.mark.parametrize("field", [name for name in MINT.__struct_fields__ if name not in ("route_id", "nonce")])
def test_b9_a_leave_is_signed_again_with_equal_lock_recipient_amount_and_deadline_only(tmp_path: Path, field: str) -> None:
    """Goal: B9 field by field. Method: each field of a leave changed in turn, before and after a restart."""
    attestor = Attestor(tmp_path)
    assert attestor.signs(MINT)
    value = getattr(MINT, field)
    other = replace(MINT, **{field: bytes(len(value)) if isinstance(value, bytes) else value + 1})
    for _ in range(2):
        assert attestor.signs(other) == (field not in CORE)
        assert attestor.signs(MINT)
        attestor.restart()
    attestor.close()


@given(one=MESSAGES, other=MESSAGES)
def test_b3_no_two_messages_have_one_digest(one: Message, other: Message) -> None:
    """Goal: every field and the type itself are signed. Method: pairs that differ in little; equal digests mean equal messages."""
    same = (type(one), astuple(one)) == (type(other), astuple(other))
    assert (digest(DOMAIN, one) == digest(DOMAIN, other)) == same


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _only_the_head(data: bytes) -> bytes:
    return data[:8_192]


def _one_byte_less(data: bytes) -> bytes:
    return data[:-1]


def _zeros_within(data: bytes) -> bytes:
    return data[:8_192] + bytes(len(data) - 8_192)


def _empty(data: bytes) -> bytes:
    return data[:0]


def _zeros(data: bytes) -> bytes:
    return bytes(len(data))


def _zero_pages(data: bytes) -> bytes:
    """Leave the root and the leaf with the owner; lose the other leaves, so that it shows when one is read."""
    size, leaf = 4_096, 2
    pages = [data[at : at + size] for at in range(0, len(data), size)]
    lost = [b"m" + MINT.route_id in page and b"owner" not in page and page[10] == leaf for page in pages]
    return b"".join(bytes(size) if gone else page for page, gone in zip(pages, lost, strict=True))


TEARS: tuple[Callable[[bytes], bytes], ...] = (_cut, _only_the_head, _one_byte_less, _zeros_within, _empty, _zeros, _zero_pages)


@pytest.mark.parametrize("tear", TEARS, ids=lambda tear: tear.__name__)
def test_b9_torn_marks_sign_nothing_any_more(tmp_path: Path, tear: Callable[[bytes], bytes]) -> None:
    """Goal: a key without its memory never signs again. Method: cut the file, overwrite parts; a typed error each, and no new beginning."""
    attestor = Attestor(tmp_path)
    for nonce in range(120):  # some pages
        attestor.signs(replace(MINT, nonce=nonce))
    attestor.close()
    path = tmp_path / "marks" / "data.mdb"
    path.write_bytes(tear(path.read_bytes()))
    with pytest.raises(MarksMissing):
        Signer(KEY, Marks.open(tmp_path / "marks", KEY.address)).sign(DOMAIN, replace(MINT, nonce=7, amount=9))
    with pytest.raises(MarksExist):
        Marks.create(tmp_path / "marks", KEY.address)
