"""Where CPU time goes, as the chain tells it: a clock per stage around each chunk of work. `node.metrics` implements it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

StageName = Literal["verify", "decode", "execute", "tree", "lmdb", "journal"]


class Stages(Protocol):
    """Clocks around chunks of work, never around one transaction, never nested."""

    def stage(self, name: StageName) -> AbstractContextManager[object]:
        """Return the clock of a stage."""
        ...


class NoStages:
    """Counts nothing."""

    def stage(self, name: StageName) -> AbstractContextManager[object]:  # noqa: ARG002 - the protocol names it
        """Return a clock that does nothing."""
        return nullcontext()
