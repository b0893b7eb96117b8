"""Conditions of holds on the command line: made from options, shown to people, and what a settle shows of them."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from cli.client import NotThere
from cli.faults import Misuse, Refusal
from cli.purses import read_receipt, witness_of
from cli.times import parse_length, parse_point, time_text
from ledger.conditions import WITNESS_BYTES_MAX, Arbiter, Device, HashLock, Payee, Witness
from ledger.names import check_account_id, check_owner
from node.api.hold_structs import HoldDetail
from node.keystore import write_private

if TYPE_CHECKING:
    from cli.session import Session
    from ledger.conditions import Condition

_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)
HEX_ID = 64
SECRET_BYTES = 32


class Terms(Struct, frozen=True):
    """The options of `som hold place` that make its condition; at most one of the first four."""

    digest: str = ""
    secret: Path | None = None
    arbiter: str = ""
    device: str = ""
    valid_to: str = "30d"
    grace: str = "7d"


class Shown(Struct, frozen=True):
    """The options of `som hold settle` that show what its condition asks for; at most one of them."""

    witness: str = ""
    secret: Path | None = None
    payee: str = ""
    receipt: Path | None = None


class Settling(Struct, frozen=True):
    """What a settle says, as far as its options tell."""

    hold: str
    amount: int | None
    """Minor units; None: not said."""
    witness: Witness
    payee: str
    """Whose servicer sends it, unless somebody else is named; empty: not known."""


def condition_of(session: Session, terms: Terms) -> Condition:
    """Make the condition that the options ask for.

    Raises
    ------
    Misuse
        They ask for two, or for one that cannot be.
    """
    if sum(bool(each) for each in (terms.digest, terms.secret, terms.arbiter, terms.device)) > 1:
        raise Misuse("a hold has one condition: --hash, --secret, --arbiter or --device")
    if terms.digest:
        check_hex_id(terms.digest)
        return HashLock(bytes.fromhex(terms.digest))
    if terms.secret is not None:
        return HashLock(sha256(read_or_make_secret(terms.secret)).digest())
    if terms.arbiter:
        check_owner(terms.arbiter)
        return Arbiter(terms.arbiter)
    if terms.device:
        return Device(_device_key(session, terms.device), parse_point(terms.valid_to), parse_length(terms.grace))
    return "none"


def settling_of(hold: str, shown: Shown) -> Settling:
    """Read what is shown.

    Raises
    ------
    Misuse
        Two things are shown, no hold is named, or a file is none of its kind.
    """
    if sum(bool(each) for each in (shown.witness, shown.secret, shown.payee, shown.receipt)) > 1:
        raise Misuse("a settle shows one thing: --witness, --secret, --payee or --receipt")
    if shown.receipt is not None:
        slip = read_receipt(shown.receipt)
        if hold and hold != slip.hold.hex():
            raise Misuse(f"{shown.receipt} draws on hold {slip.hold.hex()}: leave out HOLD, or name that one")
        return Settling(slip.hold.hex(), slip.amount, witness_of(slip), slip.payee)
    if not hold:
        raise Misuse("which hold? name its id, or give the receipt of a purse with --receipt FILE")
    check_hex_id(hold)
    if shown.payee:
        check_account_id(shown.payee)
        return Settling(hold, None, Payee(shown.payee), "")
    if shown.secret is not None:
        return Settling(hold, None, _read_secret(shown.secret), "")
    if len(shown.witness) > 2 * WITNESS_BYTES_MAX or _HEX.fullmatch(shown.witness) is None:
        raise Misuse(f"--witness is the secret in hex, at most {WITNESS_BYTES_MAX} bytes")
    return Settling(hold, None, bytes.fromhex(shown.witness), "")


def find_hold(session: Session, hold: str) -> HoldDetail:
    """Hold as the node has it; raises `Refusal` where it is not open."""
    check_hex_id(hold)
    try:
        return session.client.get(f"/v1/holds/{hold}", HoldDetail)
    except NotThere:
        raise Refusal(f"there is no open hold {hold}: it was settled in full, let go, has lapsed, or was never placed") from None


def check_hex_id(text: str) -> None:
    """Refuse what is no id of a transaction."""
    if len(text) != HEX_ID or not set(text) <= set("0123456789abcdef"):
        raise Misuse(f"{text!r} is not an id: 64 characters of 0-9 and a-f are one")


def condition_text(condition: Condition) -> str:
    """Say what has to be shown, in a sentence."""
    match condition:
        case HashLock(digest=digest):
            return f"whoever shows the secret whose SHA-256 is {digest.hex()} settles it, whole"
        case Arbiter(by=by):
            return f"{by} must agree to a settle"
        case Device(key=key, valid_to=valid_to):
            return f"receipts signed by the device {key.hex()}, valid to {time_text(valid_to)}"
        case "none":
            return "none"


def condition_rows(hold: HoldDetail) -> list[tuple[str, str]]:
    """Say of an open hold what has to be shown, and what was."""
    purse = hold.purse
    if purse is not None:
        used = ", ".join(map(str, purse.used)) if purse.used else "none"
        lost = [("reported lost", time_text(purse.revoked))] if purse.revoked else []
        return [("device", purse.key), ("valid to", time_text(purse.valid_to)), ("counters settled", used), *lost]
    if hold.hash:
        return [("opens with", f"the secret whose SHA-256 is {hold.hash}")]
    return [("arbiter", hold.arbiter)] if hold.arbiter else []


def read_or_make_secret(path: Path) -> bytes:
    """Secret of a file (hex); where there is no file, a new one of 32 random bytes is kept in it, mode 0600."""
    if path.exists():
        return _read_secret(path)
    secret = os.urandom(SECRET_BYTES)
    try:
        write_private(path, secret.hex().encode() + b"\n")
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}") from None
    return secret


def _read_secret(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            text = opened.read(4 * WITNESS_BYTES_MAX).decode("ascii", "replace").strip()
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from None
    if not text or len(text) > 2 * WITNESS_BYTES_MAX or _HEX.fullmatch(text) is None:
        raise Misuse(f"{path} is not a secret: at most {WITNESS_BYTES_MAX} bytes in hex")
    return bytes.fromhex(text)


def _device_key(session: Session, device: str) -> bytes:
    """Public key: given in hex, or of a key of the keystore that is meant for no keyset."""
    if len(device) == HEX_ID and _HEX.fullmatch(device) is not None:
        return bytes.fromhex(device)
    key = session.keystore.load(device)
    if key.owner:
        raise Misuse(f"{device} signs for {key.owner}/{key.keyset}: a device has a key of its own (`som purse new NAME`)")
    return bytes.fromhex(key.public_key)
