"""The program as a whole: options before and after the command, help, and what its start costs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

import cli
from cli.main import app, main
from cli.nouns import VERBS

if TYPE_CHECKING:
    from tests.cli.network import Network

HEAVY = ("aiohttp", "lmdb", "uvloop", "prometheus_client", "structlog", "asyncio")


def commands(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command, as one would type it."""
    children = getattr(group, "commands", None)
    if not children:
        return [path]
    return [each for name, child in children.items() for each in commands(child, (*path, name))]


def all_commands() -> list[tuple[str, ...]]:
    from typer.main import get_command  # noqa: PLC0415 - used here only

    return [path for path in commands(get_command(app)) if path != ("devnet",)]  # another program: test_devnet.py


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_every_command_has_help_and_json(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Goal: interfaces.md, every command takes --json. Method: its help; running a node prints no result and is the one exception."""
    assert main([*path, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage" in out
    assert "--json" in out or path == ("node", "run")


def test_the_start_is_light() -> None:
    """Goal: `som --help` answers at once. Method: the modules that make a start slow are not loaded by it."""
    text = f"import sys; from cli.main import main; main(['--help']); print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def loaded(doing: str) -> set[str]:
    """Modules of the command line that are loaded after this was done in a fresh process."""
    text = f"import sys; from cli.main import main; {doing}; print(*[name[4:] for name in sys.modules if name.startswith('cli.')])"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split())


def test_a_command_starts_without_the_others() -> None:
    """Goal: a third less start for every command and node. Method: what `som node run` loads; other nouns are not among it."""
    found = loaded("main(['node', 'run', '--help'])")
    assert "node" in found
    assert not {"bridge_doctor", "asset_profile", "doctor", "hold"} & found


def test_every_noun_and_verb_is_in_the_catalogue() -> None:
    """Goal: none is forgotten, since nothing imports them. Method: whoever makes an app or registers verbs is loaded by the help of all."""
    makes = re.compile(r"^(app = typer\.Typer|def register\(\w+: typer\.Typer\))", re.MULTILINE)
    making = {path.stem for path in Path(cli.__file__).parent.glob("*.py") if makes.search(path.read_text())}
    assert making <= loaded("main(['--help'])") | {"main"}
    assert len(making) > len(set(VERBS.values()))
    for name in set(VERBS.values()):
        part = typer.Typer()
        import_module(f"cli.{name}").register(part)
        assert [each.name for each in part.registered_commands] == [verb for verb, module in VERBS.items() if module == name]


def test_options_stand_before_or_after(network: Network) -> None:
    """Goal: both orders mean the same, the later one counts. Method: a wrong profile before, the right one after."""
    profile = str(network.world.made.profile)
    for arguments in (
        ["--config", profile, "--node", network.served.url, "status"],
        ["status", "--config", profile, "--node", network.served.url],
        ["--config", "/nowhere", "--node", "http://127.0.0.1:1", "status", "--config", profile, "--node", network.served.url],
    ):
        assert main(arguments) == 0


def test_a_passphrase_is_never_asked_without_a_terminal(network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: a script gets a sentence, not a hanging prompt. Method: no file, no variable, no terminal."""
    monkeypatch.delenv("SOM_PASSPHRASE_FILE", raising=False)
    profile = network.world.made.profile
    profile.write_text(profile.read_text().replace('passphrase_file = "passphrase"\n', ""))
    code, _, err = network.som("pay", "bank-a/main", "bank-b/main", "1", "KGS")
    assert code == 2
    assert "SOM_PASSPHRASE_FILE" in err
    monkeypatch.setenv("SOM_PASSPHRASE_FILE", str(network.world.made.folder / "passphrase"))
    network.good("pay", "bank-a/main", "bank-b/main", "1", "KGS")
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong\n")
    code, _, err = network.som("pay", "bank-a/main", "bank-b/main", "1", "KGS", "--passphrase-file", str(wrong))
    assert code == 1
    assert "the passphrase is wrong" in err


def test_keys_go_in_by_file_only(network: Network, tmp_path: Path) -> None:
    """Goal: import of a seed and of another keystore's file. Method: both, then show with a check of the passphrase."""
    seed = tmp_path / "seed"
    seed.write_text("11" * 32 + "\n")
    network.good("keys", "import", "one", str(seed), "--for", "bank-a/ops")
    other = network.world.made.folder / "keystore" / "one.json"
    network.good("keys", "import", "two", str(other))
    first, second = (network.good("keys", "show", name, "--check") for name in ("one", "two"))
    assert first["public_key"] == second["public_key"]
    assert (second["owner"], second["keyset"]) == ("bank-a", "ops")
    assert "one" in network.som("keys", "list")[1]
    seed.write_text("12")
    code, _, err = network.som("keys", "import", "three", str(seed))
    assert code == 1
    assert "is not a key file" in err
