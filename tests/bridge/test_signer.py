"""An attestor's keys and marks: what may be signed again, what never (B9), across a restart and a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.digests import Checkpoint, Domain, Message, MintAuth, ReserveStatement, RotateAttestors, digest
from bridge.errors import FieldOutOfRange, KeyFileExists, KeyUnusable, MarksExist, MarksMissing, NotAboveMark, OtherContract
from bridge.keys import ORDER, FileKey, recovered
from bridge.marks import Marks
from bridge.signer import Signer
from tests.bridge.keys import key, with_high_s

if TYPE_CHECKING:
    from pathlib import Path

DOMAIN = Domain(56, bytes([7] * 20))
ROUTE = bytes([1] * 32)
CHECKPOINT = Checkpoint(ROUTE, 1, 100, bytes([2] * 32), 5, 5_000, 10, 1_800_000_000)
STATEMENT = ReserveStatement(ROUTE, 100, bytes([2] * 32), 5_000, 10, 0, 4_990, 1_800_000_000)
MINT = MintAuth(ROUTE, 1, 3, bytes([3] * 32), bytes([4] * 20), 700, 1_800_003_600, 100, bytes([2] * 32), 5_000, 10)
ROTATION = RotateAttestors(ROUTE, 2, (bytes([5] * 20), bytes([6] * 20)), 2, 100, immediate=False)
SECRET = bytes([9] * 32)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """Return the signer of a new key."""
    made = FileKey(SECRET)
    return Signer(made, Marks.create(tmp_path / "marks", made.address))


@pytest.mark.parametrize("message", [CHECKPOINT, STATEMENT, MINT, ROTATION], ids=lambda message: type(message).__name__)
def test_b9_a_signature_is_the_keys_over_the_digest_and_the_same_again(signer: Signer, message: Message) -> None:
    """Goal: contracts take it; asked again, the same bytes. Method: recover the signer; sign twice."""
    signature = signer.sign(DOMAIN, message)
    assert recovered(digest(DOMAIN, message), signature) == signer.address
    assert signer.sign(DOMAIN, message) == signature


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (CHECKPOINT, replace(CHECKPOINT, cumulative_locked=5_001)),
        (CHECKPOINT, replace(CHECKPOINT, ledger_height=99)),
        (STATEMENT, replace(STATEMENT, vault_balance=4_991)),
        (STATEMENT, replace(STATEMENT, ledger_height=1)),
        (ROTATION, replace(ROTATION, attestors=(bytes([5] * 20),))),
        (ROTATION, replace(ROTATION, new_epoch=1)),
        (MINT, replace(MINT, lock_id=bytes([8] * 32))),
        (MINT, replace(MINT, recipient=bytes([8] * 20))),
        (MINT, replace(MINT, amount=701)),
        (MINT, replace(MINT, deadline=1_800_003_601)),
    ],
)
def test_b9_what_contradicts_or_is_older_is_refused_also_after_a_restart(
    signer: Signer, tmp_path: Path, first: Message, other: Message
) -> None:
    """Goal: one digest per (route, type, key). Method: another field each; then the marks opened anew."""
    signature = signer.sign(DOMAIN, first)
    with pytest.raises(NotAboveMark):
        signer.sign(DOMAIN, other)
    signer._marks.close()
    again = Signer(FileKey(SECRET), Marks.open(tmp_path / "marks", signer.address))
    with pytest.raises(NotAboveMark):
        again.sign(DOMAIN, other)
    assert again.sign(DOMAIN, first) == signature


def test_b9_a_mint_is_signed_again_for_a_new_epoch_and_height(signer: Signer) -> None:
    """Goal: a lock can be minted until its deadline. Method: epoch, height and totals move on; other nonces are free."""
    later = replace(
        MINT, set_epoch=2, ledger_height=200, ledger_block_hash=bytes([9] * 32), cumulative_locked=6_000, cumulative_refunded=20
    )
    for message in (MINT, later, MINT, replace(MINT, nonce=2, amount=1), replace(MINT, nonce=4, amount=1)):
        assert recovered(digest(DOMAIN, message), signer.sign(DOMAIN, message)) == signer.address


def test_b9_types_and_routes_have_marks_of_their_own(signer: Signer) -> None:
    """Goal: one route never holds another up. Method: the same height for two types, lower heights on another route."""
    other = bytes([2] * 32)
    for message in (
        CHECKPOINT,
        STATEMENT,
        ROTATION,
        replace(CHECKPOINT, route_id=other, ledger_height=1),
        replace(MINT, route_id=other, amount=1),
    ):
        signer.sign(DOMAIN, message)
    with pytest.raises(NotAboveMark):
        signer.sign(DOMAIN, replace(CHECKPOINT, ledger_height=99))


@pytest.mark.parametrize("domain", [Domain(57, DOMAIN.contract), Domain(56, bytes([8] * 20))])
def test_b2_a_route_is_never_signed_for_another_contract(signer: Signer, domain: Domain) -> None:
    """Goal: a contract deployed again is another route. Method: another chain, another address, at a higher height."""
    signer.sign(DOMAIN, CHECKPOINT)
    with pytest.raises(OtherContract):
        signer.sign(domain, replace(CHECKPOINT, ledger_height=101))


def test_what_cannot_be_encoded_leaves_no_mark(signer: Signer) -> None:
    """Goal: bad input loses nothing. Method: a height beyond 64 bits, then the next one that is good."""
    with pytest.raises(FieldOutOfRange):
        signer.sign(DOMAIN, replace(CHECKPOINT, ledger_height=1 << 64))
    assert signer.sign(DOMAIN, CHECKPOINT)


def test_marks_belong_to_one_key_and_are_made_once(tmp_path: Path) -> None:
    """Goal: no key forgets. Method: missing, another key's, damaged, made twice."""
    path, owner = tmp_path / "marks", key(1).address
    with pytest.raises(MarksMissing, match="are missing"):
        Marks.open(path, owner)
    Marks.create(path, owner).close()
    with pytest.raises(MarksExist):
        Marks.create(path, owner)
    with pytest.raises(MarksMissing, match="another key's"):
        Marks.open(path, key(2).address)
    (path / "data.mdb").write_bytes(bytes(8_192))
    with pytest.raises(MarksMissing, match="cannot be read"):
        Marks.open(path, owner)


CRASH = """
import os, sys
from pathlib import Path
from bridge.keys import FileKey
from bridge.marks import Marks
from bridge.signer import Signer
from tests.bridge.test_signer import CHECKPOINT, DOMAIN, SECRET
key = FileKey(SECRET)
signature = Signer(key, Marks.open(Path(sys.argv[1]), key.address)).sign(DOMAIN, CHECKPOINT)
os.write(1, signature)
os.kill(os.getpid(), 9)
"""


def test_b9_what_left_the_process_is_remembered_after_sigkill(tmp_path: Path) -> None:
    """Goal: durable before it leaves. Method: a process signs, shows it and kills itself; the next one refuses what contradicts it."""
    path, made = tmp_path / "marks", FileKey(SECRET)
    Marks.create(path, made.address).close()
    ended = subprocess.run([sys.executable, "-c", CRASH, str(path)], capture_output=True, env=os.environ, check=False)
    assert recovered(digest(DOMAIN, CHECKPOINT), ended.stdout) == made.address, ended.stderr
    signer = Signer(made, Marks.open(path, made.address))
    with pytest.raises(NotAboveMark):
        signer.sign(DOMAIN, replace(CHECKPOINT, cumulative_locked=5_001))


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32))
def test_signatures_are_what_contracts_take(secret: int, digest_bytes: bytes) -> None:
    """Goal: 65 bytes, low s, v 27 or 28, by this key; nothing else recovers. Method: property; the high-s twin, other v, cut."""
    made = FileKey(secret.to_bytes(32, "big"))
    signature = made.sign(digest_bytes)
    assert recovered(digest_bytes, signature) == made.address == key(secret).address
    for bad in (
        with_high_s(signature),
        signature[:64],
        signature[:64] + b"\x1d",
        bytes(64) + b"\x1b",
        signature[:32] + bytes(32) + b"\x1b",
    ):
        assert recovered(digest_bytes, bad) is None


def test_a_key_file_is_encrypted_private_and_never_written_over(tmp_path: Path) -> None:
    """Goal: one key, one file, one password. Method: make, read back, eth-account's address, wrong password, twice, no key file."""
    path = tmp_path / "attestor.json"
    made = FileKey.create(path, "a password")
    assert path.stat().st_mode & 0o777 == 0o600
    assert FileKey.open(path, "a password").address == made.address
    assert Account.from_key(SECRET).address.lower() == "0x" + FileKey(SECRET).address.hex()
    with pytest.raises(KeyFileExists):
        FileKey.create(path, "another")
    with pytest.raises(KeyUnusable, match="password"):
        FileKey.open(path, "another")
    with pytest.raises(KeyUnusable, match="No such file"):
        FileKey.open(tmp_path / "none", "a password")
    for text in ("", "[]", "{}", '{"version": 3}', "x" * 20_000):
        path.chmod(0o600)
        path.write_text(text)
        with pytest.raises(KeyUnusable):
            FileKey.open(path, "a password")
