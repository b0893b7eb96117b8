"""What happened in a run, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class Counts:
    """What happened in a run. A run set must reach some of these (`runs.py`)."""

    finalizations: int = 0
    """Heights that became final."""
    crashes: int = 0
    lonely_crashes: int = 0
    """Crashes of a validator that held a certificate nobody else held."""
    double_views: int = 0
    """Views both notarized and nullified."""
    equivocations: int = 0
    """Views in which a liar made two blocks, or two votes of one kind."""
    accusations: int = 0
    """Evidence stored by honest validators."""
    lost_journals: int = 0
    lost_bodies: int = 0
    wrong_bodies: int = 0
    """Bodies that did not hash to their header."""
    invalid_blocks: int = 0
    fetches: int = 0
    ranges: int = 0
    ranges_taken: int = 0
    refused_ranges: int = 0
    skipped_leaders: int = 0
    """Views given up at once because their leader had been silent (K17)."""
    refused: int = 0
    """Votes the signer refused."""
    alarms: int = 0
    epochs: int = 0
    """Epochs that ended."""
    joined: int = 0
    """Nodes that began to vote after they had followed, in an epoch other than the first."""
    left: int = 0
    """Nodes that voted and then followed."""
    slept_over: int = 0
    """Starts of a node whose store was at least one whole epoch behind."""
    boundaries_again: int = 0
    """Proposals of a boundary block in a later view (K22)."""
    ends_shown: int = 0
    """Finalizations of a boundary block sent to a node that was still in that epoch."""
    early_frames: int = 0
    """Frames of the next epoch that were kept."""
    other_epoch: int = 0
    """Frames of another epoch."""
    halts: int = 0
    events: int = 0
    recovery_ms: int = 0

    def add(self, other: Counts) -> None:
        """Add another run's counts."""
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    seed: int
    failure: str
    """Empty: agreement and recovery."""
    is_fork: bool
    counts: Counts
    trace_hash: str
    trace: tuple[str, ...] = field(default=())
