"""Outdated: votes for views that are long over, shows old certificates, proposes on old parents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.types import View
from tests.simulation import messages as ms
from tests.simulation.villains.villain import Villain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from consensus.types import Certificate
    from tests.simulation.splitmix import SplitMix64
    from tests.simulation.villains.stage import Stage

AGE_VIEWS = 7


class Outdated(Villain):
    """What its honest part would say comes seven views late: votes, proposals, certificates, statuses.

    Its votes come in the order an honest validator signs them, only late: there is no evidence. Nobody may be led back by any of it.
    """

    def __init__(self, stage: Stage, liars: tuple[int, ...], random: SplitMix64) -> None:
        self._late: dict[tuple[int, int], list[tuple[View, ms.Message]]] = {}
        self._old: list[Certificate] = []
        super().__init__(stage, liars, random)

    def twist(self, sender: int, to: int, message: ms.Message) -> Iterable[ms.Message]:
        """Keep what is of a view back until that view is old; say that it is still there."""
        held = self._late.setdefault((sender, to), [])
        if type(message) is ms.VoteMessage:
            held.append((message.signed.vote.view, message))
        elif type(message) is ms.ProposalMessage:
            held.append((message.proposal.vote.vote.view, message))
        elif type(message) is ms.CertificateMessage:
            held.append((message.certificate.subject.view, message))
        elif type(message) is ms.StatusMessage:
            old = View(max(1, message.status.view - AGE_VIEWS))
            status = replace(message.status, view=old, final_view=View(0), notarized=(), nullified=())
            return (ms.StatusMessage(status),)
        else:
            return (message,)
        return ()

    def seen(self, view: View) -> None:
        """Send what has become old."""
        for (sender, to), held in self._late.items():
            due = [message for number, message in held if number + AGE_VIEWS <= view]
            held[:] = [row for row in held if row[0] + AGE_VIEWS > view]
            for message in due:
                self.stage.pass_on(sender, to, message)

    def checked(self) -> str:
        """See that it had something late to say."""
        return "" if self._late else "nothing was late"
