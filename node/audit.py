"""The audit log: who looked whom up, when and why. Append-only, each record bound to the one before it, synced before anything is shown.

`data/audit.log`: `length u32 | record`, records in canonical MessagePack. What a crash has left of a record is dropped when the log is
opened: what it stood for was never shown. Anything else that does not fit stops all looking up until a person has seen to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta, Struct

from ledger.canonical import decode
from ledger.errors import Malformed
from ledger.keys import tagged
from ledger.types import U63, Hash32, PublicKey, Text35, Text64, Text140, TimeMs

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = "audit.log"
AUDIT_BYTES_MAX: Final = 256 * 1_048_576
"""About a million records; then the log is moved aside, by a person, with the node stopped."""
RECORD_BYTES_MAX: Final = 1_024
FIRST: Final = bytes(32)
"""What the first record names as the one before it."""

Action = Literal["find", "pseudonym"]


class AuditError(Exception):
    """The log cannot take records: it is damaged or full. Nobody is looked up until it is mended."""


class Look(Struct, frozen=True):
    """What is to be recorded."""

    by: str
    """`PARTICIPANT/KEYSET`."""
    public_key: bytes
    action: Action
    subject: str
    """A holder, in hex."""
    reason: str
    found: bool


class AuditRecord(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One record as it is kept."""

    number: U63
    """From 1 on, without gaps."""
    previous: Hash32
    """SHA-256("som/audit/1" | the record before); zeros before the first."""
    time_ms: TimeMs
    """Of this node's clock."""
    by: Text35
    public_key: PublicKey
    action: Action
    subject: Text64
    reason: Text140
    found: Annotated[int, Meta(ge=0, le=1)]


def record_hash(data: bytes) -> bytes:
    """Return what the next record names."""
    return tagged(b"som/audit/1", data)


def read_records(data: bytes) -> Iterator[tuple[AuditRecord, bytes, int]]:
    """Read a log: its records with their hashes and where each ends; what a crash has left of one, cut off or zeros, is left out.

    Raises
    ------
    AuditError
        A record is not canonical, has a wrong number, or does not follow from the one before it.
    """
    start, number, previous = 0, 0, FIRST
    while start + 4 <= len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        end = start + 4 + length
        if length > RECORD_BYTES_MAX:
            raise AuditError(f"record {number + 1} of the audit log says that it has {length} bytes")
        if end > len(data) or not any(data[start:]):
            return
        raw = data[start + 4 : end]
        try:
            record = decode(raw, AuditRecord)
        except Malformed as error:
            raise AuditError(f"record {number + 1} of the audit log cannot be read: {error}") from None
        number += 1
        if (record.number, record.previous) != (number, previous):
            raise AuditError(f"record {number} of the audit log does not follow the one before it: something was altered or taken out")
        previous, start = record_hash(raw), end
        yield record, previous, end
