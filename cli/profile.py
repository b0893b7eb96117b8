"""The profile: a small TOML file with everything a command would otherwise be told each time. `cli/README.md` describes every field.

Found in this order: `--config FILE`, the variable SOM_CONFIG, `~/.config/som/config.toml`. Without one the built-in defaults hold.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, field

from cli.faults import Misuse

CONFIG_VARIABLE = "SOM_CONFIG"
PROFILE_BYTES_MAX = 65_536
NODE_DEFAULT = "http://127.0.0.1:8800"
VALID_MS_DEFAULT = 120_000
"""L14: two minutes; short, so that an unanswered payment is soon known to be without effect."""


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """Defaults of all commands. Relative paths are taken from the folder of the file."""

    nodes: Annotated[tuple[str, ...], Meta(min_length=1, max_length=64)] = (NODE_DEFAULT,)
    """Client addresses, `http://host:port`; tried in order until one answers."""
    genesis: str = ""
    """The genesis document. Needed to sign (it gives the chain) and to verify anything."""
    chain: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""
    """Chain id as received over another channel; the genesis document must hash to it."""
    keystore: str = ""
    state: str = ""
    """Where the outbox and the newest height seen are kept."""
    participant: Annotated[str, Meta(max_length=64)] = ""
    """Sender of transactions; empty: the participant of the account that a command names first."""
    passphrase_file: str = ""
    valid_ms: Annotated[int, Meta(ge=1_000, le=3_600_000)] = VALID_MS_DEFAULT
    """How long a transaction may wait to be ordered."""
    sign: Annotated[dict[str, tuple[str, ...]], Meta(max_length=64)] = field(default_factory=dict)
    """Type of transaction -> keysets (`participant/keyset`) that sign it besides the sender's `ops`, e.g. issue = ["operator/board"]."""


def load_profile(named: Path | None) -> Profile:
    """Read the profile that applies; all paths in it are absolute afterwards.

    Raises
    ------
    Misuse
        A named file is missing, cannot be read, or has an unknown field or a value out of range.
    """
    path, must_exist = _which(named)
    if not must_exist and not path.is_file():
        return _placed(Profile(), path.parent)
    try:
        with path.open("rb") as file:
            text = file.read(PROFILE_BYTES_MAX + 1)
    except OSError as error:
        raise Misuse(f"the profile {path} cannot be read: {error.strerror}") from None
    if len(text) > PROFILE_BYTES_MAX:
        raise Misuse(f"the profile {path} is longer than {PROFILE_BYTES_MAX} bytes")
    try:
        profile = msgspec.convert(tomllib.loads(text.decode()), Profile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Misuse(f"the profile {path} is not usable: {error}") from None
    for url in profile.nodes:
        check_url(url)
    return _placed(profile, path.parent)


def check_url(url: str) -> None:
    """Refuse an address that no client could call."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port is not None and parts.path in {"", "/"}
    except ValueError:
        good = False
    if not good:
        raise Misuse(f"{url!r} is not the address of a node: write http://host:port")


def home_folder(variable: str, fallback: str) -> Path:
    """Folder of this program under an XDG base folder."""
    base = os.environ.get(variable, "")
    return (Path(base) if base else Path.home() / fallback) / "som"


def _which(named: Path | None) -> tuple[Path, bool]:
    if named is not None:
        return named, True
    variable = os.environ.get(CONFIG_VARIABLE, "")
    if variable:
        return Path(variable), True
    return home_folder("XDG_CONFIG_HOME", ".config") / "config.toml", False


def _placed(profile: Profile, folder: Path) -> Profile:
    def place(name: str) -> str:
        return str(folder.absolute() / Path(name).expanduser()) if name else ""

    return msgspec.structs.replace(
        profile,
        genesis=place(profile.genesis),
        keystore=place(profile.keystore) or str(home_folder("XDG_DATA_HOME", ".local/share") / "keys"),
        state=place(profile.state) or str(home_folder("XDG_STATE_HOME", ".local/state")),
        passphrase_file=place(profile.passphrase_file),
    )
