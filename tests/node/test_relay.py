"""New certificates passed on to all (K10): in one frame of a moment, and only what says more than the finalization among them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from consensus.types import Kind, View
from node.relay import RELAY_SECONDS, Relay
from node.wire import Certificates, Lane, decode_frame, subject_of
from tests.node.durable import certificate

if TYPE_CHECKING:
    from consensus.types import Vote


def subjects(data: bytes) -> list[Vote]:
    """Return what the certificates of a frame are about."""
    frame = decode_frame(Lane.VOTES, data)
    assert isinstance(frame, Certificates)
    return [subject_of(each) for each in frame.certificates]


class Moments:
    """A relay, and what it sends."""

    def __init__(self, final_view: int) -> None:
        self.frames: list[bytes] = []
        self.relay = Relay(self.frames.append, lambda: View(final_view))

    async def told(self, *certificates: tuple[Kind, int]) -> list[list[tuple[Kind, int]]]:
        """Give it certificates one by one; return kind and view of those in each frame that it has sent a moment later."""
        self.frames.clear()
        for kind, view in certificates:
            self.relay.add((certificate(kind, view),))
        assert not self.frames, "votes go before it"
        passed = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(RELAY_SECONDS, passed.set_result, None)  # after what was armed before
        await passed
        return [[(each.kind, each.view) for each in subjects(data)] for data in self.frames]


async def told(final_view: int, *certificates: tuple[Kind, int]) -> list[list[tuple[Kind, int]]]:
    """Return what one moment's certificates become."""
    return await Moments(final_view).told(*certificates)


async def test_k10_what_came_in_a_moment_shares_a_frame() -> None:
    """Goal: each is told once, none held back. Method: three of which none is final."""
    above = ((Kind.NOTARIZE, 7), (Kind.NULLIFY, 8), (Kind.NOTARIZE, 9))
    assert await told(6, *above) == [list(above)]


async def test_k10_each_is_passed_on_once() -> None:
    """Goal: the next moment has its own frame. Method: two moments."""
    moments = Moments(6)
    assert await moments.told((Kind.NOTARIZE, 7)) == [[(Kind.NOTARIZE, 7)]]
    assert await moments.told((Kind.NULLIFY, 8)) == [[(Kind.NULLIFY, 8)]]


async def test_k10_a_finalization_stands_for_what_is_below_it() -> None:
    """Goal: K11: who gets it needs nothing at or below its view. Method: two views that ended well, one that did not, one under way."""
    frames = await told(
        8,
        (Kind.NOTARIZE, 6),
        (Kind.FINALIZE, 6),
        (Kind.NULLIFY, 7),
        (Kind.NOTARIZE, 8),
        (Kind.FINALIZE, 8),
        (Kind.NOTARIZE, 9),
    )
    assert frames == [[(Kind.FINALIZE, 8), (Kind.NOTARIZE, 9)]]


async def test_k10_nothing_is_said_where_nothing_is_new() -> None:
    """Goal: no empty frame. Method: the finalization above was passed on before."""
    assert await told(9, (Kind.NOTARIZE, 8)) == []
