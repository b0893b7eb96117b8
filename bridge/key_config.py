"""What a configuration says of a secp256k1 key, and opening it: a file with its passphrase, or a key in a token with its PIN (PKCS#11)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import replace

from bridge.errors import ConfigUnusable
from bridge.keys import FileKey, HsmPlace

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.hsm import HsmKey
    from bridge.keys import KeptKey

KEY_NEEDS: Final = "[key] needs `file` and `passphrase_file`, or `module`, `token`, `label` and `pin_file`, and nothing else"
REFUSED: Final = "pin-refused"
"""File in the folder of a process, where it remembers a PIN that its token refused."""
LABEL_MAX: Final = 32
"""Bytes of a token's label (CK_TOKEN_INFO)."""
FileName = Annotated[str, Meta(min_length=1, max_length=4_096)]
Label = Annotated[str, Meta(min_length=1, max_length=LABEL_MAX)]


class KeyConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A key in a file, or in a token: the fields of one of both (`well_formed`)."""

    file: FileName | None = None
    passphrase_file: FileName | None = None
    module: FileName | None = None
    """The token's PKCS#11 library."""
    token: Label | None = None
    label: Label | None = None
    """Of the key, private and public."""
    pin_file: FileName | None = None


def well_formed(config: KeyConfig) -> bool:
    """Return whether a key is named in exactly one way, with all that this way needs."""
    of_file = (config.file, config.passphrase_file)
    of_token = (config.module, config.token, config.label, config.pin_file)
    return (all(of_file) and not any(of_token)) or (all(of_token) and not any(of_file))


def placed(config: KeyConfig, place: Callable[[str], str]) -> KeyConfig:
    """Return a configuration with its paths made absolute by `place`."""
    names = ("file", "passphrase_file", "module", "pin_file")
    found = {name: getattr(config, name) for name in names}
    return replace(config, **{name: place(path) for name, path in found.items() if path is not None})


def open_key(config: KeyConfig, folder: Path) -> KeptKey:
    """Open the key of a process whose folder this is.

    Raises
    ------
    KeyUnusable
        It cannot be used; of a key in a token one of its kinds for each reason.
    ConfigUnusable
        The passphrase cannot be read, or what talks to tokens is not installed.
    """
    if config.module and config.token and config.label and config.pin_file:
        return tokens()(HsmPlace(config.module, config.token, config.label, config.pin_file, str(folder / REFUSED)))
    passphrase_file = config.passphrase_file or ""
    try:
        password = Path(passphrase_file).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise ConfigUnusable(path=passphrase_file, reason="the passphrase cannot be read") from None
    return FileKey.open(Path(config.file or ""), password)


def tokens() -> type[HsmKey]:
    """Return the keys in tokens; raises `ConfigUnusable` where the library that talks to them is not installed."""
    try:
        from bridge.hsm import HsmKey  # noqa: PLC0415 - only who has a token needs it
    except ModuleNotFoundError as missing:
        if missing.name != "pkcs11":
            raise
        reason = "a key in a token needs python-pkcs11, which is not installed (requirements/bridge.in)"
        raise ConfigUnusable(path="[key]", reason=reason) from None
    return HsmKey
