"""The replica: one validator's part in Kurultai, events in, effects out. The only mutable object of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consensus.effects import Effects, Replayed
    from consensus.events import Event
    from consensus.types import (
        BlockFacts,
        Certificate,
        ChainId,
        Epoch,
        SignedVote,
        Timing,
        ValidatorId,
        ValidatorSet,
        View,
        Vote,
    )


class Replica:
    """One validator of one epoch.

    Life: construct on the committed block, `restore` what the journal replays (once, before anything else), then `handle(Started)`, then any event.
    After a `Halt` it answers every event with nothing.
    """

    def __init__(
        self,
        chain: ChainId,
        validators: ValidatorSet,
        me: ValidatorId,
        timing: Timing,
        committed: BlockFacts,
        committed_certificate: Certificate | None,
    ) -> None:
        raise NotImplementedError

    def restore(self, replayed: Sequence[Replayed]) -> None:
        """Take back what the journal holds, in the order it was appended; before `Started` (K13, K15)."""
        raise NotImplementedError

    def handle(self, event: Event) -> Effects:
        """Take one event; return what the node must do, in this order."""
        raise NotImplementedError

    @property
    def epoch(self) -> Epoch:
        """The epoch of this set; version 1 knows only 0."""
        raise NotImplementedError

    @property
    def view(self) -> View:
        """The current view."""
        raise NotImplementedError

    @property
    def final_view(self) -> View:
        """View of the highest finalization held; the block itself may still be on its way."""
        raise NotImplementedError

    @property
    def final(self) -> BlockFacts:
        """The last block that was given out with `Finalize` (or `Synced`, or the committed one)."""
        raise NotImplementedError

    @property
    def halted(self) -> bool:
        """Whether a `Halt` was returned."""
        raise NotImplementedError

    def holds(self, subject: Vote) -> bool:
        """Tell whether a certificate of exactly this subject is held: a received one may then be dropped before verifying."""
        raise NotImplementedError

    def accepts_vote(self, vote: Vote) -> bool:
        """Tell whether a vote of this epoch and view would be looked at (K19): ask before verifying its signature."""
        raise NotImplementedError

    def accepts_certificate(self, subject: Vote) -> bool:
        """Tell whether a certificate of this subject would be looked at (K19): ask before verifying its signatures."""
        raise NotImplementedError

    def newest_vote_of(self, validator: ValidatorId) -> SignedVote | None:
        """Return the newest vote held of a validator, for `Status.newest_vote_of_receiver` (K15)."""
        raise NotImplementedError

    @property
    def waits_for(self) -> str:
        """What the current view waits for, one sentence for the status page."""
        raise NotImplementedError
