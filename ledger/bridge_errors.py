"""Refusals of the rules of bridges (bridge.md). `ledger.errors` lists them with all others."""

from __future__ import annotations

from ledger.refusals import Ordered


class BridgeSeen(Ordered):
    """It was said, or has happened, already."""

    code = 190
    sentence = "{route}: {what} was seen already"


class BridgeProof(Ordered):
    """What an attestor says does not fit what the ledger knows."""

    code = 191
    sentence = "{route}: {what} is not what the ledger knows"


class BridgeCap(Ordered):
    """A limit of the route does not allow it, now or at all."""

    code = 192
    sentence = "{route}: {what} is {amount}, the limit is {most}; possible from {when} on (Unix ms, 0: not as things stand)"


CLASSES = (BridgeSeen, BridgeProof, BridgeCap)
