"""Read what `strace -f -y -xx` saw of a validator: writes to its journal, syncs of it, and what it sent to sockets, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.wire import Lane, ProposalFrame, Votes, WireError, WireVote, decode_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CALL = re.compile(r"^(?P<pid>\d+)\s+(?P<name>write|writev|pwrite64|sendto|sendmsg|fdatasync|fsync)\(\d+<(?P<file>[^>]*)>(?P<rest>.*)$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_RESUMED = re.compile(r"^(?P<pid>\d+)\s+<\.\.\. (?:fdatasync|fsync) resumed>")


@dataclass(frozen=True, slots=True)
class Wrote:
    """Bytes handed to the kernel for the journal."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SyncedJournal:
    """The kernel said that the journal is on disk."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes handed to a socket."""

    data: bytes


Seen = Wrote | SyncedJournal | Sent


def read_trace(lines: Iterable[str]) -> Iterator[Seen]:
    """Yield what matters, a sync where it ended, everything else where it began."""
    syncing: set[str] = set()
    for line in lines:
        resumed = _RESUMED.match(line)
        if resumed is not None and resumed["pid"] in syncing:
            syncing.discard(resumed["pid"])
            yield SyncedJournal()
        call = _CALL.match(line)
        if call is None:
            continue
        file = _bytes(call["file"]).decode(errors="replace")
        journal, socket = "/journal/" in file, file.startswith(("socket:", "TCP"))
        if call["name"] in ("fdatasync", "fsync"):
            if journal and "unfinished" in call["rest"]:
                syncing.add(call["pid"])
            elif journal and "= 0" in call["rest"]:
                yield SyncedJournal()
        elif journal or socket:
            data = b"".join(map(_bytes, _STRING.findall(call["rest"])))
            yield Wrote(data) if journal else Sent(data)


def _bytes(escaped: str) -> bytes:
    r"""Bytes of strace's `\x2f\x74` form."""
    return bytes.fromhex(escaped.replace("\\x", ""))


def web_socket_messages(data: bytes) -> Iterator[bytes]:
    """Yield the binary messages that one write to a socket holds, masked or not; stop at what is no WebSocket frame."""
    at = 0
    while len(data) - at >= 2 and data[at] == 0x82:
        masked, length = data[at + 1] & 0x80, data[at + 1] & 0x7F
        at += 2
        if length >= 126:
            width = 2 if length == 126 else 8
            length = int.from_bytes(data[at : at + width])
            at += width
        mask = data[at : at + 4] if masked else bytes(4)
        at += 4 if masked else 0
        payload = data[at : at + length]
        if len(payload) < length:
            return
        at += length
        key = (mask * (length // 4 + 1))[:length]
        yield (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(length)


def votes_in(data: bytes) -> Iterator[WireVote]:
    """Yield the votes that are in one write to a socket."""
    for message in web_socket_messages(data):
        try:
            frame = decode_frame(Lane.VOTES, message)
        except WireError:
            continue  # A message of the other lane.
        if isinstance(frame, Votes):
            yield from frame.votes
        elif isinstance(frame, ProposalFrame):
            yield frame.vote
