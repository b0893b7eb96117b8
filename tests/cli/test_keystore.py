"""The keystore: what is sealed opens with its passphrase only, and an altered file does not open at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from ledger.keys import public_key_of
from node.keystore import Cost, Keystore, KeystoreError, fingerprint, open_key, parse_key_file, seal_key

if TYPE_CHECKING:
    from pathlib import Path

    from node.keystore import KeyFile

SEED = bytes(range(32))
CHEAP = Cost(memory_kib=8_192, iterations=1, lanes=1)
"""The least a key file may say: tests need no protection."""


def sealed(passphrase: bytes = b"correct horse") -> KeyFile:
    return seal_key(name="ops", owner="bank-a", keyset="ops", seed=SEED, passphrase=passphrase, cost=CHEAP)


def test_a_key_opens_with_its_passphrase_only() -> None:
    key = sealed()
    assert open_key(key, b"correct horse") == SEED
    assert key.public_key == public_key_of(SEED).hex()
    with pytest.raises(KeystoreError, match="passphrase is wrong"):
        open_key(key, b"correct horsf")


def test_two_files_of_one_key_share_nothing_secret() -> None:
    """Goal: fresh salt and nonce each time. Method: seal twice."""
    first, second = sealed(), sealed()
    assert first.salt != second.salt
    assert first.nonce != second.nonce
    assert first.sealed != second.sealed


@pytest.mark.parametrize("field", ["name", "owner", "keyset", "public_key", "salt", "nonce", "sealed", "cost"])
def test_any_altered_field_keeps_the_file_shut(field: str) -> None:
    """Goal: nobody makes a key sign for another keyset by editing its file. Method: alter each field in turn."""
    key = sealed()
    changed = {
        "name": "ops2",
        "owner": "bank-b",
        "keyset": "board",
        "public_key": public_key_of(bytes(32)).hex(),
        "salt": bytes(16),
        "nonce": bytes(12),
        "sealed": bytes(48),
        "cost": Cost(memory_kib=8_192, iterations=2, lanes=1),
    }[field]
    with pytest.raises(KeystoreError, match="does not open"):
        open_key(msgspec.structs.replace(key, **{field: changed}), b"correct horse")


@pytest.mark.parametrize(
    "cost", ['{"memory_kib": 999999999}', '{"iterations": 100000}', '{"lanes": 0}', '{"memory_kib": 1}', '{"other": 1}']
)
def test_a_hostile_cost_is_refused_before_memory_is_taken(cost: str) -> None:
    text = msgspec.json.encode(sealed()).decode()
    start = text.index('"cost":') + len('"cost":')
    end = text.index("}", start) + 1
    with pytest.raises(KeystoreError, match="is not a key file"):
        parse_key_file((text[:start] + cost + text[end:]).encode(), where="x.json")


@pytest.mark.parametrize("text", [b"", b"{}", b"[" * 2_000, b"\xff", b"{" * 5_000])
def test_garbage_is_refused_in_one_sentence(text: bytes) -> None:
    with pytest.raises(KeystoreError, match=r"x\.json"):
        parse_key_file(text, where="x.json")


def test_a_file_is_private_and_never_replaced(tmp_path: Path) -> None:
    """Goal: nobody else reads it, and no key is lost to a slip. Method: mode bits, a second save."""
    keystore = Keystore(tmp_path / "keys")
    path = keystore.save(sealed())
    assert path.stat().st_mode & 0o777 == 0o600
    assert keystore.folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(KeystoreError, match="exists and is not replaced"):
        keystore.save(sealed())
    assert keystore.names() == ["ops"]
    assert keystore.for_keyset("bank-a", "ops")[0].public_key == public_key_of(SEED).hex()
    assert keystore.for_keyset("bank-a", "board") == []


@pytest.mark.parametrize("name", ["../ops", "", "a/b", ".hidden", "x" * 65, "ops\n"])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeystoreError, match="cannot name a key"):
        Keystore(tmp_path).load(name)


def test_a_missing_key_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match="som keys list"):
        Keystore(tmp_path).load("ops")


def test_a_fingerprint_is_for_people() -> None:
    text = fingerprint(public_key_of(SEED))
    assert len(text.split(" ")) == 5
    assert text != fingerprint(public_key_of(bytes(32)))
