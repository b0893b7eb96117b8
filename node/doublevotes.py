"""The file of a double vote: two votes of one validator that an honest one never signs both. Its name is the SHA-256 of its bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from node.wire import WireVote, wire_vote

if TYPE_CHECKING:
    from consensus.evidence import Evidence


class DoubleVote(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Both votes, in the order of the evidence."""

    first: WireVote
    second: WireVote


def file_of(evidence: Evidence) -> bytes:
    """Bytes of the file of a double vote."""
    return msgspec.msgpack.encode(DoubleVote(wire_vote(evidence.first), wire_vote(evidence.second)))
