"""Read what `strace -f -y -xx` saw of a validator: synced writes to its journal and its mark, and what it sent to sockets, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from node.wire import Lane, ProposalFrame, Votes, WireError, WireVote, decode_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CALLS = ("write", "writev", "pwrite64", "pwritev2", "sendto", "sendmsg", "fdatasync", "fsync")
_CALL = re.compile(rf"^(?P<pid>\d+)\s+(?P<name>{'|'.join(CALLS)})\(\d+<(?P<file>[^>]*)>(?P<rest>.*)$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_RESUMED = re.compile(r"^(?P<pid>\d+)\s+<\.\.\. (?:fdatasync|fsync|pwritev2) resumed>")


class File(Enum):
    """Where a validator keeps its promises."""

    JOURNAL = "/journal/"
    MARK = "/signer.mark"


@dataclass(frozen=True, slots=True)
class Durable:
    """Bytes of which the kernel said that they are on disk."""

    file: File
    data: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes handed to a socket."""

    data: bytes


def read_trace(lines: Iterable[str]) -> Iterator[Durable | Sent]:
    """Yield what matters: what a sync made durable where that sync ended, what was sent where that began."""
    written = dict.fromkeys(File, b"")
    syncing: dict[str, File] = {}
    for line in lines:
        resumed = _RESUMED.match(line)
        if resumed is not None and (file := syncing.pop(resumed["pid"], None)) is not None:
            yield Durable(file, written[file])
            written[file] = b""
        call = _CALL.match(line)
        if call is None:
            continue
        path = _bytes(call["file"]).decode(errors="replace")
        rest = call["rest"]
        file = next((file for file in File if file.value in path), None)
        if file is None:
            if path.startswith(("socket:", "TCP")):
                yield Sent(_strings(rest))
            continue
        written[file] += _strings(rest)
        if call["name"] not in ("fdatasync", "fsync") and "RWF_DSYNC" not in rest:
            continue
        if "unfinished" in rest:
            syncing[call["pid"]] = file
        else:
            yield Durable(file, written[file])
            written[file] = b""


def _strings(rest: str) -> bytes:
    """Bytes among the arguments of a call."""
    return b"".join(map(_bytes, _STRING.findall(rest)))


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
