"""The profile: where it is looked for, what it may say, and where its paths lead."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.faults import Misuse
from cli.profile import NODE_DEFAULT, load_profile


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOM_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    profile = load_profile(None)
    assert profile.nodes == (NODE_DEFAULT,)
    assert Path(profile.keystore).is_absolute()
    assert Path(profile.state).is_absolute()


def test_paths_are_those_of_the_folder_of_the_file(tmp_path: Path) -> None:
    """Goal: `som --config data/som.toml` works from anywhere. Method: relative and absolute paths."""
    file = write(tmp_path / "som.toml", 'genesis = "genesis.json"\nkeystore = "keys"\nstate = "/var/state"\n')
    profile = load_profile(file)
    assert profile.genesis == str(tmp_path / "genesis.json")
    assert profile.keystore == str(tmp_path / "keys")
    assert profile.state == "/var/state"


def test_order_is_option_variable_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "som").mkdir(parents=True)
    write(home / "som" / "config.toml", 'participant = "bank-home"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.delenv("SOM_CONFIG", raising=False)
    assert load_profile(None).participant == "bank-home"
    monkeypatch.setenv("SOM_CONFIG", str(write(tmp_path / "variable.toml", 'participant = "bank-variable"\n')))
    assert load_profile(None).participant == "bank-variable"
    assert load_profile(write(tmp_path / "option.toml", 'participant = "bank-option"\n')).participant == "bank-option"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('unknown = "x"', "unknown"),
        ("nodes = []", "nodes"),
        ('nodes = ["ftp://x"]', "ftp://x"),
        ('nodes = ["http://127.0.0.1"]', "http://host:port"),
        ('nodes = ["http://[::1"]', "http://host:port"),
        ("valid_ms = 0", "valid_ms"),
        ("valid_ms = 3600001", "valid_ms"),
        ('chain = "12"', "chain"),
        ("= broken", "not usable"),
    ],
)
def test_what_it_cannot_mean_is_refused_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Misuse) as refusal:
        load_profile(write(tmp_path / "som.toml", text + "\n"))
    assert said in str(refusal.value)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="cannot be read"):
        load_profile(tmp_path / "none.toml")
