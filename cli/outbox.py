"""What this client has signed and sent: kept as files, so that a retry sends the same bytes (L14), also after a crash or a reboot.

The same file form carries a transaction from one signer to the next (`--export`, `som tx sign`, `som tx submit`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from cli.faults import Misuse, Refusal
from ledger.codec import decode_transaction
from ledger.transactions.bodies import TX_BYTES_MAX, Transaction

if TYPE_CHECKING:
    from pathlib import Path

FILE_BYTES_MAX = 2 * TX_BYTES_MAX
OUTBOX_FILES_MAX = 10_000
"""Above it the oldest files go; what they hold has expired long before."""


class TransactionFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A transaction between machines. Only `transaction` counts: the other fields are for people and for file managers."""

    format: Literal["som/transaction/1"]
    tx_id: str
    type: str
    sender: str
    ref: str
    valid_until: int
    transaction: bytes
    """Canonical MessagePack (base64 in JSON), with the signatures so far."""


def write_transaction(path: Path, transaction: Transaction) -> None:
    """Write a transaction file, replacing one of the same name; synced before it returns."""
    file = TransactionFile(
        format="som/transaction/1",
        tx_id=transaction.tx_id.hex(),
        type=transaction.type,
        sender=transaction.sender,
        ref=transaction.ref,
        valid_until=transaction.valid_until,
        transaction=transaction.raw,
    )
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with draft.open("wb") as opened:
            opened.write(msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(path)
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}") from None


def read_transaction(path: Path) -> Transaction:
    """Transaction of a file.

    Raises
    ------
    Misuse
        The file cannot be read or is not a transaction file.
    Malformed
        The bytes in it are no transaction.
    """
    try:
        with path.open("rb") as opened:
            text = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from None
    if len(text) > FILE_BYTES_MAX:
        raise Misuse(f"{path} is longer than any transaction file")
    try:
        file = msgspec.json.decode(text, type=TransactionFile)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Misuse(f"{path} is not a transaction file: {error}") from None
    return decode_transaction(file.transaction)


class Outbox:
    """A folder with one file per transaction, named `<ref id>-<tx_id>.json`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, transaction: Transaction) -> None:
        """Keep a transaction before it is sent."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Refusal(f"the outbox {self.folder} cannot be made: {error.strerror}") from None
        self._trim()
        write_transaction(self.folder / f"{transaction.ref_id.hex()[:32]}-{transaction.tx_id.hex()}.json", transaction)

    def by_ref(self, ref_id: bytes) -> Transaction | None:
        """Return the newest transaction kept under a reference."""
        found = [read_transaction(path) for path in self.folder.glob(f"{ref_id.hex()[:32]}-*.json")]
        return max(found, key=lambda each: each.valid_until, default=None)

    def by_id(self, tx_id: str) -> Transaction | None:
        """Return the transaction kept under an id (64 hex characters)."""
        return next((read_transaction(path) for path in self.folder.glob(f"*-{tx_id}.json")), None)

    def _trim(self) -> None:
        files = list(self.folder.glob("*.json"))
        if len(files) < OUTBOX_FILES_MAX:
            return
        for path in sorted(files, key=lambda each: each.stat().st_mtime)[: OUTBOX_FILES_MAX // 10]:
            path.unlink(missing_ok=True)
