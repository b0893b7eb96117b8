"""Two bodies for one id: a leader whose header goes to all, with another body for every second receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.records import StoredBlock
from tests.simulation import messages as ms
from tests.simulation.villains.villain import Villain

if TYPE_CHECKING:
    from collections.abc import Iterable


class TwoBodies(Villain):
    """A body that does not hash to its header is not this block (section 2): it is dropped, another is asked, no verdict is given.

    Asked for any block it answers every second one with the wrong body too. It signs nothing twice, so there is no evidence.
    """

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Put another body under the header."""
        del sender
        if to % 2:
            return (message,)
        if type(message) is ms.ProposalMessage and message.body is not None:
            return (message._replace(body=message.body + b"another"),)
        if type(message) is ms.BlockAnswer and message.block is not None:
            return (message._replace(block=StoredBlock(message.block.header, message.block.body + b"another")),)
        return (message,)

    def checked(self) -> str:
        """See that wrong bodies were met."""
        return "" if self.stage.counts.wrong_bodies else "no wrong body reached anybody"
