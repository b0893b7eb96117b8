"""Nullify-only: nullifies every view and does nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consensus.types import View, Vote
from tests.simulation import messages as ms
from tests.simulation.villains.villain import EPOCH, Villain

if TYPE_CHECKING:
    from collections.abc import Iterable


class NullifyOnly(Villain):
    """Legal in every single view, so there is no evidence; the views it leads are given up at once, for a leader may pass (K6)."""

    def seen(self, view: View) -> None:
        """Nullify the next view before it begins; votes of one view ahead are taken (K19)."""
        for sender in self.indices:
            self.to_all(sender, self.sign(sender, Vote.nullify(EPOCH, View(view + 1))))

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Let nothing of its honest part out that is or carries a vote."""
        del sender, to
        return () if type(message) in (ms.VoteMessage, ms.ProposalMessage, ms.CertificateMessage) else (message,)
