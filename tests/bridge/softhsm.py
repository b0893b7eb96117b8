"""A real token: SoftHSM2 behind PKCS#11, one for each test that asks. `python -m tests.bridge.softhsm` brings it, without root.

Debian's own packages are unpacked in this environment (.venv), not installed; apt checks them against its signed lists. Where SoftHSM2 is
installed, that one is taken, and SOM_SOFTHSM names the root of another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pkcs11
import pytest
from coincurve import PrivateKey
from msgspec import Struct
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass, TokenFlag
from pkcs11.util.ec import encode_named_curve_parameters

from bridge.hsm import SECP256K1
from bridge.keys import HsmPlace

if TYPE_CHECKING:
    from pkcs11.types import Session, Token

UNPACKED = Path(sys.prefix) / "softhsm"
PACKAGES = ("softhsm2", "libsofthsm2")
LABEL = "som"
PIN, OTHER_PIN, OFFICER_PIN = "secret-4321", "wrong-8765", "officer-1234"


class Parts(Struct, frozen=True):
    """What SoftHSM2 is made of."""

    library: Path
    util: Path


def find() -> Parts | None:
    """Return an unpacked SoftHSM2, else an installed one."""
    for root in (os.environ.get("SOM_SOFTHSM"), UNPACKED, "/"):
        if root is None:
            continue
        libraries = sorted(Path(root, "usr/lib").glob("**/softhsm/libsofthsm2.so")) if Path(root, "usr/lib").is_dir() else []
        util = Path(root, "usr/bin/softhsm2-util")
        if libraries and util.is_file():
            return Parts(libraries[0], util)
    return None


def parts() -> Parts:
    """Return SoftHSM2, or skip the test out loud."""
    found = find()
    if found is None:
        pytest.skip("no SoftHSM2: run `.venv/bin/python -m tests.bridge.softhsm`, or name its root with SOM_SOFTHSM")
    return found


class SoftHsm:
    """Tokens in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._parts = folder, parts()
        (folder / "tokens").mkdir()
        (folder / "softhsm.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm.conf")
        self.pin_file = folder / "pin"
        self.pin_file.write_text(PIN + "\n")
        self.add(LABEL)

    @property
    def module(self) -> str:
        """The library's path."""
        return str(self._parts.library)

    def add(self, label: str) -> None:
        """Make a token."""
        command = [str(self._parts.util), "--module", self.module, "--init-token", "--free", "--label", label]
        done = subprocess.run([*command, "--so-pin", OFFICER_PIN, "--pin", PIN], capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr
        self.restart()

    def restart(self) -> None:
        """Have the library look for its tokens anew; whatever was open is lost."""
        pkcs11.lib(self.module).reinitialize()

    def place(self, label: str = "attestor", token: str = LABEL, module: str | None = None) -> HsmPlace:
        """Return where a key is to be."""
        return HsmPlace(module or self.module, token, label, str(self.pin_file), str(self.folder / "pin-refused"))

    @property
    def token(self) -> Token:
        """The token as it is now."""
        return pkcs11.lib(self.module).get_token(token_label=LABEL)

    def somebody_logs_in(self) -> None:
        """Log in with the right PIN, and out again: the token forgets that there was a wrong one."""
        self.token.open(user_pin=PIN).close()

    def had_a_wrong_pin(self) -> bool:
        """Return whether a wrong PIN was given since somebody logged in."""
        return bool(self.token.flags & TokenFlag.USER_PIN_COUNT_LOW)

    def make(self, session: Session, label: str = "attestor", curve: str = "secp256k1", **private: bool) -> None:
        """Make a pair of keys as somebody else's tool might."""
        parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
        names = {Attribute[name.upper()]: value for name, value in private.items()}
        session.create_domain_parameters(KeyType.EC, parameters, local=True).generate_keypair(
            label=label, store=True, capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY, private_template=names
        )

    def keep(self, secret: bytes, label: str = "attestor") -> None:
        """Bring a key that was made elsewhere into the token."""
        common = {Attribute.KEY_TYPE: KeyType.EC, Attribute.EC_PARAMS: SECP256K1, Attribute.LABEL: label, Attribute.TOKEN: True}
        point = PrivateKey(secret).public_key.format(compressed=False)
        session = self.token.open(rw=True, user_pin=PIN)
        guarded = {Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.SIGN: True}
        session.create_object({**common, **guarded, Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.VALUE: secret})
        session.create_object({**common, Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.EC_POINT: bytes([4, len(point)]) + point})
        session.close()


def bring() -> int:
    """Unpack SoftHSM2 under .venv unless it is there; return the exit code."""
    if find() is not None:
        return 0
    problem = "apt-get and dpkg-deb are not here" if not (shutil.which("apt-get") and shutil.which("dpkg-deb")) else _unpack()
    if problem or find() is None:
        why = problem or "the packages have no library"
        sys.stderr.write(f"tests.bridge.softhsm: SKIPPED, {why}: keys in tokens will not be tested\n")
        return 1 if os.environ.get("SOM_REQUIRE_ALL") else 0
    return 0


def _unpack() -> str:
    """Download the packages and unpack them; return what went wrong."""
    with TemporaryDirectory() as folder:
        download = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *PACKAGES]
        done = subprocess.run(download, cwd=folder, capture_output=True, check=False, text=True)
        if done.returncode and os.geteuid() == 0:  # a machine whose lists were never brought
            subprocess.run(["apt-get", "-q", "update"], capture_output=True, check=False)
            done = subprocess.run(download, cwd=folder, capture_output=True, check=False, text=True)
        if done.returncode:
            return f"apt-get cannot download {' and '.join(PACKAGES)} ({done.stderr.strip()[-200:]})"
        for package in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, UNPACKED], check=True)
    return ""


if __name__ == "__main__":
    sys.exit(bring())
