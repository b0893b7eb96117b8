"""What a configuration says of its key and of what may be paid: one way to name a key, whole; limits where the chain has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.doctor import look_at
from bridge.errors import ConfigUnusable
from bridge.evm_fees import FEE_MAX, GWEI
from bridge.evm_sender import EvmSender
from bridge.key_config import open_key
from bridge.keys import FileKey
from bridge.process import load, open_carrier

if TYPE_CHECKING:
    from pathlib import Path

    from bridge.process import ProcessConfig

FILE = {"file": "key.json", "passphrase_file": "passphrase"}
TOKEN = {"module": "lib/token.so", "token": "som", "label": "attestor", "pin_file": "/run/pin"}
KEY = FileKey(bytes(31) + b"\x01")


def config(folder: Path, key: dict[str, str], chain: str = "") -> ProcessConfig:
    """Write a configuration, and read it."""
    path = folder / "bridge.toml"
    lines = "".join(f'{name} = "{value}"\n' for name, value in key.items())
    path.write_text(f'route = "r"\nfolder = "."\n[chain]\nurls = ["http://127.0.0.1:1"]\n{chain}[key]\n{lines}')
    return load(path)


def test_a_key_is_in_a_file_or_in_a_token_and_named_whole(tmp_path: Path) -> None:
    """Goal: nothing is guessed. Method: both ways; each field taken away; each of the other way added; nothing at all."""
    assert config(tmp_path, FILE).key.file == str(tmp_path / "key.json")
    found = config(tmp_path, TOKEN).key
    assert (found.module, found.token, found.label, found.pin_file) == (str(tmp_path / "lib/token.so"), "som", "attestor", "/run/pin")
    for way, other in ((FILE, TOKEN), (TOKEN, FILE)):
        wrong = [{name: value for name, value in way.items() if name != left} for left in way]
        for key in [*wrong, *({**way, name: value} for name, value in other.items()), {}]:
            with pytest.raises(ConfigUnusable, match="and nothing else"):
                config(tmp_path, key)
    for key in ({**TOKEN, "token": "x" * 33}, {**TOKEN, "label": ""}, {**TOKEN, "pin": "1234"}):
        with pytest.raises(ConfigUnusable):
            config(tmp_path, key)


def test_a_key_of_a_file_is_opened_with_its_passphrase(tmp_path: Path) -> None:
    """Goal: as before. Method: a file, its passphrase; the passphrase gone."""
    made = FileKey.create(tmp_path / "key.json", "a password")
    (tmp_path / "passphrase").write_text("a password\n")
    key = open_key(config(tmp_path, FILE).key, tmp_path)
    assert key.address == made.address
    assert look_at(key).good
    (tmp_path / "passphrase").unlink()
    with pytest.raises(ConfigUnusable, match="passphrase cannot be read"):
        open_key(config(tmp_path, FILE).key, tmp_path)


def test_b9_a_key_that_is_badly_kept_is_named() -> None:
    """Goal: the doctor says it. Method: a key that says so of itself."""

    class Weak(FileKey):
        weakness = "it would be handed out"

    found = look_at(Weak(bytes(31) + b"\x01"))
    assert not found.good
    assert found.says == f"0x{KEY.address.hex()}: it would be handed out"


def test_what_a_relayer_pays_is_limited_by_its_configuration(tmp_path: Path) -> None:
    """Goal: the operator's word, else a safe one. Method: none, some, out of range; a chain that has no such limit."""
    for chain, limit in (("", FEE_MAX), ("max_fee_gwei = 30\n", 30 * GWEI)):
        carrier = open_carrier(config(tmp_path, FILE, chain).chain, "EVM", 56, KEY)
        assert isinstance(carrier, EvmSender)
        assert carrier._limits.fee == limit
    for wrong in ("max_fee_gwei = 0\n", "max_fee_gwei = 1000001\n", "max_fee_gwei = 1.5\n"):
        with pytest.raises(ConfigUnusable):
            config(tmp_path, FILE, wrong)
    assert open_carrier(config(tmp_path, FILE).chain, "TVM", 728126428, KEY).address == KEY.address
    with pytest.raises(ConfigUnusable, match="of EVM chains"):
        open_carrier(config(tmp_path, FILE, "max_fee_gwei = 30\n").chain, "TVM", 728126428, KEY)
