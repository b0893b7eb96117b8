"""Frames of an epoch that has not begun here yet: kept for whoever is a few milliseconds slower, and replayed when it begins (K22).

A node may pass a boundary before another one does, and its first votes and proposals must not be lost by that. What is kept is not
verified, so it is bounded per link by number and by bytes; the oldest go first, and repair makes good what is lost.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from node.wire import BlockIds, Certificates, ProposalFrame, StatusFrame, Votes

if TYPE_CHECKING:
    from node.link import Link
    from node.wire import Frame, Lane

FRAMES_MAX: Final = 64
BYTES_MAX: Final = 262_144
"""Per link: proposals and votes of a few views; lists of ids take most of it."""
LINKS_MAX: Final = 512


def epoch_of_frame(frame: Frame) -> int | None:
    """Epoch that a frame of the votes lane is of, by its first part; None where it names none."""
    match frame:
        case Votes(votes):
            return votes[0].epoch if votes else None
        case ProposalFrame():
            return frame.vote.epoch
        case Certificates(certificates):
            return certificates[0].epoch if certificates else None
        case StatusFrame():
            return frame.epoch
        case _:
            return None


def may_be_later(frame: Frame) -> bool:
    """Whether a frame that names no epoch may belong to a proposal of the next one."""
    return isinstance(frame, BlockIds)


class Later:
    """What is kept, by the node that sent it."""

    def __init__(self) -> None:
        self._kept: dict[bytes, deque[tuple[Lane, bytes]]] = {}

    def keep(self, link: Link, lane: Lane, data: bytes) -> None:
        """Keep a frame; the oldest of this node make room for it. One that is larger than the whole room is not kept."""
        if len(data) > BYTES_MAX or (link.node_key not in self._kept and len(self._kept) >= LINKS_MAX):
            return
        kept = self._kept.setdefault(link.node_key, deque())
        kept.append((lane, data))
        while len(kept) > FRAMES_MAX or sum(len(each) for _, each in kept) > BYTES_MAX:
            kept.popleft()

    def take(self, node_key: bytes) -> list[tuple[Lane, bytes]]:
        """Take what was kept of a node, in the order it came."""
        return list(self._kept.pop(node_key, ()))

    def forget(self) -> None:
        """Drop everything: its epoch has begun, or is past."""
        self._kept.clear()
