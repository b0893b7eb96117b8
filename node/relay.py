"""New certificates passed on to all validators (K10), a moment after they are there.

Nearly always the others put them together themselves, from the same votes; so a certificate is not sent ahead of the votes that others wait
for, on either side, and those of a moment share a frame. By then most are below the final view: the finalization says all that they do
(K11), and who lacks more asks (K13, K20).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from consensus.types import Kind
from node.wire import encode_frame, split_certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from consensus.types import Certificate, View

RELAY_SECONDS = 0.03
"""How long a new certificate waits: an eighth of delta."""


class Relay:
    """What is about to be passed on in one epoch."""

    def __init__(self, send: Callable[[bytes], None], final_view: Callable[[], View]) -> None:
        """Take how a frame is sent to all, and what the view of the highest finalization is."""
        self._send, self._final_view = send, final_view
        self._waiting: list[Certificate] = []

    def add(self, certificates: Iterable[Certificate]) -> None:
        """Pass these on in a moment."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(RELAY_SECONDS, self._pass_on)
        self._waiting += certificates

    def _pass_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        final_view = self._final_view()
        wanted = tuple(each for each in waiting if says_more(each, final_view))
        for frame in split_certificates(wanted):
            self._send(encode_frame(frame))


def says_more(certificate: Certificate, final_view: View) -> bool:
    """Whether a certificate says what the highest finalization does not: it is above the final view, or that finalization itself."""
    subject = certificate.subject
    return subject.view > final_view or (subject.view == final_view and subject.kind is Kind.FINALIZE)
