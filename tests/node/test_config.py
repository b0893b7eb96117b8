"""Configuration: every refusal is one sentence that names the file and what to change."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.config import ConfigError, is_loopback, load_config, parse_config
from node.keyfiles import box_public_of, new_seed, read_seed, write_seed

PATH = Path("/etc/som/node.toml")
GOOD = """
role = "validator"
name = "v0"
data = "data"
genesis = "genesis.json"
node_key = "node.key"
box_key = "box.key"
consensus_key = "consensus.key"
"""
KEY = "ab" * 32


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, PATH)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(PATH) in sentence
    return sentence


def test_paths_are_taken_from_the_folder_of_the_file() -> None:
    """Goal: a node starts from any working directory. Method: relative names come back absolute, absolute ones untouched."""
    config = parse_config(GOOD.replace('"data"', '"/var/lib/som"'), PATH)
    assert config.genesis == "/etc/som/genesis.json"
    assert config.data == "/var/lib/som"
    assert config.api.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ('colour = "red"\n', "colour"),
        ("[api]\nprot = 1\n", "prot"),
        ("[limits]\npool = 1\n", "pool"),
        ('[[peers]]\nname = "x"\nurl = "http://h:1"\n', "node_key"),
        ('[[peers]]\nname = "x"\nurl = "http://h:1"\nnode_key = "xy"\n', "node_key"),
        (f'[[peers]]\nname = "x"\nurl = "h:1"\nnode_key = "{KEY}"\n', "x"),
        (f'[[peers]]\nname = "x"\nurl = "http://h"\nnode_key = "{KEY}"\n', "http://host:port"),
        (f'[[peers]]\nname = "x"\nurl = "http://h:99999"\nnode_key = "{KEY}"\n', "x"),
        (f'[[peers]]\nname = "x"\nurl = "http://h:1/p"\nnode_key = "{KEY}"\n', "x"),
        (f'[[peers]]\nname = "x"\nurl = "https://h:1"\nnode_key = "{KEY}"\n', "TLS"),
        (f'[[peers]]\nname = "x"\nurl = "http://h:1"\nnode_key = "{KEY}"\n' * 2, "once"),
        ("[api]\nport = 70000\n", "port"),
        ('[api]\nhost = "0.0.0.0"\n', "public"),
        ("[api]\nport = 7\n[peer]\nport = 7\n", "same address"),
        ('[peer]\ntls_key = "k"\n', "together"),
        ("[timing]\ndelta_ms = 0\n", "delta_ms"),
        ("role = 3", "TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_and_named(change: str, named: str) -> None:
    """Goal: no key is ignored and no value guessed. Method: one mistake at a time."""
    assert named in refusal(GOOD + change)


def test_roles_and_keys_fit_together() -> None:
    """Goal: a peer cannot vote by accident, a validator not fail to. Method: swap role and key."""
    assert "consensus_key" in refusal(GOOD.replace('consensus_key = "consensus.key"', ""))
    assert "consensus_key" in refusal(GOOD.replace('"validator"', '"peer"'))


def test_public_api_is_allowed_when_said(tmp_path: Path) -> None:
    """Goal: the loopback rule can be lifted on purpose only. Method: `public = true`, from a real file."""
    path = tmp_path / "node.toml"
    path.write_text(GOOD + '[api]\nhost = "0.0.0.0"\npublic = true\n')
    assert load_config(path).api.host == "0.0.0.0"  # noqa: S104 - what is tested


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """Goal: one sentence instead of a traceback. Method: no file, then a file that is not text."""
    with pytest.raises(ConfigError, match="--config"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "bad.toml")


@given(st.text(max_size=200))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """Goal: nothing but the typed error. Method: arbitrary text."""
    try:
        parse_config(text, PATH)
    except ConfigError:
        return


def test_is_loopback() -> None:
    """Goal: only addresses of this machine pass as such. Method: names and addresses of both kinds."""
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "bank.example")))  # noqa: S104 - what is tested


def test_key_files_are_private_and_never_overwritten(tmp_path: Path) -> None:
    """Goal: a key is neither leaked nor lost. Method: write, read, loosen the mode, write again."""
    path, seed = tmp_path / "keys" / "node.key", new_seed()
    write_seed(path, seed)
    assert read_seed(path) == seed
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="never overwritten"):
        write_seed(path, seed)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_seed(path)
    with pytest.raises(ConfigError, match="som init"):
        read_seed(tmp_path / "none.key")
    assert len(box_public_of(seed)) == 32


def test_a_damaged_key_file_is_refused_without_quoting_it(tmp_path: Path) -> None:
    """Goal: secrets stay out of messages. Method: a key with one letter too many."""
    path = tmp_path / "node.key"
    path.write_text("ab" * 32 + "c")
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        read_seed(path)
    assert "abab" not in str(caught.value)
