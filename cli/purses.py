"""Files of an offline purse: what the device keeps of its hold and its payments, and the receipts that it signs.

A receipt is a JSON file for people and file managers; only its field `receipt` counts: base64 of canonical MessagePack.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from cli.faults import Misuse, Refusal
from ledger.canonical import decode, encode
from ledger.conditions import COUNTERS_MAX, PurseReceipt, purse_message
from ledger.keys import sign, verify
from ledger.types import AccountText, Amount, AssetText, Hash32, PublicKey, Signature64, TargetText, TimeMs

if TYPE_CHECKING:
    from pathlib import Path

RECEIPT_BYTES_MAX = 8_192
PURSE_BYTES_MAX = 1_048_576
TAG: Final = "som/purse-receipt/1"


class Slip(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A receipt as it travels: what the device has signed, and what a payee wants to know of the purse before taking it."""

    tag: Literal["som/purse-receipt/1"]
    chain: Hash32
    hold: Hash32
    counter: Annotated[int, Meta(ge=0, lt=COUNTERS_MAX)]
    payee: AccountText
    amount: Amount
    """Minor units."""
    signature: Signature64
    asset: AssetText
    key: PublicKey
    """What follows is the payer's word: the ledger knows it, `som purse check` compares."""
    valid_to: TimeMs
    until: TimeMs
    """Last moment to bring the receipt in."""


class ReceiptFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt between two people."""

    format: Literal["som/purse-receipt/1"]
    hold: str
    counter: int
    payee: str
    amount: str
    """Minor units."""
    asset: str
    receipt: bytes


class Payment(Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt that the device has signed."""

    counter: Annotated[int, Meta(ge=0, lt=COUNTERS_MAX)]
    payee: str
    amount: Annotated[int, Meta(ge=1)]


class PurseFile(Struct, frozen=True, forbid_unknown_fields=True):
    """What a device knows without a network. Its seed is in the keystore, under the name `key`."""

    format: Literal["som/purse/1"]
    key: str
    public_key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    chain: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    hold: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    target: TargetText
    asset: AssetText
    decimals: Annotated[int, Meta(ge=0, le=8)]
    amount: Annotated[int, Meta(ge=1)]
    """What was left of the hold when the device was loaded, minor units."""
    valid_to: TimeMs
    until: TimeMs
    used: tuple[int, ...]
    """Counters that the ledger had seen when the device was loaded."""
    payments: Annotated[tuple[Payment, ...], Meta(max_length=COUNTERS_MAX)]
    """Signed here, oldest first."""

    @property
    def left(self) -> int:
        """What the device may still give away."""
        return self.amount - sum(each.amount for each in self.payments)

    def next_counter(self) -> int:
        """Lowest counter that was never used.

        Raises
        ------
        Refusal
            There is none: the purse has to be loaded anew.
        """
        taken = {*self.used, *(each.counter for each in self.payments)}
        free = next((counter for counter in range(COUNTERS_MAX) if counter not in taken), None)
        if free is None:
            raise Refusal(f"the purse has signed {COUNTERS_MAX} receipts, and that is all: load it anew")
        return free


def sign_slip(purse: PurseFile, counter: int, payee: str, amount: int, seed: bytes) -> Slip:
    """Sign a receipt with the device's seed."""
    chain, hold = bytes.fromhex(purse.chain), bytes.fromhex(purse.hold)
    signature = sign(seed, purse_message(chain, hold, counter, payee, amount))
    key = bytes.fromhex(purse.public_key)
    return Slip(TAG, chain, hold, counter, payee, amount, signature, purse.asset, key, purse.valid_to, purse.until)


def is_signed(slip: Slip) -> bool:
    """Whether the device that the receipt names has signed it."""
    return verify(slip.key, purse_message(slip.chain, slip.hold, slip.counter, slip.payee, slip.amount), slip.signature)


def witness_of(slip: Slip) -> PurseReceipt:
    """Return what a settle shows of a receipt."""
    return PurseReceipt(slip.counter, slip.payee, slip.signature)


def write_receipt(path: Path, slip: Slip) -> None:
    """Write a receipt file; one that is there is never replaced."""
    file = ReceiptFile(TAG, slip.hold.hex(), slip.counter, slip.payee, str(slip.amount), slip.asset, encode(slip))
    _write(path, file, "xb")


def read_receipt(path: Path) -> Slip:
    """Receipt of a file.

    Raises
    ------
    Misuse
        The file cannot be read or is no receipt.
    Malformed
        The bytes in it are none.
    """
    try:
        file = msgspec.json.decode(_read(path, RECEIPT_BYTES_MAX), type=ReceiptFile)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Misuse(f"{path} is not a receipt of a purse: {error}") from None
    return decode(file.receipt, Slip)


def write_purse(path: Path, purse: PurseFile) -> None:
    """Write what the device knows, synced before it returns: a counter that was signed is never forgotten."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    _write(draft, purse, "wb")
    try:
        draft.replace(path)
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}") from None


def read_purse(path: Path, name: str) -> PurseFile:
    """Return what the device knows.

    Raises
    ------
    Misuse
        It is not loaded, or the file is none of a purse.
    """
    if not path.exists():
        raise Misuse(f"the purse {name} is not loaded: `som purse load {name} HOLD`, once the hold is placed")
    try:
        return msgspec.json.decode(_read(path, PURSE_BYTES_MAX), type=PurseFile)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Misuse(f"{path} is not the file of a purse: {error}") from None


def _write(path: Path, file: Struct, mode: Literal["xb", "wb"]) -> None:
    try:
        with path.open(mode) as opened:
            opened.write(msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
    except FileExistsError:
        raise Refusal(f"{path} exists already: choose another file") from None
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}") from None


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as opened:
            text = opened.read(most + 1)
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from None
    if len(text) > most:
        raise Misuse(f"{path} is longer than {most} bytes")
    return text
